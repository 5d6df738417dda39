"""Models linked into C programs give what PyTorch gives, and are small."""
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from cases import find_case, write_model
from torchc import training
from torchc.compiler import compile_file

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ["TORCHC_BIN"])
RUNTIME = BIN.parent / "lib/libtorchc-runtime.a"

MAIN = r"""
#include "model.h"
#include <stdio.h>
static float x[%d], y[%d];
int main(void) {
  torchc_session *session = NULL;
  torchc_status *status = model_create(&session);
  for (int call = 0; call < 3 && !status; ++call)
    status = fread(x, sizeof x, 1, stdin) ? model_forward(session, %s x, y) : NULL;
  if (status)
    return fprintf(stderr, "%%s\n", torchc_status_get_message(status)), 1;
  fwrite(y, sizeof y, 1, stdout);
  torchc_session_free(session);
  return 0;
}
"""


TRAIN = r"""
#include "step.h"
#include <torchc/runtime.h>
#include <cstdio>
static float x[5 * 6], loss;
static int64_t classes[5];
static torchc_status *setRate(torchc_session *session, double rate) {
  torchc_tensor *value = nullptr;
  torchc_status *status = torchc_tensor_borrow(&rate, sizeof rate, TORCHC_F64, nullptr, 0, 1, nullptr, nullptr, &value);
  if (!status)
    status = torchc_session_set_state(session, "torchc.learning_rate.0", value);
  torchc_tensor_free(value);
  return status;
}
int main() {
  torchc_session *session = nullptr;
  torchc_status *status = step_create(&session);
  for (int step = 0; !status && std::fread(x, sizeof x, 1, stdin) && std::fread(classes, sizeof classes, 1, stdin); ++step) {
    if (step == 10)
      status = setRate(session, 0.02);
    if (!status)
      status = step_forward(session, x, classes, &loss);
    std::fwrite(&loss, sizeof loss, 1, stdout);
  }
  if (status)
    return std::fprintf(stderr, "%s\n", torchc_status_get_message(status)), 1;
  torchc_session_free(session);
}
"""

# The program, without its constants, in bytes.
LARGEST = 100_000


def build(folder, source, library):
    """A program of a source and a library: its path."""
    program = folder / "program"
    compiler = ["c++", "-std=c++20", "-fno-exceptions", "-fno-rtti"] if source.suffix == ".cpp" else ["cc"]
    subprocess.run([*compiler, "-O2", f"-I{ROOT}/runtime/include", source, library, RUNTIME,
                    "-Wl,--gc-sections,-z,noseparate-code", "-s", "-o", program], check=True)
    return program


def measure(program, vmfb):
    """The size of a program without the constants of its model."""
    listed = json.loads(subprocess.check_output([BIN / "torchc-run", vmfb, "--list", "--json"]))
    return program.stat().st_size - listed["sizes"]["constants"]


@pytest.mark.parametrize("name, dims", [("mlp", "3,"), ("mobilenet-v2", "")])
def test_linked_model_equals_eager(name, dims, tmp_path):
    case = find_case(name)
    path, model = write_model(case, "pt2", tmp_path)
    x = case.inputs()[0][0]
    with torch.no_grad():
        expected = model(x)
    compile_file(path, tmp_path / "model.a", emit="static-library", target_cpu="common")
    compile_file(path, tmp_path / "model.vmfb", target_cpu="common")
    (tmp_path / "main.c").write_text(MAIN % (x.numel(), expected.numel(), dims))
    program = build(tmp_path, tmp_path / "main.c", tmp_path / "model.a")
    y = subprocess.run([program], input=x.numpy().tobytes(), capture_output=True, check=True).stdout
    actual = torch.from_numpy(np.frombuffer(y, np.float32).copy()).reshape(expected.shape)
    torch.testing.assert_close(actual, expected, rtol=case.tolerance, atol=case.tolerance * 0.1)

    assert measure(program, tmp_path / "model.vmfb") <= LARGEST


def test_linked_training_equals_eager(tmp_path):
    """A program that trains, with weights and the optimizer's state in it."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = [(torch.randn(5, 6), torch.randint(3, (5,))) for _ in range(20)]
    loss_fn = torch.nn.functional.cross_entropy
    exported = training.export_step(model, loss_fn, optimizer, batches[0], target_cpu="common")
    exported.mlir_module.run_to("static-library").save_static_library(tmp_path / "step.a")
    training.export_step(model, loss_fn, optimizer, batches[0], target_cpu="common").compile(tmp_path / "step.vmfb")
    (tmp_path / "train.cpp").write_text(TRAIN)
    program = build(tmp_path, tmp_path / "train.cpp", tmp_path / "step.a")
    given = b"".join(value.numpy().tobytes() for batch in batches for value in batch)
    output = subprocess.run([program], input=given, capture_output=True, check=True).stdout

    expected = []
    for number, (x, classes) in enumerate(batches):
        optimizer.param_groups[0]["lr"] = 0.1 if number < 10 else 0.02
        optimizer.zero_grad()
        loss = loss_fn(model(x), classes)
        loss.backward()
        optimizer.step()
        expected.append(loss.detach())
    torch.testing.assert_close(torch.from_numpy(np.frombuffer(output, np.float32).copy()), torch.stack(expected), rtol=2e-5, atol=2e-5)
    size = measure(program, tmp_path / "step.vmfb")
    print(f"a training program of {size} bytes")
    assert size <= LARGEST
