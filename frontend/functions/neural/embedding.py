"""Rows of a table, looked up by number."""

from __future__ import annotations

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions import pointwise
from brasa.functions.gathering import index_select
from brasa.ir.ops.control import stop_gradient
from brasa.operators import operator
from brasa.primitive import apply, reshape, type_of
from brasa.tensor import Tensor
from brasa.views import reshape as reshape_tensor


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
