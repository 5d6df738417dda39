"""State and parameters of programs: what lasts from call to call, and weights outside of the program."""
import subprocess
import os

import numpy as np
import pytest
import safetensors.torch
import torch
import torchc
from torch import nn


class Counter(nn.Module):
    """Counts calls, and sums its inputs up."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.ones(2, 3))

    def forward(self, x):
        self.calls.add_(1)
        self.total.copy_(self.total * 0.5 + x)
        return self.total * self.calls


def export(model, x):
    return torch.export.export(model, (x,))


def state_of(model):
    return {name: buffer.numpy() for name, buffer in model.named_buffers()}


def assert_same_state(program, model):
    found, expected = program.state(), state_of(model)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_state_lasts(tmp_path):
    torch.manual_seed(0)
    model, x = Counter(), torch.randn(2, 3)
    program = torchc.compile(export(model, x))
    assert_same_state(program, model)
    for call in range(5):
        x = torch.randn(2, 3)
        torch.testing.assert_close(program(x), model(x))
        if call == 2:
            program.save_state(tmp_path / "state.safetensors")
            saved = {name: value.copy() for name, value in state_of(model).items()}
    assert_same_state(program, model)
    program.reset()
    assert_same_state(program, Counter())

    # The file is one that others read.
    for name, value in safetensors.torch.load_file(tmp_path / "state.safetensors").items():
        np.testing.assert_allclose(value.numpy(), saved[name], rtol=1e-6)
    program.load_state(tmp_path / "state.safetensors")
    np.testing.assert_array_equal(program.state()["calls"], 3)
    program.set_state({"calls": np.int64(41), "total": torch.zeros(2, 3)})
    assert program(torch.ones(2, 3)).tolist() == [[42.0] * 3] * 2
    with pytest.raises(torchc.RunError, match="the state 'total' is 2x3xf32, not 3x2xf32"):
        program.set_state({"total": torch.zeros(3, 2)})
    with pytest.raises(torchc.RunError, match="the program has no state 'totals'"):
        program.set_state({"totals": torch.zeros(2, 3)})

    # One session's state is not another's, and a file of another model's is refused.
    program.save(tmp_path / "counter.vmfb")
    other = torchc.load(tmp_path / "counter.vmfb")
    assert_same_state(other, Counter())
    safetensors.torch.save_file({"calls": torch.tensor(1)}, tmp_path / "less.safetensors")
    with pytest.raises(torchc.RunError, match="there is no state 'total'"):
        other.load_state(tmp_path / "less.safetensors")
    assert_same_state(other, Counter())


class Bytes(nn.Module):
    """Counts modulo 256, and keeps the bytes of the last call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.tensor([250, 3], dtype=torch.uint8))
        self.register_buffer("last", torch.zeros(2, dtype=torch.uint8))

    def forward(self, x):
        larger = self.count > self.last
        self.last.copy_(x)
        self.count.add_(3)
        return self.count.float() / 2, larger, self.last, self.count


