"""Losses of predictions that name a class, or say for each class whether it holds."""

from __future__ import annotations

from typing import Any

from brasa.functions import pointwise, reduction
from brasa.functions.matrix import linear
from brasa.functions.neural.loss import chosen, reduced
from brasa.functions.neural.precision import rounded, widened
from brasa.functions.normalizing import log_softmax
from brasa.ir.dtype import int64, uint8
from brasa.ir.errors import BrasaError, DTypeError, ShapeError, ValueError
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, constant, expand, required, reshape, type_of


def _check_classes(op: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Raise unless target has input's shape without its classes, and weight one number for each of these."""
    if not input.ndim:
        raise ShapeError("input needs an axis of classes", op=op)
    axis = min(1, input.ndim - 1)
    shape = tuple(input.shape)
    if target.dtype not in (int64, uint8):
        raise DTypeError(f"class numbers must be i64, not {target.dtype.name}", op=op)
    if tuple(target.shape) != shape[:axis] + shape[axis + 1 :]:
        raise ShapeError(f"input has shape {list(shape)}, target {list(target.shape)}: the target must have input's "
                         f"shape without axis {axis}, the classes", op=op)  # fmt: skip
    if weight is not None and tuple(weight.shape) != (shape[axis],):
        raise ShapeError(f"weight has shape {list(weight.shape)}, there are {shape[axis]} classes", op=op)


@function
def _nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, how: str
) -> Tensor:  # fmt: skip
    logs, weights = widened(input, weight)
    return rounded(_nll("nll_loss", logs, target, weights, ignore_index, how), input)


@operator(namespace="nn.functional")
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probability of each target class; input[n, c, ...], target[n, ...].

    The mean is weighted by the classes' weights; targets that are ignore_index do not count. IndexError for a class
    that does not exist.
    """
    require_tensors("nll_loss", input=input, target=target)
    how = chosen(reduction, size_average, reduce, "nll_loss")
    _check_classes("nll_loss", input, target, weight)
    return _nll_loss(input, target, weight, ignore_index, how)


def _nll(
    op: str, logs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, how: str,
    smoothing: float | None = None,
) -> Tensor:  # fmt: skip
    shape = type_of(logs).shape
    axis = 1 if len(shape) > 1 else 0
    places = cast(reshape(target, (*shape[:axis], 1, *shape[axis + 1 :])), int64)
    ignored = pointwise.eq(places, ignore_index)
    safe = pointwise.where(ignored, 0, places)
    scale = cast(pointwise.where(ignored, 0.0, 1.0), type_of(logs).dtype)
    scores = logs
    if weight is not None:
        row = _row(weight, axis, len(shape))
        scale = pointwise.mul(scale, apply(gather, expand(row, shape), safe, axis=axis, of=op))
        scores = pointwise.mul(logs, row)
    loss = pointwise.mul(pointwise.neg(apply(gather, logs, safe, axis=axis, of=op)), scale)
    if smoothing is not None:
        spread = pointwise.neg(reduction.mean(scores, axis, True))
        loss = pointwise.add(loss, pointwise.mul(pointwise.sub(spread, loss), smoothing))
    loss = pointwise.where(ignored, 0.0, loss)
    if how == "mean":
        return pointwise.div(reduction.sum(loss), reduction.sum(scale))
    return reshape(reduced(loss, how), type_of(target).shape if how == "none" else ())


def _row(weight: Tensor, axis: int, rank: int) -> Tensor:
    return reshape(weight, [type_of(weight).shape[0] if a == axis else 1 for a in range(rank)])


@function
def _cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, how: str, smoothing: float | None
) -> Tensor:
    scores, weights = widened(input, weight)
    logs = log_softmax(scores, min(1, input.ndim - 1))
    return rounded(_nll("cross_entropy", logs, target, weights, ignore_index, how, smoothing), input)


@function
def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float | None
) -> Tensor:  # fmt: skip
    axis = min(1, input.ndim - 1)
    values, chances, weights = widened(input, target, weight)
    logs = log_softmax(values, axis)
    kinds = constant(type_of(input).shape[axis], type_of(logs).dtype)
    if smoothing is not None:
        even = pointwise.reciprocal(kinds)
        chances = pointwise.add(chances, pointwise.mul(pointwise.sub(even, chances), smoothing))
    scores = pointwise.mul(logs, chances)
    if weights is not None:
        scores = pointwise.mul(scores, _row(weights, axis, input.ndim))
    return rounded(reduced(pointwise.neg(reduction.sum(scores, axis)), how), input)


@operator(namespace="nn.functional")
def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """nll_loss of log_softmax over the classes; target holds class numbers, or a probability for each class.

    label_smoothing: the share of every target that is spread evenly over all classes (Szegedy et al. 2016).
    """
    require_tensors("cross_entropy", input=input, target=target)
    how = chosen(reduction, size_average, reduce, "cross_entropy")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be in 0..1, not {label_smoothing}", op="cross_entropy")
    smoothing = label_smoothing or None
    if target.dtype.kind == "float":
        if tuple(target.shape) != tuple(input.shape):
            raise ShapeError(f"input has shape {list(input.shape)}, the probabilities {list(target.shape)}",
                             op="cross_entropy")  # fmt: skip
        if ignore_index >= 0:
            raise BrasaError("ignore_index is for targets that are class numbers", op="cross_entropy")
        return _soft_cross_entropy(input, target, weight, how, smoothing)
    _check_classes("cross_entropy", input, target, weight)
    return _cross_entropy(input, target, weight, ignore_index, how, smoothing)


@operator(namespace="nn.functional")
def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """cross_entropy of linear(input[n, in], linear_weight[c, ..., in]): scores[n, c, ...].

    options: how PyTorch would split the work; here it makes no difference.
    """
    op = "linear_cross_entropy"
    require_tensors(op, input=input, linear_weight=linear_weight, target=target)
    if input.ndim not in (1, 2):
        raise ShapeError(f"input must have 1 or 2 axes, it has {input.ndim}", op=op)
    if linear_weight.ndim < 2 or (linear_weight.ndim > 2 and input.ndim == 1):
        raise ShapeError(f"linear_weight must have 2 axes (or more for a batch), it has {linear_weight.ndim}", op=op)
    if input.shape[-1] != linear_weight.shape[-1]:
        raise ShapeError(f"input has {input.shape[-1]} features, linear_weight {linear_weight.shape[-1]}", op=op)
    outer = linear_weight.shape[:-1]
    if linear_bias is not None and tuple(linear_bias.shape) != tuple(outer):
        raise ShapeError(f"linear_bias has shape {list(linear_bias.shape)}, not {list(outer)}", op=op)
    if ignore_index is not None and target.dtype.kind == "float":
        raise BrasaError("ignore_index is for targets that are class numbers", op=op)
    flat: Any = linear_weight if linear_weight.ndim == 2 else linear_weight.flatten(0, -2)  # type: ignore[attr-defined]
    bias: Any = linear_bias if linear_bias is None else linear_bias.reshape(-1)  # type: ignore[attr-defined]
    scores: Any = linear(input, flat, bias)
    if linear_weight.ndim > 2:
        scores = scores.reshape(input.shape[0], *outer)
    return cross_entropy(
        scores, target, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip


@function
def _binary(input: Tensor, target: Tensor, weight: Tensor | None, how: str) -> Tensor:
    """As PyTorch's: logarithms not below -100, slopes not above 1e12, where input * (1 - input) is below 1e-12."""
    x, t, scale = widened(input, target, weight)
    product = pointwise.mul(x, pointwise.sub(1, x))
    outside = pointwise.lt(product, 0)  # NaN is not
    sound = required(pointwise.logical_not(outside), "a probability is not in 0..1")
    inside = pointwise.logical_and(pointwise.ge(product, 1e-12), sound)
    middle = pointwise.where(inside, x, 0.5)
    rest = pointwise.sub(1, t)
    plain = pointwise.add(pointwise.mul(t, pointwise.log(middle)),
                          pointwise.mul(rest, pointwise.log1p(pointwise.neg(middle))))  # fmt: skip
    fixed = apply(stop_gradient, x)
    yes = pointwise.clamp(pointwise.log(fixed), min=-100)
    no = pointwise.clamp(pointwise.log1p(pointwise.neg(fixed)), min=-100)
    slope = pointwise.mul(pointwise.sub(t, fixed), 1e12)
    edge = pointwise.add(pointwise.add(pointwise.mul(t, yes), pointwise.mul(rest, no)),
                         pointwise.mul(pointwise.sub(x, fixed), apply(stop_gradient, slope)))  # fmt: skip
    loss = pointwise.neg(pointwise.where(inside, plain, edge))
    if scale is not None:
        loss = pointwise.mul(loss, scale)
    return rounded(reduced(loss, how), input, target, weight)


