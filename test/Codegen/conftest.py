"""Every test draws the same random values, whatever tests ran before it."""
import pytest

from test_rows import RNG

STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_values():
    RNG.bit_generator.state = STATE
