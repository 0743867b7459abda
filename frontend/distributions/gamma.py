"""The gamma distribution and its kin: chi-squared, inverse gamma, Fisher and Snedecor's, Student's."""

from __future__ import annotations

import math
from typing import Any

from brasa.distributions import constraints
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import normal_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.parameters import broadcast_all
from brasa.distributions.transformed import TransformedDistribution
from brasa.distributions.transforms import PowerTransform
from brasa.functions import pointwise
from brasa.functions.gamma_sampling import standard_gamma
from brasa.tensors.dtype_facts import finfo


class Gamma(ExponentialFamily):
    """The gamma distribution of this concentration (shape) and rate (1 over scale)."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return (self.concentration - 1).clamp(min=0) / self.rate

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        numbers = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        return (numbers / self.rate).clamp(min=finfo(numbers.dtype).tiny)

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.concentration, self.rate, self._checked(value)
        return a.xlogy(b) + (a - 1).xlogy(value) - b * value - a.lgamma()

    def cdf(self, value: Any) -> Any:
        a, x = broadcast_all(self.concentration, self.rate * self._checked(value))
        return pointwise.igamma(a, x)

    def entropy(self) -> Any:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Any) -> Any:
        power, rate = natural_params
        return (power + 1).lgamma() - (power + 1) * (-rate).log()


class Chi2(Gamma):
    """The sum of the squares of `df` normal numbers; df may be any positive number."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.concentration, new.rate = self.concentration.expand(batch_shape), self.rate.expand(batch_shape)
        return new

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2

    def __repr__(self) -> str:
        return f"Chi2(df: {self.df.tolist() if self.df.numel() == 1 else self.df.shape})"


class InverseGamma(TransformedDistribution):
    """1 over a number of a gamma distribution of this concentration and rate."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(base.rate.new_full((), -1)), validate_args=validate_args)

    @property
    def concentration(self) -> Any:
        """That of the gamma distribution."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Any:
        """That of the gamma distribution; the scale of this one."""
        return self.base_dist.rate

    @property
    def mean(self) -> Any:
        """Infinite for concentrations up to 1."""
        a = self.concentration
        return pointwise.where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Any:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        """Infinite for concentrations up to 2."""
        a = self.concentration
        return pointwise.where(a > 2, (self.rate / (a - 1)) ** 2 / (a - 2), math.inf)

    def entropy(self) -> Any:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class FisherSnedecor(Distribution):
    """The ratio of two chi-squared numbers, each over its degrees of freedom, df1 and df2."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """NaN for df2 up to 2."""
        return pointwise.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Any:
        """NaN for df1 up to 2."""
        value = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return pointwise.where(self.df1 > 2, value, math.nan)

    @property
    def variance(self) -> Any:
        """NaN for df2 up to 4."""
        m, n = self.df1, self.df2
        value = 2 * n**2 * (m + n - 2) / (m * (n - 2) ** 2 * (n - 4))
        return pointwise.where(n > 4, value, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        upper, lower = (standard_gamma((df / 2).expand(shape)) / df for df in (self.df1, self.df2))
        tiny = finfo(upper.dtype).tiny
        return (upper / lower.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.df1 / 2, self.df2 / 2, self._checked(value)
        ratio = self.df1 / self.df2
        norm = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return norm + a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()


class StudentT(Distribution):
    """Student's t distribution of `df` degrees of freedom, moved by loc and scaled."""

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """NaN for df up to 1."""
        return pointwise.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        """Infinite for df up to 2, NaN up to 1."""
        value = self.scale**2 * self.df / (self.df - 2)
        return pointwise.where(self.df > 2, value, pointwise.where(self.df > 1, math.inf, math.nan * self.df))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        normal = normal_numbers(self.df, shape)
        share = 2 * standard_gamma((self.df / 2).expand(shape)) / self.df
        return self.loc + self.scale * normal * share.clamp(min=finfo(share.dtype).tiny).rsqrt()

    def log_prob(self, value: Any) -> Any:
        y = (self._checked(value) - self.loc) / self.scale
        half = (self.df + 1) / 2
        norm = half.lgamma() - (self.df / 2).lgamma() - self.scale.log() - 0.5 * (math.pi * self.df).log()
        return norm - half * (y * y / self.df).log1p()

    def entropy(self) -> Any:
        half, rest = (self.df + 1) / 2, self.df / 2
        logs = (math.pi * self.df).log() / 2 + rest.lgamma() - half.lgamma()
        return self.scale.log() + half * (half.digamma() - rest.digamma()) + logs
