"""Compiled models give what PyTorch gives."""
import pytest
import torch

import torchc
from cases import CASES, write_model

RUNS = [(case, model_format) for case in CASES if not case.slow for model_format in case.formats]


@pytest.mark.parametrize("case, model_format", RUNS, ids=lambda value: getattr(value, "name", value))
def test_model_equals_eager(case, model_format, tmp_path):
    path, model = write_model(case, model_format, tmp_path)
    program = torchc.compile(path, inputs=case.input_shapes if model_format != "pt2" else ())
    for inputs in case.inputs():
        with torch.no_grad():
            expected = model(*inputs)
        torch.testing.assert_close(program(*inputs), expected, rtol=case.tolerance, atol=case.tolerance * 0.1)
