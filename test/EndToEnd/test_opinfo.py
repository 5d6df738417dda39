"""PyTorch's operator database, the first sample of each op in f32: see opinfo.py."""
import pytest

from opinfo import DTYPES, load_ledger, load_ops, run_op

OPS = load_ops()
LEDGER = load_ledger("f32", samples=1)


@pytest.mark.parametrize("name", OPS)
def test_op_equals_eager(name):
    result = run_op(OPS[name], DTYPES["f32"], samples=1)
    if result.outcome == "not-exportable":
        pytest.skip(result.reason)
    expected, reason = LEDGER.get(name, ("passed", ""))
    assert result.outcome == expected, f"{result.outcome}: {result.reason} (the ledger: {reason})"
