"""The recorded graph as users see it: its nodes, and hooks on what it keeps for backward."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE
from brasa.execution.nodes import Edge, TapeNode, edge_of
from brasa.execution.saving import Hooks
from brasa.ir.errors import GradientError
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import CaptureError

Node = TapeNode
GradientEdge = Edge


class saved_tensors_hooks:
    """A block in which pack_hook takes what functions keep for backward, and unpack_hook gives it back.

    pack_hook(tensor) may return anything; unpack_hook gets that, and must return an equal tensor. A compiled function
    runs eagerly from where such a block begins inside it.
    """

    def __init__(self, pack_hook: Any, unpack_hook: Any) -> None:
        self.hooks = Hooks(pack_hook, unpack_hook)
        self._outer: list[Hooks | None] = []

    def __enter__(self) -> None:
        if STATE.trace is not None:
            STATE.trace.leave(CaptureError("hooks on what is kept for backward"))
        self._outer.append(STATE.saving)
        STATE.saving = self.hooks

    def __exit__(self, *_: object) -> None:
        STATE.saving = self._outer.pop()


class save_on_cpu(saved_tensors_hooks):
    """A block that keeps for backward what lies on the CPU: as it is, because all tensors lie there."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor that requires one goes."""
    edge = edge_of(tensor)
    if edge is None:
        raise GradientError("the tensor does not require gradients", op="get_gradient_edge")
    return edge
