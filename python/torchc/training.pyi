from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import torch

from torchc.aot import ExportOutput
from torchc.program import Program

def export_step(
    model: torch.nn.Module,
    loss_fn: Callable[..., torch.Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Sequence[Any],
    *,
    dynamic_shapes: Sequence[Any] | None = None,
    target_cpu: str = "host",
    dump_stages: str | PathLike[str] | None = None,
) -> ExportOutput: ...
def compile_step(
    model: torch.nn.Module,
    loss_fn: Callable[..., torch.Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Sequence[Any],
    *,
    dynamic_shapes: Sequence[Any] | None = None,
    target_cpu: str = "host",
    threads: int = 1,
    dump_stages: str | PathLike[str] | None = None,
) -> TrainingStep: ...

class TrainingStep:
    program: Program
    def __init__(self, program: Program, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None: ...
    def __call__(self, *inputs: Any) -> torch.Tensor: ...
    def state_dict(self) -> dict[str, torch.Tensor]: ...
    def load_state_dict(self, state_dict: dict[str, torch.Tensor]) -> None: ...
    def optimizer_state_dict(self) -> dict[str, Any]: ...
    def load_optimizer_state_dict(self, state_dict: dict[str, Any]) -> None: ...
    def save(self, path: str | PathLike[str]) -> None: ...
