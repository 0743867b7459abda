"""Layers and losses as functions: what brasa.nn.functional shows."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from brasa._state import STATE
from brasa.arguments import require_tensors
from brasa.autograd.modes import no_grad
from brasa.function import function
from brasa.functions import pointwise, reduction
from brasa.functions.joining import index_select
from brasa.functions.reduction import log_softmax
from brasa.ir.dim import Size, equal, floor_divide, product, solving
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import contract, elementwise, window
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import gather
from brasa.operators import operator
from brasa.primitive import Number, apply, cast, constant, current, elementwise_op, expand, reshape, type_of
from brasa.random import next_draw, uniform_bits
from brasa.tensor import Tensor
from brasa.views import reshape as reshape_tensor


def per_axis(value: Any, count: int, name: str) -> tuple[int, ...]:
    """One int for each spatial axis, from one int or several."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(values) == 1:
        values = values * count
    if len(values) != count or not all(isinstance(v, int) for v in values):
        raise ArgumentError(f"{name} must be an int or {count} ints, not {value}")
    return values


_SMALL = 64 * 64  # positions of an image


def _is_small(input: Tensor) -> bool:
    """Whether an eager function shall have a form for these image sizes alone: loops of known length are several
    times faster on small images. A traced program keeps its sizes open."""
    return STATE.trace is None and input.ndim > 1 and prod(input.shape[-2:]) <= _SMALL


def _fix_plane(input: Tensor, small: bool) -> None:
    for size in type_of(input).shape[-2:] if small else ():
        current().scope.fix(size)


