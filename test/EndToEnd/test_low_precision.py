"""Models in bf16 and f16: sums in f32, of which the results are rounded once."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchc

LEVELS = pytest.mark.parametrize("opt_level", [0, 3], ids=["O0", "O3"])
DTYPES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "f16"])


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


class Activated(nn.Module):
    """A product of rows that are computed in its kernel."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(96, 40)

    def forward(self, x):
        return self.linear(F.relu(x) * 0.5) + x[:, :40]


class Strided(nn.Module):
    """A product of columns of another matrix."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(32, 48)

    def forward(self, x):
        return self.linear(x.mT)


MODELS = {
    "one-row": lambda: (nn.Linear(64, 48), random(1, 64)),
    "two-steps": lambda: (nn.Linear(2, 16), random(3, 2)),
    "many-rows": lambda: (nn.Linear(768, 80), random(128, 768)),
    "blocks-of-sums": lambda: (nn.Linear(514, 33), random(37, 514)),
    "odd": lambda: (nn.Linear(7, 32), random(5, 7)),
    "rows-that-collide": lambda: (nn.Linear(4096, 64), random(30, 4096)),
    "activated": lambda: (Activated(), random(20, 96)),
    "strided": lambda: (Strided(), random(32, 50)),
    "mlp": lambda: (nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 32)), random(2, 9, 64)),
    "conv-1x1": lambda: (nn.Conv2d(64, 32, 1), random(1, 64, 14, 14)),
    "conv-1x1-strided": lambda: (nn.Conv2d(32, 32, 1, stride=2), random(1, 32, 15, 15)),
    "conv-3x3": lambda: (nn.Conv2d(32, 48, 3, padding=1), random(2, 32, 14, 14)),
    "conv-3x3-strided": lambda: (nn.Conv2d(32, 48, 3, padding=1, stride=2), random(1, 32, 15, 15)),
    "conv-stem": lambda: (nn.Conv2d(3, 32, 7, padding=3, stride=2), random(1, 3, 40, 40)),
    "conv-grouped": lambda: (nn.Conv2d(64, 64, 3, padding=1, groups=2), random(1, 64, 9, 9)),
}


def check(program, model, x, dtype):
    exact = copy.deepcopy(model).double()(x.to(dtype).double())
    actual = program(x.to(dtype))
    assert actual.dtype == dtype
    # Once rounded, some of the models twice.
    torch.testing.assert_close(actual.double(), exact, rtol=2 * torch.finfo(dtype).eps,
                               atol=2 * torch.finfo(dtype).eps * exact.abs().max().item())


def check_model(name, dtype, **options):
    torch.manual_seed(0)
    model, x = MODELS[name]()
    with torch.no_grad():
        model = model.to(dtype)
        check(torchc.compile(model, (x.to(dtype),), **options), model, x, dtype)


@LEVELS
@DTYPES
@pytest.mark.parametrize("name", MODELS)
def test_products_sum_in_single(name, dtype, opt_level):
    check_model(name, dtype, opt_level=opt_level)


@DTYPES
def test_products_of_any_row_count(dtype):
    torch.manual_seed(0)
    model = nn.Linear(32, 48).to(dtype)
    with torch.no_grad():
        program = torchc.compile(model, (random(5, 32).to(dtype),), dynamic_shapes={"input": {0: torch.export.Dim("n", min=0)}})
        for rows in (5, 1, 43):
            check(program, model, random(rows, 32), dtype)
        assert program(random(0, 32).to(dtype)).shape == (0, 48)


@DTYPES
@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3"])
@pytest.mark.parametrize("name", ["conv-stem", "conv-grouped", "activated", "one-row"])
def test_cpus_that_only_move_it(name, cpu, dtype):
    check_model(name, dtype, target_cpu=cpu)
