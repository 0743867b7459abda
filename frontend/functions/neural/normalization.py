"""Normalised values: to mean 0 and variance 1, or to length 1, over some axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from brasa.autograd.modes import no_grad
from brasa.functions import pointwise, reduction
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.dim import equal, product, solving
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.ir.ops import move
from brasa.ir.ops.control import stop_gradient
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, constant, current, reshape, type_of
from brasa.tracing.updating import updating

__all__ = ["group_norm", "layer_norm", "native_batch_norm", "native_group_norm", "native_layer_norm", "rms_norm"]


class Normalized(NamedTuple):
    """A normalised tensor, and the mean and the reciprocal of the standard deviation that made it so."""

    result: Tensor
    mean: Tensor
    rstd: Tensor


def _standardized(x: Tensor, axes: tuple[int, ...], eps: Number) -> Normalized:
    center = reduction.mean(x, axes, True)
    gap = pointwise.sub(x, center)
    spread = reduction.mean(pointwise.mul(gap, gap), axes, True)
    rstd = pointwise.rsqrt(pointwise.add(spread, eps))
    return Normalized(pointwise.mul(gap, rstd), center, rstd)


def _scaled(result: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    weight, bias = widened(weight, bias)
    if weight is not None:
        result = pointwise.mul(result, weight)
    return result if bias is None else pointwise.add(result, bias)


def _last_axes(
    op: str, input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None
) -> tuple[int, ...]:  # fmt: skip
    """The axes that a layer's shape names; ShapeError unless input ends in it and its parameters have it."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise ShapeError("normalized_shape must have at least one size", op=op)
    named = {f"the last sizes of {type_of(input)}": type_of(input).shape[-len(shape) :]}
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None:
            named[f"the sizes of {name}"] = type_of(parameter).shape
    with solving(current().scope):
        for what, sizes in named.items():
            if len(sizes) != len(shape) or not all(map(equal, sizes, shape)):
                raise ShapeError(f"{what} are not {list(shape)}", op=op)
    return tuple(range(input.ndim - len(shape), input.ndim))


@operator(namespace="nn.functional")
@function
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalised to mean 0 and variance 1 over the last axes, then scaled and shifted (Ba et al. 2016)."""
    axes = _last_axes("layer_norm", input, normalized_shape, weight, bias)
    (x,) = widened(input)
    return rounded(_scaled(_standardized(x, axes, eps).result, weight, bias), input)


@operator()
@function
def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Normalized:
    """layer_norm with the mean and the reciprocal of the standard deviation, which keep the reduced axes as 1."""
    axes = _last_axes("native_layer_norm", input, normalized_shape, weight, bias)
    (x,) = widened(input)
    made = _standardized(x, axes, eps)
    result = rounded(_scaled(made.result, weight, bias), input)
    facts = [apply(stop_gradient, rounded(t, input)) for t in made[1:]]
    return Normalized(result, *facts)


@function
def _rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None, eps: Number) -> Tensor:
    axes = _last_axes("rms_norm", input, normalized_shape, weight, None)
    (x,) = widened(input)
    square = reduction.mean(pointwise.mul(x, x), axes, True)
    result = pointwise.mul(x, pointwise.rsqrt(pointwise.add(square, eps)))
    return rounded(_scaled(result, weight, None), input)


@operator(namespace="nn.functional")
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """The input over the root of its mean square over the last axes, then scaled (Zhang and Sennrich 2019).

    eps: added to the mean square; by default the distance from 1 to the next number of the dtype it is computed in.
    """
    require_tensors("rms_norm", input=input)
    if eps is None:
        eps = 2.0**-52 if input.dtype.bits == 64 else 2.0**-23
    shape = normalized_shape if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return _rms_norm(input, shape, weight, float(eps))


@function
def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: Number
) -> Normalized:  # fmt: skip
    (x,) = widened(input)
    shape = type_of(x).shape
    rows = reshape(x, (shape[0], num_groups, shape[1] // num_groups * product(shape[2:])))
    made = _standardized(rows, (2,), eps)
    column = [None if p is None else _column(p, input) for p in (weight, bias)]
    result = rounded(_scaled(reshape(made.result, shape), *column), input)
    flat = [rounded(reshape(t, (shape[0], num_groups)), input) for t in made[1:]]
    return Normalized(result, *flat)


def _column(vector: Tensor, like: Tensor) -> Tensor:
    """A vector of channels beside an input[n, c, ...]."""
    return reshape(vector, (1, *type_of(vector).shape, *[1] * (like.ndim - 2)))


def _check_channels(op: str, input: Tensor, **vectors: Tensor | None) -> None:
    """ShapeError unless every vector has one number for each channel of input[n, c, ...]."""
    if input.ndim < 2:
        raise ShapeError(f"input must have at least 2 axes, it has {input.ndim}", op=op)
    channels = input.shape[1]
    for name, vector in vectors.items():
        if vector is not None and tuple(vector.shape) != (channels,):
            raise ShapeError(f"{name} has shape {list(vector.shape)}, there are {channels} channels", op=op)


def _check_groups(op: str, input: Tensor, num_groups: int) -> None:
    require_tensors(op, input=input)
    if input.ndim < 2:
        raise ShapeError(f"input must have at least 2 axes, it has {input.ndim}", op=op)
    if num_groups <= 0 or input.shape[1] % num_groups:
        raise ShapeError(f"{input.shape[1]} channels do not divide into {num_groups} groups", op=op)


@operator(namespace="nn.functional")
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Groups of channels of input[n, c, ...] normalised in each sample, then channels scaled (Wu and He 2018)."""
    _check_groups("group_norm", input, num_groups)
    _check_channels("group_norm", input, weight=weight, bias=bias)
    if input.shape[0] * input.shape[1] == 0 or input.numel() == input.shape[0] * num_groups:
        count = input.numel() // max(1, int(input.shape[0]) * num_groups)
        if count == 1:
            raise ValueError(f"needs more than one value per group, the shape is {list(input.shape)}", op="group_norm")
    return _group_norm(input, num_groups, weight, bias, float(eps)).result


