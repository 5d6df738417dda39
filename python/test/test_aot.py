"""torchc.aot and torchc.fx: entry points, state, weights."""
import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

import torchc
from torchc import aot


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(4, 3), nn.Linear(3, 4)
        self.calls = nn.Buffer(torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls += 1
        return self.decoder(self.encoder(x).relu())


def check(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


X = torch.linspace(-1, 1, 8).view(2, 4)


def test_export(tmp_path, capsys):
    model = Model()
    exported = aot.export(model, aot.AbstractTensor(None, 4), function_name="main")
    exported.print_readable()
    assert "func.func @main" in capsys.readouterr().out
    exported.save_mlir(tmp_path / "m.mlir")
    assert (tmp_path / "m.safetensors").exists()
    assert exported.import_to("linalg-on-tensors").mlir_module.stage == "lower"
    exported.compile(save_to=tmp_path / "m.vmfb")
    program = torchc.load(tmp_path / "m.vmfb")
    for rows in (2, 5):
        x = torch.randn(rows, 4)
        check(program(x), model(x))
    assert program.state()["calls"] == 2
    check(torchc.load(exported.compile())(X), model(X))
    with pytest.raises(ValueError, match="unknown target backend 'vulkan'; there are: llvm-cpu"):
        exported.compile(target_backends=["vulkan"])


def test_several_entry_points_share_weights_and_state():
    model = Model()
    builder = aot.FxProgramsBuilder(model)

    @builder.export_program(args=(aot.AbstractTensor(None, 4),))
    def encode(model, x):
        model.calls += 10
        return model.encoder(x)

    @builder.export_program(args=(aot.AbstractTensor(None, 3),), name="decode")
    def decode_it(model, y):
        return model.decoder(y) * torch.tensor([1.0, 2.0, 3.0, 4.0]), model.calls + 1

    program = torchc.load(aot.export(builder).compile())
    assert sorted(program.functions) == ["decode", "encode"]
    y = program.call("encode", X)
    check(y, model.encoder(X))
    check(program.call("decode", y), (model.decoder(y) * torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor(11)))
    with pytest.raises(ValueError, match="two functions have the name 'decode'"):
        builder.export_program(decode_it, args=(), name="decode")


class Accumulator(aot.CompiledModule):
    layer = aot.export_parameters(nn.Linear(4, 4))
    total = aot.export_global(torch.zeros(4), mutable=True)
    scale = aot.export_global(torch.full((4,), 2.0))

    def add(self, x=aot.AbstractTensor(None, 4)):
        self.total = self.total + self.layer(x).sum(0) * self.scale
        return self.total

    def get(self):
        return self.total * 1

    def _hidden(self):
        return 5


def test_compiled_module():
    program = torchc.load(aot.export(Accumulator).compile())
    assert sorted(program.functions) == ["add", "get"]
    expected = torch.zeros(4)
    for rows in (2, 3):
        x = torch.randn(rows, 4)
        expected = expected + Accumulator.layer.module(x).sum(0) * 2
        check(program.call("add", x), expected.detach())
    check(torch.as_tensor(program.call("get")), expected.detach())


def test_inputs_of_entry_points_have_their_names():
    builder = aot.FxProgramsBuilder(Model())

    @builder.export_program(args=(X,), kwargs={"offset": aot.AbstractTensor(None, 3)})
    def encode(model, x, *, offset):
        return model.encoder(x).sum(0) + offset

    @builder.export_program(args=(X, 2), dynamic_shapes={"x": {0: torch.export.Dim("rows")}, "factor": None})
    def scale(model, x, factor):
        return x * factor

    program, offset = torchc.load(aot.export(builder).compile()), torch.randn(5, 3)
    check(program.call("encode", X, offset=offset), (builder.root.encoder(X).sum(0) + offset).detach())
    check(program.call("scale", torch.ones(9, 4), 2), torch.full((9, 4), 2.0))
    assert [info["name"] for info in program.signature("encode")["inputs"]] == ["x", "offset"]
    with pytest.raises(torchc.RunError, match="'factor' is 3, must be 2"):
        program.call("scale", X, 3)


def test_a_class_is_exported():
    with pytest.raises(TypeError, match="takes the class Accumulator itself, not an instance"):
        aot.export(Accumulator())


def test_globals_that_are_not_mutable():
    class Wrong(aot.CompiledModule):
        fixed = aot.export_global(torch.zeros(2))

        def set(self, x=aot.AbstractTensor(2)):
            self.fixed = x + 1
            return x * 2

    with pytest.raises(ValueError, match="Wrong.set: assigns to 'fixed', which is not mutable"):
        aot.export(Wrong)


def test_external_parameters(tmp_path):
    model = Model()
    aot.externalize_module_parameters(model, external_scope="model")
    aot.save_module_parameters(tmp_path / "w.safetensors", model)
    archive = aot.ParameterArchive(tmp_path / "w.safetensors")
    assert "encoder.weight" in archive and len(archive) == 5
    check(archive["encoder.weight"], model.encoder.weight.detach())
    vmfb = aot.export(model, X).compile()
    with pytest.raises(torchc.LoadError, match="encoder"):
        torchc.load(vmfb)
    expected = model(X)
    check(torchc.load(vmfb, parameters={"model": tmp_path / "w.safetensors"})(X), expected)


def test_abstractify():
    assert aot.abstractify({"x": X, "n": 3}) == {"x": aot.AbstractTensor(2, 4), "n": 3}


# Graphs.


def run(importer, *inputs):
    return torchc.load(importer.module.run_to("vmfb").to_bytes())(*inputs)


def test_graphs_of_make_fx_and_functorch():
    def loss(w, x):
        return (x @ w).tanh().sum()

    w = torch.randn(4, 3)
    for f in (loss, torch.func.grad(loss), torch.func.vmap(lambda w, x: loss(w, x.unsqueeze(0)), in_dims=(None, 0)),
              torch.func.grad(lambda w, x: torch.func.grad(loss)(w, x).square().sum()),
              torch.func.hessian(lambda w, x: (w[:2, 0] ** 3 * x[:, 0]).sum()),
              lambda w, x: torch.func.jvp(lambda w: loss(w * 2, x).softmax(-1), (w,), (w,))[1]):
        graph = make_fx(f)(w, X)
        check(run(torchc.fx.FxImporter().import_graph_module(graph), w, X), f(w, X))


def test_graphs_with_symbols_and_mutation():
    def f(x, y):
        y.add_(x)
        return x.view(-1) * x.shape[0]

    graph = make_fx(f, tracing_mode="symbolic")(torch.ones(3, 2), torch.ones(3, 2))
    program = torchc.load(torchc.fx.FxImporter().import_graph_module(graph).module.run_to("vmfb").to_bytes())
    x, y = torch.randn(5, 2), torch.ones(5, 2)
    check(program(x, y), x.view(-1) * 5)
    check(y, 1 + x)


def test_symbolic_traces_need_inputs():
    graph = torch.fx.symbolic_trace(Model().encoder)
    with pytest.raises(ValueError, match="give example_inputs"):
        torchc.fx.FxImporter().import_graph_module(graph)
    check(run(torchc.fx.FxImporter().import_graph_module(graph, example_inputs=X), X), graph(X))


def test_tensors_of_several_graphs():
    """With a tracker, a tensor is one however many graphs hold it, under whatever name."""
    table = torch.arange(3.0)

    class Keeps(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name
            self.register_buffer(name, table)

        def forward(self, x):
            return x + getattr(self, self.name)

    x, names = torch.ones(3), []
    for tracker in (None, torchc.fx.RefTracker()):
        importer = torchc.fx.FxImporter(py_attr_tracker=tracker, literal_resolver_callback=lambda name, value: names.append(name))
        importer.import_graph_module(make_fx(lambda x: x * table)(x), func_name="graph")
        importer.import_program(torch.export.export(Keeps("a"), (x,)), func_name="first")
        importer.import_frozen_program(torch.export.export(Keeps("b"), (x,)), func_name="second")
        program = torchc.load(importer.module.run_to("vmfb").to_bytes())
        check([program.call(name, x) for name in ("graph", "first", "second")], [x * table, x + table, x + table])
    assert names[:3] == [names[0], "a", "b"] and names[3:] == [names[0]] * 3


def test_tied_weights_with_a_tracker():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    importer = torchc.fx.FxImporter(py_attr_tracker=torchc.fx.RefTracker())
    check(run(importer.import_program(torch.export.export(model, (X,))), X), model(X))


def test_graphs_of_another_release(monkeypatch):
    monkeypatch.setattr("torch._export.serde.schema.SCHEMA_VERSION", (9, 0))
    with pytest.raises(torchc.TorchcError, match="graphs of version 9; torchc knows version 8"):
        torchc.fx.FxImporter()
    graph = make_fx(lambda x: x + 1)(X)
    check(run(torchc.fx.FxImporter(config_check=False).import_graph_module(graph), X), X + 1)


def test_frozen_programs_and_literals():
    model = nn.Linear(4, 2)
    program = torch.export.export(model, (X,))
    seen = []
    importer = torchc.fx.FxImporter(literal_resolver_callback=lambda name, value: seen.append(name) or torch.zeros_like(value))
    check(run(importer.import_frozen_program(program, func_name="main"), X), torch.zeros(2, 2))
    assert sorted(seen) == ["bias", "weight"]
    with pytest.raises(ValueError, match="it writes calls"):
        torchc.fx.FxImporter().import_frozen_program(torch.export.export(Model(), (X,)))
