"""What the compiler does to weights and layouts of small networks leaves their results as they are."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchc
from models.resnet import randomize_batch_norm


class DenseBlock(nn.Module):
    """Channels concatenated, and a batch norm before its convolution."""

    def __init__(self):
        super().__init__()
        self.first, self.grow, self.last = nn.Conv2d(3, 16, 3, 1, 1), nn.Conv2d(16, 8, 3, 1, 1), nn.Conv2d(24, 20, 1)
        self.norm, self.norm_all = nn.BatchNorm2d(16), nn.BatchNorm2d(24)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        return self.last(F.relu(self.norm_all(torch.cat([x, self.grow(x)], 1))))


class SqueezeExcitation(nn.Module):
    """A mean of the image scales its channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24)
        self.squeeze, self.excite = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)

    def forward(self, x):
        x = F.silu(self.norm(self.conv(x)))
        return x * torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))


class ShuffleUnit(nn.Module):
    """Grouped convolution, channels shuffled and split, a depthwise convolution."""

    def __init__(self):
        super().__init__()
        self.grouped, self.norm = nn.Conv2d(16, 16, 1, groups=2), nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)

    def forward(self, x):
        n, c, h, w = x.shape
        x = self.norm(self.grouped(x)).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        left, right = x.chunk(2, 1)
        return torch.cat([self.depthwise(left), right], 1)


class ConvNextBlock(nn.Module):
    """To channels last and back again, by hand."""

    def __init__(self):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(12, 12, 7, 1, 3, groups=12), nn.LayerNorm(12)
        self.up, self.down, self.scale = nn.Linear(12, 48), nn.Linear(48, 12), nn.Parameter(torch.rand(12))

    def forward(self, x):
        y = self.down(F.gelu(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))) * self.scale
        return x + y.permute(0, 3, 1, 2)


class VisionTransformer(nn.Module):
    """Patches, then one layer of attention."""

    def __init__(self):
        super().__init__()
        self.patches, self.project = nn.Conv2d(3, 32, 4, 4), nn.Linear(32, 96)
        self.place = nn.Parameter(torch.randn(1, 16, 32))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.place
        q, k, v = (t.view(*t.shape[:2], 4, 8).transpose(1, 2) for t in self.project(x).chunk(3, -1))
        return x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class TiedEmbedding(nn.Module):
    """The weights of the last layer are looked up, too."""

    def __init__(self):
        super().__init__()
        self.embedding, self.hidden = nn.Embedding(50, 24), nn.Linear(24, 24)

    def forward(self, ids):
        return F.linear(torch.tanh(self.hidden(self.embedding(ids))), self.embedding.weight)


def grouped_convolution():
    return nn.Sequential(nn.Conv2d(8, 32, 3, 1, 1, groups=4), nn.BatchNorm2d(32), nn.ReLU(),
                         nn.Conv2d(32, 64, 3, 2, 1, groups=32), nn.BatchNorm2d(64))


def stem():
    return nn.Sequential(nn.Conv2d(3, 20, 7, 2, 3), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(3, 2, 1))


def pointwise_alone():
    """Without other convolutions around it, it reads channels-first images."""
    return nn.Sequential(nn.Conv2d(10, 36, 1), nn.BatchNorm2d(36), nn.ReLU6())


class TokenMixing(nn.Module):
    """Places are mixed, not channels: weights times the matrix that comes."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(12, 20)

    def forward(self, x):
        return F.silu(self.mix(x.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("target_cpu", ["haswell", "skylake-avx512"])
@pytest.mark.parametrize("build, shape", [
    (DenseBlock, (2, 3, 10, 6)), (SqueezeExcitation, (2, 8, 10, 6)), (ShuffleUnit, (2, 16, 6, 6)),
    (ConvNextBlock, (2, 12, 8, 10)), (VisionTransformer, (2, 3, 16, 16)), (TiedEmbedding, (2, 9)),
    (grouped_convolution, (2, 8, 9, 11)), (stem, (2, 3, 30, 21)), (pointwise_alone, (3, 10, 12, 16)),
    (TokenMixing, (2, 12, 96))], ids=lambda value: getattr(value, "__name__", ""))
def test_network_equals_eager(build, shape, target_cpu):
    if target_cpu == "skylake-avx512" and torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("this CPU has no AVX-512")
    torch.manual_seed(0)
    model = build().eval()
    randomize_batch_norm(model)
    x = torch.randint(0, 50, shape) if build is TiedEmbedding else torch.randn(shape)
    with torch.no_grad():
        program = torchc.compile(torch.export.export(model, (x,)), target_cpu=target_cpu)
        torch.testing.assert_close(program(x), model(x), rtol=1e-5, atol=1e-5)
