"""The distribution of angles of von Mises."""

from __future__ import annotations

import math
from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.distribution import Distribution
from brasa.distributions.parameters import broadcast_all
from brasa.functions import pointwise
from brasa.functions.distributions import von_mises
from brasa.functions.special import i0e, i1e


class VonMises(Distribution):
    """Angles from -pi to pi of density proportional to exp(concentration * cos(x - loc))."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """The direction of the mean of points on the circle."""
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        """By how much the mean of points on the circle is shorter than 1."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            around = von_mises(self.concentration.expand(self._extended_shape(sample_shape)))
            return pointwise.remainder(around + self.loc + math.pi, 2 * math.pi) - math.pi

    def log_prob(self, value: Any) -> Any:
        height = self.concentration * ((self._checked(value) - self.loc).cos() - 1)
        return height - (2 * math.pi * i0e(self.concentration)).log()

    def entropy(self) -> Any:
        return self.concentration * self.variance + (2 * math.pi * i0e(self.concentration)).log()
