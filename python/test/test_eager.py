"""torchc.eager_mode: op by op, what PyTorch gives."""
import copy
import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchc


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv("TORCHC_CACHE_DIR", "")
    torch.manual_seed(0)


@pytest.fixture
def in_pytorch(caplog):
    """The lines that say what ran in PyTorch."""
    caplog.set_level(logging.WARNING, logger="torchc")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "torchc"]


def check(actual, expected, tolerance=2e-5):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def test_a_model_and_its_training(in_pytorch):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))
    twin = copy.deepcopy(model)
    optimizers = [torch.optim.AdamW(each.parameters(), lr=1e-2) for each in (model, twin)]

    def step(model, optimizer, x, classes):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), classes)
        loss.backward()
        optimizer.step()
        return loss.detach()

    sizes = []
    mode = torchc.eager_mode()
    for _ in range(3):
        batch = torch.randn(2, 3, 8, 8), torch.tensor([1, 2])
        expected = step(model, optimizers[0], *batch)
        with mode:
            actual = step(twin, optimizers[1], *batch)
        check(actual, expected)
        sizes.append(len(mode._functions))
    check(twin.state_dict(), model.state_dict(), 1e-4)
    assert not in_pytorch() and not mode.pytorch_calls
    assert mode.native_calls["aten.convolution.default"] == 3 and mode.native_calls["aten.convolution_backward.default"] == 3
    # Numbers that change with each step compile nothing anew: the first step has no state to add to.
    assert sizes[1] == sizes[2]


def test_kept_by_types_shapes_strides_and_numbers():
    x = torch.randn(3, 4)
    mode, numbers = torchc.eager_mode(), (1.5, -2.0, float("inf"))
    with mode:
        products = [x * n for n in numbers]
    check(products, [x * n for n in numbers])
    assert len(mode._functions) == 1
    for i, other in enumerate((x.double(), x.t(), x[:2], x.to(torch.bfloat16))):
        with mode:
            product = other * 2.0
        check(product, other * 2)
        assert product.stride() == (other * 2).stride() and len(mode._functions) == 2 + i
    with mode:
        softmax = [torch.softmax(x, dim) for dim in (0, 1)]
    check(softmax, [torch.softmax(x, dim) for dim in (0, 1)])
    assert len(mode._functions) == 7 and mode.native_calls["aten.mul.Tensor"] == 7


def test_views_writes_and_random_numbers(in_pytorch):
    """Views stay views, what is written to one is seen in the other, and the generator is PyTorch's."""
    def run():
        torch.manual_seed(3)
        x = torch.arange(12.0).view(3, 4)
        view = x.t()[1]
        view.add_(10).mul_(x[0, 0] + 2)
        x.clamp_(max=100).t().relu_()
        noise = F.dropout(torch.rand(6), 0.5)
        return x, view, noise, x.max(dim=1), (x > 3).sum().item()

    expected = run()
    with torchc.eager_mode() as mode:
        actual = run()
    check(actual[:3], expected[:3])
    check(list(actual[3]), list(expected[3]))
    assert actual[4] == expected[4] and not in_pytorch()
    assert {"aten.add_.Tensor", "aten.mul_.Tensor", "aten.relu_.default"} <= set(mode.native_calls)


def test_what_torchc_lacks_runs_in_pytorch_and_is_named_once(in_pytorch):
    x = torch.randn(4, 4)
    with torchc.eager_mode() as mode:
        for _ in range(3):
            factors, places = torch.linalg.ldl_factor(x @ x.t()), torch.nonzero(x > 0)
    check(list(factors), list(torch.linalg.ldl_factor(x @ x.t())))
    assert places.tolist() == (x > 0).nonzero().tolist()
    first, second = in_pytorch()
    assert first.startswith("torchc: aten.linalg_ldl_factor_ex.default runs in PyTorch: ") and "unsupported op" in first
    assert second == "torchc: aten.nonzero.default runs in PyTorch: its result depends on more than the shapes of its operands"
    assert mode.pytorch_calls["aten.nonzero.default"] == 3


def test_errors_are_those_of_pytorch():
    with torchc.eager_mode():
        with pytest.raises(RuntimeError, match="size of tensor a"):
            torch.ones(3) + torch.ones(4)
        with pytest.raises(RuntimeError, match="can't be cast"):
            torch.ones(3, dtype=torch.int64).add_(1.5)
        with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
            torch.ones(3).add_(torch.ones(2, 3))


def test_batch_norm_and_several_results(in_pytorch):
    model, x = nn.BatchNorm1d(4).eval(), torch.randn(3, 4)
    with torchc.eager_mode() as mode:
        y = model(x)
        values, indices = x.sort(dim=1)
        parts = torch.var_mean(x, dim=0)
    check((y, values, indices, *parts), (model(x), *x.sort(dim=1), *torch.var_mean(x, dim=0)))
    assert not mode.pytorch_calls
    for training in (nn.BatchNorm1d(4), nn.BatchNorm1d(4, track_running_stats=False, affine=False)):
        twin = copy.deepcopy(training)
        with mode:
            actual = [training(x) for _ in range(2)]
        check(actual, [twin(x) for _ in range(2)])
        check(training.state_dict(), twin.state_dict())
    assert not in_pytorch()


def test_under_inference_mode():
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1)), torch.randn(2, 4)
    with torch.inference_mode(), torchc.eager_mode() as mode:
        y = model(x)
    check(y, model(x).detach())
    assert mode.native_calls
