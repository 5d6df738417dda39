"""Attention in one kernel, held against PyTorch: masks, shapes, dtypes, and what is computed by hand."""
import math

import pytest
import torch
import torchc
from torch.nn import functional as F

INFINITY = float("inf")


def _heads(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


class Attention(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, query, key, value, mask=None):
        return F.scaled_dot_product_attention(query, key, value, mask, **self.options)


class ByHand(torch.nn.Module):
    """softmax(q k^T / sqrt(E) + mask) v, in the way of models that were written before there was one operator."""

    def forward(self, query, key, value, mask):
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        return torch.softmax(scores + mask, -1) @ value


def _qkv(batch=1, heads=2, rows=40, keys=40, width=32, columns=None, key_heads=None, dtype=torch.float32):
    key_heads = key_heads or heads
    return (_heads(batch, heads, rows, width, dtype=dtype), _heads(batch, key_heads, keys, width, dtype=dtype),
            _heads(batch, key_heads, keys, columns or width, dtype=dtype))


def _masked_rows(rows, keys):
    """All of a row masked, all of the first blocks of keys, and some of the rest."""
    mask = _heads(1, 1, rows, keys)
    mask[mask < -0.5] = -INFINITY
    mask[..., 3, :] = -INFINITY
    mask[..., 5:8, : keys // 2] = -INFINITY
    return mask


CASES = {
    "plain": (Attention(), _qkv()),
    "odd": (Attention(scale=0.3), _qkv(2, 3, 9, 37, 5, 70)),
    "many keys": (Attention(), _qkv(1, 1, 30, 1500, 64)),
    "many rows": (Attention(), _qkv(1, 1, 500, 33, 16)),
    "wide": (Attention(), _qkv(1, 1, 20, 300, 160, 200)),
    "causal": (Attention(is_causal=True), _qkv(2, 2, 50, 50)),
    "groups of heads": (Attention(is_causal=True, enable_gqa=True), _qkv(2, 6, 33, 33, key_heads=2)),
    "one row": (Attention(), _qkv(2, 3, 1, 70)),
    "a row of each head": (Attention(enable_gqa=True), _qkv(2, 6, 1, 333, 80, key_heads=2)),
    "two rows of each head": (Attention(enable_gqa=True), (*_qkv(2, 6, 2, 65, 64, key_heads=2), _heads(2, 6, 2, 65))),
    "rows of many heads": (Attention(enable_gqa=True), _qkv(1, 24, 1, 50, key_heads=1)),
    "few rows": (Attention(), (*_qkv(1, 2, 7, 700, 70, 45), _masked_rows(7, 700))),
    "few rows of narrow heads": (Attention(is_causal=True), _qkv(1, 2, 3, 40, 5)),
    "bool mask": (Attention(), (*_qkv(keys=70), _masked_rows(40, 70) > 0)),
    "added mask": (Attention(), (*_qkv(keys=700), _masked_rows(40, 700))),
    "mask of keys": (Attention(), (*_qkv(2), _masked_rows(20, 40)[:, :, :1].repeat(2, 1, 1, 1))),
    "f64": (Attention(is_causal=True), _qkv(dtype=torch.float64)),
    "bf16": (Attention(), _qkv(dtype=torch.bfloat16)),
    "by hand": (ByHand(), (*_qkv(keys=300), _masked_rows(40, 300))),
    "by hand, bands": (ByHand(), (*(x[0] for x in _qkv(heads=3, rows=12, keys=20)), _heads(12, 20))),
    "nan and infinity": (ByHand(), (*_qkv(keys=300), _masked_rows(40, 300).index_fill(-1, torch.tensor([280]), INFINITY)
                                    .index_put((torch.tensor(0), torch.tensor(0), torch.tensor([1]), torch.tensor([7])), torch.tensor(math.nan)))),
}


@pytest.mark.parametrize("name", CASES)
def test_attention(name):
    model, inputs = CASES[name]
    program = torchc.compile(torch.export.export(model, inputs))
    expected = model(*inputs)
    tolerance = dict(rtol=2e-2, atol=2e-2) if expected.dtype == torch.bfloat16 else dict(rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(program(*inputs), expected, equal_nan=True, **tolerance)


def test_lengths_that_vary():
    rows, keys = torch.export.Dim("rows", min=1, max=4096), torch.export.Dim("keys", min=0, max=4096)
    shapes = {2: rows}, {2: keys}, {2: keys}, {2: rows, 3: keys}
    make = lambda rows, keys: (*_qkv(rows=rows, keys=keys, columns=20), _heads(1, 1, rows, keys))
    for model in (ByHand(), Attention()):
        program = torchc.compile(torch.export.export(model, make(40, 50), dynamic_shapes=shapes))
        for sizes in ((40, 50), (1, 1), (2, 700), (193, 33), (15, 257), (4, 0)):
            inputs = make(*sizes)
            torch.testing.assert_close(program(*inputs), model(*inputs), rtol=1e-4, atol=1e-5)


def test_threads_change_no_bit():
    model, inputs = Attention(), _qkv(1, 3, 400, 700, 64)
    exported = torch.export.export(model, inputs)
    results = [torchc.compile(exported, threads=threads)(*inputs) for threads in (1, 2, 5)]
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
