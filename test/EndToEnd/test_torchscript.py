"""TorchScript modules, scripted and traced, compiled and called like the modules themselves."""
from typing import Dict, List, Optional, Tuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchc

FORMATS = pytest.mark.parametrize("model_format", ["scripted", "traced"])
SPELLINGS = {torch.float32: "f32", torch.int64: "i64", torch.bool: "i1", torch.float64: "f64", torch.int16: "i16"}


def make_script(module, inputs, model_format):
    if model_format == "scripted":
        return torch.jit.script(module)
    return torch.jit.trace(module, tuple(x.clone() for x in inputs), check_trace=False)


def spell(tensor, dynamic=()):
    return "x".join(["?" if d in dynamic else str(s) for d, s in enumerate(tensor.shape)] + [SPELLINGS[tensor.dtype]])


def compare(module, inputs, model_format, dynamic=(), others=(), tolerance=1e-5):
    """Compiles with `inputs`, whose dims `dynamic[i]` are dynamic, and calls with these and `others`."""
    module = module.eval()
    script = make_script(module, inputs, model_format)
    program = torchc.compile(script, inputs=[spell(x, dict(enumerate(dynamic)).get(i, ())) for i, x in enumerate(inputs)])
    with torch.no_grad():
        for call in (inputs, *others):
            ours, theirs = (f(*(x.clone() for x in call)) for f in (program, module))
            torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    return program


class Recurrent(nn.Module):
    """A recurrent layer; its outputs in one flat tuple."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        output, state = self.layer(x)
        return output, state


@FORMATS
@pytest.mark.parametrize("make", [
    lambda: nn.LSTM(6, 5), lambda: nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True),
    lambda: nn.LSTM(6, 5, proj_size=3), lambda: nn.GRU(6, 5, num_layers=2), lambda: nn.GRU(6, 5, bidirectional=True, bias=False),
    lambda: nn.RNN(6, 5, nonlinearity="relu"), lambda: nn.RNN(6, 5, bidirectional=True)],
    ids=["lstm", "lstm-deep", "lstm-proj", "gru-deep", "gru", "rnn-relu", "rnn"])
def test_recurrent_layers(make, model_format):
    torch.manual_seed(0)
    compare(Recurrent(make()), (torch.randn(4, 3, 6),), model_format)


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.rnn = nn.LSTMCell(4, 3), nn.GRUCell(3, 3), nn.RNNCell(3, 2)

    def forward(self, x: Tensor):
        h, c = torch.zeros(x.size(1), 3), torch.zeros(x.size(1), 3)
        for step in x.unbind(0):
            h, c = self.lstm(step, (h, c))
            h = self.gru(h, h)
        return self.rnn(h), c


@FORMATS
def test_recurrent_cells(model_format):
    torch.manual_seed(0)
    compare(Cells(), (torch.randn(3, 2, 4),), model_format)


class Masked(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor, padding: Tensor):
        return self.encoder(x, src_key_padding_mask=padding)


def make_encoder(**options):
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@FORMATS
@pytest.mark.parametrize("options", [{}, {"activation": "gelu", "norm_first": True}], ids=["relu", "gelu"])
def test_transformer_encoder(options, model_format, request):
    if model_format == "scripted":
        request.applymarker(pytest.mark.xfail(strict=True, raises=torchc.UnsupportedOpError,
                                              reason="the fast path of an encoder takes no mask of floats"))
    torch.manual_seed(0)
    x = torch.randn(2, 5, 16)
    compare(make_encoder(**options), (x,), model_format)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 3:] = True
    compare(Masked(make_encoder(**options)), (x, padding), model_format)


@FORMATS
def test_transformer_decoder(model_format):
    torch.manual_seed(0)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 2, 32, batch_first=True), 2)
    compare(decoder, (torch.randn(2, 4, 16), torch.randn(2, 5, 16)), model_format)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor):
        return self.attention(x, x, x, need_weights=True)


@FORMATS
def test_multi_head_attention(model_format):
    torch.manual_seed(0)
    compare(SelfAttention(), (torch.randn(2, 5, 16),), model_format)


class Writes(nn.Module):
    """Writes through views, to slices, under masks, and to what aliases."""

    def forward(self, x: Tensor):
        y = x.clone()
        row, column = y[1], y[:, 0]
        row += 2
        column.mul_(row[1])
        y.t()[2].fill_(0.25)
        y.view(-1)[::3] = 7
        y.masked_fill_(y > 3, -1)
        z = y
        z += row * 2
        y.transpose(0, 1).unsqueeze(0)[0, 1:].sub_(1)
        return y, row, column, y.unfold(1, 2, 1), z


@FORMATS
def test_writes_through_views(model_format):
    compare(Writes(), (torch.randn(3, 4),), model_format)


class WritesInput(nn.Module):
    def forward(self, x: Tensor, y: Tensor):
        x[0].add_(y)
        x.t()[1].mul_(2)
        return x.sum(1)


def test_written_input():
    x, y = torch.randn(3, 4), torch.randn(4)
    script = torch.jit.script(WritesInput())
    program = torchc.compile(script, inputs=["3x4xf32", "4xf32"])
    mine, theirs = x.clone(), x.clone()
    torch.testing.assert_close(program(mine, y), WritesInput()(theirs, y))
    torch.testing.assert_close(mine, theirs)


class State(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor):
        self.total += x.sum(0)
        self.calls += 1
        return self.total / self.calls


@FORMATS
def test_buffers_are_state(model_format):
    model = State()
    script = make_script(State(), (torch.randn(3, 4),), model_format)
    if model_format == "traced":  # Tracing ran it once.
        for buffer in script.buffers():
            buffer.zero_()
    program = torchc.compile(script, inputs=["3x4xf32"])
    for _ in range(4):
        x = torch.randn(3, 4)
        torch.testing.assert_close(program(x), model(x))
    assert program.state()["calls"] == 4


class Shapes(nn.Module):
    """Sizes that are sums, products and quotients of the inputs'."""

    def forward(self, x: Tensor, y: Tensor):
        n, m = x.size(0), x.size(1)
        both = torch.cat([x, y], 0)
        positions = torch.arange(n * m).reshape(n, m)
        return both, x.reshape(-1) + positions.flatten(), both.mean(0), x[: n - 1], x.t() @ x, both.size(0)


