"""Programs: compiled models that are called like functions. Needs no PyTorch."""
import contextlib
import functools
import json
import os
import sys

import numpy as np

from torchc import _runtime
from torchc.errors import LoadError, RunError
from torchc.pytree import Spec

_NUMPY_TYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i16": np.int16,
    "i8": np.int8, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "i1": np.bool_,
    "complex<f32>": np.complex64, "complex<f64>": np.complex128,
}
_ML_DTYPES = {"bf16": "bfloat16", "f8E4M3FN": "float8_e4m3fn", "f8E5M2": "float8_e5m2"}
_SCALARS = {"int": int, "float": float, "bool": bool}


@functools.lru_cache(maxsize=None)
def find_device(threads):
    """The device of that many threads, which all programs share; 1 is the caller's own, 0 one a CPU."""
    return _runtime.Device.local_sync() if threads == 1 else _runtime.Device.local_task(threads)


@functools.lru_cache(maxsize=None)
def _introduce(torch):
    _runtime.use_torch(torch.Tensor, torch.nn.Parameter, torch.from_dlpack)


def find_torch():
    """The torch module if the process has imported it, known to the runtime."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):  # It is being imported.
        return None
    _introduce(torch)
    return torch


def load(source, *, threads=1, parameters=None, ops=None, variant=None):
    """Loads a .vmfb file, which is mapped and must not change, or the bytes of one.

    threads: threads that run one call; 0 takes one a CPU, which is the most.
    parameters: weights that are no part of the program: a safetensors file, which is mapped and must not
        change, or a dict of torch tensors or numpy arrays by name (`model.state_dict()`), whose memory is
        shared; or a dict of such by scope.
    ops: functions for the custom ops that the program calls (`torchc-compile --custom-ops`), by name, such as
        "mylib::foo". They are called as the operator is, with numpy arrays for tensors, which they only read
        and do not keep, and return an array or a tuple of them.
    variant: the CPU whose kernels to run, one of `Program.variants`; None takes the best that this CPU runs.
    Returns a Program. Raises LoadError where the file is missing, damaged, of another version, or
    made for another CPU. Imports no PyTorch.
    """
    options = threads, parameters, ops, variant
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return Program(_runtime.Program.from_bytes(data, variant), lambda: data, *options)
    path = os.fspath(source)
    native = _runtime.Program.load(path, variant)
    # An open file keeps the bytes where `save` finds them, whatever becomes of the name.
    file = open(path, "rb")

    def read():
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)

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


class Program(_runtime.ProgramBase):
    """A compiled model: `program(*inputs)` is what the model's `forward` would return.

    Inputs are torch tensors, numpy arrays and numbers, nested as the model was exported; shapes and
    dtypes are those of `signature()`. Contiguous memory is read where it is. Outputs come back nested
    as the model returns them: torch tensors where an input is one, else numpy arrays. An input that
    the model writes in place is written. Calls from several threads run one after the other, without
    the GIL. Programs can be pickled. Raises RunError, which says what was expected and what it got.
    """

    def __init__(self, native, read, threads, parameters, ops, variant=None):
        self._native = native
        self._options = threads, parameters, ops, variant
        bindings = [(name, _make_op(function)) for name, function in (ops or {}).items()]
        self._session = _runtime.create_session(native, find_device(threads), _read_parameters(parameters), bindings)
        self._read = read
        self._signatures = {name: native.describe(name) for name in native.functions}
        try:
            self._specs = {name: _read_specs(signature) for name, signature in self._signatures.items()}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LoadError(f"the file says in no way that is known how inputs and outputs are nested: {error!r}") from None
        self._functions = {name: self._session.bind(name, *_describe_nesting(self._signatures[name], *specs), self._convert,
                                                    _write_back) for name, specs in self._specs.items()}
        default = "forward" if "forward" in self._signatures else next(iter(self._signatures), "forward")
        super().__init__(default, self._functions.get(default))

    @property
    def functions(self):
        """The names of the entry points."""
        return list(self._signatures)

    @property
    def variants(self):
        """The CPUs that there are kernels for, best first."""
        return self._native.variants[0]

    @property
    def variant(self):
        """The one of `variants` whose kernels run; None where the program has no kernels."""
        return self._native.variants[1]

    def signature(self, function="forward"):
        """The inputs and outputs of an entry point: name, kind, dtype and dims of each. A dim is an
        int, the name of a symbol, or None where only a call tells."""
        return self._signatures[self._check(function)]

    def call(self, function, *args, **kwargs):
        """Calls an entry point."""
        native = self._functions.get(function)
        result = NotImplemented if native is None else native.call_nested(args, kwargs)
        return self._call_converted(function, args, kwargs) if result is NotImplemented else result

    def _call_converted(self, function, args, kwargs):
        """Calls an entry point with inputs that cannot be read as they are, or do not fit."""
        signature = self._signatures[self._check(function)]
        input_spec, output_spec = self._specs[function]
        try:
            inputs = _select_inputs(signature["inputs"], input_spec, args, kwargs)
        except TypeError as error:
            raise RunError(f"{function}: {error}") from None
        results, uses_torch = self._run(function, inputs, False)
        outputs = {}
        for position, (result, info) in enumerate(zip(results, signature["outputs"])):
            value = result if uses_torch or info["kind"] != "tensor" else self._convert(result, info["dtype"])
            if info["mutates"] is not None:
                _write_back(inputs[info["mutates"]], value)
            else:
                outputs[position if info["leaf"] is None else info["leaf"]] = value
        if output_spec is not None:
            # None is a leaf that the program does not compute.
            return output_spec.unflatten([outputs.get(leaf) for leaf in range(output_spec.leaf_count)])
        results = tuple(outputs.values())
        return results[0] if len(results) == 1 else results

    def call_flat(self, function, inputs):
        """Calls an entry point with a list of its inputs, of which the tensors are torch's, and returns
        a list of its outputs: the shortest way in. Nothing is written back to the inputs."""
        results = self._functions[function].call(inputs, False, True) if find_torch() else None
        return self._run(function, inputs, True)[0] if results is None else results[0]

    def _run(self, function, inputs, wants_torch):
        native, torch = self._functions[function], find_torch()
        results = native.call(inputs, False, wants_torch)
        if results is None:
            try:
                arrays = [_to_input(value, info, torch) for value, info in zip(inputs, self._signatures[function]["inputs"])]
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                raise RunError(f"{function}: {error}") from None
            results = native.call(arrays, True, wants_torch)
            if results is None:
                raise RunError(f"{function}: an input cannot be read as a dense array of the CPU")
        return results

    @staticmethod
    def _convert(result, dtype):
        """What a result is where no input is torch's."""
        return to_numpy(result, dtype)

    @contextlib.contextmanager
    def profile(self):
        """`with program.profile() as profile: program(x)`: where the time of those calls went, a
        torchc.runtime.Profile."""
        from torchc.runtime import Profile

        profile = Profile()
        self._session.start_profile()
        try:
            yield profile
        finally:
            profile.dispatches = self._session.stop_profile()

    def state(self):
        """What the program keeps between calls, buffers that the model writes: a dict of copies by name."""
        return {name: np.array(self._session.get_state(name)) for name in self._native.state}

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

    def __reduce__(self):
        return _restore, (self._read(), *self._options)

    def __repr__(self):
        return f"<torchc.Program: {', '.join(self.functions)}>"

    def _check(self, function):
        if function not in self._signatures:
            raise RunError(f"no function '{function}'; there are: {', '.join(self.functions)}")
        return function


