"""Normalised values: to mean 0 and variance 1 over some axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.arguments import require_tensors
from brasa.autograd.modes import no_grad
from brasa.function import function
from brasa.functions import pointwise, reduction
from brasa.ir.dim import equal, product, solving
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops.control import stop_gradient
from brasa.operators import operator
from brasa.primitive import Number, apply, constant, current, reshape, type_of
from brasa.tensor import Tensor


@operator(namespace="nn.functional")
@function
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalised to mean 0 and variance 1 over the last axes, then scaled and shifted."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    sizes = type_of(input).shape[-len(shape) :]
    with solving(current().scope):
        fits = len(sizes) == len(shape) and all(map(equal, sizes, shape))
    if not fits:
        raise ShapeError(f"the last sizes of {type_of(input)} are not {list(shape)}", op="layer_norm")
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    center = reduction.mean(input, axes, True)
    gap = pointwise.sub(input, center)
    spread = reduction.mean(pointwise.mul(gap, gap), axes, True)
    result = pointwise.mul(gap, pointwise.rsqrt(pointwise.add(spread, eps)))
    if weight is not None:
        result = pointwise.mul(result, weight)
    return result if bias is None else pointwise.add(result, bias)


class _Normalized(NamedTuple):
    result: Tensor
    mean: Tensor
    variance: Tensor


def _column(vector: Tensor, like: Tensor) -> Tensor:
    return reshape(vector, (1, *type_of(vector).shape, *[1] * (like.ndim - 2)))


def _scaled(gap: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    scale = pointwise.rsqrt(pointwise.add(variance, eps))
    result = pointwise.mul(gap, scale)
    if weight is not None:
        result = pointwise.mul(result, _column(weight, gap))
    return result if bias is None else pointwise.add(result, _column(bias, gap))


@function
def _batch_norm_train(input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> _Normalized:
    axes = (0, *range(2, input.ndim))
    mean = reduction.mean(input, axes, True)
    gap = pointwise.sub(input, mean)
    variance = reduction.mean(pointwise.mul(gap, gap), axes, True)
    channels = type_of(input).shape[1:2]
    count = product(type_of(input).shape[axis] for axis in axes)
    kind = type_of(input).dtype
    ratio = pointwise.true_divide(constant(count, kind), constant(count - 1, kind))
    unbiased = pointwise.mul(reshape(variance, channels), ratio)
    result = _scaled(gap, variance, weight, bias, eps)
    return _Normalized(result, apply(stop_gradient, reshape(mean, channels)), apply(stop_gradient, unbiased))


@function
def _batch_norm_eval(
    input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    gap = pointwise.sub(input, _column(mean, input))
    return _scaled(gap, _column(variance, input), weight, bias, eps)


@function
def _moved_average(old: Tensor, new: Tensor, momentum: Number) -> Tensor:
    return pointwise.add(old, pointwise.mul(pointwise.sub(new, old), momentum))


@operator(namespace="nn.functional")
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalised per channel: by the batch's statistics while training (which update the running ones in place)."""
    require_tensors("batch_norm", input=input)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("needs running statistics outside training", op="batch_norm")
        return _batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    if input.ndim < 2 or input.numel() == input.shape[1]:
        raise ValueError(f"needs more than one value per channel when training, the shape is {list(input.shape)}",
                         op="batch_norm")  # fmt: skip
    result, mean, variance = _batch_norm_train(input, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        with no_grad():
            running_mean.copy_(_moved_average(running_mean, mean, momentum))
            running_var.copy_(_moved_average(running_var, variance, momentum))
    return result  # type: ignore[no-any-return]
