"""A few of the architectures of `architectures.py`, one of each kind that differs from the others."""
import pytest

import architectures


@pytest.mark.parametrize("name", ["deberta-v2", "llama", "mamba2", "swin", "t5"])
def test_architecture_equals_eager(name):
    outcome, _, _, error, message = architectures.run(name)
    assert outcome == "ok", f"{outcome} (relative error {error:.1e}) {message}"
