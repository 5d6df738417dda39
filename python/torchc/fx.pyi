from collections.abc import Callable
from typing import Any

import torch
from torchc.compiler import Module

class RefTracker:
    def __init__(self) -> None: ...
    def find_name(self, tensor: torch.Tensor, name: str) -> str: ...

def check_config() -> None: ...

class FxImporter:
    def __init__(
        self,
        *,
        config_check: bool = True,
        literal_resolver_callback: Callable[[str, torch.Tensor], torch.Tensor | None] | None = None,
        py_attr_tracker: RefTracker | None = None,
        **options: Any,
    ) -> None: ...
    def import_graph_module(
        self, module: torch.fx.GraphModule, *, func_name: str = "forward", example_inputs: Any = None
    ) -> FxImporter: ...
    def import_program(self, program: torch.export.ExportedProgram, *, func_name: str = "forward") -> FxImporter: ...
    def import_frozen_program(
        self, program: torch.export.ExportedProgram, *, func_name: str = "forward"
    ) -> FxImporter: ...
    @property
    def module(self) -> Module: ...

def stateless_fx_import(module: torch.fx.GraphModule, *, func_name: str = "forward", **options: Any) -> Module: ...
def export_and_import(
    model: Any,
    *args: Any,
    kwargs: dict[str, Any] | None = None,
    dynamic_shapes: Any = None,
    output_type: str = "torch",
    func_name: str = "forward",
    **options: Any,
) -> Module: ...
