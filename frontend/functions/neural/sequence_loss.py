"""The loss of a sequence of labels whose places in time are not known: connectionist temporal classification.

Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal classification" (ICML 2006).
"""

from __future__ import annotations

import math
from typing import Any

from brasa.functions import pointwise, reduction
from brasa.functions.neural.loss import chosen
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.errors import BrasaError, DTypeError, ShapeError
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.index import gather
from brasa.ir.ops.source import iota
from brasa.ir.ops.trellis import trellis
from brasa.ir.types import TensorType
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, cast, constant, current, expand, reshape, type_of

_OP = "ctc_loss"


def _count(shape: tuple[Size, ...], axis: int) -> Tensor:
    return current().fresh(current().apply(iota, axis=axis, type=TensorType(shape, int64)))


def _states(targets: Tensor, target_lengths: Tensor, blank: int, longest: Size) -> Tensor:
    """The label of each state [n, 2 * longest + 1]: blanks around and between those of a target, blanks behind it."""
    samples = type_of(target_lengths).shape[0]
    lengths = reshape(target_lengths, (samples, 1))
    shape = (samples, 2 * longest + 1)
    place = _count(shape, 1)
    number = pointwise.floor_divide(place, 2)
    is_label = pointwise.logical_and(pointwise.eq(pointwise.remainder(place, 2), 1), pointwise.lt(number, lengths))
    if targets.ndim == 1:
        pairs = (samples, samples)
        earlier = pointwise.lt(_count(pairs, 1), _count(pairs, 0))
        start = reduction.sum(
            pointwise.where(earlier, expand(reshape(target_lengths, (1, samples)), pairs), 0), 1, True
        )
        at = pointwise.where(is_label, pointwise.add(number, start), 0)
        flat = reshape(at, (samples * shape[1],))
        labels = reshape(apply(gather, targets, flat, axis=0), shape)
    else:
        labels = apply(gather, targets, pointwise.where(is_label, number, 0), axis=1)
    return pointwise.where(is_label, labels, blank)


@function
def _ctc(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int, longest: int | None,
    zero_infinity: bool, how: str, differentiable: bool,
) -> Tensor:  # fmt: skip
    (logs,) = widened(log_probs)
    times, samples = type_of(logs).shape[:2]
    goals, spans, ends = (cast(x, int64) for x in (targets, input_lengths, target_lengths))
    if type_of(goals).shape[-1] == 0:  # there is always something to read
        goals = constant(blank, int64, (*type_of(goals).shape[:-1], 1))
    states = _states(goals, ends, blank, type_of(goals).shape[1] if longest is None else longest)
    width = type_of(states).shape[1]
    two_back = _shifted(states, 2)
    skips = pointwise.logical_and(pointwise.ne(states, blank), pointwise.ne(states, two_back))
    scores = apply(gather, logs, expand(reshape(states, (1, samples, width)), (times, samples, width)), axis=2)
    last = pointwise.mul(ends, 2)
    facts = (skips, spans, last)
    fixed = apply(stop_gradient, scores)
    alpha = apply(trellis, fixed, *facts, reverse=False)
    loss = _total(alpha, spans, last)
    if differentiable:
        beta = apply(trellis, fixed, *facts, reverse=True)
        loss = pointwise.add(loss, _slope(logs, scores, alpha, beta, loss, spans))
    if zero_infinity:
        loss = pointwise.where(pointwise.eq(loss, math.inf), 0, loss)
    if how == "mean":
        return rounded(reduction.mean(pointwise.div(loss, pointwise.clamp(ends, min=1))), log_probs)
    return rounded(reduction.sum(loss) if how == "sum" else loss, log_probs)


def _shifted(states: Tensor, by: int) -> Tensor:
    """The label `by` states earlier; -1 where there is none."""
    shape = type_of(states).shape
    place = _count(shape, 1)
    there = pointwise.ge(place, by)
    read = apply(gather, states, pointwise.where(there, pointwise.sub(place, by), 0), axis=1)
    return pointwise.where(there, read, -1)


def _total(alpha: Tensor, spans: Tensor, last: Tensor) -> Tensor:
    """Minus the logarithm of the sum of all whole paths [n]."""
    samples, width = type_of(alpha).shape[1:]
    none = pointwise.eq(spans, 0)
    row = reshape(pointwise.where(none, 0, pointwise.sub(spans, 1)), (1, samples, 1))
    final = reshape(apply(gather, alpha, expand(row, (1, samples, width)), axis=0), (samples, width))
    ends = []
    for back in (0, 1):
        place = pointwise.sub(last, back)
        there = pointwise.ge(place, 0)
        at = reshape(pointwise.where(there, place, 0), (samples, 1))
        ends.append(pointwise.where(there, reshape(apply(gather, final, at, axis=1), (samples,)), -math.inf))
    top = pointwise.maximum(*ends)
    shift = pointwise.where(pointwise.eq(top, -math.inf), 0, top)
    both = pointwise.add(*[pointwise.exp(pointwise.sub(end, shift)) for end in ends])
    total = pointwise.neg(pointwise.add(pointwise.log(both), shift))
    empty = pointwise.where(pointwise.eq(last, 0), 0.0, math.inf)
    return pointwise.where(none, cast(empty, type_of(total).dtype), total)


