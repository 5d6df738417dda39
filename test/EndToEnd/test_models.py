"""Compiled models give what PyTorch gives."""
from pathlib import Path

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


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")


@pytest.mark.parametrize("name", ["mlp-64", "mobilenet-v2", "minilm-128"])
def test_errors_against_f64(name, benchmarks):
    """At most twice those of eager."""
    from accuracy import get_errors

    eager, compiled = get_errors(name)
    assert compiled <= 2 * eager


@pytest.mark.parametrize("name", ["mobilenet-v2", "minilm-128"])
def test_threads_change_no_bit(name, benchmarks):
    from suite import build

    model, inputs = build(name)
    exported = torch.export.export(model, inputs)
    one, *others = [torchc.compile(exported, threads=threads)(*inputs) for threads in (1, 2, 3, 8)]
    assert all(torch.equal(one, other) for other in others)
