"""For which sizes of arguments, besides those that were seen, a sealed program is right without following a call.

What Python code finds out of a size is a step of the program, and the guard of that step. Where all guards on the way
hold, code would go the same way, and the program is the one that it would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brasa.capture.follow import Capture
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Kind
from brasa.tensors.spec import Spec
from brasa.tensors.tensor import Tensor
from brasa.tracing.sizes import Guard


class AnySize:
    """What arguments must be but for their sizes, and what these must be.

    shapes: of each tensor among the arguments, in named sizes where they are open; None where nothing was asked of it.
    """

    def __init__(
        self, key: tuple[Any, ...], shapes: Sequence[tuple[Size, ...] | None], guards: Sequence[Guard]
    ) -> None:
        self.form, self.shapes, self.guards = _without_sizes(key), tuple(shapes), tuple(guards)

    def includes(self, key: tuple[Any, ...], tensors: Sequence[Tensor]) -> bool:
        """Whether arguments of this signature are among those."""
        if _without_sizes(key) != self.form:
            return False
        sizes: dict[str, int] = {}
        for shape, tensor in zip(self.shapes, tensors, strict=True):
            for size, actual in zip(shape or (), tensor._spec.shape, strict=shape is not None):
                if isinstance(size, int):
                    if size != actual:
                        return False
                elif sizes.setdefault(str(size), actual) != actual:
                    return False
        return all(guard.check(sizes) for guard in self.guards)


def any_size(capture: Capture, key: tuple[Any, ...], arguments: Sequence[Tensor], graph: Graph) -> AnySize | None:
    """The sizes for which the program of a call that was followed is right; None where that cannot be told."""
    if capture.raised or capture.scope.asked or _has_loops(graph):
        return None
    given: Mapping[int, tuple[Size, ...]] = {
        id(bound): node.tensor.shape for node, bound in capture.bindings.items() if node.op.name == "input"
    }
    shapes = [given.get(id(tensor)) for tensor in arguments]
    guards = [guard for step in capture.here.path() for guard in step.guards]
    told = {str(size) for shape in shapes for size in shape or () if not isinstance(size, int)}
    asked = {name for guard in guards for size in (guard.lhs, guard.rhs) for name in dim.symbols(size)}
    return AnySize(key, shapes, guards) if asked <= told else None


def _without_sizes(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A signature of arguments without the sizes of tensors that lie row by row."""
    return tuple(
        (part.dtype, part.rank, part.marks, part.device) if part.__class__ is Spec and part.row_major
        else _without_sizes(part) if part.__class__ is tuple else part
        for part in key
    )  # fmt: skip


def _has_loops(graph: Graph) -> bool:
    """Whether there are graphs that run several times: how often is in no guard, but may tell how much is drawn."""
    return any(node.op.kind is Kind.NESTED or any(map(_has_loops, _held(node.attrs))) for node in graph.nodes)


def _held(attrs: Mapping[str, Any]) -> Iterator[Graph]:
    return (value for value in attrs.values() if isinstance(value, Graph))
