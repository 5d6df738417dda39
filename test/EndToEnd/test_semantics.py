"""What PyTorch says about the edges: NaN, -0.0, signs of remainders, empty tensors, indices out of range."""
import itertools
import math

import pytest
import torch
import torch.nn.functional as F

import torchc

LEVELS = pytest.mark.parametrize("opt_level", [0, 3], ids=["O0", "O3"])


class Function(torch.nn.Module):
    """Several functions of the same tensors as one model."""

    def __init__(self, functions):
        super().__init__()
        self.functions = functions

    def forward(self, *tensors):
        return tuple(function(*tensors) for function in self.functions)


def compile_functions(functions, tensors, opt_level=3, dynamic_shapes=None):
    shapes = (dynamic_shapes,) if dynamic_shapes else None
    exported = torch.export.export(Function(functions), tuple(t.clone() for t in tensors), dynamic_shapes=shapes)
    return torchc.compile(exported, opt_level=opt_level)


def check(functions, *tensors, opt_level=3, rtol=0.0, atol=0.0, signs=False):
    """Each function gives what eager gives: the same numbers, NaN where it has NaN; with `signs` of zeros too."""
    program = compile_functions(functions, tensors, opt_level)
    for number, (ours, theirs) in enumerate(zip(program(*tensors), Function(functions)(*tensors), strict=True)):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), f"function {number}"
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol, equal_nan=True, msg=lambda m: f"function {number}: {m}")
        if signs:
            known = ~theirs.isnan()
            assert torch.equal(torch.signbit(ours)[known], torch.signbit(theirs)[known]), f"function {number}: a sign"


NAN, INF = math.nan, math.inf
SPECIALS = torch.tensor([NAN, INF, -INF, -0.0, 0.0, 1.5, -1.5, 1e-40, 3e38, -3e38, 1.0, -1.0])


@LEVELS
def test_nan_and_infinity_of_one(opt_level):
    check([torch.relu, torch.abs, torch.neg, torch.sign, torch.floor, torch.trunc, torch.isnan, torch.isinf,
           torch.isfinite, torch.signbit, torch.frac, lambda x: x.clamp(-1, 1), lambda x: x.clamp(min=0), F.relu6, F.hardtanh,
           lambda x: F.leaky_relu(x, 0.5), lambda x: F.threshold(x, 0.5, 7.0), torch.nan_to_num, lambda x: F.hardshrink(x),
           lambda x: x.masked_fill(x > 0, -1), lambda x: torch.where(x == x, x, 5.0), torch.square, lambda x: x != x,
           lambda x: x > 0, lambda x: x >= 0, lambda x: x == 0, lambda x: x.bool(), lambda x: torch.reciprocal(x),
           lambda x: x * 0, lambda x: 0 * x + 1, lambda x: x / x, lambda x: x - x], SPECIALS, opt_level=opt_level)


@LEVELS
def test_nan_and_infinity_of_functions(opt_level):
    # From 2^52 on sin and cos are NaN: such a number no longer tells an angle. Eager's gelu of infinity is
    # NaN where it computes many elements at once, and infinity where it computes one.
    check([torch.exp, torch.log, torch.log1p, torch.expm1, torch.sqrt, lambda x: torch.sin(x.clamp(-1e4, 1e4)), torch.tanh, torch.sigmoid, torch.erf, torch.atan,
           torch.rsqrt, torch.log2, F.silu, F.softplus, F.elu, F.logsigmoid, torch.asinh,
           lambda x: x ** 2, lambda x: x ** 0.5, lambda x: x ** -1, lambda x: x ** 3, lambda x: x ** 0],
          SPECIALS, opt_level=opt_level, rtol=1e-5, atol=1e-6)


@LEVELS
def test_nan_and_infinity_of_two(opt_level):
    x, y = (t.reshape(-1) for t in torch.meshgrid(SPECIALS, SPECIALS, indexing="ij"))
    check([torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum, torch.fmax, torch.fmin, torch.lt, torch.le,
           torch.eq, torch.ne, torch.logical_and, torch.copysign, torch.heaviside, lambda x, y: torch.where(x < y, x, y),
           lambda x, y: torch.clamp(x, max=y), lambda x, y: torch.isclose(x, y, equal_nan=True)], x, y, opt_level=opt_level)
    check([torch.atan2, torch.hypot, torch.pow, torch.logaddexp, torch.xlogy], x, y, opt_level=opt_level, rtol=1e-5, atol=1e-6)


