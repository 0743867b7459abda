"""What the programs of the fuzzer call beside brasa: values of any shape made from any value."""

from __future__ import annotations

from typing import Any

import brasa
from brasa import Tensor


def fit(value: Tensor, *shape: int) -> Tensor:
    """The value's elements, repeated and cut, in another shape; zeros where it has none."""
    count = 1
    for size in shape:
        count *= size
    have = value.numel()
    if have == 0:
        return value.new_zeros(shape)
    return value.reshape(-1).repeat(count // have + 1)[:count].reshape(shape)


def positive(value: Tensor, *shape: int) -> Tensor:
    """As fit, but square and positive definite, whatever the value."""
    square = fit(value, *shape).nan_to_num().clamp(-1, 1)
    return square @ square.mT + shape[-1] * brasa.eye(shape[-1], dtype=value.dtype)


def paired(value: Tensor, *shape: int) -> Tensor:
    """As fit, complex."""
    return brasa.complex(fit(value, *shape), fit(value.exp(), *shape))


def total(*values: Tensor) -> Tensor:
    """A loss that every value has a part in."""
    loss = brasa.zeros(())
    for number, value in enumerate(values, 1):
        loss = loss + (value.tanh() * number).mean()
    return loss


def leaves(value: Any) -> list[Tensor | None]:
    """The tensors and Nones in nested tuples, lists and dicts."""
    if value is None or isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list | tuple) else []
