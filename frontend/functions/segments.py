"""Reductions of consecutive segments of an axis; and reading and adding where a mask keeps places inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions import pointwise
from brasa.functions.masking import masked_fill
from brasa.functions.placing import added
from brasa.ir.dtype import float32, int64
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops import cumulate, move
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.index import scatter_max, scatter_min, scatter_mul
from brasa.ir.ops.order import searchsorted
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.indexing import index_put
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, constant, current, expand, reshape, type_of

__all__ = ["_segment_reduce", "_unsafe_masked_index", "_unsafe_masked_index_put_accumulate"]

_NEUTRAL = {"sum": 0, "mean": 0, "prod": 1, "max": float("-inf"), "min": float("inf")}
_OPS = {"prod": scatter_mul, "max": scatter_max, "min": scatter_min}


def _segment_of_each(data: Tensor, bounds: Tensor, axis: int, are_offsets: bool) -> Tensor:
    """The number of the segment that each place of the axis is in, from 1 on; 0 and one more stand for none."""
    lead, count = type_of(data).shape[:axis], type_of(data).shape[axis]
    limits = cast(bounds, int64)
    if not are_offsets:
        rows = (*lead, 1)
        limits = apply(cumulate.cumsum, limits, axis=axis, reverse=False)
        limits = apply(move.concat, constant(0, int64, rows), limits, axis=axis)
    type = TensorType((*lead, count), int64)
    places = current().fresh(current().apply(iota, axis=axis, type=type))
    return apply(searchsorted, limits, places, right=True)


@function
def _reduced(data: Tensor, bounds: Tensor, initial: Number | None, reduce: str, axis: int, are_offsets: bool) -> Tensor:
    type = type_of(data)
    wide = float32 if type.dtype.bits < 32 else type.dtype
    numbers = _segment_of_each(data, bounds, axis, are_offsets)
    segments = type_of(bounds).shape[axis] + (0 if are_offsets else 1)  # and one: what is in no segment
    shape = (*type.shape[:axis], segments + 1, *type.shape[axis + 1 :])
    tail = (1,) * (len(shape) - axis - 1)
    places = expand(reshape(numbers, (*type_of(numbers).shape, *tail)), type.shape)
    start = constant(_NEUTRAL[reduce], wide, shape)
    if initial is not None:
        start = expand(cast(initial, wide), shape) if isinstance(initial, Tensor) else constant(initial, wide, shape)
    values = cast(data, wide)
    if reduce in _OPS:
        total = apply(_OPS[reduce], start, places, values, axis=axis)
    else:
        total = added(start, places, values, axis)
    if reduce == "mean":
        held = cast(added(constant(0, int64, shape), places, constant(1, int64, type.shape), axis), wide)
        if initial is not None:  # an empty segment has the initial value, without one it is 0 / 0
            held = apply(ops.maximum, held, constant(1, wide, shape))
        total = apply(ops.div, total, held)
    starts = tuple(int(a == axis) for a in range(len(shape)))
    sizes = (*shape[:axis], segments - 1, *shape[axis + 1 :])
    return cast(apply(move.slice_, total, starts=starts, sizes=sizes, steps=(1,) * len(shape)), type.dtype)


@operator()
def _segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """ "sum", "mean", "prod", "max" or "min" of consecutive segments of an axis.

    lengths: of each segment, for each index of the axes before; or offsets: where each begins, and the end of the last.
    initial: takes part in each reduction.
    """
    require_tensors("_segment_reduce", data=data)
    if reduce not in _NEUTRAL:
        raise ValueError(f"reduce must be one of {', '.join(_NEUTRAL)}, not {reduce!r}", op="_segment_reduce")
    bounds = offsets if lengths is None else lengths
    if bounds is None:
        raise ArgumentError("expects lengths or offsets", op="_segment_reduce")
    along = axis_of(axis, data.ndim, "_segment_reduce")
    if not data.ndim or not bounds.ndim or tuple(bounds.shape)[:-1] != tuple(data.shape)[:along]:
        raise ShapeError(f"segments of {list(bounds.shape)} do not match data of {list(data.shape)}, axis {along}",
                         op="_segment_reduce")  # fmt: skip
    return _reduced(data, bounds, initial, reduce, along, lengths is None)  # type: ignore[no-any-return]


def _inside(input: Tensor, indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Indices that are outside moved to the ends of their axes."""
    return [
        None if index is None else pointwise.clamp(index, -int(size), int(size) - 1)
        for index, size in zip(indices, input.shape, strict=False)
    ]


@operator()
def _unsafe_masked_index(input: Tensor, mask: Tensor, indices: Sequence[Tensor | None], fill: Any) -> Tensor:
    """input[indices] where the mask holds, there indices must be inside; elsewhere one value."""
    key = tuple(slice(None) if index is None else index for index in _inside(input, indices))
    return masked_fill(input[key], pointwise.logical_not(mask), fill)  # type: ignore[index, no-any-return]


@operator()
def _unsafe_masked_index_put_accumulate(
    input: Tensor, mask: Tensor, indices: Sequence[Tensor | None], values: Tensor
) -> Tensor:
    """The input with values added at the places of input[indices] where the mask holds."""
    kept = masked_fill(values, pointwise.logical_not(mask), 0)
    return index_put(input, _inside(input, indices), kept, accumulate=True)  # type: ignore[no-any-return]
