"""python -m torchc: the tools, as they are called by name."""
import os
import signal
import subprocess
import sys
import time

import torch

ADD = """
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  %empty = tensor.empty() : tensor<4xf32>
  %y = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}"""


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "torchc", *map(str, arguments)], capture_output=True, text=True)


def test_compile_and_run(tmp_path):
    (tmp_path / "add.mlir").write_text(ADD)
    compiled = run("compile", tmp_path / "add.mlir", "-o", tmp_path / "add.vmfb")
    assert compiled.returncode == 0, compiled.stderr
    result = run("run", tmp_path / "add.vmfb", "--input=4xf32=1.5")
    assert result.returncode == 0 and result.stdout.strip() == "4xf32=3,3,3,3"
    dumped = run("dump", tmp_path / "add.vmfb", "--data")
    assert dumped.returncode == 0 and "forward" in dumped.stdout
    (tmp_path / "add.txt").write_text(dumped.stdout)
    assembled = run("as", tmp_path / "add.txt", "-o", tmp_path / "again.vmfb")
    assert assembled.returncode == 0, assembled.stderr
    optimized = run("opt", tmp_path / "add.mlir", "--canonicalize")
    assert optimized.returncode == 0 and "linalg.add" in optimized.stdout


def test_models(tmp_path):
    torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.ones(2),)), tmp_path / "relu.pt2")
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), tmp_path / "relu.pt")
    for name, *options in (("relu.pt2",), ("relu.pt", "--input=2xf32")):
        compiled = run("compile", tmp_path / name, *options, "-o", tmp_path / "relu.vmfb")
        assert compiled.returncode == 0, compiled.stderr
        assert run("run", tmp_path / "relu.vmfb", "--input=2xf32=-1,2").stdout.strip() == "2xf32=0,2"


def test_usage_and_failures(tmp_path):
    for arguments, code, message in [((), 2, "usage: python -m torchc {compile,"), (("paint",), 2, "usage: python -m torchc"),
                                     (("compile",), 2, "input"), (("compile", tmp_path / "none.pt2", "-o", "x"), 5, "none.pt2"),
                                     (("run", tmp_path / "none.vmfb"), 5, "none.vmfb"),
                                     (("opt", tmp_path / "none.mlir"), 5, "none.mlir")]:
        result = run(*arguments)
        assert result.returncode == code and message in result.stderr, (arguments, result)
    assert run("--help").returncode == 0 and run("compile", "--help").returncode == 0


def test_ctrl_c_ends_a_compilation(tmp_path):
    os.mkfifo(tmp_path / "endless.mlir")
    process = subprocess.Popen([sys.executable, "-m", "torchc", "compile", tmp_path / "endless.mlir", "-o", tmp_path / "x"],
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    # The tool is under way when it has opened its input.
    with open(tmp_path / "endless.mlir", "w"):
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
