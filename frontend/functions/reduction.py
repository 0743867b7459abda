"""Reductions: sums, means, extrema, and the softmax family."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

from brasa.function import function
from brasa.functions import pointwise
from brasa.ir.dim import product
from brasa.ir.dtype import DType, float32, int64
from brasa.ir.errors import DTypeError, IndexError
from brasa.ir.graph import Op
from brasa.ir.ops import reduce as ops
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import gather
from brasa.operators import operator
from brasa.primitive import apply, axes_of, axis_of, cast, constant, floating, reshape, truth, type_of
from brasa.tensor import Tensor

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "log_softmax", "logsumexp", "max", "mean", "min", "prod",
    "softmax", "std", "sum", "var",
]  # fmt: skip


class ValuesAndIndices(NamedTuple):
    """What max, min, sort and topk along a dim give."""

    values: Tensor
    indices: Tensor


def _reduce(op: Op, input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    shape = type_of(input).shape
    result = apply(op, input, axes=axes) if axes or op.name.startswith("arg") else input
    return reshape(result, [1 if a in axes else n for a, n in enumerate(shape)]) if keepdim else result


def _count(input: Tensor, axes: tuple[int, ...], dtype: DType, correction: Any = 0) -> Tensor:
    """How many elements are reduced, less the correction but not below 0, as a scalar."""
    shape = type_of(input).shape
    count = constant(product(shape[axis] for axis in axes), dtype)
    return count if correction == 0 else pointwise.clamp(pointwise.sub(count, correction), min=0)


def _accumulated(input: Tensor, dtype: DType | None) -> Tensor:
    if dtype is not None:
        return cast(input, dtype)
    return cast(input, int64) if type_of(input).dtype.kind in ("bool", "int", "uint") else input


@operator(method=True, out=True)
@function
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The sum over some dims, by default all; integers and bools are summed as int64."""
    value = _accumulated(input, dtype)
    return _reduce(ops.sum_, value, axes_of(dim, input.ndim, "sum"), keepdim)


@operator(method=True, out=True)
@function
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The product over one dim, by default all."""
    value = _accumulated(input, dtype)
    return _reduce(ops.prod, value, axes_of(dim, input.ndim, "prod"), keepdim)


@operator(method=True, out=True)
@function
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The arithmetic mean over some dims, by default all."""
    value = input if dtype is None else cast(input, dtype)
    kind = type_of(value).dtype
    if kind.kind not in ("float", "complex"):
        raise DTypeError(f"the mean of {kind.name} is not defined", op="mean", hint="pass dtype=brasa.float32")
    axes = axes_of(dim, input.ndim, "mean")
    return pointwise.true_divide(_reduce(ops.sum_, value, axes, keepdim), _count(value, axes, kind))


