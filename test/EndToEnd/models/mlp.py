"""Multi-layer perceptrons."""

import torch
from torch import nn


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Maps ``[batch, widths[0]]`` to ``[batch, widths[-1]]``.
    """

    def __init__(self, widths=(16, 32, 32, 8)):
        super().__init__()
        layers = []
        for index in range(len(widths) - 1):
            if index > 0:
                layers.append(nn.ReLU())
            layers.append(nn.Linear(widths[index], widths[index + 1]))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def mlp(seed=0, **kwargs):
    """An `MLP` in eval mode whose weights depend on `seed` alone."""
    torch.manual_seed(seed)
    return MLP(**kwargs).eval()
