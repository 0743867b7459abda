"""Bernoulli's distribution, and the continuous one of the same form."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.draws import uniform_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.parameters import ProbsOrLogits, broadcast_all, clamp_probs, softplus
from brasa.functions import pointwise
from brasa.functions.sampling import bernoulli
from brasa.tensors.ranges import arange


class Bernoulli(ProbsOrLogits, ExponentialFamily):
    """1 with probability probs, else 0; given probs, or the logarithms of their odds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        super().__init__(self.param_shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        """NaN where both are as likely."""
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return pointwise.where(self.probs == 0.5, float("nan"), mode)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return logits * value - softplus(logits)

    def entropy(self) -> Any:
        return softplus(self.logits) - self.logits * self.probs

    def enumerate_support(self, expand: bool = True) -> Any:
        values = arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((2, *(1,) * len(self.batch_shape)))
        return values.expand((2, *self.batch_shape)) if expand else values

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Any) -> Any:
        return softplus(natural_params[0])


class ContinuousBernoulli(ProbsOrLogits, ExponentialFamily):
    """Numbers x between 0 and 1 of density proportional to probs**x (1 - probs)**(1 - x) (Loaiza-Ganem, Cunningham,
    "The continuous Bernoulli: fixing a pervasive error in variational autoencoders", 2019).

    lims: the probs between which formulas divide by almost 0 and series take their place.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._take(probs, logits)
        self._lims = lims
        super().__init__(self.param_shape, validate_args=validate_args)
        if probs is not None:
            self.probs = clamp_probs(self.probs)

    def _even(self) -> Any:
        """Where the density is almost even."""
        return (self.probs > self._lims[0]) & (self.probs <= self._lims[1])

    def _rate(self) -> Any:
        """The logits, or 1 where the density is almost even."""
        return pointwise.where(self._even(), 1.0, self.logits)

    @property
    def mean(self) -> Any:
        rate, small = self._rate(), self.logits
        return pointwise.where(self._even(), 0.5 + small / 12 - small**3 / 720, -1 / (-rate).expm1() - 1 / rate)

    @property
    def variance(self) -> Any:
        rate, square = self._rate(), self.logits**2
        near = 1 / 12 - square / 240 + square**2 / 6048
        return pointwise.where(self._even(), near, rate**-2 - 0.25 / (rate / 2).sinh() ** 2)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(uniform_numbers(self._param, self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return logits * value - self._log_normalizer(self.logits)

    def cdf(self, value: Any) -> Any:
        rate, inner = self._rate(), self._checked(value).clamp(0, 1)
        positive = -rate.abs()  # of the two forms the one that does not overflow
        below = pointwise.where(rate > 0, 1 - inner, inner)
        share = (positive * below).expm1() / positive.expm1()
        return pointwise.where(self._even(), inner, pointwise.where(rate > 0, 1 - share, share))

    def icdf(self, value: Any) -> Any:
        rate = self._rate()
        falling = -rate.abs()
        share = pointwise.where(rate > 0, 1 - value, value)
        below = (share * falling.expm1()).log1p() / falling
        return pointwise.where(self._even(), value, pointwise.where(rate > 0, 1 - below, below))

    def entropy(self) -> Any:
        return self._log_normalizer(self.logits) - self.logits * self.mean

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Any) -> Any:
        """log((exp(x) - 1) / x)."""
        (x,) = natural_params
        even = (x > 4 * self._lims[0] - 2) & (x <= 4 * self._lims[1] - 2)
        size = pointwise.where(even, 1.0, x.abs())
        far = pointwise.where(x > 0, x, 0.0) + ((-size).expm1() / -size).log()
        return pointwise.where(even, x / 2 + x**2 / 24 - x**4 / 2880, far)
