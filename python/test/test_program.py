"""Programs are called as the model is, and refuse what does not fit with what was expected and got."""
import collections
import gc
import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch

import torchc


class Affine(torch.nn.Module):
    def forward(self, x):
        return x * 2 + 1


@pytest.fixture
def affine(compiled):
    batch = torch.export.Dim("batch", min=1, max=64)
    return compiled(Affine(), (torch.ones(3, 4),), ({0: batch},))


def check(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)


# What goes in and comes out.


def test_torch_in_torch_out(affine):
    x = torch.randn(5, 4)
    check(affine(x), x * 2 + 1)


def test_numpy_in_numpy_out(affine):
    x = np.ones((2, 4), np.float32)
    y = affine(x)
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
    np.testing.assert_array_equal(y, x * 2 + 1)


@pytest.mark.parametrize("x", [torch.randn(4, 6).t()[:, :4], torch.randn(6, 8)[::2, ::2], torch.randn(4).expand(3, 4),
                               torch.randn(3, 4).requires_grad_()],
                         ids=["transposed", "strided", "expanded", "with gradient"])
def test_any_layout(affine, x):
    check(affine(x), (x * 2 + 1).detach())


def test_numpy_layouts(affine):
    x = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    frozen = x.copy()
    frozen.flags.writeable = False
    for value in (x, x[::-1], frozen):
        np.testing.assert_array_equal(affine(value), value * 2 + 1)


class Scalars(torch.nn.Module):
    def forward(self, x, n: int, mask):
        return x + n, mask.logical_not(), x.sum() > 0


def test_zero_dims_integers_and_bools(compiled):
    inputs = (torch.tensor(3, dtype=torch.int32), 5, torch.tensor([True, False]))
    program = compiled(Scalars(), inputs, (None, torch.export.Dim.DYNAMIC, None))
    for n in (5, -7):
        expected = Scalars()(inputs[0], n, inputs[2])
        for a, e in zip(program(inputs[0], n, inputs[2]), expected, strict=True):
            assert a.dtype == e.dtype and a.shape == e.shape
            check(a, e)
    with pytest.raises(torchc.RunError, match="'n': expected int, got float 2.5"):
        program(inputs[0], 2.5, inputs[2])
    with pytest.raises(torchc.RunError, match="'n': expected int, got bool True"):
        program(inputs[0], True, inputs[2])


class Half(torch.nn.Module):
    def forward(self, x):
        return x + x


def test_bfloat16(compiled):
    program = compiled(Half(), (torch.ones(4, dtype=torch.bfloat16),))
    x = torch.randn(4).to(torch.bfloat16)
    assert program(x).dtype == torch.bfloat16
    check(program(x), x + x)
    with pytest.raises(torchc.RunError, match="is 4xf32, must be 4xbf16"):
        program(np.ones(4, np.float32))


# Structure.


class Nested(torch.nn.Module):
    def forward(self, pair, table, *, scale):
        a, b = pair
        return {"sum": a + b, "none": None, "rest": [table["x"] * scale["by"], (b,)], "number": 5}


def test_nested_inputs_and_outputs(compiled):
    args = ((torch.ones(2), torch.arange(2.0)), {"x": torch.full((3,), 2.0)})
    kwargs = {"scale": {"by": torch.tensor(4.0)}}
    program = torchc.compile(torch.export.export(Nested(), args, kwargs))
    actual, expected = program(*args, **kwargs), Nested()(*args, **kwargs)
    assert torch.utils._pytree.tree_structure(actual) == torch.utils._pytree.tree_structure(expected)
    check(actual, expected)

    with pytest.raises(torchc.RunError, match=r"input 0: expected 2 values, got 1"):
        program((torch.ones(2),), args[1], **kwargs)
    with pytest.raises(torchc.RunError, match=r"input 1: expected a dict with keys \['x'\], got keys \['y'\]"):
        program(args[0], {"y": torch.ones(3)}, **kwargs)
    with pytest.raises(torchc.RunError, match=r"\['scale'\]: expected a dict with keys \['by'\], got Tensor"):
        program(*args, scale=torch.ones(()))


class Listed(torch.nn.Module):
    def forward(self, pairs, *, ordered):
        return [(x + y, {"x": x * 2}) for x, y in pairs], collections.OrderedDict(b=ordered["a"] - 1), ()


