"""What parameters of distributions go through: broadcasting, and the ways between probabilities and their logits."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from brasa.autograd import enable_grad
from brasa.functions import pointwise
from brasa.functions.axes import broadcast_tensors
from brasa.functions.neural.activation import logsigmoid
from brasa.functions.normalizing import softmax
from brasa.ir.errors import ValueError
from brasa.tensors.creation import full
from brasa.tensors.dtype_facts import finfo
from brasa.tensors.tensor import Tensor


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Tensors and numbers as tensors of one shape; numbers take dtype and device of the first tensor.

    ValueError for what is neither.
    """
    for value in values:
        if not isinstance(value, Tensor | Number):
            raise ValueError(f"parameters must be tensors or numbers, not {type(value).__name__}", op="broadcast_all")
    first = next((value for value in values if isinstance(value, Tensor)), None)
    facts: dict[str, Any] = {} if first is None else {"dtype": first.dtype, "device": first.device}
    if first is None:
        values = tuple(float(value) for value in values)
    return broadcast_tensors(*(v if isinstance(v, Tensor) else full((), v, **facts) for v in values))


class lazy_property:
    """An attribute that is computed when it is first read, with gradients whatever the mode is then."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute, self.__doc__, self.name = compute, compute.__doc__, compute.__name__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = instance.__dict__[self.name] = self.compute(instance)
        return value


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), precise everywhere."""
    return -logsigmoid(-x)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept one rounding away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """The logarithms of probabilities, or of their odds if is_binary; finite for 0 and 1 too."""
    inner = clamp_probs(probs)
    return inner.log() - (-inner).log1p() if is_binary else inner.log()


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """The probabilities whose logarithms, up to a constant, or odds' logarithms the logits are."""
    return pointwise.sigmoid(logits) if is_binary else softmax(logits, -1)


class ProbsOrLogits:
    """The parameters `probs` and `logits` of a distribution, of which one is given and the other follows."""

    _is_binary = True

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Any, ...]:
        """Keep the one that is given, in one shape with the other parameters, which are returned."""
        if (probs is None) == (logits is None):
            raise ValueError("give either probs or logits, not both", op=type(self).__name__)
        name = "logits" if probs is None else "probs"
        self.__dict__[name], *rest = broadcast_all(logits if probs is None else probs, *others)
        return tuple(rest)

    @property
    def _param(self) -> Any:
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @lazy_property
    def logits(self) -> Any:
        """The logarithms of the odds, or of the probabilities."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property
    def probs(self) -> Any:
        """The probabilities."""
        return logits_to_probs(self.logits, self._is_binary)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.shape
