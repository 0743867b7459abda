"""Integrals and sums over the support of a distribution of numbers, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

import brasa
from brasa import distributions
from brasa.distributions import constraints

# The double exponential rule of Takahasi and Mori.
_T = np.linspace(-4.2, 4.2, 1501)
_H = _T[1] - _T[0]
_COUNTS = 400


def bounds(support: Any) -> tuple[Any, Any]:
    """Between which values the support lies."""
    low = getattr(support, "lower_bound", -np.inf)
    high = getattr(support, "upper_bound", np.inf)
    return tuple(np.asarray(x.numpy() if isinstance(x, brasa.Tensor) else x, np.float64) for x in (low, high))


def nodes(distribution: Any) -> tuple[Any, Any]:
    """Values along a first axis, and their weights: all that can be, or those of a rule of integration."""
    batch = tuple(distribution.batch_shape)
    if isinstance(distribution, distributions.VonMises):
        turn = np.linspace(-np.pi, np.pi, 401)[1:].reshape((-1, *(1,) * len(batch)))
        return turn + np.zeros(batch), np.full((400, *batch), np.pi / 200)
    if not distribution.support.is_discrete:
        return _continuous(*bounds(distribution.support), batch)
    last = 1 if distribution.support is constraints.boolean else bounds(distribution.support)[1]
    values = np.arange(_COUNTS, dtype=np.float64).reshape((-1, *(1,) * len(batch)))
    inside = (values <= last) & np.ones(batch, bool)
    return np.where(inside, values, 0), inside * 1.0


def _continuous(low: Any, high: Any, batch: tuple[int, ...]) -> tuple[Any, Any]:
    t = _T.reshape((-1, *(1,) * len(batch)))
    inner, speed = np.sinh(t) * np.pi / 2, np.cosh(t) * np.pi / 2
    share = 1 / (1 + np.exp(-2 * inner))
    safe_low, safe_high = np.where(np.isinf(low), 0, low), np.where(np.isinf(high), 1, high)
    width = safe_high - safe_low
    forms = {
        (False, False): (safe_low + width * share, width * 2 * share * (1 - share) * speed),
        (False, True): (safe_low + np.exp(inner), np.exp(inner) * speed),
        (True, True): (np.sinh(inner), np.cosh(inner) * speed),
    }
    values, weights = np.zeros((len(_T), *batch)), np.zeros((len(_T), *batch))
    for endless, (value, weight) in forms.items():
        here = (np.isinf(low) == endless[0]) & (np.isinf(high) == endless[1])
        values, weights = np.where(here, value, values), np.where(here, weight * _H, weights)
    edge = np.finfo(np.float64).tiny
    return np.clip(
        values, np.nextafter(low, np.inf) if np.ndim(low) else low + edge, np.nextafter(high, -np.inf)
    ), weights


def chances(distribution: Any) -> tuple[Any, Any, Any]:
    """Values, their logarithmic densities, and their shares of the whole."""
    values, weights = nodes(distribution)
    logs = log_density(distribution, values)
    shares = np.where(weights > 0, np.exp(logs), 0) * weights
    return values, np.where(shares > 0, logs, 0), shares


def log_density(distribution: Any, values: Any) -> Any:
    """log_prob at values, in NumPy."""
    return distribution.log_prob(brasa.tensor(values)).detach().numpy()
