"""Eager with other roundings: how far its own numbers may be from what they stand for."""

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