def test_types_of_nests(compiled):
    """Tuples, lists and dicts are a native matter; what may stand for them, or holds others, is one of Python."""
    Pair = collections.namedtuple("Pair", "x y")
    one = torch.ones(2)
    args, kwargs = ([(one, one + 1), (one + 2, one + 3)],), {"ordered": collections.OrderedDict(a=one + 4)}
    program = torchc.compile(torch.export.export(Listed(), args, kwargs))
    native = torchc.compile(lambda pairs: [{"sum": x + y} for x, y in pairs], args)
    for pairs in (args[0], tuple(args[0]), [list(pair) for pair in args[0]], [Pair(*pair) for pair in args[0]]):
        actual, expected = program(pairs, **kwargs), Listed()(pairs, **kwargs)
        assert torch.utils._pytree.tree_structure(actual) == torch.utils._pytree.tree_structure(expected)
        check(actual, expected)
        check(native(pairs), [{"sum": x + y} for x, y in pairs])
    arrays = native([(one.numpy(), np.ones(2, np.float32)), (np.zeros(2, np.float32), one.numpy())])
    assert [type(value["sum"]) for value in arrays] == [np.ndarray] * 2 and arrays[1]["sum"].tolist() == [1, 1]
    with pytest.raises(torchc.RunError, match="input 0: expected 2 values, got 1"):
        native(args[0][:1])


class InPlace(torch.nn.Module):
    def forward(self, x, y):
        y.add_(x)
        return y * 2


def test_inputs_written_in_place(compiled):
    program = compiled(InPlace(), (torch.ones(3), torch.ones(3)))
    x, y = torch.arange(3.0), torch.ones(3)
    check(program(x, y), torch.tensor([2.0, 4.0, 6.0]))
    check(y, torch.tensor([1.0, 2.0, 3.0]))
    written = np.ones(3, np.float32)
    program(np.ones(3, np.float32), written)
    np.testing.assert_array_equal(written, [2, 2, 2])
    wide, version = torch.ones(3, 2)[:, 0], y._version
    for target in (wide, torch.nn.Parameter(torch.ones(3)), y):
        before = target.detach().clone()
        check(program(x, target), (before + x) * 2)
        check(target.detach(), before + x)
    assert y._version > version  # Autograd knows.


# What does not fit.


def test_wrong_shapes_and_dtypes(affine):
    for value, message in [(torch.ones(3, 5), "is 3x5xf32, must be ?x4xf32"),
                           (torch.ones(4), "is 4xf32, must be ?x4xf32"),
                           (torch.ones(3, 4, dtype=torch.float64), "is 3x4xf64, must be ?x4xf32"),
                           (torch.ones(65, 4), "has 65 for dimension 0"),
                           (np.ones((3, 4), np.int64), "is 3x4xi64, must be ?x4xf32"),
                           (5, "expected a tensor of f32, got int 5"),
                           ("text", "expected a tensor of f32|of dtype"),
                           (None, "expected a tensor of f32")]:
        with pytest.raises(torchc.RunError) as error:
            affine(value)
        assert any(part in str(error.value) for part in message.split("|")), str(error.value)


def test_wrong_number_of_inputs(affine):
    with pytest.raises(torchc.RunError, match="takes 1 inputs, got 2"):
        affine(torch.ones(3, 4), torch.ones(3, 4))
    with pytest.raises(torchc.RunError, match="takes 1 inputs, got 0"):
        affine()
    with pytest.raises(torchc.RunError, match="no function 'backward'; there are: forward"):
        affine.call("backward", torch.ones(3, 4))


class Guarded(torch.nn.Module):
    def forward(self, x, y):
        z = torch.cat([x, y])
        if z.shape[0] > 5:
            z = z * 2
        return z.view(-1, 2, 3)


def test_guards_of_the_export(compiled):
    auto = {0: torch.export.Dim.AUTO}
    program = compiled(Guarded(), (torch.ones(4, 3), torch.ones(4, 3)), (auto, auto))
    x, y = torch.randn(2, 3), torch.randn(8, 3)
    check(program(x, y), Guarded()(x, y))
    # Too short for the branch that was exported; the model itself would do something else.
    with pytest.raises(torchc.RunError, match=r"demands .*size\(\)\[0\] > 5"):
        program(torch.ones(2, 3), torch.ones(2, 3))
    # An odd number of rows cannot be viewed so.
    with pytest.raises(torchc.RunError, match="demands"):
        program(torch.ones(4, 3), torch.ones(3, 3))


class Specialized(torch.nn.Module):
    def forward(self, x, k, flag, factor, name):
        return x * k * factor if flag and name == "up" else x


