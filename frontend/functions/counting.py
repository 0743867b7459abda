"""Counting integers, and repeating by counts."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE
from brasa.functions import reduction
from brasa.functions.gathering import index_select
from brasa.functions.placing import added
from brasa.ir.dtype import bool_, float32, float64, int32, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import cumulate
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops.index import gather, scatter
from brasa.ir.ops.order import argsort, searchsorted
from brasa.ir.ops.reduce import lowest, max_
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.creation import tensor as tensor_of
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tensors.views import unsqueeze
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    axis_of,
    carrier,
    cast,
    common_dtype,
    constant,
    current,
    expand,
    reshape,
    type_of,
)
from brasa.tracing.trace import tracing

__all__ = ["bincount", "isin", "repeat_interleave"]


@function
def _tally(input: Tensor, weights: Tensor | None, like: Tensor) -> Tensor:
    counts = type_of(like)
    given = constant(1, counts.dtype, type_of(input).shape) if weights is None else cast(weights, counts.dtype)
    return added(constant(0, counts.dtype, counts.shape), cast(input, int64), given, 0)


@operator(method=True)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 up to the largest occurs in a vector of integers, or the sums of their weights."""
    require_tensors("bincount", input=input)
    if input.ndim != 1 or input.dtype.kind not in ("int", "uint"):
        raise ShapeError("expects a vector of integers that are not negative", op="bincount")
    if minlength < 0:
        raise ValueError(f"minlength must not be negative, found {minlength}", op="bincount")
    if weights is not None and tuple(weights.shape) != tuple(input.shape):
        raise ShapeError(f"weights have shape {list(weights.shape)}, the input {list(input.shape)}", op="bincount")
    size = minlength
    if input.numel():
        least, largest = int(reduction.amin(input).item()), int(reduction.amax(input).item())
        if least < 0:
            raise ShapeError(f"expects integers that are not negative, found {least}", op="bincount")
        size = max(minlength, largest + 1)
    dtype = int64 if weights is None else float32 if weights.dtype is float32 else float64
    return _tally(input, weights, carrier((size,), dtype))  # type: ignore[no-any-return]


@function
def _is_among(elements: Number, tests: Number, invert: bool) -> Tensor:
    dtype = common_dtype(elements, tests)
    flat, sought = (
        reshape(cast(x, dtype), (type_of(x).size,)) if isinstance(x, Tensor) else constant(x, dtype, (1,))
        for x in (tests, elements)
    )
    shape = type_of(elements).shape if isinstance(elements, Tensor) else ()
    count, wanted = type_of(flat).shape[0], type_of(sought).shape
    sorted_ = there = apply(gather, flat, apply(argsort, flat, axis=0, descending=False), axis=0)
    if dtype.kind == "float":  # NaN comes last and is found nowhere: there the largest number stands once more
        numbers = apply(ops.eq, sorted_, sorted_)
        largest = apply(max_, apply(ops.select, numbers, sorted_, constant(lowest(dtype), dtype, (count,))), axes=(0,))
        sorted_ = apply(ops.select, numbers, sorted_, expand(largest, (count,)))
    place = apply(ops.minimum, apply(searchsorted, sorted_, sought, right=False), constant(count - 1, int64, wanted))
    found = apply(ops.eq, apply(gather, there, place, axis=0), sought)
    return reshape(apply(ops.not_, found) if invert else found, shape)


@function
def _constant_truth(like: Tensor, value: bool) -> Tensor:
    return constant(value, bool_, type_of(like).shape)


@operator(out=True)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among the test elements; with invert, whether it is not."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise ArgumentError("one of elements and test_elements must be a tensor", op="isin")
    if isinstance(test_elements, Tensor) and test_elements.numel() == 0:
        shape = elements.shape if isinstance(elements, Tensor) else ()
        return _constant_truth(carrier(shape, bool_), bool(invert))  # type: ignore[no-any-return]
    return _is_among(elements, test_elements, bool(invert))  # type: ignore[no-any-return]


