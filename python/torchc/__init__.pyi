from torchc import aot as aot
from torchc import compiler as compiler
from torchc import dynamo as dynamo
from torchc import eager as eager
from torchc import fx as fx
from torchc import lazy as lazy
from torchc import runtime as runtime
from torchc import training as training
from torchc.compiler import compile as compile
from torchc.errors import CompileError as CompileError
from torchc.errors import LoadError as LoadError
from torchc.errors import RunError as RunError
from torchc.errors import TorchcError as TorchcError
from torchc.errors import UnsupportedOpError as UnsupportedOpError
from torchc.program import Program as Program
from torchc.program import load as load

__all__ = [
    "CompileError", "LoadError", "Program", "RunError", "TorchcError", "UnsupportedOpError", "compile",
    "eager_mode", "load",
]

__version__: str

def eager_mode(*, target_cpu: str = "host", threads: int | None = None) -> eager.EagerMode: ...
