"""The softmax family: exponentials along a dim, over their sum."""

from __future__ import annotations

import warnings

from brasa.functions import pointwise
from brasa.functions.elementwise import computing_dtype
from brasa.functions.reduction import reduced, top
from brasa.ir.dtype import DType
from brasa.ir.ops import reduce as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axes_of, cast, floating, type_of

__all__ = ["_softmax_backward_data", "log_softmax", "softmax"]


@operator(method=True, out=True)
@function
def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp(input) scaled so that it sums to 1 along a dim."""
    value = cast(input, dtype or floating(input))
    inner = cast(value, computing_dtype(type_of(value).dtype))
    axes = axes_of(dim, input.ndim, "softmax")
    raised = pointwise.exp(pointwise.sub(inner, top(inner, axes)))
    scale = pointwise.true_divide(1, reduced(ops.sum_, raised, axes, True))
    return cast(pointwise.mul(raised, scale), type_of(value).dtype)


@operator(method=True, out=True)
@function
def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """log(softmax(input)) along a dim."""
    value = cast(input, dtype or floating(input))
    inner = cast(value, computing_dtype(type_of(value).dtype))
    axes = axes_of(dim, input.ndim, "log_softmax")
    shifted = pointwise.sub(inner, top(inner, axes))
    total = pointwise.log(reduced(ops.sum_, pointwise.exp(shifted), axes, True))
    return cast(pointwise.sub(shifted, total), type_of(value).dtype)


@function
def _softmin(input: Tensor, dim: int, dtype: DType | None) -> Tensor:
    return softmax(pointwise.neg(input if dtype is None else cast(input, dtype)), dim)


@function
def _softmax_backward(grad_output: Tensor, output: Tensor, dim: int, dtype: DType) -> Tensor:
    axes = axes_of(dim, output.ndim, "_softmax_backward_data")
    inner = computing_dtype(type_of(output).dtype)
    weighted = pointwise.mul(cast(grad_output, inner), cast(output, inner))
    total = reduced(ops.sum_, weighted, axes, True)
    return cast(pointwise.sub(weighted, pointwise.mul(cast(output, inner), total)), dtype)


def _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: DType) -> Tensor:
    """The gradient of softmax, given its output and that one's gradient."""
    return _softmax_backward(grad_output, output, dim, input_dtype)  # type: ignore[no-any-return]


def implied_dim(dim: int | None, rank: int, name: str) -> int:
    """The dim that PyTorch takes where none is given."""
    if dim is not None:
        return dim
    warnings.warn(f"{name} without dim chooses one, as PyTorch once did; pass dim", UserWarning, stacklevel=3)
    return 0 if rank in (0, 1, 3) else 1


@operator(namespace="nn.functional")
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """softmax(-input) along a dim."""
    return _softmin(input, implied_dim(dim, input.ndim, "softmin"), dtype)  # type: ignore[no-any-return]
