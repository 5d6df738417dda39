from collections.abc import Callable, Sequence

import torch

def register_backend(
    compile: Callable[[bytes, str], Callable[[list[torch.Tensor | float]], Sequence[torch.Tensor] | None]],
) -> None: ...
