"""Elementwise kernels, data movement and reductions against numpy."""

import numpy as np
import pytest

from kernel import Kernel

RNG = np.random.default_rng(0)


def randn(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def mlir_type(array_or_shape, element="f32"):
    shape = getattr(array_or_shape, "shape", array_or_shape)
    return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"


def static_kernel(name, arguments, result, body):
    """A kernel without dynamic extents; arguments are (name, type) pairs, the result a type."""
    results = [result] if isinstance(result, str) else result
    dims = ", ".join(["array<i64>"] * (len(arguments) + len(results)))
    signature = ", ".join(f"%{n}: {t}" for n, t in arguments)
    return f"dispatch.kernel @{name}({signature}) -> ({', '.join(results)}) attributes {{dims = [{dims}]}} {{\n{body}\n}}\n"


def generic(result, maps, iterators, inputs, init, body):
    """One linalg.generic; `inputs` are (value, type) pairs, `init` one, `body` uses %a, %b, ... and %o."""
    names = [f"%{chr(ord('a') + i)}" for i in range(len(inputs))]
    scalar = lambda t: t[t.rindex("x") + 1 : -1] if "x" in t else t[len("tensor<") : -1]
    arguments = ", ".join(f"{n}: {scalar(t)}" for n, (_, t) in zip(names + ["%o"], inputs + [init]))
    values = ", ".join(v for v, _ in inputs)
    types = ", ".join(t for _, t in inputs)
    ins = f"ins({values} : {types}) " if inputs else ""
    return (
        f"{result} = linalg.generic {{indexing_maps = [{', '.join(f'affine_map<{m}>' for m in maps)}], "
        f"iterator_types = [{', '.join(chr(34) + i + chr(34) for i in iterators)}]}} "
        f"{ins}outs({init[0]} : {init[1]}) {{\n^bb0({arguments}):\n{body}\n}} -> {init[1]}\n"
    )


P, R = "parallel", "reduction"


def reduction_body(kind, shape, dims):
    """fill and reduce of %x over dims, to %y."""
    out = [d for i, d in enumerate(shape) if i not in dims]
    loops = ", ".join(f"d{i}" for i in range(len(shape)))
    kept = ", ".join(f"d{i}" for i in range(len(shape)) if i not in dims)
    start = {"addf": "0.0", "maximumf": "0xFF800000"}[kind]
    t, o = mlir_type(shape), mlir_type(out)
    return o, (
        f"%c = arith.constant {start} : f32\n%e = tensor.empty() : {o}\n"
        f"%f = linalg.fill ins(%c : f32) outs(%e : {o}) -> {o}\n"
        + generic("%y", [f"({loops}) -> ({loops})", f"({loops}) -> ({kept})"],
                  [R if i in dims else P for i in range(len(shape))], [("%x", t)], ("%f", o),
                  f"%s = arith.{kind} %a, %o : f32\nlinalg.yield %s : f32")
        + f"dispatch.return %y : {o}"
    )


@pytest.mark.parametrize("kind", ["addf", "maximumf"])
@pytest.mark.parametrize("shape,dims", [
    ((5, 100), [1]), ((5, 100), [0]), ((5, 100), [0, 1]), ((3, 4, 5, 6), [2, 3]), ((3, 4, 5, 37), [1]),
    ((3, 4, 5, 6), [0, 2, 3]), ((2, 1, 33), [1]), ((7,), [0]), ((1,), [0]), ((2, 3, 4), [0, 2]), ((40, 1000), [0]),
])
def test_reduction(kind, shape, dims):
    o, body = reduction_body(kind, shape, dims)
    x = randn(*shape)
    out = [d for i, d in enumerate(shape) if i not in dims]
    y = Kernel(static_kernel("reduce", [("x", mlir_type(x))], o, body))([x], [(out, "f")])
    f = {"addf": np.sum, "maximumf": np.max}[kind]
    np.testing.assert_allclose(y, f(x, axis=tuple(dims)), rtol=1e-5, atol=1e-5)


SOFTMAX = """
%zero = arith.constant 0.0 : f32
%low = arith.constant 0xFF800000 : f32
%e = tensor.empty({n}) : {o}
%m0 = linalg.fill ins(%low : f32) outs(%e : {o}) -> {o}
%s0 = linalg.fill ins(%zero : f32) outs(%e : {o}) -> {o}
%t = tensor.empty({n}) : {t}
"""


def softmax_text(shape, dim, dynamic=False):
    loops = ", ".join(f"d{i}" for i in range(len(shape)))
    kept = ", ".join(f"d{i}" for i in range(len(shape)) if i != dim)
    full, row = f"({loops}) -> ({loops})", f"({loops}) -> ({kept})"
    spelled = ["?"] + list(shape[1:]) if dynamic else list(shape)
    t, o = mlir_type(spelled), mlir_type([d for i, d in enumerate(spelled) if i != dim])
    its = [R if i == dim else P for i in range(len(shape))]
    body = SOFTMAX.format(o=o, t=t, n="%n" if dynamic else "")
    body += generic("%m", [full, row], its, [("%x", t)], ("%m0", o), "%s = arith.maximumf %a, %o : f32\nlinalg.yield %s : f32")
    body += generic("%p", [full, row, full], [P] * len(shape), [("%x", t), ("%m", o)], ("%t", t),
                    "%s = arith.subf %a, %b : f32\n%r = math.exp %s : f32\nlinalg.yield %r : f32")
    body += generic("%s", [full, row], its, [("%p", t)], ("%s0", o), "%r = arith.addf %a, %o : f32\nlinalg.yield %r : f32")
    body += generic("%y", [full, row, full], [P] * len(shape), [("%p", t), ("%s", o)], ("%t", t),
                    "%r = arith.divf %a, %b : f32\nlinalg.yield %r : f32")
    body += f"dispatch.return %y : {t}"
    if not dynamic:
        return static_kernel("softmax", [("x", t)], t, body)
    return (f"dispatch.kernel @softmax(%x: {t}, %n: index) -> {t} attributes "
            f"{{dims = [array<i64: 0>, array<i64: 0>]}} {{\n{body}\n}}")


@pytest.mark.parametrize("shape,dim", [((6, 100), 1), ((6, 128), 1), ((6, 7), 1), ((3, 10, 5, 6), 1), ((2, 3, 40), 0)])
def test_softmax(shape, dim):
    x = randn(*shape)
    y = Kernel(softmax_text(shape, dim))([x], [(shape, "f")])
    p = np.exp(x - x.max(dim, keepdims=True))
    np.testing.assert_allclose(y, p / p.sum(dim, keepdims=True), rtol=1e-5, atol=1e-6)


def test_softmax_dynamic():
    kernel = Kernel(softmax_text((1, 50), 1, dynamic=True))
    for n in (1, 3, 1000):
        x = randn(n, 50)
        p = np.exp(x - x.max(1, keepdims=True))
        np.testing.assert_allclose(kernel([x], [((n, 50), "f")], (n,)), p / p.sum(1, keepdims=True), rtol=1e-5, atol=1e-6)


def transpose_body(x, y, permutation):
    return f"""%e = tensor.empty() : {y}
%y = linalg.transpose ins(%x : {x}) outs(%e : {y}) permutation = {list(permutation)}
dispatch.return %y : {y}"""


@pytest.mark.parametrize("cpu", ["host", "x86-64", "haswell"])
@pytest.mark.parametrize("shape, permutation", [
    ((37, 5, 3), (1, 2, 0)), ((64, 48), (1, 0)), ((37, 45), (1, 0)), ((2, 33, 4, 5), (0, 2, 3, 1)), ((2, 4, 5, 33), (0, 3, 1, 2)),
    ((20, 17, 3, 3), (2, 3, 1, 0)), ((3, 4, 5, 17, 19), (4, 0, 3, 1, 2)), ((16, 2, 18), (2, 1, 0)), ((40, 1, 16), (1, 2, 0)),
])
def test_transpose(shape, permutation, cpu):
    """In tiles of registers, with and without rests; in scalars where a dim is short."""
    x = randn(*shape)
    expected = x.transpose(permutation)
    t, y = mlir_type(x), mlir_type(expected)
    kernel = Kernel(static_kernel("transpose", [("x", t)], y, transpose_body(t, y, permutation)), cpu)
    np.testing.assert_array_equal(kernel([x], [(expected.shape, "f")]), expected)


@pytest.mark.parametrize("dtype, element", [(np.float64, "f64"), (np.float16, "f16"), (np.int64, "i64"), (np.uint8, "i8")])
def test_transpose_of_other_types(dtype, element):
    x = RNG.integers(0, 100, (21, 35)).astype(dtype)
    t, y = mlir_type(x, element), mlir_type(x.T, element)
    kernel = Kernel(static_kernel("transpose", [("x", t)], y, transpose_body(t, y, (1, 0))))
    np.testing.assert_array_equal(kernel([x], [((35, 21), dtype)]), x.T)


def test_transpose_dynamic():
    body = """%e = tensor.empty(%m, %n) : tensor<?x3x?xf32>
%y = linalg.transpose ins(%x : tensor<?x?x3xf32>) outs(%e : tensor<?x3x?xf32>) permutation = [1, 2, 0]
dispatch.return %y : tensor<?x3x?xf32>"""
    kernel = Kernel(f"dispatch.kernel @transpose(%x: tensor<?x?x3xf32>, %n: index, %m: index) -> tensor<?x3x?xf32> attributes "
                    f"{{dims = [array<i64: 0, 1>, array<i64: 1, 0>]}} {{\n{body}\n}}")
    for n, m in [(1, 1), (16, 16), (37, 20), (5, 100), (0, 3)]:
        x = randn(n, m, 3)
        np.testing.assert_array_equal(kernel([x], [((m, 3, n), "f")], (n, m)), x.transpose(1, 2, 0))


def test_results_with_rows_along_different_dims():
    """Two results of one shape, normalised over all but their own dim: each has its sums once a row."""
    body = "%c = arith.constant 0.0 : f32\n%e = tensor.empty() : tensor<8xf32>\n%f = linalg.fill ins(%c : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>\n"
    t, o, full = "tensor<8x8x8xf32>", "tensor<8xf32>", "(d0, d1, d2) -> (d0, d1, d2)"
    body += f"%t = tensor.empty() : {t}\n"
    body += generic("%s", [full, "(d0, d1, d2) -> (d2)"], [R, R, P], [("%x", t)], ("%f", o), "%r = arith.addf %a, %o : f32\nlinalg.yield %r : f32")
    for result, order in (("%y", full), ("%z", "(d0, d1, d2) -> (d2, d0, d1)")):
        body += generic(result, [full, "(d0, d1, d2) -> (d2)", order], [P] * 3, [("%x", t), ("%s", o)], ("%t", t),
                        "%r = arith.subf %a, %b : f32\nlinalg.yield %r : f32")
    body += f"dispatch.return %y, %z : {t}, {t}"
    x = randn(8, 8, 8)
    y, z = Kernel(static_kernel("both", [("x", t)], [t, t], body))([x], [((8, 8, 8), "f")] * 2)
    expected = x - x.sum((0, 1))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(z, expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-5)


def test_pad():
    body = """%c = arith.constant 2.0 : f32
%y = tensor.pad %x low[0, 1, 2] high[0, 3, 1] {
^bb0(%i: index, %j: index, %k: index):
  tensor.yield %c : f32
} : tensor<3x4x20xf32> to tensor<3x8x23xf32>
dispatch.return %y : tensor<3x8x23xf32>"""
    x = randn(3, 4, 20)
    y = Kernel(static_kernel("pad", [("x", mlir_type(x))], "tensor<3x8x23xf32>", body))([x], [((3, 8, 23), "f")])
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (1, 3), (2, 1)), constant_values=2.0))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_concat(dim):
    shapes = [[3, 4, 20], [3, 4, 20], [3, 4, 20]]
    shapes[1][dim], shapes[2][dim] = 7, 1
    arrays = [randn(*s) for s in shapes]
    expected = np.concatenate(arrays, dim)
    types = [mlir_type(a) for a in arrays]
    body = f"""%y = tensor.concat dim({dim}) %a, %b, %c : ({', '.join(types)}) -> {mlir_type(expected)}
dispatch.return %y : {mlir_type(expected)}"""
    kernel = Kernel(static_kernel("concat", list(zip("abc", types)), mlir_type(expected), body))
    np.testing.assert_array_equal(kernel(arrays, [(expected.shape, "f")]), expected)


