"""Compiled training steps: losses, parameters, buffers and the optimizer's state are those of eager PyTorch."""
import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchc
from torchc import training


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def check(actual, expected, tolerance=2e-5):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def take_eager_step(model, loss_fn, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


def check_training(model, loss_fn, make_optimizer, make_batch, steps=20, schedule=None, tolerance=2e-5, **options):
    """Takes the same steps in both. Returns the compiled step, the model and the optimizer."""
    twin = copy.deepcopy(model)
    eager, optimizer = make_optimizer(model.parameters()), make_optimizer(twin.parameters())
    step = training.compile_step(twin, loss_fn, optimizer, make_batch(), **options)
    schedulers = [schedule(each) for each in (eager, optimizer)] if schedule else []
    for _ in range(steps):
        x, y = make_batch()
        check(step(x, y), take_eager_step(model, loss_fn, eager, x, y), tolerance)
        for scheduler in schedulers:
            scheduler.step()
    check(step.state_dict(), model.state_dict(), tolerance)
    expected = eager.state_dict()["state"]
    check(step.optimizer_state_dict()["state"], {i: {key: value for key, value in state.items() if value is not None}
                                                for i, state in expected.items()}, tolerance)
    return step, model, eager


def make_mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def make_classes(batch=5):
    return torch.randn(batch, 6), torch.randint(3, (batch,))


@pytest.mark.filterwarnings("error:.*lr_scheduler.step.*")
def test_mlp_with_momentum_and_a_schedule():
    check_training(make_mlp(), F.cross_entropy,
                   lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True), make_classes,
                   schedule=lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20))


class Transformer(nn.Module):
    """Tied weights, attention, layer norms."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True)

    def forward(self, tokens):
        return self.head(self.layer(self.embed(tokens))).flatten(0, 1)


def test_transformer_with_adamw():
    def make_batch():
        tokens = torch.randint(11, (2, 6))
        return tokens[:, :-1].contiguous(), tokens[:, 1:].flatten()

    # The bias of attention's keys has no gradient but rounding errors, which Adam's first steps blow up to its learning rate.
    model = Transformer()
    model.layer.self_attn.in_proj_bias.requires_grad_(False)
    check_training(model, F.cross_entropy, lambda p: torch.optim.AdamW(p, lr=1e-2), make_batch, tolerance=2e-4)


def test_convnet_with_batch_norm():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(4, 6, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))
    step, *_ = check_training(model, nn.CrossEntropyLoss(label_smoothing=0.1), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
                              lambda: (torch.randn(4, 3, 8, 8), torch.randint(5, (4,))), tolerance=1e-4)
    assert step.state_dict()["1.num_batches_tracked"] == 20


@pytest.mark.parametrize("kind, options", [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "maximize": True, "momentum": 0.5}), ("Adam", {"lr": 1e-2, "amsgrad": True}),
    ("Adam", {"weight_decay": 0.1}), ("AdamW", {"betas": (0.8, 0.9)}), ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr_decay": 0.1}),
], ids=str)
def test_optimizers(kind, options):
    check_training(make_mlp(), F.cross_entropy, lambda p: getattr(torch.optim, kind)(p, **options), make_classes, steps=6)


def test_groups_of_parameters():
    def make(parameters):
        first, *rest = parameters
        return torch.optim.Adam([{"params": [first], "lr": 0.1}, {"params": rest, "weight_decay": 0.1}], lr=0.01)

    check_training(make_mlp(), F.cross_entropy, make, make_classes, steps=4)


def test_dynamic_batch():
    step, model, optimizer = check_training(make_mlp(), F.cross_entropy, lambda p: torch.optim.SGD(p, lr=0.1), make_classes, steps=2,
                                            dynamic_shapes=({0: torch.export.Dim.DYNAMIC}, {0: torch.export.Dim.DYNAMIC}))
    for batch in (2, 9):
        x, y = make_classes(batch)
        check(step(x, y), take_eager_step(model, F.cross_entropy, optimizer, x, y))


def test_parameters_that_are_not_trained():
    """Frozen ones, and those that the loss does not depend on, whose weights do not decay."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = make_mlp()
            self.unused = nn.Linear(2, 2)
            self.body[0].bias.requires_grad_(False)

        def forward(self, x):
            return self.body(x)

    step, *_ = check_training(Model(), F.cross_entropy, lambda p: torch.optim.AdamW(p, weight_decay=0.5), make_classes, steps=3)
    with pytest.raises(ValueError, match="the step never writes 'body.0.bias', which is a constant of the program"):
        step.load_state_dict({name: value + 1 for name, value in step.state_dict().items()})


