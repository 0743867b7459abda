"""Distributions of what lasts, or exceeds a bound: exponential, Weibull's, Pareto's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.distributions import constraints
from brasa.distributions.constraints import dependent_property
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import exponential_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.parameters import broadcast_all
from brasa.functions import pointwise


class Exponential(ExponentialFamily):
    """The time until what happens `rate` times in a unit of time."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return 1 / self.rate

    @property
    def mode(self) -> Any:
        return self.rate * 0

    @property
    def stddev(self) -> Any:
        return 1 / self.rate

    @property
    def variance(self) -> Any:
        return self.rate**-2

    def rsample(self, sample_shape: Any = ()) -> Any:
        return exponential_numbers(self.rate, self._extended_shape(sample_shape)) / self.rate

    def log_prob(self, value: Any) -> Any:
        return self.rate.log() - self.rate * self._checked(value)

    def cdf(self, value: Any) -> Any:
        return -(-self.rate * self._checked(value)).expm1()

    def icdf(self, value: Any) -> Any:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Any:
        return 1 - self.rate.log()

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (-self.rate,)

    def _log_normalizer(self, *natural_params: Any) -> Any:
        return -(-natural_params[0]).log()


class Weibull(Distribution):
    """A power, 1 / concentration, of an exponential time, times scale."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(self.scale.shape, validate_args=validate_args)

    def _moment(self, power: int) -> Any:
        return self.scale**power * (1 + power / self.concentration).lgamma().exp()

    @property
    def mean(self) -> Any:
        return self._moment(1)

    @property
    def mode(self) -> Any:
        return self.scale * (1 - 1 / self.concentration).clamp(min=0) ** (1 / self.concentration)

    @property
    def variance(self) -> Any:
        return self._moment(2) - self.mean**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        time = exponential_numbers(self.scale, self._extended_shape(sample_shape))
        return self.scale * time ** (1 / self.concentration)

    def log_prob(self, value: Any) -> Any:
        k, logs = self.concentration, (self._checked(value) / self.scale).log()
        return (k / self.scale).log() + (k - 1) * logs - (k * logs).exp()

    def cdf(self, value: Any) -> Any:
        return -(-((self._checked(value) / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Any) -> Any:
        return self.scale * (-(-value).log1p()) ** (1 / self.concentration)

    def entropy(self) -> Any:
        k = self.concentration
        return float(np.euler_gamma) * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(Distribution):
    """Numbers from `scale` on that exceed x with the probability (scale / x)**alpha."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    has_rsample = True

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @dependent_property
    def support(self) -> Any:
        """From scale on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Any:
        """Infinite for alpha up to 1."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        """Infinite for alpha up to 2."""
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.scale * (exponential_numbers(self.scale, self._extended_shape(sample_shape)) / self.alpha).exp()

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value)
        return self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * value.log()

    def cdf(self, value: Any) -> Any:
        return -(self.alpha * (self.scale / self._checked(value)).log()).expm1()

    def icdf(self, value: Any) -> Any:
        return self.scale * (-(-value).log1p() / self.alpha).exp()

    def entropy(self) -> Any:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class GeneralizedPareto(Distribution):
    """By how much numbers exceed a high bound loc: exponential for concentration 0, with heavier tails above it."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @dependent_property
    def support(self) -> Any:
        """From loc on; for negative concentrations to where the density ends."""
        negative = pointwise.where(self.concentration < 0, self.concentration, -1.0)
        end = pointwise.where(self.concentration < 0, self.loc - self.scale / negative, math.inf)
        return constraints.interval(self.loc, end)

    @property
    def mean(self) -> Any:
        """NaN for concentrations from 1 on."""
        k = pointwise.where(self.concentration < 1, self.concentration, math.nan)
        return self.loc + self.scale / (1 - k)

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        """NaN for concentrations from 0.5 on."""
        k = pointwise.where(self.concentration < 0.5, self.concentration, math.nan)
        return self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k))

    def _stretched(self, time: Any) -> Any:
        """The number that is exceeded as seldom as this exponential time."""
        k = pointwise.where(self.concentration == 0, 1.0, self.concentration)
        bent = (k * time).expm1() / k
        return self.loc + self.scale * pointwise.where(self.concentration == 0, time, bent)

    def _time(self, value: Any) -> Any:
        """The inverse of it."""
        z = (self._checked(value) - self.loc) / self.scale
        k = pointwise.where(self.concentration == 0, 1.0, self.concentration)
        return pointwise.where(self.concentration == 0, z, (k * z).log1p() / k)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._stretched(exponential_numbers(self.loc, self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        return -(1 + self.concentration) * self._time(value) - self.scale.log()

    def cdf(self, value: Any) -> Any:
        return -(-self._time(value)).expm1()

    def icdf(self, value: Any) -> Any:
        return self._stretched(-(-value).log1p())

    def entropy(self) -> Any:
        return 1 + self.scale.log() + self.concentration
