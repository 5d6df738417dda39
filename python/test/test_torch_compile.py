"""torch.compile(backend="torchc"): what a model and its gradients are is what eager PyTorch says."""
import copy
import functools
import logging
import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch._higher_order_ops import scan, while_loop
from torch.nn import functional as F

import torchc
from torchc import dynamo


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHC_CACHE_DIR", "")
    torch._dynamo.reset()
    torch.manual_seed(0)


@pytest.fixture
def in_pytorch(caplog):
    """The lines that say what ran in PyTorch."""
    caplog.set_level(logging.WARNING, logger="torchc")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "torchc"]


def compile(model, **options):
    return torch.compile(model, backend="torchc", **options)


def check(actual, expected, tolerance=2e-5):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def check_training(model, *inputs, steps=2, **options):
    """Outputs, gradients of inputs and parameters, and buffers, over several steps."""
    reference, compiled_model = model, copy.deepcopy(model)
    compiled = compile(compiled_model, **options)
    for _ in range(steps):
        pairs = []
        for run in (reference, compiled):
            own = [x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x for x in inputs]
            torch.manual_seed(1)
            y = run(*own)
            (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
            pairs.append((y.detach(), [x.grad for x in own if isinstance(x, torch.Tensor)]))
        check(pairs[1], pairs[0])
        for (name, expected), (_, actual) in zip(reference.named_parameters(), compiled_model.named_parameters()):
            torch.testing.assert_close(actual.grad, expected.grad, rtol=1e-4, atol=1e-4, msg=lambda text: f"{name}: {text}")
        check(dict(compiled_model.named_buffers()), dict(reference.named_buffers()))


# Inference.


def test_a_function():
    x, y = torch.randn(5), torch.randn(5)
    check(compile(lambda x, y: (x * y + 1).relu())(x, y), (x * y + 1).relu())


def test_nested_none_and_constant_outputs():
    def f(x, table):
        return {"sum": x + table["y"], "none": None, "same": x, "five": 5, "twice": (x * 2, x * 2)}

    x, table = torch.randn(3), {"y": torch.randn(3)}
    actual = compile(f)(x, table)
    check(actual, f(x, table))
    assert actual["same"] is x


def test_dynamic_sizes_and_ints():
    def f(x, n):
        return x.reshape(-1) * n, x.shape[0] * n

    compiled = compile(f, dynamic=True)
    for rows, n in [(3, 2), (5, 7), (8, -1)]:
        x = torch.randn(rows, 4)
        check(compiled(x, n), f(x, n))
    with torch._dynamo.config.patch(error_on_recompile=True):
        x = torch.randn(11, 4)
        check(compiled(x, 9), f(x, 9))


def test_floats_that_change(in_pytorch):
    def f(x, scale):
        return x * scale + scale**2

    compiled, x = compile(f, options={"fallback": False}), torch.randn(3)
    for scale in (2.5, 0.125, 1e-3):
        check(compiled(x, scale), f(x, scale))


@pytest.mark.parametrize("dynamic", [False, True])
def test_branches_and_loops(dynamic):
    linear = nn.Linear(4, 4)

    def branch(x):
        return torch.cond(x.sum() > 0, lambda x: linear(x) * x.shape[0], lambda x: x.cos(), (x,))

    def loop(x):
        return while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 2), (torch.tensor(0), x))[1]

    def prefix_sums(x):
        return scan(lambda carried, row: (carried + row, carried * row), torch.zeros(4), x)

    x = torch.randn(3, 4).abs()
    for f in (branch, loop, prefix_sums):
        compiled = compile(f, options={"fallback": False}, dynamic=dynamic)
        for value in (x, -x):
            check(compiled(value), f(value))


def test_branches_in_parts(in_pytorch):
    """Bodies belong to the parts of a graph that torchc runs; those with other operators run in PyTorch."""
    def f(x):
        y = torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x + 1,))
        return torch.cond(x.sum() > 0, lambda y: torch.linalg.ldl_factor_ex(y)[0].sum(0), lambda y: y.sum(0) + 1, (y @ y.t(),)) * 2

    for x in (torch.ones(3, 3), -torch.ones(3, 3)):
        check(compile(f)(x), f(x))
    assert any("higher_order.cond (x1)" in line for line in in_pytorch())


