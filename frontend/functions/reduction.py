"""Reductions: sums, products, means, extrema and truth over some dims."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

from brasa.functions import pointwise
from brasa.functions.complex_products import complex_product
from brasa.functions.elementwise import computing_dtype
from brasa.ir.dim import product
from brasa.ir.dtype import DType, bool_, int64, uint8
from brasa.ir.errors import DTypeError, IndexError
from brasa.ir.graph import Op
from brasa.ir.ops import reduce as ops
from brasa.ir.ops.control import stop_gradient
from brasa.return_types import returned_by
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axes_of, cast, constant, floating, reshape, truth, type_of

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "count_nonzero", "logsumexp", "mean", "nanmean", "nansum", "prod", "sum",
]  # fmt: skip


@returned_by("aminmax")
class LeastAndGreatest(NamedTuple):
    """What aminmax gives."""

    min: Tensor
    max: Tensor


def reduced(op: Op, input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """A traced tensor reduced by an op over axes, which are left as axes of size 1 or not at all."""
    shape = type_of(input).shape
    result = apply(op, input, axes=axes) if axes or op.name.startswith("arg") else input
    return reshape(result, [1 if a in axes else n for a, n in enumerate(shape)]) if keepdim else result


@function
def summed_by(input: Tensor, axes: tuple[int, ...], op: Op) -> Tensor:
    """The sum over some axes, by one of the ops that are sums."""
    return reduced(op, input, axes, keepdim=False)


def element_count(input: Tensor, axes: tuple[int, ...], dtype: DType) -> Tensor:
    """How many elements are reduced, as a scalar."""
    shape = type_of(input).shape
    return constant(product(shape[axis] for axis in axes), dtype)


def check_not_empty(input: Tensor, axes: tuple[int, ...], name: str) -> None:
    """Raise IndexError if there is no element to choose from."""
    if builtins.any(input.shape[axis] == 0 for axis in axes):
        raise IndexError(f"there is no element to choose in {type_of(input)}", op=name)


def summed(input: Tensor, dtype: DType | None) -> Tensor:
    """What is added up for a tensor: integers and bools as int64, if no other dtype is asked for."""
    if dtype is not None:
        return cast(input, dtype)
    return cast(input, int64) if type_of(input).dtype.kind in ("bool", "int", "uint") else input


def check_mean(dtype: DType, name: str) -> None:
    """Raise DTypeError for a dtype that has no means."""
    if dtype.kind not in ("float", "complex"):
        raise DTypeError(f"is not defined for {dtype.name}", op=name, hint="pass dtype=brasa.float32")


@operator(method=True, out=True)
@function
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The sum over some dims, by default all; integers and bools are summed as int64."""
    value = summed(input, dtype)
    axes = axes_of(dim, input.ndim, "sum")
    if type_of(value).dtype is bool_:
        return reduced(ops.max_, value, axes, keepdim)
    return reduced(ops.sum_, value, axes, keepdim)


@operator(method=True, out=True)
@function
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The sum over some dims, by default all, of the elements that are no NaN."""
    return sum(_without_nan(input), dim, keepdim, dtype)


def _without_nan(input: Tensor) -> Tensor:
    kind = type_of(input).dtype
    if kind.kind == "complex":
        raise DTypeError(f"is not defined for {kind.name}")
    return pointwise.where(pointwise.isnan(input), 0, input) if kind.kind == "float" else input


@operator(method=True, out=True)
@function
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The product over one dim, by default all; integers and bools are multiplied as int64."""
    value = summed(input, dtype)
    axes = axes_of(dim, input.ndim, "prod")
    if type_of(value).dtype is bool_:
        return reduced(ops.min_, value, axes, keepdim)
    if type_of(value).dtype.is_complex:
        return complex_product(value, axes, keepdim)
    return reduced(ops.prod, value, axes, keepdim)


@operator(method=True, out=True)
@function
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The arithmetic mean over some dims, by default all."""
    value = input if dtype is None else cast(input, dtype)
    kind = type_of(value).dtype
    check_mean(kind, "mean")
    axes = axes_of(dim, input.ndim, "mean")
    total = reduced(ops.sum_, cast(value, computing_dtype(kind)), axes, keepdim)
    return cast(pointwise.true_divide(total, element_count(value, axes, computing_dtype(kind))), kind)


@operator(method=True, out=True)
@function
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """The arithmetic mean over some dims, by default all, of the elements that are no NaN."""
    value = input if dtype is None else cast(input, dtype)
    kind = type_of(value).dtype
    check_mean(kind, "nanmean")
    axes = axes_of(dim, input.ndim, "nanmean")
    total = reduced(ops.sum_, cast(_without_nan(value), computing_dtype(kind)), axes, keepdim)
    count = reduced(ops.sum_, cast(pointwise.eq(value, value), computing_dtype(kind)), axes, keepdim)
    return cast(pointwise.true_divide(total, count), kind)


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
    check_not_empty(input, axes, name)
    return reduced(op, input, axes, keepdim)


@function
def _aminmax(input: Tensor, dim: Any, keepdim: bool) -> LeastAndGreatest:
    least, greatest = (_extremum(op, input, dim, keepdim, "aminmax") for op in (ops.min_, ops.max_))
    return LeastAndGreatest(least, greatest)


@operator(method=True, out=True)
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> LeastAndGreatest:
    """The smallest and the largest element along a dim, by default of all; equal ones share the gradient."""
    return _aminmax(input, dim, keepdim)  # type: ignore[no-any-return]


@operator(method=True, out=True)
@function
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element is non-zero; of uint8 as uint8."""
    return _of_truth(ops.max_, input, axes_of(dim, input.ndim, "any"), keepdim)


@operator(method=True, out=True)
@function
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether every element is non-zero; of uint8 as uint8."""
    return _of_truth(ops.min_, input, axes_of(dim, input.ndim, "all"), keepdim)


def _of_truth(op: Op, input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    result = reduced(op, truth(input), axes, keepdim)
    return cast(result, uint8) if type_of(input).dtype is uint8 else result


@operator(method=True)
@function
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are non-zero, along some dims, by default all."""
    return reduced(ops.sum_, cast(truth(input), int64), axes_of(dim, input.ndim, "count_nonzero"), False)


@operator(method=True, out=True)
@function
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over some dims."""
    value = cast(input, floating(input))
    inner = cast(value, computing_dtype(type_of(value).dtype))
    axes = axes_of(dim, input.ndim, "logsumexp")
    shift = _shift(inner, axes)
    total = reduced(ops.sum_, pointwise.exp(pointwise.sub(inner, shift)), axes, True)
    result = cast(pointwise.add(pointwise.log(total), shift), type_of(value).dtype)
    kept = [n for a, n in enumerate(type_of(input).shape) if a not in axes]
    return result if keepdim else reshape(result, kept)


def top(value: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The maximum, cut off from gradients: subtracting it changes no derivative."""
    return apply(stop_gradient, reduced(ops.max_, value, axes, True))


def _shift(value: Tensor, axes: tuple[int, ...]) -> Tensor:
    """As top, but 0 where that is infinite."""
    largest = top(value, axes)
    return pointwise.where(pointwise.isfinite(largest), largest, 0)
