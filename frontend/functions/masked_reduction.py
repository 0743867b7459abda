"""Functions of the elements at which a mask holds: all others count as the value that changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brasa.functions import cumulative, exponential, extremes, normalizing, order_statistics, pointwise, reduction
from brasa.functions.elementwise import computing_dtype
from brasa.functions.linalg.norms import vector_norm
from brasa.ir.dtype import DType, bool_, float32, int64
from brasa.ir.errors import ArgumentError, IndexError, ValueError
from brasa.ir.ops import reduce as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axes_of, cast, constant, expand, type_of

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    """The input, with a value where the mask does not hold."""
    if mask is None:
        return input
    if mask.ndim > input.ndim:
        raise IndexError(f"mask {type_of(mask)} has more axes than {type_of(input)}")
    type = type_of(input)
    holds = expand(cast(mask, bool_), type.shape)
    return pointwise.where(holds, input, constant(value, type.dtype))


def _count(input: Tensor, mask: Tensor | None, dim: Any, keepdim: bool) -> Tensor:
    """At how many elements the mask holds."""
    ones = constant(1, int64, type_of(input).shape)
    return reduction.sum(_filled(ones, mask, 0), dim, keepdim)


def _over_dims(build: Callable[..., Tensor]) -> Any:
    """A public function of elements over some dims, by default all."""
    inner = function(build)

    def call(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None, mask: Tensor | None = None
    ) -> Tensor:
        return inner(input, dim, keepdim, dtype, mask)

    return _registered(call, build)


def _along_dim(build: Callable[..., Tensor]) -> Any:
    """A public function of elements along a dim."""
    inner = function(build)

    def call(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Tensor | None = None) -> Tensor:
        return inner(input, dim, dtype, mask)

    return _registered(call, build)


def _registered(call: Callable[..., Tensor], build: Callable[..., Tensor]) -> Any:
    call.__name__ = call.__qualname__ = build.__name__
    call.__doc__ = build.__doc__
    return operator(namespace="masked")(call)


@_over_dims
def sum(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The sum over some dims of the elements at which the mask holds."""
    return reduction.sum(_filled(input, mask, 0), dim, keepdim, dtype)


