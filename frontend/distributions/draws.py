"""Random numbers without parameters, in a shape and in dtype and device of a parameter."""

from __future__ import annotations

from typing import Any

from brasa.functions.filling import exponential
from brasa.functions.sampling import rand, randn
from brasa.tracing.primitive import carrier


def uniform_numbers(like: Any, shape: Any) -> Any:
    """Uniform numbers in [0, 1)."""
    return rand(shape, dtype=like.dtype, device=like.device)


def normal_numbers(like: Any, shape: Any) -> Any:
    """Normal numbers of mean 0 and variance 1."""
    return randn(shape, dtype=like.dtype, device=like.device)


def exponential_numbers(like: Any, shape: Any) -> Any:
    """Exponential numbers of mean 1, precise near 0 too."""
    return exponential(carrier(shape, like.dtype, str(like.device)))


def gumbel_numbers(like: Any, shape: Any) -> Any:
    """Minus the logarithms of exponential numbers."""
    return -exponential_numbers(like, shape).log()


def logistic_numbers(like: Any, shape: Any) -> Any:
    """Logits of uniform numbers, precise at both ends: differences of two Gumbel numbers."""
    return gumbel_numbers(like, shape) - gumbel_numbers(like, shape)
