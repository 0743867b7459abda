"""Distributions on the whole line that are one shape, moved and scaled: Laplace's, Cauchy's, Gumbel's, uniform."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.distributions import constraints
from brasa.distributions.constraints import dependent_property
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import exponential_numbers, gumbel_numbers, uniform_numbers
from brasa.distributions.parameters import broadcast_all
from brasa.distributions.transformed import TransformedDistribution
from brasa.distributions.transforms import AbsTransform
from brasa.functions import pointwise
from brasa.ir.errors import ValueError


class _LocationScale(Distribution):
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mode(self) -> Any:
        return self.loc

    def _standard(self, value: Any) -> Any:
        return (self._checked(value) - self.loc) / self.scale


class Laplace(_LocationScale):
    """exp(-|x - loc| / scale), over its integral."""

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return 2 * self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.loc + self.scale * (exponential_numbers(self.loc, shape) - exponential_numbers(self.loc, shape))

    def log_prob(self, value: Any) -> Any:
        return -self._standard(value).abs() - (2 * self.scale).log()

    def cdf(self, value: Any) -> Any:
        z = self._standard(value)
        return 0.5 - 0.5 * z.sign() * (-z.abs()).expm1()

    def icdf(self, value: Any) -> Any:
        away = value - 0.5
        return self.loc - self.scale * away.sign() * (-2 * away.abs()).log1p()

    def entropy(self) -> Any:
        return 1 + (2 * self.scale).log()


class Cauchy(_LocationScale):
    """The ratio of two normal numbers, moved and scaled: it has no mean and no variance."""

    @property
    def mean(self) -> Any:
        """NaN."""
        return self.loc * math.nan

    @property
    def variance(self) -> Any:
        """Infinite."""
        return self.scale * math.inf

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(uniform_numbers(self.loc, self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        return -((self._standard(value) ** 2).log1p()) - self.scale.log() - math.log(math.pi)

    def cdf(self, value: Any) -> Any:
        return self._standard(value).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * ((value - 0.5) * math.pi).tan()

    def entropy(self) -> Any:
        return self.scale.log() + math.log(4 * math.pi)


class HalfCauchy(TransformedDistribution):
    """The absolute value of a Cauchy number around 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Any:
        """The median."""
        return self.base_dist.scale

    @property
    def mean(self) -> Any:
        """Infinite."""
        return self.scale * math.inf

    @property
    def mode(self) -> Any:
        return self.scale * 0

    @property
    def variance(self) -> Any:
        """Infinite."""
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Any:
        density = self.base_dist.log_prob(self._checked(value)) + math.log(2)
        return pointwise.where(value >= 0, density, -math.inf)

    def cdf(self, value: Any) -> Any:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Any) -> Any:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)


class Gumbel(_LocationScale):
    """The greatest of many numbers, moved and scaled: of the distribution function exp(-exp(-x))."""

    @property
    def mean(self) -> Any:
        return self.loc + self.scale * float(np.euler_gamma)

    @property
    def variance(self) -> Any:
        return (self.scale * math.pi) ** 2 / 6

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.loc + self.scale * gumbel_numbers(self.loc, self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        z = self._standard(value)
        return -z - (-z).exp() - self.scale.log()

    def cdf(self, value: Any) -> Any:
        return (-(-self._standard(value)).exp()).exp()

    def icdf(self, value: Any) -> Any:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Any:
        return self.scale.log() + 1 + float(np.euler_gamma)


class Uniform(Distribution):
    """Numbers from low to below high, all as likely. ValueError unless low is below high."""

    arg_constraints = {"low": constraints.dependent, "high": constraints.dependent}
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validate_args and not bool((self.low < self.high).all()):
            raise ValueError("low must be below high", op="Uniform")

    @dependent_property
    def support(self) -> Any:
        """From low to high."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Any:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Any:
        """NaN: none is more likely."""
        return math.nan * self.high

    @property
    def variance(self) -> Any:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.low + uniform_numbers(self.low, self._extended_shape(sample_shape)) * (self.high - self.low)

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value)
        inside = (value >= self.low) & (value < self.high)
        return pointwise.where(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Any) -> Any:
        return ((self._checked(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Any:
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Any:
        return (self.high - self.low).log()
