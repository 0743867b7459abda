"""Distributions of every class with parameters of several shapes: what all tests of them run over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import distributions

_GENERATOR = np.random.default_rng(7)
_POINTS = _GENERATOR.normal(size=(4, 4))
COVARIANCE = _POINTS @ _POINTS.T / 4 + np.eye(4) * 0.3
FACTOR = np.linalg.cholesky(COVARIANCE)
SHARES = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
P = np.array([0.25, 0.5, 0.9])
A, B = np.array([0.4, 1.5, 6.0]), np.array([2.5, 0.7, 1.0])
M, S = np.array([-1.0, 0.5, 2.0]), np.array([0.5, 1.0, 3.0])

# Each: the class, and its arguments; arrays become tensors.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "Bernoulli": ("Bernoulli", {"probs": P}),
    "Bernoulli of logits": ("Bernoulli", {"logits": M}),
    "Beta": ("Beta", {"concentration1": A, "concentration0": B}),
    "Binomial": ("Binomial", {"total_count": 7, "probs": P}),
    "Binomial of logits": ("Binomial", {"total_count": 7, "logits": M}),
    "Categorical": ("Categorical", {"probs": SHARES}),
    "Categorical of logits": ("Categorical", {"logits": np.log(SHARES) + 1}),
    "Cauchy": ("Cauchy", {"loc": M, "scale": S}),
    "Chi2": ("Chi2", {"df": S * 4}),
    "ContinuousBernoulli": ("ContinuousBernoulli", {"probs": P}),
    "ContinuousBernoulli of logits": ("ContinuousBernoulli", {"logits": M}),
    "Dirichlet": ("Dirichlet", {"concentration": np.array([[0.5, 2.0, 3.0], [1.5, 1.5, 4.0]])}),
    "Exponential": ("Exponential", {"rate": S}),
    "FisherSnedecor": ("FisherSnedecor", {"df1": S * 5, "df2": S * 4 + 7}),
    "Gamma": ("Gamma", {"concentration": A, "rate": B}),
    "GeneralizedPareto": ("GeneralizedPareto", {"loc": M, "scale": S, "concentration": np.array([0.2, 0.1, -0.3])}),
    "Geometric": ("Geometric", {"probs": P}),
    "Gumbel": ("Gumbel", {"loc": M, "scale": S}),
    "HalfCauchy": ("HalfCauchy", {"scale": S}),
    "HalfNormal": ("HalfNormal", {"scale": S}),
    "InverseGamma": ("InverseGamma", {"concentration": A + 5, "rate": B}),
    "Kumaraswamy": ("Kumaraswamy", {"concentration1": A + 1, "concentration0": B + 1}),
    "LKJCholesky": ("LKJCholesky", {"dim": 3, "concentration": S}),
    "Laplace": ("Laplace", {"loc": M, "scale": S}),
    "LogNormal": ("LogNormal", {"loc": M, "scale": S / 4}),
    "LogisticNormal": ("LogisticNormal", {"loc": M, "scale": S}),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal",
        {"loc": _POINTS[1], "cov_factor": _POINTS[:, :2], "cov_diag": COVARIANCE[0] ** 2},
    ),
    "Multinomial": ("Multinomial", {"total_count": 6, "probs": SHARES}),
    "MultivariateNormal": ("MultivariateNormal", {"loc": _POINTS[:2], "covariance_matrix": COVARIANCE}),
    "MultivariateNormal of precision": (
        "MultivariateNormal",
        {"loc": _POINTS[0], "precision_matrix": np.linalg.inv(COVARIANCE)},
    ),
    "MultivariateNormal of factor": ("MultivariateNormal", {"loc": _POINTS[0], "scale_tril": FACTOR}),
    "NegativeBinomial": ("NegativeBinomial", {"total_count": np.array([3.0, 0.5, 8.0]), "probs": P}),
    "Normal": ("Normal", {"loc": M, "scale": S}),
    "OneHotCategorical": ("OneHotCategorical", {"probs": SHARES}),
    "OneHotCategoricalStraightThrough": ("OneHotCategoricalStraightThrough", {"logits": np.log(SHARES)}),
    "Pareto": ("Pareto", {"scale": S, "alpha": A + 5}),
    "Poisson": ("Poisson", {"rate": S * 4}),
    "RelaxedBernoulli": ("RelaxedBernoulli", {"temperature": np.array(0.7), "probs": P}),
    "RelaxedOneHotCategorical": ("RelaxedOneHotCategorical", {"temperature": np.array(0.7), "probs": SHARES}),
    "StudentT": ("StudentT", {"df": A + 5, "loc": M, "scale": S}),
    "Uniform": ("Uniform", {"low": M, "high": M + S}),
    "VonMises": ("VonMises", {"loc": M, "concentration": S * 2}),
    "Weibull": ("Weibull", {"scale": S, "concentration": A + 0.5}),
    "Wishart": ("Wishart", {"df": np.array([5.0, 6.5]), "covariance_matrix": COVARIANCE}),
}


def arguments_of(name: str, other: bool = False) -> dict[str, Any]:
    """The arguments of a case, or other ones of the same kind."""
    given = CASES[name][1]
    if not other:
        return given
    return {
        key: value if not isinstance(value, np.ndarray) or value.ndim == 0
        else value * 1.3 if key in ("covariance_matrix", "precision_matrix", "scale_tril", "cov_factor")
        else value[..., ::-1].copy()
        for key, value in given.items()
    }  # fmt: skip


def made(name: str, dtype: Any = None, other: bool = False, **more: Any) -> Any:
    """The distribution of a case, of float64 parameters if no other dtype is asked for."""
    given = {
        key: brasa.tensor(value, dtype=dtype or brasa.float64) if isinstance(value, np.ndarray) else value
        for key, value in arguments_of(name, other).items()
    }
    return getattr(distributions, CASES[name][0])(**given, **more)


def long_but(names: Iterable[str], *usual: str) -> list[Any]:
    """Names for parametrize, of which a plain run takes the usual ones alone: each compiles its own kernels."""
    assert set(usual) <= set(names)
    return [name if name in usual else pytest.param(name, marks=pytest.mark.long) for name in names]


def kinds() -> set[str]:
    """The classes that have a case."""
    return {kind for kind, _ in CASES.values()}
