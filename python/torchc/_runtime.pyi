from collections.abc import Callable
from typing import Any, TypedDict

_Structure = tuple[type, list[Any] | None, list[Any]] | None

class ValueInfo(TypedDict):
    name: str
    kind: str  # "tensor", "int", "float", "bool"
    dtype: str  # "f32", "i64", ...
    dims: tuple[int | str | None, ...]
    leaf: int | None
    mutates: int | None

class FunctionInfo(TypedDict):
    inputs: list[ValueInfo]
    outputs: list[ValueInfo]
    input_spec: str
    output_spec: str

class Dispatch(TypedDict):
    kernel: str
    begin: int  # Nanoseconds.
    end: int
    workgroups: int
    bytes_read: int
    bytes_written: int
    sources: list[tuple[str, str]]  # Op and line of the model.

class Program:
    """A verified program; immutable, shared by any number of sessions."""

    @staticmethod
    def load(path: str, variant: str | None = None) -> Program: ...
    @staticmethod
    def from_bytes(data: bytes, variant: str | None = None) -> Program: ...
    @staticmethod
    def borrow(buffer: Any) -> Program: ...
    @property
    def variants(self) -> tuple[list[str], str | None]: ...
    @property
    def functions(self) -> list[str]: ...
    @property
    def state(self) -> list[str]: ...
    def describe(self, function: str) -> FunctionInfo: ...

class Parameters:
    """Weights outside of programs, by scope and key."""

    def __init__(self) -> None: ...
    def add_file(self, scope: str, path: str) -> None: ...
    def add(self, scope: str, key: str, array: Any) -> None: ...

class Session:
    """A program's state for one caller."""

    def reset(self) -> None: ...
    def get_state(self, name: str) -> Any: ...
    def set_state(self, name: str, array: Any) -> None: ...
    def save_state(self, path: str) -> None: ...
    def load_state(self, path: str) -> None: ...
    def start_profile(self) -> None: ...
    def stop_profile(self) -> list[Dispatch]: ...
    def bind(
        self,
        function: str,
        takes: _Structure,
        gives: _Structure,
        convert: Callable[[Any, str], Any],
        write_back: Callable[[Any, Any], None],
    ) -> BoundFunction: ...

class BoundFunction:
    """An entry point of a session."""

    def call(self, inputs: list[Any], is_prepared: bool, wants_torch: bool) -> tuple[list[Any], bool] | None: ...
    def call_nested(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

class ProgramBase:
    """An object whose call is that of an entry point."""

    def __init__(self, name: str, function: BoundFunction | None) -> None: ...

class Device:
    """Threads that run kernels; any number of sessions may share them."""

    @staticmethod
    def local_sync() -> Device: ...
    @staticmethod
    def local_task(threads: int) -> Device: ...
    @property
    def worker_count(self) -> int: ...

def create_session(
    program: Program, device: Device, parameters: Parameters, ops: list[tuple[str, Callable[[str, list[Any]], list[Any]]]]
) -> Session: ...
def use_torch(tensor: type, parameter: type, from_dlpack: Callable[[Any], Any]) -> None: ...
def reinterpret(array: Any, dtype: str) -> Any: ...
