"""Matrix products and convolutions against numpy and torch."""

import numpy as np
import pytest
import torch

from kernel import Kernel
from test_rows import P, R, generic, mlir_type, randn, static_kernel

WIDTH = 16  # columns of a packed panel on AVX2


def pack(b, width=WIDTH):
    """[K, N] to [ceil(N / width)][K][width], padded with zeros."""
    k, n = b.shape
    padded = np.zeros((k, -(-n // width) * width), b.dtype)
    padded[:, :n] = b
    return np.ascontiguousarray(padded.reshape(k, -1, width).transpose(1, 0, 2))


def matmul_kernel(m, k, n, packed=True, transposed=False, epilogue=False, element="f32", out=None,
                  activation="arith.maximumf %s, %zero"):
    """A kernel act(A B + bias); m may be "?"."""
    out = out or element
    a, b, c = mlir_type([m, k], element), mlir_type([k, n], element), mlir_type([m, n], out)
    panels = mlir_type([-(-n // WIDTH), k, WIDTH], element)
    stored = panels if packed else mlir_type([n, k], element) if transposed else b
    dynamic = m == "?"
    size = "%m" if dynamic else ""
    body = ""
    if packed:
        body += f"""%be = tensor.empty() : {b}
%w = linalg.unpack %B outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [{WIDTH}] into %be : {panels} -> {b}\n"""
    zero = "0.0" if out[0] in "fb" else "0"
    body += f"%zero = arith.constant {zero} : {out}\n%e = tensor.empty({size}) : {c}\n%f = linalg.fill ins(%zero : {out}) outs(%e : {c}) -> {c}\n"
    if transposed:
        body += generic("%y", ["(m, n, k) -> (m, k)", "(m, n, k) -> (n, k)", "(m, n, k) -> (m, n)"], [P, P, R],
                        [("%A", a), ("%B", stored)], ("%f", c),
                        "%p = arith.mulf %a, %b fastmath<contract> : f32\n%s = arith.addf %o, %p fastmath<contract> : f32\nlinalg.yield %s : f32")
    else:
        w = "%w" if packed else "%B"
        body += f"%y = linalg.matmul ins(%A, {w} : {a}, {b}) outs(%f : {c}) -> {c}\n"
    result = "%y"
    if epilogue:
        body += generic("%r", ["(m, n) -> (m, n)", "(m, n) -> (n)", "(m, n) -> (m, n)"], [P, P],
                        [("%y", c), ("%bias", mlir_type([n]))], ("%e", c),
                        f"%s = arith.addf %a, %b : f32\n%t = {activation} : f32\nlinalg.yield %t : f32")
        result = "%r"
    body += f"dispatch.return {result} : {c}"
    arguments = [("A", a), ("B", stored)] + ([("bias", mlir_type([n]))] if epilogue else [])
    text = static_kernel("matmul", arguments, c, body)
    if dynamic:
        tensors = ["array<i64: 0>"] + ["array<i64>"] * (len(arguments) - 1) + ["array<i64: 0>"]
        text = text.replace(") -> (", ", %m: index) -> (", 1)
        text = text[: text.index("dims = [")] + f"dims = [{', '.join(tensors)}]" + text[text.index("]}") + 1 :]
    return text


@pytest.mark.parametrize("m,k,n", [(1, 64, 64), (1, 33, 50), (1, 20, 160), (2, 40, 33), (3, 5, 16), (4, 64, 20), (5, 16, 48), (6, 7, 16),
                                   (7, 40, 17), (11, 32, 100), (128, 64, 96), (200, 20, 1), (400, 17, 70), (64, 300, 1000)])
@pytest.mark.parametrize("layout", ["packed", "plain", "transposed"])
def test_matmul(m, k, n, layout):
    a, b, bias = randn(m, k), randn(k, n), randn(n)
    stored = {"packed": pack(b), "plain": b, "transposed": np.ascontiguousarray(b.T)}[layout]
    kernel = Kernel(matmul_kernel(m, k, n, layout == "packed", layout == "transposed", epilogue=True))
    y = kernel([a, stored, bias], [((m, n), "f")])
    np.testing.assert_allclose(y, np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["packed", "plain", "transposed"])
def test_matmul_of_any_row_count(layout):
    b, bias = randn(40, 50), randn(50)
    stored = {"packed": pack(b), "plain": b, "transposed": np.ascontiguousarray(b.T)}[layout]
    kernel = Kernel(matmul_kernel("?", 40, 50, layout == "packed", layout == "transposed", epilogue=True))
    for m in list(range(1, 15)) + [191, 192, 193, 500]:
        a = randn(m, 40)
        y = kernel([a, stored, bias], [((m, 50), "f")], (m,))
        np.testing.assert_allclose(y, np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("m,k,n", [(14, 64, 64), (49, 300, 100), (130, 700, 70), ("?", 300, 50)])
@pytest.mark.parametrize("layout", ["packed", "plain", "transposed"])
@pytest.mark.parametrize("cpu", ["x86-64-v3", "host"])
def test_costly_epilogue(m, k, n, layout, cpu):
    """The sums of a tile go to memory, and from there row by row through the error function."""
    b, bias = randn(k, n), randn(n)
    stored = {"packed": pack(b), "plain": b, "transposed": np.ascontiguousarray(b.T)}[layout]
    text = matmul_kernel(m, k, n, layout == "packed", layout == "transposed", epilogue=True, activation="math.erf %s")
    kernel = Kernel(text, cpu)
    for rows in [1, 4, 13, 14, 30, 200] if m == "?" else [m]:
        a = randn(rows, k) / k**0.5
        y = kernel([a, stored, bias], [((rows, n), "f")], (rows,) if m == "?" else ())
        np.testing.assert_allclose(y, torch.erf(torch.from_numpy(a @ b + bias)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("m,k,n", [(16, 1024, 40), (49, 1024, 300), (100, 2048, 64), ("?", 1024, 50)])
@pytest.mark.parametrize("layout", ["packed", "plain"])
def test_rows_at_equal_cache_sets(m, k, n, layout):
    """Rows that share lines of the first-level cache are copied to scratch memory."""
    b, bias = randn(k, n), randn(n)
    kernel = Kernel(matmul_kernel(m, k, n, layout == "packed", epilogue=True))
    for rows in [1, 7, 30, 200] if m == "?" else [m]:
        a = randn(rows, k)
        y = kernel([a, pack(b) if layout == "packed" else b, bias], [((rows, n), "f")], (rows,) if m == "?" else ())
        np.testing.assert_allclose(y, np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("m,k", [(20, 1100), (20, 5003), (70, 5003), (150, 8192), ("?", 1100), ("?", 5003)])
@pytest.mark.parametrize("activation", ["arith.maximumf %s, %zero", "math.erf %s"])
@pytest.mark.parametrize("cpu", ["x86-64-v3", "host"])
def test_blocks_of_k(m, k, activation, cpu):
    """Long panels are taken in blocks, the last of which may be shorter; the last panels are fewer at once."""
    b, bias = randn(k, 108), randn(108)
    kernel = Kernel(matmul_kernel(m, k, 108, epilogue=True, activation=activation), cpu)
    for rows in [1, 5, 13, 30, 200] if m == "?" else [m]:
        a = randn(rows, k) / k**0.5
        y = kernel([a, pack(b), bias], [((rows, 108), "f")], (rows,) if m == "?" else ())
        sums = torch.from_numpy(a.astype("d") @ b.astype("d") + bias)
        expected = torch.erf(sums) if "erf" in activation else torch.relu(sums)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("m,k", [(1, 257), (1, 5000), (14, 1021), (30, 4096)])
@pytest.mark.parametrize("layout", ["packed", "plain"])
def test_sums_of_blocks(m, k, layout):
    """A single sum of 4096 positive numbers would be off by 3e-6."""
    rng = np.random.default_rng(1)
    a, b = rng.random((m, k), np.float32), rng.random((k, 40), np.float32)
    y = Kernel(matmul_kernel(m, k, 40, layout == "packed"))([a, pack(b) if layout == "packed" else b], [((m, 40), "f")])
    np.testing.assert_allclose(y, a.astype("d") @ b.astype("d"), rtol=1e-6)


@pytest.mark.parametrize("k", [1, 255, 256, 257, 700])
def test_inner_dim_of_any_size(k):
    types = [("A", "tensor<1x?xf32>"), ("B", "tensor<?x40xf32>")]
    body = ("%zero = arith.constant 0.0 : f32\n%e = tensor.empty() : tensor<1x40xf32>\n"
            "%f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x40xf32>) -> tensor<1x40xf32>\n"
            "%y = linalg.matmul ins(%A, %B : tensor<1x?xf32>, tensor<?x40xf32>) outs(%f : tensor<1x40xf32>) -> tensor<1x40xf32>\n"
            "dispatch.return %y : tensor<1x40xf32>")
    text = static_kernel("matmul", types, "tensor<1x40xf32>", body).replace(") -> (", ", %k: index) -> (", 1)
    text = text.replace("dims = [array<i64>, array<i64>", "dims = [array<i64: 0>, array<i64: 0>")
    a, b = randn(1, k), randn(k, 40)
    np.testing.assert_allclose(Kernel(text)([a, b], [((1, 40), "f")], (k,)), a @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 5, 96, "?"])
@pytest.mark.parametrize("layout", ["packed", "plain"])
def test_parameters_change_no_bit(rows, layout):
    m, k, n = rows, 300, 100
    a, b, bias = randn(70 if m == "?" else m, k), randn(k, n), randn(n)
    text = matmul_kernel(m, k, n, layout == "packed", epilogue=True)
    results = []
    for parameters in ("", "tile_rows = 1", "tile_rows = 7, block_rows = 3", "panels_at_once = 3, block_panels = 2",
                       "tile_rows = 4, panels_at_once = 8, block_panels = 4096", "tile_rows = 13, block_rows = 4096, block_panels = 1"):
        tuned = text.replace("dims = [", f"dispatch.parameters = {{{parameters}}}, dims = [", 1)
        results.append(Kernel(tuned)([a, pack(b) if layout == "packed" else b, bias], [((len(a), n), "f")], (len(a),) if m == "?" else ()))
        np.testing.assert_array_equal(results[-1], results[0])
    np.testing.assert_allclose(results[0], np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-4)


def test_double():
    a, b = randn(20, 30, dtype=np.float64), randn(30, 40, dtype=np.float64)
    y = Kernel(matmul_kernel(20, 30, 40, packed=False, element="f64"))([a, b], [((20, 40), "d")])
    np.testing.assert_allclose(y, a @ b, rtol=1e-12)


def test_integers():
    a, b = np.arange(600, dtype=np.int64).reshape(20, 30), np.arange(1200, dtype=np.int64).reshape(30, 40)
    y = Kernel(matmul_kernel(20, 30, 40, packed=False, element="i64"))([a, b], [((20, 40), "i8")])
    np.testing.assert_array_equal(y, a @ b)


def test_half_sums_in_single():
    a, b = randn(20, 300, dtype=np.float16), randn(300, 40, dtype=np.float16)
    y = Kernel(matmul_kernel(20, 300, 40, packed=False, element="f16"))([a, b], [((20, 40), "e")])
    np.testing.assert_allclose(y, (a.astype("f") @ b.astype("f")).astype(np.float16), rtol=2e-3, atol=2e-3)


def test_batch_matmul_transposed_out():
    """Attention's P V with the heads moved inwards: a permuted store."""
    a, b = randn(2, 3, 20, 30), randn(2, 3, 30, 24)
    body = """%zero = arith.constant 0.0 : f32
%e = tensor.empty() : tensor<2x3x20x24xf32>
%f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x20x24xf32>) -> tensor<2x3x20x24xf32>
""" + generic("%y", ["(b, h, m, n, k) -> (b, h, m, k)", "(b, h, m, n, k) -> (b, h, k, n)", "(b, h, m, n, k) -> (b, h, m, n)"],
              [P, P, P, P, R], [("%A", mlir_type(a)), ("%B", mlir_type(b))], ("%f", "tensor<2x3x20x24xf32>"),
              "%p = arith.mulf %a, %b : f32\n%s = arith.addf %p, %o : f32\nlinalg.yield %s : f32") + """
%g = tensor.empty() : tensor<2x20x3x24xf32>
%t = linalg.transpose ins(%y : tensor<2x3x20x24xf32>) outs(%g : tensor<2x20x3x24xf32>) permutation = [0, 2, 1, 3]
dispatch.return %t : tensor<2x20x3x24xf32>"""
    kernel = Kernel(static_kernel("bmm", [("A", mlir_type(a)), ("B", mlir_type(b))], "tensor<2x20x3x24xf32>", body))
    np.testing.assert_allclose(kernel([a, b], [((2, 20, 3, 24), "f")]), (a @ b).transpose(0, 2, 1, 3), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n,c,h,w,o", [(2, 20, 5, 13, 18), (1, 33, 8, 16, 64), (1, 7, 3, 5, 40), (2, 300, 16, 8, 13)])
def test_pixels_as_columns(n, c, h, w, o):
    """A 1x1 convolution of channels-first images: the image rows are columns one after another."""
    x, weight = randn(n, c, h, w), randn(o, c)
    xt, wt, yt = mlir_type(x), mlir_type(weight), mlir_type([n, o, h, w])
    body = f"""%zero = arith.constant 0.0 : f32
%e = tensor.empty() : {yt}
%f = linalg.fill ins(%zero : f32) outs(%e : {yt}) -> {yt}
""" + generic("%y", ["(n, o, h, w, c) -> (n, c, h, w)", "(n, o, h, w, c) -> (o, c)", "(n, o, h, w, c) -> (n, o, h, w)"],
              [P, P, P, P, R], [("%x", xt), ("%w", wt)], ("%f", yt),
              "%p = arith.mulf %a, %b : f32\n%s = arith.addf %p, %o : f32\nlinalg.yield %s : f32") + f"dispatch.return %y : {yt}"
    y = Kernel(static_kernel("pixels", [("x", xt), ("w", wt)], yt, body))([x, weight], [((n, o, h, w), "f")])
    np.testing.assert_allclose(y, np.einsum("nchw,oc->nohw", x, weight), rtol=1e-4, atol=1e-4)


def test_accumulates_on_init():
    body = """%y = linalg.matmul ins(%a, %b : tensor<9x10xf32>, tensor<10x20xf32>) outs(%c : tensor<9x20xf32>) -> tensor<9x20xf32>
dispatch.return %y : tensor<9x20xf32>"""
    a, b, c = randn(9, 10), randn(10, 20), randn(9, 20)
    kernel = Kernel(static_kernel("addmm", [(n, mlir_type(t)) for n, t in zip("abc", (a, b, c))], mlir_type(c), body))
    np.testing.assert_allclose(kernel([a, b, c], [(c.shape, "f")]), a @ b + c, rtol=1e-4, atol=1e-4)


def conv_kernel(n, h, w, c, o, k, stride=1, dilation=1, pad=0, relu=False, channels_first=False):
    """NHWC (or, of the image alone, NCHW) convolution with packed weights [O/NR][KH][KW][C][NR]; k: an int or (KH, KW)."""
    kh, kw = k if isinstance(k, tuple) else (k, k)
    hp, wp = h + 2 * pad, w + 2 * pad
    ho, wo = [(d - dilation * (taps - 1) - 1) // stride + 1 for d, taps in ((hp, kh), (wp, kw))]
    order = (lambda a, b, c, d: [a, d, b, c]) if channels_first else (lambda *dims: list(dims))
    x, xp, f, y = mlir_type(order(n, h, w, c)), mlir_type(order(n, hp, wp, c)), mlir_type([kh, kw, c, o]), mlir_type([n, ho, wo, o])
    packed = mlir_type([-(-o // WIDTH), kh, kw, c, WIDTH])
    body = "%zero = arith.constant 0.0 : f32\n"
    if pad:
        pads = order(0, pad, pad, 0)
        body += f"""%xp = tensor.pad %x low{pads} high{pads} {{
^bb0(%i: index, %j: index, %k: index, %l: index):
  tensor.yield %zero : f32
}} : {x} to {xp}\n"""
    source = "%xp" if pad else "%x"
    body += f"""%we = tensor.empty() : {f}
%w = linalg.unpack %p outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [{WIDTH}] into %we : {packed} -> {f}
%e = tensor.empty() : {y}
%z = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
"""
    if channels_first:
        body += generic("%c", [f"(n, h, w, o, i, j, c) -> (n, c, h * {stride} + i, w * {stride} + j)", "(n, h, w, o, i, j, c) -> (i, j, c, o)",
                               "(n, h, w, o, i, j, c) -> (n, h, w, o)"], [P] * 4 + [R] * 3, [(source, xp), ("%w", f)], ("%z", y),
                        "%t = arith.mulf %a, %b : f32\n%s = arith.addf %o, %t : f32\nlinalg.yield %s : f32")
    else:
        body += f"""%c = linalg.conv_2d_nhwc_hwcf {{dilations = dense<{dilation}> : tensor<2xi64>, strides = dense<{stride}> : tensor<2xi64>}}
    ins({source}, %w : {xp}, {f}) outs(%z : {y}) -> {y}
"""
    m = "(a, b, c, d) -> (a, b, c, d)"
    if relu:
        body += generic("%r", [m, m], [P] * 4, [("%c", y)], ("%e", y), "%s = arith.maximumf %a, %zero : f32\nlinalg.yield %s : f32")
    body += f"dispatch.return {'%r' if relu else '%c'} : {y}"
    return static_kernel("conv", [("x", x), ("p", packed)], y, body), (n, ho, wo, o)


def pack_conv(weight):
    """[O, C, KH, KW] to [O/NR][KH][KW][C][NR]."""
    o, c, kh, kw = weight.shape
    return pack(weight.transpose(2, 3, 1, 0).reshape(-1, o)).reshape(-1, kh, kw, c, WIDTH)


@pytest.mark.parametrize("shape", [
    dict(n=1, h=10, w=20, c=8, o=16, k=3), dict(n=2, h=9, w=9, c=3, o=20, k=3, pad=1), dict(n=1, h=12, w=30, c=3, o=24, k=7, stride=2, pad=3),
    dict(n=2, h=7, w=7, c=16, o=32, k=1), dict(n=1, h=14, w=14, c=4, o=16, k=3, stride=2, pad=1, relu=True),
    dict(n=1, h=11, w=13, c=5, o=18, k=3, dilation=2, pad=2), dict(n=1, h=8, w=8, c=16, o=32, k=1, stride=2),
    # Several image rows in a work group.
    dict(n=1, h=14, w=14, c=300, o=64, k=3, stride=2, pad=1, relu=True), dict(n=3, h=23, w=9, c=256, o=70, k=3, stride=2),
    # Enough channels and patches for fewer multiplications; sizes that are odd, channels in blocks, columns beside panels.
    dict(n=2, h=16, w=14, c=32, o=64, k=3, pad=1, relu=True), dict(n=1, h=18, w=14, c=50, o=40, k=3),
    dict(n=1, h=32, w=30, c=33, o=250, k=3, pad=1), dict(n=1, h=12, w=12, c=300, o=100, k=3, pad=1),
    dict(n=1, h=7, w=7, c=130, o=32, k=3, pad=1), dict(n=3, h=9, w=12, c=16, o=17, k=3), dict(n=1, h=8, w=21, c=65, o=48, k=3, pad=1),
    # Windows of several pieces, all pairs of sizes odd and even; strides with which pieces are apart.
    dict(n=2, h=17, w=14, c=40, o=32, k=5, pad=2), dict(n=1, h=16, w=15, c=16, o=33, k=7, pad=3), dict(n=1, h=13, w=13, c=20, o=48, k=2),
    dict(n=1, h=29, w=28, c=70, o=64, k=3, stride=2, pad=1), dict(n=2, h=28, w=31, c=100, o=40, k=3, stride=2, pad=1),
    dict(n=1, h=33, w=33, c=32, o=32, k=4, stride=2), dict(n=1, h=20, w=40, c=48, o=32, k=(1, 7)), dict(n=1, h=41, w=24, c=48, o=32, k=(3, 1)),
    dict(n=1, h=56, w=40, c=32, o=32, k=7, stride=3),
    # An image that has its few channels first.
    dict(n=2, h=40, w=38, c=3, o=64, k=7, stride=2, pad=3, channels_first=True), dict(n=1, h=23, w=37, c=3, o=40, k=7, stride=2, channels_first=True),
    dict(n=1, h=21, w=21, c=4, o=64, k=5, pad=2, relu=True, channels_first=True), dict(n=3, h=16, w=17, c=20, o=64, k=3, channels_first=True),
])
def test_convolution(shape):
    text, out = conv_kernel(**shape)
    k = shape["k"] if isinstance(shape["k"], tuple) else (shape["k"], shape["k"])
    x, w = randn(shape["n"], shape["c"], shape["h"], shape["w"]), randn(shape["o"], shape["c"], *k)
    image = x if shape.get("channels_first") else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    y = Kernel(text)([image, pack_conv(w)], [(out, "f")])
    expected = torch.conv2d(torch.from_numpy(x), torch.from_numpy(w), stride=shape.get("stride", 1),
                            padding=shape.get("pad", 0), dilation=shape.get("dilation", 1)).permute(0, 2, 3, 1)
    if shape.get("relu"):
        expected = expected.relu()
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cpu", ["haswell", "host"])
@pytest.mark.parametrize("shape", [
    dict(c=64, h=15, k=3), dict(c=512, h=15, k=3), dict(c=256, h=29, k=3, stride=2), dict(c=64, h=15, k=5), dict(c=64, h=15, k=7),
    dict(c=3, h=42, k=7, stride=2, channels_first=True),
])
def test_winograd_error(cpu, shape):
    """Of convolutions with fewer multiplications: at most twice that of PyTorch's."""
    c, h, k, stride = shape["c"], shape["h"], shape["k"], shape.get("stride", 1)
    text, out = conv_kernel(n=1, w=h - 1, o=128, pad=k // 2, **shape)
    x, w = randn(1, c, h, h - 1), randn(128, c, k, k)
    y = Kernel(text, cpu)([x if shape.get("channels_first") else np.ascontiguousarray(x.transpose(0, 2, 3, 1)), pack_conv(w)], [(out, "f")])
    image, weight = torch.from_numpy(x), torch.from_numpy(w)
    exact = torch.conv2d(image.double(), weight.double(), stride=stride, padding=k // 2).permute(0, 2, 3, 1)
    theirs = (torch.conv2d(image, weight, stride=stride, padding=k // 2).permute(0, 2, 3, 1) - exact).square().mean().sqrt()
    assert (torch.from_numpy(y) - exact).square().mean().sqrt() <= 2 * theirs


@pytest.mark.parametrize("shape", [dict(c=16, o=16, k=3), dict(c=32, o=32, k=3, stride=2), dict(c=3, o=64, k=7, stride=2, channels_first=True)])
def test_winograd_infinity(shape):
    """A pixel that is infinite reaches the results whose windows it lies in, and no others."""
    k, stride = shape["k"], shape.get("stride", 1)
    text, out = conv_kernel(n=1, h=29, w=29, pad=k // 2, **shape)
    x = randn(1, shape["c"], 29, 29)
    x[0, 2, 12, 13] = np.inf
    w = randn(shape["o"], shape["c"], k, k)
    image = x if shape.get("channels_first") else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    finite = np.isfinite(Kernel(text)([image, pack_conv(w)], [(out, "f")]))
    expected = torch.conv2d(torch.from_numpy(x), torch.from_numpy(w), stride=stride, padding=k // 2).isfinite().permute(0, 2, 3, 1)
    np.testing.assert_array_equal(finite, expected.numpy())


def depthwise_kernel(n, h, w, c, k, stride=1, pad=0):
    """NHWC depthwise convolution with weights [KH][KW][C]."""
    hp, wp = h + 2 * pad, w + 2 * pad
    ho, wo = [(d - k) // stride + 1 for d in (hp, wp)]
    x, xp, f, y = mlir_type([n, h, w, c]), mlir_type([n, hp, wp, c]), mlir_type([k, k, c]), mlir_type([n, ho, wo, c])
    body = f"""%zero = arith.constant 0.0 : f32
%xp = tensor.pad %x low[0, {pad}, {pad}, 0] high[0, {pad}, {pad}, 0] {{
^bb0(%i: index, %j: index, %k: index, %l: index):
  tensor.yield %zero : f32
}} : {x} to {xp}
%e = tensor.empty() : {y}
%z = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
%c = linalg.depthwise_conv_2d_nhwc_hwc {{strides = dense<{stride}> : tensor<2xi64>}} ins(%xp, %w : {xp}, {f}) outs(%z : {y}) -> {y}
dispatch.return %c : {y}"""
    return static_kernel("depthwise", [("x", x), ("w", f)], y, body), (n, ho, wo, c)


@pytest.mark.parametrize("shape", [dict(n=2, h=9, w=13, c=20, k=3, pad=1), dict(n=1, h=12, w=12, c=8, k=3, stride=2, pad=1),
                                   dict(n=1, h=6, w=6, c=33, k=5), dict(n=1, h=7, w=2, c=3, k=2)])
def test_depthwise(shape):
    text, out = depthwise_kernel(**shape)
    c, k = shape["c"], shape["k"]
    x, w = randn(shape["n"], shape["h"], shape["w"], c), randn(k, k, c)
    y = Kernel(text)([x, w], [(out, "f")])
    weight = torch.from_numpy(w).permute(2, 0, 1)[:, None]
    expected = torch.conv2d(torch.from_numpy(x).permute(0, 3, 1, 2), weight, stride=shape.get("stride", 1),
                            padding=shape.get("pad", 0), groups=c)
    np.testing.assert_allclose(y, expected.permute(0, 2, 3, 1).numpy(), rtol=1e-4, atol=1e-4)


def pooling_kernel(n, h, w, c, k, stride, pad):
    hp, wp = h + 2 * pad, w + 2 * pad
    ho, wo = [(d - k) // stride + 1 for d in (hp, wp)]
    x, xp, y = mlir_type([n, h, w, c]), mlir_type([n, hp, wp, c]), mlir_type([n, ho, wo, c])
    body = f"""%low = arith.constant 0xFF800000 : f32
%xp = tensor.pad %x low[0, {pad}, {pad}, 0] high[0, {pad}, {pad}, 0] {{
^bb0(%i: index, %j: index, %k: index, %l: index):
  tensor.yield %low : f32
}} : {x} to {xp}
%s = tensor.empty() : tensor<{k}x{k}xf32>
%e = tensor.empty() : {y}
%z = linalg.fill ins(%low : f32) outs(%e : {y}) -> {y}
%c = linalg.pooling_nhwc_max {{strides = dense<{stride}> : tensor<2xi64>}} ins(%xp, %s : {xp}, tensor<{k}x{k}xf32>) outs(%z : {y}) -> {y}
dispatch.return %c : {y}"""
    return static_kernel("pool", [("x", x)], y, body), (n, ho, wo, c)


@pytest.mark.parametrize("shape", [(1, 12, 14, 20, 3, 2, 1), (2, 8, 8, 16, 2, 2, 0), (1, 5, 5, 3, 5, 1, 2)])
def test_max_pooling(shape):
    text, out = pooling_kernel(*shape)
    n, h, w, c, k, stride, pad = shape
    x = randn(n, h, w, c)
    y = Kernel(text)([x], [(out, "f")])
    expected = torch.max_pool2d(torch.from_numpy(x).permute(0, 3, 1, 2), k, stride, pad).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(y, expected.numpy())