def test_training_goes_on_elsewhere(tmp_path):
    """From the state of eager steps, in a program, in a file, and back in eager steps."""
    def make(model):
        return torch.optim.Adam(model.parameters(), lr=1e-2)

    reference, model = make_mlp(), make_mlp()
    model.load_state_dict(reference.state_dict())
    expected, optimizer = make(reference), make(model)
    batches = [make_classes() for _ in range(8)]
    losses = [take_eager_step(reference, F.cross_entropy, expected, *batch) for batch in batches]

    actual = [take_eager_step(model, F.cross_entropy, optimizer, *batch) for batch in batches[:2]]
    step = training.compile_step(model, F.cross_entropy, optimizer, batches[0])
    actual += [step(*batch) for batch in batches[2:4]]
    step.save(tmp_path / "step.vmfb")
    step.program.save_state(tmp_path / "state.safetensors")
    program = torchc.load(tmp_path / "step.vmfb")
    program.load_state(tmp_path / "state.safetensors")
    actual.append(program(*batches[4]))
    actual.append(step(*batches[4]))
    model.load_state_dict(step.state_dict())
    optimizer.load_state_dict(step.optimizer_state_dict())
    actual += [take_eager_step(model, F.cross_entropy, optimizer, *batch) for batch in batches[5:]]
    check(actual, losses[:5] + losses[4:])
    step.load_state_dict(model.state_dict())
    step.load_optimizer_state_dict(optimizer.state_dict())
    check(step(*batches[0]), take_eager_step(reference, F.cross_entropy, expected, *batches[0]))
    check(step.optimizer_state_dict()["state"], expected.state_dict()["state"])


def test_dropout_draws_one_mask_for_both_ways():
    """With a loss that is linear in the weights, it is their product with their gradient."""
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1000))

        def forward(self, x):
            return F.dropout(x * self.weight, 0.3)

    model, x = Scale(), torch.rand(1000) + 1
    step = training.compile_step(model, lambda y, scale: (y * scale).sum(), torch.optim.SGD(model.parameters(), lr=0.5), (x, torch.ones(())))
    masks, before = [], model.weight.detach()
    for _ in range(2):
        loss, after = step(x, torch.ones(())), step.state_dict()["weight"]
        gradient = (before - after) / 0.5
        check(loss, (before * gradient).sum(), 1e-4)
        kept = gradient.abs() > 1e-6
        check(gradient[kept], x[kept] / 0.7, 1e-3)
        assert 600 < kept.sum() < 800
        masks.append(kept)
        before = after
    assert not torch.equal(*masks)


# What is refused.


def test_what_cannot_be_compiled():
    model = make_mlp()
    batch = make_classes()

    def compile(optimizer, loss_fn=F.cross_entropy):
        return training.compile_step(model, loss_fn, optimizer, batch)

    with pytest.raises(ValueError, match="how Adamax starts is not known; take a step in PyTorch"):
        compile(torch.optim.Adamax(model.parameters()))
    with pytest.raises(ValueError, match="the first step has no dampening"):
        compile(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.1))
    with pytest.raises(ValueError, match=r"the model has not the optimizer's parameter of shape \(7,\)"):
        compile(torch.optim.SGD([nn.Parameter(torch.ones(7))], lr=0.1))
    with pytest.raises(ValueError, match=r"the loss is one number; a tensor of shape \(5,\) is none"):
        compile(torch.optim.SGD(model.parameters(), lr=0.1), lambda y, classes: F.cross_entropy(y, classes, reduction="none"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = compile(optimizer)
    optimizer.param_groups[0]["momentum"] = 0.5
    with pytest.raises(ValueError, match="compile the step anew"):
        step(*batch)
    with pytest.raises(ValueError, match="other parameters and buffers: 9.weight"):
        step.load_state_dict({**model.state_dict(), "9.weight": torch.ones(1)})
    with pytest.raises(ValueError, match="that of another optimizer"):
        step.load_optimizer_state_dict(torch.optim.Adam(model.parameters()).state_dict())


def test_unsupported_operators_are_named_with_their_lines():
    class Factors(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 4))

        def forward(self, x):
            return torch.linalg.ldl_factor_ex(x)[0] * self.weight

    model = Factors()
    with pytest.raises(torchc.UnsupportedOpError, match=r"test_training.py:\d+: error: unsupported op aten.linalg_ldl_factor_ex"):
        training.compile_step(model, F.mse_loss, torch.optim.SGD(model.parameters(), lr=0.1), (torch.randn(4, 4), torch.randn(4, 4)))


def test_an_optimizer_that_has_taken_a_step():
    model = make_mlp()
    batches = [make_classes() for _ in range(4)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.5)
    take_eager_step(model, F.cross_entropy, optimizer, *batches[0])
    step = training.compile_step(model, F.cross_entropy, optimizer, batches[0])
    for batch in batches[1:]:
        check(step(*batch), take_eager_step(model, F.cross_entropy, optimizer, *batch))
