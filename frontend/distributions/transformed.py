"""Distributions of what transforms make of the values of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.constraints import dependent_property
from brasa.distributions.distribution import Distribution
from brasa.distributions.independent import Independent
from brasa.distributions.transform import sum_rightmost
from brasa.distributions.transforms import ComposeTransform, Transform
from brasa.ir.errors import ShapeError, ValueError


class TransformedDistribution(Distribution):
    """The distribution of transforms[-1](... transforms[0](x)), where x is of the base distribution.

    ValueError for transforms that are none, ShapeError for a base with fewer dims than they take.
    """

    def __init__(
        self, base_distribution: Distribution, transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(each, Transform) for each in self.transforms):
            raise ValueError("transforms must be a Transform or a list of them", op=type(self).__name__)
        base, whole = base_distribution, ComposeTransform(self.transforms)
        shape = base._extended_shape()
        if len(shape) < whole.domain.event_dim:
            raise ShapeError(f"the transforms take {whole.domain.event_dim} dims, the base distribution has the shape "
                             f"{list(shape)}", op=type(self).__name__)  # fmt: skip
        made = whole.forward_shape(shape)
        needed = whole.inverse_shape(made)
        if tuple(needed) != tuple(shape):
            base = base.expand(needed[: len(needed) - len(base.event_shape)])
        more = whole.domain.event_dim - len(base.event_shape)
        self.base_dist = Independent(base, more) if more > 0 else base
        change = whole.codomain.event_dim - whole.domain.event_dim
        rank = max(whole.codomain.event_dim, len(base.event_shape) + change)
        cut = len(made) - rank
        super().__init__(made[:cut], made[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self.event_shape))
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        return new

    @dependent_property
    def support(self) -> Any:
        """The codomain of the last transform, over whole events."""
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        more = len(self.event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        """The base's at the inverse, less the logarithms of what the transforms stretch by."""
        y, rank, stretched = self._checked(value), len(self.event_shape), 0.0
        for each in reversed(self.transforms):
            x = each.inv(y)
            rank += each.domain.event_dim - each.codomain.event_dim
            stretched = stretched + sum_rightmost(each.log_abs_det_jacobian(x, y), rank - each.domain.event_dim)
            y = x
        base = self.base_dist
        return sum_rightmost(base.log_prob(y), rank - len(base.event_shape)) - stretched

    def _turned(self, probability: Any) -> Any:
        """The probability, or where the transforms decrease, of the other side."""
        sign = ComposeTransform(self.transforms).sign
        return probability if isinstance(sign, int) and sign == 1 else sign * (probability - 0.5) + 0.5

    def cdf(self, value: Any) -> Any:
        return self._turned(self.base_dist.cdf(ComposeTransform(self.transforms).inv(self._checked(value))))

    def icdf(self, value: Any) -> Any:
        return ComposeTransform(self.transforms)(self.base_dist.icdf(self._turned(value)))