def test_slices():
    body = """%s = tensor.extract_slice %x[1, 0, 3] [1, 5, 9] [1, 1, 2] : tensor<3x5x30xf32> to tensor<5x9xf32>
%y = tensor.insert_slice %s into %d[2, 1] [5, 9] [1, 2] : tensor<5x9xf32> into tensor<8x20xf32>
dispatch.return %y : tensor<8x20xf32>"""
    x, d = randn(3, 5, 30), randn(8, 20)
    kernel = Kernel(static_kernel("slices", [("x", mlir_type(x)), ("d", mlir_type(d))], mlir_type(d), body))
    expected = d.copy()
    expected[2:7, 1:19:2] = x[1, :, 3:21:2]
    np.testing.assert_array_equal(kernel([x, d], [(d.shape, "f")]), expected)


def test_gather_checks_indices():
    body = """%e = tensor.empty() : tensor<6x20xf32>
%y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%i : tensor<6xi64>) outs(%e : tensor<6x20xf32>) {
^bb0(%a: i64, %o: f32):
  %zero = arith.constant 0 : i64
  %n = arith.constant 10 : i64
  %low = arith.cmpi sge, %a, %zero : i64
  %high = arith.cmpi slt, %a, %n : i64
  %ok = arith.andi %low, %high : i1
  cf.assert %ok, "index out of range"
  %k = arith.index_cast %a : i64 to index
  %j = linalg.index 1 : index
  %v = tensor.extract %x[%k, %j] : tensor<10x20xf32>
  linalg.yield %v : f32
} -> tensor<6x20xf32>
dispatch.return %y : tensor<6x20xf32>"""
    x = randn(10, 20)
    kernel = Kernel(static_kernel("gather", [("x", mlir_type(x)), ("i", "tensor<6xi64>")], "tensor<6x20xf32>", body))
    index = np.array([3, 0, 9, 9, 1, 2])
    np.testing.assert_array_equal(kernel([x, index], [((6, 20), "f")]), x[index])
    index[4] = 1 << 40
    assert kernel([x, index], [((6, 20), "f")]) == 0x10000
    assert 'dispatch.messages = ["index out of range"]' in kernel.ir


