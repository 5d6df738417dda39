"""Error, gamma, Bessel and Airy functions of f64 beside mpmath's: PyTorch's own are off by up to 3e-6."""
import math

import mpmath
import pytest
import torch
import torchc
from torch import special

# Name, mpmath's function, range, and an absolute error that is good enough: that of functions with zeros.
WAVE = 2.5e-16
CASES = [
    ("acos", mpmath.acos, -1, 1, 0),
    ("asin", mpmath.asin, -1, 1, 0),
    ("erf", mpmath.erf, -6, 6, 0),
    ("erfc", mpmath.erfc, -6, 26.5, 0),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), -26.6, 1e3, 0),
    ("erfinv", mpmath.erfinv, -1, 1, 0),
    ("ndtr", mpmath.ncdf, -37, 9, 0),
    ("log_ndtr", lambda x: mpmath.log(mpmath.ncdf(x)), -1e3, 37, 0),
    ("ndtri", lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), 0, 1, 0),
    ("entr", lambda x: -x * mpmath.log(x), 0, 1e3, 0),
    ("gammaln", mpmath.loggamma, 0, 1e5, 0),
    ("gammaln", lambda x: mpmath.log(abs(mpmath.gamma(x))), -20, 0, 2e-15),
    ("digamma", mpmath.digamma, 0, 1e5, 0),
    ("i0", lambda x: mpmath.besseli(0, x), -713, 713, 0),
    ("i0e", lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), -1e5, 1e5, 0),
    ("i1", lambda x: mpmath.besseli(1, x), -713, 713, 0),
    ("i1e", lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), -1e5, 1e5, 0),
    ("modified_bessel_k0", lambda x: mpmath.besselk(0, x), 0, 745, 0),
    ("modified_bessel_k1", lambda x: mpmath.besselk(1, x), 0, 745, 0),
    ("scaled_modified_bessel_k0", lambda x: mpmath.besselk(0, x) * mpmath.exp(x), 0, 1e5, 0),
    ("scaled_modified_bessel_k1", lambda x: mpmath.besselk(1, x) * mpmath.exp(x), 0, 1e5, 0),
    ("bessel_j0", lambda x: mpmath.besselj(0, x), -100, 100, WAVE),
    ("bessel_j1", lambda x: mpmath.besselj(1, x), -100, 100, WAVE),
    ("bessel_y0", lambda x: mpmath.bessely(0, x), 0, 100, WAVE),
    ("bessel_y1", lambda x: mpmath.bessely(1, x), 0, 100, WAVE),
    ("spherical_bessel_j0", mpmath.sinc, -100, 100, 0),
    ("airy_ai", mpmath.airyai, 0, 105, 0),
    ("airy_ai", mpmath.airyai, -50, 0, WAVE),
]


@pytest.mark.parametrize("name, reference, low, high, floor", CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_special_function_of_f64(name, reference, low, high, floor):
    """At most 4 units in the last place, on numbers evenly spread over the range, about 1 and of all binades."""
    most = max(abs(low), abs(high))
    size = torch.cat([torch.logspace(-2, math.log10(most), 150, dtype=torch.float64),
                      torch.logspace(-300, -2, 50, dtype=torch.float64)])
    x = torch.cat([torch.linspace(low, high, 152, dtype=torch.float64)[1:-1], size, -size])
    x = x[(x > low) & (x < high)]
    function = getattr(special, name, None) or getattr(torch, name)
    # 1 - 1e-300 takes 1000 bits.
    with mpmath.workprec(1200 if name in ("ndtri", "log_ndtr") else 200):
        for argument, actual in zip(x.tolist(), torchc.compile(lambda x: function(x), (x,))(x).tolist()):
            expected = reference(mpmath.mpf(argument))
            error = float(abs(mpmath.mpf(actual) - expected))
            assert error <= max(4 * math.ulp(float(expected)), floor), f"{name}({argument!r}) = {actual!r}"


@pytest.mark.parametrize("name, at_zero, at_infinity", [
    ("i0", 1, math.inf), ("i0e", 1, 0), ("i1", 0, math.inf), ("i1e", 0, 0), ("modified_bessel_k0", math.inf, 0),
    ("scaled_modified_bessel_k1", math.inf, 0), ("bessel_j0", 1, 0), ("bessel_j1", 0, 0), ("bessel_y0", -math.inf, 0),
    ("bessel_y1", -math.inf, 0), ("spherical_bessel_j0", 1, 0), ("airy_ai", 0.3550280538878172, 0)])
def test_special_function_at_its_ends(name, at_zero, at_infinity):
    x, function = torch.tensor([0, math.inf, math.nan], dtype=torch.float64), getattr(special, name)
    actual = torchc.compile(lambda x: function(x), (x,))(x).tolist()
    assert actual[:2] == [at_zero, at_infinity] and math.isnan(actual[2])
