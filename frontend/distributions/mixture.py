"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.distributions.categorical import Categorical
from brasa.distributions.constraints import MixtureSameFamilyConstraint, dependent_property
from brasa.distributions.distribution import Distribution
from brasa.functions.normalizing import log_softmax
from brasa.functions.reduction import logsumexp
from brasa.ir.errors import ShapeError, ValueError


class MixtureSameFamily(Distribution):
    """A mixture of the distributions along the last dim of a batch, in the proportions of a Categorical.

    ValueError for a mixture_distribution that is none, ShapeError where the numbers of components differ.
    """

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError("mixture_distribution must be a Categorical", op="MixtureSameFamily")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("component_distribution must be a Distribution", op="MixtureSameFamily")
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        batch, found = component_distribution.batch_shape, mixture_distribution.batch_shape
        count = mixture_distribution.probs.shape[-1]
        if not batch or batch[-1] != count:
            raise ShapeError(f"the mixture has {count} components, the distribution of components the batch shape "
                             f"{list(batch)}", op="MixtureSameFamily")  # fmt: skip
        for size, other in zip(reversed(found), reversed(batch[:-1]), strict=False):
            if size != 1 and other != 1 and size != other:
                raise ShapeError(f"the mixture's batch shape {list(found)} does not fit the components', "
                                 f"{list(batch[:-1])}", op="MixtureSameFamily")  # fmt: skip
        self._num_component, self._event_ndims = count, len(component_distribution.event_shape)
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        return new

    @dependent_property
    def support(self) -> Any:
        """That of the components."""
        return MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The proportions."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _beside_events(self, value: Any) -> Any:
        return value.reshape((*value.shape, *(1,) * self._event_ndims))

    def _averaged(self, value: Any) -> Any:
        return (self._beside_events(self.mixture_distribution.probs) * value).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Any:
        return self._averaged(self.component_distribution.mean)

    @property
    def variance(self) -> Any:
        """The mean of variances, and the variance of means."""
        away = self.component_distribution.mean - self.mean.unsqueeze(-1 - self._event_ndims)
        return self._averaged(self.component_distribution.variance + away**2)

    def cdf(self, value: Any) -> Any:
        below = self.component_distribution.cdf(self._checked(value).unsqueeze(-1))
        return (below * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Any:
        spread = self._checked(value).unsqueeze(-1 - self._event_ndims)
        shares = log_softmax(self.mixture_distribution.logits, -1)
        return logsumexp(self.component_distribution.log_prob(spread) + shares, -1)

    def sample(self, sample_shape: Any = ()) -> Any:
        """A value of each component, of which one is taken."""
        with no_grad():
            chosen = self._beside_events(self.mixture_distribution.sample(sample_shape).unsqueeze(-1))
            values = self.component_distribution.sample(sample_shape)
            dim = values.ndim - 1 - self._event_ndims
            index = chosen.expand((*values.shape[:dim], 1, *values.shape[dim + 1 :]))
            return values.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self.mixture_distribution}, {self.component_distribution})"
