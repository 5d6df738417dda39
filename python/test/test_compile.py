"""torchc.compile and torchc.compiler: all that they take, all that they give."""
import collections
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import torchc


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x).relu()


MODEL, X = Model().eval(), torch.linspace(-1, 1, 8).view(2, 4)


def check(actual, expected=None):
    torch.testing.assert_close(actual, MODEL(X) if expected is None else expected, rtol=1e-5, atol=1e-6)


def test_what_it_takes(tmp_path):
    exported = torch.export.export(MODEL, (X,))
    torch.export.save(exported, tmp_path / "m.pt2")
    for model, args in [(MODEL, (X,)), (MODEL, X), (lambda x: x.cos() * 2, X), (exported, None),
                        (torch.fx.symbolic_trace(MODEL), X), (torch.jit.trace(MODEL, X), X), (tmp_path / "m.pt2", None)]:
        expected = model(X) if callable(model) and not isinstance(model, torch.export.ExportedProgram) else MODEL(X)
        check(torchc.compile(model, args)(X), expected)
    check(torchc.compile(MODEL, X, use_tracing=True)(X))
    check(torchc.compile(torch.jit.script(MODEL), inputs=["?x4xf32"])(X))


def test_it_is_one_function():
    """The package's own, with the signature and the text of the compiler's; and it says its version."""
    assert torchc.compile is torchc.compiler.compile and "compile" in dir(torchc)
    assert re.fullmatch(r"\d+\.\d+\.\d+", torchc.__version__)


def test_traces_give_dicts():
    class Named(nn.Module):
        def forward(self, x):
            return {"y": x * 2, "x": x + 1}

    check(torchc.compile(Named(), X, use_tracing=True)(X), Named()(X))


Pair = collections.namedtuple("Pair", "left right")


def test_named_tuples():
    program = torchc.compile(lambda pair, x: {"pair": Pair(pair.right, pair.left * 2), "max": x.max(1)}, (Pair(X, X + 1), X))
    result = program(Pair(X, X + 1), X)
    assert type(result["pair"]) is Pair and type(program((X, X + 1), X)["pair"]) is Pair
    check(tuple(result["pair"]), (X + 1, X * 2))
    code = """
import sys, numpy as np, torchc
y = torchc.load(sys.argv[1])((np.ones((2, 4), np.float32),) * 2, np.ones((2, 4), np.float32))["pair"]
assert type(y).__name__ == "Pair" and y.right[0, 0] == 2, y
"""
    with tempfile.NamedTemporaryFile(suffix=".vmfb") as file:
        program.save(file.name)
        subprocess.run([sys.executable, "-c", code, file.name], check=True)


def test_compilations_in_threads():
    with ThreadPoolExecutor(4) as executor:
        programs = list(executor.map(lambda i: torchc.compile(lambda x: MODEL(x) + i, X), range(8)))
    for i, program in enumerate(programs):
        check(program(X), MODEL(X) + i)


def test_keywords_and_dynamic_sizes():
    def f(x, *, scale):
        return {"y": x * scale["by"]}

    args, kwargs = (torch.ones(3, 2),), {"scale": {"by": torch.tensor(2.0)}}
    program = torchc.compile(f, args, kwargs, dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}, "scale": {"by": None}})
    check(program(torch.ones(7, 2), **kwargs), {"y": torch.full((7, 2), 2.0)})


def test_tied_and_strided_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(5, 4)
            self.out = nn.Linear(4, 5, bias=False)
            self.out.weight = self.embed.weight
            self.table = nn.Buffer(torch.arange(20.0).view(4, 5).t())

        def forward(self, i):
            return self.out(self.embed(i) + self.table[:3])

    model, i = Tied(), torch.tensor([0, 3, 4])
    check(torchc.compile(model, i)(i), model(i))


