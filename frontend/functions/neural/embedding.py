"""Rows of a table, looked up by number: one by one, or in bags that are summed."""

from __future__ import annotations

import math
from typing import Any

from brasa.autograd.modes import no_grad
from brasa.functions import pointwise
from brasa.functions.gathering import column, index_select, selected
from brasa.functions.placing import added, replaced
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_, float32, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import reduce
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import index_, scatter_max
from brasa.ir.ops.order import searchsorted
from brasa.ir.ops.reduce import lowest
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.inplace import assign
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, constant, current, expand, reshape, type_of


@function(inline=True)
def _frozen_where(rows: Tensor, numbers: Tensor, number: int) -> Tensor:
    """The rows, without a gradient where they have this number."""
    named = pointwise.eq(reshape(numbers, (*type_of(numbers).shape, 1)), number)
    return pointwise.where(named, apply(stop_gradient, rows), rows)


@function
def _shared_gradient(rows: Tensor, numbers: Tensor, weight: Tensor) -> Tensor:
    """The rows; the gradient of each is divided by how often its number occurs.

    A part that is -0 carries the gradient: adding it changes no number. What is not finite has no gradient.
    """
    shape, count = type_of(rows).shape, type_of(numbers).shape[0]
    zeros = constant(0, int64, (type_of(weight).shape[0],))
    often = index_select(added(zeros, cast(numbers, int64), constant(1, int64, (count,)), 0), 0, numbers)
    share = expand(reshape(cast(often, type_of(rows).dtype), (count, 1)), shape)
    part = pointwise.where(pointwise.isfinite(rows), apply(ops.div, rows, share), 0.0)
    nothing = apply(ops.neg, apply(ops.sub, apply(stop_gradient, part), part))
    return apply(ops.add, apply(stop_gradient, rows), nothing)


@function
def _shortened(weight: Tensor, numbers: Tensor, max_norm: Number, norm_type: float, largest: bool) -> Tensor:
    """The table with every row that is looked up scaled down to max_norm, if its norm is larger."""
    type = type_of(weight)
    rows = (type.shape[0],)
    wide = cast(weight, float32) if type.dtype.bits < 32 else weight
    sizes = pointwise.abs(wide)
    if largest:
        norms = apply(reduce.max_, sizes, axes=(1,))
    else:
        norms = pointwise.pow(apply(reduce.sum_, pointwise.pow(sizes, norm_type), axes=(1,)), 1 / norm_type)
    used = replaced(
        constant(False, bool_, rows), cast(numbers, int64), constant(True, bool_, type_of(numbers).shape), 0
    )
    scale = pointwise.div(max_norm, pointwise.add(norms, 1e-7))
    scale = pointwise.where(pointwise.bitwise_and(used, pointwise.gt(norms, max_norm)), scale, 1.0)
    return cast(pointwise.mul(wide, reshape(cast(scale, type_of(wide).dtype), (*rows, 1))), type.dtype)


def _shorten(weight: Tensor, numbers: Tensor, max_norm: float | None, norm_type: float) -> None:
    if max_norm is None:
        return
    with no_grad():
        largest = norm_type == math.inf
        assign(weight, _shortened(weight, numbers, float(max_norm), float(norm_type), largest), "embedding_renorm_")


def _padding(padding_idx: int | None, weight: Tensor, name: str) -> int | None:
    if padding_idx is None:
        return None
    rows = int(weight.shape[0])
    if not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx {padding_idx} is outside {-rows}..{rows - 1}", op=name)
    return padding_idx % rows


def _check(input: Tensor, weight: Tensor, name: str) -> None:
    require_tensors(name, input=input, weight=weight)
    if input.dtype.kind not in ("int", "uint"):
        raise DTypeError(f"input is {input.dtype.name}, it must hold integers", op=name)
    if weight.ndim != 2:
        raise ShapeError(f"weight has {weight.ndim} axes, not 2", op=name)


@function
def _embedding(weight: Tensor, numbers: Tensor) -> Tensor:
    return selected(weight, 0, numbers, "embedding")


