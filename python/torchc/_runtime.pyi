from typing import Any, TypedDict

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

class Program:
    """A verified program; immutable, shared by any number of sessions."""

    @staticmethod
    def load(path: str) -> Program: ...
    @staticmethod
    def from_bytes(data: bytes) -> Program: ...
    @property
    def functions(self) -> list[str]: ...
    def describe(self, function: str) -> FunctionInfo: ...

class Session:
    """A program's state for one caller."""

    def call(self, program: Program, function: str, inputs: list[Any]) -> list[Any]: ...

def create_session(program: Program, threads: int) -> Session: ...
