"""Single operations that are timed as models of one layer: products, convolutions, rows, attention.

Each entry gives a module with random weights, its inputs, and how many floating-point operations
(a multiply-add is two) one call takes, where those bound its time.
"""
import torch
from torch import nn
from torch.nn import functional as F


class _Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def _linear(rows, columns, inner):
    return nn.Linear(inner, columns), (torch.randn(rows, inner),), 2 * rows * columns * inner


class NarrowLinear(nn.Module):
    """A layer whose weights are bf16, or int8 with a scale for each column; sums are f32."""

    def __init__(self, weight, dtype):
        super().__init__()
        self.register_buffer("scales", weight.abs().amax(1, keepdim=True) / 127 if dtype == torch.int8 else None)
        self.register_buffer("weight", (weight if self.scales is None else (weight / self.scales).round()).to(dtype))

    def forward(self, x):
        if self.scales is None:
            return F.linear(x.to(self.weight.dtype), self.weight).float()
        return F.linear(x, self.weight.float() * self.scales)


class FourBitLinear(nn.Module):
    """A layer whose weights are four bits, two in a byte, with a scale for each `group` of them along k."""

    def __init__(self, weight, group=64):
        super().__init__()
        columns = weight.shape[0]
        weight = weight.reshape(columns, -1, group)
        self.register_buffer("scales", weight.abs().amax(2, keepdim=True) / 7)
        values = ((weight / self.scales).round() + 8).to(torch.uint8).flatten(1)
        self.register_buffer("weight", values[:, ::2] | values[:, 1::2] << 4)
        self.shape = weight.shape

    def forward(self, x):
        weight = torch.stack((self.weight & 15, self.weight >> 4), -1).view(self.shape)
        return F.linear(x, ((weight.float() - 8) * self.scales).flatten(1))


class DynamicLinear(nn.Module):
    """A layer of int8 weights with a scale for each column, whose inputs are quantised in the call, by rows."""

    def __init__(self, layer):
        super().__init__()
        self.register_buffer("scales", layer.weight.detach().abs().amax(1, keepdim=True) / 127)
        self.register_buffer("weight", (layer.weight.detach() / self.scales).round().to(torch.int8))
        self.bias = layer.bias

    def forward(self, x):
        scales = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
        x = (x / scales).round().clamp(-128, 127).to(torch.int8).float() * scales
        return F.linear(x, self.weight.float() * self.scales, self.bias)


class StaticConvolution(nn.Module):
    """A convolution of int8 weights with a scale for each channel, whose inputs, from `low` to `high`, become uint8."""

    def __init__(self, layer, low, high):
        super().__init__()
        self.register_buffer("scales", layer.weight.detach().abs().amax((1, 2, 3), keepdim=True) / 127)
        self.register_buffer("weight", (layer.weight.detach() / self.scales).round().to(torch.int8))
        self.bias, self.stride, self.padding = layer.bias, layer.stride, layer.padding
        self.scale = max(high - low, 1e-5) / 255
        self.zero = round(-low / self.scale)

    def forward(self, x):
        x = ((x / self.scale).round() + self.zero).clamp(0, 255).to(torch.uint8)
        x = (x.float() - self.zero) * self.scale
        return F.conv2d(x, self.weight.float() * self.scales, self.bias, self.stride, self.padding)


def quantize_layers(model, inputs):
    """`model` with each linear layer quantised dynamically, and each convolution by the range of what it reads of `inputs`."""
    ranges = {}
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, (nn.Linear, nn.Conv2d))}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(
            lambda _, x, name=name: ranges.update({name: (min(x[0].min().item(), 0.0), max(x[0].max().item(), 0.0))}))
    with torch.no_grad():
        model(*inputs)
    for name, layer in layers.items():
        if isinstance(layer, nn.Linear):
            model.set_submodule(name, DynamicLinear(layer))
        elif layer.groups == 1:
            model.set_submodule(name, StaticConvolution(layer, *ranges[name]))
    return model


def _narrow_linear(rows, columns, inner, dtype):
    return NarrowLinear(torch.randn(columns, inner), dtype), (torch.randn(rows, inner),), 2 * rows * columns * inner


def _convolution(channels, size, out, kernel, stride=1, groups=1):
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups)
    pixels = (size // stride) ** 2
    return layer, (torch.randn(1, channels, size, size),), 2 * pixels * out * (channels // groups) * kernel**2


def _attention(heads, length, size):
    function = _Function(lambda q, k, v: F.scaled_dot_product_attention(q, k, v))
    return function, tuple(torch.randn(1, heads, length, size) for _ in range(3)), 4 * heads * length**2 * size


KERNELS = {
    "gemm-128x768x768": lambda: _linear(128, 768, 768),
    "gemm-128x3072x768": lambda: _linear(128, 3072, 768),
    "gemm-128x768x3072": lambda: _linear(128, 768, 3072),
    "gemm-512x512x512": lambda: _linear(512, 512, 512),
    "gemm-1024x1024x1024": lambda: _linear(1024, 1024, 1024),
    "gemm-16x4096x4096": lambda: _linear(16, 4096, 4096),
    "gemv-4096x4096": lambda: _linear(1, 4096, 4096),
    "gemv-4096x4096-bf16": lambda: _narrow_linear(1, 4096, 4096, torch.bfloat16),
    "gemv-4096x4096-int8": lambda: _narrow_linear(1, 4096, 4096, torch.int8),
    "gemv-4096x4096-int4": lambda: (FourBitLinear(torch.randn(4096, 4096)), (torch.randn(1, 4096),), 2 * 4096 * 4096),
    "gemm-128x768x3072-int8": lambda: (DynamicLinear(nn.Linear(3072, 768)), (torch.randn(128, 3072),), 2 * 128 * 768 * 3072),
    "gemv-768x3072": lambda: _linear(1, 3072, 768),
    "conv-3x3-64-56": lambda: _convolution(64, 56, 64, 3),
    "conv-3x3-256-14": lambda: _convolution(256, 14, 256, 3),
    "conv-3x3-512-7": lambda: _convolution(512, 7, 512, 3),
    "conv-3x3-stride-128-56": lambda: _convolution(128, 56, 128, 3, 2),
    "conv-1x1-256-56": lambda: _convolution(256, 56, 64, 1),
    "conv-1x1-96-56": lambda: _convolution(96, 56, 24, 1),
    "conv-depthwise-96-112": lambda: _convolution(96, 112, 96, 3, 2, 96),
    "conv-depthwise-192-28": lambda: _convolution(192, 28, 192, 3, 1, 192),
    "conv-stem-7x7": lambda: _convolution(3, 224, 64, 7, 2),
    "softmax-1536x128": lambda: (_Function(lambda x: F.softmax(x, -1)), (torch.randn(1536, 128),), None),
    "layernorm-128x768": lambda: (nn.LayerNorm(768), (torch.randn(128, 768),), None),
    "attention-12x128x64": lambda: _attention(12, 128, 64),
    "attention-12x512x64": lambda: _attention(12, 512, 64),
    "gelu-128x3072": lambda: (_Function(lambda x: F.gelu(x)), (torch.randn(128, 3072),), None),
    "add-16m": lambda: (_Function(lambda x, y: x + y), (torch.randn(1 << 24), torch.randn(1 << 24)), None),
}
