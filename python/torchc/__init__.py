"""torchc: compiles PyTorch models ahead of time and runs them without PyTorch.

    program = torchc.compile(model, (x,))
    y = program(x)                 # torch tensors or numpy arrays
    program.save("model.vmfb")
    program = torchc.load("model.vmfb")

    torch.compile(model, backend="torchc")
"""
import importlib

from torchc.errors import CompileError, LoadError, RunError, TorchcError, UnsupportedOpError
from torchc.program import Program, load

__all__ = [
    "CompileError", "LoadError", "Program", "RunError", "TorchcError", "UnsupportedOpError", "compile", "load",
]
_SUBMODULES = ("aot", "compiler", "dynamo", "fx", "runtime", "training")


def compile(model, args=None, kwargs=None, **options):
    """Compiles a model. See `torchc.compiler.compile`."""
    from torchc import compiler

    return compiler.compile(model, args, kwargs, **options)


def __getattr__(name):
    # Those that need the compiler or torch are loaded when they are used.
    if name in _SUBMODULES:
        return importlib.import_module(f"torchc.{name}")
    raise AttributeError(f"module 'torchc' has no attribute '{name}'")