def _restore(data, threads, parameters, ops, variant):
    return load(data, threads=threads, parameters=parameters, ops=ops, variant=variant)


def _read_specs(signature):
    """The Specs of a function's inputs and outputs, or None for each that has none."""
    return tuple(Spec(signature[key]) if signature[key] else None for key in ("input_spec", "output_spec"))


def _describe_nesting(signature, input_spec, output_spec):
    """What a native function knows of them: nothing where it is no nesting of tuples, lists and dicts."""
    takes = tuple, None, [(tuple, None, [None] * len(signature["inputs"])), (dict, [], [])]
    count = sum(info["mutates"] is None for info in signature["outputs"])
    gives = None if count == 1 else (tuple, None, [None] * count)
    nesting = [spec.describe() if spec is not None else flat for spec, flat in ((input_spec, takes), (output_spec, gives))]
    return (None, None) if NotImplemented in nesting else nesting


def _select_inputs(wanted, spec, args, kwargs):
    """The values of a call that the program takes, in its order."""
    if spec is None:
        if kwargs:
            raise TypeError("takes no inputs by name")
        if len(args) != len(wanted):
            raise TypeError(f"takes {len(wanted)} inputs, got {len(args)}")
        return list(args)
    leaves = spec.flatten_call(args, kwargs)
    inputs = [leaves[info["leaf"]] for info in wanted]
    taken = {info["leaf"] for info in wanted}
    for leaf, value in enumerate(leaves):
        # What the export took for granted and is no number.
        if leaf not in taken and not (value is None or isinstance(value, str)):
            raise TypeError(f"input {leaf}: expected None or text, as the model was exported, got {type(value).__name__}")
    return inputs


