"""What TorchScript code may do: writes, containers, control flow, state."""

from typing import Dict, List, NamedTuple, Optional, Tuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InPlace(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y = x.clone()
        y[:, 1:] += 2
        row = y[0]
        row.mul_(3)
        y.t()[1].fill_(0.5)
        y.view(-1)[0] = 7
        return y, row


def test_writes_through_views(check_replay):
    program = check_replay(torch.jit.script(InPlace()), (torch.randn(3, 4),))
    assert not any(t.split(".")[1].endswith("_") for t in program.targets())


class WritesInput(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x[0].add_(y)
        return x.sum()


def test_written_input(check_replay):
    program = check_replay(torch.jit.script(WritesInput()),
                           (torch.randn(3, 4), torch.randn(4)))
    assert program.function["outputs"][0] == {
        "kind": "user_input_mutation", "target": "x"}


class State(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.total += x.sum(0)
        self.calls = self.calls + 1
        return self.total / self.calls


def test_buffers_are_state(check_replay):
    inputs = [(torch.randn(3, 4),) for _ in range(3)]
    program = check_replay(torch.jit.script(State()), inputs[0],
                           others=inputs[1:], tolerance=1e-6)
    written = {s["target"] for s in program.function["outputs"]
               if s["kind"] == "buffer_mutation"}
    assert written == {"total", "calls"}


class StateDecides(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if bool(self.calls > 2):
            y = x * 2
        else:
            y = x - 1
        return y


def test_state_is_not_folded(check_replay):
    inputs = [(torch.randn(3),) for _ in range(4)]
    program = check_replay(torch.jit.script(StateDecides()), inputs[0],
                           others=inputs[1:])
    assert "higher_order.cond" in program.targets()


class BatchNormTraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


def test_batch_norm_in_training(check_replay):
    module = torch.jit.script(BatchNormTraining().train())
    program = check_replay(module, (torch.randn(8, 4),), tolerance=1e-6)
    assert "aten.batch_norm" not in program.targets()
    assert len(program.function["outputs"]) == 4


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


class Containers(nn.Module):
    def forward(self, x: Tensor, pair: Tuple[Tensor, Tensor],
                rest: List[Tensor]) -> Dict[str, Tensor]:
        parts: List[Tensor] = []
        for i in range(3):
            parts.append(x * i)
        parts[1] = parts[1] + pair[0]
        table: Dict[str, Tensor] = {"sum": torch.stack(parts).sum(0)}
        table["pair"] = Pair(pair[0], pair[1]).second
        a, b = x.chunk(2, dim=1)
        table["chunks"] = a - b
        table["rest"] = torch.cat(rest)
        return table


def test_containers(check_replay):
    program = check_replay(
        torch.jit.script(Containers()),
        (torch.randn(2, 4), (torch.randn(2, 4), torch.randn(3)),
         [torch.randn(2), torch.randn(3)]))
    assert '[\\"sum\\", \\"pair\\", \\"chunks\\", \\"rest\\"]' in (
        program.function["output_spec"])


class Indexing(nn.Module):
    def forward(self, x: Tensor, i: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        y[:, i] = 1.0
        return x[i], x[:, i], y


def test_indexing(check_replay):
    check_replay(torch.jit.script(Indexing()),
                 (torch.randn(4, 4), torch.tensor([0, 2])))


class If(nn.Module):
    def forward(self, x: Tensor, scale: Tensor) -> Tuple[Tensor, float]:
        y = x + 1
        if bool(x.sum() > 0):
            y = y * scale
            factor = float(scale) * 2.0
        else:
            y = torch.relu(y) - scale.item()
            factor = 0.5
        return y, factor


def test_condition_on_data(check_replay):
    x = torch.randn(3, 4)
    inputs = [(x.abs(), torch.tensor(3.0)), (-x.abs(), torch.tensor(3.0))]
    program = check_replay(torch.jit.script(If()), inputs[0], others=inputs[1:])
    assert program.targets().count("higher_order.cond") == 1


class IfWrites(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y = x.clone()
        row = y[0]
        if bool(x.sum() > 0):
            row += 1
            self.seen[0] += 1
            if bool(x[0, 0] > 1):
                y[1] = 0
        else:
            self.seen[1] += 1
        y[:, 0] *= 2
        return y, row


def test_writes_under_a_condition(check_replay):
    x = torch.rand(3, 4)
    inputs = [(x,), (-x,), (x + 2,), (-x,)]
    check_replay(torch.jit.script(IfWrites()), inputs[0], others=inputs[1:])


class Assertion(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert bool((x > 0).all()), "not positive"
        return x.log()


def test_assertion_on_data(check_replay):
    program = check_replay(torch.jit.script(Assertion()), (torch.rand(3) + 1,))
    assert "aten._assert_scalar" in program.targets()
    with pytest.raises(RuntimeError, match="not positive"):
        program(-torch.ones(3))


class While(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        steps = 0
        while bool(x.sum() < 100):
            x = x * 2
            steps += 1
        return x, steps


def test_loop_on_data(check_replay):
    inputs = [(torch.rand(3) * scale + 0.1,) for scale in (1, 50, 200)]
    program = check_replay(torch.jit.script(While()), inputs[0],
                           others=inputs[1:])
    assert program.targets().count("higher_order.while_loop") == 1


class ForOnData(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        total = torch.zeros_like(x)
        for i in range(n):
            total = total + x * i
        return total


def test_loop_over_an_input_number(check_replay):
    x = torch.randn(3)
    check_replay(torch.jit.script(ForOnData()), (x, 3),
                 others=[(x, 0), (x, 7)], tolerance=1e-6)


class Unrolled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.depth = 2

    def forward(self, x: Tensor, skip: Optional[Tensor] = None) -> Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(x))
        for _ in range(self.depth):
            x = x + 1
        if skip is not None:
            x = x + skip
        return x


def test_concrete_control_flow(check_replay):
    module = torch.jit.script(Unrolled().eval())
    x = torch.randn(2, 4)
    program = check_replay(module, (x,))
    assert program.targets().count("aten.linear") == 3
    assert "higher_order.cond" not in program.targets()
    check_replay(module, (x, x))


class Constants(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("lengths", torch.tensor([2, 3]))

    def forward(self, x: Tensor) -> Tensor:
        n = int(self.lengths.sum())
        return x[:n] * torch.tensor([1.0, 2.0, 3.0])


def test_numbers_from_constants_are_concrete(check_replay):
    program = check_replay(torch.jit.script(Constants()), (torch.randn(6, 3),))
    assert "aten.item" not in program.targets()


# Dynamic sizes.


class Flatten(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        n, m = x.size(0), x.size(1)
        return x.reshape(n * m) + torch.arange(n * m), 2 * n + 1


def test_two_dynamic_sizes(check_replay):
    sizes = [(2, 4), (3, 2), (5, 8)]
    program = check_replay(
        torch.jit.script(Flatten()), (torch.randn(3, 4),), {0: (0, 1)},
        [(torch.randn(*s),) for s in sizes])
    assert list(program.symbols) == ["s0", "s1"]


class SharedBatch(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def test_sizes_that_must_be_equal_share_a_symbol(check_replay):
    program = check_replay(
        torch.jit.script(SharedBatch()), (torch.randn(3, 4), torch.randn(3, 4)),
        {0: (0,), 1: (0,)}, [(torch.randn(6, 4), torch.randn(6, 4))])
    assert list(program.symbols) == ["s0"]


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(48, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[:x.size(1)]


def test_a_table_bounds_the_size(check_replay):
    program = check_replay(torch.jit.script(Positions()),
                           (torch.randn(2, 5, 4),), {0: (1,)},
                           [(torch.randn(2, 48, 4),)])
    assert program.symbols["s0"].max == 48


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) > 100:
            return x * 2
        if x.size(0) == 1:
            return x - 1
        return x


def test_conditions_bound_the_size(check_replay):
    program = check_replay(torch.jit.script(Branches()), (torch.randn(5),),
                           {0: (0,)}, [(torch.randn(2),), (torch.randn(100),)])
    assert (program.symbols["s0"].min, program.symbols["s0"].max) == (2, 100)


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        heads = x.view(x.size(0), x.size(1), 2, -1).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)


def test_attention_stays_whole(check_replay):
    program = check_replay(torch.jit.script(Attention()),
                           (torch.randn(2, 5, 8),), {0: (0, 1)},
                           [(torch.randn(3, 9, 8),)], tolerance=1e-6)
    assert "aten.scaled_dot_product_attention" in program.targets()
