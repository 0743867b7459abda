"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.functions.overwriting import fill_
from brasa.functions.pointwise import where
from brasa.functions.strided import diagonal
from brasa.ir.dtype import DType, int64
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.copies import clone
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import narrow, reshape, spread
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, axis_of, current, type_of

__all__ = ["diag", "diag_embed", "diagflat", "fill_diagonal_", "tril", "tril_indices", "triu", "triu_indices"]


@operator(method=True)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Square matrices, in two axes, of zeros but for a diagonal, which the last axis of the input gives."""
    rank = input.ndim + 1
    if rank == 1:
        raise ShapeError("a zero-dim tensor is no diagonal", op="diag_embed")
    rows, columns = axis_of(dim1, rank, "diag_embed"), axis_of(dim2, rank, "diag_embed")
    if rows == columns:
        raise ShapeError(f"the two axes are one, {dim1} and {dim2}", op="diag_embed")
    others = [axis for axis in range(rank) if axis not in (rows, columns)]
    side = input.shape[-1] + abs(offset)
    shape = [side if a in (rows, columns) else input.shape[others.index(a)] for a in range(rank)]
    starts = tuple(max(0, -offset) if a == rows else max(0, offset) if a == columns else 0 for a in range(rank))
    steps = tuple(
        tuple(int(a == axis or (axis < 0 and a in (rows, columns))) for axis in (*others, -1)) for a in range(rank)
    )
    return spread(input, shape, starts, steps)


@operator(method=True, out=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A square matrix with a vector on a diagonal; of a matrix, a copy of that diagonal."""
    if input.ndim not in (1, 2):
        raise ShapeError(f"expects a vector or a matrix, found {type_text(input)}", op="diag")
    return diag_embed(input, diagonal) if input.ndim == 1 else clone(_diagonal(input, diagonal))


_diagonal = diagonal


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a value to the places whose indices are all equal; with wrap, in tall matrices, again below that."""
    if input.ndim < 2:
        raise ShapeError(f"expects at least two axes, {type_text(input)} has {input.ndim}", op="fill_diagonal_")
    shape = tuple(input.shape)
    if input.ndim > 2 and any(size != shape[0] for size in shape):
        raise ShapeError(f"all axes of {type_text(input)} must be of one size", op="fill_diagonal_")
    seen = _diagonal(input)
    for _ in range(input.ndim - 2):
        seen = _diagonal(seen, 0, 0, -1)
    fill_(seen, fill_value)
    if wrap and input.ndim == 2 and shape[0] > shape[1] + 1:
        fill_diagonal_(narrow(input, 0, shape[1] + 1, shape[0] - shape[1] - 1), fill_value, wrap)
    return input


@operator(method=True)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A square matrix with all elements, in a row, on a diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


@function
def _triangle(input: Tensor, diagonal: Number, lower: bool) -> Tensor:
    type = type_of(input)
    places = TensorType(type.shape, int64, type.device)
    row, column = (
        current().fresh(current().apply(iota, axis=type.rank - back, type=places)) for back in (2, 1)
    )  # fmt: skip
    kept = column - row <= diagonal if lower else column - row >= diagonal
    return where(kept, input, False if type.dtype.kind == "bool" else 0)


def _check_matrix(input: Tensor, op: str) -> None:
    if not isinstance(input, Tensor):
        raise ArgumentError(f"expects a tensor, found {type(input).__name__}", op=op)
    if input.ndim < 2:
        raise ShapeError(f"expects at least two axes, {type_text(input)} has {input.ndim}", op=op)


@operator(method=True, in_place=True, out=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangles of matrices, with the main diagonal and `diagonal` more; zeros elsewhere."""
    _check_matrix(input, "tril")
    return _triangle(input, diagonal, True)


@operator(method=True, in_place=True, out=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangles of matrices, from the main diagonal or `diagonal` above it on; zeros elsewhere."""
    _check_matrix(input, "triu")
    return _triangle(input, diagonal, False)


def _indices(name: str, find: Any) -> Any:
    def make(
        row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
    ) -> Tensor:
        if row < 0 or col < 0:
            raise ValueError(f"sizes must not be negative, found {row} and {col}", op=name)
        return tensor(np.stack(find(row, offset, col)), dtype=dtype, device=device)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"The places, rows above columns, of the {'lower' if 'tril' in name else 'upper'} triangle."
    return operator()(make)


tril_indices, triu_indices = _indices("tril_indices", np.tril_indices), _indices("triu_indices", np.triu_indices)
