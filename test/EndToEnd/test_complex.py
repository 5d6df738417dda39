"""Complex numbers and Fourier transforms, beyond the samples of PyTorch's operator database."""
import pytest
import torch
import torchc
from torch import nn


def check(function, *arguments):
    """Equal to eager, at the tolerance of f64 on f64's arguments."""
    actual = torchc.compile(function, arguments)(*arguments)
    torch.testing.assert_close(actual, function(*arguments))


def draw(*sizes, dtype=torch.complex128):
    return torch.randn(*sizes, dtype=dtype, generator=torch.Generator().manual_seed(2))


FUNCTIONS = {
    "add": lambda x, y: x + y, "sub": lambda x, y: torch.sub(x, y, alpha=2), "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y, "real operand": lambda x, y: x * y.real + y.imag, "reciprocal": lambda x, y: 1 / x,
    "integers": lambda x, y: x + torch.arange(4), "scalar": lambda x, y: 2.5 * x + 1,
    "abs": lambda x, y: x.abs(), "angle": lambda x, y: x.angle(), "conj": lambda x, y: x.conj() * y,
    "exp": lambda x, y: x.exp(), "log": lambda x, y: x.log(), "sqrt": lambda x, y: x.sqrt(), "sgn": lambda x, y: x.sgn(),
    "sum": lambda x, y: x.sum(1), "mean": lambda x, y: y.mean((0, 1)), "cumsum": lambda x, y: x.cumsum(0),
    "matmul": lambda x, y: x @ y.T, "linear": lambda x, y: torch.nn.functional.linear(x, y),
    "views": lambda x, y: x.T.reshape(2, -1)[:, 1:], "cat": lambda x, y: torch.cat([x, y.flip(0)], 1),
    "where": lambda x, y: torch.where(x.real > 0, x, y), "index": lambda x, y: x[torch.tensor([1, 0, 1])],
    "view_as_real": lambda x, y: torch.view_as_real(x) * 2, "equal": lambda x, y: x == x.clone(),
    "complex": lambda x, y: torch.complex(x.real, y.real), "polar": lambda x, y: torch.polar(x.abs(), y.imag),
    "double": lambda x, y: (x.to(torch.complex64), x.real.to(torch.complex64)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(FUNCTIONS[name], draw(3, 4), draw(3, 4) * 2)


@pytest.mark.parametrize("order", [None, "fro", 1, float("inf"), -float("inf")])
def test_norm(order):
    """Of the absolute values."""
    check(lambda x: torch.linalg.norm(x, order), draw(3, 4))
    check(lambda x: torch.renorm(x, 2, 0, 1.0), draw(3, 4))
    check(lambda x: torch.linalg.norm(x, 3, dim=1), draw(3, 4))


@pytest.mark.parametrize("function", [
    nn.functional.pairwise_distance, lambda x, y: nn.functional.triplet_margin_loss(x, y, x + 1),
    nn.functional.l1_loss, lambda x, y: x.logsumexp(1), lambda x, y: torch.diag_embed(y)])
def test_what_would_lose_the_imaginary_part_is_refused(function):
    with pytest.raises(torchc.UnsupportedOpError, match="on complex numbers"):
        torchc.compile(function, (draw(3, 4), draw(3, 4)))


def test_conversion_to_real():
    check(lambda x: (x.to(torch.float32), x.bool()), draw(3, 4))


@pytest.mark.xfail(strict=True, reason="the square of the divisor's absolute value leaves the range")
def test_division_neither_overflows_nor_underflows():
    x = torch.tensor([1e300 + 1e300j, 1e-300 - 1e-300j, 3 + 4j])
    check(lambda x: (x / x, 1 / x), x)


def test_roots_in_all_quadrants():
    x = torch.tensor([0, 1, -1, 1j, -1j, 3 + 4j, 3 - 4j, -3 + 4j, -3 - 4j, 1e-30 - 1j], dtype=torch.complex128)
    check(lambda x: x.sqrt(), x)


def test_weights_and_state():
    class Filter(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(draw(4, 4, dtype=torch.complex64))
            self.register_buffer("last", torch.zeros(2, 4, dtype=torch.complex64))

        def forward(self, x):
            y = x @ self.weight + self.last
            self.last.copy_(y)
            return y

    x, model, reference = draw(2, 4, dtype=torch.complex64), Filter(), Filter()
    program = torchc.compile(torch.export.export(model, (x,)))
    for _ in range(3):
        torch.testing.assert_close(program(x), reference(x).detach())


# Products of short lengths, primes, squares of primes.
@pytest.mark.parametrize("n", (1, 2, 7, 32, 60, 37, 64, 101, 1369, 1000, 1 << 12))
def test_lengths(n):
    x = draw(2, n)
    check(lambda x: (torch.fft.fft(x), torch.fft.ifft(x), torch.fft.rfft(x.real), torch.fft.irfft(x, n=n)), x)


def test_norms_and_dims():
    x = draw(3, 10, 6)
    for norm in ("forward", "backward", "ortho"):
        check(lambda x: (torch.fft.fft(x, 8, 1, norm), torch.fft.ifftn(x, (12, 4), (1, 2), norm),
                         torch.fft.hfft(x, 9, 1, norm), torch.fft.ihfft(x.real, 7, 1, norm),
                         torch.fft.rfftn(x.real, norm=norm), torch.fft.irfftn(x, (4, 11), norm=norm),
                         torch.fft.hfft2(x, norm=norm), torch.fft.ihfft2(x.real, norm=norm)), x)


def test_single_precision():
    x = draw(4, 1024, dtype=torch.complex64)
    y = torchc.compile(torch.fft.fft, (x,))(x)
    assert y.dtype == torch.complex64
    torch.testing.assert_close(y, torch.fft.fft(x.to(torch.complex128)).to(torch.complex64))


def test_refused_by_name():
    x = draw(3, 3)
    for function, name in ((torch.tanh, "aten.tanh"), (torch.linalg.inv, "aten.linalg_inv")):
        with pytest.raises(torchc.UnsupportedOpError, match=f"{name}.*complex"):
            torchc.compile(function, (x,))
