"""Every test draws the same random values, whatever tests ran before it, and runs for several CPUs."""
import platform

import pytest

import kernel
from test_rows import RNG

STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_values():
    RNG.bit_generator.state = STATE


@pytest.fixture(autouse=True, params=["x86-64-v2", "x86-64-v3", "host"])
def cpu(request, monkeypatch):
    """Kernels are right with any width of vectors, and as exact without fused multiply-add."""
    if request.param != "host" and platform.machine() != "x86_64":
        pytest.skip("another architecture")
    if request.param == "x86-64-v3" and "avx2" not in open("/proc/cpuinfo").read():
        pytest.skip("this machine has no AVX2")
    monkeypatch.setattr(kernel, "DEFAULT_CPU", request.param)
