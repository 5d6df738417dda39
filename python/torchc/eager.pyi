from collections import Counter
from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

class EagerMode(TorchDispatchMode):
    native_calls: Counter[str]
    pytorch_calls: Counter[str]
    def __init__(self, *, target_cpu: str = "host", threads: int | None = None) -> None: ...
    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any: ...
