"""TorchScript modules, scripted and traced, compiled and called like the modules themselves."""
from typing import Dict, List, Optional, Tuple

import pytest
import torch
from torch import Tensor, nn

import torchc

FORMATS = pytest.mark.parametrize("model_format", ["scripted", "traced"])
SPELLINGS = {torch.float32: "f32", torch.int64: "i64", torch.bool: "i1", torch.float64: "f64"}


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


@pytest.mark.parametrize("model_format", ["traced"])
@pytest.mark.parametrize("options", [{}, {"activation": "gelu", "norm_first": True}], ids=["relu", "gelu"])
def test_transformer_encoder(options, model_format):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 16)
    compare(make_encoder(**options), (x,), model_format)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 3:] = True
    compare(Masked(make_encoder(**options)), (x, padding), model_format)


@pytest.mark.parametrize("model_format", ["traced"])
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


@pytest.mark.parametrize("model_format", ["traced"])
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
