from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from torchc import aot as aot
from torchc import compiler as compiler
from torchc import dynamo as dynamo
from torchc import eager as eager
from torchc import fx as fx
from torchc import lazy as lazy
from torchc import runtime as runtime
from torchc import training as training
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

# A Program; a compiler.Module where `output_type` asks for MLIR.
def compile(model: Any, args: Any = None, kwargs: dict[str, Any] | None = None, **options: Any) -> Any: ...
def eager_mode(*, target_cpu: str = "host", threads: int | None = None) -> eager.EagerMode: ...
