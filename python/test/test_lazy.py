"""Lazy tensors: what torchc computes of recorded graphs is what eager PyTorch gives."""
import copy
import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchc

pytest.importorskip("torchc._lazy", reason="built without libtorch")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv("TORCHC_CACHE_DIR", "")
    torch.manual_seed(0)
    torchc.lazy.init()


@pytest.fixture
def in_pytorch(caplog):
    """The lines that say what ran in PyTorch."""
    caplog.set_level(logging.WARNING, logger="torchc")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "torchc"]


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that were compiled."""
    found, inner = [], torchc.lazy._Graph._compile
    monkeypatch.setattr(torchc.lazy._Graph, "_compile", lambda graph, types: found.append(types) or inner(graph, types))
    return found


def check(actual, expected, tolerance=2e-5):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, tokens):
        return self.head(self.layer(self.embed(tokens))[:, -1])


def make_convnet():
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 11))


@pytest.mark.parametrize("make, inputs", [
    (lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 11)), lambda: torch.randn(4, 6)),
    (make_convnet, lambda: torch.randn(4, 3, 8, 8)), (Transformer, lambda: torch.randint(11, (4, 5))),
], ids=["MLP", "ConvNet", "Transformer"])
def test_training(make, inputs, in_pytorch, compiled):
    model = make()
    twin = copy.deepcopy(model).to("lazy")
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1, momentum=0.9) for each in (model, twin)]
    counts = []
    for _ in range(5):
        x, classes = inputs(), torch.randint(11, (4,))
        losses = []
        for each, optimizer, device in ((model, optimizers[0], "cpu"), (twin, optimizers[1], "lazy")):
            optimizer.zero_grad()
            loss = F.cross_entropy(each(x.to(device)), classes.to(device))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torchc.lazy.mark_step()
        check(losses[1].cpu(), losses[0])
        counts.append(len(compiled))
    check({name: value.cpu() for name, value in twin.state_dict().items()}, model.state_dict(), 1e-4)
    assert not in_pytorch()
    assert counts[-1] == counts[-2] > 0  # Graphs of the steps to come are those of before.


def test_inference_of_other_shapes(in_pytorch, compiled):
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))
    twin = copy.deepcopy(model).to("lazy")
    with torch.no_grad():
        for rows in (2, 5, 2):
            x = torch.randn(rows, 4)
            check(twin(x.to("lazy")).cpu(), model(x))
    assert not in_pytorch() and len(compiled) == 2


def test_views_dtypes_and_numbers():
    def run(device):
        x = torch.arange(24, device=device).view(2, 3, 4)
        y = x.transpose(1, 2)[:, 1:].float() / 3
        y[0, 1] = 7
        mask = y > 2.5
        return y, mask, torch.where(mask, y, y.new_zeros(())), (x[1, 0] * 2).double().mean(), y.to(torch.bfloat16)

    for actual, expected in zip(run("lazy"), run("cpu"), strict=True):
        check(actual.cpu(), expected)


def test_random_numbers_are_those_of_pytorch(in_pytorch):
    kept = F.dropout(torch.ones(50, device="lazy"), 0.5).cpu()
    assert set(kept.tolist()) == {0.0, 2.0}
    assert in_pytorch() == ["torchc: a lazy graph runs in PyTorch: it draws random numbers (aten::native_dropout)"]


def test_what_torchc_lacks_runs_in_pytorch(in_pytorch, monkeypatch):
    def refuse(graph, types):
        raise torchc.CompileError("error: not today\nfor reasons")

    monkeypatch.setattr(torchc.lazy._Graph, "_compile", refuse)
    x = torch.randn(3, 7)
    for _ in range(2):
        check((x.to("lazy") * 3).sinh().cpu(), (x * 3).sinh())
    assert in_pytorch() == ["torchc: a lazy graph runs in PyTorch: error: not today"]


def test_errors_reach_the_caller(monkeypatch):
    def fail(graph, inputs):
        raise ValueError("nothing works")

    monkeypatch.setattr(torchc.lazy._Graph, "__call__", fail)
    with pytest.raises(RuntimeError, match="nothing works"):
        (torch.randn(3, 9).to("lazy") * 5).cosh().cpu()
    with pytest.raises(RuntimeError, match="nothing works"):  # PyTorch raises it once more.
        torchc.lazy.mark_step()
