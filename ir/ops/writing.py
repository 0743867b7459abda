"""What a value becomes when it is written to through views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brasa.ir import dim
from brasa.ir.dtype import bool_
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops import affine, control, move, reduce, view
from brasa.ir.ops import complex as complex_ops
from brasa.ir.ops.source import full, full_like
from brasa.ir.types import TensorType

Path = Sequence[tuple[Op, Mapping[str, Any]]]


def written_through(path: Path, whole: Node, value: Node) -> Node | None:
    """The whole, once what a path of views shows of it has become the value; of elements that are one, the last counts.

    None where it cannot be told: where a view only repeats elements, or where elements lie several times in one of
    which parts are written.
    """
    stages = [whole]
    for op, attrs in path:
        stages.append(op(stages[-1], **attrs))
    made = value
    for number, (op, attrs) in reversed([*enumerate(path)]):
        under, beyond = stages[number], path[number + 1 :]
        if op is affine.affine:
            new = None
            if beyond and affine.may_repeat(attrs):  # or what is old would undo what is new elsewhere
                if any(op.kind is Kind.COMPLEX or op is view.bitcast for op, _ in beyond):
                    return None
                new = written_through(beyond, _all(made, False), _all(value, True))
                if new is None:
                    return None
            made = affine.written(under, made, attrs, new)
        elif op is reduce.expand and not _same_shape(under, made):
            return None
        else:
            made = _under(under, op, attrs, made)
    return made


def beside(value: Node, old: Node) -> Node:
    """The value that gradients do not see: to them it is the old one."""
    stand_in, seed = full_like(old, 0), full_like(old, 0)
    return control.custom(control.stop_gradient(value), old, stand_in, seed, seed, outputs=1, values=1, once=False)


def _under(under: Node, op: Op, attrs: Mapping[str, Any], value: Node) -> Node:
    """What lies under a view, each of whose elements is one of its own, once it has become the value."""
    if op is move.slice_:
        return move.update(under, value, starts=attrs["starts"], steps=attrs["steps"])
    if op is view.permute:
        axes = attrs["axes"]
        return view.permute(value, axes=tuple(axes.index(i) for i in range(len(axes))))
    if op is view.reshape:
        return view.reshape(value, shape=under.tensor.shape)
    if op.kind is Kind.COMPLEX:
        back = complex_ops.view_as_complex if op is complex_ops.view_as_real else complex_ops.view_as_real
        return back(value)
    if op is view.bitcast:
        return view.bitcast(value, dtype=under.tensor.dtype)
    assert op in (control.stop_gradient, reduce.expand), op
    return value


def _all(like: Node, value: bool) -> Node:
    return full(TensorType(like.tensor.shape, bool_, like.tensor.device), value)


def _same_shape(one: Node, other: Node) -> bool:
    shapes = one.tensor.shape, other.tensor.shape
    return len(shapes[0]) == len(shapes[1]) and all(map(dim.equal, *shapes))