@LEVELS
@pytest.mark.parametrize("special", [NAN, INF, -INF])
def test_nan_and_infinity_in_reductions(special, opt_level):
    x = torch.arange(40.0).reshape(4, 10) - 7
    x[1, 3] = special
    x[2, 0] = -0.0
    check([lambda x: x.sum(1), lambda x: x.mean(0), lambda x: x.amax(1), lambda x: x.amin(1), lambda x: x.max(), lambda x: x.argmax(1),
           lambda x: x.argmin(1), lambda x: x.max(1).values, lambda x: x.min(0).indices, lambda x: x.cumsum(1),
           lambda x: torch.cummax(x, 1).values, lambda x: x.sort(1).values, lambda x: x.nansum(1), lambda x: x.any(1),
           lambda x: F.max_pool1d(x[None], 3), lambda x: x.var(1), lambda x: x.norm(dim=1), lambda x: x.median(1).values],
          x, opt_level=opt_level, rtol=1e-5, atol=1e-5)
    check([lambda x: torch.softmax(x, 1), lambda x: torch.log_softmax(x, 1), lambda x: torch.logsumexp(x, 1),
           lambda x: x @ x.T, lambda x: F.layer_norm(x, (10,))], x, opt_level=opt_level, rtol=1e-4, atol=1e-4)


@LEVELS
def test_negative_zero(opt_level):
    x = torch.tensor([-0.0, 0.0, -0.3, 0.3, -0.5, 1.0, -1.0])
    check([torch.neg, torch.abs, torch.round, torch.ceil, torch.trunc, torch.sqrt, torch.sin, torch.tanh, torch.asinh,
           torch.floor, lambda x: x * 0.0, lambda x: x * -0.0, lambda x: x + -0.0, lambda x: 0.0 - x, lambda x: -0.0 - x,
           lambda x: x / -2.0, lambda x: torch.fmod(x, 1.0), lambda x: torch.copysign(torch.ones(()), x), lambda x: 1 / x,
           lambda x: x.clone(), lambda x: x[1:].flip(0), lambda x: torch.cat([x, -x]), lambda x: torch.where(x == 0, x, -x),
           lambda x: torch.atan2(x, x), lambda x: torch.atan2(x, -x), lambda x: torch.atan2(torch.zeros(7), torch.full((7,), -0.0)) * x,
           lambda x: torch.atan2(torch.full((7,), -0.0), torch.zeros(7)) + x * 0],
          x, opt_level=opt_level, rtol=1e-6, atol=1e-7, signs=True)


SIGNED = [torch.int8, torch.int16, torch.int32, torch.int64]


@LEVELS
@pytest.mark.parametrize("dtype", SIGNED, ids=str)
def test_signs_of_quotients_and_remainders(dtype, opt_level):
    edge = torch.iinfo(dtype)
    pairs = list(itertools.product([7, -7, 6, -6, 0, 1, -1, edge.max, edge.min], [3, -3, 2, -2, 7, edge.max, edge.min]))
    x, y = torch.tensor(pairs, dtype=dtype).unbind(1)
    check([torch.floor_divide, torch.remainder, torch.fmod, lambda x, y: x // y, lambda x, y: x % y,
           lambda x, y: torch.div(x, y, rounding_mode="trunc"), lambda x, y: torch.div(x, y, rounding_mode="floor"),
           lambda x, y: x % 5, lambda x, y: x % -5, lambda x, y: x // 5, lambda x, y: x // -5, lambda x, y: torch.fmod(x, -5),
           lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: -x, lambda x, y: x.abs(), lambda x, y: x >> 1,
           lambda x, y: x << 1, lambda x, y: x * x], x, y, opt_level=opt_level)


