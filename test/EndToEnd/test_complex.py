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
    "complex number": lambda x, y: (x * 2j, x + (1 - 2j), x.real * 1j, torch.full((2, 3), 1 + 2j), 3j / x, x ** (1 + 1j)),
    "fill": lambda x, y: (x.masked_fill(x.real > 0, 2 - 1j), x.clone().fill_(3j), x == (1 + 1j)),
    "power": lambda x, y: (x ** y, x ** 2, x ** 3, x ** -1, x ** 0.5, x ** -0.5, x ** 0, 2 ** x, torch.zeros_like(x) ** (y.abs() + 1j)),
    "addmm": lambda x, y: (torch.addmm(x[:, :3], x, y.T, beta=2, alpha=1j), torch.addcmul(x, y, y, value=2),
                           torch.addcdiv(x, x, y, value=1j), torch.lerp(x, y, 0.25), torch.add(x, y, alpha=2j)),
    "convolution": lambda x, y: nn.functional.conv1d(x[None], y[:, :3, None], bias=y[:, 0]),
    "linear with bias": lambda x, y: nn.functional.linear(x, y, y[:, 0]),
    "products": lambda x, y: (x.prod(), x.prod(1, keepdim=True), x.cumprod(1), x[:, :0].prod(1), x.logcumsumexp(0)),
    "moments": lambda x, y: (x.var(1), x.std(), torch.var_mean(x, 0, correction=0)),
    "truth": lambda x, y: (x.any(1), x.bool().all(), x.logical_and(y), x.nonzero(), x.count_nonzero()),
    "adjoint": lambda x, y: (x.mH @ y, torch.vdot(x[0], y[0]), torch.linalg.vecdot(x, y)),
    "pad": lambda x, y: (nn.functional.pad(x, (1, 2), value=2.5), torch.diag_embed(y), torch.block_diag(x, y)),
    "scatter": lambda x, y: (x.index_add(0, torch.tensor([0, 2, 0]), y), x.scatter_add(1, torch.zeros(3, 1, dtype=int), y)),
    "losses": lambda x, y: (nn.functional.l1_loss(x, y), nn.functional.pairwise_distance(x, y),
                            nn.functional.triplet_margin_loss(x, y, x + 1), x.logsumexp(1), nn.functional.normalize(x)),
    "steps": lambda x, y: (torch.linspace(0, 1 + 2j, 5), torch.logspace(0, 1j, 4), torch.eye(3, dtype=x.dtype)),
    "rms_norm": lambda x, y: nn.functional.rms_norm(x, (4,), y[0], 1e-3), "matrix_exp": lambda x, y: (x @ y.T).matrix_exp(),
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


UNARY = ("exp2 expm1 log2 log10 log1p rsqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh sigmoid sinc "
         "square reciprocal").split()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("name", UNARY)
def test_elementary_function(name, dtype):
    """In all quadrants, near 0 and near 1, where the formulas for far numbers lose digits, and far away."""
    parts = torch.tensor([-20, -2, -0.9, -1e-3, 1e-3, 0.5, 1.1, 3, 30], dtype=torch.float64)
    x = torch.complex(parts[:, None].expand(9, 9), parts.expand(9, 9)).flatten().to(dtype)
    function = getattr(torch, name)
    actual, exact = torchc.compile(function, (x,))(x), function(x.to(torch.complex128))
    limit = 2e-6 if dtype == torch.complex64 else 1e-13
    difference = (actual - exact).abs() if name != "sinc" else (actual - function(x)).abs()  # pi x is rounded.
    assert ((difference <= limit * exact.abs()) | (exact.abs() > torch.finfo(dtype).max / 2)).all()


def test_conversion_to_real():
    check(lambda x: (x.to(torch.float32), x.bool()), draw(3, 4))


def test_division_neither_overflows_nor_underflows():
    x = torch.tensor([1e300 + 1e300j, 1e-300 - 1e-300j, 3 + 4j], dtype=torch.complex128)
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
    for function, name in ((torch.linalg.det, "aten.linalg_det"), (torch.linalg.lu, "aten.linalg_lu")):
        with pytest.raises(torchc.UnsupportedOpError, match=f"{name}.*complex"):
            torchc.compile(function, (x,))
