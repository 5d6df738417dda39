from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, BinaryIO

_Path = str | PathLike[str]
# A file, or its scope and the file.
_Externalized = _Path | tuple[str, _Path]

class Module:
    warnings: list[str]
    def __init__(
        self,
        *,
        inputs: Sequence[str] = (),
        target_cpu: str = "host",
        trust_model: bool = False,
        dump_stages: _Path | None = None,
        externalize_parameters: _Externalized | None = None,
        custom_ops: Sequence[str] = (),
        opt_level: int = 3,
    ) -> None: ...
    @classmethod
    def from_file(cls, path: _Path, **options: Any) -> Module: ...
    @classmethod
    def from_bytes(cls, content: str | bytes, name: str = "input", **options: Any) -> Module: ...
    @classmethod
    def from_graphs(cls, graphs: Sequence[tuple[str, str]], tensors: Mapping[str, Any], **options: Any) -> Module: ...
    def run_to(self, stage: str) -> Module: ...
    @property
    def stage(self) -> str: ...
    @property
    def operation(self) -> Module: ...
    def to_bytes(self) -> bytes: ...
    def write_bytecode(self, file: BinaryIO) -> None: ...
    def save(self, path: _Path, *, bytecode: bool = False) -> None: ...
    def save_static_library(self, path: _Path) -> None: ...

capture_lock: Any

def split_parameters(externalize_parameters: _Externalized | None) -> tuple[str, str] | None: ...

# Bytes; None where they are written to `output`.
def compile_file(
    source: _Path,
    output: _Path | None = None,
    *,
    emit: str = "vmfb",
    target_backends: str | Sequence[str] = ("llvm-cpu",),
    input_type: str = "auto",
    **options: Any,
) -> Any: ...
def compile_str(
    content: str | bytes,
    output: _Path | None = None,
    *,
    emit: str = "vmfb",
    target_backends: str | Sequence[str] = ("llvm-cpu",),
    input_type: str = "auto",
    **options: Any,
) -> Any: ...
def check_target_backends(names: str | Sequence[str]) -> None: ...

# A Program; a Module where `output_type` asks for MLIR.
def compile(
    model: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    output_type: str = "vmfb",
    use_tracing: bool = False,
    inputs: Sequence[str] = (),
    target_cpu: str = "host",
    threads: int = 1,
    trust_model: bool = False,
    dump_stages: _Path | None = None,
    externalize_parameters: _Externalized | None = None,
    ops: Mapping[str, Callable[..., Any]] | None = None,
    opt_level: int = 3,
) -> Any: ...
def import_model(
    model: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    use_tracing: bool = False,
    inputs: Sequence[str] = (),
    **options: Any,
) -> Module: ...
def wrap_function(function: Callable[..., Any], *bound: Any) -> Any: ...
def export(model: Any, args: Any, kwargs: dict[str, Any] | None = None, *, dynamic_shapes: Any = None) -> Any: ...
def describe_inputs(args: Any) -> list[str]: ...
