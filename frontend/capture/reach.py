"""Where the gradients of a program's values get to, in the program and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from brasa.execution.nodes import Edge, edge_of
from brasa.ir.graph import Node, topological
from brasa.ir.ops import control
from brasa.ir.types import TensorType
from brasa.passes.autodiff import are_reached
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import CaptureError

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


def leaves_of(capture: Capture, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Those of the leaves that gradients of the nodes get to; CaptureError where these go on outside the program."""
    if any(_comes_from_tape(node, capture.bindings) for node in topological(nodes)):
        raise CaptureError("a backward that goes on outside the compiled function")
    return tuple(compress(capture.leaves, _are_reached(capture, nodes, tuple(capture.leaves))))


def used_of(capture: Capture, nodes: tuple[Node, ...], wanted: tuple[Node, ...]) -> tuple[bool, ...]:
    """Of each wanted value whether gradients of the nodes get there; CaptureError where only the tape can tell."""
    used = _are_reached(capture, nodes, wanted)
    if any(not each and _comes_from_tape(node, capture.bindings) for node, each in zip(wanted, used, strict=True)):
        raise CaptureError("a gradient by a value that was computed outside the compiled function, or before a cut")
    return used


def _comes_from_tape(node: Node, bindings: Mapping[Node, Any]) -> bool:
    bound = bindings.get(node)
    return isinstance(bound, Tensor) and not bound.is_leaf and node.op.name == "input"


def _are_reached(capture: Capture, nodes: tuple[Node, ...], values: tuple[Node, ...]) -> tuple[bool, ...]:
    """Whether gradients of the nodes get to each value. What reads another gradient need not depend on all it reads."""
    behind = _behind(nodes, capture.leaves)
    if any(node.op.name == "gradient" for node in behind):
        return are_reached(nodes, values, capture.scope.known)
    return tuple(value in behind for value in values)


def _behind(nodes: tuple[Node, ...], leaves: Mapping[Node, Tensor]) -> set[Node]:
    """The values that gradients of the nodes get to: not integers nor what was detached, nor what is behind these."""
    cut = [
        node for node in topological(nodes)
        if (node.op is control.stop_gradient and node not in leaves)
        or (isinstance(node.type, TensorType) and node.tensor.dtype.kind not in ("float", "complex"))
    ]  # fmt: skip
    return set(topological(nodes, cut))


def run_from(
    states: Sequence[tuple[bool, Edge | None]], written: Sequence[Tensor], ends: Sequence[bool],
    run: Callable[[], list[Tensor]],
) -> list[Tensor]:  # fmt: skip
    """Run what writes to tensors that are on the tape as they were before; only those that `ends` marks stay on it."""
    for tensor, state in zip(written, states, strict=True):
        tensor._requires_grad, tensor._edge = state
    edges = list(map(edge_of, written))
    results = run()
    landed = results[len(results) - len(written) :]  # other tensors over that memory, where it was computed here
    for tensor, edge, end, result in zip(written, edges, ends, landed, strict=True):
        state = (result._requires_grad, result._edge) if end else (edge is not None, edge)
        tensor._requires_grad, tensor._edge = state
    return results