def test_graph_breaks():
    def f(x):
        y = x.sin() + 1
        if y.sum() > 0:
            return y * 2
        return y - 2

    for x in (torch.ones(3), torch.full((3,), -20.0)):
        check(compile(f)(x), f(x))


def test_mutated_inputs_and_views():
    def f(x, y):
        x.add_(y)
        x[0] = 7
        return x.t(), x[1:].mul(2)

    x, y = torch.randn(3, 4), torch.randn(3, 4)
    mine = x.clone()
    check(compile(f)(mine, y), f(x, y))
    check(mine, x)


def test_layouts():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    f = lambda x: (x + 1, (x * 2).transpose(1, 3), x.permute(3, 2, 1, 0).contiguous().view(5, -1))  # noqa: E731
    for actual, expected in zip(compile(f)(x), f(x), strict=True):
        check(actual, expected)
        assert actual.stride() == expected.stride()


def test_views_of_a_result():
    def f(x):
        y = x.t() + 1
        return y, y.t().view(-1)

    x = torch.randn(3, 4)
    check(compile(f)(x), f(x))


def test_dtypes():
    f = lambda a, b, c: (a + a, b // 2, ~c, a.float() * b)  # noqa: E731
    inputs = torch.randn(4).bfloat16(), torch.arange(4), torch.tensor([True, False, True, True])
    check(compile(f)(*inputs), f(*inputs))


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
        self.calls = nn.Buffer(torch.zeros(()))

    def forward(self, x):
        self.calls.add_(1)
        return self.layers(x) * self.calls


def test_frozen_weights(in_pytorch, tmp_path):
    model, x = Frozen().eval(), torch.randn(2, 4)
    reference = copy.deepcopy(model)
    compiled = compile(model, options={"freezing": True, "fallback": False, "dump_stages": str(tmp_path)})
    with torch.no_grad():
        for _ in range(2):  # What the model writes is no weight.
            check(compiled(x), reference(x))
    (stages,) = tmp_path.iterdir()
    header = next(line for line in (stages / "1-import.mlir").read_text().splitlines() if "func.func @forward" in line)
    assert header.count("%arg") == 2 and not in_pytorch()  # x and the counter.


@pytest.mark.parametrize("change", ["written", "replaced", "loaded"])
def test_frozen_weights_that_change(change, in_pytorch):
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Tanh()), torch.randn(2, 4)
    compiled = compile(model, options={"freezing": True})
    with torch.no_grad():
        check(compiled(x), model(x))
        if change == "written":
            model[0].bias.add_(2)
        elif change == "replaced":
            model[0].weight = nn.Parameter(torch.randn(3, 4))
        else:
            model.load_state_dict({name: torch.randn_like(value) for name, value in model.state_dict().items()})
        for _ in range(2):
            check(compiled(x), model(x))
    (line,) = in_pytorch()
    count = {"written": 1, "replaced": 1, "loaded": 2}[change]
    assert line.startswith(f"torchc: {count} frozen weights have changed: the graph is compiled again")


def test_weights_that_are_not_frozen_change():
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Tanh()), torch.randn(2, 4)
    compiled = compile(model)
    with torch.no_grad():
        for _ in range(3):
            check(compiled(x), model(x))
            model[0].weight.data.mul_(2)


# Training.


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, tokens):
        return self.layer(self.embed(tokens))


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(4, 6, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x):
        return F.log_softmax(self.body(x), -1)


def test_training_an_mlp(in_pytorch):
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3), nn.Softmax(-1))
    check_training(model, torch.randn(4, 6, requires_grad=True), options={"fallback": False})
    assert not in_pytorch()


