"""Runs compiled programs; imports no PyTorch.

    config = torchc.runtime.Config("local-task")
    context = torchc.runtime.SystemContext(config=config)
    context.add_vm_module(torchc.runtime.VmModule.mmap(context.instance, "model.vmfb"))
    y = context.modules.model.forward(x).to_host()

or, in one line, `torchc.runtime.load_vm_module(VmModule.mmap(None, "model.vmfb")).forward(x)`.
"""
import concurrent.futures
import contextlib
import json
import mmap as _mmap
import os

import numpy as np

from torchc import _runtime
from torchc.errors import LoadError, RunError
from torchc.program import Program, find_device, to_numpy

_DRIVERS = ("local-sync", "local-task")


class Config:
    """Where programs run: "local-sync" (the calling thread) or "local-task" (`threads` threads; 0 is one a CPU,
    which is the most).
    Contexts with one config share its threads."""

    def __init__(self, driver="local-sync", *, threads=0):
        if driver not in _DRIVERS:
            raise ValueError(f"unknown driver '{driver}'; there are: {', '.join(_DRIVERS)}")
        self.driver = driver
        self.threads = 1 if driver == "local-sync" else threads
        self.worker_count = find_device(self.threads).worker_count

    def __repr__(self):
        return f"<torchc.runtime.Config {self.driver}, {self.worker_count} threads>"


