"""backward() and grad(): the tape in reverse program order."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence
from typing import Any

from brasa._state import STATE
from brasa.autograd.modes import set_grad_enabled
from brasa.execution.anomalies import watch_backward
from brasa.execution.hooks import run_accumulation_hooks, through_hooks
from brasa.execution.nodes import Edge, LeafNode, TapeNode, edge_of
from brasa.functions.pointwise import add
from brasa.ir.errors import DTypeError, GradientError, ShapeError
from brasa.tensors.copies import clone, contiguous
from brasa.tensors.creation import ones_like, zeros_like
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import detach
from brasa.tracing.trace import CaptureError

Sums = dict[Edge, Tensor]


def backward(
    outputs: Tensor | Sequence[Tensor], seeds: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, inputs: Any = None,
) -> None:  # fmt: skip
    """Add the gradients of outputs, weighted by seeds, to `.grad` of all leaves (or of `inputs` alone)."""
    roots = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    weights = list(seeds) if isinstance(seeds, tuple | list) else [seeds]
    keep = create_graph if retain_graph is None else retain_graph
    trace = STATE.trace
    if trace is not None:
        try:
            trace.backward(roots, weights, inputs, keep, create_graph)
            return
        except CaptureError as error:
            trace.leave(error)
    chosen = None if inputs is None else [inputs] if isinstance(inputs, Tensor) else list(inputs)
    targets = None if chosen is None else {edge for edge in map(edge_of, chosen) if edge is not None}
    sums, leaves = _walk(roots, weights, create_graph, keep, set() if targets is None else targets)
    for place in range(len(leaves)):
        leaf = leaves[place][0]
        if targets is None or Edge(leaf, 0) in targets:
            alone = sys.getrefcount(leaves[place][1]) <= 2  # no other tensor's, and kept by no hook and no user
            _accumulate(leaf.tensor, leaves[place][1], alone, create_graph)
            run_accumulation_hooks(leaf.tensor)
    for tensor in chosen or ():
        edge = edge_of(tensor)
        if edge in sums and not tensor.is_leaf:
            _accumulate(tensor, sums[edge], False, create_graph)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, allow_unused: bool | None = None, materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of outputs, weighted by grad_outputs, by each of the inputs."""
    roots = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    wanted = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    weights = list(grad_outputs) if isinstance(grad_outputs, tuple | list) else [grad_outputs] * len(roots)
    if not all(tensor._requires_grad for tensor in wanted):
        raise GradientError("an input does not require gradients", op="grad")
    trace = STATE.trace
    if trace is not None:
        try:
            found = trace.grad(roots, weights, wanted, create_graph)
            return _complete(found, wanted, allow_unused, materialize_grads)
        except CaptureError as error:
            trace.leave(error)
    edges = [edge_of(tensor) for tensor in wanted]
    keep = create_graph if retain_graph is None else retain_graph
    sums, leaves = _walk(roots, weights, create_graph, keep, {edge for edge in edges if edge is not None})
    sums.update({Edge(leaf, 0): total for leaf, total in leaves})
    apart = _apart({edge: sums[edge] for edge in edges if edge in sums})
    return _complete([apart.get(edge) for edge in edges], wanted, allow_unused, materialize_grads)


def _apart(sums: Sums) -> Sums:
    """The gradients, each in rows and in memory of its own: of one that two values have, one copies it."""
    taken, apart = set[int](), Sums()
    for edge, grad in sums.items():
        apart[edge] = clone(grad) if id(grad._buffer) in taken else contiguous(grad)
        taken.add(id(grad._buffer))
    return apart


def _complete(
    found: Sequence[Tensor | None], wanted: Sequence[Tensor], allow_unused: bool | None, materialize: bool
) -> tuple[Any, ...]:
    """The gradients that were found, with zeros or None for those that were not."""
    results = list(found)
    for i, result in enumerate(results):
        if result is None and materialize:
            results[i] = zeros_like(wanted[i])
        elif result is None and not allow_unused:
            raise GradientError(f"input {i} was not used in computing the outputs", op="grad",
                                hint="pass allow_unused=True for None instead")  # fmt: skip
    return tuple(results)


