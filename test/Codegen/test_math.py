"""Math functions against numpy in double precision: errors in units of the last place.

    test_math.py > docs/Reference/MathFunctions.md
"""

import numpy as np
import pytest
import torch

from kernel import ROOT
from test_rows import RNG, elementwise

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-30, -1e-30, 1e-42, 1e30, -1e30, np.inf, -np.inf, np.nan,
                    88.0, -88.0, 89.0, -104.0, 100.0, 127.5, -149.0, 3.1415927, 1e4, 3e7], np.float32)


def values(low, high, dtype=np.float32, n=30000):
    """Numbers between low and high, evenly spread and by every binade, denormals too."""
    bits = np.linspace(0, np.array(np.inf, dtype).view(f"u{np.dtype(dtype).itemsize}"), n, endpoint=False).astype(
        f"u{np.dtype(dtype).itemsize}")
    binades = bits.view(dtype)
    binades = np.concatenate([binades, -binades])
    return np.concatenate([SPECIAL.astype(dtype), RNG.uniform(low, high, n).astype(dtype),
                           binades[(binades >= low) & (binades <= high)]])


def ulps(got, expected, floor=0.0):
    """Largest error in ulp of `got`'s type; exact in what is not finite, and within `floor` absolutely.

    expected: in a wider type."""
    with np.errstate(all="ignore"):
        rounded = expected.astype(got.dtype)
    special = ~np.isfinite(rounded)
    np.testing.assert_array_equal(got[special], rounded[special])
    got, expected = got[~special].astype(expected.dtype), expected[~special]
    unit = np.spacing(np.maximum(np.abs(rounded[~special]), np.finfo(rounded.dtype).tiny)).astype(expected.dtype)
    error = np.abs(got - expected)
    error[error <= floor] = 0
    return (error / unit).max()


# The function, the range of arguments, the largest error in ulp, and the absolute one that is let pass.
UNARY = {
    "exp": (np.exp, -104, 90, 1.25, 0), "exp2": (np.exp2, -150, 128, 1.25, 0), "expm1": (np.expm1, -5, 5, 3, 0),
    "log": (np.log, 0, 10, 1, 0), "log2": (np.log2, 0, 10, 1.5, 0), "log10": (np.log10, 0, 1000, 0.6, 0),
    "log1p": (np.log1p, -1, 10, 2.5, 0), "sin": (np.sin, -100, 100, 2, 2e-8), "cos": (np.cos, -1e5, 1e5, 2, 2e-8),
    "tan": (np.tan, -20, 20, 0.6, 0), "sinh": (np.sinh, -5, 5, 4, 0), "cosh": (np.cosh, -80, 80, 3.5, 0),
    "tanh": (np.tanh, -10, 10, 1.5, 0), "asinh": (np.arcsinh, -50, 50, 3, 0), "acosh": (np.arccosh, 1, 50, 3, 0),
    "atanh": (np.arctanh, -1, 1, 3, 0), "atan": (np.arctan, -20, 20, 3, 0), "asin": (np.arcsin, -1, 1, 2.5, 0),
    "acos": (np.arccos, -1, 1, 1.5, 0), "sqrt": (np.sqrt, 0, 10, 0.51, 0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0, 10, 1.6, 0),
    "erf": (lambda x: torch.erf(torch.from_numpy(x)).numpy(), -4, 4, 1.5, 0),
    "round": (lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x), -20, 20, 0, 0),
    "roundeven": (np.round, -20, 20, 0, 0),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    function, low, high, limit, floor = UNARY[name]
    x = values(low, high)
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 1e15)]
    y = elementwise(name, ["f32"], "f32", f"%r = math.{name} %a : f32\nlinalg.yield %r : f32", [x], "f")
    with np.errstate(all="ignore"):
        assert ulps(y, function(x.astype(np.float64)), floor) <= limit


@pytest.mark.parametrize("lanes", [1, 3, 5, 13, 40])
def test_erf_of_few_lanes(lanes):
    """Coefficients are looked up a register at a time, however many lanes there are."""
    x = RNG.uniform(-4, 4, lanes).astype(np.float32)
    y = elementwise("erf", ["f32"], "f32", "%r = math.erf %a : f32\nlinalg.yield %r : f32", [x], "f")
    assert ulps(y, UNARY["erf"][0](x.astype(np.float64))) <= 1.5


DOUBLE = {
    "exp": (-745, 709, 1.5), "exp2": (-1074, 1023, 1.5), "log": (0, 10, 2.5), "log2": (0, 10, 3), "log10": (0, 1000, 2.5),
    "log1p": (-1, 10, 2.5), "sin": (-100, 100, 2), "cos": (-1e5, 1e5, 2), "tan": (-20, 20, 4), "atan": (-100, 100, 4),
    "tanh": (-10, 10, 4), "sinh": (-5, 5, 4), "cosh": (-80, 80, 4), "expm1": (-5, 5, 3), "acosh": (1, 50, 2.5),
    "asinh": (-50, 50, 3), "atanh": (-1, 1, 3), "rsqrt": (0, 10, 1.6), "sqrt": (0, 10, 0.51), "roundeven": (-20, 20, 0),
}


