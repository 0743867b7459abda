"""Writing, adding and combining at places that a tensor names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.functions import placing
from brasa.functions.gathering import column, cut, index_of, is_empty, with_axis
from brasa.functions.placing import Spot, added, replaced
from brasa.ir import dim as dims
from brasa.ir.dtype import DType, bool_, float32, int64
from brasa.ir.errors import ArgumentError, DTypeError, IndexError, ShapeError, ValueError
from brasa.ir.ops import index as ops
from brasa.ir.ops import move
from brasa.ir.ops.elementwise import and_, div, floor_divide, mul
from brasa.ir.ops.reduce import highest, lowest
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, constant, current, expand, reshape, type_of

__all__ = [
    "index_add", "index_copy", "index_fill", "index_reduce", "put", "scatter", "scatter_add", "scatter_reduce",
]  # fmt: skip

# How values meet what is in their places: (input, places, values, axis), all traced, of one shape but along the axis.
Put = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def _multiplied(input: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    dtype = type_of(input).dtype
    if dtype is bool_:
        return _smallest(input, places, values, axis)
    wide = _wide(dtype)
    return cast(apply(ops.scatter_mul, cast(input, wide), places, cast(values, wide), axis=axis), dtype)


def _largest(input: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    return apply(ops.scatter_max, input, places, values, axis=axis)


def _smallest(input: Tensor, places: Tensor, values: Tensor, axis: int) -> Tensor:
    return apply(ops.scatter_min, input, places, values, axis=axis)


def _wide(dtype: DType) -> DType:
    """What halves are combined in: they are rounded once."""
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype


_PUTS: dict[str, Put] = {
    "sum": added, "prod": _multiplied, "mean": added, "amax": _largest, "amin": _smallest,
}  # fmt: skip


def _like(tensor: Tensor, value: Any, dtype: DType | None = None) -> Tensor:
    type = type_of(tensor)
    return constant(value, dtype or type.dtype, type.shape)


def _without(input: Tensor, places: Tensor, reduce: str, axis: int) -> Tensor:
    """The input where no value comes; elsewhere what leaves a value as it is."""
    dtype = type_of(input).dtype
    neutral = {"prod": 1, "amax": lowest(dtype), "amin": highest(dtype)}.get(reduce, 0)
    return replaced(input, places, constant(neutral, dtype, type_of(places).shape), axis)


def reduced(input: Tensor, places: Tensor, values: Tensor, axis: int, reduce: str, include_self: bool) -> Tensor:
    """What the input's elements, if they count, and the values that come to them combine to."""
    start = input if include_self else _without(input, places, reduce, axis)
    if reduce != "mean":
        return _PUTS[reduce](start, places, values, axis)
    dtype = type_of(input).dtype
    wide = _wide(dtype)
    total = added(cast(start, wide), places, cast(values, wide), axis)
    counts = (
        _like(input, 1, int64) if include_self else replaced(_like(input, 1, int64), places, _like(places, 0), axis)
    )
    count = cast(added(counts, places, _like(places, 1), axis), wide)
    return cast(apply(div if dtype.kind == "float" else floor_divide, total, count), dtype)


def along(input: Tensor, dim: int, index: Tensor, values: Tensor, put: Put, name: str) -> Tensor:
    """The input with values put in the places that an index names: of each axis but one so many as the index has."""
    if type_of(values).dtype is not type_of(input).dtype:
        raise DTypeError(f"src is {type_of(values).dtype.name}, the input {type_of(input).dtype.name}")
    axis = axis_of(dim, input.ndim, name)
    if len({max(tensor.ndim, 1) for tensor in (input, index, values)}) > 1:
        if is_empty(index):
            return input
        types = f"input {type_of(input)}, index {type_of(index)} and src {type_of(values)}"
        raise ShapeError(f"{types} must have as many axes")
    places, whole = with_axis(index_of(index)), with_axis(input)
    wanted, have = type_of(places).shape, type_of(whole).shape
    given = cut(with_axis(values), wanted, "src")
    sizes = (*wanted[:axis], have[axis], *wanted[axis + 1 :])
    made = put(cut(whole, sizes, "input"), places, given, axis)
    if sizes != have:
        made = apply(move.update, whole, made, starts=(0,) * len(have), steps=(1,) * len(have))
    return reshape(made, type_of(input).shape)


@function
def _scatter(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str | None) -> Tensor:
    put = {None: replaced, "add": added, "multiply": _multiplied}[reduce]
    return along(input, dim, index, src, put, "scatter")


@function
def _scatter_number(input: Tensor, dim: int, index: Tensor, value: Number, reduce: str | None) -> Tensor:
    dtype, shape = type_of(input).dtype, type_of(index).shape
    given = expand(cast(value, dtype), shape) if isinstance(value, Tensor) else constant(value, dtype, shape)
    put = {None: replaced, "add": added, "multiply": _multiplied}[reduce]
    return along(input, dim, index, given, put, "scatter")


