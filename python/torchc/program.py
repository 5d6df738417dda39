"""Programs: compiled models that are called like functions. Needs no PyTorch."""
import os
import sys

import numpy as np

from torchc import _runtime
from torchc.errors import LoadError, RunError

_NUMPY_TYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i16": np.int16,
    "i8": np.int8, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "i1": np.bool_,
    "complex<f32>": np.complex64, "complex<f64>": np.complex128,
}


def load(source, *, threads=1):
    """Loads a .vmfb file, which is mapped and must not change, or the bytes of one.

    threads: threads that run one call; 0 takes one a CPU. Raises LoadError.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return Program(_runtime.Program.from_bytes(data), threads, lambda: data)
    path = os.fspath(source)
    native = _runtime.Program.load(path)
    # An open file keeps the bytes where `save` finds them, whatever becomes of the name.
    file = open(path, "rb")

    def read():
        file.seek(0)
        return file.read()

    return Program(native, threads, read)


class Program:
    """A compiled model. Call it with torch tensors or numpy arrays; it answers in kind.

    Inputs are positional and flat, in the order of the model's signature. A call of one
    program runs in one thread at a time. Raises RunError.
    """

    def __init__(self, native, threads, read):
        self._native = native
        self._session = _runtime.create_session(native, threads)
        self._read = read
        self._signatures = {name: native.describe(name) for name in native.functions}

    @property
    def functions(self):
        """The names of the entry points."""
        return list(self._signatures)

    def signature(self, function="forward"):
        """The inputs and outputs of an entry point: names, dtypes, dims."""
        return self._signatures[function]

    def __call__(self, *inputs):
        return self.call(self.functions[0] if "forward" not in self._signatures else "forward", *inputs)

    def call(self, function, *inputs):
        """Calls an entry point; one result comes alone, several as a tuple."""
        if function not in self._signatures:
            raise RunError(f"no function '{function}'; there are: {', '.join(self.functions)}")
        wanted = self._signatures[function]["inputs"]
        if len(inputs) != len(wanted):
            raise RunError(f"{function} takes {len(wanted)} inputs, got {len(inputs)}")
        torch = sys.modules.get("torch")
        uses_torch = torch is not None and any(isinstance(value, torch.Tensor) for value in inputs)
        arrays = [_to_array(value, info, torch) for value, info in zip(inputs, wanted)]
        results = self._session.call(self._native, function, arrays)
        convert = torch.from_dlpack if uses_torch else _to_numpy
        results = tuple(convert(result) for result in results)
        return results[0] if len(results) == 1 else results

    def save(self, path):
        """Writes the .vmfb file, under a temporary name first."""
        path = os.fspath(path)
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                file.write(self._read())
            os.replace(temporary, path)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise


def _to_array(value, info, torch):
    """A contiguous array that shares memory with `value` where that can be."""
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().contiguous().resolve_conj().resolve_neg()
    if isinstance(value, (bool, int, float, complex)):
        return np.asarray(value, dtype=_NUMPY_TYPES[info["dtype"]])
    array = np.asarray(value)
    # ascontiguousarray would make a 0-d array 1-d.
    return array if array.flags.c_contiguous else array.copy(order="C")


class _Exported:
    """A DLPack capsule as the protocol's object, which numpy asks for."""

    def __init__(self, capsule):
        self._capsule = capsule

    def __dlpack__(self, **_):
        return self._capsule

    def __dlpack_device__(self):
        return 1, 0  # kDLCPU


def _to_numpy(result):
    return np.from_dlpack(_Exported(result))
