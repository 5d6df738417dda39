"""Every decomposition against the op itself, both computed by PyTorch."""

import pytest
import torch

from evaluate import evaluate, optimize, write_call

torch.manual_seed(0)
INF = float("inf")


def randn(*shape, dtype=torch.float32):
    return torch.randn(*shape).to(dtype)


X = randn(2, 3, 4)
I = torch.tensor([[3, -2, 0], [5, 7, -9]])
B = torch.tensor([[True, False, True], [False, False, True]])
V = randn(5).abs() + 0.1
IMAGE, KERNEL, BIAS = randn(2, 4, 7, 9), randn(6, 4, 3, 2), randn(6)
SIGNAL, FILTER = randn(2, 4, 11), randn(6, 4, 4)
Q, K, Y = randn(2, 4, 5, 8), randn(2, 4, 6, 8), randn(2, 4, 6, 8)
MASK = torch.rand(5, 6) > 0.4
MASK[2] = False  # A row that sees nothing.



def convolution_backward(x, weight, stride, padding, dilation, transposed=False, output_padding=(0, 0), groups=1,
                         mask=(True, True, True)):
    steps = [list(stride), list(padding), list(dilation), transposed, list(output_padding), groups]
    y = torch.ops.aten.convolution(x, weight, None, *steps)
    return "aten.convolution_backward", torch.randn(y.shape).to(y), x, weight, [y.shape[1]], *steps, list(mask)


def attention_backward(q, k, v, *, is_causal=False, **keywords):
    result, weights = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, is_causal, **keywords)
    return ("aten._scaled_dot_product_flash_attention_for_cpu_backward", torch.randn(result.shape).to(q), q, k, v, result,
            weights, 0.0, is_causal, keywords)