def test_gather_along_lanes():
    body = """%e = tensor.empty() : tensor<6x20xf32>
%y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%i : tensor<6x20xi64>) outs(%e : tensor<6x20xf32>) {
^bb0(%a: i64, %o: f32):
  %n = arith.constant 30 : i64
  %ok = arith.cmpi ult, %a, %n : i64
  cf.assert %ok, "index out of range"
  %k = arith.index_cast %a : i64 to index
  %r = linalg.index 0 : index
  %v = tensor.extract %x[%r, %k] : tensor<6x30xf32>
  linalg.yield %v : f32
} -> tensor<6x20xf32>
dispatch.return %y : tensor<6x20xf32>"""
    x = randn(6, 30)
    kernel = Kernel(static_kernel("gather", [("x", mlir_type(x)), ("i", "tensor<6x20xi64>")], "tensor<6x20xf32>", body))
    index = RNG.integers(0, 30, (6, 20))
    np.testing.assert_array_equal(kernel([x, index], [((6, 20), "f")]), np.take_along_axis(x, index, 1))
    index[5, 19] = -1 << 40
    assert kernel([x, index], [((6, 20), "f")]) == 0x10000


def test_argmax():
    body = """%low = arith.constant 0xFF800000 : f32
%zero = arith.constant 0 : i64
%e = tensor.empty() : tensor<6xf32>
%ei = tensor.empty() : tensor<6xi64>
%f = linalg.fill ins(%low : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
%fi = linalg.fill ins(%zero : i64) outs(%ei : tensor<6xi64>) -> tensor<6xi64>
%v, %i = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
    iterator_types = ["parallel", "reduction"]} ins(%x : tensor<6x50xf32>) outs(%f, %fi : tensor<6xf32>, tensor<6xi64>) {
^bb0(%a: f32, %m: f32, %mi: i64):
  %j = linalg.index 1 : index
  %k = arith.index_cast %j : index to i64
  %g = arith.cmpf ogt, %a, %m : f32
  %r = arith.select %g, %a, %m : f32
  %ri = arith.select %g, %k, %mi : i64
  linalg.yield %r, %ri : f32, i64
} -> (tensor<6xf32>, tensor<6xi64>)
dispatch.return %v, %i : tensor<6xf32>, tensor<6xi64>"""
    x = randn(6, 50)
    kernel = Kernel(static_kernel("argmax", [("x", mlir_type(x))], ["tensor<6xf32>", "tensor<6xi64>"], body))
    v, i = kernel([x], [((6,), "f"), ((6,), "i8")])
    np.testing.assert_array_equal(v, x.max(1))
    np.testing.assert_array_equal(i, x.argmax(1))


