"""PyTorch's operator database, the first sample of each op in f32, and of some in other dtypes and sizes: see opinfo.py."""
import pytest

from opinfo import DTYPES, load_ledger, load_ops, run_op

OPS = load_ops()
LEDGER = load_ledger("f32", samples=1)
# Ops that have a form of their own in a dtype.
OTHERS = {
    "f64": "expm1 nn.functional.elu _upsample_bilinear2d_aa special.bessel_j0", "bf16": "native_batch_norm addmm",
    "f16": "fmax fmin _batch_norm_with_update softmax", "bool": "addr item sum_to_size cumsum", "u8": "char remainder",
    "i8": "pow", "i32": "floor_divide", "i64": "gcd",
    "complex64": "pow prod logcumsumexp addmm nn.functional.conv2d acos masked_fill index_add combinations",
}
# With dynamic dims, one or two of each family.
DYNAMIC = ("add where sum.unbiased var amax cumsum softmax mm nn.functional.linear nn.functional.layer_norm gather "
           "index_select nn.functional.pad.reflect nn.functional.max_pool1d nn.functional.conv1d cat stack reshape roll "
           "tril sort topk unique nonzero bernoulli eye linalg.inv nn.functional.cross_entropy "
           "nn.functional.scaled_dot_product_attention").split()


def check(result, ledger):
    if result.outcome == "not-exportable":
        pytest.skip(result.reason)
    expected, reason = ledger.get(result.op, ("passed", ""))
    assert result.outcome == expected, f"{result.outcome}: {result.reason} (the ledger: {reason})"


@pytest.mark.parametrize("name", OPS)
def test_op_equals_eager(name):
    check(run_op(OPS[name], DTYPES["f32"], samples=1), LEDGER)


@pytest.mark.parametrize("dtype, name", [(dtype, name) for dtype, names in OTHERS.items() for name in names.split()])
def test_op_of_dtype(dtype, name):
    check(run_op(OPS[name], DTYPES[dtype], samples=1), load_ledger(dtype, samples=1))


@pytest.mark.parametrize("name", [name for name in DYNAMIC if name in OPS])
def test_op_of_dynamic_sizes(name):
    check(run_op(OPS[name], DTYPES["f32"], samples=1, dynamic=True), load_ledger("f32", samples=1, dynamic=True))