@function(fixed=("weight", "bias"))
def _conv(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int,
    small: bool,
) -> Tensor:  # fmt: skip
    _fix_plane(input, small)
    result = apply(contract.conv, input, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if bias is None:
        return result
    column = reshape(bias, (1, *type_of(bias).shape, *[1] * len(stride)))
    return pointwise.add(result, column)


@operator(namespace="nn.functional")
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The convolution of input[n, c, h, w] (or [c, h, w]) with weight[o, c / groups, kh, kw]."""
    require_tensors("conv2d", input=input, weight=weight)
    options = [per_axis(stride, 2, "stride"), _padding(padding, weight, dilation), per_axis(dilation, 2, "dilation")]
    if input.ndim == 3:
        result = _conv(input.unsqueeze(0), weight, bias, *options, groups, _is_small(input))  # type: ignore[attr-defined]
        return result.squeeze(0)  # type: ignore[no-any-return]
    if input.ndim != 4:
        raise ShapeError(f"input must have 3 or 4 axes, it has {input.ndim}", op="conv2d")
    return _conv(input, weight, bias, *options, groups, _is_small(input))


def _padding(padding: Any, weight: Tensor, dilation: Any) -> tuple[int, ...]:
    if padding == "valid":
        return (0, 0)
    if padding == "same":
        spans = [d * (int(k) - 1) for k, d in zip(weight.shape[2:], per_axis(dilation, 2, "dilation"), strict=True)]
        if any(span % 2 for span in spans):
            raise ValueError("padding='same' needs windows of odd span", op="conv2d")
        return tuple(span // 2 for span in spans)
    return per_axis(padding, 2, "padding")


class _Pooling(NamedTuple):
    window: tuple[int, ...]
    positions: tuple[Size, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


def _pooling(input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> _Pooling:
    spatial = type_of(input).shape[-2:]
    positions: list[Size] = []
    for size, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        span = size + 2 * p - d * (k - 1) - 1
        count = floor_divide(span + (s - 1 if ceil_mode else 0), s) + 1
        positions.append(count)
    return _Pooling(kernel, tuple(positions), stride, padding, dilation)


@function
def _max_pool2d(
    input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, small: bool
) -> Tensor:
    _fix_plane(input, small)
    return apply(window.window_max, input, **_pooling(input, kernel, stride, padding, dilation, ceil_mode)._asdict())


@function
def _max_pool2d_places(
    input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, small: bool
) -> tuple[Tensor, Tensor]:
    _fix_plane(input, small)
    options = _pooling(input, kernel, stride, padding, dilation, ceil_mode)._asdict()
    return apply(window.window_max, input, **options), apply(window.window_argmax, input, **options)


@operator(namespace="nn.functional")
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of the last two axes; padding counts as -inf."""
    require_tensors("max_pool2d", input=input)
    kernel = per_axis(kernel_size, 2, "kernel_size")
    step = kernel if stride is None or stride == () else per_axis(stride, 2, "stride")
    border, spread = per_axis(padding, 2, "padding"), per_axis(dilation, 2, "dilation")
    if any(2 * p > k for p, k in zip(border, kernel, strict=True)):
        raise ValueError(f"padding {border} is more than half of the window {kernel}", op="max_pool2d")
    build = _max_pool2d_places if return_indices else _max_pool2d
    return build(input, kernel, step, border, spread, ceil_mode, _is_small(input))


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


@function
def _dropout(input: Tensor, p: float, seed: Number, call: Number) -> Tensor:
    kept = pointwise.ge(uniform_bits(input, seed, call), p)
    share = elementwise_op(elementwise.sub, 1.0, p, dtype=float64)
    scale = cast(elementwise_op(elementwise.div, 1.0, share, dtype=float64), type_of(input).dtype)
    return pointwise.mul(pointwise.mul(input, kept), scale)


@operator(namespace="nn.functional")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, each element set to 0 with probability p and the others scaled by 1 / (1 - p)."""
    require_tensors("dropout", input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in 0..1, not {p}", op="dropout")
    if not training or p == 0:
        return input
    if p == 1:
        return pointwise.mul(input, 0.0)
    result = _dropout(input, float(p), *next_draw())
    return input.copy_(result) if inplace else result  # type: ignore[no-any-return, attr-defined]


@function(inline=True)
def _frozen_where(rows: Tensor, numbers: Tensor, number: int) -> Tensor:
    """The rows, without a gradient where they have this number."""
    named = pointwise.eq(reshape(numbers, (*type_of(numbers).shape, 1)), number)
    return pointwise.where(named, apply(stop_gradient, rows), rows)


@operator(namespace="nn.functional")
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of weight that the integers in input name; the row padding_idx gets no gradient."""
    require_tensors("embedding", input=input, weight=weight)
    flat = reshape_tensor(input, (-1,)) if input.ndim != 1 else input
    rows = index_select(weight, 0, flat)
    if padding_idx is not None:
        rows = _frozen_where(rows, flat, padding_idx if padding_idx >= 0 else padding_idx + int(weight.shape[0]))
    return reshape_tensor(rows, (*input.shape, weight.shape[1]))


# losses


def _reduced(loss: Tensor, how: str, op: str) -> Tensor:
    if how == "none":
        return loss
    if how not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not '{how}'", op=op)
    return reduction.mean(loss) if how == "mean" else reduction.sum(loss)


@operator(namespace="nn.functional")
@function
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The squared differences, by default their mean."""
    gap = pointwise.sub(input, target)
    return _reduced(pointwise.mul(gap, gap), reduction, "mse_loss")


@operator(namespace="nn.functional")
@function
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The absolute differences, by default their mean."""
    return _reduced(pointwise.abs(pointwise.sub(input, target)), reduction, "l1_loss")


@operator(namespace="nn.functional")
@function
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability of each target class; input[n, c, ...], target[n, ...]."""
    return _nll(input, target, weight, ignore_index, reduction)


def _nll(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, how: str, smoothing: float | None = None
) -> Tensor:  # fmt: skip
    if type_of(target).dtype is not int64:
        raise DTypeError(f"class numbers must be i64, not {type_of(target).dtype.name}", op="nll_loss")
    shape = type_of(input).shape
    axis = 1 if len(shape) > 1 else 0
    places = reshape(target, (*shape[:axis], 1, *shape[axis + 1 :]))
    ignored = pointwise.eq(places, ignore_index)
    safe = pointwise.where(ignored, 0, places)
    scale = cast(pointwise.where(ignored, 0.0, 1.0), type_of(input).dtype)
    scores = input
    if weight is not None:
        row = _row(weight, axis, len(shape))
        scale = pointwise.mul(scale, apply(gather, expand(row, shape), safe, axis=axis))
        scores = pointwise.mul(input, row)
    loss = pointwise.mul(pointwise.neg(apply(gather, input, safe, axis=axis)), scale)
    if smoothing is not None:
        spread = pointwise.neg(reduction.mean(scores, axis, True))
        loss = pointwise.add(loss, pointwise.mul(pointwise.sub(spread, loss), smoothing))
    loss = pointwise.where(ignored, 0.0, loss)
    if how == "mean":
        return pointwise.true_divide(reduction.sum(loss), reduction.sum(scale))
    return reshape(_reduced(loss, how, "nll_loss"), type_of(target).shape if how == "none" else ())


def _row(weight: Tensor, axis: int, rank: int) -> Tensor:
    return reshape(weight, [type_of(weight).shape[0] if a == axis else 1 for a in range(rank)])


@function
def _cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float | None
) -> Tensor:
    return _nll(log_softmax(input, min(1, input.ndim - 1)), target, weight, ignore_index, reduction, smoothing)


@function
def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float | None
) -> Tensor:  # fmt: skip
    axis = min(1, input.ndim - 1)
    logs = log_softmax(input, axis)
    if smoothing is not None:
        even = pointwise.reciprocal(constant(type_of(input).shape[axis], type_of(input).dtype))
        target = pointwise.add(target, pointwise.mul(pointwise.sub(even, target), smoothing))
    scores = pointwise.mul(logs, target)
    if weight is not None:
        scores = pointwise.mul(scores, _row(weight, axis, input.ndim))
    return _reduced(pointwise.neg(reduction.sum(scores, axis)), how, "cross_entropy")


@operator(namespace="nn.functional")
def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """nll_loss of log_softmax over the classes; target holds class numbers, or a probability for each class.

    label_smoothing: the share of every target that is spread evenly over all classes.
    """
    require_tensors("cross_entropy", input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be in 0..1, not {label_smoothing}", op="cross_entropy")
    smoothing = label_smoothing or None
    if target.dtype.kind == "float":
        return _soft_cross_entropy(input, target, weight, reduction, smoothing)
    return _cross_entropy(input, target, weight, ignore_index, reduction, smoothing)
