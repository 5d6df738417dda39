"""Operators that exported graphs hold but PyTorch's database of operators does not name, called as they stand there."""
import pytest
import torch
import torchc

aten = torch.ops.aten
torch.manual_seed(0)
X, TABLE = torch.randn(4, 6, 10, dtype=torch.float64), torch.randn(5, 3)
BAG = torch.tensor([1, 3, 0, 3, 2, 1]), torch.tensor([0, 2, 2])
CASES = {
    **{f"_embedding_bag-{mode}": (lambda *bag, mode=mode: aten._embedding_bag(*bag, False, mode)[0], TABLE, *BAG) for mode in (0, 1, 2)},
    "_embedding_bag-padded": (lambda *bag: aten._embedding_bag(*bag, False, 0, False, None, False, 3)[0], TABLE, *BAG),
    "_embedding_bag_forward_only": (lambda *bag: aten._embedding_bag_forward_only(*bag, False, 1)[0], TABLE, *BAG),
    "_fft_r2c": (lambda x: aten._fft_r2c(x, [0, 2], 1, True), X), "_fft_r2c-whole": (lambda x: aten._fft_r2c(x, [1], 0, False), X),
    "_fft_c2r": (lambda x: aten._fft_c2r(x, [1, 2], 2, 17), torch.fft.rfft(X, 17).cfloat()),
    "_fft_c2c": (lambda x: aten._fft_c2c(x, [0, 1], 0, True), X.cfloat()),
    "_fft_c2c-inverse": (lambda x: aten._fft_c2c(x, [2], 2, False), X.cdouble()),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name):
    function, *inputs = CASES[name]
    torch.testing.assert_close(torchc.compile(function, tuple(inputs))(*inputs), function(*inputs))


def test_a_gradient_in_an_exported_program(tmp_path):
    """A file of torch.export with a backward op, of which not all results are asked for."""

    class Gradient(torch.nn.Module):
        def forward(self, g, x, weight):
            grad_x, _, grad_bias = aten.convolution_backward(g, x, weight, [6], [2, 1], [1, 1], [1, 1], False, [0, 0], 2,
                                                             [True, False, True])
            return grad_x, grad_bias

    inputs = torch.randn(2, 6, 4, 8), torch.randn(2, 4, 8, 8), torch.randn(6, 2, 3, 3)
    path = tmp_path / "gradient.pt2"
    torch.export.save(torch.export.export(Gradient(), inputs), path)
    for actual, expected in zip(torchc.compile(path)(*inputs), Gradient()(*inputs), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)
