"""Attention of queries to keys, which weighs their values."""

from __future__ import annotations

import math
from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.precision import rounded, widened
from brasa.ir.dtype import int64
from brasa.ir.errors import BrasaError, DTypeError, ShapeError, ValueError
from brasa.ir.ops.attention import attention
from brasa.ir.ops.move import slice_
from brasa.random import next_draw
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, broadcast_shapes, cast, constant, current, expand, resolved, type_of


@function
def _attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool, scale: Number, p: Number | None,
    seed: Number | None, call: Number | None,
) -> Tensor:  # fmt: skip
    q, k, v, m = widened(query, key, value, mask)
    kind = type_of(q).dtype
    shapes = [type_of(x).shape for x in (q, k, v)]
    rows, columns, width = shapes[0][-2], shapes[1][-2], current().scope.fix(shapes[2][-1])
    depth = current().scope.fix(shapes[0][-1])
    lead = resolved(broadcast_shapes([shape[:-2] for shape in shapes]))
    sizes = ((rows, depth), (columns, depth), (columns, width))
    operands = [expand(x, (*lead, *size)) for x, size in zip((pointwise.mul(q, scale), k, v), sizes, strict=True)]
    if m is not None:
        operands.append(expand(m, (*lead, rows, columns)))
    if p is not None:
        numbers = [x if isinstance(x, Tensor) else constant(x, int64) for x in (seed, call)]  # type: ignore[arg-type]
        chance = cast(p, kind) if isinstance(p, Tensor) else constant(p, kind)
        operands += [*numbers, chance]
    attrs = {"causal": causal, "masked": m is not None, "dropped": p is not None}
    whole = apply(attention, *operands, **attrs)
    rank = len(lead) + 2
    result = apply(slice_, whole, starts=(0,) * rank, sizes=(*lead, rows, width), steps=(1,) * rank)
    return rounded(result, query)


def _shared_heads(query: Tensor, x: Tensor, op: str) -> Tensor:
    """Keys or values with each head repeated for the heads of queries that it serves."""
    heads, own = query.shape[-3], x.shape[-3]
    if query.ndim < 3 or heads % own:
        raise ShapeError(f"{heads} heads of queries do not divide among {own} of keys and values", op=op)
    lead, tail = tuple(x.shape[:-3]), tuple(x.shape[-2:])
    apart: Any = x.unsqueeze(-3)  # type: ignore[attr-defined]
    return apart.expand(*lead, own, heads // own, *tail).reshape(*lead, heads, *tail)  # type: ignore[no-any-return]


@operator(namespace="nn.functional")
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query[..., t, d] @ key[..., s, d].T * scale + mask) @ value[..., s, e] (Vaswani et al. 2017).

    attn_mask: True where a query sees a key, or numbers to add; it may be broadcast to [..., t, s]. is_causal: a query
    sees the keys up to its own place. A query that sees nothing gives 0. scale: by default 1 / sqrt(d). enable_gqa:
    each head of keys and values (axis -3) serves several heads of queries.
    """
    op = "scaled_dot_product_attention"
    require_tensors(op, query=query, key=key, value=value)
    _check(op, query, key, value, attn_mask, is_causal)
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p must be in 0..1, it is {dropout_p}", op=op)
    if enable_gqa:
        key, value = _shared_heads(query, key, op), _shared_heads(query, value, op)
    factor = 1 / math.sqrt(max(1, int(query.shape[-1]))) if scale is None else float(scale)
    if dropout_p == 1:
        value = pointwise.mul(value, 0.0)
    draw = (float(dropout_p), *next_draw()) if 0 < dropout_p < 1 else (None, None, None)
    return _attention(query, key, value, attn_mask, bool(is_causal), factor, *draw)


def _check(op: str, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> None:
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError("query, key and value need at least 2 axes", op=op)
    if not query.dtype is key.dtype is value.dtype or query.dtype.kind != "float":
        raise DTypeError(f"query, key and value must have one dtype of floats, they have {query.dtype.name}, "
                         f"{key.dtype.name} and {value.dtype.name}", op=op)  # fmt: skip
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"query {list(query.shape)}, key {list(key.shape)} and value {list(value.shape)} do not fit",
                         op=op)  # fmt: skip
    if mask is not None and causal:
        raise BrasaError("a mask and is_causal cannot both be given", op=op)
    if mask is not None and mask.dtype.kind != "bool" and mask.dtype is not query.dtype:
        raise DTypeError(f"attn_mask must be bool or {query.dtype.name}, it is {mask.dtype.name}", op=op)
