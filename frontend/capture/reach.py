"""Where the gradients of a program's values get to, in the program and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from brasa.execution.nodes import Edge, TapeNode, edge_of
from brasa.ir.graph import Node, topological
from brasa.ir.ops import control
from brasa.ir.types import TensorType
from brasa.passes.autodiff import are_reached
from brasa.tensors.inplace import follow_written
from brasa.tensors.tensor import Tensor, make_view
from brasa.tracing.trace import CaptureError

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


def leaves_of(capture: Capture, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Those of the leaves that gradients of the nodes get to; CaptureError where these go on outside the program."""
    if any(_comes_from_tape(node, capture.bindings) for node in behind_of(nodes, capture.leaves)):
        raise CaptureError("a backward that goes on outside the compiled function")
    return tuple(compress(capture.leaves, _are_reached(capture, nodes, tuple(capture.leaves))))


def used_of(capture: Capture, nodes: tuple[Node, ...], wanted: tuple[Node, ...]) -> tuple[bool, ...]:
    """Of each wanted value whether gradients of the nodes get there; CaptureError where only the tape can tell."""
    used = _are_reached(capture, nodes, wanted)
    if any(not each and _comes_from_tape(node, capture.bindings) for node, each in zip(wanted, used, strict=True)):
        raise CaptureError("a gradient by a value that was computed outside the compiled function, or before a cut")
    return used


def reached_of(capture: Capture, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The values of the program that gradients of the nodes get to on the way."""
    behind = behind_of(nodes, capture.leaves)
    values = tuple(node for node in behind if node.op.name != "input" and isinstance(node.type, TensorType))
    return tuple(compress(values, _are_reached(capture, nodes, values)))


def check_outside(capture: Capture, nodes: tuple[Node, ...], inputs: Sequence[Tensor]) -> None:
    """CaptureError where gradients of the nodes get to one of the inputs on a way outside the program, too."""
    outside = [node for node in capture.bindings if _comes_from_tape(node, capture.bindings)]
    if not outside:
        return
    ends = {edge_of(tensor) for tensor in inputs if tensor._cell is None}
    behind = behind_of(nodes, capture.leaves)
    for node in outside:
        start = capture.bindings[node]._edge
        if node in behind and _leads_to(start.node, ends - {start}):
            raise CaptureError("a gradient that comes from outside the compiled function, too")


def _leads_to(start: TapeNode, ends: set[Edge | None]) -> bool:
    """Whether gradients of a function on the tape get to one of the ends."""
    seen, stack = {start}, [start]
    while stack:
        for edge in stack.pop().edges:
            if edge in ends and edge is not None:
                return True
            if edge is not None and edge.node not in seen:
                seen.add(edge.node)
                stack.append(edge.node)
    return False


def _comes_from_tape(node: Node, bindings: Mapping[Node, Any]) -> bool:
    bound = bindings.get(node)
    return isinstance(bound, Tensor) and not bound.is_leaf and node.op.name == "input"


def _are_reached(capture: Capture, nodes: tuple[Node, ...], values: tuple[Node, ...]) -> tuple[bool, ...]:
    """Whether gradients of the nodes get to each value. What reads another gradient need not depend on all it reads."""
    behind = behind_of(nodes, capture.leaves)
    if any(node.op.name == "gradient" for node in behind):
        return are_reached(nodes, values, capture.scope.known)
    return tuple(value in behind for value in values)


def behind_of(nodes: tuple[Node, ...], leaves: Mapping[Node, Tensor]) -> set[Node]:
    """The values that gradients of the nodes get to: not integers nor what was detached, nor what is behind these."""
    cut = {
        node for node in topological(nodes)
        if node.op is control.stop_gradient
        or (isinstance(node.type, TensorType) and node.tensor.dtype.kind not in ("float", "complex"))
    }  # fmt: skip
    behind = set(topological(nodes, cut))
    met = {operand for node in behind for operand in node.operands} | set(nodes)
    return behind | {node for node in met & cut if node in leaves}


def run_from(written: Sequence[Tensor], ends: Sequence[bool], run: Callable[[], list[Tensor]]) -> list[Tensor]:
    """Run what writes to tensors; only those that `ends` marks, and what shows their memory, come from it then."""
    edges = list(map(edge_of, written))
    results = run()
    landed = results[len(results) - len(written) :]  # other tensors over that memory, where it was computed here
    values = [make_view(each, each._spec, each._ptr, remembered=False) for each in landed]
    for value, each in zip(values, landed, strict=True):
        value._requires_grad, value._edge = each._requires_grad, each._edge
    for tensor, edge in zip(written, edges, strict=True):
        tensor._requires_grad, tensor._edge = edge is not None, edge
    for tensor, end, value in zip(written, ends, values, strict=True):
        if end:
            follow_written(tensor, value, overwrites=False)
    return results


def needing_gradients(tensors: Sequence[Tensor]) -> set[Node]:
    """The values of traced tensors that need gradients."""
    return {tensor._cell.node for tensor in tensors if tensor._requires_grad and tensor._cell is not None}
