"""export.py KIND FILE: writes a small model for the tests of the tools."""
import sys

import torch


class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 8), torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


class Unsupported(torch.nn.Module):
    def forward(self, x):
        y = torch.linalg.ldl_factor(x)[0]
        z = torch.linalg.ldl_factor(y)[0]
        return torch.linalg.eigvals(z)


class Lines(torch.nn.Module):
    """One op a line; relu is fused into its readers."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 8)

    def forward(self, x, scale):
        y = self.linear(x)
        z = torch.relu(y)
        return torch.softmax(z, 1), z.sum() * scale


kind, path = sys.argv[1:]
torch.manual_seed(0)
if kind == "mlp":
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(torch.export.export(Mlp(), (torch.randn(3, 4),), dynamic_shapes=({0: batch},)), path)
elif kind == "lines":
    torch.export.save(torch.export.export(Lines(), (torch.randn(3, 4), torch.ones(2))), path)
elif kind == "scripted":
    torch.jit.script(Mlp()).save(path)
elif kind == "unsupported":
    torch.export.save(torch.export.export(Unsupported(), (torch.randn(4, 4),)), path)
