"""Programs: compiled models that are called like functions. Needs no PyTorch."""
import json
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


def load(source, *, threads=1, parameters=None, ops=None):
    """Loads a .vmfb file, which is mapped and must not change, or the bytes of one.

    threads: threads that run one call; 0 takes one a CPU.
    parameters: weights that are no part of the program: a safetensors file, which is mapped and must not
        change, or a dict of torch tensors or numpy arrays by name (`model.state_dict()`), whose memory is
        shared; or a dict of such by scope.
    ops: functions for the custom ops that the program calls (`torchc-compile --custom-ops`), by name, such as
        "mylib::foo". They are called as the operator is, with numpy arrays for tensors, which they only read
        and do not keep, and return an array or a tuple of them.
    Raises LoadError.
    """
    bindings = [(name, _make_op(function)) for name, function in (ops or {}).items()]
    options = threads, _read_parameters(parameters), bindings
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return Program(_runtime.Program.from_bytes(data), lambda: data, *options)
    path = os.fspath(source)
    native = _runtime.Program.load(path)
    # An open file keeps the bytes where `save` finds them, whatever becomes of the name.
    file = open(path, "rb")

    def read():
        file.seek(0)
        return file.read()

    return Program(native, read, *options)


def _read_parameters(given):
    """Native parameters of what `load` was given."""
    parameters = _runtime.Parameters()
    if given is None:
        return parameters
    is_scopes = isinstance(given, dict) and all(isinstance(value, (str, os.PathLike, dict)) for value in given.values())
    for scope, source in (given if is_scopes else {"": given}).items():
        if isinstance(source, dict):
            torch = sys.modules.get("torch")
            for key, value in source.items():
                parameters.add(scope, key, _to_array(value, torch))
        else:
            parameters.add_file(scope, os.fspath(source))
    return parameters


def _make_op(function):
    """`function` as the runtime calls it: constants among its arguments are JSON, by their positions."""

    def call(attributes, arguments):
        constants = json.loads(attributes) if attributes else {}
        rest = iter([value if isinstance(value, int) else np.from_dlpack(value) for value in arguments])
        count = len(arguments) + len(constants)
        results = function(*(constants[str(i)] if str(i) in constants else next(rest) for i in range(count)))
        return [_to_array(value, sys.modules.get("torch")) for value in
                (results if isinstance(results, (tuple, list)) else (results,))]

    return call


class Program:
    """A compiled model. Call it with torch tensors or numpy arrays; it answers in kind.

    Inputs are positional and flat, in the order of the model's signature. A call of one
    program runs in one thread at a time. Raises RunError.
    """

    def __init__(self, native, read, threads, parameters, ops):
        self._native = native
        self._session = _runtime.create_session(native, threads, parameters, ops)
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
        arrays = [_to_array(value, torch, info["dtype"]) for value, info in zip(inputs, wanted)]
        results = self._session.call(self._native, function, arrays)
        convert = torch.from_dlpack if uses_torch else _to_numpy
        results = tuple(convert(result) for result in results)
        return results[0] if len(results) == 1 else results

    def state(self):
        """What the program keeps between calls, buffers that the model writes: a dict of copies by name."""
        return {name: _to_numpy(self._session.get_state(name)) for name in self._native.state}

    def set_state(self, values):
        """Sets state to torch tensors or numpy arrays of the same types and shapes, by name. Raises RunError."""
        torch = sys.modules.get("torch")
        for name, value in values.items():
            self._session.set_state(name, _to_array(value, torch))

    def reset(self):
        """Gives all state the values that it was compiled with."""
        self._session.reset()

    def save_state(self, path):
        """Writes all state to a safetensors file, under a temporary name first. Raises RunError."""
        self._session.save_state(os.fspath(path))

    def load_state(self, path):
        """Reads such a file; its names, types and shapes must be those of the state. Raises RunError."""
        self._session.load_state(os.fspath(path))

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


def _to_array(value, torch, dtype=None):
    """A contiguous array that shares memory with `value` where that can be; numbers become `dtype`."""
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().contiguous().resolve_conj().resolve_neg()
    if isinstance(value, (bool, int, float, complex)):
        return np.asarray(value, dtype=_NUMPY_TYPES[dtype] if dtype else None)
    array = np.asarray(value)
    # ascontiguousarray would make a 0-d array 1-d.
    return array if array.flags.c_contiguous else array.copy(order="C")


class _Capsule:
    """A DLPack capsule as the object that numpy wants."""

    def __init__(self, capsule):
        self._capsule = capsule

    def __dlpack__(self, **_):
        return self._capsule

    def __dlpack_device__(self):
        return 1, 0  # The CPU.


def _to_numpy(result):
    return np.from_dlpack(_Capsule(result) if type(result).__name__ == "PyCapsule" else result)