CASES = [
    # Elementwise
    ("aten.relu6", X * 5), ("aten.threshold", X, 0.3, -7.0), ("aten.threshold", I, 1, 9),
    ("aten.log_sigmoid", X * 30), ("aten.log_sigmoid", X.half()), ("aten.square", X), ("aten.square", I),
    ("aten.rsub.Scalar", X, 2.5, 3), ("aten.rsub.Scalar", I, 2.5), ("aten.rsub.Scalar", I, 2),
    ("aten.rsub.Tensor", X, randn(4)), ("aten.true_divide.Tensor", I, torch.tensor(2)),
    ("aten.floor_divide", I, torch.tensor([2, -3, 4])), ("aten.floor_divide", X, randn(4)),
    ("aten.floor_divide.Scalar", I, 2), ("aten.float_power.Tensor_Scalar", X.abs(), 1.5),
    ("aten.float_power.Tensor_Scalar", I, 2), ("aten.__and__.Tensor", B, ~B), ("aten.__or__.Tensor", I, I + 1),
    ("aten.where.ScalarSelf", B, 1.5, randn(2, 3)), ("aten.where.ScalarOther", B, randn(2, 3), 2),
    ("aten.where.Scalar", B, 1, 2), ("aten.where.Scalar", B, 1.0, 2.0),
    ("aten.masked_fill.Scalar", X, X > 0, -INF), ("aten.masked_fill.Scalar", I, I > 0, 3),
    ("aten.masked_fill.Tensor", X, X > 0, torch.tensor(2.0)),
    ("aten.type_as", I, X), ("aten.to.dtype_layout", I, {"dtype": torch.float32}), ("aten.to.other", X, I),
    ("aten.to.device", X, torch.device("cpu"), torch.float64), ("aten._to_copy", X, {"dtype": torch.int32}),
    ("aten.clone", X), ("aten.contiguous", X), ("aten.detach", X), ("aten.alias", X), ("aten.lift_fresh_copy", X),
    ("aten.dropout", X, 0.5, False), ("aten.alpha_dropout", X, 0.5, False), ("aten.feature_dropout", X, 0.5, False),
    ("aten.native_dropout", X, 0.5, False), ("aten._assert_tensor_metadata", X, None, None, torch.float32),
    # Reduction
    ("aten.sum", X), ("aten.sum", I), ("aten.sum", I, {"dtype": torch.float32}), ("aten.mean", X), ("aten.max", X),
    ("aten.min", I), ("aten.prod", X), ("aten.prod", I), ("aten.any", B), ("aten.all", B), ("aten.any", torch.tensor(True)),
    ("aten.any.dims", B, [0, 1]), ("aten.any.dims", B, None), ("aten.all.dims", B, [1], True), ("aten.all.dims", B, [0]),
    ("aten.var.correction", X, [1]), ("aten.var.correction", X, [0, 2], {"correction": 0, "keepdim": True}),
    ("aten.var.correction", X, None, {"correction": 2}), ("aten.var.correction", X.half(), [1]),
    ("aten.var.correction", randn(3, 1), [1]), ("aten.var.correction", randn(3, 0), [1]),
    ("aten.var.dim", X, [2], False), ("aten.var", X), ("aten.std.correction", X, [1]), ("aten.std.dim", X, [-1]),
    ("aten.var_mean.correction", X, [1]), ("aten.logsumexp", X * 50, [1]), ("aten.logsumexp", X, [0, 2], True),
    ("aten.logsumexp", torch.full((2, 3), -INF), [1]), ("aten.logsumexp", torch.tensor([[INF, 1.0]]), [1]),
    *[("aten.linalg_vector_norm", X, p, [1]) for p in (0, 1, 2, 3.5, INF, -INF)],
    ("aten.linalg_vector_norm", X, 2, None, True), ("aten.linalg_vector_norm", X.half(), 2, [1]),
    ("aten.norm.ScalarOpt_dim", X, None, [1, 2]), ("aten.norm.ScalarOpt_dim", X, 1, [0]),
    # Contraction
    ("aten.mv", randn(3, 5), V), ("aten.dot", V, V), ("aten.outer", V, randn(3)),
    ("aten.addbmm", randn(3, 5), randn(2, 3, 4), randn(2, 4, 5), {"beta": 0.5, "alpha": 2}),
    # Convolution
    ("aten.conv2d", IMAGE, KERNEL, BIAS), ("aten.conv2d", IMAGE, KERNEL, BIAS, [2, 1], [1, 2], [1, 2]),
    ("aten.conv2d", IMAGE, randn(6, 2, 3, 2), None, [1, 1], [0, 0], [1, 1], 2), ("aten.conv2d", IMAGE[0], KERNEL),
    ("aten.conv2d.padding", IMAGE, KERNEL, BIAS, [1, 1], "same"), ("aten.conv2d.padding", IMAGE, KERNEL, BIAS, [2, 2], "valid"),
    ("aten.conv2d.padding", IMAGE, KERNEL, None, [1, 1], "same", [2, 3]), ("aten.conv1d", SIGNAL, FILTER, BIAS, [2], [1]),
    ("aten.conv1d.padding", SIGNAL, FILTER, BIAS, [1], "same"),
    ("aten._convolution", IMAGE, KERNEL, BIAS, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, False, False, True, True),
    convolution_backward(IMAGE, KERNEL, [1, 1], [0, 0], [1, 1]), convolution_backward(IMAGE, KERNEL, [2, 3], [1, 2], [1, 1]),
    convolution_backward(IMAGE, KERNEL, [2, 1], [2, 1], [2, 3]), convolution_backward(IMAGE, randn(6, 2, 3, 2), [2, 1], [1, 0], [1, 1], groups=2),
    convolution_backward(IMAGE, randn(8, 1, 3, 3), [1, 2], [1, 1], [1, 1], groups=4),
    convolution_backward(SIGNAL, FILTER, [2], [1], [1], output_padding=[0]),
    convolution_backward(randn(1, 2, 4, 5, 6), randn(3, 2, 2, 3, 2), [1, 2, 1], [0, 1, 1], [1, 1, 1], output_padding=[0, 0, 0]),
    convolution_backward(IMAGE, randn(4, 6, 3, 2), [1, 1], [1, 0], [1, 1], transposed=True),
    convolution_backward(IMAGE, randn(4, 3, 3, 3), [2, 3], [1, 1], [2, 1], transposed=True, output_padding=[1, 2], groups=2),
    # Pooling
    ("aten.avg_pool1d", SIGNAL, [3], [2], [1]), ("aten.avg_pool1d", SIGNAL, [3], [], [1], True, False),
    ("aten.max_pool1d", SIGNAL, [3], [2], [1], [2]), ("aten.adaptive_avg_pool1d", SIGNAL, [5]),
    ("aten._adaptive_avg_pool2d", IMAGE, [3, 2]),
    # Normalization
    ("aten.softmax.int", X, 1), ("aten.softmax.int", X.half(), 1, torch.float32), ("aten.log_softmax.int", X, -1),
    ("aten.batch_norm", IMAGE, randn(4), randn(4), randn(4), randn(4).abs(), False, 0.1, 1e-5, False),
    ("aten.batch_norm", randn(3, 4), None, None, randn(4), randn(4).abs(), False, 0.1, 1e-3, False),
    ("aten.batch_norm", IMAGE.half(), randn(4), None, randn(4), randn(4).abs(), False, 0.1, 1e-5, False),
    ("aten._native_batch_norm_legit_no_training", IMAGE, randn(4), randn(4), randn(4), randn(4).abs(), 0.1, 1e-5),
    ("aten._native_batch_norm_legit_functional", IMAGE, randn(4), randn(4), randn(4), randn(4).abs(), True, 0.1, 1e-5),
    ("aten._native_batch_norm_legit_functional", randn(3, 4).half(), None, None, randn(4), randn(4).abs(), True, 0.3, 1e-3),
    ("aten._native_batch_norm_legit.no_stats", IMAGE, randn(4), None, True, 0.1, 1e-5),
    ("aten._batch_norm_with_update_functional", IMAGE, randn(4), randn(4), randn(4), randn(4).abs(), 0.1, 1e-5),
    ("aten.batch_norm", IMAGE, randn(4), randn(4), None, None, True, 0.1, 1e-5, False),
    ("aten.native_layer_norm", X, [3, 4], randn(3, 4), randn(3, 4), 1e-5), ("aten.native_layer_norm", X, [4], None, None, 1e-5),
    ("aten.group_norm", IMAGE, 2, randn(4), randn(4)), ("aten.group_norm", IMAGE, 4),
    ("aten.native_group_norm", IMAGE, randn(4), randn(4), 2, 4, 63, 2, 1e-5),
    ("aten.instance_norm", IMAGE, randn(4), randn(4), None, None, True, 0.1, 1e-5, False),
    ("aten.instance_norm", IMAGE, None, None, randn(4), randn(4).abs(), False, 0.1, 1e-5, False),
    # Attention
    ("aten.scaled_dot_product_attention", Q, K, Y), ("aten.scaled_dot_product_attention", Q, K, Y, MASK),
    ("aten.scaled_dot_product_attention", Q, K, Y, randn(2, 1, 5, 6)),
    ("aten.scaled_dot_product_attention", Q, K, Y, None, 0.0, True),
    ("aten.scaled_dot_product_attention", Q, K, Y, {"scale": 0.3}),
    ("aten.scaled_dot_product_attention", Q, K[:, :2], Y[:, :2], {"enable_gqa": True}),
    ("aten.scaled_dot_product_attention", Q.half(), K.half(), Y.half(), MASK),
    ("aten._scaled_dot_product_flash_attention_for_cpu", Q, K, Y),
    ("aten._scaled_dot_product_flash_attention_for_cpu", Q, Q, Q, 0.0, True),
    attention_backward(Q, K, Y), attention_backward(Q, Q, Q + 1, is_causal=True), attention_backward(Q, K, Y, scale=0.3),
    attention_backward(Q, K, Y, attn_mask=randn(2, 1, 5, 6)),
    attention_backward(Q, K, Y, attn_mask=torch.where(MASK | ~MASK.any(1, keepdim=True), 0.0, -INF)),
    # Shape
    ("aten.numpy_T", X), ("aten.mT", X), ("aten.adjoint", X), ("aten.movedim.intlist", X, [0, -1], [1, 0]),
    ("aten.movedim.intlist", X, [2], [0]), ("aten.swapaxes", X, 0, -1), ("aten.view_as", X, randn(6, 4)),
    ("aten.reshape_as", X, randn(24)), ("aten.expand_as", randn(3, 1), X), ("aten.broadcast_to", randn(3, 1), [2, 3, 4]),
    ("aten.ravel", X), ("aten.atleast_1d", torch.tensor(3.0)), ("aten.atleast_1d", X), ("aten.stack", [X, X, X], -1),
    ("aten.stack", [X, X]), ("aten.pad", X, [1, 2, 0, 1]), ("aten.pad", X, [1, -1], "constant", 2.5),
    ("aten.pixel_shuffle", randn(2, 8, 3, 5), 2), ("aten.repeat_interleave.self_int", X, 3, 1),
    ("aten.repeat_interleave.self_int", X, 2),
    # Indexing
    ("aten.narrow", X, 2, 1, 2), ("aten.narrow", X, -1, -2, 2), ("aten.diagonal", X), ("aten.diagonal", X, 1, 1, 2),
    ("aten.diagonal", X, -1, 2, 0), ("aten.one_hot", torch.tensor([[0, 3], [2, 1]]), 5),
    ("aten.diff", X), ("aten.diff", X, 2, 1), ("aten.diff", B, 1, 0), ("aten.diff", X, 1, -1, randn(2, 3, 1), randn(2, 3, 2)),
    ("aten.split.Tensor", X, 3, -1), ("aten.split.Tensor", X, 2, 2), ("aten.split_with_sizes", X, [1, 3], 2),
    ("aten.chunk", X, 3, 2), ("aten.chunk", X, 2, 1), ("aten.unbind.int", X, 1),
    ("aten.embedding_dense_backward", X, I.abs()[:, :3] % 5, 5, -1, False),
    ("aten.embedding_dense_backward", X, I.abs() % 5, 6, 2, False), ("aten.embedding_dense_backward", X, I.abs() % 3, 4, -1, True),
    ("aten.embedding_dense_backward", X[0], torch.tensor([1, 1, 0]), 2, 0, True),
    ("aten.embedding_dense_backward", X[0, 0], torch.tensor(1), 2, -1, False),
    # Creation
    ("aten.zeros", [2, 3]), ("aten.ones", [2], {"dtype": torch.int64}), ("aten.zeros_like", X), ("aten.ones_like", I),
    ("aten.full_like", X, 2.5), ("aten.full_like", I, 3, {"dtype": torch.float32}), ("aten.new_zeros", X, [3]),
    ("aten.new_ones", I, [2, 2]), ("aten.new_full", X, [2], 7), ("aten.arange", 5), ("aten.arange", 2.5),
    ("aten.arange.start", 2, 7), ("aten.copy", X, I[:, :, None]), ("aten.fill.Scalar", X, 2),
    ("aten.fill.Tensor", X, torch.tensor(3)), ("aten.zero", X), ("aten.eye", 3),
]

