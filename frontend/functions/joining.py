"""Several tensors to one: end to end along an axis, or side by side along a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions.axes import atleast_1d, atleast_2d, atleast_3d
from brasa.ir.errors import ArgumentError, IndexError, ShapeError, ValueError
from brasa.ir.ops import move
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import reshape, unsqueeze
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axis_of, cast, common_dtype, constant, type_of

__all__ = [
    "_chunk_cat", "cat", "column_stack", "concat", "concatenate", "dstack", "hstack", "row_stack", "stack", "vstack",
]  # fmt: skip


_TOGETHER = 16  # tensors that one function joins


def _checked(tensors: Any, op: str) -> tuple[Tensor, ...]:
    if not isinstance(tensors, tuple | list):
        raise ArgumentError(f"expects a list of tensors, found {type(tensors).__name__}", op=op)
    if not tensors:
        raise ValueError("expects at least one tensor", op=op)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ArgumentError(f"expects tensors, found {type(tensor).__name__}", op=op)
    return tuple(tensors)


@function(inline=True)
def _cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    dtype, rank = common_dtype(*tensors), max(tensor.ndim for tensor in tensors)
    kept = [tensor for tensor in tensors if tensor.ndim == rank]
    axis = axis_of(dim, rank, "cat")
    return apply(move.concat, *(cast(tensor, dtype) for tensor in kept), axis=axis)


@function(inline=True)
def _stack(tensors: Sequence[Tensor], axis: int) -> Tensor:
    dtype = common_dtype(*tensors)
    return apply(move.concat, *(unsqueeze(cast(tensor, dtype), axis) for tensor in tensors), axis=axis)


def _joined(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """The tensors one after the other; many alike in groups, because a function of many takes long to compile."""
    while len(tensors) > _TOGETHER and len({(tensor.dtype, tensor.ndim) for tensor in tensors}) == 1:
        tensors = [_cat(tuple(tensors[i : i + _TOGETHER]), dim) for i in range(0, len(tensors), _TOGETHER)]
    return _cat(tuple(tensors), dim)


@operator(out=True, aliases=("concat", "concatenate"))
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along an axis. Empty vectors are left out."""
    given = _checked(tensors, "cat")
    rank = max(tensor.ndim for tensor in given)
    for number, tensor in enumerate(given):
        if tensor.ndim == 0:
            raise ShapeError("a zero-dim tensor has no axis to be joined along", op="cat")
        if tensor.ndim != rank and not (tensor.ndim == 1 and tensor.shape[0] == 0):
            raise ShapeError(f"tensor {number} is {type_text(tensor)}, another has {rank} axes", op="cat")
    return _joined(given, dim)


concat = concatenate = cat


@operator(out=True)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors side by side along a new axis."""
    given = _checked(tensors, "stack")
    shapes = [tuple(tensor.shape) for tensor in given]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(f"tensor {number} has shape {list(shape)}, tensor 0 {list(shapes[0])}", op="stack")
    rank = given[0].ndim + 1
    if not -rank <= dim < rank:
        raise IndexError(f"dim {dim} is outside {-rank}..{rank - 1}", op="stack")
    if len(given) <= _TOGETHER:
        return _stack(given, dim % rank)
    return _joined([unsqueeze(tensor, dim) for tensor in given], dim)


@operator(out=True)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one after the other along the second axis, vectors along the only one."""
    given = tuple(atleast_1d(tensor) for tensor in _checked(tensors, "hstack"))
    return cat(given, 0 if given[0].ndim == 1 else 1)


@operator(out=True, aliases=("row_stack",))
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one above the other; vectors are rows."""
    return cat(tuple(atleast_2d(tensor) for tensor in _checked(tensors, "vstack")), 0)


row_stack = vstack


@operator(out=True)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one behind the other along the third axis."""
    return cat(tuple(atleast_3d(tensor) for tensor in _checked(tensors, "dstack")), 2)


@operator(out=True)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side; vectors and scalars are columns."""
    given = _checked(tensors, "column_stack")
    return cat(tuple(reshape(x, (x.numel(), 1)) if x.ndim <= 1 else x for x in given), 1)


@function(inline=True)
def _padded(tensor: Tensor, dim: int, after: int) -> Tensor:
    type = type_of(tensor)
    low, high = (0,) * type.rank, tuple(after if axis == dim else 0 for axis in range(type.rank))
    return apply(move.pad, tensor, constant(0, type.dtype), low=low, high=high)


@operator(out=True)
def _chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int) -> Tensor:
    """Each tensor filled up with zeros along an axis, cut there into equal chunks, and the chunks of all joined."""
    given = _checked(tensors, "_chunk_cat")
    if num_chunks < 1:
        raise ValueError(f"the number of chunks must be positive, found {num_chunks}", op="_chunk_cat")
    parts, axis = [], axis_of(dim, given[0].ndim, "_chunk_cat")
    for tensor in given:
        if tensor.dtype is not given[0].dtype:
            raise ValueError(f"dtypes differ, {tensor.dtype} and {given[0].dtype}", op="_chunk_cat")
        if not tensor.ndim or tensor.numel() == 0 or tuple(tensor.shape[:axis]) != tuple(given[0].shape[:axis]):
            raise ShapeError(f"{type_text(tensor)} cannot be joined after axis {axis} of {type_text(given[0])}",
                             op="_chunk_cat")  # fmt: skip
        after = -int(tensor.shape[axis]) % num_chunks
        whole = _padded(tensor, axis, after) if after else tensor
        parts.append(reshape(whole, (*whole.shape[:axis], num_chunks, -1)))
    return cat(parts, axis + 1)