def _describe(value):
    return f"{type(value).__name__} {value!r}" if isinstance(value, (bool, int, float, complex)) else type(value).__name__


def _to_array(value, torch):
    """A contiguous array that shares memory with `value` where that can be."""
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous().resolve_conj().resolve_neg()
    array = np.asarray(value)
    # ascontiguousarray would make a 0-d array 1-d.
    array = array if array.flags.c_contiguous else array.copy(order="C")
    # Older numpy exports no read-only memory; the runtime does not write to it.
    return array if array.flags.writeable else array.copy()


def _to_input(value, info, torch):
    """An array for the input that `info` describes."""
    name, kind = info["name"], info["kind"]
    is_number = isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic)
    if kind != "tensor":
        if isinstance(value, np.generic) or (hasattr(value, "item") and getattr(value, "ndim", 1) == 0):
            value = value.item()
        is_fit = type(value) is _SCALARS[kind] or (kind == "float" and type(value) is int)
        if not is_fit:
            raise TypeError(f"input '{name}': expected {kind}, got {_describe(value)}")
        return np.asarray(value, dtype=_NUMPY_TYPES[info["dtype"]])
    if torch is not None and isinstance(value, torch.Tensor):
        if value.layout != torch.strided:
            raise TypeError(f"input '{name}': expected a dense tensor, got {value.layout}")
        return _to_array(value, torch)
    if is_number:
        raise TypeError(f"input '{name}': expected a tensor of {info['dtype']}, got {_describe(value)}")
    array = np.asarray(value)
    if _ML_DTYPES.get(info["dtype"]) == array.dtype.name:
        return _runtime.reinterpret(_to_array(array.view(f"u{array.dtype.itemsize}"), torch), info["dtype"])
    if array.dtype.kind not in "biufc" or not array.dtype.isnative:
        raise TypeError(f"input '{name}': expected a tensor of {info['dtype']}, got {_describe(value)} of dtype {array.dtype}")
    return _to_array(array, torch)


def to_numpy(array, dtype):
    """A numpy array on the memory of an output of that element type."""
    if dtype in _NUMPY_TYPES:
        return np.asarray(array)
    try:
        import ml_dtypes
    except ImportError:
        raise RunError(f"an output is {dtype}, which numpy does not have: install ml_dtypes or pass torch tensors") from None
    bits = _runtime.reinterpret(array, "u16" if dtype == "bf16" else "u8")
    return np.asarray(bits).view(getattr(ml_dtypes, _ML_DTYPES[dtype]))


def _write_back(target, value):
    """The new value of an input that the model writes in place."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(target, torch.Tensor):
        with torch.no_grad() if target.requires_grad else contextlib.nullcontext():
            target.copy_(value)
    elif isinstance(target, np.ndarray):
        np.copyto(target, value)
