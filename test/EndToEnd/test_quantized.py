"""Quantised models as PyTorch's exporters write them: integers, with scales and zero points as arguments."""
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401: registers the operators
import torch.nn.functional as F
from torch import nn

import torchc

Q = torch.ops.quantized_decomposed


def quantize_weight(weight):
    """Symmetric int8, one scale for each output channel."""
    scales = weight.detach().flatten(1).abs().amax(1) / 127
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    return Q.quantize_per_channel(weight.detach(), scales, zeros, 0, -127, 127, torch.int8), scales, zeros


class Quantized(nn.Module):
    """Holds the weights of a layer as int8."""

    def __init__(self, layer):
        super().__init__()
        weight, scales, zeros = quantize_weight(layer.weight)
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", zeros)
        self.bias = layer.bias

    def get_weight(self):
        return Q.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8)


class Network(nn.Module):
    """Static quantisation: the scales of activations are numbers."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear = Quantized(nn.Conv2d(3, 8, 3, padding=1)), Quantized(nn.Linear(8, 5))

    def requantize(self, x, scale, zero, dtype=torch.uint8, low=0, high=255):
        x = Q.quantize_per_tensor(x, scale, zero, low, high, dtype)
        return Q.dequantize_per_tensor(x, scale, zero, low, high, dtype)

    def forward(self, x):
        x = self.requantize(x, 0.04, 128)
        x = self.requantize(F.relu(F.conv2d(x, self.conv.get_weight(), self.conv.bias, padding=1)), 0.02, 0)
        x = F.linear(x.mean((2, 3)), self.linear.get_weight(), self.linear.bias)
        return self.requantize(x, 0.03, -3, torch.int8, -128, 127)


def check(model, *inputs, dynamic_shapes=None, others=()):
    model.eval()
    for level in (0, 3):
        program = torchc.compile(torch.export.export(model, inputs, dynamic_shapes=dynamic_shapes), opt_level=level)
        with torch.no_grad():
            for call in (inputs, *others):
                torch.testing.assert_close(program(*call), model(*call), rtol=1e-5, atol=1e-5)


def test_static_network():
    torch.manual_seed(0)
    batch = torch.export.Dim("batch", min=1, max=8)
    check(Network(), torch.randn(2, 3, 6, 6), dynamic_shapes=({0: batch},), others=[(torch.randn(5, 3, 6, 6),)])


class Residual(Network):
    """Blocks whose sum the next block adds to, and quantises for its convolution."""

    def __init__(self, stride):
        super().__init__()
        self.stem = Quantized(nn.Conv2d(3, 24, 1))
        self.blocks = nn.ModuleList(Quantized(nn.Conv2d(24, 24, 3 if i % 2 else 1, padding=i % 2)) for i in range(4))
        self.last = Quantized(nn.Conv2d(24, 8, 1, stride=stride))
        self.stride = stride

    def forward(self, x):
        x = F.conv2d(self.requantize(x, 0.04, 128), self.stem.get_weight(), self.stem.bias)
        for i, block in enumerate(self.blocks):
            inner = self.requantize(x, 0.03, 3, torch.int8, -128, 127)
            x = F.relu(x + F.conv2d(inner, block.get_weight(), block.bias, padding=i % 2))
        return x, F.conv2d(self.requantize(x, 0.03, 0), self.last.get_weight(), self.last.bias, stride=self.stride)


@pytest.mark.parametrize("stride,size", [(1, 6), (2, 9)])
def test_residual_network(stride, size):
    torch.manual_seed(0)
    check(Residual(stride), torch.randn(1, 3, size, size))
    batch = torch.export.Dim("batch", min=1, max=8)
    check(Residual(stride), torch.randn(2, 3, size, size), dynamic_shapes=({0: batch},), others=[(torch.randn(5, 3, size, size),)])


class DynamicLinear(nn.Module):
    """Dynamic quantisation: each row of the activations has a scale and a zero point of its own."""

    def __init__(self):
        super().__init__()
        self.linear = Quantized(nn.Linear(16, 6))

    def forward(self, x):
        scales, zeros = Q.choose_qparams_per_token_asymmetric(x, torch.int8)
        quantized = Q.quantize_per_token(x, scales, zeros, -128, 127, torch.int8)
        back = Q.dequantize_per_token(quantized, scales, zeros, -128, 127, torch.int8, torch.float32)
        return quantized, F.linear(back, self.linear.get_weight(), self.linear.bias)


def test_dynamic_linear():
    torch.manual_seed(0)
    check(DynamicLinear(), torch.randn(4, 16) * 3)


class DynamicTensor(nn.Module):
    """The same with one scale for all of the activations."""

    def __init__(self, symmetric):
        super().__init__()
        self.linear = Quantized(nn.Linear(16, 6))
        self.choose = Q.choose_qparams_symmetric.tensor if symmetric else Q.choose_qparams.tensor

    def forward(self, x):
        scale, zero = self.choose(x, 0, 255, 1e-6, torch.uint8)
        quantized = Q.quantize_per_tensor.tensor(x, scale, zero, 0, 255, torch.uint8)
        back = Q.dequantize_per_tensor.tensor(quantized, scale, zero, 0, 255, torch.uint8)
        return scale, zero, quantized, F.linear(back, self.linear.get_weight(), self.linear.bias)


@pytest.mark.parametrize("symmetric", [False, True])
def test_dynamic_tensor(symmetric):
    torch.manual_seed(0)
    check(DynamicTensor(symmetric), torch.randn(4, 16) * 3, others=[(torch.rand(4, 16) + 1,), (torch.zeros(4, 16),)])


class IntegerProduct(nn.Module):
    """Sums of products of eight bits, which are scaled."""

    def __init__(self, inner, columns):
        super().__init__()
        weight, scales, _ = quantize_weight(torch.randn(columns, inner))
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)

    def forward(self, x):
        scales = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
        quantized = (x / scales).round().clamp(-128, 127).to(torch.int8)
        product = torch._int_mm(quantized, self.weight.t())
        return product, product.float() * scales * self.scales + x[:, :1]


@pytest.mark.parametrize("rows,inner,columns", [(1, 64, 48), (2, 8, 16), (33, 768, 80), (128, 300, 33), (17, 30, 32), (5, 4096, 64)])
def test_products_of_integers(rows, inner, columns):
    torch.manual_seed(0)
    check(IntegerProduct(inner, columns), torch.randn(rows, inner))


def test_products_of_extreme_integers():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.tensor([-128, 127], dtype=torch.int8).repeat(512, 16))

        def forward(self, x):
            return torch._int_mm(x, self.weight)

    x = torch.full((6, 512), -128, dtype=torch.int8)
    x[1], x[2], x[3, ::2] = 127, 0, 127
    check(Product(), x)


class ByTensors(nn.Module):
    """Scale and zero point of the whole tensor are tensors."""

    def forward(self, x, scale, zero):
        quantized = Q.quantize_per_tensor.tensor(x, scale, zero, 0, 255, torch.uint8)
        return quantized, Q.dequantize_per_tensor.tensor(quantized, scale, zero, 0, 255, torch.uint8)


@pytest.mark.parametrize("scale", [0.013, 2.0])
def test_scales_that_are_tensors(scale):
    torch.manual_seed(0)
    check(ByTensors(), torch.randn(7, 9) * 4, torch.tensor(scale), torch.tensor(131))


def test_rounding_and_saturation():
    class Round(nn.Module):
        def forward(self, x):
            return (Q.quantize_per_tensor(x, 0.5, 3, -128, 127, torch.int8), Q.quantize_per_tensor(x, 0.25, 10, 0, 15, torch.uint8),
                    Q.quantize_per_tensor(x, 0.001, 0, -32768, 32767, torch.int16))

    # Halfway between two integers, and beyond both ends.
    check(Round(), torch.cat([torch.arange(-20, 20) / 8, torch.tensor([1e9, -1e9, 1e-30, float("inf"), -float("inf")])]))


class WeightOnly(nn.Module):
    """A linear layer of int8 weights with scales by column and group, as code for language models writes it."""

    def __init__(self, columns, inner, group):
        super().__init__()
        weight = torch.randn(columns, inner // group, group)
        scales = weight.abs().amax(2, keepdim=True) / 127
        self.register_buffer("weight", (weight / scales).round().to(torch.int8))
        self.register_buffer("scales", scales)

    def forward(self, x):
        return F.linear(x, (self.weight.float() * self.scales).flatten(1))


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("columns, group", [(64, 96), (64, 32), (50, 96), (50, 32), (16, 96)])
def test_weights_of_few_bits_are_widened_where_they_are_read(rows, columns, group):
    torch.manual_seed(0)
    model = WeightOnly(columns, 96, group)
    check(model, torch.randn(rows, 96))


@pytest.mark.parametrize("channels, groups, padding", [(32, 1, 1), (32, 1, 0), (20, 1, 1), (32, 32, 1)])
def test_filters_of_few_bits(channels, groups, padding):
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.filter = Quantized(nn.Conv2d(32, channels, 3, groups=groups))

        def forward(self, x):
            return F.relu(F.conv2d(x, self.filter.get_weight(), self.filter.bias, padding=padding, groups=groups))

    torch.manual_seed(0)
    check(Convolution(), torch.randn(1, 32, 9, 7))


def test_scaled_results_of_weights_of_few_bits():
    class Scaled(WeightOnly):
        def forward(self, x):
            return F.linear(x, self.weight.flatten(1).float()) * self.scales[:, 0, 0]

    torch.manual_seed(0)
    check(Scaled(64, 96, 96), torch.randn(3, 96))


class PerTensor(nn.Module):
    """Linear layers with one scale and zero point of all activations, known (static) or not (dynamic)."""

    def __init__(self, inner, columns, weight_zero, unsigned, static):
        super().__init__()
        self.linear, self.unsigned, self.static = nn.Linear(inner, columns), unsigned, static
        weight, scales, zeros = quantize_weight(self.linear.weight)
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", zeros + weight_zero)

    def forward(self, x):
        low, high, dtype = (0, 255, torch.uint8) if self.unsigned else (-128, 127, torch.int8)
        if self.static:
            quantized = Q.quantize_per_tensor(x, 0.05, 100 if self.unsigned else -20, low, high, dtype)
            back = Q.dequantize_per_tensor(quantized, 0.05, 100 if self.unsigned else -20, low, high, dtype)
        else:
            scale, zero = Q.choose_qparams.tensor(x, low, high, 1e-6, dtype)
            quantized = Q.quantize_per_tensor.tensor(x, scale, zero, low, high, dtype)
            back = Q.dequantize_per_tensor.tensor(quantized, scale, zero, low, high, dtype)
        weight = Q.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8)
        return F.relu(F.linear(back, weight, self.linear.bias)), back.sum(-1)


@pytest.mark.parametrize("rows, inner, columns", [(1, 64, 48), (33, 256, 80), (20, 30, 17), (7, 1000, 32)])
@pytest.mark.parametrize("weight_zero", [0, 3])
@pytest.mark.parametrize("unsigned, static", [(False, False), (True, False), (True, True), (False, True)])
def test_products_of_quantized_factors(rows, inner, columns, weight_zero, unsigned, static):
    torch.manual_seed(0)
    check(PerTensor(inner, columns, weight_zero, unsigned, static), torch.randn(rows, inner) * 2 + 1)


class QuantizedConvolution(nn.Module):
    """A convolution whose activations have one scale and zero point."""

    def __init__(self, channels, out, kernel, weight_zero, unsigned, **options):
        super().__init__()
        self.options, self.unsigned = options, unsigned
        layer = nn.Conv2d(channels, out, kernel, **options)
        weight, scales, zeros = quantize_weight(layer.weight)
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", zeros + weight_zero)
        self.bias = layer.bias

    def forward(self, x):
        zero, low, high, dtype = (100, 0, 255, torch.uint8) if self.unsigned else (-20, -128, 127, torch.int8)
        x = Q.dequantize_per_tensor(Q.quantize_per_tensor(x, 0.03, zero, low, high, dtype), 0.03, zero, low, high, dtype)
        weight = Q.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8)
        return F.relu(F.conv2d(x, weight, self.bias, **self.options))


@pytest.mark.parametrize("weight_zero", [0, 3])
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("channels, out, kernel, options", [
    (16, 32, 3, {"padding": 1}), (8, 20, 3, {"padding": (2, 0), "stride": 2}), (12, 16, (1, 5), {"dilation": (1, 2)}),
    (6, 16, 3, {"padding": 1}), (16, 48, 1, {}), (16, 32, 1, {"stride": 2}), (16, 32, 3, {"groups": 2}), (16, 16, 3, {"groups": 16}),
    (3, 16, 7, {"padding": 3, "stride": 2})])
def test_convolutions_of_quantized_factors(channels, out, kernel, options, unsigned, weight_zero):
    torch.manual_seed(0)
    check(QuantizedConvolution(channels, out, kernel, weight_zero, unsigned, **options), torch.randn(2, channels, 13, 18))


def test_sums_of_products_are_exact():
    """Where eager adds up numbers that f32 cannot hold, the product of integers still can."""

    class Extreme(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.full((16, 8192), 127, dtype=torch.int8))
            self.weight[:, ::2] = -127
            self.weight[:, 1] = torch.arange(16)
            self.register_buffer("scales", torch.ones(16))
            self.register_buffer("zeros", torch.zeros(16, dtype=torch.int64))

        def forward(self, x):
            x = Q.quantize_per_tensor(x, 1.0, -128, -128, 127, torch.int8)
            x = Q.dequantize_per_tensor(x, 1.0, -128, -128, 127, torch.int8)
            return F.linear(x, Q.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8))

    model = Extreme()
    x = torch.full((3, 8192), 255.0)
    x[1, 5], x[2, 3] = 0, 254
    exact = (x.double() @ model.weight.double().T).float()
    for cpu in ("x86-64-v2", "x86-64-v3", "x86-64-v4", "host"):
        program = torchc.compile(torch.export.export(model, (x,)), target_cpu=cpu)
        assert torch.equal(program(x), exact)


@pytest.mark.parametrize("symmetric", [False, True])
def test_layers_of_a_transformer(symmetric):
    """One quantised tensor that three products read; a residual connection around each product."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.projections = nn.ModuleList(Quantized(nn.Linear(64, 64)) for _ in range(4))
            self.up, self.down = Quantized(nn.Linear(64, 128)), Quantized(nn.Linear(128, 64))
            self.norm = nn.LayerNorm(64)

        def quantize(self, x):
            if symmetric:
                scales = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
                return (x / scales).round().clamp(-128, 127).to(torch.int8).float() * scales
            scales, zeros = Q.choose_qparams_per_token_asymmetric(x, torch.int8)
            x = Q.quantize_per_token(x, scales, zeros, -128, 127, torch.int8)
            return Q.dequantize_per_token(x, scales, zeros, -128, 127, torch.int8, torch.float32)

        def forward(self, x):
            q, k, v, out = self.projections
            y = self.quantize(self.norm(x))
            heads = [F.linear(y, p.get_weight(), p.bias).unflatten(-1, (4, 16)).transpose(1, 2) for p in (q, k, v)]
            y = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
            x = x + F.linear(self.quantize(y), out.get_weight(), out.bias)
            y = F.gelu(F.linear(self.quantize(self.norm(x)), self.up.get_weight(), self.up.bias))
            return x + F.linear(self.quantize(y), self.down.get_weight(), self.down.bias)

    torch.manual_seed(0)
    model, x = Block().eval(), torch.randn(2, 12, 64)
    program = torchc.compile(torch.export.export(model, (x,)))
    with torch.no_grad():
        exact = model(x)
    # A number beside the middle of two integers may round to the other one: a step of one of 64 terms.
    assert (program(x) - exact).abs().max() < 0.01 * exact.abs().max()


