"""Programs take and give numpy arrays, without PyTorch."""
import subprocess
import sys

import numpy as np
import pytest
import torch

import torchc


class Affine(torch.nn.Module):
    def forward(self, x):
        return x * 2 + 1, x > 1, x.sum()


@pytest.fixture(scope="module")
def affine():
    return torchc.compile(torch.export.export(Affine(), (torch.ones(3, 4),)))


@pytest.mark.parametrize("make", [np.ascontiguousarray, np.asfortranarray, lambda x: x[::-1]])
def test_numpy_in_numpy_out(affine, make):
    x = make(np.arange(12, dtype=np.float32).reshape(3, 4))
    for actual, expected in zip(affine(x), (x * 2 + 1, x > 1, x.sum()), strict=True):
        assert isinstance(actual, np.ndarray) and actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_load_needs_no_torch(affine, tmp_path):
    affine.save(tmp_path / "m.vmfb")
    code = """
import sys
import numpy, torchc
y, _, _ = torchc.load(sys.argv[1])(numpy.ones((3, 4), numpy.float32))
assert y.tolist() == [[3.0] * 4] * 3
assert not any(name == "torch" or name.startswith("torch.") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.vmfb")], check=True)
