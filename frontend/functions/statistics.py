"""Variances and standard deviations."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise
from brasa.functions.elementwise import computing_dtype
from brasa.functions.reduction import check_mean, element_count, reduced
from brasa.ir.dtype import real_dtype
from brasa.ir.errors import ArgumentError
from brasa.ir.ops import reduce as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axes_of, cast, parts_of, reshape, type_of

__all__ = ["std", "std_mean", "var", "var_mean"]


def _spread(input: Tensor, dim: Any, correction: Any, keepdim: bool, name: str) -> tuple[Tensor, Tensor]:
    """(variance, mean) in the dtype that both are computed in."""
    kind = type_of(input).dtype
    check_mean(kind, name)
    value, axes = cast(input, computing_dtype(kind)), axes_of(dim, input.ndim, name)
    count = element_count(input, axes, real_dtype(computing_dtype(kind)))
    center = pointwise.true_divide(reduced(ops.sum_, value, axes, True), count)
    gap = pointwise.sub(value, center)
    total = reduced(ops.sum_, _squared_size(gap), axes, keepdim)
    divisor = count if correction == 0 else pointwise.clamp(pointwise.sub(count, correction), min=0)
    return pointwise.true_divide(total, divisor), reshape(center, type_of(total).shape)


def _squared_size(gap: Tensor) -> Tensor:
    """The square, of a complex number the sum of those of its parts."""
    squares = [pointwise.mul(part, part) for part in (parts_of(gap) if type_of(gap).dtype.is_complex else (gap,))]
    return squares[0] if len(squares) == 1 else pointwise.add(*squares)


def _root(variance: Tensor) -> Tensor:
    """The square root; where the variance is 0, its infinite slope counts as 0."""
    flat = pointwise.eq(variance, 0)
    return pointwise.where(flat, 0, pointwise.sqrt(pointwise.where(flat, 1, variance)))


@function
def _var(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> Tensor:
    return cast(_spread(input, dim, correction, keepdim, "var")[0], real_dtype(type_of(input).dtype))


@function
def _std(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> Tensor:
    return cast(_root(_spread(input, dim, correction, keepdim, "std")[0]), real_dtype(type_of(input).dtype))


@function
def _var_mean(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    variance, center = _spread(input, dim, correction, keepdim, "var_mean")
    return cast(variance, real_dtype(type_of(input).dtype)), cast(center, type_of(input).dtype)


@function
def _std_mean(input: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    variance, center = _spread(input, dim, correction, keepdim, "std_mean")
    return cast(_root(variance), real_dtype(type_of(input).dtype)), cast(center, type_of(input).dtype)


def _arranged(dim: Any, unbiased: Any, keepdim: bool, correction: Any, name: str) -> tuple[Any, Any, bool]:
    """(dim, correction, keepdim) of PyTorch's forms: (unbiased), (dim, unbiased, keepdim) and (dim, correction=)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError("takes unbiased or correction, not both", op=name)
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dim, correction, keepdim


@operator(method=True, out=True)
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The variance over some dims: squared distances from the mean, over the count less the correction."""
    return _var(input, *_arranged(dim, unbiased, keepdim, correction, "var"))  # type: ignore[no-any-return]


@operator(method=True, out=True)
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The square root of the variance; where that is 0, its gradient is 0 too."""
    return _std(input, *_arranged(dim, unbiased, keepdim, correction, "std"))  # type: ignore[no-any-return]


@operator(out=True)
def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """The variance and the mean over some dims."""
    return _var_mean(input, *_arranged(dim, unbiased, keepdim, correction, "var_mean"))  # type: ignore[no-any-return]


@operator(out=True)
def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean over some dims."""
    return _std_mean(input, *_arranged(dim, unbiased, keepdim, correction, "std_mean"))  # type: ignore[no-any-return]
