"""Several tensors to one, one to several, and other arrangements of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.function import function
from brasa.ir.errors import ArgumentError, ShapeError
from brasa.ir.ops import move
from brasa.operators import operator
from brasa.primitive import apply, axis_of, cast, common_dtype, type_of
from brasa.tensor import Tensor
from brasa.views import narrow, unsqueeze

__all__ = [
    "cat", "chunk", "flip", "split", "stack",
]  # fmt: skip


@function(inline=True)
def _cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    kept = [tensor for tensor in tensors if type_of(tensor).shape != (0,)] or list(tensors[:1])
    dtype = common_dtype(*tensors)
    axis = axis_of(dim, kept[0].ndim, "cat")
    return apply(move.concat, *(cast(tensor, dtype) for tensor in kept), axis=axis)


@operator(out=True)
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along an axis."""
    if not isinstance(tensors, tuple | list) or not tensors:
        raise ArgumentError("expects a list of at least one tensor", op="cat")
    return _cat(tuple(tensors), dim)


@operator(out=True)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors side by side along a new axis."""
    if not isinstance(tensors, tuple | list) or not tensors:
        raise ArgumentError("expects a list of at least one tensor", op="stack")
    shapes = [tuple(tensor.shape) for tensor in tensors]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(f"tensor {number} has shape {list(shape)}, tensor 0 {list(shapes[0])}", op="stack")
    return _cat(tuple(unsqueeze(tensor, dim) for tensor in tensors), dim)


@operator(method=True)
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of an axis: of equal size (the last may be smaller), or of the given sizes."""
    size = int(tensor.shape[axis_of(dim, tensor.ndim, "split")])
    given = split_size_or_sections
    parts = [given] * (size // given) + ([size % given] if size % given else []) if isinstance(given, int) else given
    if sum(parts) != size:
        raise ShapeError(f"sections {list(parts)} do not add up to {size}", op="split")
    starts = [sum(parts[:i]) for i in range(len(parts))]
    return tuple(narrow(tensor, dim, start, length) for start, length in zip(starts, parts, strict=True))


@operator(method=True)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` consecutive parts of an axis, all but the last of equal size."""
    size = int(input.shape[axis_of(dim, input.ndim, "chunk")])
    return split(input, max(1, -(-size // chunks)), dim)


@operator(method=True)
@function(inline=True)
def flip(input: Tensor, dims: Any) -> Tensor:
    """The order along some axes reversed."""
    shape = type_of(input).shape
    turned = {axis_of(axis, len(shape), "flip") for axis in (dims if isinstance(dims, tuple) else (dims,))}
    return apply(
        move.slice_, input,
        starts=tuple(n - 1 if a in turned else 0 for a, n in enumerate(shape)), sizes=shape,
        steps=tuple(-1 if a in turned else 1 for a in range(len(shape))),
    )  # fmt: skip