def test_views_of_inputs_are_no_results(tmp_path):
    """Transposed weights and reshaped inputs, which the backward graph reads, are saved as they came."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    check_training(model, torch.randn(4, 2, 3), options={"fallback": False, "dump_stages": str(tmp_path)})
    (forward,) = tmp_path.glob("*-forward")
    (header,) = [line for line in (forward / "1-import.mlir").read_text().splitlines() if "func.func @forward" in line]
    assert header.partition("->")[2].count("tensor<") == 2, header  # The output, and the hidden values.


def test_views_of_inputs_that_are_written():
    def f(x, w):
        x.add_(1)
        y = x.t() @ w.t()
        return y.sin() + x.sum()

    w = torch.randn(5, 3, requires_grad=True)
    gradients = []
    for run in (f, compile(f)):
        x = torch.arange(12.0).view(3, 4) / 12
        own = w.detach().clone().requires_grad_()
        y = run(x, own)
        y.sum().backward()
        gradients.append((y.detach(), x, own.grad))
    check(gradients[1], gradients[0])


def test_training_an_embedding():
    # Relative positions: as many rows of indices as columns.
    for table in (nn.Embedding(4, 2), nn.Embedding(4, 2, padding_idx=1, scale_grad_by_freq=True)):
        check_training(nn.Sequential(table, nn.Tanh()), torch.randint(4, (6, 6)), options={"fallback": False})


def test_training_with_attention():
    check_training(Attention(), torch.randint(11, (2, 5)), options={"fallback": False})


def test_training_with_convolutions_and_batch_norm():
    check_training(Image(), torch.randn(2, 3, 8, 8, requires_grad=True), options={"fallback": False})


def test_training_with_strides_groups_and_transposed_convolutions():
    model = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
                          nn.SiLU(), nn.ConvTranspose2d(8, 6, 3, stride=2, output_padding=1, groups=2), nn.Flatten(1))
    check_training(model, torch.randn(2, 4, 9, 8, requires_grad=True), options={"fallback": False})


class Residual(nn.Module):
    """A ResNet of two stages: strides, a projection beside the body, a stem with max pooling, a loss of classes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        self.body = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True),
                                  nn.Conv2d(6, 6, 3, 1, 1, groups=6, bias=False), nn.BatchNorm2d(6))
        self.beside = nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
        self.head = nn.Linear(6, 5)

    def forward(self, x, classes):
        x = self.stem(x)
        x = F.relu(self.body(x) + self.beside(x))
        return F.cross_entropy(self.head(F.adaptive_avg_pool2d(x, 1).flatten(1)), classes).view(1)


class VisionTransformer(nn.Module):
    """Patches, one block with attention of two heads, a loss of classes."""

    def __init__(self):
        super().__init__()
        self.patches, self.places = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 9, 8) / 4)
        self.norm1, self.norm2, self.norm = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x, classes):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        x = x + self.mlp(self.norm2(x))
        return F.cross_entropy(self.head(self.norm(x).mean(1)), classes, label_smoothing=0.1).view(1)


@pytest.mark.parametrize("model, size", [(Residual, 20), (VisionTransformer, 12)], ids=["ResNet", "ViT"])
def test_a_training_step_is_two_graphs(in_pytorch, model, size):
    check_training(model(), torch.randn(2, 3, size, size, requires_grad=True), torch.tensor([1, 4]), options={"fallback": False})
    assert not in_pytorch()


def test_gradients_are_as_exact_as_those_of_eager():
    """Against double precision. The bias of attention's keys adds the same to all scores of a row, which softmax does not see:
    its gradient is zero, and in single precision rounding errors, whose relative difference to eager's says nothing."""
    model, x, classes = VisionTransformer(), torch.randn(2, 3, 12, 12), torch.tensor([1, 4])
    gradients = []
    for own, dtype in ((copy.deepcopy(model), torch.float64), (copy.deepcopy(model), torch.float32), (model, None)):
        run = own.to(dtype) if dtype else compile(own)
        run(x.to(dtype), classes).sum().backward()
        gradients.append({name: parameter.grad.double() for name, parameter in own.named_parameters()})
    exact, eager, actual = gradients
    for name, expected in exact.items():
        bound = max(4 * (eager[name] - expected).norm(), 2e-6 * expected.norm())
        assert (actual[name] - expected).norm() <= bound, name
    _, of_keys, of_values = exact["qkv.bias"].chunk(3)
    assert of_keys.norm() < 1e-12 * of_values.norm()
    assert 0 < actual["qkv.bias"].chunk(3)[1].norm() < 1e-6 * of_values.norm()


