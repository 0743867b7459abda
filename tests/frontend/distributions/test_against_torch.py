"""Distributions beside PyTorch's, in float64: densities, moments, entropies, divergences, transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions
from brasa.distributions import kl
from tests.frontend.distributions.cases import CASES, arguments_of, made

torch = pytest.importorskip("torch")


# What PyTorch computes less precisely: the Bessel functions, factorials of counts; what it computes in float32 alone.
TOLERANCE = {"VonMises": 1e-6, "Multinomial": 1e-7, "GeneralizedPareto": 1e-5}
# Modes that PyTorch says are NaN.
ELSEWHERE = {("Kumaraswamy", "mode"), ("Weibull", "mode")}


def theirs(name: str, other: bool = False) -> Any:
    """PyTorch's distribution of a case."""
    kind, arguments = CASES[name][0], arguments_of(name, other)
    dtype = torch.float32 if kind == "GeneralizedPareto" else torch.float64
    given = {key: torch.tensor(x, dtype=dtype) if isinstance(x, np.ndarray) else x for key, x in arguments.items()}
    return getattr(torch.distributions, kind)(**given)


def values_of(name: str) -> Any:
    torch.manual_seed(0)
    return theirs(name).sample((5,)).double()


def answers(compute: Any) -> Any:
    """What a computation gives, or None where it is not defined."""
    try:
        return np.asarray(compute())
    except NotImplementedError:
        return None


def compare(name: str, part: str, ours: Any, reference: Any) -> None:
    want = answers(lambda: reference().detach().numpy())
    if want is not None and (name, part) not in ELSEWHERE:
        tolerance = TOLERANCE.get(name, 1e-9)
        np.testing.assert_allclose(ours().detach().numpy(), want, tolerance, tolerance / 10, err_msg=part)


@pytest.mark.filterwarnings("ignore:Singular")
@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    ours, reference = made(name), theirs(name)
    values = values_of(name)
    assert tuple(ours.batch_shape) == tuple(reference.batch_shape)
    assert tuple(ours.event_shape) == tuple(reference.event_shape)
    assert (ours.has_rsample, ours.has_enumerate_support) == (reference.has_rsample, reference.has_enumerate_support)
    assert (ours.support.event_dim, ours.support.is_discrete) == (
        reference.support.event_dim, reference.support.is_discrete,
    )  # fmt: skip
    for part in ("mean", "mode", "variance", "stddev"):
        compare(name, part, lambda part=part: getattr(ours, part), lambda part=part: getattr(reference, part))
    compare(name, "log_prob", lambda: ours.log_prob(brasa.tensor(values.numpy())), lambda: reference.log_prob(values))
    compare(name, "cdf", lambda: ours.cdf(brasa.tensor(values.numpy())), lambda: reference.cdf(values))
    compare(name, "entropy", ours.entropy, reference.entropy)
    levels = np.array([0.02, 0.5, 0.7])
    compare(name, "icdf", lambda: ours.icdf(brasa.tensor(levels)), lambda: reference.icdf(torch.tensor(levels)))
    if ours.has_enumerate_support:
        for expand in (True, False):
            np.testing.assert_array_equal(ours.enumerate_support(expand).numpy(), reference.enumerate_support(expand))


def names_of(kind: type) -> list[str]:
    return [name for name, (each, _) in CASES.items() if each == kind.__name__]


PAIRS = [
    *torch.distributions.kl._KL_REGISTRY, *((each, each) for each in (
        torch.distributions.LogNormal, torch.distributions.InverseGamma, torch.distributions.LogisticNormal,
        torch.distributions.HalfCauchy, torch.distributions.Chi2,
    )),
]  # fmt: skip
PAIRS = [pair for pair in PAIRS if names_of(pair[0]) and names_of(pair[1])]


@pytest.mark.filterwarnings("ignore:Singular")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: " ".join(each.__name__ for each in pair))
def test_divergence(pair: Any) -> None:
    """All formulas that PyTorch has."""
    for p in names_of(pair[0]):
        for q in names_of(pair[1]):
            want = torch.distributions.kl_divergence(theirs(p), theirs(q, other=True))
            found = distributions.kl_divergence(made(p), made(q, other=True))
            assert tuple(found.shape) == tuple(want.shape)
            np.testing.assert_allclose(found.numpy(), want.numpy(), 1e-8, 1e-9, err_msg=f"{p}, {q}")


def test_all_pairs_are_known() -> None:
    def names(registry: Any) -> set[tuple[str, str]]:
        return {(p.__name__, q.__name__) for p, q in registry}

    assert names(torch.distributions.kl._KL_REGISTRY) == names(kl._REGISTRY)


def test_all_names_are_known() -> None:
    for module in ("distributions", "distributions.transforms", "distributions.constraints"):
        part = module.removeprefix("distributions").strip(".")
        ours = getattr(distributions, part) if part else distributions
        reference = getattr(torch.distributions, part) if part else torch.distributions
        assert set(reference.__all__) <= set(ours.__all__)
