"""The exceptions of torchc."""


class TorchcError(RuntimeError):
    """Base of all exceptions that torchc raises."""


class CompileError(TorchcError):
    """A model cannot be compiled; the text is what torchc-compile would print."""


class UnsupportedOpError(CompileError):
    """The model uses operators that torchc does not support; `ops` lists them."""

    def __init__(self, text, ops):
        super().__init__(text)
        self.ops = ops

    def __reduce__(self):  # Exceptions of other processes come pickled.
        return type(self), (str(self), self.ops)


class LoadError(TorchcError):
    """A file is not a program that this runtime can run."""


class RunError(TorchcError):
    """A call failed: a wrong shape or type, or a check of the model's own."""