@operator(method=True, out=True)
@function
def var(input: Tensor, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> Tensor:
    """The variance over some dims: squared distances from the mean, over the count less the correction."""
    axes = axes_of(dim, input.ndim, "var")
    kind = type_of(input).dtype
    center = pointwise.true_divide(_reduce(ops.sum_, input, axes, True), _count(input, axes, kind))
    gap = pointwise.sub(input, center)
    total = _reduce(ops.sum_, pointwise.mul(gap, gap), axes, keepdim)
    return pointwise.true_divide(total, _count(input, axes, kind, correction))


@operator(method=True, out=True)
@function
def std(input: Tensor, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> Tensor:
    """The square root of the variance."""
    return pointwise.sqrt(var(input, dim, correction, keepdim))


@operator(method=True, out=True)
@function
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element over some dims; equal ones share the gradient."""
    return _extremum(ops.max_, input, dim, keepdim, "amax")


@operator(method=True, out=True)
@function
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element over some dims; equal ones share the gradient."""
    return _extremum(ops.min_, input, dim, keepdim, "amin")


def _extremum(op: Op, input: Tensor, dim: Any, keepdim: bool, name: str) -> Tensor:
    axes = axes_of(dim, input.ndim, name)
    _check_not_empty(input, axes, name)
    return _reduce(op, input, axes, keepdim)


def _check_not_empty(input: Tensor, axes: tuple[int, ...], name: str) -> None:
    shape = type_of(input).shape
    if builtins.any(shape[axis] == 0 for axis in axes):
        raise IndexError(f"there is no element to choose in {type_of(input)}", op=name)


@operator(method=True, out=True)
@function
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the largest element along a dim, or in the flattened tensor; the first of equal ones."""
    return _place(ops.argmax, input, dim, keepdim, "argmax")


@operator(method=True, out=True)
@function
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The place of the smallest element along a dim, or in the flattened tensor; the first of equal ones."""
    return _place(ops.argmin, input, dim, keepdim, "argmin")


def _place(op: Op, input: Tensor, dim: int | None, keepdim: bool, name: str) -> Tensor:
    axes = axes_of(dim, input.ndim, name)
    _check_not_empty(input, axes, name)
    return _reduce(op, input, axes, keepdim)


@function
def _max_along(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    return _chosen(ops.argmax, input, dim, keepdim, "max")


@function
def _min_along(input: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
    return _chosen(ops.argmin, input, dim, keepdim, "min")


def _chosen(op: Op, input: Tensor, dim: int, keepdim: bool, name: str) -> ValuesAndIndices:
    axis = axis_of(dim, input.ndim, name)
    if input.ndim == 0:
        return ValuesAndIndices(apply(pointwise.ops.cast, input, dtype=type_of(input).dtype), constant(0, int64))
    _check_not_empty(input, (axis,), name)
    place = _reduce(op, input, (axis,), True)
    values = apply(gather, input, place, axis=axis)
    if keepdim:
        return ValuesAndIndices(values, place)
    shape = [n for a, n in enumerate(type_of(input).shape) if a != axis]
    return ValuesAndIndices(reshape(values, shape), reshape(place, shape))


@operator(method=True, out=True)
def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along a dim (values, indices); with another tensor the elementwise maximum."""
    if isinstance(dim, Tensor):
        return pointwise.maximum(input, dim)
    return amax(input) if dim is None else _max_along(input, dim, keepdim)


@operator(method=True, out=True)
def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along a dim (values, indices); with another tensor the elementwise minimum."""
    if isinstance(dim, Tensor):
        return pointwise.minimum(input, dim)
    return amin(input) if dim is None else _min_along(input, dim, keepdim)


@operator(method=True, out=True)
@function
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element is non-zero."""
    return _reduce(ops.max_, truth(input), axes_of(dim, input.ndim, "any"), keepdim)


@operator(method=True, out=True)
@function
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether every element is non-zero."""
    return _reduce(ops.min_, truth(input), axes_of(dim, input.ndim, "all"), keepdim)


@operator(method=True, out=True)
@function
def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp(input) scaled so that it sums to 1 along a dim."""
    value = cast(input, dtype or floating(input))
    wide = cast(value, _wide(type_of(value).dtype))
    axes = axes_of(dim, input.ndim, "softmax")
    raised = pointwise.exp(pointwise.sub(wide, _top(wide, axes)))
    scale = pointwise.true_divide(1, _reduce(ops.sum_, raised, axes, True))
    return cast(pointwise.mul(raised, scale), type_of(value).dtype)


@operator(method=True, out=True)
@function
def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """log(softmax(input)) along a dim."""
    value = cast(input, dtype or floating(input))
    wide = cast(value, _wide(type_of(value).dtype))
    axes = axes_of(dim, input.ndim, "log_softmax")
    shifted = pointwise.sub(wide, _top(wide, axes))
    total = pointwise.log(_reduce(ops.sum_, pointwise.exp(shifted), axes, True))
    return cast(pointwise.sub(shifted, total), type_of(value).dtype)


@operator(method=True, out=True)
@function
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over some dims."""
    value = cast(input, floating(input))
    axes = axes_of(dim, input.ndim, "logsumexp")
    shift = _shift(value, axes)
    total = _reduce(ops.sum_, pointwise.exp(pointwise.sub(value, shift)), axes, True)
    result = pointwise.add(pointwise.log(total), shift)
    kept = [n for a, n in enumerate(type_of(input).shape) if a not in axes]
    return result if keepdim else reshape(result, kept)


def _top(value: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum, cut off from gradients: subtracting it changes no derivative."""
    return apply(stop_gradient, _reduce(ops.max_, value, axes, True))


def _shift(value: Tensor, axes: tuple[int, ...]) -> Tensor:
    """As _top, but 0 where that is infinite."""
    top = _top(value, axes)
    return pointwise.where(pointwise.isfinite(top), top, 0)


def _wide(dtype: DType) -> DType:
    return float32 if dtype.kind == "float" and dtype.bits < 32 else dtype
