"""Divergences of two distributions of the same family."""

from __future__ import annotations

import math
from typing import Any

from brasa.autograd import enable_grad, grad
from brasa.distributions.bernoulli import Bernoulli
from brasa.distributions.beta import Beta, Dirichlet
from brasa.distributions.categorical import Categorical, OneHotCategorical
from brasa.distributions.counts import Binomial, Geometric, Poisson
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.gamma import Gamma
from brasa.distributions.independent import Independent
from brasa.distributions.kl import kl_divergence, register_kl
from brasa.distributions.lifetimes import Exponential
from brasa.distributions.location_scale import Cauchy, Laplace
from brasa.distributions.multivariate_normal import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    half_log_det,
    low_rank_distance,
    low_rank_log_det,
    squared_distance,
)
from brasa.distributions.normal import HalfNormal, Normal
from brasa.distributions.parameters import softplus
from brasa.distributions.transform import sum_rightmost
from brasa.distributions.transformed import TransformedDistribution
from brasa.functions import pointwise
from brasa.functions.joining import cat
from brasa.ir.errors import NotImplementedError, ShapeError


def _require(holds: bool, fact: str) -> None:
    if not holds:
        raise NotImplementedError(f"there is no formula for distributions {fact}", op="kl_divergence")


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_families(p: Any, q: Any) -> Any:
    """The Bregman divergence of the log normalizers."""
    _require(type(p) is type(q), f"of different families, {type(p).__name__} and {type(q).__name__}")
    with enable_grad():
        natural = [v if v.requires_grad else v.detach().requires_grad_() for v in p._natural_params]
        normalizer = p._log_normalizer(*natural)
        slopes = grad(normalizer.sum(), natural, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for ours, theirs, slope in zip(natural, q._natural_params, slopes, strict=True):
        result = result - sum_rightmost((theirs - ours) * slope, len(q.event_shape))
    return result


@register_kl(Normal, Normal)
def _normals(p: Any, q: Any) -> Any:
    ratio, away = (p.scale / q.scale) ** 2, ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + away - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normals(p: Any, q: Any) -> Any:
    return _normals(p.base_dist, q.base_dist)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Any, q: Any) -> Any:
    """Infinite where q excludes what p does not."""
    share = p.probs
    one = share * (softplus(-q.logits) - softplus(-p.logits))
    zero = (1 - share) * (softplus(q.logits) - softplus(p.logits))
    one = pointwise.where(share == 0, 0.0, pointwise.where(q.probs == 0, math.inf, one))
    return one + pointwise.where(share == 1, 0.0, pointwise.where(q.probs == 1, math.inf, zero))


@register_kl(Binomial, Binomial)
def _binomials(p: Any, q: Any) -> Any:
    """Infinite where p has more trials."""
    _require(bool((p.total_count >= q.total_count).all()), "of which q has more trials")
    pair = (Bernoulli(probs=each.probs, validate_args=False) for each in (p, q))
    return pointwise.where(p.total_count > q.total_count, math.inf, p.total_count * _bernoullis(*pair))


@register_kl(Categorical, Categorical)
def _categoricals(p: Any, q: Any) -> Any:
    """Infinite where q excludes what p does not."""
    each = p.probs * (p.logits - q.logits)
    each = pointwise.where(q.probs == 0, math.inf, each)
    return pointwise.where(p.probs == 0, 0.0, each).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categoricals(p: Any, q: Any) -> Any:
    return _categoricals(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometrics(p: Any, q: Any) -> Any:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poissons(p: Any, q: Any) -> Any:
    return p.rate.xlogy(p.rate) - p.rate.xlogy(q.rate) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _exponentials(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _gammas(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    shapes = b.lgamma() - a.lgamma() + (a - b) * a.digamma()
    return shapes + b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)


@register_kl(Beta, Beta)
def _betas(p: Any, q: Any) -> Any:
    return _dirichlets(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlets(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    logs = a.digamma() - a.sum(-1, True).digamma()
    return q._log_normalizer(b) - p._log_normalizer(a) + ((a - b) * logs).sum(-1)


@register_kl(Laplace, Laplace)
def _laplaces(p: Any, q: Any) -> Any:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return away / q.scale + ratio * (-away / p.scale).exp() - ratio.log() - 1


@register_kl(Cauchy, Cauchy)
def _cauchys(p: Any, q: Any) -> Any:
    """Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions",
    2019."""
    away = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return (away / (4 * p.scale * q.scale)).log()


def _factor_columns(p: Any) -> Any:
    """Vectors along a first dim whose products with themselves add up to the covariance."""
    if isinstance(p, MultivariateNormal):
        return p._unbroadcasted_scale_tril.movedim(-1, 0)
    return cat([p.cov_factor, p.cov_diag.sqrt().diag_embed()], -1).movedim(-1, 0)


def _distance(q: Any, away: Any) -> Any:
    if isinstance(q, MultivariateNormal):
        return squared_distance(q._unbroadcasted_scale_tril, away)
    return low_rank_distance(q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, away, q._capacitance_tril)


def _log_det(p: Any) -> Any:
    if isinstance(p, MultivariateNormal):
        return 2 * half_log_det(p._unbroadcasted_scale_tril)
    return low_rank_log_det(p)


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _multivariate_normals(p: Any, q: Any) -> Any:
    """ShapeError for vectors of different sizes."""
    if tuple(p.event_shape) != tuple(q.event_shape):
        raise ShapeError(f"vectors of {p.event_shape[0]} and of {q.event_shape[0]} numbers", op="kl_divergence")
    spread = _distance(q, _factor_columns(p)).sum(0)
    return 0.5 * (_log_det(q) - _log_det(p) + spread + _distance(q, p.loc - q.loc) - p.event_shape[0])


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    _require(p.transforms == q.transforms, "made by different transforms")
    _require(tuple(p.event_shape) == tuple(q.event_shape), "of different event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independents(p: Any, q: Any) -> Any:
    _require(p.reinterpreted_batch_ndims == q.reinterpreted_batch_ndims, "of different event dims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
