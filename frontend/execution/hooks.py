"""Hooks on gradients: what users want to see, or to change, on the way back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from brasa._state import bump_epoch
from brasa.execution.nodes import LeafNode, edge_of
from brasa.ir.errors import GradientError
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import CaptureError


def add_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Run `hook(gradient)` when the tensor's gradient is known; what it returns takes the gradient's place."""
    if tensor._cell is not None:
        tensor._cell.trace.leave(CaptureError("a hook on the gradient of a computed value"))
    edge = edge_of(tensor)
    if edge is None:
        raise GradientError("the tensor does not require gradients", op="register_hook")
    if edge.node.hooks is None:
        edge.node.hooks = {}
    hooks = edge.node.hooks.setdefault(edge.index, {})
    bump_epoch()
    return RemovableHandle(hooks, hook)


def add_accumulation_hook(tensor: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Run `hook(tensor)` when backward() has added to the gradient of a leaf."""
    edge = edge_of(tensor)
    if edge is None or not isinstance(edge.node, LeafNode):
        fact = "does not require gradients" if edge is None else "is computed, only a leaf gathers a gradient"
        raise GradientError(f"the tensor {fact}", op="register_post_accumulate_grad_hook")
    if edge.node.after is None:
        edge.node.after = {}
    bump_epoch()
    return RemovableHandle(edge.node.after, hook)


def is_hooked(tensor: Tensor) -> bool:
    """Whether hooks wait for the gradient of a leaf."""
    if tensor._edge is None or not isinstance(tensor._edge.node, LeafNode):
        return False
    return bool(tensor._edge.node.after) or any((tensor._edge.node.hooks or {}).values())


def through_hooks(hooks: dict[int, Callable[[Tensor], Tensor | None]], grad: Tensor) -> Tensor:
    """The gradient after the hooks."""
    for hook in list(hooks.values()):
        changed = hook(grad)
        grad = grad if changed is None else changed
    return grad


def through_leaf_hooks(tensor: Tensor, grad: Tensor) -> Tensor:
    """A leaf's gradient after the hooks on it."""
    hooks = tensor._edge.node.hooks if tensor._edge is not None and is_hooked(tensor) else None
    return through_hooks((hooks or {}).get(0, {}), grad)


def run_accumulation_hooks(tensor: Tensor) -> None:
    """Tell those who wait for a leaf's gradient."""
    node = None if tensor._edge is None else tensor._edge.node
    if isinstance(node, LeafNode):
        for hook in list((node.after or {}).values()):
            hook(tensor)


class RemovableHandle:
    """Takes a hook away again with remove(), or at the end of a `with` block."""

    _numbers = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.hooks, self.id = hooks, next(self._numbers)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away."""
        if self.hooks.pop(self.id, None) is not None:
            bump_epoch()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