@LEVELS
def test_signs_of_float_remainders(opt_level):
    values = [7.5, -7.5, 6.0, -6.0, 0.0, -0.0, INF, NAN, 1e-3]
    x, y = torch.tensor(list(itertools.product(values, [3.0, -3.0, 2.5, -2.5, INF, -INF, 0.0, NAN]))).unbind(1)
    check([torch.remainder, torch.fmod, torch.floor_divide, lambda x, y: torch.div(x, y, rounding_mode="trunc"),
           lambda x, y: x % 2.5, lambda x, y: x % -2.5], x, y, opt_level=opt_level)


@LEVELS
@pytest.mark.parametrize("function", [torch.floor_divide, torch.remainder, torch.fmod,
                                      lambda x, y: torch.div(x, y, rounding_mode="trunc")])
def test_integer_division_by_zero_is_an_error(function, opt_level):
    x, y = torch.arange(20), torch.arange(1, 21)
    program = compile_functions([function], (x, y), opt_level)
    assert torch.equal(program(x, y)[0], function(x, y))
    y[13] = 0
    with pytest.raises(torchc.RunError, match="division by zero"):
        program(x, y)


@LEVELS
def test_integers_wrap_and_widen(opt_level):
    x = torch.tensor([127, -128, 100, 5], dtype=torch.int8)
    check([lambda x: x + x, lambda x: x * 3, lambda x: x - 100, lambda x: x.sum(), lambda x: x.cumsum(0), lambda x: x.prod(),
           lambda x: x.to(torch.uint8) + 200, lambda x: x.to(torch.uint8) - 130, lambda x: x.float().mean(), lambda x: (x > 0).sum(),
           lambda x: (x > 0).cumsum(0), lambda x: x / 2, lambda x: x * 0.5, lambda x: x ** 2, lambda x: x.to(torch.int64) ** 3,
           lambda x: x + torch.ones((), dtype=torch.int64), lambda x: x + torch.ones(1, dtype=torch.int64), lambda x: x.sum(dtype=torch.int8),
           lambda x: x.bool() + x, lambda x: ~x, lambda x: x & 3, lambda x: x.to(torch.int32) << 3], x, opt_level=opt_level)


@LEVELS
def test_losses_of_integers_wrap(opt_level):
    x, y = torch.tensor([[3, 200, 7], [1, 2, 255]], dtype=torch.uint8), torch.tensor([[5, 100, 9], [4, 2, 0]], dtype=torch.uint8)
    check([lambda x, y: F.margin_ranking_loss(x, y, y), F.pairwise_distance, lambda x, y: F.triplet_margin_loss(x, y, x + 1)], x, y,
          opt_level=opt_level, rtol=1e-6)


def subtract_softmax(x):
    return torch.exp(x) - torch.softmax(torch.exp(x), -1)


def standardise(x):
    """Costly values that two reductions read, and the result again."""
    y = torch.log(x.abs() + 0.5)
    return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True) + torch.softmax(torch.sin(y), -1)


@LEVELS
@pytest.mark.parametrize("function", [
    subtract_softmax, standardise, lambda x: torch.softmax(F.gelu(x), -1), lambda x: F.log_softmax(torch.tanh(x), -1) * torch.tanh(x),
    lambda x: (torch.softmax(torch.exp(x), -1), torch.exp(x)), lambda x: F.layer_norm(torch.sin(x), (9,)) + torch.sin(x),
    lambda x: torch.softmax(F.normalize(x, dim=0).cumsum(0), 0), lambda x: torch.softmax(F.normalize(x, dim=1).cumsum(1), 1),
    lambda x: (torch.exp(x) - torch.softmax(torch.exp(x), 0), torch.exp(x) * 2), lambda x: torch.logsumexp(torch.exp(x), -1, True) - torch.exp(x),
])
def test_rows_that_are_read_again(function, opt_level):
    """A kernel keeps costly values of a row in its results' memory: one at a time, and of that row alone."""
    class Rows(torch.nn.Module):
        def forward(self, x):
            return function(x)

    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(3))
    program = torchc.compile(torch.export.export(Rows(), (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},)), opt_level=opt_level)
    for rows in (x, x[:2]):
        torch.testing.assert_close(program(rows), function(rows), rtol=1e-5, atol=2e-6)


