"""Attention with several heads: projections in, heads side by side, a projection out."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from brasa.functions import pointwise, reduction
from brasa.functions.joining import cat
from brasa.functions.matrix import linear, matmul
from brasa.functions.neural.attention import scaled_dot_product_attention
from brasa.functions.neural.dropout import dropout
from brasa.functions.neural.padding import pad
from brasa.functions.normalizing import softmax
from brasa.ir.errors import ArgumentError, BrasaError, ShapeError
from brasa.tensors.creation import zeros
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.operators import operator

_OP = "multi_head_attention_forward"


class _Heads(NamedTuple):
    """What the heads see: [batch * heads, length, size of a head], and a mask to add."""

    query: Any
    key: Any
    value: Any
    mask: Any


def _projected(inputs: list[Any], packed: Any, weights: tuple[Any, Any, Any], bias: Any) -> list[Any]:
    """Queries, keys and values: from weights of their own, or from thirds of the packed one."""
    require_tensors(_OP, **{"in_proj_weight": packed} if packed is not None else {})
    if packed is not None and (packed.ndim != 2 or packed.shape[0] % 3):
        raise ShapeError(f"in_proj_weight must have 2 axes, the first of 3 parts, it is {list(packed.shape)}", op=_OP)
    parts = weights if packed is None else packed.chunk(3)
    if any(part is None for part in parts):
        raise ArgumentError("needs in_proj_weight, or q_proj_weight, k_proj_weight and v_proj_weight", op=_OP)
    if bias is not None and tuple(bias.shape) != (sum(part.shape[0] for part in parts),):
        raise ShapeError(f"in_proj_bias is {list(bias.shape)}, the weights have "
                         f"{sum(part.shape[0] for part in parts)} rows", op=_OP)  # fmt: skip
    biases = [None] * 3 if bias is None else bias.chunk(3)
    return [linear(x, weight, b) for x, weight, b in zip(inputs, parts, biases, strict=True)]


def _additive(mask: Any, like: Tensor) -> Any:
    """A mask of truths (True hides a key) as numbers to add."""
    if mask is None:
        return mask
    require_tensors(_OP, mask=mask)
    if mask.dtype.kind == "float":
        return mask
    if mask.dtype.kind != "bool":
        raise ArgumentError(f"a mask must be bool or of floats, not {mask.dtype.name}", op=_OP)
    empty = zeros(*mask.shape, dtype=like.dtype, device=like.device)
    return pointwise.where(mask, -math.inf, empty)


def _check(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int, size: int) -> None:
    rank = query.ndim
    if rank not in (2, 3) or key.ndim != rank or value.ndim != rank:
        raise ShapeError(f"query, key and value must all have 2 or 3 axes, they have {rank}, {key.ndim} and "
                         f"{value.ndim}", op=_OP)  # fmt: skip
    if padding is not None and padding.ndim != rank - 1:
        raise ShapeError(f"key_padding_mask must have {rank - 1} axes, it has {padding.ndim}", op=_OP)
    if query.shape[-1] != size or size % heads:
        raise ShapeError(f"query has {query.shape[-1]} features; they must be {size}, a multiple of {heads} heads",
                         op=_OP)  # fmt: skip
    if key.shape[:-1] != value.shape[:-1]:
        raise ShapeError(f"key {list(key.shape)} and value {list(value.shape)} differ in length or batch", op=_OP)
    batch = 1 if rank == 2 else query.shape[1]
    want = (query.shape[0], key.shape[0])
    if mask is not None and tuple(mask.shape) not in (want, (batch * heads, *want)):
        raise ShapeError(f"attn_mask is {list(mask.shape)}, neither {list(want)} nor {[batch * heads, *want]}", op=_OP)


def _split(x: Any, rows: int, size: int) -> Any:
    """[length, batch, features] as [batch * heads, length, size of a head]."""
    return x.reshape(x.shape[0], rows, size).transpose(0, 1)


def _longer(heads: _Heads, padding: Any, extra_key: Any, extra_value: Any) -> tuple[_Heads, Any]:
    """One more key and value at the end, which no mask hides."""
    mask = None if heads.mask is None else pad(heads.mask, (0, 1))
    key, value = cat([heads.key, extra_key], 1), cat([heads.value, extra_value], 1)
    return _Heads(heads.query, key, value, mask), None if padding is None else pad(padding, (0, 1))


def _merged(mask: Any, padding: Any, batch: int, heads: int) -> Any:
    if padding is None:
        return mask
    length = padding.shape[-1]
    column = padding.reshape(batch, 1, 1, length).expand(batch, heads, 1, length).reshape(batch * heads, 1, length)
    return column if mask is None else pointwise.add(mask, column)


def _weighed(made: _Heads, p: float, batch: int, heads: int, average: bool) -> tuple[Any, Any]:
    """The values weighed, and the weights: of each head or their mean."""
    scores = matmul(pointwise.mul(made.query, 1 / math.sqrt(made.query.shape[-1])), made.key.transpose(-2, -1))
    if made.mask is not None:
        scores = pointwise.add(scores, made.mask)
    weights: Any = dropout(softmax(scores, -1), p)
    apart = weights.reshape(batch, heads, *weights.shape[1:])
    return matmul(weights, made.value), reduction.mean(apart, 1) if average else apart


@operator(namespace="nn.functional")
def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None,
    add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor, out_proj_bias: Tensor | None,
    training: bool = True, key_padding_mask: Tensor | None = None, need_weights: bool = True,
    attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None, static_k: Tensor | None = None,
    static_v: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attention in num_heads heads of query[t, n, d] (or [t, d]) to key and value[s, n, ...].

    Gives [t, n, d] and, with need_weights, the weights [n, t, s] averaged over the heads (or [n, heads, t, s]).
    key_padding_mask[n, s] and attn_mask[t, s] or [n * heads, t, s] hide keys where True, or are added.
    """
    require_tensors(_OP, query=query, key=key, value=value, out_proj_weight=out_proj_weight)
    _check(query, key, value, key_padding_mask, attn_mask, num_heads, embed_dim_to_check)
    if is_causal and attn_mask is None:
        raise BrasaError("is_causal is a hint about attn_mask, which must be given", op=_OP)
    inputs: list[Any] = [query, key, value]
    padding: Any = key_padding_mask
    single = query.ndim == 2
    if single:
        inputs = [x.unsqueeze(1) for x in inputs]
        padding = None if padding is None else padding.unsqueeze(0)
    length, batch, size = inputs[0].shape
    weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = _projected(inputs, None if use_separate_proj_weight else in_proj_weight, weights, in_proj_bias)
    rows, width = batch * num_heads, size // num_heads
    causal = is_causal and padding is None and not need_weights
    mask: Any = None if causal else _additive(attn_mask, query)
    if mask is not None and mask.ndim == 2:
        mask = mask.unsqueeze(0)
    made = _Heads(
        _split(q, rows, width), _split(k, rows, width) if static_k is None else static_k,
        _split(v, rows, width) if static_v is None else static_v, mask,
    )  # fmt: skip
    padding = _additive(padding, query)
    if (bias_k is None) != (bias_v is None):
        raise ArgumentError("bias_k and bias_v must both be given, or neither", op=_OP)
    if bias_k is not None and bias_v is not None:
        extra: list[Any] = [x.reshape(1, 1, size).expand(1, batch, size) for x in (bias_k, bias_v)]  # type: ignore[attr-defined]
        made, padding = _longer(made, padding, *[_split(x, rows, width) for x in extra])
    if add_zero_attn:
        none = zeros(rows, 1, width, dtype=query.dtype, device=query.device)
        made, padding = _longer(made, padding, none, none)
    made = made._replace(mask=_merged(made.mask, padding, batch, num_heads))
    p = dropout_p if training else 0.0
    seen: Any = None
    if need_weights:
        result, seen = _weighed(made, p, batch, num_heads, average_attn_weights)
    else:
        result = scaled_dot_product_attention(made.query, made.key, made.value, made.mask, p, causal)
    joined: Any = linear(result.transpose(0, 1).reshape(length * batch, size), out_proj_weight, out_proj_bias)
    output = joined.reshape(length, batch, joined.shape[-1])
    if single:
        return output.squeeze(1), None if seen is None else seen.squeeze(0)
    return output, seen
