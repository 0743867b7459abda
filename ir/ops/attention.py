"""Attention, and its two gradients: weights are made tile by tile, so that no matrix of all of them is in memory.

It is a primitive because a composition would write and read [t, s] numbers for each head. Of the weights only the
logarithm of each row's sum is kept, from which the gradients make them again.

Sources: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao, Fu, Ermon, Rudra, Re,
"FlashAttention" (NeurIPS 2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import bool_, float32, float64, int64, uint32
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops import elementwise as ew
from brasa.ir.ops.attention_weights import Weights
from brasa.ir.ops.move import slice_
from brasa.ir.ops.reduce import repeated, sum_
from brasa.ir.ops.source import random_bits
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType


def _check(q: TensorType, k: TensorType, v: TensorType, extras: tuple[TensorType, ...], attrs: dict[str, bool]) -> None:
    if q.dtype not in (float32, float64) or not q.dtype is k.dtype is v.dtype:
        raise DTypeError(f"q, k and v are {q.dtype.name}, {k.dtype.name} and {v.dtype.name}, not all f32 or all f64")
    lead = q.shape[:-2]
    ranks = q.rank == k.rank == v.rank >= 2
    if not ranks or not _same(k.shape, (*lead, k.shape[-2], q.shape[-1])) or not _same(v.shape[:-1], k.shape[:-1]):
        raise ShapeError(f"q {q}, k {k} and v {v} are not [..., t, d], [..., s, d] and [..., s, e]")
    if len(extras) != attrs["masked"] + 3 * attrs["dropped"]:
        raise ShapeError(f"{len(extras)} operands more are not a mask and what drops weights")
    if attrs["masked"]:
        mask = extras[0]
        if mask.dtype not in (bool_, q.dtype) or not _same(mask.shape, (*lead, q.shape[-2], k.shape[-2])):
            raise ShapeError(f"mask {mask} is not bool or {q.dtype.name} [..., t, s] of q {q} and k {k}")
    if attrs["dropped"] and [(x.dtype, x.rank) for x in extras[-3:]] != [(int64, 0), (int64, 0), (q.dtype, 0)]:
        raise DTypeError(f"seed and call are i64 scalars, the chance a scalar of {q.dtype.name}")


def _same(shape: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(shape) == len(other) and all(map(dim.equal, shape, other))


def _attention_type(q: TensorType, k: TensorType, v: TensorType, *extras: TensorType, **attrs: bool) -> TensorType:
    _check(q, k, v, extras, attrs)
    return TensorType((*q.shape[:-1], v.shape[-1] + 1), q.dtype, q.device)


def _gradient_types(types: tuple[TensorType, ...], attrs: dict[str, bool]) -> tuple[TensorType, ...]:
    q, k, v, g, logs, delta, *extras = types
    _check(q, k, v, tuple(extras), attrs)
    rows = q.shape[:-1]
    if not _same(g.shape, (*rows, v.shape[-1])) or not _same(logs.shape, rows) or not _same(delta.shape, rows):
        raise ShapeError(f"g {g}, logs {logs} and delta {delta} are not [..., t, e], [..., t] and [..., t]")
    return q, k, v


def _query_gradient_type(*types: TensorType, **attrs: bool) -> TensorType:
    return _gradient_types(types, attrs)[0]


def _key_gradient_type(*types: TensorType, **attrs: bool) -> TensorType:
    q, k, v = _gradient_types(types, attrs)
    return TensorType((*k.shape[:-1], k.shape[-1] + v.shape[-1]), q.dtype, q.device)


# What they evaluate to


def _scores(q: Any, k: Any, extras: tuple[Any, ...], causal: bool, masked: bool) -> Any:
    scores = q @ np.swapaxes(k, -1, -2)
    if masked:
        mask = np.asarray(extras[0])
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return scores


def _kept(shape: tuple[int, ...], extras: tuple[Any, ...], dropped: bool, dtype: Any) -> Any:
    """What each weight is multiplied by: 0 if it is dropped, else what makes up for those."""
    if not dropped:
        return np.ones((), dtype)
    seed, call, chance = extras[-3:]
    bits = random_bits.evaluate(seed, call, word=0, draw=0, type=TensorType(shape, uint32))
    share = (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return np.where(share >= chance, 1 / (1 - chance), 0).astype(dtype)


def _attention_value(q: Any, k: Any, v: Any, *extras: Any, causal: bool, masked: bool, dropped: bool) -> Any:
    scores = _scores(q, k, extras, causal, masked)
    top = scores.max(-1, keepdims=True, initial=-np.inf)
    shift = np.where(top == -np.inf, 0, top)
    raised = np.exp(scores - shift)
    total = raised.sum(-1, keepdims=True)
    safe = np.where(total == 0, 1, total)
    result = (raised * _kept(scores.shape, extras, dropped, q.dtype)) @ v / safe
    return np.concatenate([result, shift + np.log(safe)], -1).astype(q.dtype)


def _slopes(
    q: Any, k: Any, v: Any, g: Any, logs: Any, delta: Any, extras: tuple[Any, ...], causal: bool, masked: bool,
    dropped: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """The weights as they were used, and the gradient by the scores."""
    weights = np.exp(_scores(q, k, extras, causal, masked) - logs[..., None])
    kept = _kept(weights.shape, extras, dropped, q.dtype)
    return weights * kept, weights * (g @ np.swapaxes(v, -1, -2) * kept - delta[..., None])


def _query_gradient_value(
    q: Any, k: Any, v: Any, g: Any, logs: Any, delta: Any, *extras: Any, causal: bool, masked: bool, dropped: bool
) -> Any:
    return (_slopes(q, k, v, g, logs, delta, extras, causal, masked, dropped)[1] @ k).astype(q.dtype)


def _key_gradient_value(
    q: Any, k: Any, v: Any, g: Any, logs: Any, delta: Any, *extras: Any, causal: bool, masked: bool, dropped: bool
) -> Any:
    used, slopes = _slopes(q, k, v, g, logs, delta, extras, causal, masked, dropped)
    parts = [np.swapaxes(slopes, -1, -2) @ q, np.swapaxes(used, -1, -2) @ g]
    return np.concatenate(parts, -1).astype(q.dtype)


# Gradients


def _columns(node: Node, start: Any, count: Any) -> Node:
    """Some neighbouring columns: the last axis from `start` on."""
    *lead, _ = node.tensor.shape
    rank = node.tensor.rank
    return slice_(node, starts=(*[0] * (rank - 1), start), sizes=(*lead, count), steps=(1,) * rank)


def _nothing(node: Node) -> tuple[None, ...]:
    """No gradients for what says which weights are dropped."""
    return (None,) * 3 if node.attrs["dropped"] else ()


def _attention_vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    q, k, v, *extras = node.operands
    width, last = v.tensor.shape[-1], (v.tensor.rank - 1,)
    rows = node.tensor.shape[:-1]
    slope, log_slope = _columns(g, 0, width), reshape(_columns(g, width, 1), shape=rows)
    logs = reshape(_columns(node, width, 1), shape=rows)
    delta = ew.sub(sum_(ew.mul(slope, _columns(node, 0, width)), axes=last), log_slope)
    operands = (q, k, v, slope, logs, delta, *extras)
    to_keys = key_gradient(*operands, **node.attrs)
    depth = q.tensor.shape[-1]
    first = (query_gradient(*operands, **node.attrs), _columns(to_keys, 0, depth), _columns(to_keys, depth, width))
    mask: tuple[Node | None, ...] = ()
    if node.attrs["masked"]:
        mask = (Weights.of(operands, node.attrs).slopes if extras[0].tensor.dtype is q.tensor.dtype else None,)
    return (*first, *mask, *_nothing(node))


def _mask_part(node: Node, slopes: Node) -> tuple[Node | None, ...]:
    if not node.attrs["masked"]:
        return ()
    return (slopes if node.operands[6].tensor.dtype is slopes.tensor.dtype else None,)


def _query_gradient_vjp(node: Node, c: Node) -> tuple[Node | None, ...]:
    """The gradients of slopes @ k, where all [t, s] numbers are in memory."""
    w = Weights.of(node.operands, node.attrs)
    by_slopes = w.scores_of(c, w.k)
    by_scores, by_chance = ew.mul(w.slopes, by_slopes), ew.mul(w.weights, by_slopes)
    to_k = ew.add(w.to_columns(by_scores, w.q), w.to_columns(w.slopes, c))
    return (
        w.to_rows(by_scores, w.k), to_k, w.to_columns(w.kept(by_chance), w.g), w.to_rows(w.kept(by_chance), w.v),
        w.row_sums(by_scores), w.row_sums(by_chance), *_mask_part(node, by_scores), *_nothing(node),
    )  # fmt: skip


def _key_gradient_vjp(node: Node, c: Node) -> tuple[Node | None, ...]:
    """The gradients of slopes.T @ q and weights.T @ g, where all [t, s] numbers are in memory."""
    w = Weights.of(node.operands, node.attrs)
    depth, width = w.k.tensor.shape[-1], w.v.tensor.shape[-1]
    to_k, to_v = _columns(c, 0, depth), _columns(c, depth, width)
    by_slopes, by_weights = w.scores_of(w.q, to_k), w.kept(w.scores_of(w.g, to_v))
    by_chance = ew.mul(w.weights, by_slopes)
    by_scores = ew.add(ew.mul(w.slopes, by_slopes), ew.mul(w.weights, by_weights))
    to_g = ew.add(w.to_rows(w.kept(w.weights), to_v), w.to_rows(w.kept(by_chance), w.v))
    return (
        ew.add(w.to_rows(by_scores, w.k), w.to_rows(w.slopes, to_k)), w.to_columns(by_scores, w.q),
        w.to_columns(w.kept(by_chance), w.g), to_g, w.row_sums(by_scores), w.row_sums(by_chance),
        *_mask_part(node, by_scores), *_nothing(node),
    )  # fmt: skip


def _attention_batch(node: Node, operands: tuple[Node, ...], which: tuple[bool, ...], size: Any) -> Node:
    """Which weights are dropped differs from sample to sample; what says so is the same for all."""
    scalars = 3 if node.attrs["dropped"] else 0
    count = len(operands) - scalars
    whole = (x if has else repeated(x, size) for x, has in zip(operands[:count], which, strict=False))
    return node.op(*whole, *operands[count:], **node.attrs)


# softmax(q @ k.T + mask) @ v, and in a last column the logarithm of the sum that each row of weights was divided by
# (0 where a row sees nothing; its result is 0). Further operands: with `masked` a mask [..., t, s] (bool: what is seen,
# or numbers to add), with `dropped` a seed, a call number and the chance with which weights are dropped.
attention = Op(
    "attention", Kind.ATTEND, ("q", "k", "v", "extras*"), _attention_type, _attention_value, _attention_vjp,
    body=lambda: "values", batch=_attention_batch,
)  # fmt: skip
# The gradient of attention by q, given that of its result, g, the logarithms, and delta: the sum of g * result.
query_gradient: Op = Op(
    "attention_query_gradient", Kind.ATTEND, ("q", "k", "v", "g", "logs", "delta", "extras*"), _query_gradient_type,
    _query_gradient_value, _query_gradient_vjp, body=lambda: "queries", batch=_attention_batch,
)  # fmt: skip
# The gradients by k and v, side by side.
key_gradient: Op = Op(
    "attention_key_gradient", Kind.ATTEND, ("q", "k", "v", "g", "logs", "delta", "extras*"), _key_gradient_type,
    _key_gradient_value, _key_gradient_vjp, body=lambda: "keys", batch=_attention_batch,
)  # fmt: skip
