"""Random numbers: the generator is Philox4x32-10, its state is the program's, its distributions are what they say."""
import math

import numpy as np
import pytest
import torch
import torchc
from torch import nn

STATE = "torchc.random_state"
DEFAULT_SEED = 67280421310721


def compile_draw(function, x, **options):
    return torchc.compile(function, (x,), **options)


def philox(seed, counter):
    """Words of the counters, uint32 [4, n] (J. Salmon et al., 2011)."""
    low = np.uint64(0xFFFFFFFF)
    words = [counter & low, counter >> np.uint64(32), np.zeros_like(counter), np.zeros_like(counter)]
    key = [np.uint64(seed) & low, np.uint64(seed) >> np.uint64(32)]
    for _ in range(10):
        first, second = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        words = [second >> np.uint64(32) ^ words[1] ^ key[0], second & low,
                 first >> np.uint64(32) ^ words[3] ^ key[1], first & low]
        key = [key[0] + np.uint64(0x9E3779B9) & low, key[1] + np.uint64(0xBB67AE85) & low]
    return np.stack(words)


def test_generator_is_philox():
    # The authors' known answer for counter 0 and key 0.
    assert [hex(word) for word in philox(0, np.zeros(1, np.uint64))[:, 0]] == [
        "0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    program = compile_draw(lambda x: (torch.rand(3, 70), torch.rand(40, dtype=torch.float64)), torch.zeros(1))
    assert program.state()[STATE].tolist() == [DEFAULT_SEED, 0]
    for seed, offset in ((DEFAULT_SEED, 0), (0, 0), (2**63 - 5, 2**40 + 7)):
        program.set_state({STATE: np.array([seed, offset])})
        single, double = program(torch.zeros(1))
        words = philox(seed, np.arange(offset, offset + 250, dtype=np.uint64))
        expected = (words[0, :210] >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)
        np.testing.assert_array_equal(single.numpy().ravel(), expected)
        bits = (words[0, 210:] << np.uint64(32) | words[1, 210:]) >> np.uint64(11)
        np.testing.assert_array_equal(double.numpy(), bits.astype(np.float64) * 2.0**-53)
        assert program.state()[STATE].tolist() == [seed, offset + 250]


def test_state_lasts_and_threads_do_not_matter():
    x = torch.zeros(300, 1000)
    one = compile_draw(torch.randn_like, x)
    many = compile_draw(torch.randn_like, x, threads=4)
    first, second = one(x), one(x)
    assert not torch.equal(first, second)
    assert torch.equal(first, many(x)) and torch.equal(second, many(x))
    one.reset()
    assert torch.equal(first, one(x))


def kolmogorov_smirnov(sample, distribution):
    """sqrt(n) times the largest distance between the sample's distribution and `distribution`."""
    sample = np.sort(sample)
    n, expected = len(sample), distribution(sample)
    steps = np.arange(n + 1) / n
    return math.sqrt(n) * max((expected - steps[:-1]).max(), (steps[1:] - expected).max())


def normal_distribution(x):
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])


# Function of an input of zeros, and the distribution's function.
CONTINUOUS = {
    "rand": (torch.rand_like, lambda x: x),
    "uniform_": (lambda x: x.clone().uniform_(-2, 6), lambda x: (x + 2) / 8),
    "randn": (torch.randn_like, normal_distribution),
    "normal_": (lambda x: x.clone().normal_(3, 0.5), lambda x: normal_distribution((x - 3) / 0.5)),
    "normal": (lambda x: torch.normal(x + 1, 2.0), lambda x: normal_distribution((x - 1) / 2)),
    "log_normal_": (lambda x: x.clone().log_normal_(0.5, 0.25), lambda x: normal_distribution((np.log(x) - 0.5) / 0.25)),
    "exponential_": (lambda x: x.clone().exponential_(2.0), lambda x: -np.expm1(-2 * x)),
    "cauchy_": (lambda x: x.clone().cauchy_(1.0, 3.0), lambda x: np.arctan((x - 1) / 3) / np.pi + 0.5),
}


@pytest.mark.parametrize("dtype", (torch.float32, torch.float64), ids=("f32", "f64"))
@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution(name, dtype):
    function, distribution = CONTINUOUS[name]
    x = torch.zeros(20000, dtype=dtype)
    sample = compile_draw(function, x)(x)
    assert sample.dtype == dtype and bool(sample.isfinite().all())
    # One good generator in a million fails: 2 exp(-2 d^2) = 1e-6. The seed is always the same.
    assert kolmogorov_smirnov(sample.double().numpy(), distribution) < 2.7


