"""Models linked into C programs give what PyTorch gives, and are small."""
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from cases import find_case, write_model
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


# The program, without its constants, in bytes.
LARGEST = 100_000


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
    program = tmp_path / "program"
    subprocess.run(["cc", "-O2", f"-I{ROOT}/runtime/include", tmp_path / "main.c", tmp_path / "model.a", RUNTIME,
                    "-Wl,--gc-sections,-z,noseparate-code", "-s", "-o", program], check=True)
    y = subprocess.run([program], input=x.numpy().tobytes(), capture_output=True, check=True).stdout
    actual = torch.from_numpy(np.frombuffer(y, np.float32).copy()).reshape(expected.shape)
    torch.testing.assert_close(actual, expected, rtol=case.tolerance, atol=case.tolerance * 0.1)

    listed = json.loads(subprocess.check_output([BIN / "torchc-run", tmp_path / "model.vmfb", "--list", "--json"]))
    assert program.stat().st_size - listed["sizes"]["constants"] <= LARGEST
