"""Distributions of counts: binomial, multinomial, negative binomial, geometric, Poisson's."""

from __future__ import annotations

from typing import Any

from brasa.autograd import no_grad
from brasa.distributions import constraints
from brasa.distributions.categorical import OverCategorical
from brasa.distributions.constraints import dependent_property
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import exponential_numbers
from brasa.distributions.exponential_family import ExponentialFamily
from brasa.distributions.gamma import Gamma
from brasa.distributions.parameters import ProbsOrLogits, broadcast_all, softplus
from brasa.functions import pointwise
from brasa.functions.distributions import binomial, poisson
from brasa.functions.neural.activation import logsigmoid
from brasa.functions.special import xlog1py
from brasa.ir.errors import NotImplementedError, ValueError
from brasa.tensors.creation import zeros
from brasa.tensors.ranges import arange


class Binomial(ProbsOrLogits, Distribution):
    """How many of total_count trials succeed, each with probability probs."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real,
    }  # fmt: skip
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.to(self._param.dtype)
        super().__init__(self.param_shape, validate_args=validate_args)

    @dependent_property(is_discrete=True)
    def support(self) -> Any:
        """The counts that can be."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        count, prob = (each.expand(shape).reshape(-1) for each in (self.total_count, self.probs))
        return binomial(count, prob).reshape(shape)

    def log_prob(self, value: Any) -> Any:
        count, value = self.total_count, self._checked(value)
        choices = (count + 1).lgamma() - (value + 1).lgamma() - (count - value + 1).lgamma()
        return choices + value * self.logits - count * softplus(self.logits)

    def entropy(self) -> Any:
        """A sum over all counts, so total_count must be the same everywhere."""
        logs = self.log_prob(self.enumerate_support(False))
        return -(logs.exp() * logs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        count = int(self.total_count.max())
        if not bool((self.total_count == count).all()):
            raise NotImplementedError("different total_counts have different values", op="Binomial")
        values = arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((-1, *(1,) * len(self.batch_shape)))
        return values.expand((-1, *self.batch_shape)) if expand else values


class Multinomial(OverCategorical):
    """How often each place is chosen in total_count choices.

    ValueError for a total_count that is no int: several in a batch are not supported.
    """

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise ValueError(f"total_count must be an int, not {type(total_count).__name__}", op="Multinomial")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Vectors of counts."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            places = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
            like = self.probs
            ones = like.new_ones(places.shape)
            none = zeros(self._extended_shape(sample_shape), dtype=like.dtype, device=like.device)
            return none.scatter_add(-1, places, ones)

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        powers = pointwise.where(value == 0, 0.0, logits) * value
        return (value.sum(-1) + 1).lgamma() + (powers - (value + 1).lgamma()).sum(-1)

    def entropy(self) -> Any:
        """That of the choices in order, less what their order adds."""
        each = Binomial(self.total_count, probs=self.probs, validate_args=False)
        counts = each.enumerate_support(False)
        orders = (each.log_prob(counts).exp() * (counts + 1).lgamma()).sum((0, -1))
        every = (self.probs.new_full((), self.total_count) + 1).lgamma()
        return self.total_count * self._categorical.entropy() - every + orders


class NegativeBinomial(ProbsOrLogits, Distribution):
    """How many trials of probability probs succeed before total_count have failed; total_count may be any number."""

    arg_constraints = {
        "total_count": constraints.nonnegative, "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.to(self._param.dtype)
        super().__init__(self.param_shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1).clamp(min=0) * self.logits.exp()).floor()

    @property
    def variance(self) -> Any:
        return self.mean / pointwise.sigmoid(-self.logits)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            rate = Gamma(self.total_count, (-self.logits).exp(), validate_args=False).sample(sample_shape)
            return poisson(rate)

    def log_prob(self, value: Any) -> Any:
        count, value = self.total_count, self._checked(value)
        choices = (count + value).lgamma() - (value + 1).lgamma() - count.lgamma()
        choices = pointwise.where(count + value == 0, 0.0, choices)
        return choices + count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)


class Geometric(ProbsOrLogits, Distribution):
    """How many trials fail before the first that succeeds, with probability probs."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits)
        super().__init__(self.param_shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._require("probs", self.probs, constraints.positive)

    @property
    def mean(self) -> Any:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Any:
        return self.probs * 0

    @property
    def variance(self) -> Any:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return (
                exponential_numbers(self._param, self._extended_shape(sample_shape)) / -(-self.probs).log1p()
            ).floor()

    def log_prob(self, value: Any) -> Any:
        return xlog1py(self._checked(value), -self.probs) + self.probs.log()

    def entropy(self) -> Any:
        return (softplus(self.logits) - self.logits * self.probs) / self.probs


class Poisson(ExponentialFamily):
    """How many events happen of which `rate` are expected."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.rate

    @property
    def mode(self) -> Any:
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Any:
        return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        value = self._checked(value)
        return value.xlogy(self.rate) - self.rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, *natural_params: Any) -> Any:
        return natural_params[0].exp()
