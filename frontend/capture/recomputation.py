"""Checkpointed regions in captured programs: their results are marked, with the values at which they begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.capture.follow import Capture
from brasa.capture.tree import Step
from brasa.ir.graph import Node
from brasa.ir.ops import control
from brasa.passes import ends_of
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import Trace


def recomputed(trace: Trace, function: Callable[[], Any]) -> Any:
    """What the function gives; in a captured program as the results of a region that is computed again."""
    if not isinstance(trace, Capture):
        return function()
    start, found = trace.here, function()

    def mark(value: Any) -> Any:
        if isinstance(value, tuple | list):
            made = map(mark, value)
            return value._make(made) if hasattr(value, "_make") else type(value)(made)
        if isinstance(value, dict):
            return {key: mark(item) for key, item in value.items()}
        return _marked(trace, value, start) if isinstance(value, Tensor) and value._requires_grad else value

    return mark(found)


def _marked(capture: Capture, tensor: Tensor, start: Step) -> Tensor:
    """The tensor as a result of what was recorded since; itself if its memory was there before, or was written."""
    cell = tensor._cell
    if cell is None or cell.version:
        return tensor
    node = capture.node_of(tensor)

    def make() -> Node | None:
        known = {each for step in start.path() for each in step.nodes}
        return None if cell.node in known else capture.record(control.again(node, *ends_of(node, known)))

    made = capture.step(("again", node, start), make)
    return tensor if made is None else capture.fresh(made, True)
