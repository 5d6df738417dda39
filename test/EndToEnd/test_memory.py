"""Memory plans: a call takes little more than what is in use at one time, whatever the sizes."""
import json
import os
import subprocess

import pytest
import torch

import torchc
from cases import find_case


def measure(program, inputs, directory):
    """What torchc-run --stats says of a call with inputs of these shapes."""
    program.save(directory / "m.vmfb")
    values = [f"--input={'x'.join(map(str, x.shape))}x{'i64' if x.dtype == torch.int64 else 'f32'}=1" for x in inputs]
    run = subprocess.run([os.path.join(os.environ["TORCHC_BIN"], "torchc-run"), str(directory / "m.vmfb"), *values,
                          "--stats", "--json", "--repetitions=1"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["stats"]


@pytest.mark.parametrize("name", ["mlp", "resnet18-small", "mobilenet-v2-small", "bert", "gpt2"])
def test_plan_is_close_to_the_least(name, tmp_path):
    case = find_case(name)
    model = case.build()
    shapes = case.dynamic_shapes()
    with torch.no_grad():
        dynamic = shapes and torchc.compile(torch.export.export(model, case.inputs()[0], dynamic_shapes=shapes))
        shortest = [tuple(x[:, :2] for x in case.inputs()[0])] if name in ("bert", "gpt2") else []
        for inputs in [*case.inputs(), *shortest]:
            static = measure(torchc.compile(torch.export.export(model, inputs)), inputs, tmp_path)
            # Each tensor begins at a multiple of 64 bytes, which is much for the smallest.
            least = static["live_bytes"] + 512
            assert 0 < static["slab_bytes"] <= 1.1 * least
            # Of static shapes, and short ones, other kernels are made: what is alive differs.
            if dynamic:
                assert 0 < measure(dynamic, inputs, tmp_path)["slab_bytes"] <= (1.1 if least > 20000 else 1.2) * least