def test_unsigned_state(tmp_path):
    """Bytes above 127 are what they are: before the first call, after calls, set, saved and loaded."""
    model, program = Bytes(), torchc.compile(export(Bytes(), torch.zeros(2, dtype=torch.uint8)))
    assert_same_state(program, model)
    for values in ([200, 255], [1, 251], [128, 127]):
        x = torch.tensor(values, dtype=torch.uint8)
        for actual, wanted in zip(program(x), model(x)):
            assert actual.dtype == wanted.dtype and torch.equal(actual, wanted)
        assert_same_state(program, model)
    program.save_state(tmp_path / "state.safetensors")
    saved = safetensors.torch.load_file(tmp_path / "state.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())
    program.reset()
    assert_same_state(program, Bytes())
    program.load_state(tmp_path / "state.safetensors")
    assert_same_state(program, model)
    program.set_state({"count": torch.tensor([254, 129], dtype=torch.uint8)})
    assert program(x)[3].tolist() == [1, 132]


class RunningNorm(nn.Module):
    """Normalizes by statistics that it gathers, as batch normalization in training does."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("var", torch.ones(8))

    def forward(self, x):
        y = self.conv(x)
        self.mean.mul_(0.9).add_(0.1 * y.mean((0, 2, 3)))
        self.var.mul_(0.9).add_(0.1 * y.var((0, 2, 3)))
        return (y - self.mean[:, None, None]) * torch.rsqrt(self.var[:, None, None] + 1e-5)


def make_batch_norm():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=0.3)).train()


@pytest.mark.parametrize("make", [RunningNorm, make_batch_norm])
def test_statistics_are_gathered(make):
    torch.manual_seed(0)
    model = make()
    program = torchc.compile(export(model, torch.randn(4, 3, 10, 10)))
    with torch.no_grad():
        for _ in range(4):
            x = torch.randn(4, 3, 10, 10) * 2 + 1
            torch.testing.assert_close(program(x), model(x), rtol=1e-4, atol=1e-4)
    assert_same_state(program, model)


def make_network(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5))
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    return model.eval()


def test_parameters(tmp_path):
    model, x = make_network(1), torch.randn(2, 3, 8, 8)
    weights = tmp_path / "weights.safetensors"
    program = torchc.compile(export(model, x), externalize_parameters=("model", weights))
    torch.testing.assert_close(program(x), model(x), rtol=1e-4, atol=1e-5)
    written, expected = safetensors.torch.load_file(weights), model.state_dict()
    assert written.keys() == expected.keys() - {"1.num_batches_tracked"}
    for name, value in written.items():
        assert torch.equal(value, expected[name])

    # The same program with the weights of another training: nothing of the first is left in it.
    program.save(tmp_path / "m.vmfb")
    assert os.path.getsize(tmp_path / "m.vmfb") < 100_000
    other = make_network(2)
    safetensors.torch.save_file(other.state_dict(), tmp_path / "other.safetensors")
    for source in (tmp_path / "other.safetensors", other.state_dict()):
        loaded = torchc.load(tmp_path / "m.vmfb", parameters={"model": source})
        torch.testing.assert_close(loaded(x), other(x), rtol=1e-4, atol=1e-5)

    with pytest.raises(torchc.LoadError, match="the program needs parameter 'model::.*'; no parameters are given"):
        torchc.load(tmp_path / "m.vmfb")
    wrong = dict(other.state_dict())
    wrong["4.bias"] = torch.zeros(6)
    with pytest.raises(torchc.LoadError, match="parameter 'model::4.bias' is 6xf32, the program needs 5xf32"):
        torchc.load(tmp_path / "m.vmfb", parameters={"model": wrong})


class Quantized(nn.Module):
    def __init__(self, seed):
        super().__init__()
        weight = torch.randint(0, 256, (8, 4), generator=torch.Generator().manual_seed(seed))
        self.register_buffer("weight", weight.to(torch.uint8))

    def forward(self, x):
        return x @ (self.weight.float() - 128)


def test_unsigned_parameters(tmp_path):
    """Bytes above 127 are what they are in the file that is written and in one of the user's."""
    model, other, x = Quantized(1), Quantized(2), torch.randn(3, 8)
    weights = tmp_path / "weights.safetensors"
    program = torchc.compile(export(model, x), externalize_parameters=("model", weights))
    torch.testing.assert_close(program(x), model(x), rtol=1e-4, atol=1e-3)
    assert torch.equal(safetensors.torch.load_file(weights)["weight"], model.weight)
    program.save(tmp_path / "m.vmfb")
    loaded = torchc.load(tmp_path / "m.vmfb", parameters={"model": other.state_dict()})
    torch.testing.assert_close(loaded(x), other(x), rtol=1e-4, atol=1e-3)


def test_command_line(tmp_path):
    model, x = make_network(1), torch.randn(2, 3, 8, 8)
    torch.export.save(export(model, x), tmp_path / "m.pt2")
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", model(x).detach().numpy())

    def run(tool, *arguments):
        return subprocess.run([os.path.join(os.environ["TORCHC_BIN"], tool), *arguments], cwd=tmp_path,
                              capture_output=True, text=True)

    compiled = run("torchc-compile", "m.pt2", "-o", "m.vmfb", "--externalize-parameters=model=w.safetensors")
    assert compiled.returncode == 0, compiled.stderr
    result = run("torchc-run", "m.vmfb", "--parameters=model=w.safetensors", "--input=@x.npy", "--expect=@y.npy",
                 "--rtol=1e-4", "--atol=1e-5")
    assert result.returncode == 0, result.stderr
    refused = run("torchc-compile", "m.pt2", "-o", "-", "--emit=linalg", "--externalize-parameters=w.safetensors")
    assert refused.returncode == 2 and "--emit=vmfb" in refused.stderr
