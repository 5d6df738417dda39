"""Operators that torchc does not know are called in the program that runs the model."""
import numpy as np
import pytest
import torch
import torchc


@torch.library.custom_op("torchctest::scale", mutates_args=())
def scale(x: torch.Tensor, weight: torch.Tensor, times: int, factor: float, mode: str) -> torch.Tensor:
    assert mode == "exact"
    return x * weight * times + factor


@scale.register_fake
def _(x, weight, times, factor, mode):
    return torch.empty_like(x)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x):
        y = scale(torch.relu(self.linear(x)), self.linear.bias, 3, 0.25, "exact")
        return scale(y, self.linear.bias, 2, -0.5, "exact") + y


def scale_numpy(x, weight, times, factor, mode):
    assert mode == "exact" and isinstance(times, int)
    return (x * weight * times + factor).astype(np.float32)


@pytest.mark.parametrize("dynamic", [False, True])
def test_equals_eager(dynamic, tmp_path):
    torch.manual_seed(0)
    model = Model()
    shapes = ({0: torch.export.Dim("batch", min=1, max=8)},) if dynamic else None
    exported = torch.export.export(model, (torch.randn(3, 4),), dynamic_shapes=shapes)
    program = torchc.compile(exported, ops={"torchctest::scale": scale_numpy})
    for batch in ((1, 3, 8) if dynamic else (3,)):
        x = torch.randn(batch, 4)
        torch.testing.assert_close(program(x), model(x), rtol=1e-5, atol=1e-5)

    program.save(tmp_path / "m.vmfb")
    with pytest.raises(torchc.LoadError, match=r"'torchctest::scale\(Tensor, Tensor, int\) -> \(Tensor\)', which is not"):
        torchc.load(tmp_path / "m.vmfb")

    def load(function):
        return torchc.load(tmp_path / "m.vmfb", ops={"torchctest::scale": function})

    x = torch.randn(3, 4)
    torch.testing.assert_close(load(lambda x, *_: x)(x), 2 * torch.relu(model.linear(x)), rtol=1e-5, atol=1e-5)
    with pytest.raises(torchc.RunError, match="torchctest::scale: ValueError: of no use"):
        load(lambda *_: (_ for _ in ()).throw(ValueError("of no use")))(x)
    with pytest.raises(torchc.RunError, match="the result of torchctest::scale: f64 of rank 2, not f32 of rank 2"):
        load(lambda x, *_: x.astype(np.float64))(x)
    with pytest.raises(torchc.RunError, match="the result of torchctest::scale: dimension 1 is 3, not 4"):
        load(lambda x, *_: x[:, :3])(x)


def test_is_an_option():
    exported = torch.export.export(Model(), (torch.randn(3, 4),))
    with pytest.raises(torchc.UnsupportedOpError) as error:
        torchc.compile(exported)
    assert error.value.ops == ["torchctest.scale"]
