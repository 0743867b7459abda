"""Losses that compare: with a margin, among classes, pairs or triplets."""

from __future__ import annotations

from collections.abc import Callable

from brasa.functions import pointwise, reduction
from brasa.functions.neural.distance import pairwise_distance
from brasa.functions.neural.loss import chosen, reduced
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError, ShapeError, ValueError
from brasa.ir.ops.index import gather
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, cast, constant, current, expand, reshape, type_of


def _hinge(gap: Tensor) -> Tensor:
    """max(gap, 0)."""
    return pointwise.clamp(gap, min=0)


@function
def _hinge_embedding(input: Tensor, target: Tensor, margin: Number, how: str) -> Tensor:
    x, t = widened(input, target)
    near = pointwise.where(pointwise.ne(t, -1), x, 0)
    far = pointwise.where(pointwise.ne(t, 1), _hinge(pointwise.sub(margin, x)), 0)
    return rounded(reduced(pointwise.add(near, far), how), input, target)


@operator(namespace="nn.functional")
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1."""
    require_tensors("hinge_embedding_loss", input=input, target=target)
    how = chosen(reduction, size_average, reduce, "hinge_embedding_loss")
    return _hinge_embedding(input, target, float(margin), how)


@function
def _cosine_embedding(
    input1: Tensor, input2: Tensor, target: Tensor, margin: Number, how: str
) -> Tensor:  # fmt: skip
    a, b, t = widened(input1, input2, target)
    axis = target.ndim
    sides = [pointwise.add(reduction.sum(pointwise.mul(x, x), axis), 1e-12) for x in (a, b)]
    cosine = pointwise.div(reduction.sum(pointwise.mul(a, b), axis), pointwise.sqrt(pointwise.mul(*sides)))
    near = pointwise.where(pointwise.eq(t, 1), pointwise.sub(1, cosine), 0)
    far = pointwise.where(pointwise.eq(t, -1), _hinge(pointwise.sub(cosine, margin)), 0)
    return rounded(reduced(pointwise.add(near, far), how), input1, input2)


@operator(namespace="nn.functional")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cosine of pairs whose target is 1, max(0, cosine - margin) where it is -1; inputs [n, d] or [d]."""
    op = "cosine_embedding_loss"
    require_tensors(op, input1=input1, input2=input2, target=target)
    how = chosen(reduction, size_average, reduce, op)
    ranks = (input1.ndim, input2.ndim)
    if target.ndim > 1 or ranks != (target.ndim + 1,) * 2:
        raise ShapeError(f"a target of {target.ndim} axes takes inputs of one axis more (at most 2), they have "
                         f"{ranks[0]} and {ranks[1]}", op=op)  # fmt: skip
    return _cosine_embedding(input1, input2, target, float(margin), how)


@function
def _margin_ranking(
    input1: Tensor, input2: Tensor, target: Tensor, margin: Number, how: str
) -> Tensor:  # fmt: skip
    a, b, t = widened(input1, input2, target)
    gap = pointwise.add(pointwise.mul(pointwise.neg(t), pointwise.sub(a, b)), margin)
    return rounded(reduced(_hinge(gap), how), input1, input2, target)


@operator(namespace="nn.functional")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin - target * (input1 - input2)): the first shall be greater where the target is 1, less at -1."""
    op = "margin_ranking_loss"
    require_tensors(op, input1=input1, input2=input2, target=target)
    how = chosen(reduction, size_average, reduce, op)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(f"all must have as many axes, they have {input1.ndim}, {input2.ndim} and {target.ndim}", op=op)
    return _margin_ranking(input1, input2, target, float(margin), how)


@function
def _soft_margin(input: Tensor, target: Tensor, how: str) -> Tensor:
    x, t = widened(input, target)
    exponent = pointwise.neg(pointwise.mul(x, t))
    tail = pointwise.log1p(pointwise.exp(pointwise.neg(pointwise.abs(exponent))))
    return rounded(reduced(pointwise.add(pointwise.maximum(exponent, 0), tail), how), input, target)


@operator(namespace="nn.functional")
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-target * input)), for targets 1 and -1."""
    require_tensors("soft_margin_loss", input=input, target=target)
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(f"input has shape {list(input.shape)}, target {list(target.shape)}", op="soft_margin_loss")
    return _soft_margin(input, target, chosen(reduction, size_average, reduce, "soft_margin_loss"))


def _count(rows: int, columns: int, like: Tensor) -> Tensor:
    """The numbers of the columns, in every row."""
    type = TensorType((rows, columns), int64, type_of(like).device)
    return current().fresh(current().apply(iota, axis=1, type=type))


@function
def _multi_margin(
    input: Tensor, target: Tensor, weight: Tensor | None, squared: bool, margin: Number, how: str
) -> Tensor:
    x, scale = widened(input, weight)
    rows, kinds = type_of(x).shape
    places = reshape(target, (rows, 1))
    gap = _hinge(pointwise.add(pointwise.sub(x, apply(gather, x, places, axis=1)), margin))
    loss = pointwise.mul(gap, gap) if squared else gap
    if scale is not None:
        loss = pointwise.mul(loss, apply(gather, expand(reshape(scale, (1, kinds)), (rows, kinds)), places, axis=1))
    own = pointwise.eq(_count(rows, kinds, x), places)
    total = reduction.sum(pointwise.where(own, 0, loss), 1)
    return rounded(reduced(pointwise.div(total, constant(kinds, type_of(x).dtype)), how), input)


