"""Programs of several entry points, and inputs and outputs of all structures."""
import collections
from typing import NamedTuple

import pytest
import torch
import torchc
from torch import nn
from torch.export import Dim


class Counter(nn.Module):
    """Two entry points over one weight and one buffer, which the first one writes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros(()))

    def encode(self, x):
        self.calls.add_(1)
        return self.linear(x)

    def decode(self, x):
        return x @ self.linear.weight + self.calls


class Method(nn.Module):
    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        return getattr(self.model, self.name)(x)


def test_several_methods(tmp_path):
    torch.manual_seed(0)
    model, x = Counter(), torch.randn(2, 4)
    # The export's symbols have the same names and other ranges.
    limits = {"encode": 8, "decode": 3}
    methods = {name: torch.export.export(Method(model, name), (x,), dynamic_shapes={"x": {0: Dim("b", min=1, max=limit)}})
               for name, limit in limits.items()}
    program = torchc.compile(methods)
    assert sorted(program.functions) == ["decode", "encode"]
    program.save(tmp_path / "both.vmfb")
    program = torchc.load(tmp_path / "both.vmfb")
    assert list(program.state()) == ["model.calls"]
    for rows in (2, 3, 1):
        x = torch.randn(rows, 4)
        torch.testing.assert_close(program.call("encode", x), model.encode(x))
        torch.testing.assert_close(program.call("decode", x), model.decode(x))
    program.call("encode", torch.randn(8, 4))
    with pytest.raises(torchc.RunError, match="must be 1 to 3"):
        program.call("decode", torch.randn(4, 4))


def test_methods_of_other_models():
    """Weights of one name that differ stay apart."""
    x = torch.randn(3, 4)
    models = {name: nn.Sequential(nn.Linear(4, 5)) for name in ("first", "second")}
    program = torchc.compile({name: torch.export.export(model, (x,)) for name, model in models.items()})
    for name, model in models.items():
        torch.testing.assert_close(program.call(name, x), model(x))


class Point(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


class Nested(nn.Module):
    def forward(self, pair, table, *, scale=None, flag: bool = True):
        a, (b, c) = pair
        total = a + b * c + table["k"]["inner"]
        if scale is not None:
            total = total * scale
        point = Point(total, -total)
        return {"point": point, "none": None, "list": [a, (total, 3)], "size": a.shape[0] * 2, "flag": flag,
                "ordered": collections.OrderedDict(z=a, y=b)}


@pytest.mark.parametrize("scale", [None, torch.tensor(2.5)])
def test_structures(scale):
    torch.utils._pytree._register_namedtuple(Point, serialized_type_name="test_entry_points.Point") if Point not in (
        torch.utils._pytree.SUPPORTED_NODES) else None

    def make(n):
        a, b, c, d = torch.randn(4, n, 3)
        return ((a, [b, c]), {"k": {"inner": d}})

    dim = {0: Dim("n", min=0, max=9)}
    shapes = {"pair": (dim, [dim, dim]), "table": {"k": {"inner": dim}}, "scale": None, "flag": None}
    exported = torch.export.export(Nested(), make(4), {"scale": scale, "flag": False}, dynamic_shapes=shapes)
    program = torchc.compile(exported)
    for n in (4, 1, 0, 9):
        args = make(n)
        found, expected = program(*args, scale=scale, flag=False), Nested()(*args, scale=scale, flag=False)
        assert type(found) is type(expected) and found.keys() == expected.keys()
        assert isinstance(found["point"], Point) and found["none"] is None
        torch.testing.assert_close(found, expected)
    with pytest.raises(torchc.RunError, match="expected 2 values, got 1"):
        program((args[0][0], [args[0][1][0]]), args[1], scale=scale, flag=False)


class Shift(nn.Module):
    """Writes to what the caller passes, through a view, and keeps an average of the weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("average", torch.zeros(3))

    def forward(self, x, cache, place):
        self.average.mul_(0.9).add_(self.weight.detach(), alpha=0.1)
        with torch.no_grad():
            self.weight.sub_(x.mean(0), alpha=0.01)
        cache.index_copy_(0, place, x)
        cache[-1].fill_(2)
        return (cache.sum(0) * self.average), cache.shape[0]


@pytest.mark.parametrize("is_functional", [False, True])
def test_what_is_written(is_functional):
    """Buffers, parameters and inputs are written, by ops in place or by the signature of the export."""
    torch.manual_seed(0)
    model, reference = Shift(), Shift()
    inputs = torch.randn(2, 3), torch.zeros(5, 3), torch.tensor([0, 2])
    exported = torch.export.export(model, inputs)
    if is_functional:
        exported = exported.run_decompositions({})
    program = torchc.compile(exported)
    assert sorted(program.state()) == ["average", "weight"]
    caches = torch.zeros(5, 3), torch.zeros(5, 3)
    for step in range(4):
        x, place = torch.randn(2, 3), torch.tensor([step, 4 - step if step != 2 else 0])
        torch.testing.assert_close(program(x, caches[0], place), reference(x, caches[1], place))
        torch.testing.assert_close(caches[0], caches[1])
    torch.testing.assert_close(torch.from_numpy(program.state()["weight"]), reference.weight.detach())
    torch.testing.assert_close(torch.from_numpy(program.state()["average"]), reference.average)