def test_buffers_stay_written():
    class Count(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = nn.Buffer(torch.zeros(2))

        def forward(self, x):
            self.count += x
            return self.count * 2

    program, x = torchc.compile(Count(), torch.ones(2)), torch.ones(2)
    check([program(x), program(x)], [torch.full((2,), 2.0), torch.full((2,), 4.0)])


@pytest.mark.parametrize("output_type, op", [("torch", "torch.aten.linear"), ("linalg-on-tensors", "linalg.generic")])
def test_mlir(output_type, op, tmp_path):
    module = torchc.compile(MODEL, X, output_type=output_type)
    assert op in str(module)
    content = io.BytesIO()
    module.operation.write_bytecode(content)
    module.save(tmp_path / "m.mlir")
    for vmfb in (torchc.compiler.compile_str(content.getvalue(), target_backends=["llvm-cpu"], input_type="tm_tensor"),
                 torchc.compiler.compile_str(str(module)), torchc.compiler.compile_file(tmp_path / "m.mlir"),
                 module.run_to("vmfb").to_bytes()):
        check(torchc.load(vmfb)(X))


def test_compile_file_writes_what_was_asked_for(tmp_path):
    torch.export.save(torch.export.export(MODEL, (X,)), tmp_path / "m.pt2")
    torchc.compiler.compile_file(tmp_path / "m.pt2", tmp_path / "m.mlir", emit="linalg")
    assert "linalg.generic" in (tmp_path / "m.mlir").read_text() and (tmp_path / "m.safetensors").exists()
    torchc.compiler.compile_file(tmp_path / "m.pt2", tmp_path / "m.a", emit="static-library")
    assert (tmp_path / "m.h").exists()


def test_unknown_names_are_answered_with_the_known_ones():
    for call, message in [
        (lambda: torchc.compile(MODEL, X, output_type="onnx"), "unknown output type 'onnx'; there are: linalg-on-tensors"),
        (lambda: torchc.compiler.compile_str("", target_backends=["cuda"]), "unknown target backend 'cuda'; there are: llvm-cpu"),
        (lambda: torchc.compiler.compile_str("", target_backends=[]), "unknown target backend ''; there are: llvm-cpu"),
        (lambda: torchc.compiler.compile_str("", input_type="tosa"), "unknown input type 'tosa'; there are: auto, linalg"),
        (lambda: torchc.compiler.compile_str("", emit="ptx"), "unknown stage 'ptx'; there are: codegen"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(torchc.CompileError, match="input:1:.*error"):
        torchc.compiler.compile_str("func.func @f( {")


def test_externalized_parameters(tmp_path):
    program = torchc.compile(MODEL, X, externalize_parameters=("scope", tmp_path / "w.safetensors"))
    check(program(X))
    program.save(tmp_path / "m.vmfb")
    check(torchc.load(tmp_path / "m.vmfb", parameters={"scope": tmp_path / "w.safetensors"})(X))
    check(torchc.load(tmp_path / "m.vmfb", parameters={"scope": MODEL.state_dict()})(X))


def test_parameters_stay_written():
    class Moving(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.Parameter(torch.zeros(3), requires_grad=False)

        def forward(self, x):
            self.mean.lerp_(x, 0.5)
            return x - self.mean

    model, x = Moving(), torch.arange(3.0)
    program = torchc.compile(model, x)
    for _ in range(3):
        check(program(x), model(x))
    check(torch.as_tensor(program.state()["mean"]), model.mean.detach())


def test_progress_is_shown_on_a_terminal(tmp_path):
    # What is done before it is looked for shows nothing.
    long = nn.Sequential(*(nn.Sequential(nn.Linear(size, size + 1), nn.Tanh()) for size in range(4, 44)))
    torch.export.save(torch.export.export(long, (X,)), tmp_path / "m.pt2")
    code = "import sys, torchc; torchc.compiler.compile_file(sys.argv[1], sys.argv[1] + '.vmfb')"
    ours, theirs = pty.openpty()
    for stderr in (theirs, subprocess.PIPE):
        process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "m.pt2"], stderr=stderr)
        _, quiet = process.communicate(timeout=60)
        assert process.returncode == 0
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    # One line that is written anew for each stage, and is gone in the end.
    assert re.match(r"\r\x1b\[K\[\d/8\] [a-z]+", shown) and shown.endswith("\r\x1b[K") and not quiet


def test_compilations_release_the_gil():
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            time.sleep(0.0005)
            ticks.append(None)

    exported = torch.export.export(MODEL, (X,))
    thread, interval = threading.Thread(target=tick), sys.getswitchinterval()
    thread.start()
    # Threads do not take turns by themselves: the other one runs where the compilation lets it.
    sys.setswitchinterval(1000)
    try:
        module = torchc.compile(exported, output_type="torch")
        before = len(ticks)
        module.run_to("vmfb")
        after = len(ticks)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    assert after - before > 10


@torch.library.custom_op("torchctest::look", mutates_args=())
def look(x: torch.Tensor) -> torch.Tensor:
    return x * 2


look.register_fake(torch.empty_like)


def test_inputs_are_read_where_they_are():
    seen = []

    def note(x):
        seen.append(x.ctypes.data)
        return x * 2

    program = torchc.compile(lambda values: look(values["x"]), ({"x": X},), ops={"torchctest::look": note})
    frozen = X.numpy().copy()
    frozen.flags.writeable = False
    for x in (X, X.numpy(), nn.Parameter(X.clone()), X.clone().requires_grad_(), X[:, :].detach()):
        np.testing.assert_array_equal(np.asarray(program({"x": x})), X * 2)
        assert seen.pop() == (x.data_ptr() if isinstance(x, torch.Tensor) else x.ctypes.data)


def test_results_share_memory():
    program = torchc.compile(lambda x: x + 1, torch.ones(1000))
    y = program(torch.ones(1000))
    assert torch.from_dlpack(y).data_ptr() == y.data_ptr()
    n = program(np.ones(1000, np.float32))
    assert not n.flags.owndata
    y[0] = 5  # It is the caller's own: another call does not write to it.
    program(torch.zeros(1000))
    assert y[0] == 5 and y[1] == 2