@pytest.mark.parametrize("layer", [
    nn.Conv1d(3, 4, 3, padding=2, padding_mode="reflect"), nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1, output_padding=1),
    nn.Conv1d(3, 6, 3, dilation=2, groups=3), nn.GroupNorm(3, 3), nn.AvgPool1d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    nn.AdaptiveAvgPool1d(4), nn.AdaptiveMaxPool1d(4), nn.Upsample(scale_factor=2, mode="linear"), nn.Upsample(scale_factor=2),
    nn.Hardswish(), nn.SiLU(), nn.ELU(), nn.LeakyReLU(), nn.Softplus(), nn.Mish(), nn.LogSigmoid(), nn.PReLU(), nn.ReplicationPad1d(2),
    nn.RMSNorm(9), nn.Softmax(1),
], ids=lambda layer: type(layer).__name__)
def test_training_one_layer(layer):
    check_training(layer, torch.randn(2, 3, 9, requires_grad=True), steps=1, options={"fallback": False})


def test_training_with_dynamic_sizes():
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
    compiled_model = copy.deepcopy(model)
    compiled = compile(compiled_model, dynamic=True)
    for rows in (3, 5, 9):
        x = torch.randn(rows, 6)
        for run in (model, compiled):
            run(x).square().sum().backward()
        for expected, actual in zip(model.parameters(), compiled_model.parameters()):
            check(actual.grad, expected.grad, 1e-4)


def test_dropout_draws_the_numbers_of_pytorch(in_pytorch):
    class Dropout(nn.Module):
        def forward(self, x):
            return F.dropout(F.dropout(x.sin(), 0.3), 0.5).cos()

    check_training(Dropout(), torch.randn(50, requires_grad=True))
    assert not in_pytorch()  # It is where it belongs.


def test_inputs_without_gradients():
    class Scale(nn.Module):
        def forward(self, x, mask, factor):
            return (x * mask * factor).tanh()

    check_training(Scale(), torch.randn(4, requires_grad=True), torch.tensor([1.0, 0, 1, 0]), 3)


@pytest.mark.parametrize("make", [functools.partial(torch.optim.SGD, momentum=0.9, weight_decay=0.1), torch.optim.AdamW,
                                  torch.optim.RMSprop, torch.optim.Rprop, torch.optim.Adamax])
def test_optimizers(make):
    """A step on all tensors is one graph."""
    model, x = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), torch.randn(2, 5)
    other = copy.deepcopy(model)
    optimizer, compiled = (make(own.parameters(), lr=0.01) for own in (model, other))
    step = compile(compiled.step, options={"fallback": False})
    for _ in range(3):
        for own, update in ((model, optimizer.step), (other, step)):
            own.zero_grad()
            own(x).square().sum().backward()
            update()
    check(list(other.parameters()), list(model.parameters()), 1e-4)


# What torchc does not have.


def factorize(x):
    y = (x + 1).relu()
    a, pivots, _ = torch.linalg.ldl_factor_ex(y)
    return (a.triu() * 2).sin() + pivots.sum()


def test_other_operators_run_in_pytorch(in_pytorch):
    x = torch.randn(4, 4)
    check(compile(factorize)(x), factorize(x))
    (line,) = in_pytorch()
    assert line == "torchc: 1 of 8 nodes of the inference graph run in PyTorch: aten.linalg_ldl_factor_ex.default (x1)", line