@FORMATS
def test_dynamic_sizes(model_format):
    def inputs(n, k):
        return torch.randn(n, 6), torch.randn(k, 6)

    example = inputs(5, 4)
    script = make_script(Shapes(), example, model_format)
    program = torchc.compile(script, inputs=["?x6xf32", "?x6xf32"])
    for call in (example, inputs(2, 9), inputs(11, 3)):
        *ours, count = program(*call)
        *theirs, expected = Shapes()(*call)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        if model_format == "scripted":
            assert count == expected


class Containers(nn.Module):
    def forward(self, x: Tensor, pair: Tuple[Tensor, Tensor], rest: List[Tensor], more: Optional[Tensor] = None):
        parts: List[Tensor] = []
        for i in range(3):
            parts.append(x * i)
        parts[1] = parts[1] + pair[0]
        table: Dict[str, Tensor] = {"sum": torch.stack(parts).sum(0), "rest": torch.cat(rest)}
        if more is None:
            table["last"] = parts.pop()
        a, b = x.chunk(2, dim=1)
        table["difference"] = a - b * pair[1]
        return table


def test_containers():
    inputs = torch.randn(2, 4), (torch.randn(2, 4), torch.randn(2, 1)), [torch.randn(2), torch.randn(3)]
    program = torchc.compile(torch.jit.script(Containers()),
                             inputs=["2x4xf32", "2x4xf32", "2x1xf32", "2xf32", "3xf32"])
    torch.testing.assert_close(program(*inputs), Containers()(*inputs))


class Numbers(nn.Module):
    """Numbers beside tensors of one element, which tracing makes tensors of."""

    def forward(self, x: Tensor, i: Tensor):
        return (x + 0.5, i * 2, i + 0.5, x - 1, torch.div(i, -5, rounding_mode="trunc"), x // 0.75, x % 0.3, i / 3,
                2 - x, 0.5 * i)


@FORMATS
@pytest.mark.parametrize("shape", [(), (3,)])
def test_numbers_do_not_promote(model_format, shape):
    compare(Numbers(), (torch.full(shape, 1.7), torch.full(shape, 7, dtype=torch.int16)), model_format)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_first_operands_that_are_numbers(shape):
    class Numbers(nn.Module):
        def forward(self, x, i):  # Python's overloads alone take such numbers.
            return torch.add(0.5, x, alpha=2), torch.add(0.5, i, alpha=2), torch.sub(2, i), torch.mul(True, i)

    compare(Numbers(), (torch.full(shape, 1.7), torch.full(shape, 7, dtype=torch.int16)), "traced")


class Rare(nn.Module):
    """Operators that models seldom use."""

    def forward(self, x: Tensor, i: Tensor):
        y = x.abs() + 0.5
        return (torch.einsum("ij,kj->ik", x, x), torch.roll(x, 1, 1), x.flip(0), torch.rot90(x), x.cumsum(1), x.cumprod(0),
                torch.logcumsumexp(x, 1), F.pad(x[None], [1, 2], mode="reflect"), F.pad(x, [1, 1], value=3.0), x.diff(dim=1),
                torch.nan_to_num(x), torch.lerp(x, y, 0.3), torch.addcmul(x, y, y, value=0.5), torch.logsumexp(x, 1), x.std(1),
                x.var(0, unbiased=False), torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])), F.one_hot(i, 4), x.gather(1, i[None].expand(4, 4)),
                torch.tril(x), torch.diag(x), x.trace(), torch.outer(x[0], x[1]), torch.cdist(x, y), F.normalize(x, dim=1),
                F.cosine_similarity(x, y), x.topk(2).values, x.sort(1, descending=True).values, torch.kron(x[:2], y[:2]),
                F.unfold(x[None, None], (2, 2)), F.grid_sample(
                    x[None, None], torch.tanh(torch.stack([x, y], -1))[None], align_corners=False), F.interpolate(
                    x[None, None], size=[6, 7], mode="bilinear", align_corners=False), torch.clamp(x, max=0.5), x.repeat_interleave(2, 0),
                torch.fmod(x, 0.3), torch.heaviside(x, y), torch.xlogy(x, y), torch.where(x > 0, x, 0.0), x.masked_fill(x > 0, 1.0),
                torch.scatter_add(x, 1, i[None].expand(4, 4), y), x.index_add(0, i, y), x.unfold(0, 2, 1), torch.atleast_3d(x),
                F.glu(x), F.prelu(x, torch.tensor([0.2])), F.hardswish(x), F.mish(x), F.celu(x), F.embedding(i, x), F.pixel_shuffle(x[:, None, None].repeat(1, 4, 2, 1), 2))


@FORMATS
def test_rare_operators(model_format):
    torch.manual_seed(0)
    x, i = torch.randn(4, 4), torch.tensor([0, 3, 1, 2])
    module = Rare()
    script = make_script(module, (x, i), model_format)
    program = torchc.compile(script, inputs=["4x4xf32", "4xi64"])
    torch.testing.assert_close(program(x, i), module(x, i), rtol=1e-4, atol=1e-5)
