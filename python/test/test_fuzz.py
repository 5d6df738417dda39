"""Whatever a program is called with, it answers or raises an error of its own."""
import copy

import numpy as np
import pytest
import torch

import torchc

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402


@pytest.fixture(scope="module")
def program():
    class Model(torch.nn.Module):
        def forward(self, x, pair, n: int, *, k):
            return x[:, :2] + pair[0], pair[1]["z"] * n, k.sum()

    args = torch.ones(3, 4), (torch.ones(3, 2), {"z": torch.ones(2, dtype=torch.int64)}), 3
    rows = torch.export.Dim("rows", min=1, max=1000)
    shapes = {"x": {0: rows}, "pair": ({0: rows}, {"z": None}), "n": torch.export.Dim.DYNAMIC, "k": None}
    return torchc.compile(Model(), args, {"k": torch.ones(2)}, dynamic_shapes=shapes)


def _make_tensor(sizes, dtype, is_transposed):
    tensor = torch.ones(sizes, dtype=dtype)
    return tensor.transpose(0, -1) if is_transposed and sizes else tensor


_TENSORS = st.builds(
    _make_tensor, st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16, torch.complex64]), st.booleans())
_ARRAYS = st.builds(lambda sizes, dtype: np.ones(sizes, dtype), st.lists(st.integers(0, 5), max_size=4),
                    st.sampled_from(["f4", ">f4", "f8", "i8", "?", "U3", "O", "M8[s]", "V5", "f4,i4"]))
_ODD = st.sampled_from([None, "", "text", b"", object(), float("nan"), 2**70, -1, 1j, [], {}, set(), lambda: None, np.float32(3),
                        torch.ones(3, 4).to_sparse(), torch.empty(3, 4, device="meta"), torch.nn.Parameter(torch.ones(3, 4)),
                        torch.view_as_complex(torch.ones(3, 4, 2)).conj().imag, torch.Tensor, Ellipsis])
_LEAVES = st.one_of(_TENSORS, _ARRAYS, _ODD, st.integers(), st.floats(), st.booleans())
_VALUES = st.recursive(_LEAVES, lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(st.sampled_from(["z", "k", "x"]), inner, max_size=2)), max_leaves=4)


def call(program, args, kwargs):
    try:
        program(*args, **kwargs)
    except torchc.RunError as error:
        assert str(error)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
@given(args=st.lists(_VALUES, max_size=4), kwargs=st.dictionaries(st.sampled_from(["k", "x", "n"]), _VALUES, max_size=2))
def test_any_call(program, args, kwargs):
    call(program, args, kwargs)


_GOOD = [torch.ones(3, 4), (torch.ones(3, 2), {"z": torch.ones(2, dtype=torch.int64)}), 3, torch.ones(2)]


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
@given(place=st.integers(0, 4), value=_VALUES)
def test_calls_with_one_wrong_value(program, place, value):
    x, pair, n, k = copy.copy(_GOOD)
    values = [x, pair[0], pair[1]["z"], n, k]
    values[place] = value
    call(program, (values[0], (values[1], {"z": values[2]}), values[3]), {"k": values[4]})
    program(*_GOOD[:3], k=k)  # It still works.


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200), st.sampled_from([
    "module {", "func.func @f() { return }", "PK\x03\x04", "ML\xefR", 'module attributes {torchc.weights = "../x"} {}'])))
def test_any_content(content):
    for use in (torchc.compiler.compile_str, lambda text: torchc.load(text.encode() if isinstance(text, str) else text)):
        try:
            use(content)
        except torchc.TorchcError as error:
            assert str(error)


_CALLS = [
    lambda program, a, b: torchc.load(a), lambda program, a, b: torchc.load(b"", threads=a, parameters=b),
    lambda program, a, b: program.call(a, b), lambda program, a, b: program.call_flat("forward", [a, b]),
    lambda program, a, b: program.call_flat(a, b), lambda program, a, b: program.signature(a),
    lambda program, a, b: program.set_state({"x": a, b if isinstance(b, str) else "y": b}), lambda program, a, b: program.load_state(a),
    lambda program, a, b: torchc.runtime.VmModule.from_flatbuffer(a, b), lambda program, a, b: torchc.runtime.VmModule.mmap(a, b),
    lambda program, a, b: torchc.runtime.VmModule.wrap_buffer(None, a, name=b), lambda program, a, b: torchc.runtime.Config(a, threads=b),
    lambda program, a, b: torchc.compiler.compile_str(a, target_backends=b), lambda program, a, b: torchc.compiler.compile_str("", input_type=a),
    lambda program, a, b: torchc.compiler.compile_str("", target_cpu=a, inputs=b), lambda program, a, b: torchc.compiler.compile_file(a, b),
    lambda program, a, b: torchc.compiler.Module(opt_level=a, custom_ops=b),
    lambda program, a, b: torchc.compiler.Module.from_graphs([("f", a)], {"x": b}),
    lambda program, a, b: torchc.compiler.Module.from_bytes("module {}").run_to(a),
    lambda program, a, b: torchc.compile(a, b, output_type=a), lambda program, a, b: torchc.fx.FxImporter().import_graph_module(a),
    lambda program, a, b: torchc.aot.export(a, b), lambda program, a, b: torchc.dynamo.Options.parse(a),
]


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
@given(use=st.sampled_from(_CALLS), a=_VALUES, b=_VALUES)
def test_any_use(program, use, a, b):
    """An answer or an exception; never an end of the interpreter, nor an error of its own insides."""
    try:
        use(program, a, b)
    except SystemError:
        raise
    except Exception:
        pass
    program(*_GOOD[:3], k=_GOOD[3])
