"""What functions of images share: options per spatial axis, forms for small images, axes of batches."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from brasa._state import STATE
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.primitive import current, expand, reshape, type_of


def per_axis(value: Any, count: int, name: str) -> tuple[int, ...]:
    """One int for each spatial axis, from one int or several."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(values) == 1:
        values = values * count
    if len(values) != count or any(isinstance(v, bool) or not hasattr(v, "__index__") for v in values):
        raise ArgumentError(f"{name} must be an int or {count} ints, not {value}")
    return tuple(map(int, values))


def check_rank(op: str, input: Tensor, spatial: int) -> None:
    """Raise unless the input is a tensor of images [n, c, *sizes] or of one image, none of them empty."""
    require_tensors(op, input=input)
    if input.ndim not in (spatial + 1, spatial + 2):
        raise ShapeError(f"input must have {spatial + 1} or {spatial + 2} axes, it has {input.ndim}", op=op)
    if any(size == 0 for size in input.shape[-spatial - 1 :]):
        raise ShapeError(f"only the batch may be empty, input has the shape {list(input.shape)}", op=op)


def check_positive(op: str, **options: Sequence[int]) -> None:
    """Raise unless all numbers of these options are at least 1."""
    for name, values in options.items():
        if min(values) < 1:
            raise ValueError(f"{name} must be positive, not {list(values)}", op=op)


_SMALL = 64 * 64  # positions of an image
_MANY = 16  # images: fewer are not worth a form of their own


def is_small(input: Tensor, spatial: int = 2) -> bool:
    """Whether an eager function shall have a form for these image sizes alone: loops of known length are several
    times faster on small images. A traced program keeps its sizes open."""
    if STATE.trace is not None or input.ndim < spatial:
        return False
    return prod(input.shape[-spatial:]) <= _SMALL and prod(input.shape[:-spatial]) >= _MANY


def fix_plane(input: Tensor, small: bool, spatial: int = 2) -> None:
    """Fix the image sizes of a traced tensor, if its images are small."""
    for size in type_of(input).shape[-spatial:] if small else ():
        current().scope.fix(size)


def counted(shape: Sequence[Size], axis: int) -> Tensor:
    """The place along one axis of each element of a shape."""
    return current().fresh(current().record(iota(axis=axis, type=TensorType(tuple(shape), int64))))


def along(vector: Tensor, axis: int, shape: Sequence[Size]) -> Tensor:
    """A vector in the place of one axis of a shape, the same along the others."""
    count = type_of(vector).shape[0]
    column = reshape(vector, [count if a == axis else 1 for a in range(len(shape))])
    return expand(column, tuple(count if a == axis else n for a, n in enumerate(shape)))
