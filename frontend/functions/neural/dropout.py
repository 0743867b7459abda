"""Values left out at random while training."""

from __future__ import annotations

from brasa.arguments import require_tensors
from brasa.function import function
from brasa.functions import pointwise
from brasa.ir.dtype import float64
from brasa.ir.errors import ValueError
from brasa.ir.ops import elementwise
from brasa.operators import operator
from brasa.primitive import Number, cast, elementwise_op, type_of
from brasa.random import next_draw, uniform_bits
from brasa.tensor import Tensor


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
