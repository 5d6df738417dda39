"""Graphs of some hundred nodes: what takes more than a step for each would take minutes here."""
import pytest
import torch
import torchc

import large_graphs


@pytest.mark.parametrize("kind", large_graphs.KINDS)
def test_large_graph_equals_eager(kind):
    torch.manual_seed(0)
    program, inputs, _ = large_graphs.export(kind, 300)
    torch.testing.assert_close(torchc.compile(program)(*inputs), program.module()(*inputs), rtol=1e-3, atol=1e-4)
