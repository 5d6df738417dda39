"""Writes the models of TorchScriptTest into the folder given."""

import pathlib
import sys
import warnings

import torch
from torch import Tensor, nn

warnings.simplefilter("ignore")


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3, bias=False)
        self.b = nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x)))


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x * self.count


folder = pathlib.Path(sys.argv[1])
for name, module in {"affine": Affine(), "tied": Tied(),
                     "counter": Counter()}.items():
    torch.jit.script(module).save(str(folder / f"{name}.pt"))
