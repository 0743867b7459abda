"""The two places on the tape where hooks see a module's gradients: at its results, and at its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa._state import STATE
from brasa.execution.nodes import Edge, TapeNode, edge_of
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.trace import CaptureError

Gradients = tuple[Tensor | None, ...]


class BackwardGates:
    """What the hooks on one call of a module share."""

    def __init__(self, module: Any, before: Sequence[Callable[..., Any]], after: Sequence[Callable[..., Any]]) -> None:
        self.module, self.before, self.after = module, before, after
        self.grad_output: Gradients = ()
        self.arguments, self.has_arguments = 0, False
        if STATE.trace is not None:
            STATE.trace.leave(CaptureError("a hook on a module's gradient"))

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, so that their gradients pass through the hooks."""
        gated = _gated(args, self._at_arguments)
        self.arguments, self.has_arguments = len(args), any(a is not b for a, b in zip(args, gated, strict=True))
        return gated

    def leave(self, result: Any) -> Any:
        """The result, a tensor or a tuple with tensors, so that its gradients pass through the hooks."""
        if isinstance(result, tuple):
            gated = _gated(result, self._at_results)
            return type(result)._make(gated) if hasattr(result, "_make") else gated
        return _gated((result,), self._at_results)[0]

    def _at_results(self, grads: Gradients) -> Gradients:
        for hook in self.before:
            grads = _changed(grads, hook(self.module, grads), "register_full_backward_pre_hook")
        self.grad_output = grads
        if not self.has_arguments:
            for hook in self.after:
                hook(self.module, (None,) * self.arguments, grads)
        return grads

    def _at_arguments(self, grads: Gradients) -> Gradients:
        for hook in self.after:
            grads = _changed(grads, hook(self.module, grads, self.grad_output), "register_full_backward_hook")
        return grads


def _changed(grads: Gradients, returned: Any, op: str) -> Gradients:
    """The gradients after a hook that has returned something."""
    if returned is None:
        return grads
    given = returned if isinstance(returned, tuple) else (returned,)
    if len(given) != len(grads):
        raise ValueError(f"the hook gives {len(given)} gradients in the place of {len(grads)}", op=op)
    return given


class _Gate(TapeNode):
    """The identity of several tensors, whose gradients a function sees and may change."""

    def __init__(self, tensors: Sequence[Tensor], count: int, places: Sequence[int], act: Any) -> None:
        super().__init__("backward_hook", [edge_of(tensor) for tensor in tensors], len(tensors))
        self.count, self.places, self.act = count, places, act

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Sequence[Tensor | None]:
        spread: list[Tensor | None] = [None] * self.count
        for place, grad in zip(self.places, grads, strict=True):
            spread[place] = grad
        changed = self.act(tuple(spread))
        return [changed[place] for place in self.places]


def _gated(values: tuple[Any, ...], act: Callable[[Gradients], Gradients]) -> tuple[Any, ...]:
    """The values; tensors that are on the tape go through one gate."""
    places = [
        place for place, value in enumerate(values)
        if isinstance(value, Tensor) and value._requires_grad and STATE.grad_enabled
    ]  # fmt: skip
    if not places:
        return values
    gate = _Gate([values[place] for place in places], len(values), places, act)
    made = list(values)
    for index, place in enumerate(places):
        source = values[place]
        made[place] = through = make(source._buffer, source._spec, source._ptr)
        through._requires_grad, through._edge = True, Edge(gate, index)
    return tuple(made)
