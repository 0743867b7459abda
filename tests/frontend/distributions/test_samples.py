"""Samples beside the distribution that they are said to be of, and how they move with its parameters."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

import brasa
from brasa import distributions
from brasa.functions.gamma_sampling import beta_slope, gamma_slope
from tests.frontend.distributions.cases import CASES, arguments_of, long_but, made

COUNT = 20_000
NUMBERS = [name for name in CASES if name not in ("LKJCholesky", "VonMises", "Categorical", "Categorical of logits")]
REPARAMETERIZED = [
    name for name in CASES
    if made(name).has_rsample and CASES[name][0] not in (
        "Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "OneHotCategoricalStraightThrough",
        "StudentT", "Wishart",
    )
]  # fmt: skip


def numbers(distribution: Any, count: int = COUNT) -> Any:
    """Samples in float64, the same ones each time."""
    brasa.manual_seed(11)
    sample = distribution.sample((count,))
    assert tuple(sample.shape) == (count, *distribution.batch_shape, *distribution.event_shape)
    assert not sample.requires_grad
    return sample.numpy().astype(np.float64)


def distance(sample: Any, distribution: Any) -> Any:
    """The greatest distance between the sample's distribution function and the cdf, times sqrt(n)."""
    x = np.sort(sample, 0)
    exact = distribution.cdf(brasa.tensor(x, dtype=brasa.float32)).numpy()
    steps = np.arange(len(x) + 1).reshape((-1, *(1,) * (x.ndim - 1))) / len(x)
    return np.maximum(steps[1:] - exact, exact - steps[:-1]).max(0) * math.sqrt(len(x))


@pytest.mark.parametrize("name", long_but(
    NUMBERS, "Bernoulli", "Beta", "Binomial", "Dirichlet", "Gamma", "Geometric", "Multinomial", "MultivariateNormal",
    "Normal", "Poisson", "RelaxedOneHotCategorical", "StudentT",
))  # fmt: skip
def test_moments(name: str) -> None:
    """Mean and variance within five standard deviations, and all values in the support."""
    distribution = made(name, brasa.float32)
    sample = numbers(distribution)
    assert bool(distribution.support.check(brasa.tensor(sample, dtype=brasa.float32)).all())
    try:
        mean, variance = (getattr(distribution, part).numpy().astype(np.float64) for part in ("mean", "variance"))
    except NotImplementedError:
        return
    if np.isfinite(variance).all():
        assert (np.abs(sample.mean(0) - mean) <= 5 * np.sqrt(variance / COUNT) + 1e-6).all()
        squares = (sample - mean) ** 2
        assert (np.abs(squares.mean(0) - variance) <= 5 * squares.std(0) / math.sqrt(COUNT) + 1e-6).all()


@pytest.mark.parametrize("name", [name for name in NUMBERS if made(name).has_rsample])
def test_distribution_function(name: str) -> None:
    """Kolmogorov and Smirnov's distance is above 2.2 once in ten thousand seeds; this is one seed."""
    distribution = made(name, brasa.float32)
    try:
        distribution.cdf(distribution.mean if distribution.event_shape else distribution.sample())
    except NotImplementedError:
        return
    assert (distance(numbers(distribution), distribution) < 2.2).all()


@pytest.mark.parametrize("concentration", [1e-6, 2.0, 300.0])
def test_angles(concentration: float) -> None:
    """Beside the integral of the density; the mean direction is loc."""
    distribution = distributions.VonMises(1.0, concentration)
    sample = np.sort(numbers(distribution))
    assert (np.abs(sample) <= math.pi + 1e-6).all()
    edges = np.linspace(-math.pi, math.pi, 20_001)
    density = np.exp(distribution.log_prob(brasa.tensor((edges[1:] + edges[:-1]) / 2)).numpy())
    share = np.interp(sample, edges, np.concatenate([[0], np.cumsum(density) * (edges[1] - edges[0])]))
    assert np.abs(share - (np.arange(COUNT) + 0.5) / COUNT).max() * math.sqrt(COUNT) < 2.2


def test_choices() -> None:
    sample = numbers(made("Categorical", brasa.float32)).astype(int)
    found = np.stack([np.bincount(column, minlength=3) for column in sample.T]) / COUNT
    np.testing.assert_allclose(found, CASES["Categorical"][1]["probs"], atol=5 * math.sqrt(0.25 / COUNT))