@LEVELS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_low_precision_accumulates_in_single(dtype, opt_level):
    ones = torch.ones(3, 5000, dtype=dtype)
    large = torch.full((4, 300), 300.0, dtype=dtype)
    check([lambda a, b: a.sum(1), lambda a, b: a.mean(1), lambda a, b: (a * 0.5).sum(), lambda a, b: b.mean(1), lambda a, b: a @ a.T,
           lambda a, b: torch.softmax(a, 1).float().sum(1), lambda a, b: F.layer_norm(b, (300,)), lambda a, b: a.norm(dim=1),
           lambda a, b: F.avg_pool1d(b, 100), lambda a, b: a.cumsum(1)[:, 2000:2010]], ones, large, opt_level=opt_level, rtol=1e-2, atol=1e-3)


@LEVELS
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_single_sums_stay_accurate(dynamic, opt_level):
    x = torch.full((1_000_000,), 0.1)
    shapes = ({0: 200 * torch.export.Dim("n", min=2)},) if dynamic else None
    program = compile_functions([torch.sum, torch.mean, lambda x: x.reshape(10, -1).sum(1), lambda x: x.reshape(-1, 10).sum(0),
                                 lambda x: x.reshape(10, -1, 20).sum((0, 1)), lambda x: x.reshape(-1, 2).mean(0)],
                                (x,), opt_level, shapes)
    for actual, expected in zip(program(x), (100_000, 0.1, 10_000, 10_000, 5_000, 0.1), strict=True):
        assert (actual.double() - expected).abs().max() < 2e-5 * expected


@LEVELS
def test_masked_indices(opt_level):
    """Where the mask is false, an index may lie outside; the mask may have more dims than the indices."""
    x, rows = torch.randn(5, 3), torch.tensor([[0, 4, 7], [4, -9, 2]])
    mask = ((rows >= 0) & (rows < 5))[..., None]
    check([lambda x, i, m, y: torch.ops.aten._unsafe_masked_index_put_accumulate(x, m, [i], y),
           lambda x, i, m, y: torch.ops.aten._unsafe_masked_index(x[:, 0], m[..., 0], [i], 7)],
          x, rows, mask, torch.randn(2, 3, 3), opt_level=opt_level, rtol=1e-6, atol=1e-6)


@LEVELS
def test_empty_tensors(opt_level):
    x, ids = torch.randn(0, 3), torch.zeros(0, dtype=torch.int64)
    check([lambda x, i: x.sum(), lambda x, i: x.sum(0), lambda x, i: x.prod(0), lambda x, i: x.mean(0), lambda x, i: x.mean(1),
           lambda x, i: x @ torch.ones(3, 4), lambda x, i: x.T @ x, lambda x, i: torch.softmax(x, 1), lambda x, i: torch.softmax(x, 0),
           lambda x, i: torch.cat([x, torch.ones(2, 3)]), lambda x, i: x.amax(1), lambda x, i: x.argmax(1), lambda x, i: x.cumsum(0),
           lambda x, i: x.sort(0).values, lambda x, i: x.reshape(3, 0), lambda x, i: x.any(), lambda x, i: x.all(), lambda x, i: x[i],
           lambda x, i: torch.ones(4, 5)[i], lambda x, i: torch.ones(4, 5).index_add(0, i, torch.ones(0, 5)), lambda x, i: x.var(1),
           lambda x, i: torch.zeros(4).scatter(0, i, 1.0), lambda x, i: x.flip(0), lambda x, i: F.pad(x, (1, 1)),
           lambda x, i: F.pad(x, (0, 0, 1, 1)), lambda x, i: x.expand(2, 0, 3), lambda x, i: F.conv1d(x[:, None], torch.ones(2, 1, 2)),
           lambda x, i: F.layer_norm(x, (3,)), lambda x, i: x.norm(), lambda x, i: torch.stack([x, x]), lambda x, i: x[:, 1:1].sum(),
           lambda x, i: x[5:].relu(), lambda x, i: F.one_hot(i, 3), lambda x, i: F.embedding(i, torch.ones(4, 5)),
           lambda x, i: torch.einsum("ij,kj->ik", x, x), lambda x, i: x.transpose(0, 1) + 1, lambda x, i: x.repeat(2, 2)],
          x, ids, opt_level=opt_level)