TOLERANCES = {torch.float16: (2e-3, 1e-3), torch.float32: (2e-5, 1e-5), torch.float64: (1e-12, 1e-12)}


def unpack(case):
    name, *arguments = case
    keywords = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    return name, arguments, keywords


def assert_same(results, expected):
    assert len(results) == len(expected)
    for result, want in zip(results, expected):
        assert result.dtype == want.dtype and result.shape == want.shape
        rtol, atol = TOLERANCES.get(want.dtype, (0, 0))
        torch.testing.assert_close(result, want, rtol=rtol, atol=atol, equal_nan=True)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_decomposition(case, dynamic):
    name, arguments, keywords = unpack(case)
    text, inputs, expected = write_call(name, *arguments, dynamic=dynamic, **keywords)
    passes = ("--torchc-decompose-ops", "--canonicalize")
    try:
        decomposed = optimize(text, *passes, "--torchc-check-support")
    except RuntimeError as error:
        # A size that only run time knows may be refused, by name.
        assert dynamic and f"unsupported op {name}" in str(error), str(error)
        pytest.skip(str(error).splitlines()[0])
    assert f"torch.{name} " not in decomposed
    assert_same(evaluate(decomposed, inputs), expected)


@pytest.mark.parametrize("name, arguments, count", [
    ("aten.new_empty", (X, [2, 5]), 1), ("aten.empty_like", (X,), 1),
])
def test_empty(name, arguments, count):
    """What an empty tensor holds is nobody's: only its type is compared."""
    text, inputs, expected = write_call(name, *arguments)
    results = evaluate(optimize(text, "--torchc-decompose-ops"), inputs)
    assert [(r.shape, r.dtype) for r in results] == [(e.shape, e.dtype) for e in expected]


@pytest.mark.parametrize("case", [
    ("aten.scaled_dot_product_attention", Q, K, Y, None, 0.5),
], ids=lambda case: case[0])
def test_refused(case):
    name, arguments, keywords = unpack(case)
    text, _, _ = write_call(name, *arguments, **keywords)
    with pytest.raises(RuntimeError, match=f"unsupported op {name}"):
        optimize(text, "--torchc-decompose-ops", "--torchc-check-support")
