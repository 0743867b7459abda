"""Gradients of views that show a part: put in its place among zeros."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE
from brasa.ir.ops import affine, move
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.primitive import apply, carrier, constant, current, type_of


def embed(grad: Tensor, shape: Any, starts: Any, steps: Any) -> Tensor:
    """A gradient put in its place among zeros: the backward of a slice. Eager mode has one program for all starts."""
    whole = carrier(shape, grad.dtype)
    axes = tuple(axis for axis, start in enumerate(starts) if start != 0) if STATE.trace is None else ()
    if axes:
        return _embed_from(grad, whole, carrier([starts[axis] for axis in axes], grad.dtype), axes, steps)
    return _embed(grad, whole, starts, steps)


@function(inline=True)
def _embed(grad: Tensor, whole: Tensor, starts: Any, steps: Any) -> Tensor:
    type = type_of(whole)
    return apply(move.update, constant(0, type.dtype, type.shape), grad, starts=starts, steps=steps)


@function(inline=True)
def _embed_from(grad: Tensor, whole: Tensor, starts: Tensor, axes: Any, steps: Any) -> Tensor:
    """starts: its sizes are where the gradient begins along the axes."""
    type, places = type_of(whole), dict(zip(axes, type_of(starts).shape, strict=True))
    first = tuple(places.get(axis, 0) for axis in range(len(steps)))
    return apply(move.update, constant(0, type.dtype, type.shape), grad, starts=first, steps=steps)


def spread(value: Tensor, shape: Any, starts: Any, steps: Any) -> Tensor:
    """Zeros with the value in the places that walked(...) would show, what meets in one place added up."""
    return _spread(value, carrier(shape, value.dtype), starts, steps)


@function
def _spread(value: Tensor, whole: Tensor, starts: Any, steps: Any) -> Tensor:
    trace = current()
    node = trace.node_of(value)
    return trace.fresh(trace.build(lambda: affine.spread(node, type_of(whole), starts, steps), (node,)))
