"""Operators that exported graphs hold but PyTorch's database of operators does not name, or not in all forms,
called as they stand there."""
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
SMALL, NUMBERS = torch.rand(4, 4), torch.tensor([[0, 7, -12, 2**31], [18, -5, 6, 0]])
ALIASES = ["arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "fix"]
COMPARISONS = ["greater", "greater_equal", "less", "less_equal"]
IMAGES, VOLUMES = torch.rand(2, 3, 9, 11), torch.rand(3, 6, 9, 11)
IMAGES[0, 1, 4, 4:6] = 2  # Equal maxima: the first one counts.
SIGNALS, WINDOW = torch.rand(2, 40), torch.hann_window(12)
CASES |= {
    **{name: (getattr(aten, name), SMALL + (name == "arccosh")) for name in ALIASES},
    **{f"{name}.Scalar": (lambda x, f=getattr(aten, name): f(x, 0.5), SMALL) for name in COMPARISONS},
    **{f"{name}.Tensor": (getattr(aten, name), SMALL, SMALL.t()) for name in COMPARISONS},
    "arctan2": (aten.arctan2, X, -X), "true_divide.Scalar": (lambda x: aten.true_divide(x, 3), NUMBERS),
    "remainder.Scalar_Tensor": (lambda x: aten.remainder.Scalar_Tensor(-7, x), NUMBERS + (NUMBERS == 0)),
    "bitwise_left_shift.Scalar_Tensor": (lambda x: aten.bitwise_left_shift.Scalar_Tensor(3, x), torch.arange(9)),
    "bitwise_right_shift.Scalar_Tensor": (lambda x: aten.bitwise_right_shift.Scalar_Tensor(-300, x), torch.arange(9)),
    "gcd": (aten.gcd, NUMBERS, NUMBERS[0]), "lcm": (aten.lcm, NUMBERS, NUMBERS[1]),
    "gcd-u8": (aten.gcd, torch.tensor([200, 144, 0], dtype=torch.uint8), torch.tensor(75, dtype=torch.uint8)),
    "norm.ScalarOpt_dtype": (lambda x: aten.norm.ScalarOpt_dtype(x, 3, dtype=torch.float64), SMALL),
    "matrix_power": (lambda x: aten.matrix_power(x, 5), SMALL), "matrix_power-inverse": (lambda x: aten.matrix_power(x, -2), SMALL + torch.eye(4)),
    "chain_matmul": (lambda *x: aten.chain_matmul(x), SMALL, SMALL.t(), SMALL), "vander": (aten.vander, NUMBERS[1]),
    "vander-increasing": (lambda x: aten.vander(x, 3, True), SMALL[0]),
    "conv_tbc": (lambda *x: aten.conv_tbc(*x, 1), torch.rand(7, 2, 3), torch.rand(3, 3, 5), torch.rand(5)),
    "fractional_max_pool2d": (lambda *x: aten.fractional_max_pool2d(x[0], [2, 3], [4, 3], x[1]), IMAGES, torch.rand(2, 3, 2)),
    "fractional_max_pool2d-one": (lambda *x: aten.fractional_max_pool2d(x[0], [9, 3], [1, 9], x[1]), IMAGES[0], torch.rand(1, 3, 2)),
    "fractional_max_pool3d": (lambda *x: aten.fractional_max_pool3d(x[0], [2, 3, 2], [3, 4, 5], x[1]), VOLUMES, torch.rand(1, 3, 3)),
    **{f"view.dtype-{dtype}": (lambda x, dtype=dtype: aten.view.dtype(x, dtype), SMALL - 0.5)
       for dtype in (torch.int32, torch.uint8, torch.float16, torch.int64, torch.float64)},
    "view.dtype-bool": (lambda x: aten.view.dtype(x, torch.uint8), torch.tensor([True, False, True])),
    "concat": (lambda *x: aten.concat(x, 1), SMALL, SMALL), "concatenate": (lambda *x: aten.concatenate(x), SMALL, NUMBERS),
    "pad_sequence": (lambda *x: aten.pad_sequence(x, True, -1.0), SMALL[:1].clone(), SMALL, SMALL[:3].clone()),
    "pad_sequence-left": (lambda *x: aten.pad_sequence(x, False, 0.0, "left"), SMALL[:1].clone(), SMALL, torch.rand(0, 4)),
    "native_channel_shuffle": (lambda x: aten.native_channel_shuffle(x, 2), torch.rand(2, 6, 3)),
    "unsafe_split_with_sizes": (lambda x: aten.unsafe_split_with_sizes(x, [1, 0, 3]), SMALL),
    "narrow.Tensor": (lambda x: aten.narrow.Tensor(x, 1, torch.tensor(2), 2), SMALL),
    "range": (lambda x: x + aten.range(1, 4), SMALL), "range.step": (lambda x: x + aten.range.step(2, -1.6, -1.2), SMALL),
    "kaiser_window": (lambda x: x + aten.kaiser_window(4), SMALL), "kaiser_window.periodic": (lambda x: x + aten.kaiser_window(4, False), SMALL),
    "kaiser_window.beta": (lambda x: x + aten.kaiser_window(4, True, 3.5), SMALL),
    "gather-element": (lambda *x: (aten.gather(x[0], 0, x[1]), aten.gather(x[2], 0, x[1]), aten.gather(x[2], 0, x[3])),
                       torch.rand(()), torch.tensor(0), torch.rand(1), torch.tensor([0, 0])),
    "stft": (lambda x, w: aten.stft(x, 16, 5, 12, w, False, True, True), SIGNALS, WINDOW),
    "stft-whole": (lambda x: aten.stft(x, 16, 5, 12, None, True, False, False), SIGNALS[0]),
    "stft.center": (lambda x, w: aten.stft.center(x, 16, None, 12, w, True, "reflect", False, True, True), SIGNALS, WINDOW),
    "istft": (lambda x, w: aten.istft(x, 16, 4, 12, w), torch.stft(SIGNALS, 16, 4, 12, WINDOW, return_complex=True), WINDOW),
    "istft-whole": (lambda x: aten.istft(x, 16, 4, None, None, False, True, False, 45),
                    torch.stft(SIGNALS[0], 16, 4, center=False, normalized=True, onesided=False, return_complex=True)),
    "istft-not-symmetric": (lambda x: aten.istft(x, 10), torch.rand(10, 2, dtype=torch.complex64)),
    "isreal": (aten.isreal, torch.tensor([1 + 2j, 3 + 0j])), "sum_to_size": (lambda x: aten.sum_to_size(x, [4]), NUMBERS[:, :].int() % 7),
    "fft_fftfreq": (lambda x: x + aten.fft_fftfreq(4, 0.3), SMALL), "fft_rfftfreq": (lambda x: x + aten.fft_rfftfreq(7), SMALL),
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
