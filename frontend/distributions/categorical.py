"""Choices of one of several places, as its number or as a vector."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.constraints import dependent_property
from brasa.distributions.distribution import Distribution
from brasa.distributions.parameters import ProbsOrLogits, broadcast_all
from brasa.functions.counting import one_hot
from brasa.functions.reduction import logsumexp
from brasa.functions.sampling import multinomial
from brasa.ir.dtype import int64
from brasa.ir.errors import ShapeError
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.ranges import arange, eye
from brasa.tensors.spec import Size


class Categorical(ProbsOrLogits, Distribution):
    """The places 0..n-1 along the last dim of probs or logits, which are normalised; values are int64.

    ValueError unless one of the two is given, ShapeError for a parameter without dims.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        given = self._param
        if given.ndim < 1:
            raise ShapeError("the parameter needs at least one dim", op=type(self).__name__)
        if probs is not None:
            self.probs = given / given.sum(-1, keepdim=True)
        else:
            self.logits = given - logsumexp(given, -1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @dependent_property(is_discrete=True)
    def support(self) -> Any:
        """The places."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Any:
        """NaN: places have no mean."""
        return self.probs.sum(-1) * float("nan")

    @property
    def mode(self) -> Any:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Any:
        """NaN: places have no variance."""
        return self.mean

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = Size(sample_shape)
        with no_grad():
            rows = self.probs.reshape((-1, self._num_events))
            return multinomial(rows, shape.numel(), True).mT.reshape(self._extended_shape(shape))

    def log_prob(self, value: Any) -> Any:
        place, logits = _index_into(self._checked(value), self.logits)
        return logits.gather(-1, place).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        places = arange(self._num_events, dtype=int64, device=self._param.device)
        values = places.reshape((-1, *(1,) * len(self.batch_shape)))
        return values.expand((-1, *self.batch_shape)) if expand else values


def _index_into(value: Any, logits: Any) -> tuple[Any, Any]:
    """Places as an index of one along the last dim, and logits, broadcast over each other."""
    index = value.to(int64).unsqueeze(-1)
    index, logits = broadcast_all(index, logits)
    return index[..., :1], logits


class OverCategorical(Distribution):
    """A distribution of vectors that is made of a Categorical."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self.param_shape[-1:], validate_args=False)
        self._validate_args = self._categorical._validate_args  # which has checked the parameters

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._categorical.param_shape

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", type(self).__name__)


class OneHotCategorical(OverCategorical):
    """Vectors with a one at the chosen place and zeros elsewhere, in the dtype of the parameter."""

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        return self._one_hot(self._categorical.mode)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def _one_hot(self, places: Any) -> Any:
        return one_hot(places, self.event_shape[0]).to(self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Any:
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        size = self.event_shape[0]
        values = eye(size, dtype=self.probs.dtype, device=self.probs.device)
        values = values.reshape((size, *(1,) * len(self.batch_shape), size))
        return values.expand((size, *self.batch_shape, size)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot vectors whose gradient is that of the probabilities (Bengio, Léonard, Courville, "Estimating or
    propagating gradients through stochastic neurons for conditional computation", 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