@operator(namespace="nn.functional")
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probability of targets in 0..1, given the probabilities `input` of 1."""
    op = "binary_cross_entropy"
    require_tensors(op, input=input, target=target)
    how = chosen(reduction, size_average, reduce, op)
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(f"input has shape {list(input.shape)}, target {list(target.shape)}", op=op)
    return _binary(input, target, weight, how)


@function
def _binary_logits(
    input: Tensor, target: Tensor, weight: Tensor | None, pos_weight: Tensor | None, how: str
) -> Tensor:  # fmt: skip
    x, t, scale, positive = widened(input, target, weight, pos_weight)
    tail = _softplus(pointwise.neg(x))
    if positive is not None:
        tail = pointwise.mul(tail, pointwise.add(pointwise.mul(pointwise.sub(positive, 1), t), 1))
    loss = pointwise.add(pointwise.mul(pointwise.sub(1, t), x), tail)
    if scale is not None:
        loss = pointwise.mul(loss, scale)
    return rounded(reduced(loss, how), input, target, weight, pos_weight)


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), which does not overflow."""
    tail = pointwise.log1p(pointwise.exp(pointwise.neg(pointwise.abs(x))))
    return pointwise.add(pointwise.maximum(x, 0), tail)


@operator(namespace="nn.functional")
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy of sigmoid(input), without overflow; pos_weight scales the loss of positive targets."""
    op = "binary_cross_entropy_with_logits"
    require_tensors(op, input=input, target=target)
    how = chosen(reduction, size_average, reduce, op)
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(f"input has shape {list(input.shape)}, target {list(target.shape)}", op=op)
    return _binary_logits(input, target, weight, pos_weight, how)


@function
def _multilabel_soft_margin(
    input: Tensor, target: Tensor, weight: Tensor | None, how: str
) -> Tensor:  # fmt: skip
    x, t, scale = widened(input, target, weight)
    no = pointwise.mul(pointwise.sub(1, t), _softplus(x))
    loss = pointwise.add(pointwise.mul(t, _softplus(pointwise.neg(x))), no)
    if scale is not None:
        loss = pointwise.mul(loss, scale)
    return rounded(reduced(reduction.mean(loss, -1), how), input, target, weight)


@operator(namespace="nn.functional")
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over the classes of binary_cross_entropy_with_logits."""
    require_tensors("multilabel_soft_margin_loss", input=input, target=target)
    how = chosen(reduction, size_average, reduce, "multilabel_soft_margin_loss")
    return _multilabel_soft_margin(input, target, weight, how)
