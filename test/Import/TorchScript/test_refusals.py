"""What is refused, with the line of the user's code and the exit code."""

from typing import List

import pytest
import torch
from torch import Tensor, nn

import replay

DIAGNOSED, USAGE, UNSUPPORTED, BAD_FILE = 1, 2, 3, 4


@pytest.fixture
def refuse(tmp_path):
    """Captures and gives the error; `code` is the exit code expected."""

    def run(module, shapes, code, *options):
        path = tmp_path / "model.pt"
        torch.jit.script(module).save(str(path))
        with pytest.raises(replay.CaptureError) as error:
            replay.capture(path, shapes, *options)
        assert error.value.code == code, error.value.message
        assert error.value.message.count("\n") == 1
        return error.value.message

    return run


class SetState(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = 1

    @torch.jit.export
    def __getstate__(self):
        return self.x, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]):
        self.x = state[0]
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.x


def test_setstate(refuse, check_replay, tmp_path):
    message = refuse(SetState(), ["3xf32"], BAD_FILE)
    assert "__setstate__" in message and "--trust-model" in message
    trusted = replay.capture(tmp_path / "model.pt", ["3xf32"], "--trust-model")
    assert trusted(torch.ones(3))[0].tolist() == [2, 2, 2]


class Saves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, "stolen.pt")
        return x


def test_files_are_not_touched(refuse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(Saves(), ["3xf32"], BAD_FILE)
    # Trust lets the file load, but capturing writes no files.
    refuse(Saves(), ["3xf32"], BAD_FILE, "--trust-model")
    assert not (tmp_path / "stolen.pt").exists()


def test_pickles_are_not_loaded(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(3)}, path)
    with pytest.raises(replay.CaptureError, match="pickle of torch.save"):
        replay.capture(path, [])


class Mask(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.abs()
        return y[y > 0.5]


def test_shape_that_depends_on_data(refuse):
    message = refuse(Mask(), ["3xf32"], UNSUPPORTED)
    assert "aten.index.Tensor" in message or "aten.nonzero" in message
    line = next(i for i, text in enumerate(open(__file__), 1)
                if "return y[y > 0.5]" in text)
    assert f"test_refusals.py:{line}: error: unsupported op" in message


class SizeFromData(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(int(x.sum()))


def test_size_read_from_data(refuse):
    message = refuse(SizeFromData(), ["3xf32"], UNSUPPORTED)
    assert "read from a tensor at run time" in message


class BranchShapes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            y = x[:2]
        else:
            y = x
        return y


def test_branches_of_different_shape(refuse):
    assert "different shape" in refuse(BranchShapes(), ["3xf32"], UNSUPPORTED)


class UncertainAlias(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = x.clone(), y.clone()
        if bool(x.sum() > 0):
            c = a
        else:
            c = b
        c += 1
        return a - b


def test_write_to_one_of_two_tensors(refuse):
    message = refuse(UncertainAlias(), ["3xf32", "3xf32"], UNSUPPORTED)
    assert "may share memory" in message


class WriteInLoop(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        view = y[0]
        while bool(y.sum() < 10):
            y += 1
        return view


def test_write_in_a_loop_on_data(refuse):
    assert "writes in place" in refuse(WriteInLoop(), ["3xf32"], UNSUPPORTED)


class AppendUnderCondition(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        parts: List[Tensor] = [x]
        if bool(x.sum() > 0):
            parts.append(x + 1)
        return torch.cat(parts)


def test_list_changed_under_a_condition(refuse):
    message = refuse(AppendUnderCondition(), ["3xf32"], UNSUPPORTED)
    assert "aten::append" in message


class PythonState(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


def test_numbers_are_no_state(refuse):
    assert "'calls'" in refuse(PythonState(), ["3xf32"], UNSUPPORTED)


class ListState(nn.Module):
    cache: List[Tensor]

    def __init__(self):
        super().__init__()
        self.cache = []

    def forward(self, x: Tensor) -> Tensor:
        self.cache.append(x)
        return torch.stack(self.cache).sum(0)


def test_lists_are_no_state(refuse):
    assert "'cache'" in refuse(ListState(), ["3xf32"], UNSUPPORTED)


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            raise ValueError("two dimensions, please")
        return x


def test_the_model_raises(refuse):
    message = refuse(Raises(), ["3xf32"], DIAGNOSED)
    assert "two dimensions, please" in message
    assert "test_refusals.py:" in message


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[: x.size(0) // 2]


def test_dynamic_size_that_does_not_fit(refuse):
    refuse(Halves(), ["?xf32"], UNSUPPORTED)


class Blocks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + int(x.size(0) / 1000)


def test_hidden_dependence_on_a_size(refuse):
    assert "depends on a dynamic size" in refuse(Blocks(), ["?xf32"], UNSUPPORTED)


class PerRow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(x.size(0)):
            y = y + x[i]
        return y


def test_loop_over_a_dynamic_size(refuse):
    message = refuse(PerRow(), ["?x3xf32"], UNSUPPORTED)
    assert "test_refusals.py:" in message


class Alias(nn.Module):
    def __init__(self):
        super().__init__()
        table = torch.zeros(4)
        self.register_buffer("whole", table)
        self.register_buffer("part", table[:2])

    def forward(self, x: Tensor) -> Tensor:
        self.part += 1
        return x + self.whole


def test_written_alias(refuse):
    assert "shares memory" in refuse(Alias(), ["4xf32"], UNSUPPORTED)
