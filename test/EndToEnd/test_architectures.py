"""A few of the architectures of `architectures.py`, one of each kind that differs from the others."""
import pytest

import architectures


@pytest.mark.parametrize("name", ["llama-cache", "mamba2", "mixtral", "swin", "t5", "wav2vec2"])
def test_architecture_equals_eager(name):
    outcome = architectures.run(name)
    assert outcome.state == "ok", str(outcome)
