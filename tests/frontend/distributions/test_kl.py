"""Divergences beside the integrals that define them, and the choice of a formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions
from brasa.distributions import kl, kl_divergence, register_kl
from tests.frontend.distributions.cases import CASES, made
from tests.frontend.distributions.quadrature import chances, log_density

PAIRS = sorted(
    (p, q)
    for p in CASES
    for q in CASES
    if not made(p).event_shape and not p.startswith("Categorical") and (CASES[p][0], CASES[q][0]) in {
        (type_p.__name__, type_q.__name__) for type_p, type_q in kl._REGISTRY
    }
)  # fmt: skip


def outside(p: Any, q: Any) -> bool:
    """Whether p gives chances to what q excludes."""
    values, _, shares = chances(p)
    return bool((~q.support.check(brasa.tensor(values)).numpy() & (shares > 1e-9)).any())


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_numbers(p: str, q: str) -> None:
    """The mean under p of log p - log q; infinite where p goes beyond q."""
    ours, other = made(p), made(q, other=True, validate_args=False)
    found = kl_divergence(ours, other).numpy()
    values, logs, shares = chances(ours)
    with np.errstate(all="ignore"):
        below = np.where(shares > 1e-30, logs - log_density(other, values), 0)
        want = np.nansum(shares * below, 0)
    beyond = (~other.support.check(brasa.tensor(values)).numpy() & (shares > 1e-9)).any(0)
    finite = np.isfinite(found)
    assert (np.isinf(found) == beyond).all() or not finite.any()
    np.testing.assert_allclose(found[finite], want[finite], 1e-4, 1e-6)
    assert outside(ours, other) == (not finite.all())


def covariance(distribution: Any) -> Any:
    return distribution.covariance_matrix.numpy()


@pytest.mark.parametrize("p", ["MultivariateNormal", "LowRankMultivariateNormal"])
@pytest.mark.parametrize("q", ["MultivariateNormal of precision", "LowRankMultivariateNormal"])
def test_vectors(p: str, q: str) -> None:
    ours, other = made(p), made(q, other=True)
    inverse, first, second = np.linalg.inv(covariance(other)), covariance(ours), covariance(other)
    away = other.loc.numpy() - ours.loc.numpy()
    want = 0.5 * (
        np.trace(inverse @ first, axis1=-2, axis2=-1) + np.einsum("...i,...ij,...j", away, inverse, away) - 4
        + np.linalg.slogdet(second)[1] - np.linalg.slogdet(first)[1]
    )  # fmt: skip
    np.testing.assert_allclose(kl_divergence(ours, other).numpy(), want, 1e-9)


def test_made_of_others() -> None:
    p, q = made("Normal"), made("Normal", other=True)
    parts = kl_divergence(p, q).numpy()
    whole = kl_divergence(distributions.Independent(p, 1), distributions.Independent(q, 1))
    np.testing.assert_allclose(whole.item(), parts.sum(), 1e-12)
    logs = [distributions.LogNormal(each.loc, each.scale) for each in (p, q)]
    np.testing.assert_allclose(kl_divergence(*logs).numpy(), parts, 1e-12)
    choices = [made("OneHotCategorical", other=other) for other in (False, True)]
    shares, others = (each.probs.numpy() for each in choices)
    np.testing.assert_allclose(kl_divergence(*choices).numpy(), (shares * np.log(shares / others)).sum(-1), 1e-12)
    counts = [made("Dirichlet", other=other) for other in (False, True)]
    brasa.manual_seed(0)
    sample = counts[0].sample((20_000,))
    logs = (counts[0].log_prob(sample) - counts[1].log_prob(sample)).numpy()
    assert (np.abs(logs.mean(0) - kl_divergence(*counts).numpy()) < 5 * logs.std(0) / np.sqrt(20_000)).all()


FAMILIES = ["Bernoulli", "Beta", "ContinuousBernoulli", "Dirichlet", "Exponential", "Gamma", "Normal", "Poisson"]


@pytest.mark.parametrize("name", FAMILIES)
def test_exponential_families(name: str) -> None:
    """Entropies and divergences by derivatives of the log normalizer, beside closed formulas."""
    p, q = made(name), made(name, other=True)
    generic = kl._REGISTRY[distributions.ExponentialFamily, distributions.ExponentialFamily]
    np.testing.assert_allclose(generic(p, q).detach().numpy(), kl_divergence(p, q).numpy(), 1e-7, 1e-10)
    if name != "Poisson":
        found = distributions.ExponentialFamily.entropy(p).detach().numpy()
        np.testing.assert_allclose(found, p.entropy().numpy(), 1e-7, 1e-10)


def test_gradient_of_entropy() -> None:
    scale = brasa.tensor([0.5, 2.0], requires_grad=True)
    distributions.ExponentialFamily.entropy(distributions.Normal(0.0, scale)).sum().backward()
    np.testing.assert_allclose(scale.grad.numpy(), [2.0, 0.5], 1e-5)


def test_nearest_formula() -> None:
    """Of all pairs of classes the nearest to p, then to q; with a warning where q would choose another."""

    class Left(distributions.Normal):
        """A class of its own."""

    class Right(Left):
        """Another, below it."""

    p, q = Right(0.0, 1.0), Right(1.0, 1.0)
    try:
        assert kl_divergence(p, q).item() == 0.5
        register_kl(Left, distributions.Normal)(lambda p, q: "left")
        assert kl_divergence(p, q) == "left"
        register_kl(distributions.Normal, Left)(lambda p, q: "right")
        with pytest.warns(RuntimeWarning, match=r"kl_divergence\(Right, Right\) is ambiguous, \(Left, Normal\) is"):
            assert kl_divergence(p, q) == "left"
        register_kl(Left, Left)(lambda p, q: "both")
        assert kl_divergence(p, q) == "both"
    finally:
        for pair in [(Left, distributions.Normal), (distributions.Normal, Left), (Left, Left)]:
            kl._REGISTRY.pop(pair, None)


def test_errors() -> None:
    normal, gamma = distributions.Normal(0.0, 1.0), distributions.Gamma(1.0, 1.0)
    with pytest.raises(NotImplementedError, match="no formula is known for StudentT and Normal"):
        kl_divergence(distributions.StudentT(1.0), normal)
    with pytest.raises(NotImplementedError, match="of different families, Poisson and Gamma"):
        kl_divergence(distributions.Poisson(1.0), gamma)
    with pytest.raises(NotImplementedError, match="made by different transforms"):
        kl_divergence(distributions.LogNormal(0.0, 1.0), distributions.InverseGamma(1.0, 1.0))
    with pytest.raises(NotImplementedError, match="of which q has more trials"):
        kl_divergence(distributions.Binomial(2, 0.5), distributions.Binomial(3, 0.5))
    with pytest.raises(NotImplementedError, match="of different event dims"):
        kl_divergence(*(distributions.Independent(distributions.Normal(brasa.zeros(2, 2), 1.0), n) for n in (1, 2)))
    with pytest.raises(ValueError, match="vectors of 2 and of 3 numbers"):
        kl_divergence(*(distributions.MultivariateNormal(brasa.zeros(n), brasa.eye(n)) for n in (2, 3)))
    with pytest.raises(TypeError, match="expected a class of distributions, found 3"):
        register_kl(distributions.Normal, 3)