@function
def _numbers(ends: Tensor, like: Tensor) -> Tensor:
    """Which group each of `like`'s places is in, by the places where groups end."""
    count = type_of(like).shape[0]
    places = current().fresh(current().apply(iota, axis=0, type=TensorType((count,), int64)))
    return apply(searchsorted, ends, places, right=True)


@function
def _ends(repeats: Tensor) -> Tensor:
    return apply(cumulate.cumsum, cast(repeats, int64), axis=0, reverse=False)


def _repeated_numbers(repeats: Tensor, output_size: int | None) -> Tensor:
    """0 repeats[0] times, then 1 repeats[1] times, ..."""
    if repeats.ndim != 1 or repeats.dtype not in (int32, int64):
        raise ShapeError(f"repeats must be a vector of integers, not {type_text(repeats)}", op="repeat_interleave")
    trace, counts = STATE.trace, repeats
    if output_size is None:
        counts._settled()
        with tracing(None):
            if counts.numel() and int(reduction.amin(counts).item()) < 0:
                raise ValueError("repeats must not be negative", op="repeat_interleave")
            ends = _ends(counts)
            size = int(ends[-1].item()) if counts.numel() else 0  # type: ignore[index]
            made = _numbers(ends, carrier((size,), int64))
        if trace is not None:
            trace.symbolic.add(id(made))
        return made  # type: ignore[no-any-return]
    return _numbers(_ends(counts), carrier((output_size,), int64))  # type: ignore[no-any-return]


@operator(method=True)
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice of an axis repeated; without dim, each element of all. repeats: one number, or one for each slice.

    With one argument, it is the repeats, and the numbers of what would be repeated are given.
    """
    if repeats is None:
        return _repeated_numbers(input, output_size)
    source = reshape_tensor(input, (-1,)) if dim is None or input.ndim == 0 else input
    axis = axis_of(dim or 0, source.ndim, "repeat_interleave")
    if isinstance(repeats, list | tuple):
        repeats = repeats[0] if len(repeats) == 1 else tensor_of(repeats, dtype=int64)
    if isinstance(repeats, Tensor) and repeats.numel() == 1 and source.shape[axis] != 1:
        repeats = int(repeats.item())
    if not isinstance(repeats, Tensor):
        return _each_repeated(source, int(repeats), axis)
    if repeats.numel() != source.shape[axis]:
        raise ShapeError(f"{repeats.numel()} repeats for {source.shape[axis]} slices", op="repeat_interleave")
    return index_select(source, axis, _repeated_numbers(reshape_tensor(repeats, (-1,)), output_size))


def _each_repeated(source: Tensor, times: int, axis: int) -> Tensor:
    if times < 0:
        raise ValueError(f"repeats must not be negative, found {times}", op="repeat_interleave")
    shape = tuple(source.shape)
    wide = unsqueeze(source, axis + 1).expand(*shape[: axis + 1], times, *shape[axis + 1 :])  # type: ignore[attr-defined]
    return reshape_tensor(wide.clone(), (*shape[:axis], shape[axis] * times, *shape[axis + 1 :]))


@function
def _one_hot(input: Tensor, like: Tensor) -> Tensor:
    shape, classes = type_of(input).shape, type_of(like).shape[0]
    rows = reshape(cast(input, int64), (type_of(input).size, 1))
    wide = (type_of(input).size, classes)
    made = apply(scatter, constant(0, int64, wide), rows, constant(1, int64, type_of(rows).shape), axis=1)
    return reshape(made, (*shape, classes))


@operator(namespace="nn.functional")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A new last axis of num_classes that is 1 at the place that each integer names and 0 elsewhere.

    Without num_classes it is one more than the largest integer. IndexError for integers outside.
    """
    require_tensors("one_hot", tensor=tensor)
    if tensor.dtype is not int64:
        raise DTypeError(f"the integers are {tensor.dtype.name}, not i64", op="one_hot")
    classes = num_classes
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ShapeError("without integers the number of classes must be given", op="one_hot")
        classes = int(reduction.amax(tensor).item()) + 1
    if classes < 0 or (classes == 0 and tensor.numel()):
        raise ShapeError(f"num_classes must be positive, found {classes}", op="one_hot")
    return _one_hot(tensor, carrier((classes,), int64))  # type: ignore[no-any-return]
