"""Copies of a tensor: as it is, or row-major."""

from __future__ import annotations

from typing import Any

from brasa.ir.ops.elementwise import cast as cast_op
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, type_of


@function
def _copy(source: Tensor) -> Tensor:
    return apply(cast_op, source, dtype=type_of(source).dtype)


@operator(method=True)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A row-major copy, whatever the memory format asked for; gradients flow through it."""
    return _copy(input)


@operator(method=True)
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if it is row-major, else a copy, whatever the memory format asked for."""
    return input if input.is_contiguous() else _copy(input)
