"""What convolution and pooling share: options per spatial axis, and forms for small images."""

from __future__ import annotations

from math import prod
from typing import Any

from brasa._state import STATE
from brasa.ir.errors import ArgumentError
from brasa.primitive import current, type_of
from brasa.tensor import Tensor


def per_axis(value: Any, count: int, name: str) -> tuple[int, ...]:
    """One int for each spatial axis, from one int or several."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(values) == 1:
        values = values * count
    if len(values) != count or not all(isinstance(v, int) for v in values):
        raise ArgumentError(f"{name} must be an int or {count} ints, not {value}")
    return values


_SMALL = 64 * 64  # positions of an image


def is_small(input: Tensor) -> bool:
    """Whether an eager function shall have a form for these image sizes alone: loops of known length are several
    times faster on small images. A traced program keeps its sizes open."""
    return STATE.trace is None and input.ndim > 1 and prod(input.shape[-2:]) <= _SMALL


def fix_plane(input: Tensor, small: bool) -> None:
    for size in type_of(input).shape[-2:] if small else ():
        current().scope.fix(size)
