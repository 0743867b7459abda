"""Random numbers: their distributions by moments and by Kolmogorov and Smirnov's distance, their reproducibility."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.functions.gamma_sampling import standard_gamma
from brasa.nn import functional as f
from tests.frontend.functions.harness import same_bits

Array = Any
COUNT = 40_000
ERF = np.vectorize(math.erf)


def normal_share(x: Array, mean: float = 0, std: float = 1) -> Array:
    """The normal distribution function."""
    return 0.5 * (1 + ERF((x - mean) / (std * math.sqrt(2))))


def distance(sample: Array, share: Callable[[Array], Array]) -> float:
    """The greatest distance of the empirical distribution function from the exact one, times sqrt(n)."""
    x = np.sort(np.asarray(sample, np.float64).ravel())
    exact, n = share(x), len(x)
    above, below = np.arange(1, n + 1) / n - exact, exact - np.arange(n) / n
    return float(max(above.max(), below.max()) * math.sqrt(n))


def empty(dtype: Any = None) -> Any:
    return brasa.empty(COUNT, dtype=dtype or brasa.float32)


CONTINUOUS: dict[str, tuple[Callable[[], Any], Callable[[Array], Array]]] = {
    "rand": (lambda: brasa.rand(COUNT), lambda x: x),
    "rand f64": (lambda: brasa.rand(COUNT, dtype=brasa.float64), lambda x: x),
    "randn": (lambda: brasa.randn(COUNT), normal_share),
    "rand_like": (lambda: brasa.rand_like(empty(brasa.float64)), lambda x: x),
    "randn_like": (lambda: brasa.randn_like(empty(brasa.float64)), normal_share),
    "normal": (lambda: brasa.normal(2.0, 3.0, (COUNT,)), lambda x: normal_share(x, 2, 3)),
    "normal of means": (lambda: brasa.normal(brasa.full((COUNT,), 1.0), 0.5), lambda x: normal_share(x, 1, 0.5)),
    "normal of stds": (lambda: brasa.normal(1.0, brasa.full((COUNT,), 2.0)), lambda x: normal_share(x, 1, 2)),
    "uniform_": (lambda: empty().uniform_(-1, 3), lambda x: (x + 1) / 4),
    "normal_": (lambda: empty().normal_(1, 2), lambda x: normal_share(x, 1, 2)),
    "exponential_": (lambda: empty().exponential_(2.5), lambda x: 1 - np.exp(-2.5 * x)),
    "cauchy_": (lambda: empty().cauchy_(1, 2), lambda x: np.arctan((x - 1) / 2) / math.pi + 0.5),
    "gamma": (lambda: standard_gamma(brasa.full((COUNT,), 1.0)), lambda x: 1 - np.exp(-x)),
    "gamma below 1": (lambda: standard_gamma(brasa.full((COUNT,), 0.5)), lambda x: ERF(np.sqrt(x))),
    "log_normal_": (lambda: empty().log_normal_(0.5, 0.75), lambda x: normal_share(np.log(x), 0.5, 0.75)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str) -> None:
    """The distance is above 1.95 once in a thousand seeds; this is one seed."""
    brasa.manual_seed(2024)
    make, share = CONTINUOUS[name]
    assert distance(make().numpy(), share) < 1.95


def frequencies(sample: Array, count: int) -> Array:
    return np.bincount(np.asarray(sample, np.int64).ravel(), minlength=count) / np.size(sample)


def poisson_chances(mean: float, count: int) -> Array:
    return np.array([math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count)])


def binomial_chances(n: int, p: float) -> Array:
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def geometric_chances(p: float, count: int) -> Array:
    return np.array([0, *[p * (1 - p) ** (k - 1) for k in range(1, count)]])


DISCRETE: dict[str, tuple[Callable[[], Any], Array]] = {
    "randint": (lambda: brasa.randint(7, (COUNT,)), np.full(7, 1 / 7)),
    "randint from": (lambda: brasa.randint(2, 5, (COUNT,)), np.array([0, 0, 1, 1, 1]) / 3),
    "randint_like": (lambda: brasa.randint_like(empty(), 1, 4), np.array([0, 1, 1, 1]) / 3),
    "random_": (lambda: empty(brasa.uint8).random_(), np.full(256, 1 / 256)),
    "random_ below": (lambda: empty().random_(3), np.full(3, 1 / 3)),
    "bernoulli": (lambda: brasa.bernoulli(brasa.full((COUNT,), 0.3)), np.array([0.7, 0.3])),
    "bernoulli of p": (lambda: brasa.bernoulli(empty(), 0.8), np.array([0.2, 0.8])),
    "bernoulli_": (lambda: empty(brasa.int64).bernoulli_(0.25), np.array([0.75, 0.25])),
    "geometric_": (lambda: empty().geometric_(0.4), geometric_chances(0.4, 60)),
    "poisson": (lambda: brasa.poisson(brasa.full((COUNT,), 3.5)), poisson_chances(3.5, 40)),
    "poisson of many": (lambda: brasa.poisson(brasa.full((COUNT,), 14.0)), poisson_chances(14.0, 70)),
    "binomial": (lambda: brasa.binomial(brasa.full((COUNT,), 12.0), brasa.full((COUNT,), 0.7)),
                 binomial_chances(12, 0.7)),
    "binomial of many": (lambda: brasa.binomial(brasa.full((COUNT,), 60.0), brasa.full((1,), 0.4)),
                         binomial_chances(60, 0.4)),
    "multinomial": (lambda: brasa.multinomial(brasa.tensor([1.0, 0.0, 3.0, 2.0]), COUNT, True),
                    np.array([1, 0, 3, 2]) / 6),
}  # fmt: skip


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name: str) -> None:
    """Every frequency within five standard deviations of its chance."""
    brasa.manual_seed(7)
    make, chances = DISCRETE[name]
    found = frequencies(make().numpy(), len(chances))
    assert len(found) == len(chances)
    assert (np.abs(found - chances) <= 5 * np.sqrt(chances * (1 - chances) / COUNT) + 1e-12).all()


def test_choices_without_replacement() -> None:
    """No place twice, none of chance 0; the first is chosen by its chance, the second by what is left."""
    brasa.manual_seed(3)
    chances = brasa.tensor([0.5, 0.0, 0.2, 0.3]).expand(COUNT // 4, 4)
    pairs = brasa.multinomial(chances, 2).numpy()
    assert (pairs[:, 0] != pairs[:, 1]).all() and not (pairs == 1).any()
    found = frequencies(pairs[:, 0] * 4 + pairs[:, 1], 16).reshape(4, 4)
    p = np.array([0.5, 0, 0.2, 0.3])
    want = np.array([[p[i] * p[j] / (1 - p[i]) if i != j else 0 for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(found, want, atol=0.02)


def test_permutations() -> None:
    """Each place is taken by each number as often."""
    brasa.manual_seed(5)
    rows = np.array([brasa.randperm(4).numpy() for _ in range(2000)])
    assert (np.sort(rows, 1) == np.arange(4)).all()
    assert len(np.unique(rows, axis=0)) == 24
    np.testing.assert_allclose([[(rows[:, i] == j).mean() for j in range(4)] for i in range(4)], 0.25, atol=0.05)
    assert brasa.randperm(0).tolist() == [] and brasa.randperm(5, dtype=brasa.int32).dtype is brasa.int32
    assert sorted(brasa.randperm(3000).tolist()) == list(range(3000))


CALLS: dict[str, Callable[[], Any]] = {
    **{name: make for name, (make, _) in CONTINUOUS.items()}, **{name: make for name, (make, _) in DISCRETE.items()},
    "randperm": lambda: brasa.randperm(100), "choices": lambda: brasa.multinomial(brasa.ones(3, 5), 2),
    "dropout": lambda: f.dropout(brasa.ones(50, 3), 0.4), "dropout2d": lambda: f.dropout2d(brasa.ones(5, 3, 2, 2)),
    "alpha": lambda: f.alpha_dropout(brasa.ones(50, 3), 0.4, True),
    "bf16": lambda: brasa.randn(50, dtype=brasa.bfloat16),
    "native": lambda: brasa.native_dropout(brasa.ones(50), 0.5)[1],
}  # fmt: skip


def test_the_same_numbers_eager_and_compiled() -> None:
    """All samplers, one after the other in one program."""

    def run() -> Any:
        return [make() for make in CALLS.values()]

    brasa.manual_seed(11)
    eager = run()
    brasa.manual_seed(11)
    for name, one, other in zip(CALLS, eager, brasa.compile(run)(), strict=True):
        same_bits(one, other)
        assert name


def test_generators_keep_their_own_count() -> None:
    """A generator gives the same numbers from the same seed or state, whatever the default one does."""
    own = brasa.Generator().manual_seed(9)
    first = [brasa.rand(3, generator=own), brasa.randint(9, (3,), generator=own), brasa.randperm(5, generator=own)]
    state = own.get_state()
    later = brasa.empty(4).exponential_(generator=own)
    own.manual_seed(9)
    brasa.rand(2)
    again = [brasa.rand(3, generator=own), brasa.randint(9, (3,), generator=own), brasa.randperm(5, generator=own)]
    for one, other in zip(first, again, strict=True):
        same_bits(one, other)
    own.set_state(state)
    same_bits(brasa.empty(4).exponential_(generator=own), later)
    assert own.initial_seed() == 9


def test_dtypes_sizes_and_gradients() -> None:
    assert brasa.rand(2, 3, dtype=brasa.float64).dtype is brasa.float64
    assert tuple(brasa.randn((4, 0)).shape) == (4, 0) and brasa.rand(size=(2,)).shape == (2,)
    assert brasa.randn(2, requires_grad=True).requires_grad
    assert brasa.randint(3, (2,), dtype=brasa.float32).dtype is brasa.float32
    target = brasa.zeros(3)
    assert brasa.rand(3, out=target) is target and target.numpy().any()
    mean = brasa.zeros(3, requires_grad=True)
    assert brasa.empty(3).normal_().requires_grad is False and mean.grad is None
    whole = brasa.empty(2, 50).T.uniform_()
    assert whole.numpy().std() > 0.2


@pytest.mark.parametrize(
    ("call", "rank"), [(f.dropout1d, 3), (f.dropout2d, 4), (f.dropout3d, 5)], ids=["1d", "2d", "3d"]
)
def test_whole_channels_are_dropped(call: Any, rank: int) -> None:
    brasa.manual_seed(1)
    x = brasa.ones(40, 50, *[2] * (rank - 2))
    kept = call(x, 0.3).numpy().reshape(2000, -1)
    assert (kept == kept[:, :1]).all()
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.7], rtol=1e-6)
    assert abs((kept[:, 0] == 0).mean() - 0.3) < 0.05


@pytest.mark.parametrize("call", [f.alpha_dropout, f.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(call: Any) -> None:
    brasa.manual_seed(4)
    x = brasa.randn(300, 200)
    y = call(x, 0.4, True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    assert call(x, 0.4, False) is x


def test_dropout_in_place_and_its_gradient() -> None:
    brasa.manual_seed(2)
    x = brasa.ones(1000)
    assert f.dropout(x, 0.5, inplace=True) is x and set(x.tolist()) == {0.0, 2.0}
    y = brasa.ones(1000, requires_grad=True)
    result = f.dropout(y, 0.2)
    result.sum().backward()
    same_bits(y.grad, result)
    assert not f.dropout(brasa.ones(3), 1.0).numpy().any()


ERRORS = [
    (lambda: brasa.rand(2, dtype=brasa.int64), "rand: random numbers of i64 are not defined"),
    (lambda: brasa.randint(3, 3, (2,)), "randint: no number is at least 3 and below 3"),
    (lambda: brasa.randint(3), "randint: needs a size"),
    (lambda: brasa.randperm(-1), "randperm: n must not be negative, it is -1"),
    (lambda: brasa.normal(0.0, -1.0, (2,)), "normal: std must not be negative, it is -1.0"),
    (lambda: brasa.normal(0.0, 1.0), "normal: needs a size where mean and std are numbers"),
    (lambda: brasa.bernoulli(brasa.ones(2), 1.5), "bernoulli: p must be in 0..1, it is 1.5"),
    (lambda: brasa.multinomial(brasa.ones(3), 4), "multinomial: 4 of 3 cannot be chosen without replacement"),
    (lambda: brasa.multinomial(brasa.ones(3), 0), "multinomial: num_samples must be positive, it is 0"),
    (lambda: brasa.multinomial(brasa.ones(3, 1, 1), 1), "multinomial: input must have 1 or 2 axes, it has 3"),
    (lambda: brasa.multinomial(brasa.zeros(2), 1), "race: no probability is above 0 (at element 0, {here})"),
    (lambda: brasa.multinomial(brasa.tensor([[1.0, 2.0], [0.0, 1.0]]), 2),
     "race: fewer than 2 probabilities are above 0 (at element 1, {here})"),
    (lambda: brasa.multinomial(brasa.tensor([1.0, float("nan")]), 1),
     "race: a probability is infinite, NaN or below 0 (at element 1, {here})"),
    (lambda: brasa.bernoulli(brasa.tensor([0.5, 1.5])), "chances: a probability is not in 0..1 (at element 1, {here})"),
    (lambda: brasa.normal(0.0, brasa.tensor([1.0, -1.0])),
     "normal_around: a standard deviation is negative (at element 1, {here})"),
    (lambda: brasa.ones(2).uniform_(1, 0), "uniform_: no number is at least 1 and below 0"),
    (lambda: brasa.ones(2).normal_(0, -1), "normal_: std must not be negative, it is -1"),
    (lambda: brasa.ones(2).exponential_(0), "exponential_: lambd must be positive, it is 0"),
    (lambda: brasa.ones(2).cauchy_(0, -1), "cauchy_: sigma must be positive, it is -1"),
    (lambda: brasa.ones(2).geometric_(1), "geometric_: p must be between 0 and 1, it is 1"),
    (lambda: brasa.ones(2).log_normal_(0, 0), "log_normal_: std must be positive, it is 0"),
    (lambda: brasa.ones(2).int().exponential_(), "exponential_: random numbers of i32 are not defined"),
    (lambda: f.dropout(brasa.ones(2), 1.5), "dropout: p must be in 0..1, not 1.5"),
    (lambda: f.dropout2d(brasa.ones(2)), "dropout2d: input must have at least 2 axes, it has 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(brasa.BrasaError) as caught:
        call()
    here = f"test_random.py:{call.__code__.co_firstlineno}"
    said = re.sub(r"test_random.py:\d+", here, str(caught.value).split("\n")[0])
    assert said == message.format(here=here)