@pytest.mark.parametrize("name", ["MultivariateNormal of precision", "LowRankMultivariateNormal"])
def test_covariances(name: str) -> None:
    distribution = made(name, brasa.float32)
    found, want = np.cov(numbers(distribution).T), distribution.covariance_matrix.numpy()
    scale = np.sqrt(np.outer(np.diag(want), np.diag(want)))
    assert (np.abs(found - want) < 5 * math.sqrt(2 / COUNT) * scale).all()


@pytest.mark.parametrize("concentration", [0.7, 3.0])
def test_correlations(concentration: float) -> None:
    """Every correlation has the variance 1 / (2 concentration + dim - 1), whichever row it stands in."""
    factors = numbers(distributions.LKJCholesky(4, concentration))
    matrices = factors @ factors.transpose(0, 2, 1)
    np.testing.assert_allclose(np.diagonal(matrices, 0, 1, 2), 1, 1e-5)
    below = matrices[:, *np.tril_indices(4, -1)]
    want = 1 / (2 * concentration + 3)
    assert (np.abs(below.mean(0)) < 5 * math.sqrt(want / COUNT)).all()
    assert (np.abs(below.var(0) - want) < 5 * below.var(0).std() + 5 * (below**2).std(0) / math.sqrt(COUNT)).all()


