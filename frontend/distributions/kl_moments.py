"""Divergences between families of numbers: minus the entropy of p, minus the mean under p of log q.

That mean follows from a few moments of p: of x, x**2, log(x), log(1 - x) or exp(-t x). Where p gives chances to what q
excludes it is infinite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from brasa.distributions.beta import Beta
from brasa.distributions.counts import Binomial, Poisson
from brasa.distributions.gamma import Gamma
from brasa.distributions.kl import register_kl
from brasa.distributions.lifetimes import Exponential, Pareto
from brasa.distributions.location_scale import Gumbel, Laplace, Uniform
from brasa.distributions.normal import Normal
from brasa.functions import pointwise
from brasa.functions.axes import broadcast_shapes
from brasa.tensors.creation import full

_BOUNDS: dict[type, Any] = {
    Beta: lambda p: (0.0, 1.0), ContinuousBernoulli: lambda p: (0.0, 1.0), Exponential: lambda p: (0.0, math.inf),
    Gamma: lambda p: (0.0, math.inf), Pareto: lambda p: (p.scale, math.inf), Uniform: lambda p: (p.low, p.high),
}  # fmt: skip


def _of(table: dict[type, Any], distribution: Any) -> Any:
    """The entry of the nearest class."""
    return next(table[each] for each in type(distribution).__mro__ if each in table)


def _bounds(p: Any) -> tuple[Any, Any]:
    """Between which values p lies: numbers where no parameter has a say."""
    return _of({object: lambda p: (-math.inf, math.inf)} | _BOUNDS, p)(p)  # type: ignore[no-any-return]


_MEAN_LOG: dict[type, Any] = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -float(np.euler_gamma) - p.rate.log(),
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.scale.log() + 1 / p.alpha,
    Uniform: lambda p: _mean_log_between(p.low, p.high),
}
_MEAN_LOG_OF_REST: dict[type, Any] = {
    Beta: lambda p: p.concentration0.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Uniform: lambda p: _mean_log_between(1 - p.high, 1 - p.low),
}
_MEAN_EXP: dict[type, Any] = {
    Exponential: lambda p, t: p.rate / (p.rate + t),
    Gamma: lambda p, t: (p.rate / (p.rate + t)) ** p.concentration,
    Gumbel: lambda p, t: (-p.loc * t + (1 + p.scale * t).lgamma()).exp(),
    Normal: lambda p, t: (-p.loc * t + (p.scale * t) ** 2 / 2).exp(),
    Uniform: lambda p, t: ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low)),
}


def _mean_log_between(low: Any, high: Any) -> Any:
    """Of uniform numbers; bounds below 0 count as 0."""
    low, high = low.clamp(min=0), high.clamp(min=0)
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


def _mean_distance(p: Any, place: Any) -> Any:
    """The mean of |x - place| for normal x."""
    z = (p.loc - place) / p.scale
    return p.scale * math.sqrt(2 / math.pi) * (-z * z / 2).exp() + (p.loc - place) * pointwise.erf(z * math.sqrt(0.5))


def _under_normal(p: Any, q: Any) -> Any:
    away = (p.variance + (p.mean - q.loc) ** 2) / (2 * q.scale**2)
    return -away - q.scale.log() - 0.5 * math.log(2 * math.pi)


def _under_gamma(p: Any, q: Any) -> Any:
    a, b = q.concentration, q.rate
    return a * b.log() - a.lgamma() + (a - 1) * _of(_MEAN_LOG, p)(p) - b * p.mean


def _under_beta(p: Any, q: Any) -> Any:
    a, b = q.concentration1, q.concentration0
    return (a - 1) * _of(_MEAN_LOG, p)(p) + (b - 1) * _of(_MEAN_LOG_OF_REST, p)(p) - q._log_normalizer(a, b)


def _under_gumbel(p: Any, q: Any) -> Any:
    scaled = (q.loc / q.scale).exp() * _of(_MEAN_EXP, p)(p, 1 / q.scale)
    return (q.loc - p.mean) / q.scale - scaled - q.scale.log()


# The mean under p of the logarithm of q's density.
_UNDER: dict[type, Any] = {
    Beta: _under_beta,
    ContinuousBernoulli: lambda p, q: q.logits * p.mean - q._log_normalizer(q.logits),
    Exponential: lambda p, q: q.rate.log() - q.rate * p.mean,
    Gamma: _under_gamma,
    Gumbel: _under_gumbel,
    Laplace: lambda p, q: -_mean_distance(p, q.loc) / q.scale - (2 * q.scale).log(),
    Normal: _under_normal,
    Pareto: lambda p, q: q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _of(_MEAN_LOG, p)(p),
    Uniform: lambda p, q: -(q.high - q.low).log(),
}

_PAIRS: dict[type, tuple[type, ...]] = {
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    ContinuousBernoulli: (ContinuousBernoulli, Exponential, Normal, Pareto, Uniform),
    Exponential: (Beta, ContinuousBernoulli, Gamma, Gumbel, Normal, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Exponential, Gumbel, Normal, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Normal, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    Uniform: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Normal, Pareto, Uniform),
}


def _unbounded(bound: Any) -> bool:
    return isinstance(bound, float) and math.isinf(bound)


def _by_moments(p: Any, q: Any) -> Any:
    (low, high), (least, greatest) = _bounds(p), _bounds(q)
    beyond = (_unbounded(low) and not _unbounded(least)) or (_unbounded(high) and not _unbounded(greatest))
    if beyond or (isinstance(q, Pareto) and isinstance(low, float)):  # whatever the parameters are
        shape = broadcast_shapes(p.batch_shape, q.batch_shape)
        return full(shape, math.inf, dtype=p.mean.dtype, device=p.mean.device)
    result = -p.entropy() - _of(_UNDER, q)(p, q)
    for outside in (low < least, high > greatest):
        result = result if isinstance(outside, bool) else pointwise.where(outside, math.inf, result)
    return result


for _p, _families in _PAIRS.items():
    for _q in _families:
        register_kl(_p, _q)(_by_moments)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs.xlogy(q.rate) - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_bounded(p: Any, q: Any) -> Any:
    return full(broadcast_shapes(p.batch_shape, q.batch_shape), math.inf, dtype=p.rate.dtype, device=p.rate.device)
