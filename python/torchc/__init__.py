"""torchc: compiles PyTorch models ahead of time and runs them without PyTorch.

    program = torchc.compile(model, (x,))
    y = program(x)                 # torch tensors or numpy arrays
    program.save("model.vmfb")
    program = torchc.load("model.vmfb")

    torch.compile(model, backend="torchc")
"""
import importlib
import importlib.metadata

from torchc.errors import CompileError, LoadError, RunError, TorchcError, UnsupportedOpError
from torchc.program import Program, load

__all__ = [
    "CompileError", "LoadError", "Program", "RunError", "TorchcError", "UnsupportedOpError", "compile",
    "eager_mode", "load",
]
_SUBMODULES = ("aot", "compiler", "dynamo", "eager", "fx", "lazy", "runtime", "training")


def eager_mode(*, target_cpu="host", threads=None):
    """A context in which PyTorch's operators run in torchc, one by one.

    target_cpu: as for `torchc.compile`.
    threads: threads that run one operator; PyTorch's own number by default.
    Returns a torchc.eager.EagerMode: `with torchc.eager_mode(): y = model(x)`.
    """
    from torchc import eager

    return eager.EagerMode(target_cpu=target_cpu, threads=threads)


def __getattr__(name):
    # Those that need the compiler or torch are loaded when they are used.
    if name in _SUBMODULES:
        return importlib.import_module(f"torchc.{name}")
    if name == "compile":
        value = importlib.import_module("torchc.compiler").compile
    elif name == "__version__":
        value = importlib.metadata.version("torchc")
    else:
        raise AttributeError(f"module 'torchc' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_SUBMODULES, *__all__, "__version__"})
