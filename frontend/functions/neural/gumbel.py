"""Choices that gradients pass: a softmax of scores to which Gumbel noise is added."""

from __future__ import annotations

from brasa.functions import pointwise
from brasa.functions.elementwise import computing_dtype
from brasa.functions.extremes import argmax
from brasa.functions.normalizing import softmax
from brasa.functions.random_bits import draws_like
from brasa.ir.dtype import int64
from brasa.ir.errors import DTypeError
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.random import next_draw
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, apply, axis_of, cast, current, type_of


@function
def _gumbel_softmax(logits: Tensor, tau: float, hard: bool, dim: int, seed: Number, call: Number) -> Tensor:
    type = type_of(logits)
    inner = computing_dtype(type.dtype)
    noise = pointwise.neg(pointwise.log(draws_like(logits, seed, call).exponential(inner)))
    soft = softmax(pointwise.true_divide(pointwise.add(cast(logits, inner), noise), tau), dim)
    if not hard:
        return cast(soft, type.dtype)
    axis, trace = axis_of(dim, logits.ndim, "gumbel_softmax"), current()
    places = trace.fresh(trace.record(iota(axis=axis, type=TensorType(type.shape, int64))))
    chosen = cast(pointwise.eq(places, argmax(soft, axis, True)), inner)
    slope = pointwise.sub(soft, apply(stop_gradient, soft))  # 0, with the gradient of soft
    return cast(pointwise.add(chosen, slope), type.dtype)


@operator(namespace="nn.functional")
def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the relaxed categorical distribution of these logits along a dim (Jang et al. 2016), [..., classes].

    tau: how far from a single choice. hard: exactly one class, with the gradient of the soft sample. eps is unused.
    """
    if logits.dtype.kind != "float":
        raise DTypeError(f"logits must be floats, they are {logits.dtype.name}", op="gumbel_softmax")
    return _gumbel_softmax(logits, float(tau), bool(hard), dim, *next_draw())