def elementwise(name, in_types, out_element, body, arrays, out_dtype):
    types = [mlir_type(a, t) for a, t in zip(arrays, in_types)]
    o = mlir_type(arrays[0], out_element)
    loops = ", ".join(f"d{i}" for i in range(arrays[0].ndim))
    m = f"({loops}) -> ({loops})"
    text = f"%e = tensor.empty() : {o}\n" + generic(
        "%y", [m] * (len(arrays) + 1), [P] * arrays[0].ndim, [(f"%x{i}", t) for i, t in enumerate(types)], ("%e", o), body
    ) + f"dispatch.return %y : {o}"
    kernel = Kernel(static_kernel(name, [(f"x{i}", t) for i, t in enumerate(types)], o, text))
    return kernel(arrays, [(arrays[0].shape, out_dtype)])


def test_bool_and_select():
    x, y = randn(5, 21), randn(5, 21)
    less = elementwise("less", ["f32", "f32"], "i1", "%r = arith.cmpf olt, %a, %b : f32\nlinalg.yield %r : i1", [x, y], "?")
    np.testing.assert_array_equal(less, x < y)
    z = elementwise("where", ["i1", "f32", "f32"], "f32", "%r = arith.select %a, %b, %c : f32\nlinalg.yield %r : f32",
                    [less, x, y], "f")
    np.testing.assert_array_equal(z, np.minimum(x, y))


