"""Attention kernels against numpy, on CPUs with vectors of different widths."""

import numpy as np
import pytest

from kernel import Kernel

RNG = np.random.default_rng(0)

# Keys lie transposed in memory, values with the heads inside; the mask has no heads; an epilogue adds 1.
TEXT = """
#query = affine_map<(b, l, n, s, k) -> (b, l, k)>
#key = affine_map<(b, l, n, s, k) -> (b, k, s)>
#value = affine_map<(b, l, n, s, k) -> (s, b, n)>
#mask = affine_map<(b, l, n, s, k) -> (l, s)>
#id = affine_map<(b, l, n) -> (b, l, n)>
dispatch.kernel @attention(%q: tensor<3x?x11xT>, %k: tensor<3x11x?xT>, %v: tensor<?x3x70xT>, %m: tensor<?x?xi1>, %l: index, %s: index)
    -> tensor<3x?x70xT> attributes {dims = [array<i64: 0>, array<i64: 1>, array<i64: 1>, array<i64: 0, 1>, array<i64: 0>]} {
  %infinity = arith.constant -INFINITY : T
  %one = arith.constant 1.0 : T
  %e = tensor.empty(%l) : tensor<3x?x70xT>
  %y = dispatch.attention(%q, %k, %v, %m) outs(%e) {indexing_maps = [#query, #key, #value, #mask], zero_masked_rows}
      : (tensor<3x?x11xT>, tensor<3x11x?xT>, tensor<?x3x70xT>, tensor<?x?xi1>) -> tensor<3x?x70xT> {
  ^bb0(%product: T, %reads: i1):
    %score = arith.select %reads, %product, %infinity : T
    dispatch.return %score : T
  }
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y : tensor<3x?x70xT>) outs(%e : tensor<3x?x70xT>) {
  ^bb0(%a: T, %o: T):
    %0 = arith.addf %a, %one : T
    linalg.yield %0 : T
  } -> tensor<3x?x70xT>
  dispatch.return %z : tensor<3x?x70xT>
}
"""


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3", "host"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attention(cpu, dtype):
    batch, inner, columns = 3, 11, 70
    element, infinity = {np.float32: ("f32", "0xFF800000"), np.float64: ("f64", "0xFFF0000000000000")}[dtype]
    text = TEXT.replace("-INFINITY", infinity).replace("xT>", f"x{element}>").replace(": T", f": {element}")
    kernel = Kernel(text, cpu)
    for rows, keys in ((1, 1), (30, 257), (200, 700), (15, 64)):
        query, key, value = (RNG.standard_normal(shape).astype(dtype)
                             for shape in ((batch, rows, inner), (batch, inner, keys), (keys, batch, columns)))
        mask = RNG.random((rows, keys)) < 0.7
        mask[rows // 2] = False
        scores = np.where(mask, query @ key, -np.inf)
        with np.errstate(invalid="ignore"):
            powers = np.exp(scores - scores.max(-1, keepdims=True))
        powers[:, rows // 2] = 0
        sums = np.where(powers.sum(-1, keepdims=True) == 0, 1, powers.sum(-1, keepdims=True))
        expected = powers / sums @ value.transpose(1, 0, 2) + 1
        result = kernel([query, key, value, mask], [((batch, rows, columns), dtype)], (rows, keys))
        tolerance = 2e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


# Each head of keys and values, with the heads last but one in memory, is read by three of queries, of two rows each.
FEW_ROWS = """
#query = affine_map<(b, h, l, n, s, k) -> (b, h, l, k)>
#key = affine_map<(b, h, l, n, s, k) -> (s, b, k)>
#value = affine_map<(b, h, l, n, s, k) -> (b, s, n)>
dispatch.kernel @attention(%q: tensor<2x3x2x37xT>, %k: tensor<?x2x37xT>, %v: tensor<2x?x45xT>, %s: index)
    -> tensor<2x3x2x45xT> attributes {dims = [array<i64>, array<i64: 0>, array<i64: 0>, array<i64>]} {
  %e = tensor.empty() : tensor<2x3x2x45xT>
  %y = dispatch.attention(%q, %k, %v) outs(%e) {indexing_maps = [#query, #key, #value]}
      : (tensor<2x3x2x37xT>, tensor<?x2x37xT>, tensor<2x?x45xT>) -> tensor<2x3x2x45xT> {
  ^bb0(%product: T):
    dispatch.return %product : T
  }
  dispatch.return %y : tensor<2x3x2x45xT>
}
"""


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3", "host"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows(cpu, dtype):
    element = {np.float32: "f32", np.float64: "f64"}[dtype]
    kernel = Kernel(FEW_ROWS.replace("xT>", f"x{element}>").replace(": T", f": {element}"), cpu)
    for keys in (1, 32, 65, 700):
        query, key, value = (RNG.standard_normal(shape).astype(dtype) for shape in ((2, 3, 2, 37), (keys, 2, 37), (2, keys, 45)))
        scores = np.einsum("bhlk,sbk->bhls", query, key)
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        expected = np.einsum("bhls,bsn->bhln", powers / powers.sum(-1, keepdims=True), value)
        result = kernel([query, key, value], [(expected.shape, dtype)], (keys,))
        tolerance = 2e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)
