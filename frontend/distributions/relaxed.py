"""Choices relaxed to numbers between, through which gradients flow (Maddison, Mnih, Teh, "The concrete distribution",
2017; Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax", 2017)."""

from __future__ import annotations

from typing import Any

from brasa.distributions import constraints
from brasa.distributions.categorical import OverCategorical
from brasa.distributions.distribution import Distribution
from brasa.distributions.draws import gumbel_numbers, logistic_numbers
from brasa.distributions.parameters import ProbsOrLogits, broadcast_all, softplus
from brasa.distributions.transformed import TransformedDistribution
from brasa.distributions.transforms import ExpTransform, SigmoidTransform
from brasa.functions import pointwise
from brasa.functions.reduction import logsumexp


class LogitRelaxedBernoulli(ProbsOrLogits, Distribution):
    """The logits of RelaxedBernoulli."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._take(probs, logits)
        super().__init__(self.param_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Any:
        noise = logistic_numbers(self._param, self._extended_shape(sample_shape))
        return (self.logits + noise) / self.temperature

    def log_prob(self, value: Any) -> Any:
        logits, value, temperature = broadcast_all(self.logits, self._checked(value), self.temperature)
        away = logits - value * temperature
        return temperature.log() + away - 2 * softplus(away)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1 that approach those of a Bernoulli distribution as temperature falls."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """How soft the choice is."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Any:
        """The probabilities of 1."""
        return self.base_dist.probs

    @property
    def logits(self) -> Any:
        """The logarithms of their odds."""
        return self.base_dist.logits


class ExpRelaxedCategorical(OverCategorical):
    """The logarithms of RelaxedOneHotCategorical."""

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Any:
        scores = (self.logits + gumbel_numbers(self.logits, self._extended_shape(sample_shape))) / self.temperature
        return scores - logsumexp(scores, -1, True)

    def log_prob(self, value: Any) -> Any:
        count = self.event_shape[0]
        logits, value = broadcast_all(self.logits, self._checked(value))
        (temperature,) = broadcast_all(self.temperature)
        scores = logits - value * temperature
        norm = pointwise.lgamma(logits.new_full((), count)) + (count - 1) * temperature.log()
        return (scores - logsumexp(scores, -1, True)).sum(-1) + norm


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors that sum to 1 and approach one-hot ones as temperature falls."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    temperature = RelaxedBernoulli.temperature
    probs = RelaxedBernoulli.probs
    logits = RelaxedBernoulli.logits
