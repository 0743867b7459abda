"""Losses: how far a prediction is from its target."""

from __future__ import annotations

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions import pointwise, reduction
from brasa.functions.reduction import log_softmax
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, ValueError
from brasa.ir.ops.index import gather
from brasa.operators import operator
from brasa.primitive import apply, cast, constant, expand, reshape, type_of
from brasa.tensor import Tensor


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