@operator()
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Normalized:
    """group_norm with each group's mean and reciprocal standard deviation [n, groups]; the sizes are the input's."""
    _check_groups("native_group_norm", input, group)
    _check_channels("native_group_norm", input, weight=weight, bias=bias)
    if input.shape[0] != N or input.shape[1] != C or input.numel() != N * C * HxW:
        raise ShapeError(f"{N} samples of {C} channels of {HxW} values are not {list(input.shape)}",
                         op="native_group_norm")  # fmt: skip
    return _group_norm(input, group, weight, bias, float(eps))


class _WithVariance(NamedTuple):
    result: Tensor
    mean: Tensor
    rstd: Tensor
    variance: Tensor  # by one less than the number of values


@function
def _batch_norm_train(input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> _WithVariance:
    (x,) = widened(input)
    axes = (0, *range(2, input.ndim))
    mean = reduction.mean(x, axes, True)
    gap = pointwise.sub(x, mean)
    variance = reduction.mean(pointwise.mul(gap, gap), axes, True)
    channels = type_of(x).shape[1:2]
    unbiased = pointwise.mul(reshape(variance, channels), _widening(x, axes))
    rstd = pointwise.rsqrt(pointwise.add(variance, eps))
    column = [None if p is None else _column(p, input) for p in (weight, bias)]
    result = rounded(_scaled(pointwise.mul(gap, rstd), *column), input)
    facts = [apply(stop_gradient, reshape(t, channels)) for t in (mean, rstd, unbiased)]
    return _WithVariance(result, *facts)


def _widening(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """n / (n - 1) for n reduced values."""
    kind = type_of(x).dtype
    count = product(type_of(x).shape[axis] for axis in axes)
    return pointwise.div(constant(count, kind), constant(count - 1, kind))


@function
def _batch_norm_eval(
    input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    x, center, spread = widened(input, mean, variance)
    gap = pointwise.sub(x, _column(center, x))
    scale = pointwise.rsqrt(pointwise.add(_column(spread, x), eps))
    column = [None if p is None else _column(p, input) for p in (weight, bias)]
    return rounded(_scaled(pointwise.mul(gap, scale), *column), input)


@updating("mean", "variance")
def _moved_averages(
    mean: Tensor | None, variance: Tensor | None, new_mean: Tensor, new_variance: Tensor, momentum: Number
) -> tuple[Tensor, ...]:
    pairs = [(old, new) for old, new in ((mean, new_mean), (variance, new_variance)) if old is not None]
    return tuple(pointwise.add(old, pointwise.mul(pointwise.sub(new, old), momentum)) for old, new in pairs)


def _follow(mean: Tensor | None, variance: Tensor | None, made: _WithVariance, momentum: Number) -> None:
    """Move the running statistics towards the batch's, in place."""
    if mean is not None or variance is not None:
        with no_grad():
            _moved_averages(mean, variance, made.mean, made.variance, momentum)


@operator(namespace="nn.functional")
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalised per channel: by the batch's statistics while training (which update the running ones in place)."""
    require_tensors("batch_norm", input=input)
    if input.ndim < 2:
        if input.numel():
            raise ShapeError(f"input must have at least 2 axes, it has {input.ndim}", op="batch_norm")
        return input.clone()  # type: ignore[attr-defined, no-any-return]
    _check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("needs running statistics outside training", op="batch_norm")
        return _batch_norm_eval(input, running_mean, running_var, weight, bias, eps)
    has_several = not input.numel() <= input.shape[1]  # values per channel
    if not has_several and input.numel():
        raise ValueError(f"needs more than one value per channel when training, the shape is {list(input.shape)}",
                         op="batch_norm")  # fmt: skip
    made = _batch_norm_train(input, weight, bias, eps)
    if has_several:
        _follow(running_mean, running_var, made, momentum)
    return made.result


@operator()
def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> Normalized:  # fmt: skip
    """batch_norm with each channel's mean and reciprocal standard deviation; both empty outside training."""
    if not training:
        result = batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
        empty = input.new_empty((0,))  # type: ignore[attr-defined]
        return Normalized(result, empty, empty)
    _check_channels("native_batch_norm", input, weight=weight, bias=bias)
    made = _batch_norm_train(input, weight, bias, eps)
    _follow(running_mean, running_var, made, momentum)
    return Normalized(*made[:3])


@function
def _instance_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: Number) -> _WithVariance:
    (x,) = widened(input)
    axes = tuple(range(2, input.ndim))
    made = _standardized(x, axes, eps)
    gap = pointwise.sub(x, made.mean)
    variance = pointwise.mul(reduction.mean(pointwise.mul(gap, gap), axes), _widening(x, axes))
    column = [None if p is None else _column(p, input) for p in (weight, bias)]
    result = rounded(_scaled(made.result, *column), input)
    channels = type_of(x).shape[1:2]
    mean = reduction.mean(reshape(made.mean, type_of(x).shape[:2]), 0)
    facts = [apply(stop_gradient, t) for t in (mean, reshape(made.rstd, type_of(x).shape[:2]))]
    return _WithVariance(result, *facts, apply(stop_gradient, reshape(reduction.mean(variance, 0), channels)))


@operator(namespace="nn.functional")
def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Every channel of every sample normalised, then channels scaled (Ulyanov et al. 2016).

    use_input_stats=False: by the running statistics, which otherwise follow the batch's in place.
    """
    op = "instance_norm"
    require_tensors(op, input=input)
    if input.ndim < 3 and use_input_stats:
        raise ValueError(f"needs an axis of values in each channel, the shape is {list(input.shape)}", op=op)
    _check_channels(op, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError("needs running statistics when use_input_stats is False", op=op)
        return _batch_norm_eval(input, running_mean, running_var, weight, bias, float(eps))
    if input.numel() == input.shape[0] * input.shape[1] and input.numel():
        raise ValueError(f"needs more than one value per channel, the shape is {list(input.shape)}", op=op)
    made = _instance_norm(input, weight, bias, float(eps))
    _follow(running_mean, running_var, made, momentum)
    return made.result


@function
def _local_response_norm(input: Tensor, size: int, alpha: Number, beta: Number, k: Number) -> Tensor:
    (x,) = widened(input)
    shape, rank = type_of(x).shape, x.ndim
    low, high = [0] * rank, [0] * rank
    low[1], high[1] = size // 2, (size - 1) // 2
    squares = pointwise.mul(x, x)
    padded = apply(move.pad, squares, constant(0, type_of(x).dtype), low=tuple(low), high=tuple(high))
    parts = [
        apply(move.slice_, padded, starts=tuple(i if a == 1 else 0 for a in range(rank)), sizes=shape,
              steps=(1,) * rank)
        for i in range(size)
    ]  # fmt: skip
    total = parts[0]
    for part in parts[1:]:
        total = pointwise.add(total, part)
    mean = pointwise.div(total, constant(size, type_of(x).dtype))
    return rounded(pointwise.div(x, pointwise.pow(pointwise.add(pointwise.mul(mean, alpha), k), beta)), input)


@operator(namespace="nn.functional")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:  # fmt: skip
    """The input over (k + alpha * mean square of `size` neighbouring channels)**beta (Krizhevsky et al. 2012)."""
    require_tensors("local_response_norm", input=input)
    if input.ndim < 3:
        raise ShapeError(f"input must have at least 3 axes, it has {input.ndim}", op="local_response_norm")
    return _local_response_norm(input, int(size), float(alpha), float(beta), float(k))