@LEVELS
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_slices_of_one_piece(dynamic, opt_level):
    """Whether they are results, of an input or of what is computed, or read by other ops; twice, from other inputs."""
    x, flags = torch.randn(4, 6, 5), torch.arange(24, dtype=torch.uint8).reshape(4, 6)
    functions = [lambda x, f: x[1], lambda x, f: x[0], lambda x, f: x[:2], lambda x, f: (x + 1)[:2], lambda x, f: (x + 2)[0], lambda x, f: (x + 3)[3, 1:3],
                 lambda x, f: x[2, 1:4] * 2, lambda x, f: x[0] + x[3], lambda x, f: torch.cat([x[1], (x * 2)[2]]), lambda x, f: f[1], lambda x, f: f[2:, :],
                 lambda x, f: (f + 1)[3], lambda x, f: x[1:1], lambda x, f: (x[1:3] @ x[0].T).softmax(-1), lambda x, f: x[:, 0], lambda x, f: x[1, :, 2:]]
    shapes = (({1: torch.export.Dim("n", min=4, max=64)},) * 2,) if dynamic else None
    exported = torch.export.export(Function(functions), (x, flags), dynamic_shapes=shapes and {"tensors": shapes[0]})
    program = torchc.compile(exported, opt_level=opt_level)
    expected = Function(functions)(x, flags)
    results = program(x, flags)
    again = program(x + 1, flags + 1)
    for number, (result, other, correct) in enumerate(zip(results, again, expected, strict=True)):
        assert (result.dtype, result.shape) == (correct.dtype, correct.shape), f"function {number}"
        torch.testing.assert_close(result, correct, rtol=1e-5, atol=1e-5, msg=lambda m: f"function {number}: {m}")
    for number, (other, correct) in enumerate(zip(again, Function(functions)(x + 1, flags + 1), strict=True)):
        torch.testing.assert_close(other, correct, rtol=1e-5, atol=1e-5, msg=lambda m: f"function {number}: {m}")


@LEVELS
def test_tensors_of_rank_0(opt_level):
    x, i, d = torch.tensor(2.5), torch.tensor(3), torch.tensor(1.5, dtype=torch.float64)
    v = torch.arange(6.0).reshape(2, 3)
    check([lambda x, i, d, v: x + i, lambda x, i, d, v: x + d, lambda x, i, d, v: v + d, lambda x, i, d, v: v * i,
           lambda x, i, d, v: i + d, lambda x, i, d, v: x.sum(), lambda x, i, d, v: x.mean(0), lambda x, i, d, v: x.amax(),
           lambda x, i, d, v: x.argmax(), lambda x, i, d, v: torch.softmax(x, 0), lambda x, i, d, v: x.reshape(1, 1),
           lambda x, i, d, v: torch.stack([x, x * 2]), lambda x, i, d, v: x.expand(2, 2), lambda x, i, d, v: x[None, None],
           lambda x, i, d, v: v.flatten()[i], lambda x, i, d, v: v[:, i - 1], lambda x, i, d, v: v.index_select(1, i - 1),
           lambda x, i, d, v: x.cumsum(0), lambda x, i, d, v: x.sort().values, lambda x, i, d, v: x > d, lambda x, i, d, v: x.clone().fill_(7),
           lambda x, i, d, v: torch.where(x > 1, v, x), lambda x, i, d, v: x.repeat(3),
           lambda x, i, d, v: x.flatten(), lambda x, i, d, v: i // 2, lambda x, i, d, v: i % -2, lambda x, i, d, v: x.T,
           lambda x, i, d, v: torch.cat([x[None], v[0]]), lambda x, i, d, v: v.sum(), lambda x, i, d, v: torch.dot(v[0], v[1])],
          x, i, d, v, opt_level=opt_level)


