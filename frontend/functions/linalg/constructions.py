"""Tensors that are put together from others, or read out of them, by simple rules of algebra."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.arranging import meshgrid
from brasa.functions.joining import stack
from brasa.functions.linalg.matrices import built
from brasa.functions.reduction import sum as sum_of
from brasa.functions.strided import diagonal as diagonal_view
from brasa.ir.dim import product
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops import matrices, move
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import reshape as view_reshape
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    apply,
    axis_of,
    cast,
    common_dtype,
    constant,
    permute,
    reshape,
    together,
    type_of,
)

__all__ = ["block_diag", "cartesian_prod", "combinations", "cross", "trace", "vander"]


# Vectors


@function
def _cross(input: Tensor, other: Tensor, axis: int) -> Tensor:
    a, b = together(input, other)
    rank = len(type_of(a).shape)
    axis = axis % rank

    def turned(x: Tensor, by: int) -> Tensor:
        """x[1], x[2], x[0] along the axis, by one step or two."""
        pieces = [_piece(x, axis, by, 3), _piece(x, axis, 0, by)]
        return apply(move.concat, *pieces, axis=axis)

    return pointwise.sub(pointwise.mul(turned(a, 1), turned(b, 2)), pointwise.mul(turned(a, 2), turned(b, 1)))


def _piece(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    return built(matrices.part, x, axis=axis - len(type_of(x).shape), start=start, stop=stop)


def _crossed(op: str, input: Tensor, other: Tensor, dim: int) -> Tensor:
    require_tensors(op, input=input, other=other)
    if input.ndim != other.ndim:
        raise ShapeError(f"ranks differ, {type_text(input)} and {type_text(other)}", op=op)
    axis = axis_of(dim, input.ndim, op)
    if input.ndim == 0 or input.shape[axis] != 3 or other.shape[axis] != 3:
        raise ShapeError(f"axis {dim} must have 3 elements, {type_text(input)} and {type_text(other)}", op=op)
    return _cross(input, other, axis)


def _of_linalg(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three elements along a dim."""
    return _crossed("linalg.cross", input, other, dim)


_of_linalg.__name__ = _of_linalg.__qualname__ = "cross"
linalg_cross = operator(namespace="linalg", out=True)(_of_linalg)