def test_integer_division_never_traps():
    x = np.array([7, -7, -2**63, 5, 0] * 9).astype(np.int64)
    y = np.array([2, 2, -1, 0, 3] * 9).astype(np.int64)
    q = elementwise("div", ["i64", "i64"], "i64", "%r = arith.divsi %a, %b : i64\nlinalg.yield %r : i64", [x, y], "i8")
    safe = np.array([True, True, False, False, True] * 9)
    np.testing.assert_array_equal(q[safe], np.trunc(x[safe] / y[safe]))


def test_half():
    x, y = randn(3, 50, dtype=np.float16), randn(3, 50, dtype=np.float16)
    z = elementwise("addh", ["f16", "f16"], "f16", "%r = arith.addf %a, %b : f16\nlinalg.yield %r : f16", [x, y], "e")
    np.testing.assert_array_equal(z, x + y)


def test_bfloat():
    import torch

    x, y = torch.randn(3, 50).bfloat16(), torch.randn(3, 50).bfloat16()
    z = elementwise("mulb", ["bf16", "bf16"], "bf16", "%r = arith.mulf %a, %b : bf16\nlinalg.yield %r : bf16",
                    [x.view(torch.int16).numpy(), y.view(torch.int16).numpy()], np.int16)
    assert torch.equal(torch.from_numpy(z).view(torch.bfloat16), x * y)


def test_reshape_of_fused_value():
    body = """%e = tensor.empty() : tensor<4x6x10xf32>
%n = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>],
    iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x6x10xf32>) outs(%e : tensor<4x6x10xf32>) {
^bb0(%a: f32, %o: f32):
  %r = arith.negf %a : f32
  linalg.yield %r : f32
} -> tensor<4x6x10xf32>
%c = tensor.collapse_shape %n [[0, 1], [2]] : tensor<4x6x10xf32> into tensor<24x10xf32>
%f = tensor.empty() : tensor<10x24xf32>
%y = linalg.transpose ins(%c : tensor<24x10xf32>) outs(%f : tensor<10x24xf32>) permutation = [1, 0]
dispatch.return %y : tensor<10x24xf32>"""
    x = randn(4, 6, 10)
    y = Kernel(static_kernel("reshape", [("x", mlir_type(x))], "tensor<10x24xf32>", body))([x], [((10, 24), "f")])
    np.testing.assert_array_equal(y, -x.reshape(24, 10).T)


def test_constant_table_and_index():
    body = """%t = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
%e = tensor.empty() : tensor<5x40xf32>
%y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]} ins(%t : tensor<5xf32>) outs(%e : tensor<5x40xf32>) {
^bb0(%a: f32, %o: f32):
  %j = linalg.index 1 : index
  %k = arith.index_cast %j : index to i32
  %l = arith.sitofp %k : i32 to f32
  %r = arith.mulf %a, %l : f32
  linalg.yield %r : f32
} -> tensor<5x40xf32>
dispatch.return %y : tensor<5x40xf32>"""
    y = Kernel(static_kernel("table", [], "tensor<5x40xf32>", body))([], [((5, 40), "f")])
    np.testing.assert_array_equal(y, np.outer(np.arange(1, 6), np.arange(40)))
