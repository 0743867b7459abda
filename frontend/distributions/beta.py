"""Distributions of shares: beta, Dirichlet's, Kumaraswamy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.distributions import constraints
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import exponential_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.parameters import broadcast_all
from brasa.functions import pointwise
from brasa.functions.counting import one_hot
from brasa.functions.gamma_sampling import dirichlet
from brasa.functions.joining import stack
from brasa.functions.special import xlog1py
from brasa.ir.errors import ShapeError
from brasa.tensors.dtype_facts import finfo


def _inside(shares: Any) -> Any:
    """Shares between 0 and 1, not at them."""
    facts = finfo(shares.dtype)
    return shares.clamp(min=facts.tiny, max=1 - facts.eps / 2)


class Dirichlet(ExponentialFamily):
    """Vectors that sum to 1, with the powers concentration - 1 of their numbers as density.

    ShapeError for a concentration without dims.
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ShapeError("concentration needs at least one dim", op="Dirichlet")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Any:
        """A corner where all concentrations are below 1."""
        above = (self.concentration - 1).clamp(min=0)
        corner = one_hot(self.concentration.argmax(-1), self.event_shape[0]).to(above.dtype)
        total = above.sum(-1, True)
        return pointwise.where(total > 0, above / pointwise.where(total > 0, total, 1.0), corner)

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return _inside(dirichlet(self.concentration.expand(self._extended_shape(sample_shape))))

    def log_prob(self, value: Any) -> Any:
        powers = (self.concentration - 1).xlogy(self._checked(value)).sum(-1)
        return powers - self._log_normalizer(self.concentration)

    def entropy(self) -> Any:
        a, count = self.concentration, self.event_shape[0]
        total = a.sum(-1)
        return self._log_normalizer(a) + (total - count) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.concentration,)

    @property
    def _mean_carrier_measure(self) -> Any:
        """Of minus the sum of the logarithms."""
        a = self.concentration
        return (a.sum(-1, True).digamma() - a.digamma()).sum(-1)

    def _log_normalizer(self, *natural_params: Any) -> Any:
        (a,) = natural_params
        return a.lgamma().sum(-1) - a.sum(-1).lgamma()


class Beta(ExponentialFamily):
    """Numbers x of density proportional to x**(concentration1 - 1) (1 - x)**(concentration0 - 1)."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return a * b / ((a + b) ** 2 * (a + b + 1))

    @property
    def _dirichlet(self) -> Dirichlet:
        return Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args=False)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.concentration1, self.concentration0, self._checked(value)
        return (a - 1).xlogy(value) + xlog1py(b - 1, -value) - self._log_normalizer(a, b)

    def entropy(self) -> Any:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return self.concentration1, self.concentration0

    @property
    def _mean_carrier_measure(self) -> Any:
        return self._dirichlet._mean_carrier_measure

    def _log_normalizer(self, *natural_params: Any) -> Any:
        a, b = natural_params
        return a.lgamma() + b.lgamma() - (a + b).lgamma()


class Kumaraswamy(Distribution):
    """Numbers of the distribution function 1 - (1 - x**concentration1)**concentration0."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    def _moment(self, power: int) -> Any:
        a, b = self.concentration1, self.concentration0
        first = 1 + power / a
        return (b.log() + first.lgamma() + b.lgamma() - (first + b).lgamma()).exp()

    @property
    def mean(self) -> Any:
        return self._moment(1)

    @property
    def mode(self) -> Any:
        """NaN where the density has no greatest value inside."""
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & (a * b > 1)
        return pointwise.where(inside, ((a - 1) / (a * b - 1)) ** (1 / a), math.nan)

    @property
    def variance(self) -> Any:
        return self._moment(2) - self.mean**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        time = exponential_numbers(self.concentration1, self._extended_shape(sample_shape))
        return _inside((-(-time / self.concentration0).expm1()) ** (1 / self.concentration1))

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.concentration1, self.concentration0, _inside(self._checked(value))
        return a.log() + b.log() + (a - 1) * value.log() + (b - 1) * (-(value**a)).log1p()

    def cdf(self, value: Any) -> Any:
        inner = self._checked(value) ** self.concentration1
        return -(self.concentration0 * (-inner).log1p()).expm1()

    def icdf(self, value: Any) -> Any:
        return (-((-value).log1p() / self.concentration0).expm1()) ** (1 / self.concentration1)

    def entropy(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + (1 - 1 / a) * ((b + 1).digamma() + float(np.euler_gamma)) - a.log() - b.log()