@operator(namespace="nn.functional")
def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of weight that the integers in input name; the row padding_idx gets no gradient.

    max_norm: rows that are named and longer, by the p-norm norm_type, are first scaled down to it in weight itself.
    scale_grad_by_freq: the gradient of a row is divided by how often input names it. Gradients are always dense.
    """
    _check(input, weight, "embedding")
    padding = _padding(padding_idx, weight, "embedding")
    flat = reshape_tensor(input, (-1,)) if input.ndim != 1 else input
    _shorten(weight, flat, max_norm, norm_type)
    rows = _embedding(weight, flat)
    if scale_grad_by_freq:
        rows = _shared_gradient(rows, flat, weight)
    if padding is not None:
        rows = _frozen_where(rows, flat, padding)
    return reshape_tensor(rows, (*input.shape, weight.shape[1]))


def _counting(count: Size) -> Tensor:
    return current().fresh(current().apply(iota, axis=0, type=TensorType((count,), int64)))


@function
def _bag_of_each(numbers: Tensor, offsets: Tensor, include_last_offset: bool) -> Tensor:
    """Which bag each number is in, by where bags begin: the last that begins at or before it."""
    count = _counting(type_of(numbers).shape[0])
    found = apply(searchsorted, cast(offsets, int64), count, right=True)
    bags = apply(ops.sub, found, constant(1, int64, type_of(count).shape))
    if include_last_offset:  # what comes after the end of the last bag belongs to it, too
        last = constant(type_of(offsets).shape[0] - 2, int64, type_of(count).shape)
        bags = apply(ops.minimum, bags, last)
    return apply(index_, bags, bound=type_of(offsets).shape[0])


@function
def _combined(rows: Tensor, numbers: Tensor, bags: Tensor, like: Tensor, mode: str, padding: int | None) -> Tensor:
    """The rows of each bag, but for those of the padding's number, summed, averaged or the largest of each column."""
    shape, type = type_of(rows).shape, type_of(like)
    wide = float32 if type.dtype.bits < 32 else type.dtype
    counts = apply(ops.ne, cast(numbers, int64), constant(-1 if padding is None else padding, int64, shape[:1]))
    spread = expand(reshape(counts, (shape[0], 1)), shape)
    least = lowest(wide) if mode == "max" else 0
    given = apply(ops.select, spread, cast(rows, wide), constant(least, wide, shape))
    places = column(bags, type.shape, 0)
    if mode == "max":
        best = apply(scatter_max, constant(least, wide, type.shape), places, given, axis=0)
        filled = apply(ops.gt, best, constant(least, wide, type.shape))
        return cast(apply(ops.select, filled, best, constant(0, wide, type.shape)), type.dtype)
    total = added(constant(0, wide, type.shape), places, given, 0)
    if mode == "mean":
        held = added(constant(0, int64, type.shape[:1]), bags, cast(counts, int64), 0)
        held = apply(ops.maximum, held, constant(1, int64, type.shape[:1]))
        total = apply(ops.div, total, expand(reshape(cast(held, wide), (type.shape[0], 1)), type.shape))
    return cast(total, type.dtype)


def _check_bags(input: Tensor, offsets: Tensor | None, per_sample_weights: Tensor | None, mode: str) -> None:
    name = "embedding_bag"
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode must be sum, mean or max, not {mode!r}", op=name)
    if input.ndim not in (1, 2) or (input.ndim == 2) is not (offsets is None):
        raise ValueError("expects a matrix of bags, or a vector with offsets", op=name)
    if offsets is not None and offsets.ndim != 1:
        raise ValueError(f"offsets have {offsets.ndim} axes, not 1", op=name)
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise ArgumentError("per_sample_weights go with mode 'sum' only", op=name)
    if tuple(per_sample_weights.shape) != tuple(input.shape):
        raise ShapeError(f"per_sample_weights have shape {list(per_sample_weights.shape)}, the input "
                         f"{list(input.shape)}", op=name)  # fmt: skip


@operator(namespace="nn.functional")
def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The rows of weight that the numbers of each bag name, combined to one row; 0 for an empty bag.

    input: a row of numbers for each bag; or a vector, and offsets say where each bag begins (with include_last_offset
    the last of them says where the last one ends). Numbers that are padding_idx do not count. See also embedding.
    """
    _check(input, weight, "embedding_bag")
    _check_bags(input, offsets, per_sample_weights, mode)
    padding = _padding(padding_idx, weight, "embedding_bag")
    flat = reshape_tensor(input, (-1,))
    _shorten(weight, flat, max_norm, norm_type)
    rows = _embedding(weight, flat)
    if scale_grad_by_freq:
        rows = _shared_gradient(rows, flat, weight)
    if per_sample_weights is not None:
        rows = pointwise.mul(rows, reshape_tensor(per_sample_weights, (-1, 1)))
    bags, count = _bags(input, flat, offsets, include_last_offset)
    like = weight.new_empty((count, weight.shape[1]))  # type: ignore[attr-defined]
    return _combined(rows, flat, bags, like, mode, padding)  # type: ignore[no-any-return]


def _bags(input: Tensor, flat: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Tensor, Any]:
    """Which bag each number is in, and how many bags there are."""
    if offsets is None:
        return _rows_of(input), input.shape[0]
    return _bag_of_each(flat, offsets, include_last_offset), offsets.shape[0] - int(include_last_offset)


@function
def _rows_of(input: Tensor) -> Tensor:
    """The number of the row of each element of a matrix."""
    shape = type_of(input).shape
    return reshape(expand(reshape(_counting(shape[0]), (shape[0], 1)), shape), (type_of(input).size,))
