"""Paths through a trellis: the recursion over time behind connectionist temporal classification.

It is a primitive because each step needs the whole one before it, and the number of steps is a run-time size: as a
composition of other ops it would be a graph that grows with the time.

Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal classification" (ICML 2006), section 4.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim, kernel, mathematics
from brasa.ir.dim import Size
from brasa.ir.dtype import bool_, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.kernel import Expr
from brasa.ir.ops.reduce import repeated
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType


def _trellis_type(
    scores: TensorType, skips: TensorType, lengths: TensorType, last: TensorType, *, reverse: bool
) -> TensorType:
    if scores.dtype.kind != "float" or scores.dtype.bits < 32:
        raise DTypeError(f"scores are {scores.dtype.name}, not f32 or f64")
    if skips.dtype is not bool_ or lengths.dtype is not int64 or last.dtype is not int64:
        raise DTypeError("skips are bool, lengths and last are i64")
    fits = scores.rank == 3 and skips.rank == 2 and lengths.rank == last.rank == 1
    if not fits or not all(map(dim.equal, scores.shape[1:], skips.shape)):
        raise ShapeError(f"scores {scores} and skips {skips} are not [t, n, s] and [n, s]")
    if not dim.equal(scores.shape[1], lengths.shape[0]) or not dim.equal(scores.shape[1], last.shape[0]):
        raise ShapeError(f"lengths {lengths} and last {last} have not the {scores.shape[1]} samples of {scores}")
    return scores


def _trellis_value(scores: Any, skips: Any, lengths: Any, last: Any, *, reverse: bool) -> Any:
    steps, samples, states = scores.shape
    result = np.full_like(scores, -np.inf)
    for n in range(samples):
        times = list(range(min(int(lengths[n]), steps)))
        for number, t in enumerate(reversed(times) if reverse else times):
            for s in range(states):
                if number == 0:
                    began = s in (int(last[n]), int(last[n]) - 1) if reverse else s < 2
                    result[t, n, s] = scores[t, n, s] if began else -np.inf
                    continue
                by = 1 if reverse else -1
                before, hop = result[t + by, n], s + 2 * by
                parts = [before[p] for p in (s, s + by) if 0 <= p < states]
                if 0 <= hop < states and skips[n, max(s, hop)]:
                    parts.append(before[hop])
                result[t, n, s] = scores[t, n, s] + np.logaddexp.reduce(np.asarray(parts))
    return result


def _trellis_body(score: Expr, stay: Expr, step: Expr, hop: Expr) -> Expr:
    """The score plus the logarithm of the sum of three exponentials, -inf where all three are."""
    top = kernel.maximum(kernel.maximum(stay, step), hop)
    shift = kernel.select(kernel.eq(top, float("-inf")), 0.0, top)
    total = mathematics.exp(stay - shift) + mathematics.exp(step - shift) + mathematics.exp(hop - shift)
    return score + (mathematics.log(total) + shift)


def _trellis_batch(node: Node, operands: tuple[Node, ...], which: tuple[bool, ...], size: Size) -> Node:
    """Samples of all kinds become one axis."""
    scores, *others = (x if has else repeated(x, size) for x, has in zip(operands, which, strict=True))
    _, steps, samples, states = scores.tensor.shape
    turned = permute(scores, axes=(1, 0, 2, 3))
    joined = (reshape(x, shape=(size * samples, *x.tensor.shape[2:])) for x in others)
    made = trellis(reshape(turned, shape=(steps, size * samples, states)), *joined, **node.attrs)
    return permute(reshape(made, shape=turned.tensor.shape), axes=(1, 0, 2, 3))


# scores[t, n, s] summed along paths, as logarithms of sums over all paths that end (reverse: begin) in a state at a
# time. A path begins in state 0 or 1 (reverse: ends in state last[n] or the one before, at time lengths[n] - 1) and
# stays, goes one state on, or two to a state that skips[n, s] allows. -inf where no path is, and from lengths[n] on.
trellis: Op = Op(
    "trellis", Kind.TRELLIS, ("scores", "skips", "lengths", "last"), _trellis_type, _trellis_value,
    no_vjp="what uses it knows the gradient: the share of the paths through a state", body=_trellis_body,
    batch=_trellis_batch,
)  # fmt: skip
