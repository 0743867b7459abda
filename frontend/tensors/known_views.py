"""Views that were made before: with equal arguments, one of an equal tensor lies in the same place of its memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from brasa._state import trace_at_hand
from brasa.execution.nodes import ViewNode, edge_of
from brasa.tensors.sharing import view_as_spec
from brasa.tensors.spec import Size, Spec
from brasa.tensors.tensor import Tensor, make_view

_C = TypeVar("_C", bound=Callable[..., Tensor])


class Known(NamedTuple):
    """A view: its spec, how many bytes after the tensor it begins, and its node on the tape, once there was one.

    Views of views are one node, too.
    """

    spec: Spec
    offset: int
    name: str
    back: Callable[[Tensor], Tensor] | None


_VIEWS: dict[tuple[Any, Spec, Any], Known] = {}
_REMEMBERED = 1 << 16
NONE: Mapping[str, Any] = MappingProxyType({})


def again(make: Callable[..., Tensor], source: Tensor, key: Any, args: tuple[Any, ...], kwargs: Any = NONE) -> Tensor:
    """make(source, *args, **kwargs), a view of an eager tensor, which follows from its spec and the key."""
    known = _VIEWS.get((make, source._spec, key))
    if known is not None:
        if not source._requires_grad:
            return make_view(source, known.spec, source._ptr + known.offset)
        if known.back is not None:
            return view_as_spec(source, known.spec, source._ptr + known.offset, known.name, known.back)
    made = make(source, *args, **kwargs)
    if made._buffer is not source._buffer or made is source:
        return made
    if len(_VIEWS) >= _REMEMBERED:
        _VIEWS.clear()
    name, back = _node_of(made, source)
    known = _VIEWS[make, source._spec, key] = Known(made._spec, made._ptr - source._ptr, name, back)
    return made if back is None else view_as_spec(source, known.spec, made._ptr, name, back)


def _node_of(made: Tensor, source: Tensor) -> tuple[str, Callable[[Tensor], Tensor] | None]:
    """The name and the backward of all nodes from a view to its source; None where there are none."""
    edge, end, nodes = made._edge, edge_of(source), []
    while edge is not None and edge != end:
        if not isinstance(edge.node, ViewNode):
            return "", None
        nodes.append(edge.node)
        edge = edge.node.edges[0]
    if not nodes:
        return "", None
    backs = tuple(node.back for node in nodes)
    return nodes[0]._name, backs[0] if len(backs) == 1 else lambda grad: functools.reduce(_applied, backs, grad)


def _applied(grad: Tensor, back: Callable[[Tensor], Tensor]) -> Tensor:
    return back(grad)


def known_again(make: _C) -> _C:
    """A function whose result is a view, or a copy, of its first argument, and follows from ints and tuples of them."""

    @functools.wraps(make)
    def view(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if trace_at_hand() is not None or input._cell is not None:
            return make(input, *args, **kwargs)
        for value in (*args, *kwargs.values()) if kwargs else args:
            kind = value.__class__
            if kind is not int and not ((kind is tuple or kind is Size) and set(map(type, value)) <= {int}):
                return make(input, *args, **kwargs)
        return again(make, input, (args, *kwargs.items()) if kwargs else args, args, kwargs)

    return view  # type: ignore[return-value]
