"""Copies of a tensor in which a view has been overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions.strided import as_strided, before_first, diagonal
from brasa.ir.errors import ShapeError
from brasa.tensors.copies import clone
from brasa.tensors.inplace import assign
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import select
from brasa.tracing.operators import operator

__all__ = ["as_strided_scatter", "diagonal_scatter", "select_scatter", "slice_scatter"]


def _overwritten(copy: Tensor, part: Tensor, src: Tensor, name: str) -> Tensor:
    if tuple(src.shape) != tuple(part.shape):
        raise ShapeError(f"src has shape {list(src.shape)}, the part {list(part.shape)}", op=name)
    assign(part, src, name)
    return copy


@operator(method=True, out=True)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """The input with src in one place of an axis."""
    copy = clone(input)
    return _overwritten(copy, select(copy, dim, index), src, "select_scatter")


@operator(method=True, out=True)
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """The input with src in a slice of an axis."""
    copy = clone(input)
    key = (slice(None),) * (dim % max(input.ndim, 1)) + (slice(start, end, step),)
    return _overwritten(copy, copy[key], src, "slice_scatter")  # type: ignore[index]


@operator(method=True, out=True)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The input with src on a diagonal of two axes."""
    copy = clone(input)
    return _overwritten(copy, diagonal(copy, offset, dim1, dim2), src, "diagonal_scatter")


@operator(method=True, out=True)
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[Any], stride: Sequence[Any], storage_offset: int | None = None
) -> Tensor:
    """The input with src in the elements of it that strides of one's own reach, from an element of its memory on."""
    copy, start = clone(input), None if storage_offset is None else storage_offset - before_first(input)
    return _overwritten(copy, as_strided(copy, size, stride, start), src, "as_strided_scatter")
