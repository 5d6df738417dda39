"""Sizes that only a call knows: dynamic dims from 0 on, sizes that data decides, and the guards of an export."""
import pytest
import torch
import torchc
from torch import nn
from torch.export import Dim


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def compile_model(model, inputs, dynamic_shapes):
    return torchc.compile(torch.export.export(model, inputs, dynamic_shapes=dynamic_shapes))


class Attention(nn.Module):
    """Attention over a batch and a length that are both dynamic, with views, a mask and a mean."""

    def __init__(self):
        super().__init__()
        self.project, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = self.project(x).view(b, n, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        mask = torch.ones(n, n, dtype=torch.bool).tril()
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = self.out(y.transpose(1, 2).reshape(b, n, 8)) + x
        return y, torch.cat([y, x], dim=1).flatten(1), y.sum(1), torch.arange(n) * 2


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return nn.functional.max_pool2d(y, 2), nn.functional.adaptive_avg_pool2d(y, 1).flatten(1)


@pytest.mark.parametrize("make, shapes, dims", [
    (Attention, [(3, 5, 8), (1, 1, 8), (2, 17, 8), (0, 4, 8), (2, 0, 8)], {0: Dim("b", min=0), 1: Dim("n", min=0)}),
    (Convolutions, [(2, 3, 12, 10), (1, 3, 33, 20), (0, 3, 12, 10), (5, 3, 8, 9)],
     {0: Dim("b", min=0), 2: Dim("h", min=8, max=64), 3: Dim("w", min=8, max=64)}),
])
def test_dims(make, shapes, dims):
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        program = compile_model(model, (random(*shapes[0]),), {"x": dims})
        for shape in shapes:
            torch.testing.assert_close(program(random(*shape)), model(random(*shape)), rtol=1e-4, atol=1e-5)


class Parts(nn.Module):
    """What splits of a dynamic dim give, one of the parts written."""

    def forward(self, x):
        y = x * 2
        y.chunk(2)[1].mul_(3)
        return (*x.chunk(2), *x.split(4), *x.tensor_split((1, 3)), y)


class Sections(nn.Module):
    def forward(self, x):
        y = x * 2
        y.tensor_split(3)[1].add_(1)
        return (*x.tensor_split(3), y)


class Diagonals(nn.Module):
    def forward(self, x):
        return x.diagonal(), x.diagonal(1), x.diagonal(-2, 1, 0), x.unfold(0, 2, 1)


class WrittenDiagonals(nn.Module):
    """The second of a matrix without columns."""

    def forward(self, x):
        y, z = x.clone(), x[:, :0].clone()
        y.diagonal(1).mul_(3)
        z.diagonal().mul_(3)
        return y, z


class Columns(nn.Module):
    """The windows of an image."""

    def forward(self, x):
        return nn.functional.unfold(x[None, None], (2, 3), padding=1, stride=2)


@pytest.mark.parametrize("model, sizes", [(Parts(), (7, 6, 8)), (Sections(), (7,)), (Diagonals(), (7, 6, 12)),
                                          (WrittenDiagonals(), (7, 3, 4)),
                                          (Columns(), (7, 9, 5))])
def test_parts(model, sizes):
    program = compile_model(model, (random(7, 4),), {"x": {0: Dim.AUTO}})
    for size in sizes:
        torch.testing.assert_close(program(random(size, 4)), model(random(size, 4)))


def test_constants_of_dynamic_sizes():
    """A matrix of equal numbers is none of the model's weights where the input gives its size."""
    class Product(nn.Module):
        def forward(self, x):
            y = torch.ones_like(x) * 0.5
            return torch.matmul(y, y.mT), torch.matmul(x, y.mT) * 3

    program = compile_model(Product(), (random(8, 11),), {"x": {1: Dim.AUTO}})
    for size in (11, 5):
        torch.testing.assert_close(program(random(8, size)), Product()(random(8, size)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.int32, torch.int16, torch.uint8])
def test_median_of_nothing(dtype):
    class Median(nn.Module):
        def forward(self, x):
            return x.median(), x.nanmedian()

    program = compile_model(Median(), (random(4).to(dtype),), {"x": {0: Dim("n", min=0)}})
    for size in (4, 1, 0):
        x = random(size).to(dtype)
        torch.testing.assert_close(program(x), Median()(x), equal_nan=True)


class Nonzero(nn.Module):
    def forward(self, x, mask):
        places = (x > 0).nonzero()
        return places, x[x > 0.5], x[mask], x[:, 1][mask] * 2, torch.masked_select(x, x < 0).sum()


class MaskedWrites(nn.Module):
    def forward(self, x, mask):
        y = x.clone()
        y[y > 0.5] = 0
        y[mask] = y[mask] * 2 + 1
        z = x.clone()
        z[mask, 1:] = -7.0
        return y, z


class Item(nn.Module):
    def forward(self, x, mask):
        n = mask.sum().item()
        torch._check(n >= 0)
        torch._check(n <= x.shape[0])
        return x[:n] * n, torch.zeros(n, 2) + 1, torch.arange(n)


MASKS = [torch.tensor(m) for m in ([True, False, True, True], [False] * 4, [True] * 4)]


@pytest.mark.parametrize("make", [Nonzero, MaskedWrites, Item])
def test_data_decides(make):
    inputs = [(random(4, 3) + shift, mask) for shift, mask in zip((0, -9, 9), MASKS)]
    program = compile_model(make(), inputs[0], None)
    for values in inputs:
        torch.testing.assert_close(program(*values), make()(*values))


class Guarded(nn.Module):
    """Exports with conditions on its sizes, some with `or` and `max`."""

    def forward(self, x, y):
        if max(x.shape[0], y.shape[0]) > 4:
            return x.sum() + y.sum()
        return x.sum() - y.sum()


def test_guards(capfd):
    dims = {"x": {0: Dim.DYNAMIC}, "y": {0: Dim.DYNAMIC}}
    program = compile_model(Guarded(), (random(7), random(3)), dims)
    assert "not checked" not in capfd.readouterr().err
    for n, m in ((7, 3), (3, 9), (5, 5), (6, 1)):
        torch.testing.assert_close(program(random(n), random(m)), Guarded()(random(n), random(m)))
    with pytest.raises(torchc.RunError, match="the sizes of the inputs do not fit the exported model"):
        program(random(4), random(2))


class Bits(nn.Module):
    def forward(self, x):
        return x.view(torch.int32)


def test_bits_of_dynamic_length():
    """Two elements of a narrow dtype make one of a wider one."""
    length = 2 * Dim("n", min=1, max=64)
    program = compile_model(Bits(), (torch.arange(8, dtype=torch.int16),), {"x": {0: length}})
    for n in (4, 6, 10):
        x = torch.arange(n, dtype=torch.int16) * 1000
        torch.testing.assert_close(program(x), Bits()(x))


class Runs(nn.Module):
    def forward(self, x):
        return torch.unique_consecutive(x, return_inverse=True, return_counts=True)


def test_runs_of_equal_elements():
    program = compile_model(Runs(), (torch.tensor([1, 1, 2, 2, 2]),), {"x": {0: Dim("n", min=0)}})
    for values in ([1, 1, 2, 2, 2], [3], [], [1, 2, 2, 1]):
        x = torch.tensor(values, dtype=torch.int64)
        torch.testing.assert_close(program(x), Runs()(x))


class Views(nn.Module):
    """Views by strides, one of them written."""

    def forward(self, x):
        y = x * 2
        y.as_strided((x.shape[0],), (4,), 1).mul_(3)
        windows = torch.as_strided(y, (4 * x.shape[0] - 2, 3), (1, 1))
        return windows, y.as_strided((2, 2), (2, 1), 4 * x.shape[0] - 4), torch.as_strided_scatter(x, x[:, 0], (x.shape[0],), (4,)), y


class Losses(nn.Module):
    def forward(self, x):
        places = torch.arange(x.shape[1])
        return (nn.functional.multi_margin_loss(x.T, torch.zeros(4, dtype=torch.long)),
                nn.functional.multilabel_margin_loss(x.T, (torch.arange(x.shape[0]) % 3 - 1).expand(4, -1)),
                torch._chunk_cat([x, x * 2], 0, 3), places)


class Correlations(nn.Module):
    """Convolutions with a filter, and a number of filters, that only a call knows."""

    def forward(self, x):
        line, image = torch.arange(120.0).sin().view(2, 4, 15), torch.arange(240.0).cos().view(1, 4, 12, 5)
        filters = x[:, :, None].expand(-1, -1, 3)
        return (nn.functional.conv1d(line[:, :1], x.T[:, None], padding=3, stride=2), nn.functional.conv1d(line, filters, x[:, 0]),
                nn.functional.conv2d(image, x.view(1, 1, -1, 4).expand(6, 2, -1, -1), groups=2, padding=(8, 1), dilation=(1, 2)),
                nn.functional.conv_transpose1d(line, filters.transpose(0, 1), stride=2, padding=1, output_padding=1),
                nn.functional.conv_transpose2d(image, x.view(1, 1, -1, 4).expand(4, 3, -1, -1), groups=2, stride=(2, 1), dilation=(1, 2)))


class Spectra(nn.Module):
    def forward(self, x):
        x, n = x.T, x.shape[0]
        spectrum = torch.fft.rfft(x, norm="ortho")
        smooth = torch.fft.irfft(torch.fft.rfft(x, n=2 * n) * torch.fft.rfft(x + 1, n=2 * n), n=2 * n)
        return torch.view_as_real(spectrum), smooth, torch.fft.irfft(spectrum), torch.view_as_real(torch.fft.fft2(x, norm="forward"))


@pytest.mark.parametrize("make", [Views, Losses, Correlations, Spectra])
def test_operators(make):
    program = compile_model(make(), (random(7, 4),), {"x": {0: Dim.AUTO}})
    for size in (7, 10, 8):
        torch.testing.assert_close(program(random(size, 4)), make()(random(size, 4)), rtol=1e-4, atol=1e-5)


def test_views_behind_the_end():
    class View(nn.Module):
        def forward(self, x):
            return x.as_strided((3, 4), (4, 1), x.shape[0] - 2)

    program = compile_model(View(), (random(20),), {"x": {0: Dim("n", min=2)}})
    with pytest.raises(torchc.RunError, match="a view of memory behind the end of its tensor"):
        program(random(20))


def test_correlation_with_a_filter_that_is_too_large():
    class Correlation(nn.Module):
        def forward(self, x, w):
            return nn.functional.conv1d(x, w)

    program = compile_model(Correlation(), (random(1, 2, 9), random(3, 2, 4)), {"x": {}, "w": {2: Dim.AUTO}})
    torch.testing.assert_close(program(random(1, 2, 9), random(3, 2, 7)), Correlation()(random(1, 2, 9), random(3, 2, 7)))
    with pytest.raises(torchc.RunError, match="must be 0 to 9"):
        program(random(1, 2, 9), random(3, 2, 10))


def test_training_with_an_empty_batch():
    """Running statistics stay as they are."""
    torch.manual_seed(0)
    model = nn.BatchNorm2d(3).train()
    program = compile_model(model, (random(4, 3, 2, 2),), {"input": {0: Dim.AUTO}})
    for size in (4, 0, 1, 5):
        x = random(size, 3, 2, 2)
        torch.testing.assert_close(program(x), model(x).detach(), rtol=1e-4, atol=1e-5)
    state = program.state()
    for name, expected in model.named_buffers():
        torch.testing.assert_close(torch.as_tensor(state[name]), expected)
