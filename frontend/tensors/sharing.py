"""Eager tensors that share memory: views, which know what they show, and which it can find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.execution.nodes import ViewNode, edge_from
from brasa.ir.dtype import DType
from brasa.tensors.spec import Spec, spec_of
from brasa.tensors.tensor import Tensor, make_view


def eager_view(
    source: Tensor, shape: Sequence[int], strides: Sequence[Any], offset: int, name: str,
    back: Callable[[Tensor], Tensor] | None, dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """A view of an eager tensor. back: what its gradient becomes, None where there is none."""
    spec = source._spec
    new = spec_of(dtype or spec.dtype, tuple(shape), tuple(strides), spec.device)
    return view_as_spec(source, new, source._ptr + offset * spec.dtype.itemsize, name, back)


def view_as_spec(source: Tensor, spec: Spec, ptr: int, name: str, back: Callable[[Tensor], Tensor] | None) -> Tensor:
    """As eager_view, with what is fixed about the view, and where it begins."""
    made = make_view(source, spec, ptr, back is not None)
    if source._requires_grad and back is not None and STATE.grad_enabled:
        made._requires_grad = True
        made._edge = edge_from(ViewNode(name, source, back))
    return made