# Function of 60000 zeros, and the probabilities of the results 0, 1, 2, ...
DISCRETE = {
    "randint": (lambda x: torch.randint(0, 7, x.shape), [1 / 7] * 7),
    "randint_like": (lambda x: torch.randint_like(x, 2, 5), [0, 0, 1 / 3, 1 / 3, 1 / 3]),
    "random_": (lambda x: x.clone().random_(3), [1 / 3] * 3),
    "bernoulli": (lambda x: torch.bernoulli(x + 0.3), [0.7, 0.3]),
    "geometric_": (lambda x: x.clone().geometric_(0.5), [0] + [0.5**k for k in range(1, 30)]),
    "multinomial": (lambda x: torch.multinomial(x[:4] + torch.tensor([1.0, 0, 5, 2]), 60000, replacement=True),
                    [1 / 8, 0, 5 / 8, 2 / 8]),
    "multinomial once": (lambda x: torch.multinomial((x[:4] + torch.tensor([1.0, 0, 5, 2])).expand(60000, 4), 1),
                         [1 / 8, 0, 5 / 8, 2 / 8]),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities(name):
    function, probabilities = DISCRETE[name]
    x = torch.zeros(60000)
    sample = compile_draw(function, x)(x).flatten().long().numpy()
    counts = np.bincount(sample, minlength=len(probabilities))
    assert len(counts) == len(probabilities)
    expected = np.array(probabilities) * len(sample)
    # Five deviations; what cannot be never is.
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected) + (expected > 0)).all()


def test_permutations_and_choices_without_replacement():
    x = torch.zeros(1)
    program = compile_draw(lambda x: torch.randperm(500), x)
    first, second = program(x), program(x)
    assert first.dtype == torch.int64 and not torch.equal(first, second)
    assert torch.equal(first.sort().values, torch.arange(500))
    weights = torch.tensor([[1.0, 0, 2, 3], [0, 1, 1, 0]])
    chosen = compile_draw(lambda w: torch.multinomial(w, 2), weights)(weights)
    assert 1 not in chosen[0] and sorted(chosen[1].tolist()) == [1, 2] and chosen[0, 0] != chosen[0, 1]


def test_numbers_are_independent():
    """Neighbours, and the same places of two draws, do not correlate."""
    x = torch.zeros(2, 100000)
    program = compile_draw(torch.randn_like, x)
    first, second = program(x).numpy(), program(x).numpy()
    for a, b in ((first[0], first[1]), (first[0], second[0]), (first[0, 1:], first[0, :-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(len(a))


def test_dropout_in_training():
    x = torch.randn(64, 50, 10, generator=torch.Generator().manual_seed(0)) + 3
    program = torchc.compile(torch.export.export(nn.Dropout(0.25).train(), (x,)))
    y = program(x)
    kept = y != 0
    assert abs(kept.float().mean() - 0.75) < 5 * math.sqrt(0.75 * 0.25 / x.numel())
    torch.testing.assert_close(y[kept], x[kept] / 0.75)
    by_channel = torchc.compile(torch.export.export(nn.Dropout1d(0.5).train(), (x,)))(x) != 0
    assert bool((by_channel.all(2) | ~by_channel.any(2)).all()) and 0.4 < by_channel.float().mean() < 0.6
    # Alpha dropout keeps mean and variance.
    z = (x - x.mean()) / x.std()
    z = torchc.compile(torch.export.export(nn.AlphaDropout(0.2).train(), (z,)))(z)
    assert abs(z.mean()) < 0.05 and abs(z.std() - 1) < 0.05


def test_dropout_in_attention():
    """Of one key, a weight is 1 or dropped."""
    query, key, value = torch.ones(1, 2, 20000, 4), torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 3)
    attend = lambda q, k, v: nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.3)
    result = torchc.compile(attend, (query, key, value))(query, key, value)
    assert result.shape == (1, 2, 20000, 3) and (result == result[..., :1]).all()
    assert ((result == 0) | ((result - 1 / 0.7).abs() < 1e-6)).all()
    assert abs((result[..., 0] == 0).float().mean().item() - 0.3) < 0.015


def test_dropout_in_training_differs_by_call_and_lasts_in_eval():
    model, x = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5)), torch.ones(4, 8)
    program = torchc.compile(torch.export.export(model.train(), (x,)))
    assert not torch.equal(program(x), program(x))
    program = torchc.compile(torch.export.export(model.eval(), (x,)))
    assert torch.equal(program(x), program(x)) and STATE not in program.state()
