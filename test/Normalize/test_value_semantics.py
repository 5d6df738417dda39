"""Random programs of views and in-place ops, before and after the conversion.

PyTorch runs each program as it is written; its values form, evaluated by
PyTorch as well, must give the same, or have been refused for a reason.
"""

import pathlib
import random
import sys

import pytest
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Decompose"))
from evaluate import Writer, evaluate, find_operator, optimize, tensor_type  # noqa: E402

REASONS = ("may share memory", "cannot be undone")


class Program(Writer):
    """Writes the ops of a program on mutable tensors while PyTorch runs them."""

    def __init__(self, *inputs):
        super().__init__(kind="tensor")
        self.kind = "vtensor"
        self.tensors = []  # (name, the tensor that it is)
        for tensor in inputs:
            name, type_text = self.input(tensor)
            held = tensor.clone()
            mutable, _ = self.define(f"torch.copy.to_tensor {name} : {tensor_type(held, 'tensor')}", None)
            self.tensors.append((mutable, held))
        self.kind = "tensor"

    def type_of(self, tensor):
        return tensor_type(tensor, "tensor")

    def op(self, name, *arguments):
        """`name` on tensors given by their place and on constants; the place of its result."""
        operator = find_operator(name)
        values, given = [], []
        schema = operator._schema.arguments
        for i, argument in enumerate(schema):
            value = arguments[i] if i < len(arguments) else argument.default_value
            if str(argument.type) == "Tensor":
                mutable, tensor = self.tensors[value]
                values.append((mutable, self.type_of(tensor)))
                given.append(tensor)
            else:
                values.append(self.value(value))
                if not argument.kwarg_only:
                    given.append(value)
        before = given[0].shape
        result = operator(*given)
        left = ", ".join(n for n, _ in values)
        types = ", ".join(t for _, t in values)
        written, _ = self.define(f"torch.{name} {left} : {types} -> {self.type_of(result)}", None)
        if name.endswith("_") and result.shape != before:
            # A tensor of another shape is another value of the text.
            self.tensors = [(written if t is result else n, t) for n, t in self.tensors]
        self.tensors.append((written, result))
        return len(self.tensors) - 1

    def finish(self, places):
        names = ", ".join(self.tensors[p][0] for p in places)
        types = ", ".join(self.type_of(self.tensors[p][1]) for p in places)
        body = "\n  ".join(self.lines)
        text = (f"func.func @forward({', '.join(self.arguments)}) -> ({types}) {{\n  {body}\n"
                f"  return {names} : {types}\n}}\n")
        return text, [self.tensors[p][1] for p in places]


def check(program, places):
    text, expected = program.finish(places)
    try:
        converted = optimize(text, "--torchc-convert-to-value-semantics")
    except RuntimeError as error:
        assert any(reason in str(error) for reason in REASONS), f"{text}\n{error}"
        return False
    assert "!torch.tensor" not in converted
    for result, want in zip(evaluate(converted, program.inputs), expected):
        torch.testing.assert_close(result, want, msg=lambda m: f"{m}\n{text}\n{converted}")
    return True


def step(program, pick):
    """One random op on a random tensor."""
    place = pick.randrange(len(program.tensors))
    tensor = program.tensors[place][1]
    rank = tensor.dim()
    dim = pick.randrange(rank) if rank else 0
    choices = [
        ("aten.add_.Scalar", place, 1.5), ("aten.mul_.Scalar", place, -2.0), ("aten.relu_", place),
        ("aten.fill_.Scalar", place, 3.0), ("aten.neg", place), ("aten.detach", place),
        ("aten.unsqueeze", place, pick.randint(0, rank)), ("aten.dropout", place, 0.5, False),
        ("aten.clone", place), ("aten.flatten.using_ints", place),
    ]
    if rank < 4:
        choices.append(("aten.unsqueeze_", place, pick.randint(0, rank)))
    if rank:
        size = tensor.shape[dim]
        start = pick.randint(-size, size - 1)
        choices += [
            ("aten.select.int", place, dim, pick.randint(-size, size - 1)),
            ("aten.slice.Tensor", place, dim, start, None, pick.randint(1, 2)),
            ("aten.slice.Tensor", place, dim, None, pick.randint(1, size)),
            ("aten.narrow", place, dim, start % size, size - start % size),
            ("aten.transpose.int", place, dim, pick.randrange(rank)),
            ("aten.permute", place, pick.sample(range(rank), rank)), ("aten.squeeze.dim", place, dim),
            ("aten.numpy_T", place), ("aten.movedim.intlist", place, [dim], [rank - 1]),
            ("aten.reshape", place, [-1]), ("aten.expand", place, [2, *tensor.shape]),
        ]
    if tensor.is_contiguous():
        choices.append(("aten.view", place, [tensor.numel()]))
    for other, (_, candidate) in enumerate(program.tensors):
        # PyTorch itself does not define a write from memory that overlaps.
        shares = candidate.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
        if not shares and candidate.shape == tensor.shape:
            choices += [("aten.copy_", place, other), ("aten.add_.Tensor", place, other)]
    program.op(*pick.choice(choices))


@pytest.mark.parametrize("block", range(12))
def test_random_programs(block):
    converted = 0
    for seed in range(block * 10, block * 10 + 10):
        pick = random.Random(seed)
        torch.manual_seed(seed)
        program = Program(torch.randn(2, 3, 2), torch.randn(3, 2))
        for _ in range(pick.randint(3, 9)):
            try:
                step(program, pick)
            except RuntimeError:
                continue  # PyTorch refuses the op itself, such as a write to an expanded tensor.
        places = pick.sample(range(len(program.tensors)), min(3, len(program.tensors)))
        converted += check(program, places)
    assert converted > 0


def test_residual():
    """The in-place ops of a ResNet block."""
    program = Program(torch.randn(1, 2, 3, 3))
    identity = program.op("aten.neg", 0)
    out = program.op("aten.relu_", program.op("aten.mul.Scalar", identity, 2.0))
    out = program.op("aten.add_.Tensor", out, identity)
    out = program.op("aten.relu_", out)
    assert check(program, [program.op("aten.flatten.using_ints", out, 1), identity])