def test_frozen_weights_are_constants_of_parts(tmp_path):
    class Factorized(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.after = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            y = torch.linalg.ldl_factor_ex(self.before(x))[0]
            torch._dynamo.graph_break()
            return torch.linalg.ldl_factor_ex(self.after(y)[:, :3].t() @ self.before.weight[:, :3])[0].sin()

    model, x = Factorized(), torch.randn(4, 4)
    compiled = compile(model, options={"freezing": True, "dump_stages": str(tmp_path)})
    with torch.no_grad():
        check(compiled(x), model(x))
    parts = [(folder / "1-import.mlir").read_text() for folder in tmp_path.iterdir()]
    assert len(parts) == 3
    for part in parts:  # One input each: x, or what PyTorch has computed.
        header = next(line for line in part.splitlines() if "func.func @forward" in line)
        assert header.count("%arg") == 1, header


def test_no_fallback():
    with pytest.raises(Exception, match=r"test_torch_compile.py:\d+: error: unsupported op aten.linalg_ldl_factor_ex.default \(x1\)") as error:
        compile(factorize, options={"fallback": False})(torch.randn(4, 4))
    assert isinstance(error.value.inner_exception, torchc.UnsupportedOpError)


@pytest.mark.parametrize("options, message", [
    ({"speed": 11}, "torchc has no option 'speed'; there are: fallback, print_readable, dump_stages"),
    ({"fallback": "no"}, "torchc's option 'fallback' is bool, not str"),
    ({"threads": True}, r"torchc's option 'threads' is int \| None, not bool"),
    ({"target_cpu": "pentium42"}, "has no CPU 'pentium42'"),
])
def test_wrong_options(options, message):
    with pytest.raises(Exception, match=message):
        compile(lambda x: x + 1, options=options)(torch.ones(2))


# What is shown and kept.


def test_graphs_and_stages_are_shown(tmp_path, capsys):
    compile(lambda x: x + 1, options={"print_readable": True, "dump_stages": str(tmp_path)})(torch.ones(2))
    assert "torch.ops.aten.add.Tensor" in capsys.readouterr().out
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-inference")
    assert {"1-import.mlir", "4-lower.mlir", "8-package.mlir"} <= {file.name for file in folder.iterdir()}


def test_compiled_graphs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHC_CACHE_DIR", str(tmp_path))
    f, x = (lambda x: x * 3 + 1), torch.ones(2)
    compile(f)(x)
    (entry,) = tmp_path.glob("*/*.vmfb")
    torch._dynamo.reset()
    with monkeypatch.context() as patch:
        patch.setattr(dynamo.Module, "from_graphs", None)
        check(compile(f)(x), f(x))
    # A damaged one is made again.
    entry.write_bytes(entry.read_bytes()[:1000])
    torch._dynamo.reset()
    check(compile(f)(x), f(x))
    assert os.path.getsize(entry) > 1000
    # Other options are another entry.
    torch._dynamo.reset()
    compile(f, options={"target_cpu": "portable"})(x)
    assert len(list(tmp_path.glob("*/*.vmfb"))) == 2


def test_the_second_process_compiles_nothing(tmp_path):
    code = """
import sys, torch
from torchc import dynamo
if sys.argv[1] == "second":
    dynamo.Module.from_graphs = None
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.ReLU())
torch.compile(model, backend="torchc", options={"fallback": False})(torch.ones(4, 3)).sum().backward()
"""
    for run in ("first", "second"):
        subprocess.run([sys.executable, "-c", code, run], check=True, env={**os.environ, "TORCHC_CACHE_DIR": str(tmp_path)})
        assert len(list(tmp_path.glob("*/*.vmfb"))) == 2


@pytest.mark.parametrize("name", ["torchc", "turbine_cpu"])
def test_the_backend_is_found_by_its_name(name):
    """In a process that does not import torchc."""
    code = """
import sys, torch
assert "torchc" not in sys.modules and sys.argv[1] in torch._dynamo.list_backends()
y = torch.compile(lambda x: x - 2, backend=sys.argv[1], options={"fallback": False})(torch.ones(3))
assert y.tolist() == [-1, -1, -1] and "torchc.dynamo" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, name], check=True)