@_over_dims
def prod(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The product over some dims of the elements at which the mask holds."""
    return reduction.prod(_filled(input, mask, 1), dim, keepdim, dtype)


@_along_dim
def cumsum(input: Tensor, dim: int, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The sums along a dim of the elements up to each at which the mask holds."""
    return cumulative.cumsum(_filled(input, mask, 0), dim, dtype)


@_along_dim
def cumprod(input: Tensor, dim: int, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The products along a dim of the elements up to each at which the mask holds."""
    return cumulative.cumprod(_filled(input, mask, 1), dim, dtype)


@_over_dims
def amax(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The largest over some dims of the elements at which the mask holds."""
    kind = type_of(input).dtype
    result = reduction.amax(_filled(input, mask, ops.lowest(kind)), () if dim is None else dim, keepdim)
    return cast(result, dtype or kind)


@_over_dims
def amin(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The smallest over some dims of the elements at which the mask holds."""
    kind = type_of(input).dtype
    result = reduction.amin(_filled(input, mask, ops.highest(kind)), () if dim is None else dim, keepdim)
    return cast(result, dtype or kind)


@_over_dims
def argmax(input: Tensor, dim: int | None, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The place along a dim of the largest element at which the mask holds, in the input's dtype as PyTorch's."""
    kind = type_of(input).dtype
    return cast(extremes.argmax(_filled(input, mask, ops.lowest(kind)), dim, keepdim), dtype or kind)


@_over_dims
def argmin(input: Tensor, dim: int | None, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The place along a dim of the smallest element at which the mask holds, in the input's dtype as PyTorch's."""
    kind = type_of(input).dtype
    return cast(extremes.argmin(_filled(input, mask, ops.highest(kind)), dim, keepdim), dtype or kind)


@_over_dims
def mean(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """The mean over some dims of the elements at which the mask holds; NaN where there is none."""
    kind = dtype or type_of(input).dtype
    reduction.check_mean(kind, "mean")
    total = reduction.sum(_filled(cast(input, computing_dtype(kind)), mask, 0), dim, keepdim)
    return cast(pointwise.true_divide(total, _count(input, mask, dim, keepdim)), kind)


@function
def _median(input: Tensor, dim: int, keepdim: bool, mask: Tensor | None) -> Tensor:
    value = input if type_of(input).dtype.kind == "float" else cast(input, float32)
    return order_statistics.nanmedian(_filled(value, mask, math.nan), dim, keepdim).values  # type: ignore[no-any-return]


@operator(namespace="masked")
def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """The median along a dim of the elements at which the mask holds; NaN where there is none."""
    result = _median(input, dim, keepdim, mask)
    if input.dtype.kind == "float":
        return result  # type: ignore[no-any-return]
    if bool(pointwise.isnan(result).any()):
        raise ValueError("a row has no element at which the mask holds", op="masked.median")
    return result.to(dtype or input.dtype)  # type: ignore[no-any-return]


@function
def _norm(input: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    value = _filled(input, mask, math.inf if ord == -math.inf else 0)
    return vector_norm(value, ord, axes_of(dim, input.ndim, "norm"), keepdim, dtype=dtype)


@operator(namespace="masked")
def norm(
    input: Tensor, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: DType | None = None,
    mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The vector norm over some dims of the elements at which the mask holds."""
    return _norm(input, 2.0 if ord is None else float(ord), dim, keepdim, dtype, mask)  # type: ignore[no-any-return]


@function
def _normalize(input: Tensor, ord: Any, dim: Any, eps: float, dtype: DType | None, mask: Tensor | None) -> Tensor:
    size = _norm(input, ord, dim, True, dtype, mask)
    least = cast(eps, type_of(size).dtype) if isinstance(eps, Tensor) else constant(eps, type_of(size).dtype)
    return pointwise.true_divide(_filled(input, mask, 0), pointwise.maximum(size, least))


@operator(namespace="masked")
def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DType | None = None, mask: Tensor | None = None
) -> Tensor:
    """The elements at which the mask holds over their norm along a dim, which counts as eps at least; 0 elsewhere."""
    return _normalize(input, float(ord), dim, eps, dtype, mask)  # type: ignore[no-any-return]


@function
def _var(
    input: Tensor, dim: Any, correction: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None, root: bool
) -> Tensor:
    given = dtype or type_of(input).dtype
    kind = given if given.kind in ("float", "complex") else float32
    value = cast(input, computing_dtype(kind))
    center = pointwise.true_divide(reduction.sum(_filled(value, mask, 0), dim, True), _count(input, mask, dim, True))
    gap = pointwise.sub(value, center)
    total = reduction.sum(_filled(pointwise.mul(gap, gap), mask, 0), dim, keepdim)
    count = cast(_count(input, mask, dim, keepdim), type_of(value).dtype)
    divisor = pointwise.clamp(pointwise.sub(count, correction), min=0) if correction else count
    result = cast(pointwise.true_divide(total, divisor), dtype or kind)
    return pointwise.sqrt(result) if root else result


def _correction(unbiased: bool | None, correction: Any, name: str) -> Any:
    if unbiased is not None and correction is not None:
        raise ArgumentError("takes unbiased or correction, not both", op=name)
    return correction if correction is not None else 1 if unbiased is None else int(unbiased)


@operator(namespace="masked")
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None, keepdim: bool = False,
    dtype: DType | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The variance over some dims of the elements at which the mask holds."""
    by = _correction(unbiased, correction, "masked.var")
    return _var(input, dim, by, keepdim, dtype, mask, False)  # type: ignore[no-any-return]


@operator(namespace="masked")
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None, keepdim: bool = False,
    dtype: DType | None = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation over some dims of the elements at which the mask holds."""
    by = _correction(unbiased, correction, "masked.std")
    return _var(input, dim, by, keepdim, dtype, mask, True)  # type: ignore[no-any-return]


@_along_dim
def softmax(input: Tensor, dim: int, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """softmax along a dim of the elements at which the mask holds; 0 elsewhere."""
    return normalizing.softmax(_filled(input, mask, -math.inf), dim, dtype)


@_along_dim
def log_softmax(input: Tensor, dim: int, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """log(softmax) along a dim of the elements at which the mask holds; -inf elsewhere."""
    return normalizing.log_softmax(_filled(input, mask, -math.inf), dim, dtype)


@_along_dim
def softmin(input: Tensor, dim: int, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """softmax(-input) along a dim of the elements at which the mask holds; 0 elsewhere."""
    return normalizing.softmin(_filled(input, mask, math.inf), dim, dtype=dtype)


@function
def _logaddexp(
    input: Tensor, other: Tensor, dtype: DType | None, input_mask: Tensor | None, other_mask: Tensor | None
) -> Tensor:
    lhs, rhs = _filled(input, input_mask, -math.inf), _filled(other, other_mask, -math.inf)
    return cast(exponential.logaddexp(lhs, rhs), dtype or type_of(input).dtype)


@operator(namespace="masked")
def logaddexp(
    input: Tensor, other: Tensor, *, dtype: DType | None = None, input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """log(exp(input) + exp(other)), of each only the elements at which its mask holds."""
    return _logaddexp(input, other, dtype, input_mask, other_mask)  # type: ignore[no-any-return]


@_over_dims
def logsumexp(input: Tensor, dim: Any, keepdim: bool, dtype: DType | None, mask: Tensor | None) -> Tensor:
    """log(sum(exp(input))) over some dims of the elements at which the mask holds; -inf where there is none."""
    kind = type_of(input).dtype
    least = -math.inf if kind.kind == "float" else ops.lowest(kind)
    axes = axes_of(dim, input.ndim, "logsumexp")
    return cast(reduction.logsumexp(_filled(input, mask, least), axes, keepdim), dtype or kind)
