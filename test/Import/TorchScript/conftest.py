import pathlib
import sys

import pytest
import torch
from torch.utils import _pytree as pytree

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "EndToEnd"))

import replay


def flatten(result):
    return pytree.tree_leaves(result)


@pytest.fixture
def check_replay(tmp_path):
    """Saves a script module, captures it and compares with the module itself.

    `dynamic` maps the index of an input to its dynamic dimensions; `others` are
    further input lists, of other sizes. Gives the `Replay`.
    """

    def check(module, inputs, dynamic=None, others=(), tolerance=0.0):
        path = tmp_path / "model.pt"
        module.save(str(path))
        shapes = [replay.shape_of(value, (dynamic or {}).get(i, ()))
                  for i, value in enumerate(flatten(inputs))]
        program = replay.capture(path, shapes)
        for example in [inputs, *others]:
            mine = [v.clone() if isinstance(v, torch.Tensor) else v
                    for v in flatten(example)]
            expected = flatten(module(*example))
            actual = program(*mine)
            assert len(actual) == len(expected)
            for a, e in zip(actual, expected):
                if isinstance(e, torch.Tensor):
                    assert a.dtype == e.dtype
                torch.testing.assert_close(a, e, rtol=tolerance, atol=tolerance)
            for a, e in zip(mine, flatten(example)):
                torch.testing.assert_close(a, e, rtol=0, atol=0)
        for name, value in module.state_dict().items():
            if name in program.tensors:
                torch.testing.assert_close(program.tensors[name], value,
                                           rtol=tolerance, atol=tolerance)
        return program

    return check
