from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

@dataclass(frozen=True)
class Options:
    fallback: bool = True
    print_readable: bool = False
    dump_stages: str | None = None
    target_cpu: str = "host"
    threads: int | None = None
    freezing: bool = False
    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> Options: ...

def backend(
    module: torch.fx.GraphModule,
    example_inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    mode: str | None = None,
) -> Callable[..., Any]: ...
def compile_graph(
    module: torch.fx.GraphModule, example_inputs: Sequence[Any], *, options: Options, kind: str = "inference"
) -> Callable[[list[Any]], Sequence[Any]]: ...
