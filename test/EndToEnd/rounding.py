"""Eager with other roundings and other signs of zeros: how far its own numbers may be from what they stand for."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only


class Rounding(TorchDispatchMode):
    """Eager, in which each operator that makes floats gives them one rounding up, down or as they are."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        if function._schema.is_mutable or any(r.alias_info for r in function._schema.returns):
            return result
        return tree_map_only(torch.Tensor, self.round, result)

    @staticmethod
    def round(x):
        if not x.is_floating_point():
            return x
        steps = torch.randint(-1, 2, x.shape, generator=torch.Generator().manual_seed(0))
        return x * (1 + steps * torch.finfo(x.dtype).eps).to(x.dtype)


class ZeroSigns(TorchDispatchMode):
    """Eager, in which a zero that PyTorch's scalar and vector loops give different signs has this sign: one that is
    the largest or smallest of several, or that softshrink leaves."""

    def __init__(self, zero):
        super().__init__()
        self.zero = zero

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        name = function._schema.name
        if function._schema.is_mutable or not any(part in name for part in ("max", "min", "scatter_reduce", "softshrink")):
            return result
        return tree_map_only(torch.Tensor, lambda x: x.masked_fill(x == 0, self.zero) if x.is_floating_point() else x, result)