def test_numbers_that_the_export_took_for_granted(compiled):
    x = torch.ones(2)
    program = compiled(Specialized(), (x, 3, True, 0.5, "up"))
    check(program(x, 3, True, 0.5, "up"), torch.full((2,), 1.5))
    for arguments, message in [((4, True, 0.5), "'k' is 4, must be 3"), ((3, False, 0.5), "'flag' is false, must be true"),
                               ((3, True, 0.25), "'factor' is 0.25, must be 0.5"),
                               ((3.0, True, 0.5), "'k': expected int, got float 3.0")]:
        with pytest.raises(torchc.RunError, match=message):
            program(x, *arguments, "up")


# Threads, files, processes.


def test_programs_go_with_their_last_reference(affine):
    program = pickle.loads(pickle.dumps(affine))
    reference = weakref.ref(program)
    program(torch.ones(3, 4))
    del program
    gc.collect()
    assert reference() is None


def test_call_before_init():
    with pytest.raises(TypeError, match="__init__"):
        torchc.Program.__new__(torchc.Program)(torch.ones(3, 4))


def test_threads(affine):
    failures = []

    def work(seed):
        x = torch.full((8, 4), float(seed))
        for _ in range(50):
            if not torch.equal(affine(x), x * 2 + 1):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


class Long(torch.nn.Module):
    def forward(self, x):
        for _ in range(12):
            x = x @ x
        return x


def test_calls_release_the_gil(compiled):
    program = compiled(Long(), (torch.zeros(384, 384),))
    x, ticks, done = np.zeros((384, 384), np.float32), [], threading.Event()

    def tick():
        while not done.is_set():
            time.sleep(0.0005)
            ticks.append(None)

    # Threads do not take turns by themselves: the other one runs where the call lets it.
    thread, interval = threading.Thread(target=tick), sys.getswitchinterval()
    thread.start()
    sys.setswitchinterval(1000)
    try:
        before = len(ticks)
        program(x)
        after = len(ticks)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    assert after > before


def test_saved_and_loaded(affine, tmp_path):
    affine.save(tmp_path / "m.vmfb")
    x = torch.randn(3, 4)
    check(torchc.load(tmp_path / "m.vmfb")(x), affine(x))
    check(torchc.load((tmp_path / "m.vmfb").read_bytes())(x), affine(x))
    check(torchc.load(str(tmp_path / "m.vmfb"), threads=2)(x), affine(x))


def test_variants(tmp_path):
    exported = torch.export.export(Affine(), (torch.ones(3, 4),))
    program = torchc.compile(exported, target_cpu="x86-64,x86-64-v2")
    assert program.variants == ["x86-64-v2", "x86-64"] and program.variant == "x86-64-v2"
    program.save(tmp_path / "m.vmfb")
    x = torch.randn(3, 4)
    for source in (tmp_path / "m.vmfb", (tmp_path / "m.vmfb").read_bytes()):
        for variant in program.variants:
            loaded = torchc.load(source, variant=variant)
            assert loaded.variant == variant
            check(loaded(x), program(x))
        assert pickle.loads(pickle.dumps(loaded)).variant == variant
    with pytest.raises(torchc.LoadError, match="no variant 'z80'; there are: x86-64-v2 x86-64"):
        torchc.load(tmp_path / "m.vmfb", variant="z80")


def test_pickled(affine, tmp_path):
    x = torch.randn(3, 4)
    affine.save(tmp_path / "m.vmfb")
    for program in (affine, torchc.load(tmp_path / "m.vmfb"), torchc.load((tmp_path / "m.vmfb").read_bytes(), threads=2)):
        check(pickle.loads(pickle.dumps(program))(x), affine(x))


def test_pickled_to_another_process(affine):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        x = np.ones((3, 4), np.float32)
        np.testing.assert_array_equal(executor.submit(affine, x).result(), x * 2 + 1)


def test_load_needs_no_torch(affine, tmp_path):
    affine.save(tmp_path / "m.vmfb")
    code = """
import sys
import numpy, torchc
program = torchc.load(sys.argv[1])
assert program(numpy.ones((2, 4), numpy.float32)).tolist() == [[3.0] * 4] * 2
assert not any(name == "torch" or name.startswith("torch.") for name in sys.modules)
assert "torchc._compiler" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.vmfb")], check=True)


def test_signature(affine):
    assert affine.functions == ["forward"]
    (x,) = affine.signature()["inputs"]
    assert x["name"] == "x" and x["dtype"] == "f32" and x["dims"][1] == 4 and isinstance(x["dims"][0], str)