@operator(method=True, in_place=True, out=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """The input with src[..., i, ...] written at place index[..., i, ...] of an axis; the last of several stays.

    src: a tensor, or one value. reduce: "add" or "multiply" instead of writing.
    """
    if reduce not in (None, "add", "multiply"):
        raise ValueError(f"reduce must be 'add' or 'multiply', not {reduce!r}", op="scatter")
    given = value if src is None else src
    if given is None:
        raise ArgumentError("expects src or value", op="scatter")
    call = _scatter if isinstance(given, Tensor) and src is not None else _scatter_number
    return call(input, dim, index, given, reduce)  # type: ignore[no-any-return]


@operator(method=True, in_place=True, out=True)
@function
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The input with src[..., i, ...] added at place index[..., i, ...] of an axis, in the order of the index."""
    return along(input, dim, index, src, added, "scatter_add")


@function
def _scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    return along(
        input, dim, index, src, lambda x, places, values, axis: reduced(x, places, values, axis, reduce, include_self),
        "scatter_reduce",
    )  # fmt: skip


@operator(method=True, in_place=True, out=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """scatter_add for "sum", "prod", "mean", "amax" or "amin".

    include_self: whether what the input holds in a place counts as one of the values that come there.
    """
    if reduce not in _PUTS:
        raise ValueError(f"reduce must be one of {', '.join(_PUTS)}, not {reduce!r}", op="scatter_reduce")
    return _scatter_reduce(input, dim, index, src, reduce, bool(include_self))  # type: ignore[no-any-return]


def _by_vector(input: Tensor, dim: int, index: Tensor, source: Tensor, put: Put, name: str) -> Tensor:
    """The input with slices of source put at the places of an axis that a vector names."""
    axis = axis_of(dim, input.ndim, name)
    if index.ndim > 1:
        raise IndexError(f"index {type_of(index)} is not a vector")
    if type_of(source).dtype is not type_of(input).dtype:
        raise DTypeError(f"source is {type_of(source).dtype.name}, the input {type_of(input).dtype.name}")
    whole, count = with_axis(input), type_of(index).size
    sizes = (*type_of(whole).shape[:axis], count, *type_of(whole).shape[axis + 1 :])
    given = with_axis(source)
    with dims.solving(current().scope):
        if given.ndim != len(sizes) or not all(map(dims.equal, type_of(given).shape, sizes)):
            wanted = ",".join(map(str, sizes))
            raise ShapeError(f"source is {type_of(source)}; for index {type_of(index)} it must be [{wanted}]")
    return reshape(put(whole, column(index, type_of(whole).shape, axis), given, axis), type_of(input).shape)


@function
def _index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Number) -> Tensor:
    type = type_of(source)
    if isinstance(alpha, Tensor):
        if type_of(alpha).dtype.kind == "float" and type.dtype.kind != "float":
            raise DTypeError(f"alpha is a float, source {type.dtype.name}")
        times = expand(cast(alpha, type.dtype), type.shape)
        source = apply(and_ if type.dtype is bool_ else mul, source, times)
    return _by_vector(input, dim, index, source, added, "index_add")


@operator(method=True, in_place=True, out=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """The input with slices of source, times alpha, added at the places of an axis that a vector names."""
    return _index_add(input, dim, index, source, int(alpha) if isinstance(alpha, bool) else alpha)  # type: ignore[no-any-return]


@operator(method=True, in_place=True, out=True)
@function
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """The input with slices of source written at the places of an axis that a vector names; the last stays."""
    return _by_vector(input, dim, index, source, replaced, "index_copy")


@operator(method=True, in_place=True)
@function
def index_fill(input: Tensor, dim: int, index: Tensor, value: Number) -> Tensor:
    """The input with one value in the places of an axis that a vector names, which may count from the end."""
    axis = axis_of(dim, input.ndim, "index_fill")
    if index.ndim > 1:
        raise IndexError(f"index {type_of(index)} is not a vector")
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"value {type_of(value)} is not one number")
    whole = with_axis(input)
    sizes, dtype = type_of(whole).shape, type_of(input).dtype
    places = column(apply(ops.index_, index_of(index), bound=sizes[axis]), sizes, axis)
    shape = type_of(places).shape
    given = expand(cast(value, dtype), shape) if isinstance(value, Tensor) else constant(value, dtype, shape)
    return reshape(replaced(whole, places, given, axis), type_of(input).shape)


@function
def _index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool) -> Tensor:
    return _by_vector(
        input, dim, index, source,
        lambda x, places, values, axis: reduced(x, places, values, axis, reduce, include_self), "index_reduce",
    )  # fmt: skip


@operator(method=True, in_place=True, out=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """index_add for "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ValueError(f"reduce must be prod, mean, amax or amin, not {reduce!r}", op="index_reduce")
    return _index_reduce(input, dim, index, source, reduce, bool(include_self))  # type: ignore[no-any-return]


@operator(method=True, in_place=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """The input with source written, or added, at flat places, which may count from the end."""
    if index.dtype is not int64 or source.dtype is not input.dtype:
        raise DTypeError(f"index is {index.dtype.name}, source {source.dtype.name}: they must be i64 and "
                         f"{input.dtype.name}", op="put")  # fmt: skip
    if index.numel() != source.numel():
        raise ShapeError(f"source has {source.numel()} elements, index {index.numel()}", op="put")
    flat, given = reshape_tensor(input, (-1,)), reshape_tensor(source, tuple(index.shape))
    made = placing.write(flat, [index], given, (Spot(0, 1),), 0, bool(accumulate))
    return reshape_tensor(made, tuple(input.shape))
