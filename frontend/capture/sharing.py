"""Memory that several tensors from outside a program share, and what it held before the program wrote to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from brasa.execution.tape import FunctionNode, copied
from brasa.ir.graph import Node
from brasa.tensors.spec import Spec
from brasa.tensors.tensor import Tensor


def place_of(tensor: Tensor) -> tuple[int, int, Spec, int]:
    """What tells memory from other memory, as a program sees it: gradients of what is detached are not those of it."""
    root = tensor if tensor._base is None else tensor._base
    return id(tensor._buffer), tensor._ptr, tensor._spec, id(root) if tensor._requires_grad else 0


def overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors may share an element: whether the stretches of memory that they span do."""
    if one._buffer is not other._buffer:
        return False
    (first, first_end), (second, second_end) = map(_span, (one, other))
    return first < second_end and second < first_end


def _span(tensor: Tensor) -> tuple[int, int]:
    """The addresses from its first byte to the one behind its last."""
    spec = tensor._spec
    if not spec.numel:
        return tensor._ptr, tensor._ptr
    low = sum(min(0, (size - 1) * step) for size, step in zip(spec.shape, spec.strides, strict=True))
    high = sum(max(0, (size - 1) * step) for size, step in zip(spec.shape, spec.strides, strict=True))
    return tensor._ptr + low * spec.dtype.itemsize, tensor._ptr + (high + 1) * spec.dtype.itemsize


def has_graph(bindings: dict[Node, Any], freed: set[Node]) -> bool:
    """Whether gradients of a value that a program has computed can still be asked for."""
    computed = ((node, bound) for node, bound in bindings.items() if node.op.name != "input" and node not in freed)
    return any(isinstance(bound, Tensor) and bound._requires_grad for _, bound in computed)


def keep_old(bindings: dict[Node, Any], targets: Sequence[Tensor]) -> None:
    """Let values that lie where a program is about to write be copies: a gradient asked for later may read them."""
    stale = {
        id(bound): bound for bound in bindings.values()
        if isinstance(bound, Tensor) and any(overlap(bound, target) for target in targets)
    }  # fmt: skip
    copies = {number: copied(bound) for number, bound in stale.items()}
    bindings.update({node: copies[id(bound)] for node, bound in bindings.items() if id(bound) in copies})


def keep_apart(bindings: dict[Node, Any], freed: set[Node], targets: Sequence[Tensor]) -> None:
    """Let gradients of what a program has computed read what lay in memory that it is about to write.

    Where eager mode keeps another value, which still is as it was, a program may have kept the one that is written.
    """
    computed = (bound for node, bound in bindings.items() if node.op.name != "input" and node not in freed)
    edges = {bound._edge for bound in computed if isinstance(bound, Tensor)} if targets else ()
    for node in {edge.node for edge in edges if edge is not None}:
        if isinstance(node, FunctionNode):
            for target in targets:
                node.keep_apart(target)


def apart(operands: Sequence[Any], targets: Sequence[Tensor]) -> list[Any]:
    """The operands; copies of those that lie where targets will be written, but are no targets: all is read before."""
    lying = set(map(place_of, targets))
    sharing: dict[int, list[Tensor]] = {}
    for target in targets:
        sharing.setdefault(id(target._buffer), []).append(target)
    return [
        copied(each) if isinstance(each, Tensor) and id(each._buffer) in sharing
        and place_of(each) not in lying and any_overlap(each, sharing[id(each._buffer)]) else each
        for each in operands
    ]  # fmt: skip


def any_overlap(tensor: Tensor, others: Iterable[Any]) -> bool:
    """Whether one of the others sees some of the same memory as the tensor, and is not the very same view of it."""
    return any(
        isinstance(other, Tensor) and place_of(other) != place_of(tensor) and overlap(other, tensor)
        for other in others
    )  # fmt: skip