def test_quantized_convolutions():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.middle, self.last = (Quantized(layer) for layer in (
                nn.Conv2d(16, 32, 1), nn.Conv2d(32, 32, 3, padding=1), nn.Conv2d(32, 16, 1)))

        def quantize(self, x, scale, zero):
            x = Q.quantize_per_tensor(x, scale, zero, -128, 127, torch.int8)
            return Q.dequantize_per_tensor(x, scale, zero, -128, 127, torch.int8)

        def forward(self, x):
            x = self.quantize(x, 0.03, 2)
            y = self.quantize(F.relu(F.conv2d(x, self.first.get_weight(), self.first.bias)), 0.02, -128)
            y = self.quantize(F.relu(F.conv2d(y, self.middle.get_weight(), self.middle.bias, padding=1)), 0.02, -128)
            return F.relu(x + F.conv2d(y, self.last.get_weight(), self.last.bias))

    torch.manual_seed(0)
    model, x = Block().eval(), torch.randn(1, 16, 14, 14)
    program = torchc.compile(torch.export.export(model, (x,)))
    with torch.no_grad():
        assert (program(x) - model(x)).abs().max() < 0.02 * model(x).abs().max()


class FourBits(nn.Module):
    """Weights of four bits as language models have them: two in a byte, a scale (and zero point) for each group."""

    def __init__(self, columns, inner, group, packing, has_zeros=False):
        super().__init__()
        self.shape, self.packing = (columns, inner // group, group), packing
        weight = torch.randn(self.shape) / inner**0.5
        self.register_buffer("scales", weight.abs().amax(2, keepdim=True) / 7)
        self.register_buffer("zeros", torch.randint(6, 10, (columns, inner // group, 1)).to(torch.uint8) if has_zeros else None)
        values = ((weight / self.scales).round().clamp(-8, 7) + 8).to(torch.uint8).flatten(1)
        if packing == "neighbours":
            packed = values[:, ::2] | values[:, 1::2] << 4
        elif packing == "halves":
            packed = values[:, : inner // 2] | values[:, inner // 2:] << 4
        else:
            packed = values.to(torch.int8) - 8
        self.register_buffer("weight", packed)

    def forward(self, x):
        if self.packing == "bytes":
            weight, middle = self.weight, 0
        else:
            low, high, middle = self.weight & 15, self.weight >> 4, 8
            weight = torch.stack((low, high), -1).flatten(1) if self.packing == "neighbours" else torch.cat((low, high), 1)
        weight = weight.view(self.shape).to(x.dtype)
        weight = weight - (middle if self.zeros is None else self.zeros.to(x.dtype))
        return F.linear(x, (weight * self.scales.to(x.dtype)).flatten(1))


@pytest.mark.parametrize("packing", ["neighbours", "halves", "bytes"])
@pytest.mark.parametrize("rows, columns, inner, group", [(1, 64, 256, 32), (1, 48, 96, 96), (5, 64, 384, 128), (40, 32, 128, 64),
                                                         (1, 50, 64, 32), (2, 16, 40, 20), (1, 160, 1024, 512)])
def test_weights_of_four_bits(packing, rows, columns, inner, group):
    torch.manual_seed(0)
    check(FourBits(columns, inner, group, packing), torch.randn(rows, inner))


@pytest.mark.parametrize("rows", [1, 20])
def test_weights_of_four_bits_with_zero_points(rows):
    torch.manual_seed(0)
    check(FourBits(64, 256, 64, "neighbours", has_zeros=True), torch.randn(rows, 256))


def test_weights_of_four_bits_on_all_targets():
    torch.manual_seed(0)
    model, x = FourBits(80, 512, 64, "neighbours").eval(), torch.randn(1, 512)
    for cpu in ("x86-64-v2", "x86-64-v3", "x86-64-v4", "host"):
        program = torchc.compile(torch.export.export(model, (x,)), target_cpu=cpu)
        torch.testing.assert_close(program(x), model(x), rtol=1e-5, atol=1e-5)


def test_weights_of_four_bits_and_rows_of_bf16():
    torch.manual_seed(0)
    model, x = FourBits(64, 256, 64, "neighbours").eval(), torch.randn(3, 256).bfloat16()
    program = torchc.compile(torch.export.export(model, (x,)))
    torch.testing.assert_close(program(x), model(x), rtol=2e-2, atol=2e-2)


def test_weights_of_four_bits_stay_so(tmp_path):
    """Nothing of the file is as large as the weights in eight bits."""
    torch.manual_seed(0)
    model, x = FourBits(256, 1024, 128, "neighbours").eval(), torch.randn(1, 1024)
    program = torchc.compile(torch.export.export(model, (x,)), target_cpu="x86-64-v3")
    program.save(tmp_path / "model.vmfb")
    assert (tmp_path / "model.vmfb").stat().st_size < 256 * 1024


def test_weights_of_four_bits_after_a_norm():
    """Rows that another kernel computes, of one token, which three products read."""

    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.norm = nn.ModuleList(FourBits(64, 128, 64, "neighbours") for _ in range(3)), nn.RMSNorm(128)

        def forward(self, x):
            x = self.norm(x)
            return [layer(x) for layer in self.layers]

    torch.manual_seed(0)
    check(Step(), torch.randn(1, 1, 128))


def _random_words(*shape):
    return torch.randint(-2**31, 2**31 - 1, shape, dtype=torch.int32)


class WordsAlongInner(nn.Module):
    """As GPTQ's layers unpack: eight weights along k in an integer of 32 bits, groups by a table of indices."""

    def __init__(self, columns, inner, group, order):
        super().__init__()
        self.register_buffer("weight", _random_words(inner // 8, columns))
        self.register_buffer("zeros", _random_words(inner // group, columns // 8))
        self.register_buffer("scales", torch.rand(inner // group, columns) * 0.01)
        self.register_buffer("groups", torch.arange(inner) // group)
        self.register_buffer("shifts", torch.arange(0, 32, 4, dtype=torch.int32))
        if order is not None:
            self.groups = self.groups[order]

    def forward(self, x):
        zeros = torch.bitwise_right_shift(self.zeros.unsqueeze(2).expand(-1, -1, 8), self.shifts).to(torch.int16)
        zeros = (torch.bitwise_and(zeros, 15) + 1).reshape(self.scales.shape)
        weight = torch.bitwise_right_shift(self.weight.unsqueeze(1).expand(-1, 8, -1), self.shifts[:, None]).to(torch.int16)
        weight = torch.bitwise_and(weight, 15).reshape(-1, self.scales.shape[1])
        return x @ (self.scales[self.groups] * (weight - zeros[self.groups]))


class WordsAlongColumns(nn.Module):
    """As AWQ's do: eight columns in an integer, in another order."""

    def __init__(self, columns, inner, group):
        super().__init__()
        self.register_buffer("weight", _random_words(inner, columns // 8))
        self.register_buffer("zeros", _random_words(inner // group, columns // 8))
        self.register_buffer("scales", torch.rand(inner // group, columns) * 0.01)
        self.group = group

    def unpack(self, words):
        parts = torch.bitwise_right_shift(words[:, :, None], torch.arange(0, 32, 4)).to(torch.int8).view(words.shape[0], -1)
        order = torch.arange(parts.shape[1]).view(-1, 8)[:, [0, 4, 1, 5, 2, 6, 3, 7]].reshape(-1)
        return torch.bitwise_and(parts[:, order], 15)

    def forward(self, x):
        scales, zeros = (values.repeat_interleave(self.group, 0) for values in (self.scales, self.unpack(self.zeros)))
        return x @ ((self.unpack(self.weight) - zeros) * scales)


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("packing", ["inner", "inner, reordered", "columns"])
def test_weights_in_words(packing, rows, tmp_path):
    torch.manual_seed(0)
    if packing == "columns":
        model = WordsAlongColumns(128, 256, 64)
    else:
        model = WordsAlongInner(128, 256, 64, torch.randperm(256) if "reordered" in packing else None)
    x = torch.randn(rows, 256)
    check(model, x)
    # In one kernel, but for groups in any order: weights are not widened in memory.
    program = torchc.compile(torch.export.export(model.eval(), (x,)))
    program.save(tmp_path / "model.vmfb")
    assert (tmp_path / "model.vmfb").stat().st_size < 128 * 256 * 2.5
