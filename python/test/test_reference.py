"""The comparison with eager names the first operator that differs."""
import subprocess
import sys

import torch

import torchc
from torchc.reference import find_difference


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 6)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, table):
        self.calls.add_(1)
        x = self.linear(x)
        x[:, 1].mul_(self.calls)
        y = torch.tanh(x)
        left, right = y.split(3, dim=1)
        return {"sum": (left * right).sum(1), "places": y.argmax(1), "row": table[1:]}


def export():
    torch.manual_seed(0)
    return torch.export.export(Model(), (torch.randn(5, 4), torch.arange(3)),
                               dynamic_shapes=({0: torch.export.Dim("n", min=2, max=9)}, None))


def compile_altered(program):
    """A compiler with a fault: it takes tanh for sin."""
    for node in program.graph.nodes:
        if node.target == torch.ops.aten.tanh.default:
            node.target = torch.ops.aten.sin.default
    return torchc.compile(program)


def test_all_equal():
    assert find_difference(export(), (torch.randn(7, 4), torch.arange(3))) is None


def test_names_the_first_that_differs():
    difference = find_difference(export(), (torch.randn(7, 4), torch.arange(3)), compile=compile_altered)
    assert difference.target == "aten.tanh.default"
    line = next(i for i, text in enumerate(open(__file__), 1) if "torch.tanh(x)" in text)
    assert difference.location == f"{__file__}:{line}"
    assert "of 42 numbers" in difference.reason


def test_finds_what_only_fusion_shows():
    def compile_fused(program):
        # A fault in what lies between results that are not kept.
        outputs = len(program.graph.output_node().args[0])
        return (compile_altered if outputs <= 8 else torchc.compile)(program)

    difference = find_difference(export(), (torch.randn(7, 4), torch.arange(3)), compile=compile_fused)
    assert difference.target == "aten.tanh.default"


def test_command_line(tmp_path):
    torch.export.save(export(), tmp_path / "m.pt2")
    done = subprocess.run([sys.executable, "-m", "torchc.reference", tmp_path / "m.pt2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "results are equal" in done.stdout
    done = subprocess.run([sys.executable, "-m", "torchc.reference", tmp_path / "none.pt2"], capture_output=True, text=True)
    assert done.returncode == 1 and "error" in done.stderr