@pytest.mark.parametrize("name", long_but(
    REPARAMETERIZED, "Cauchy", "ContinuousBernoulli", "GeneralizedPareto", "Gumbel", "Kumaraswamy", "Laplace",
    "LowRankMultivariateNormal", "MultivariateNormal of factor", "RelaxedOneHotCategorical",
))  # fmt: skip
def test_gradients_of_samples(name: str) -> None:
    """Beside differences of samples of the same seed at parameters moved a little."""
    kind, given = CASES[name][0], arguments_of(name)
    for key, value in given.items():
        if not isinstance(value, np.ndarray) or key in ("covariance_matrix", "precision_matrix", "temperature"):
            continue
        direction = np.random.default_rng(3).normal(size=value.shape)
        direction = np.tril(direction) if key == "scale_tril" else direction

        def sample(value: Any, key: str = key) -> Any:
            brasa.manual_seed(5)
            full = {k: brasa.tensor(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
            return getattr(distributions, kind)(**{**full, key: value}, validate_args=False).rsample((3,))

        moving = brasa.tensor(value, requires_grad=True)
        made_now = sample(moving)
        weight = brasa.tensor(np.random.default_rng(4).normal(size=tuple(made_now.shape)))
        (made_now * weight).sum().backward()
        step = 1e-6
        ends = [(sample(brasa.tensor(value + s * direction)) * weight).sum().item() for s in (step, -step)]
        np.testing.assert_allclose(
            (moving.grad.numpy() * direction).sum(), (ends[0] - ends[1]) / (2 * step), 1e-5, 1e-7
        )


def gamma_quantile_slope(a: float, x: float) -> float:
    """How a quantile moves with the concentration: -(dP/da) / (dP/dx), by mpmath."""
    with mpmath.workdps(40):
        change = mpmath.diff(lambda t: mpmath.gammainc(t, 0, x, regularized=True), a, h=mpmath.mpf("1e-15"))
        return float(-change / mpmath.exp((a - 1) * mpmath.log(x) - x - mpmath.loggamma(a)))


def beta_quantile_slope(a: float, b: float, x: float) -> float:
    """As gamma_quantile_slope, of the first concentration of a beta distribution."""
    with mpmath.workdps(40):
        change = mpmath.diff(lambda t: mpmath.betainc(t, b, 0, x, regularized=True), a, h=mpmath.mpf("1e-15"))
        density = mpmath.mpf(x) ** (a - 1) * (1 - mpmath.mpf(x)) ** (b - 1) / mpmath.beta(a, b)
        return float(-change / density)


def test_slopes_of_gamma_numbers() -> None:
    cases = [(a, a * f) for a in (0.01, 0.3, 0.99, 1.0, 4.0, 60.0, 800.0) for f in (0.9, 1.0, 1.1)]
    cases += [(0.05, 1e-20), (0.3, 6.0), (0.3, 1e-5), (2.0, 0.01), (2.0, 15.0), (50.0, 25.0), (50.0, 95.0)]
    a, x = np.array(cases).T
    want = [gamma_quantile_slope(*case) for case in cases]
    np.testing.assert_allclose(gamma_slope(brasa.tensor(x), brasa.tensor(a)).numpy(), want, 1e-6)
    single = gamma_slope(brasa.tensor(x, dtype=brasa.float32), brasa.tensor(a, dtype=brasa.float32)).numpy()
    np.testing.assert_allclose(single, want, 1e-4)


def test_slopes_of_beta_numbers() -> None:
    cases = [(a, b, x) for a, b in ((0.2, 0.5), (1.0, 1.0), (3.0, 0.6), (8.0, 30.0)) for x in (0.01, 0.2, 0.5, 0.97)]
    want = [beta_quantile_slope(*case) for case in cases]
    a, b, x = (brasa.tensor(part) for part in np.array(cases).T)
    np.testing.assert_allclose(((1 - x) * beta_slope(x, a, b)).numpy(), want, 1e-7)


def test_gradients_through_gamma_numbers() -> None:
    """rsample's gradients are the slopes, at the sample; their mean is the slope of the mean."""
    a = brasa.tensor([0.3, 2.0, 15.0], dtype=brasa.float64, requires_grad=True)
    b = brasa.tensor([2.0, 0.5, 4.0], dtype=brasa.float64, requires_grad=True)
    brasa.manual_seed(2)
    x = distributions.Gamma(a, b).rsample((4000,))
    x.sum().backward()
    slopes = (gamma_slope(x.detach() * b.detach(), a.detach().expand(4000, 3)) / b.detach()).numpy()
    np.testing.assert_allclose(a.grad.numpy(), slopes.sum(0), 1e-10)
    np.testing.assert_allclose(slopes.mean(0), 1 / b.detach().numpy(), 0.05)
    np.testing.assert_allclose(b.grad.numpy(), -(x.detach() / b.detach()).sum(0).numpy(), 1e-10)


def test_gradients_through_shares() -> None:
    """Of one of two: the slopes of beta numbers; of three: the mean is the slope of the mean."""
    a, b = (brasa.tensor([each], dtype=brasa.float64, requires_grad=True) for each in (0.7, 2.5))
    brasa.manual_seed(3)
    x = distributions.Beta(a, b).rsample((50,))
    x.sum().backward()
    now = x.detach()
    full = [each.detach().expand(50, 1) for each in (a, b)]
    np.testing.assert_allclose(a.grad.item(), ((1 - now) * beta_slope(now, *full)).sum().item(), 1e-9)
    np.testing.assert_allclose(b.grad.item(), -(now * beta_slope(1 - now, *reversed(full))).sum().item(), 1e-9)
    c = brasa.tensor([0.5, 1.5, 3.0], dtype=brasa.float64, requires_grad=True)
    distributions.Dirichlet(c).rsample((8000,))[:, 0].mean().backward()
    np.testing.assert_allclose(c.grad.numpy(), np.array([4.5, -0.5, -0.5]) / 25, atol=4e-3)


def test_gradients_through_other_gamma_numbers() -> None:
    """The mean of a function's gradient is the gradient of its mean, which is known."""
    brasa.manual_seed(4)
    df = brasa.tensor(7.0, dtype=brasa.float64, requires_grad=True)
    (distributions.StudentT(df).rsample((20_000,)) ** 2).mean().backward()
    np.testing.assert_allclose(df.grad.item(), -2 / 25, atol=0.02)
    df.grad = None
    distributions.Chi2(df).rsample((5000,)).mean().backward()
    np.testing.assert_allclose(df.grad.item(), 1, 0.02)
    straight = brasa.tensor([0.2, 0.3, 0.5], requires_grad=True)
    distributions.OneHotCategoricalStraightThrough(logits=straight).rsample()[1].backward()
    p = np.exp([0.2, 0.3, 0.5]) / np.exp([0.2, 0.3, 0.5]).sum()
    np.testing.assert_allclose(straight.grad.numpy(), p[1] * (np.array([0, 1, 0]) - p), 1e-5)