@operator(method=True, out=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along a dim, by default the first one that has three elements."""
    require_tensors("cross", input=input, other=other)
    if dim is None:
        dim = next((axis for axis, size in enumerate(input.shape) if size == 3), None)
        if dim is None:
            raise ShapeError(f"no axis of {type_text(input)} has 3 elements", op="cross")
    return _crossed("cross", input, other, dim)


@function
def _vecdot(x: Tensor, y: Tensor, axis: int) -> Tensor:
    a, b = together(x, y)
    shape = type_of(a).shape
    last = [*(i for i in range(len(shape)) if i != axis), axis]
    *batch, size = (shape[i] for i in last)
    count = product(batch)
    lhs = reshape(permute(a, last), (count, 1, size))
    rhs = reshape(permute(b, last), (count, size, 1))
    return reshape(built(matrices.times, built(matrices.conjugate, lhs), rhs), batch)


@operator(namespace="linalg", out=True)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products of vectors along a dim, those of x conjugated; other dims are broadcast."""
    op = "linalg.vecdot"
    require_tensors(op, x=x, y=y)
    if x.dtype is not y.dtype:
        raise DTypeError(f"dtypes differ, {x.dtype.name} and {y.dtype.name}", op=op)
    rank = max(x.ndim, y.ndim)
    axis = axis_of(dim, rank, op)
    ends = [t.shape[axis - rank] for t in (x, y) if t.ndim >= rank - axis]
    if rank == 0 or (len(ends) == 2 and ends[0] != ends[1] and 1 not in ends):
        raise ShapeError(f"axis {dim} of {type_text(x)} and {type_text(y)} must have one size", op=op)
    return _vecdot(x, y, axis)


# Matrices


@operator(method=True, out=True)
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix; integers and bools are summed as int64."""
    require_tensors("trace", input=input)
    if input.ndim != 2:
        raise ShapeError(f"expects a matrix, found {type_text(input)}", op="trace")
    return sum_of(diagonal_view(input))


def _diagonal_of_linalg(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices in two axes; that axis is the last."""
    return diagonal_view(A, offset, dim1, dim2)


_diagonal_of_linalg.__name__ = _diagonal_of_linalg.__qualname__ = "diagonal"
linalg_diagonal = operator(namespace="linalg")(_diagonal_of_linalg)


@function
def _vander(x: Tensor, count: int, increasing: bool) -> Tensor:
    *batch, size = type_of(x).shape
    dtype = type_of(x).dtype
    column = reshape(x, (*batch, size, 1))
    columns = [constant(1, dtype, (*batch, size, 1))]
    for _ in range(count - 1):
        columns.append(pointwise.mul(columns[-1], column))
    ordered = (columns if increasing else columns[::-1])[:count]
    return apply(move.concat, *ordered, axis=len(batch) + 1)


def _of_powers(op: str, x: Tensor, count: Any, increasing: bool) -> Tensor:
    require_tensors(op, x=x)
    number = int(x.shape[-1]) if count is None else count
    if number < 0 or (op == "linalg.vander" and count is not None and number <= 1):
        raise ValueError(f"N must be greater than 1, it is {number}", op=op)
    wide = x.long() if x.dtype.kind in ("bool", "int", "uint") else x  # type: ignore[attr-defined]
    return wide.new_empty((*x.shape, 0)) if number == 0 else _vander(wide, number, increasing)


def _vander_of_linalg(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde matrices: the powers 0 to N - 1 of each element in a row."""
    require_tensors("linalg.vander", x=x)
    return _of_powers("linalg.vander", x if x.ndim else view_reshape(x, (1,)), N, True)


_vander_of_linalg.__name__ = _vander_of_linalg.__qualname__ = "vander"
linalg_vander = operator(namespace="linalg")(_vander_of_linalg)


@operator()
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix of a vector: the powers N - 1 to 0 of each element in a row, or 0 to N - 1."""
    require_tensors("vander", x=x)
    if x.ndim != 1:
        raise ShapeError(f"expects a vector, found {type_text(x)}", op="vander")
    return _of_powers("vander", x, N, increasing)


@function
def _block_diag(tensors: Sequence[Tensor]) -> Tensor:
    dtype = common_dtype(*tensors)
    blocks = [cast(reshape(t, ((1,) * (2 - t.ndim) + type_of(t).shape)), dtype) for t in tensors]
    widths = [type_of(block).shape[1] for block in blocks]
    zero = constant(0, dtype)
    rows, before, total = [], constant(0, dtype), sum(widths[1:], start=widths[0])
    position: Any = 0
    for block, width in zip(blocks, widths, strict=True):
        rows.append(apply(move.pad, block, zero, low=(0, position), high=(0, total - position - width)))
        position = position + width
    return apply(move.concat, *rows, axis=0) if len(rows) > 1 else pointwise.add(rows[0], before)


@operator()
def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with these matrices on its diagonal; vectors count as one row, numbers as one element."""
    require_tensors("block_diag", **{f"tensor {i}": each for i, each in enumerate(tensors)})
    for i, each in enumerate(tensors):
        if each.ndim > 2:
            raise ShapeError(f"tensor {i} must have at most two axes, it is {type_text(each)}", op="block_diag")
    return _block_diag(tensors)


# Choices of elements


@operator()
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All choices of an element from each vector, in rows; the vector itself where there is one."""
    require_tensors("cartesian_prod", **{f"tensor {i}": each for i, each in enumerate(tensors)})
    for i, each in enumerate(tensors):
        if each.ndim != 1:
            raise ShapeError(f"tensor {i} must be a vector, it is {type_text(each)}", op="cartesian_prod")
    if len(tensors) == 1:
        return tensors[0]
    return stack([view_reshape(each, (-1,)) for each in meshgrid(*tensors, indexing="ij")], 1)


@operator(method=True)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, in rows, in the order of the vector; each once, or any number of times."""
    require_tensors("combinations", input=input)
    if input.ndim != 1:
        raise ShapeError(f"expects a vector, found {type_text(input)}", op="combinations")
    if r < 0:
        raise ValueError(f"r must not be negative, it is {r}", op="combinations")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if not r:
        return input.new_empty((0,))  # type: ignore[attr-defined, no-any-return]
    rows = list(choose(range(int(input.shape[0])), r))
    if not rows:
        return view_reshape(input[:0], (0, r))
    places = tensor([place for row in rows for place in row], dtype=int64)
    return view_reshape(input[places], (len(rows), r))
