"""Densities beside their own integrals: each is 1, gives moments and entropy, and grows as the cdf says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions
from tests.frontend.distributions.cases import CASES, COVARIANCE, made
from tests.frontend.distributions.quadrature import chances

NUMBERS = [name for name in CASES if not made(name).event_shape and not name.startswith("Categorical")]
# Not smooth, so that the rule of integration is not precise.
TOLERANCE = {"Laplace": 1e-4}


def known(compute: Callable[[], Any]) -> Any:
    """The value in NumPy, NaN where it is not defined, or no number."""
    try:
        value = compute().detach().numpy()
    except NotImplementedError:
        return np.nan
    return np.where(np.isfinite(value), value, np.nan)


def agree(found: Any, want: Any, tolerance: float) -> None:
    """Equal where there is something to compare."""
    difference = np.where(np.isnan(want), 0, found - want)
    assert (np.abs(difference) <= tolerance * (1 + np.abs(np.nan_to_num(want)))).all(), (found, want)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    distribution, tolerance = made(name), TOLERANCE.get(name, 1e-7)
    values, logs, shares = chances(distribution)
    agree(shares.sum(0), np.array(1.0), tolerance)
    agree(-(shares * logs).sum(0), known(distribution.entropy), tolerance)
    if name != "VonMises":  # whose moments are those of directions
        mean = (shares * values).sum(0)
        agree(mean, known(lambda: distribution.mean), tolerance)
        agree((shares * (values - mean) ** 2).sum(0), known(lambda: distribution.variance), tolerance)
        agree(distribution.stddev.numpy() ** 2 if not np.isnan(known(lambda: distribution.variance)).any() else np.nan,
              known(lambda: distribution.variance), 1e-9)  # fmt: skip
    if not distribution.support.is_discrete:
        agree(np.cumsum(shares, 0) - shares / 2, known(lambda: distribution.cdf(brasa.tensor(values))), 3e-4)
        levels = brasa.tensor([[0.01], [0.4], [0.97]], dtype=brasa.float64)
        agree(levels.numpy(), known(lambda: distribution.cdf(distribution.icdf(levels))), 1e-9)


@pytest.mark.parametrize("name", NUMBERS)
def test_modes(name: str) -> None:
    """No value is more likely than the mode."""
    distribution = made(name, validate_args=False)
    mode = known(lambda: distribution.mode)
    if not np.isnan(mode).all():
        values, logs, shares = chances(distribution)
        inside = np.nan_to_num(mode, nan=values[np.argmax(shares, 0), np.arange(values.shape[1])])
        at_mode = distribution.log_prob(brasa.tensor(inside)).numpy()
        highest = np.where(shares > 0, logs, -np.inf).max(0)
        assert (np.isnan(mode) | (at_mode >= highest - 1e-6) | np.isinf(at_mode)).all()


def test_vectors() -> None:
    """Integrals over a triangle of shares, and over a square that holds all of a plane's density but little."""
    inner = (np.arange(400) + 0.5) / 400
    a, b = np.meshgrid(inner, inner)
    shares = np.stack([a, b * (1 - a), (1 - b) * (1 - a)], -1)
    weights = (1 - a) / 400**2
    for parameters in ([2.0, 3.0, 1.5], [4.0, 1.0, 2.5]):
        dirichlet = distributions.Dirichlet(brasa.tensor(parameters, dtype=brasa.float64))
        density = np.exp(dirichlet.log_prob(brasa.tensor(shares)).numpy()) * weights
        np.testing.assert_allclose(density.sum(), 1, 1e-3)
        np.testing.assert_allclose((density[..., None] * shares).sum((0, 1)), dirichlet.mean.numpy(), 1e-3)
        np.testing.assert_allclose(-(density * np.log(density / weights)).sum(), dirichlet.entropy().numpy(), 2e-3)
    line = np.linspace(-9, 9, 301)
    points = np.stack(np.meshgrid(line, line), -1)
    loc, covariance = brasa.tensor([0.5, -1.0], dtype=brasa.float64), COVARIANCE[:2, :2]
    normals = [
        distributions.MultivariateNormal(loc, brasa.tensor(covariance)),
        distributions.LowRankMultivariateNormal(
            loc, brasa.tensor([[0.6], [0.3]], dtype=brasa.float64), brasa.tensor([0.5, 0.9], dtype=brasa.float64)
        ),
    ]
    for normal in normals:
        density = np.exp(normal.log_prob(brasa.tensor(points)).numpy()) * (line[1] - line[0]) ** 2
        np.testing.assert_allclose(density.sum(), 1, 1e-6)
        away = points - loc.numpy()
        found = np.einsum("ij,ija,ijb->ab", density, away, away)
        np.testing.assert_allclose(found, normal.covariance_matrix.numpy(), 1e-6, 1e-6)
        np.testing.assert_allclose(np.linalg.inv(found), normal.precision_matrix.numpy(), 1e-6, 1e-6)
        np.testing.assert_allclose(np.linalg.cholesky(found), normal.scale_tril.numpy(), 1e-6, 1e-6)
        np.testing.assert_allclose(np.diag(found), normal.variance.numpy(), 1e-6)
        np.testing.assert_allclose(
            0.5 * np.log(np.linalg.det(2 * np.pi * np.e * found)), normal.entropy().numpy(), 1e-6
        )


@pytest.mark.parametrize("name", ["Categorical", "Categorical of logits", "OneHotCategorical", "Binomial"])
def test_enumerated(name: str) -> None:
    """All values together have the probability 1, and the entropy is the mean of their logarithms."""
    distribution = made(name)
    logs = distribution.log_prob(distribution.enumerate_support()).numpy()
    np.testing.assert_allclose(np.exp(logs).sum(0), 1, 1e-12)
    np.testing.assert_allclose(-(np.exp(logs) * logs).sum(0), distribution.entropy().numpy(), 1e-12)


def test_counts_of_choices() -> None:
    """All ways to choose six times among three."""
    ways = np.array([[i, j, 6 - i - j] for i in range(7) for j in range(7 - i)], np.float64)
    distribution = made("Multinomial")
    logs = distribution.log_prob(brasa.tensor(ways[:, None])).numpy()
    np.testing.assert_allclose(np.exp(logs).sum(0), 1, 1e-12)
    np.testing.assert_allclose(-(np.exp(logs) * logs).sum(0), distribution.entropy().numpy(), 1e-12)
    np.testing.assert_allclose((np.exp(logs)[..., None] * ways[:, None]).sum(0), distribution.mean.numpy(), 1e-12)


def test_mixture() -> None:
    """The density, distribution function and moments are those of the components in their proportions."""
    shares = np.array([0.2, 0.8])
    parts = distributions.Normal(brasa.tensor([-1.0, 2.0], dtype=brasa.float64), 0.5)
    mixture = distributions.MixtureSameFamily(distributions.Categorical(brasa.tensor(shares)), parts)
    values, logs, each = chances(mixture)
    logs = np.where(each > 0, logs, -np.inf)
    want = np.exp(parts.log_prob(brasa.tensor(values)[:, None]).numpy()) @ shares
    np.testing.assert_allclose(np.exp(logs), want, 1e-12, 1e-300)
    np.testing.assert_allclose(np.array([each.sum(), each @ values]), [1, mixture.mean.numpy()], 1e-12)
    np.testing.assert_allclose(each @ (values - each @ values) ** 2, mixture.variance.numpy(), 1e-12)
    assert abs(mixture.cdf(brasa.tensor(0.0, dtype=brasa.float64)).item() - each[values < 0].sum()) < 1e-2
    assert mixture.batch_shape == () and mixture.has_rsample is False
