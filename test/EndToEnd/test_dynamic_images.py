"""Images whose size only a call knows: resized, sampled, pooled and padded."""
import pytest
import torch
import torchc
from torch import nn
from torch.export import Dim

F = nn.functional
LINES, IMAGES, VOLUMES = [(2, 3, 10), (2, 3, 31), (1, 3, 1)], [(2, 3, 10, 11), (2, 3, 7, 20), (1, 3, 1, 5)], \
    [(2, 2, 4, 5, 6), (2, 2, 7, 8, 3), (1, 2, 1, 1, 5)]
GRID = torch.stack(torch.meshgrid(torch.linspace(-3, 3, 25), torch.linspace(-2, 2, 17), indexing="xy"), -1)[None]
SAMPLES = torch.tensor([[0.3, 0.7]])


def random(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def compile_function(function, shapes):
    """Dims in which the shapes differ are dynamic."""
    dims = {d: Dim.AUTO for d in range(len(shapes[0])) if len({shape[d] for shape in shapes}) > 1}
    with torch.no_grad():
        return torchc.compile(torch.export.export(Apply(function), (random(shapes[0]),), dynamic_shapes=(dims,)))


def check(function, shapes, **tolerances):
    program = compile_function(function, shapes)
    for shape in shapes:
        torch.testing.assert_close(program(random(shape)), function(random(shape)), **tolerances)


@pytest.mark.parametrize("shapes, mode, aligns", [
    (LINES, "nearest", ()), (LINES, "linear", (False, True)), (IMAGES, "nearest", ()), (IMAGES, "nearest-exact", ()),
    (IMAGES, "bilinear", (False, True)), (IMAGES, "bicubic", (False, True)), (VOLUMES, "nearest", ()),
    (VOLUMES, "trilinear", (False, True))])
def test_resize(shapes, mode, aligns):
    """By factors, whose result may be as long as the image or twice as long, and to sizes."""
    def resize(x):
        sizes = [(9, 13, 5)[:x.dim() - 2], [2 * size + 1 for size in x.shape[2:]]]
        options = [{"align_corners": align} for align in aligns] or [{}]
        factors = (2.0, 1.05, 2.05, 1.3) if mode == "nearest" else (1.05, 1.3)
        return [*(F.interpolate(x, scale_factor=factor, mode=mode) for factor in factors),
                *(F.interpolate(x, size=size, mode=mode, **more) for size in sizes for more in options),
                F.interpolate(x, scale_factor=1.7, recompute_scale_factor=True, mode=mode)]

    check(resize, shapes)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resize_antialiased(mode):
    def resize(x):
        return [F.interpolate(x, size=(6, 4), mode=mode, antialias=True), F.interpolate(x, scale_factor=1.05, mode=mode, antialias=True)]

    check(resize, [(2, 3, 10, 11), (2, 3, 33, 4), (1, 3, 1, 2)])


def test_resize_of_large_images():
    """Nearest neighbours are not those of a small image."""
    check(lambda x: F.interpolate(x, scale_factor=(1.005, 2.005)), [(1, 1, 90, 70), (1, 1, 30, 40), (1, 1, 20, 70)])


def test_gradients_of_resizes():
    def gradients(x):
        sizes = [2 * size for size in x.shape[2:]]
        gradient = torch.arange(4 * x.shape[2] * x.shape[3]).view(1, 1, *sizes).remainder(7).float().expand(*x.shape[:2], -1, -1)
        return [torch.ops.aten.upsample_nearest2d_backward(gradient, sizes, x.shape, 2.0, 2.0),
                torch.ops.aten._upsample_nearest_exact2d_backward(gradient, sizes, x.shape, None, None),
                torch.ops.aten._adaptive_avg_pool2d_backward(gradient[:, :, :2, :2], x)]

    check(gradients, [(2, 3, 10, 11), (2, 3, 7, 20), (1, 3, 2, 3)])


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode):
    def sample(x):
        return [F.grid_sample(x, GRID.expand(x.shape[0], -1, -1, -1), mode=mode, padding_mode=padding, align_corners=align)
                for padding, align in (("zeros", False), ("border", True), ("reflection", False), ("reflection", True))]

    check(sample, [(2, 3, 10, 11), (2, 3, 42, 7), (1, 3, 1, 5)], rtol=1e-4, atol=1e-4)


