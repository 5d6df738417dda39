"""Failures are exceptions of their own, with what torchc-compile would print."""
import pickle

import pytest
import torch

import torchc


class Unsupported(torch.nn.Module):
    def forward(self, x):
        y = torch.linalg.ldl_factor_ex(x)[0]
        return torch.linalg.eig(torch.linalg.ldl_factor_ex(y)[0])[0]


def line_of(text):
    return next(i for i, line in enumerate(open(__file__), 1) if text in line)


def test_unsupported_ops_are_all_named():
    exported = torch.export.export(Unsupported(), (torch.randn(4, 4),))
    with pytest.raises(torchc.UnsupportedOpError) as error:
        torchc.compile(exported)
    assert sorted(error.value.ops) == ["aten.linalg_eig.default", "aten.linalg_ldl_factor_ex.default"]
    assert f"test_errors.py:{line_of('torch.linalg.ldl_factor_ex(x)[0]')}: error: unsupported op aten.linalg_ldl_factor_ex.default (x2)" in str(error.value)
    assert isinstance(error.value, torchc.CompileError) and isinstance(error.value, torchc.TorchcError)
    copy = pickle.loads(pickle.dumps(error.value))  # As another process gives it.
    assert str(copy) == str(error.value) and copy.ops == error.value.ops


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "m.pt2").write_bytes(b"nothing")
    with pytest.raises(torchc.CompileError, match="m.pt2"):
        torchc.compile(tmp_path / "m.pt2")
    with pytest.raises(torchc.CompileError, match="No such file"):
        torchc.compile(tmp_path / "none.pt2")


def test_what_is_no_model():
    with pytest.raises(TypeError, match="not int"):
        torchc.compile(5)
    with pytest.raises(TypeError, match="Linear is compiled with example inputs"):
        torchc.compile(torch.nn.Linear(2, 2))


def test_an_unknown_cpu():
    exported = torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),))
    for output_type in ("vmfb", "torch"):
        with pytest.raises(ValueError, match="has no CPU 'no-such-cpu'"):
            torchc.compile(exported, target_cpu="no-such-cpu", output_type=output_type)


def test_a_file_that_is_no_program(tmp_path):
    (tmp_path / "m.vmfb").write_bytes(b"TCVM" * 100)
    with pytest.raises(torchc.LoadError, match="m.vmfb"):
        torchc.load(tmp_path / "m.vmfb")
    with pytest.raises(torchc.LoadError):
        torchc.load(b"")
    with pytest.raises(torchc.LoadError, match="none.vmfb"):
        torchc.load(tmp_path / "none.vmfb")


class Divides(torch.nn.Module):
    def forward(self, x, i):
        return x[i]


def test_a_failure_of_the_model_names_its_line(compiled):
    program = compiled(Divides(), (torch.ones(3), torch.tensor([0, 1])))
    with pytest.raises(torchc.RunError) as error:
        program(torch.ones(3), torch.tensor([0, 7]))
    assert f"test_errors.py:{line_of('return x[i]')}" in str(error.value)