class VmModule:
    """A verified program that no context runs yet. The first argument of its constructors, an instance in
    other runtimes, has no meaning here. All raise LoadError."""

    def __init__(self, native, read, name):
        self._native = native
        self._read = read
        self.name = name

    @classmethod
    def copy_buffer(cls, instance, buffer, *, name="module"):
        """Of bytes, which it copies."""
        data = bytes(memoryview(buffer))
        return cls(_runtime.Program.from_bytes(data), lambda: data, name)

    @classmethod
    def wrap_buffer(cls, instance, buffer, *, name="module"):
        """Of a buffer that is aligned to 64 bytes, which it keeps and which must not change."""
        array = np.frombuffer(buffer, np.uint8)
        return cls(_runtime.Program.borrow(array), array.tobytes, name)

    @classmethod
    def from_flatbuffer(cls, instance, buffer, *, name="module"):
        """Of bytes: as `wrap_buffer` where they are aligned, else as `copy_buffer`."""
        is_aligned = np.frombuffer(buffer, np.uint8).ctypes.data % 64 == 0
        return (cls.wrap_buffer if is_aligned else cls.copy_buffer)(instance, buffer, name=name)

    @classmethod
    def mmap(cls, instance, path, *, name=None):
        """Of a file, which is mapped and must not change. Its name is that of the file without its ending."""
        path = os.fspath(path)
        try:
            with open(path, "rb") as file:
                mapping = _mmap.mmap(file.fileno(), 0, access=_mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise LoadError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        array = np.frombuffer(mapping, np.uint8)
        try:
            native = _runtime.Program.borrow(array)
        except LoadError as error:
            raise LoadError(f"{path}: {error}") from None
        return cls(native, array.tobytes, name or os.path.splitext(os.path.basename(path))[0])

    @property
    def function_names(self):
        return self._native.functions

    def describe(self, function):
        """Inputs and outputs of a function: name, kind, dtype and dims of each."""
        return self._native.describe(function)

    def __repr__(self):
        return f"<torchc.runtime.VmModule {self.name}: {', '.join(self.function_names)}>"


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A result. It is an array to numpy and, by DLPack, to others; neither copies. What is computed with it is numpy's."""

    def __init__(self, array, dtype):
        self._array = array
        self._dtype = dtype

    def to_host(self):
        """A numpy array on its memory; bfloat16 and float8 are of ml_dtypes."""
        return to_numpy(self._array, self._dtype)

    @property
    def shape(self):
        return self.to_host().shape

    @property
    def dtype(self):
        return self.to_host().dtype

    def __array__(self, dtype=None, copy=None):
        array = self.to_host()
        converted = array if dtype is None or array.dtype == dtype else array.astype(dtype)
        return converted.copy() if copy and converted is array else converted

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return getattr(ufunc, method)(*map(_as_host_array, inputs), **options)

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()

    def __len__(self):
        return len(self.to_host())

    def __getitem__(self, index):
        return self.to_host()[index]

    def __repr__(self):
        return f"<torchc.runtime.DeviceArray {self._dtype}: {self.to_host()!r}>"


def _as_host_array(value):
    return value.to_host() if isinstance(value, DeviceArray) else value


class _Results(Program):
    """A program whose tensors come out as DeviceArrays where no input is torch's."""

    _convert = DeviceArray


class BoundModule:
    """A module in a context: its functions are methods. Each takes and gives values nested as the model's."""

    def __init__(self, module, config, parameters=None):
        self._program = _Results(module._native, module._read, config.threads, parameters, None)
        self._executor = concurrent.futures.ThreadPoolExecutor(1, f"torchc-{module.name}")
        self.vm_module = module

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._program.functions:
            raise AttributeError(f"no function '{name}'; there are: {', '.join(self._program.functions)}")
        return BoundFunction(self._program, name, self._executor)

    __getitem__ = __getattr__

    def __dir__(self):
        return [*super().__dir__(), *self._program.functions]

    def state(self):
        """What the program keeps between calls: copies by name."""
        return self._program.state()

    def reset(self):
        """Gives all state the values that it was compiled with."""
        self._program.reset()

    @contextlib.contextmanager
    def profile(self):
        """`with module.profile() as profile: module.forward(x)`; then `profile.table()`."""
        with self._program.profile() as profile:
            yield profile


class BoundFunction:
    """A function of a module in a context."""

    def __init__(self, program, name, executor):
        self._program = program
        self._name = name
        self._executor = executor

    def __call__(self, *args, **kwargs):
        return self._program.call(self._name, *args, **kwargs)

    def invoke_async(self, *args, **kwargs):
        """Calls it in another thread. Returns a concurrent.futures.Future; calls of one module run in their order.
        Inputs must not change before it is done."""
        return self._executor.submit(self, *args, **kwargs)

    @property
    def signature(self):
        return self._program.signature(self._name)


class _Modules:
    """The modules of a context, by name."""

    def __init__(self):
        self._modules = {}

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._modules:
            raise AttributeError(f"no module '{name}'; there are: {', '.join(self._modules) or 'none'}")
        return self._modules[name]

    __getitem__ = __getattr__

    def __iter__(self):
        return iter(self._modules.values())

    def __len__(self):
        return len(self._modules)

    def __dir__(self):
        return list(self._modules)


class SystemContext:
    """Modules that run with one config, each with a state of its own."""

    def __init__(self, vm_modules=(), config=None):
        self.config = config or Config()
        self.modules = _Modules()
        for module in vm_modules:
            self.add_vm_module(module)

    @property
    def instance(self):
        """What the constructors of VmModule take."""
        return self

    def add_vm_module(self, module, *, parameters=None):
        """Returns the module in this context; `parameters` are as for torchc.load. Raises RunError where its name
        is taken, LoadError where parameters are missing."""
        if module.name in self.modules._modules:
            raise RunError(f"the context has a module '{module.name}'")
        bound = self.modules._modules[module.name] = BoundModule(module, self.config, parameters)
        return bound

    def add_vm_modules(self, modules):
        for module in modules:
            self.add_vm_module(module)


def load_vm_module(module, config=None):
    """A module in a context of its own."""
    return SystemContext([module], config).modules[module.name]


def load_vm_flatbuffer(buffer, *, config=None):
    """The same of the bytes of a .vmfb."""
    return load_vm_module(VmModule.from_flatbuffer(None, buffer), config)


def load_vm_flatbuffer_file(path, *, config=None):
    """The same of a .vmfb file."""
    return load_vm_module(VmModule.mmap(None, path), config)


class Profile:
    """Where the time of some calls went."""

    def __init__(self):
        self.dispatches = []

    def table(self):
        """Each kernel's share: (kernel, calls, seconds, ops, lines of the model), the longest first."""
        rows = {}
        for dispatch in self.dispatches:
            row = rows.setdefault(dispatch["kernel"], [0, 0, {}, {}])
            row[0] += 1
            row[1] += dispatch["end"] - dispatch["begin"]
            row[2].update((op, None) for op, _ in dispatch["sources"] if op)
            row[3].update((line, None) for _, line in dispatch["sources"] if line)
        table = [(kernel, calls, time * 1e-9, list(ops), list(lines)) for kernel, (calls, time, ops, lines) in rows.items()]
        return sorted(table, key=lambda row: -row[2])

    def save_trace(self, path):
        """Writes a trace for chrome://tracing and Perfetto."""
        events = [{"name": dispatch["kernel"], "ph": "X", "pid": 0, "tid": 0, "ts": dispatch["begin"] / 1000,
                   "dur": (dispatch["end"] - dispatch["begin"]) / 1000,
                   "args": {"workgroups": dispatch["workgroups"], "sources": [list(source) for source in dispatch["sources"]]}}
                  for dispatch in self.dispatches]
        with open(path, "w") as file:
            json.dump({"traceEvents": events}, file)

    def __str__(self):
        lines = [f"{time * 1e6:10.1f} us {calls:5}x  {kernel}  {' '.join(lines)}" for kernel, calls, time, _, lines in self.table()]
        return "\n".join(lines)