def seed_of(root: Tensor, weight: Tensor | None, op: str = "backward") -> Tensor:
    """The gradient that a walk starts with: the weight, or 1 for a scalar."""
    if not root._requires_grad:
        raise GradientError("the value does not depend on anything that requires gradients", op=op)
    if weight is None:
        if root.numel() != 1:
            raise GradientError(f"a gradient can be left out for a scalar only, the shape is {list(root.shape)}",
                                op=op, hint="reduce to a scalar, or pass gradient=")  # fmt: skip
        if root.dtype.is_complex:
            raise GradientError(f"a gradient can be left out for a real scalar only, the value is {root.dtype.name}",
                                op=op)  # fmt: skip
        return ones_like(root)
    if tuple(weight.shape) != tuple(root.shape):
        raise ShapeError(f"the gradient has shape {list(weight.shape)}, the value {list(root.shape)}", op=op)
    if weight.dtype is not root.dtype:
        raise DTypeError(f"the gradient is {weight.dtype.name}, the value {root.dtype.name}", op=op)
    return weight


def _walk(
    roots: Sequence[Tensor], weights: Sequence[Tensor | None], create_graph: bool, keep: bool, targets: set[Edge]
) -> tuple[Sums, list[tuple[LeafNode, Tensor]]]:
    """Run the tape: the gradient sums at `targets`, and at every leaf that was met."""
    pending: dict[TapeNode, list[Tensor | None]] = {}
    queue: list[tuple[int, int, TapeNode]] = []
    found: Sums = {}
    leaves: list[tuple[LeafNode, Tensor]] = []

    def give(edge: Edge, value: Tensor) -> None:
        grads = pending.get(edge.node)
        if grads is None:
            grads = pending[edge.node] = [None] * edge.node.outputs
            heapq.heappush(queue, (-edge.node.sequence, id(edge.node), edge.node))
        present = grads[edge.index]
        grads[edge.index] = value if present is None else add(present, value)

    def present(edge: Edge) -> Tensor | None:
        return pending[edge.node][edge.index] if edge.node in pending else None

    done: list[tuple[TapeNode, Sequence[int]]] = []  # with the outputs that gradients came to
    with set_grad_enabled(create_graph):
        for root, weight in zip(roots, weights, strict=True):
            value = seed_of(root, weight)
            edge = edge_of(root)
            assert edge is not None
            give(edge, value)
        while queue:
            _, _, node = heapq.heappop(queue)
            grads = pending.pop(node)
            if node.hooks or node.retained:
                _run_hooks(node, grads)
            for edge in targets:
                if edge.node is node and (come := node.at(grads, edge.index)) is not None:
                    found[edge] = come
            if isinstance(node, LeafNode):
                if grads[0] is not None:
                    leaves.append((node, grads[0]))
                continue
            used = (0,) if node.outputs == 1 else [place for place, grad in enumerate(grads) if grad is not None]
            begun = node.begun(present) if node._name == "compiled" else ()
            results = node.backward_onto(grads, begun, create_graph) if begun else node.backward(grads, create_graph)
            if STATE.anomaly:
                watch_backward(node, results)
            for place, (target, value) in enumerate(zip(node.edges, results, strict=True)):
                if target is not None and value is not None:
                    if begun and begun[place] is not None:
                        pending[target.node][target.index] = None  # it is in the value
                    give(target, value)
            done.append((node, used))
    if not keep:
        for node, used in done:
            node.release(used)
    return found, leaves


def _run_hooks(node: TapeNode, grads: list[Tensor | None]) -> None:
    for index, hooks in (node.hooks or {}).items():
        value = grads[index]
        grads[index] = None if value is None else through_hooks(hooks, value)
    for index, reference in (node.retained or {}).items():
        tensor, come = reference(), node.at(grads, index)
        if tensor is not None and come is not None:
            tensor._grad = clone(come) if tensor._grad is None else add(tensor._grad, come)


def _accumulate(tensor: Tensor, total: Tensor, alone: bool, create_graph: bool) -> None:
    """Add to .grad, once for a whole backward; memory that others may hold is copied first."""
    if tensor._grad is not None:
        tensor._grad = add(tensor._grad, total)
    elif create_graph:
        tensor._grad = contiguous(total) if alone else clone(total)
    else:
        tensor._grad = total if alone and _owns_memory(total) else clone(detach(total))


def _owns_memory(value: Tensor) -> bool:
    """Whether no other tensor shares its memory."""
    return value._base is None and value._spec.row_major and sys.getrefcount(value._buffer) <= 2