def _slope(logs: Tensor, scores: Tensor, alpha: Tensor, beta: Tensor, loss: Tensor, spans: Tensor) -> Tensor:
    """0 for each sample, with the loss's gradient by the logarithms of probabilities.

    As PyTorch's, it is the one that log_softmax leaves of it: exp(log_probs) less the share of the paths through a
    label. The share follows from both recursions, while the gradient of the recursion itself would keep every step.
    """
    times, samples, _ = type_of(scores).shape
    column = reshape(loss, (1, samples, 1))
    there = pointwise.logical_and(pointwise.ne(alpha, -math.inf), pointwise.ne(beta, -math.inf))
    fixed = apply(stop_gradient, scores)
    power = pointwise.add(pointwise.sub(pointwise.add(alpha, beta), fixed), column)
    share = pointwise.where(there, pointwise.exp(pointwise.where(there, power, 0)), 0)
    inside = pointwise.lt(_count((times, samples, 1), 0), reshape(spans, (1, samples, 1)))
    chance = pointwise.where(inside, pointwise.exp(apply(stop_gradient, logs)), 0)
    return pointwise.sub(_weighed(logs, chance), _weighed(scores, share))


def _weighed(x: Tensor, slope: Tensor) -> Tensor:
    """0 for each sample of x[t, n, ...], with this slope by x."""
    fixed = apply(stop_gradient, x)
    known = pointwise.ne(slope, 0)
    gap = pointwise.where(known, pointwise.sub(x, fixed), 0)
    return reduction.sum(pointwise.mul(gap, apply(stop_gradient, slope)), (0, 2))


def _lengths(lengths: Any, name: str, samples: Any) -> Tensor:
    made = lengths if isinstance(lengths, Tensor) else tensor([int(n) for n in lengths], dtype=int64)
    if made.dtype.kind not in ("int", "uint"):
        raise DTypeError(f"{name} must be integers, not {made.dtype.name}", op=_OP)
    if made.ndim == 0:
        made = made.reshape(1)  # type: ignore[attr-defined]
    if made.shape[0] != samples:
        raise BrasaError(f"{name} has {made.shape[0]} numbers for {samples} samples", op=_OP)
    return made


def _longest(targets: Tensor, lengths: Any) -> int | None:
    """How many labels a target has at most, where they follow each other; None where rows hold them."""
    if targets.ndim == 2:
        return None
    if isinstance(lengths, Tensor):
        return int(lengths.max()) if lengths.numel() else 0  # type: ignore[attr-defined]
    return max((int(n) for n in lengths), default=0)


@operator(namespace="nn.functional")
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """Minus the log-probability of the labels targets[n, s], at whatever times, given log_probs[t, n, c].

    targets may also hold all labels in one row; lengths are tensors or tuples of ints. The mean is that of each loss
    by its target's length. zero_infinity: targets that do not fit into their time count 0. log_probs[t, c] is one
    sample. IndexError for a label that does not exist.
    """
    require_tensors(_OP, log_probs=log_probs, targets=targets)
    how = chosen(reduction, None, None, _OP)
    if log_probs.dtype.kind != "float" or targets.dtype.kind not in ("int", "uint"):
        raise DTypeError(f"log_probs must be floats and targets integers, not {log_probs.dtype.name} and "
                         f"{targets.dtype.name}", op=_OP)  # fmt: skip
    if log_probs.ndim not in (2, 3) or targets.ndim not in (1, 2):
        raise ShapeError(f"log_probs {list(log_probs.shape)} and targets {list(targets.shape)} are not [t, n, c] and "
                         "[n, s]", op=_OP)  # fmt: skip
    if not 0 <= blank < log_probs.shape[-1]:
        raise BrasaError(f"blank is {blank}, classes are 0..{log_probs.shape[-1] - 1}", op=_OP)
    batch: Any = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)  # type: ignore[attr-defined]
    spans = _lengths(input_lengths, "input_lengths", batch.shape[1])
    ends = _lengths(target_lengths, "target_lengths", batch.shape[1])
    differentiable = log_probs.requires_grad
    loss: Any = _ctc(batch, targets, spans, ends, blank, _longest(targets, target_lengths), bool(zero_infinity), how,
                     differentiable)  # fmt: skip
    return loss.squeeze(0) if how == "none" and log_probs.ndim == 2 else loss  # type: ignore[no-any-return]
