"""Control flow on data: branches and loops of exported programs and of TorchScript."""
import pytest
import torch
import torchc
from torch import nn
from torch._higher_order_ops import map as map_over
from torch._higher_order_ops import scan, while_loop


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


class Cond(nn.Module):
    """A branch that a tensor decides, over parameters and an operand."""

    inputs = [(random(2, 3),), (-random(2, 3).abs(),), (random(2, 3).abs(),)]

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.linear(x), lambda x: x - 1, (x,))


class CondOfSize(nn.Module):
    """A branch that a size decides, with several results."""

    inputs = [(random(2, 3),), (random(7, 3),), (random(1, 3),), (random(5, 3),)]
    dynamic_shapes = {"x": {0: torch.export.Dim("batch", min=1, max=16)}}

    def forward(self, x):
        return torch.cond(x.shape[0] > 4, lambda x: (x + 1, x.sum()), lambda x: (x * 2, x.mean()), (x,))


class NestedCond(nn.Module):
    inputs = [(random(4) + a,) for a in (-9.0, 0.0, 9.0)]

    def forward(self, x):
        def on_true(x):
            return torch.cond(x.mean() > 5, lambda x: x.exp(), lambda x: x * 3, (x,))

        return torch.cond(x.mean() > -5, on_true, lambda x: -x, (x,)) + 1


class CondInPlace(nn.Module):
    """Branches that write to tensors of their own, in a graph that writes too."""

    inputs = [(random(3),), (-random(3),)]

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls.add_(1)
        y = x * 2
        y.add_(1)

        def on_true(y):
            z = y.clone()
            z.mul_(3)
            z[1:].add_(7)
            return z

        result = torch.cond(y.sum() > 0, on_true, lambda y: y - 1, (y,))
        y.mul_(2)
        return result + y + self.calls


class While(nn.Module):
    """A loop whose number of iterations is an input."""

    inputs = [(random(2, 3), torch.tensor([n])) for n in (3, 0, 1, 6)]

    def forward(self, x, n):
        return while_loop(lambda i, y: i < n.sum(), lambda i, y: (i + 1, y * 0.5 + x), (torch.zeros((), dtype=torch.int64), x))


class WhileConverges(nn.Module):
    """Newton's method: the loop ends by what it computes, in a dynamic dim."""

    inputs = [(random(n).abs() + 0.5,) for n in (4, 1, 9)]
    dynamic_shapes = {"x": {0: torch.export.Dim("n", min=1, max=16)}}

    def forward(self, x):
        def is_far(root):
            return ((root * root - x).abs() > 1e-4 * x).any()

        (root,) = while_loop(is_far, lambda root: (((root + x / root) * 0.5),), (x,))
        return root


class Scan(nn.Module):
    """A recurrent network over a sequence."""

    inputs = [(random(2, 3), random(n, 2, 3)) for n in (5,)]

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, h, xs):
        def step(h, x):
            h = torch.tanh(self.linear(h) + x)
            return h.clone(), h * 2

        return scan(step, h, xs, dim=0)


class ScanOfTree(nn.Module):
    """Several tensors carried and run over, from the end, results of rank 0 among them."""

    inputs = [(random(6), random(6, 2))]

    def forward(self, a, b):
        def step(carry, x):
            total = carry["total"] + x["a"]
            return {"total": total, "last": x["b"] + 0}, (total * 2, x["b"] * total)

        init = {"total": torch.zeros(()), "last": torch.zeros(2)}
        return scan(step, init, {"a": a, "b": b}, dim=0, reverse=True)


class Map(nn.Module):
    inputs = [(random(n, 2, 3), random(3)) for n in (5, 1, 8)]
    dynamic_shapes = {"xs": {0: torch.export.Dim("n", min=1, max=16)}, "y": None}

    def forward(self, xs, y):
        return map_over(lambda x, y: (x.sin() + y, x @ y), xs, y)


def assert_same(program, model, inputs):
    found, expected = program(*inputs), model(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [Cond, CondOfSize, NestedCond, CondInPlace, While, WhileConverges, Scan, ScanOfTree, Map])
def test_exported(make):
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        exported = torch.export.export(model, make.inputs[0], dynamic_shapes=getattr(make, "dynamic_shapes", None))
        program, reference = torchc.compile(exported), make().eval()
        reference.load_state_dict(model.state_dict())
        for inputs in make.inputs:
            assert_same(program, reference, inputs)


class Branch(nn.Module):
    shapes = ["2x3xf32"]
    inputs = [(random(2, 3),), (-random(2, 3).abs(),)]

    def forward(self, x):
        if bool(x.sum() > 0):
            y = x * 2
        else:
            y = x - 1
        return y + 1


class Loop(nn.Module):
    shapes = ["4xf32"]
    inputs = [(random(4),), (random(4) * 50,), (random(4) * 1000,)]

    def forward(self, x):
        i = 0
        while bool(x.abs().max() > 1):
            x = x * 0.5
            i += 1
        return x, i


class LoopToNumber(nn.Module):
    shapes = ["3xf32", "i64"]
    inputs = [(random(3), torch.tensor(n)) for n in (0, 1, 5)]

    def forward(self, x, n):
        y = x
        for i in range(int(n.item())):
            y = y + i * x
        return y


class Number(nn.Module):
    """Floats that tensors give decide, scale and are results."""

    shapes = ["3xf32"]
    inputs = [(random(3),), (random(3).abs() * 7,), (random(3) - 40,)]

    def forward(self, x):
        total = float(x.sum())
        scale = 1.0
        if total > 1.5:
            scale = total * 2 + 1
        return x * scale, total / 4, int(total) + 1


class LoopOverFloats(nn.Module):
    shapes = ["3xf32"]
    inputs = [(random(3).abs(),), (random(3).abs() * 30,), (-random(3).abs(),)]

    def forward(self, x):
        step = 1.0
        total = 0.0
        while float(x.sum()) > total:
            total += step
            step *= 1.5
        return x * step, total


@pytest.mark.parametrize("make", [Branch, Loop, LoopToNumber, Number, LoopOverFloats])
def test_scripted(make):
    program = torchc.compile(torch.jit.script(make()), inputs=make.shapes)
    for inputs in make.inputs:
        assert_same(program, make(), inputs)