# What indices out of range do: an error, and nothing outside of the tensors is read or written.

ROWS = 5
HOSTILE = [ROWS, ROWS + 1, -ROWS - 1, 10**6, -10**6, 2**31 - 1, -2**31]
HOSTILE_LONG = [2**31, 2**32, 2**32 + 1, -2**32, 2**62, 2**63 - 1, -2**63, (2**64) // (ROWS * 12) + 1]
MORE_THAN_PYTHON = [-1]  # From the end for Python, out of range for these.

READS = {
    "index": (lambda x, i: x[i], False),
    "index of a column": (lambda x, i: x.T[:, i], False),
    "index_select": (lambda x, i: x.index_select(0, i), True),
    "gather": (lambda x, i: x.gather(0, i[:, None].expand(-1, 3)), True),
    "embedding": (lambda x, i: F.embedding(i, x), True),
    "take": (lambda x, i: torch.take(x[:, 0], i), False),
    "fused": (lambda x, i: (torch.relu(x * 2)[i] + 1).sum(1), False),
    "embedding and norm": (lambda x, i: F.layer_norm(F.embedding(i, x) + 1, (3,)), True),
    "embedding_bag": (lambda x, i: F.embedding_bag(i[None], x, mode="sum"), True),
    "two indices": (lambda x, i: x[i, i * 0], False),
    "one_hot": (lambda x, i: F.one_hot(i, ROWS), True),
}
WRITES = {
    "index_put": (lambda x, i: x.index_put((i,), x[0]), False),
    "index_put_ accumulate": (lambda x, i: x.clone().index_put_((i,), x[0], accumulate=True), False),
    "scatter": (lambda x, i: x.scatter(0, i[:, None], 1.0), True),
    "scatter of a tensor": (lambda x, i: x.scatter(0, i[:, None].expand(-1, 3), x[:1].expand(4, 3)), True),
    "scatter_add": (lambda x, i: x.scatter_add(0, i[:, None].expand(-1, 3), x[:1].expand(4, 3)), True),
    "scatter_reduce": (lambda x, i: x.scatter_reduce(0, i[:, None].expand(-1, 3), x[:1].expand(4, 3), "amax"), True),
    "index_add": (lambda x, i: x.index_add(0, i, x[:1].expand(4, 3)), True),
    "index_copy": (lambda x, i: x.index_copy(0, i, x[:1].expand(4, 3)), True),
    "index_fill": (lambda x, i: x.index_fill(0, i, 3.0), False),
}


@LEVELS
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("name", (*READS, *WRITES))
def test_indices_out_of_range(name, dynamic, opt_level):
    function, refuses_negative = {**READS, **WRITES}[name]
    x, good = torch.randn(ROWS, 3), torch.tensor([0, ROWS - 1, 2, 1])
    shapes = (({0: torch.export.Dim("rows", min=2, max=64)} if name != "one_hot" else None, None)) if dynamic else None
    program = compile_functions([function], (x, good), opt_level, shapes)
    torch.testing.assert_close(program(x, good)[0], function(x, good))
    for value in HOSTILE + HOSTILE_LONG + (MORE_THAN_PYTHON if refuses_negative else []):
        for place in range(len(good)):
            bad = good.clone()
            bad[place] = value
            with pytest.raises(torchc.RunError):
                program(x, bad)
    # What went wrong left nothing behind.
    torch.testing.assert_close(program(x, good)[0], function(x, good))


@LEVELS
@pytest.mark.parametrize("name", ["index", "index_select", "embedding", "index_put", "index_add"])
def test_narrow_indices_out_of_range(name, opt_level):
    function, _ = {**READS, **WRITES}[name]
    x, good = torch.randn(ROWS, 3), torch.tensor([0, ROWS - 1, 2, 1], dtype=torch.int32)
    program = compile_functions([function], (x, good), opt_level)
    torch.testing.assert_close(program(x, good)[0], function(x, good))
    for value in HOSTILE:
        with pytest.raises(torchc.RunError):
            program(x, torch.tensor([0, 1, value, 2], dtype=torch.int32))