def test_grid_sample_of_volumes():
    grid = GRID.view(1, 5, 5, 17, 2)[..., :1] * torch.tensor([1.0, 0.5, -0.7])
    check(lambda x: F.grid_sample(x, grid.expand(x.shape[0], -1, -1, -1, -1), align_corners=False), VOLUMES, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shapes, pools", [
    (LINES, lambda x: [F.adaptive_avg_pool1d(x, 4), F.adaptive_max_pool1d(x, 3, return_indices=True), F.adaptive_avg_pool1d(x, 1)]),
    (IMAGES, lambda x: [F.adaptive_avg_pool2d(x, (4, 7)), F.adaptive_max_pool2d(x, (3, 2), return_indices=True),
                        F.adaptive_avg_pool2d(x, (None, 3)), F.interpolate(x, scale_factor=0.5, mode="area")]),
    (VOLUMES, lambda x: [F.adaptive_avg_pool3d(x, (4, 2, 1)), F.adaptive_max_pool3d(x, 2, return_indices=True)])])
def test_adaptive_pooling(shapes, pools):
    check(pools, shapes)


def test_fractional_pooling():
    def pool(x):
        samples = SAMPLES.expand(x.shape[0], x.shape[1], 2)
        return F.fractional_max_pool2d(x, 2, output_size=(3, 1), return_indices=True, _random_samples=samples)

    check(pool, [(2, 3, 10, 11), (2, 3, 7, 20), (1, 3, 4, 2)])


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding(mode):
    check(lambda x: [F.pad(x, (2, 1, 0, 3), mode=mode), F.pad(x, (-2, 1, 1, -1), mode=mode)], [(2, 3, 10, 11), (2, 3, 4, 5)])


@pytest.mark.parametrize("function, shapes, message", [
    (lambda x: F.interpolate(x, scale_factor=0.5), [(1, 1, 4, 4), (1, 1, 1, 4)], "which demands"),
    (lambda x: F.interpolate(x, size=(3, 3)), [(1, 1, 4, 4), (1, 1, 0, 4)], "an image without elements cannot be resized"),
    (lambda x: F.grid_sample(x, GRID, align_corners=True), [(1, 1, 4, 4), (1, 1, 0, 4)], "without elements cannot be sampled"),
    (lambda x: F.adaptive_avg_pool2d(x, 3), [(1, 1, 4, 4), (1, 1, 0, 4)], "without elements cannot be pooled"),
    (lambda x: F.pad(x, (2, 2), mode="circular"), [(1, 1, 4), (1, 1, 1)], "padding more often than once around"),
    (lambda x: F.pad(x, (2, 2), mode="replicate"), [(1, 1, 4), (1, 1, 0)], "no element to pad with"),
    (lambda x: F.pad(x, (2, 2), mode="reflect"), [(1, 1, 4), (1, 1, 2)], "must be 3 to"),
    (lambda x: F.fractional_max_pool2d(x, 2, output_size=3, _random_samples=SAMPLES[None]), [(1, 1, 9, 9), (1, 1, 3, 9)],
     "must be 4 to"),
    # The exporter fixes the length of this one's result.
    (lambda x: F.interpolate(x, scale_factor=2.0, mode="area"), [(1, 1, 4), (1, 1, 6)], "which demands math.trunc"),
])
def test_sizes_that_do_not_fit(function, shapes, message):
    program = compile_function(function, shapes)
    torch.testing.assert_close(program(random(shapes[0])), function(random(shapes[0])))
    with pytest.raises(torchc.RunError, match=message):
        program(random(shapes[1]))