@pytest.mark.parametrize("name", DOUBLE)
def test_unary_double(name):
    low, high, limit = DOUBLE[name]
    x = values(low, high, np.float64)
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 1e15)]
    y = elementwise(name, ["f64"], "f64", f"%r = math.{name} %a : f64\nlinalg.yield %r : f64", [x], "d")
    with np.errstate(all="ignore"):
        assert ulps(y, UNARY[name][0](x.astype(np.longdouble))) <= limit


def make_table():
    """What these tests hold, as documentation."""
    lines = ["# Math functions", "",
             "The largest errors of kernels' math functions, in units of the last place of the result, that the tests let pass: on",
             "30,000 numbers evenly spread over the range and as many of all binades within it, denormal ones too, for x86-64-v2, -v3 and",
             "the machine's own CPU. Exact means correctly rounded or the same bits. What is NaN, infinite or zero in IEEE 754 is so here.",
             "Made by `python test/Codegen/test_math.py`.", "",
             "| function | f32, range | f32, ulp | f64, range | f64, ulp |", "|---|---|---|---|---|"]
    span = lambda low, high: f"{low:g} to {high:g}"
    error = lambda limit: f"{limit:g}" if limit > 0.51 else "exact"
    for name, (_, low, high, limit, floor) in sorted(UNARY.items()):
        single = error(limit) + (f", or {floor:g} near 0" if floor else "")
        double = DOUBLE.get(name)
        lines.append(f"| {name} | {span(low, high)} | {single} | {span(*double[:2]) if double else ''} | {error(double[2]) if double else ''} |")
    lines += ["| pow | 0.01 to 30, and special values | 1 | 0.01 to 30 by -150 to 150, and near 1 by up to 1e6 | 2 |",
              "| atan2 | -5 to 5, and special values | 4 | -5 to 5, and special values | 4 |",
              "| fmod | -100 to 100 by -7 to 7 | exact | -100 to 100 by -7 to 7 | exact |", "",
              "sin, cos and tan are NaN from 2^52 on, where f64 has no fractions. f16 and bf16 are computed in f32 and",
              "rounded once.", "",
              "acos, asin and erf of f64 and, of any type, erfc, erfcx, erfinv, ndtr, log_ndtr, ndtri, entr, lgamma, digamma, the Bessel",
              "functions and airy_ai are formulas of the Lower stage in f64: within 4 ulp over the range in which they are finite, except",
              "that functions with zeros have absolute errors there: 2.5e-16 (J, Y and Ai up to 100), 2e-15 (lgamma of negative numbers);",
              "for f32 they are rounded once (`test/EndToEnd/test_special_functions.py`)."]
    return "\n".join(lines) + "\n"


def test_table():
    assert (ROOT / "docs/Reference/MathFunctions.md").read_text() == make_table()


WIDER = {np.float32: np.float64, np.float64: np.longdouble}
TYPES = pytest.mark.parametrize("dtype", WIDER, ids=["f32", "f64"])


def binary(name, op, x, y):
    element = "f64" if x.dtype == np.float64 else "f32"
    return elementwise(name, [element] * 2, element, f"%r = {op} %a, %b : {element}\nlinalg.yield %r : {element}", [x, y],
                       "d" if element == "f64" else "f")


@TYPES
def test_pow(dtype):
    grid = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, 1e30, 1e-30, np.inf, -np.inf, np.nan], dtype)
    x, y = [np.concatenate([g.ravel(), RNG.uniform(0.01, 30, 2000).astype(dtype)]) for g in np.meshgrid(grid, grid)]
    if dtype == np.float64:
        near = RNG.uniform(-700, 700, 20000)
        bases = np.concatenate([RNG.uniform(0.01, 30, 20000), 1 + RNG.uniform(-1e-3, 1e-3, 20000), [5e-324, 1e-310, 1e308, 10, 1.5]])
        exponents = np.concatenate([RNG.uniform(-150, 150, 20000), near * 1e3, [0.5, -1, 1, -323.5, 1e300]])
        x, y = np.concatenate([x, bases]), np.concatenate([y, exponents])
    z = binary("pow", "math.powf", x, y)
    with np.errstate(all="ignore"):
        assert ulps(z, np.power(x.astype(WIDER[dtype]), y.astype(WIDER[dtype]))) <= (1 if dtype == np.float32 else 2)


@TYPES
def test_fmod(dtype):
    x, y = RNG.uniform(-100, 100, 3000).astype(dtype), RNG.uniform(-7, 7, 3000).astype(dtype)
    x[:4], y[:4] = [5, -5, 1e8, 3], [np.inf, 2.5, 3, 0]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(binary("fmod", "arith.remf", x, y), np.fmod(x, y))


@TYPES
def test_atan2(dtype):
    grid = np.array([0.0, -0.0, 1.0, -1.0, 1e30, -1e-30, np.inf, -np.inf, np.nan], dtype)
    y, x = [np.concatenate([g.ravel(), RNG.uniform(-5, 5, 2000).astype(dtype)]) for g in np.meshgrid(grid, grid)]
    z = binary("atan2", "math.atan2", y, x)
    assert ulps(z, np.arctan2(y.astype(WIDER[dtype]), x.astype(WIDER[dtype]))) <= 4


if __name__ == "__main__":
    print(make_table(), end="")