@operator(namespace="nn.functional")
def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin - input[target] + input[other])**p, summed over the other classes, by their number; p is 1 or 2."""
    op = "multi_margin_loss"
    require_tensors(op, input=input, target=target)
    how = chosen(reduction, size_average, reduce, op)
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, it is {p}", op=op)
    if input.ndim == 0:
        input = input.reshape(1)  # type: ignore[attr-defined]
    if weight is not None and tuple(weight.shape) != tuple(input.shape[-1:]):
        raise ShapeError(f"weight has shape {list(weight.shape)}, input {list(input.shape)}", op=op)
    _check_rows(op, input, target, input.ndim - 1)
    if input.ndim == 1:
        loss: Tensor = _multi_margin(input.unsqueeze(0), target.reshape(1), weight, p == 2, float(margin), how)  # type: ignore[attr-defined]
        return loss.reshape(()) if how == "none" and not target.ndim else loss  # type: ignore[attr-defined, no-any-return]
    return _multi_margin(input, target, weight, p == 2, float(margin), how)


def _check_rows(op: str, input: Tensor, target: Tensor, rank: int) -> None:
    """Raise unless input[n, c] or [c] has classes, and the target is of int64 with the rank and rows it should have."""
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ShapeError(f"input must be [n, c] or [c] with classes, it is {list(input.shape)}", op=op)
    if target.dtype is not int64:
        raise DTypeError(f"class numbers must be i64, not {target.dtype.name}", op=op)
    single = input.ndim == 1 and tuple(target.shape) in ((), (1,))
    if not single and tuple(target.shape) != tuple(input.shape[:rank]):
        raise ShapeError(f"input has shape {list(input.shape)}, target {list(target.shape)}", op=op)


@function
def _multilabel_margin(input: Tensor, target: Tensor, how: str) -> Tensor:
    (x,) = widened(input)
    rows, kinds = type_of(x).shape
    places = _count(rows, kinds, x)
    end = reduction.amin(pointwise.where(pointwise.lt(target, 0), places, constant(kinds, int64)), 1, True)
    listed = pointwise.lt(places, end)
    labels = pointwise.where(listed, target, 0)
    column = reshape(labels, (rows, kinds, 1))
    other = reshape(places, (rows, 1, kinds))
    named = pointwise.logical_and(pointwise.eq(column, other), reshape(listed, (rows, kinds, 1)))
    free = pointwise.logical_not(reduction.any(named, 1, True))
    scores = reshape(apply(gather, x, labels, axis=1), (rows, kinds, 1))
    gap = _hinge(pointwise.add(pointwise.sub(reshape(x, (rows, 1, kinds)), scores), 1))
    counts = pointwise.logical_and(reshape(listed, (rows, kinds, 1)), free)
    total = reduction.sum(pointwise.where(counts, gap, 0), (1, 2))
    return rounded(reduced(pointwise.div(total, cast(constant(kinds, int64), type_of(x).dtype)), how), input)


@operator(namespace="nn.functional")
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, 1 - input[label] + input[other]) over labels and other classes, by the number of classes.

    Each row of target lists labels up to the first negative number.
    """
    op = "multilabel_margin_loss"
    require_tensors(op, input=input, target=target)
    how = chosen(reduction, size_average, reduce, op)
    if input.ndim == 0:
        input, target = input.reshape(1), target.reshape(1)  # type: ignore[attr-defined]
    _check_rows(op, input, target, input.ndim)
    if input.ndim == 1:
        loss: Tensor = _multilabel_margin(input.unsqueeze(0), target.reshape(1, -1), how)  # type: ignore[attr-defined]
        return loss.reshape(()) if how == "none" else loss  # type: ignore[attr-defined, no-any-return]
    return _multilabel_margin(input, target, how)


@function
def _triplet(near: Tensor, far: Tensor, margin: Number, how: str) -> Tensor:
    a, b = widened(near, far)
    return rounded(reduced(_hinge(pointwise.sub(pointwise.add(a, margin), b)), how), near, far)


@operator(namespace="nn.functional")
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for the distance of the p-norm (plus eps).

    swap: the negative's distance is that from the positive, where it is nearer (Balntas et al. 2016).
    """
    how = chosen(reduction, size_average, reduce, "triplet_margin_loss")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(f"all must have as many axes, they have {anchor.ndim}, {positive.ndim} and {negative.ndim}",
                         op="triplet_margin_loss")  # fmt: skip
    return _of_triplets(anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, how)


@operator(namespace="nn.functional")
def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """triplet_margin_loss for any distance of two tensors."""
    how = chosen(reduction, None, None, "triplet_margin_with_distance_loss")
    distance = pairwise_distance if distance_function is None else distance_function
    return _of_triplets(anchor, positive, negative, distance, margin, swap, how)


def _of_triplets(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable[[Tensor, Tensor], Tensor], margin: float,
    swap: bool, how: str,
) -> Tensor:  # fmt: skip
    if margin <= 0:
        raise ValueError(f"margin must be positive, it is {margin}", op="triplet_margin_loss")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = pointwise.minimum(far, distance(positive, negative))
    return _triplet(near, far, float(margin), how)
