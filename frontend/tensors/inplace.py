"""In-place forms: a function's result written to the memory of its first operand."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from brasa._state import STATE
from brasa.autograd.modes import no_grad
from brasa.execution.nodes import Edge, ViewNode, edge_of
from brasa.execution.runner import Runner
from brasa.execution.tape import FunctionNode
from brasa.ir.dim import symbol
from brasa.ir.dtype import DType, int64
from brasa.ir.errors import ArgumentError, DTypeError, GradientError, ShapeError, ValueError
from brasa.ir.graph import Graph, Node
from brasa.ir.ops.control import stop_gradient
from brasa.ir.ops.move import update
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.tensors.spec import may_overlap, spec_of
from brasa.tensors.tensor import Tensor, family_of, make, type_text, zero_filled
from brasa.tracing.cell import Cell
from brasa.tracing.function import function
from brasa.tracing.primitive import carrier, cast, expand, type_of
from brasa.tracing.splicing import copied
from brasa.tracing.trace import CaptureError, Trace

FEW = 1 << 16  # bytes; of more, a kernel copies, on all threads


def in_place(functional: Callable[..., Any], name: str, overwrites: bool = False) -> Callable[..., Tensor]:
    """The in-place form of a function of tensors. overwrites: of their dtypes and shapes alone."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(self, functional(self, *args, **kwargs), name, overwrites)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"{name[:-1]}, written to this tensor's own memory."
    return method


def write_out(name: str, out: Any, result: Any) -> Any:
    """Write a function's result to the tensor that was given as `out`, or its results to several; what was given.

    A tensor of another shape takes the result's; GradientError when gradients would have to flow through it.
    """
    if isinstance(result, tuple):
        if not isinstance(out, tuple | list) or len(out) != len(result):
            raise ArgumentError(f"out must be a tuple of {len(result)} tensors", op=name)
        written = [write_out(name, each, value) for each, value in zip(out, result, strict=True)]
        return type(result)._make(written) if hasattr(result, "_make") else tuple(written)
    if not isinstance(out, Tensor):
        raise ArgumentError(f"out must be a tensor, not {type(out).__name__}", op=name)
    if STATE.grad_enabled and (out._requires_grad or result._requires_grad):
        raise GradientError("gradients do not flow through out=", op=name, hint="leave out= away, or use no_grad()")
    if tuple(out.shape) != tuple(result.shape):
        if out._cell is not None or result._cell is not None:
            raise ShapeError(f"out is {type_text(out)}, the result {type_text(result)}: a program cannot resize it",
                             op=name, hint="give out the shape of the result")  # fmt: skip
        out._buffer, out._ptr, out._spec = _fresh_like(result, out)
    return assign(out, result, name)


def _fresh_like(result: Tensor, out: Tensor) -> tuple[Any, int, Any]:
    spec = spec_of(out._spec.dtype, tuple(result.shape), None, out._spec.device)
    made = zero_filled(spec)
    return made._buffer, made._ptr, spec


@function
def _converted(value: Tensor, like: Tensor) -> Tensor:
    type = type_of(like)
    return expand(cast(value, type.dtype), type.shape)


def assign(target: Tensor, value: Tensor, name: str, overwrites: bool = False) -> Tensor:
    """Write a value to the tensor's memory, as in-place ops do: views see it, the tape follows.

    overwrites: the value is not made of what the tensor held, whose gradient is then 0.
    """
    if STATE.trace is None and _is_mere_copy(target, value):
        ctypes.memmove(target._ptr, value._ptr, target._spec.nbytes)
        target._buffer.version += 1  # type: ignore[union-attr]
        return target
    shape, wanted = tuple(value.shape), tuple(target.shape)
    _check(target, value, shape, wanted, name)
    if value.dtype is not target.dtype or shape != wanted:
        value = _converted(value, carrier(target.shape, target.dtype, str(target.device)))
    trace = STATE.trace
    if trace is not None:
        try:
            seen = STATE.grad_enabled and (value._requires_grad or target._requires_grad)
            trace.write(target, _to_write(trace, target, value, overwrites, seen), aside=not seen)
        except CaptureError as error:
            trace.leave(error)
            return assign(target, value, name, overwrites)
        if seen:
            trace.node_of(target)  # the first of the views to be made anew, as below: so their gradients are summed
            trace.follow(target)
        if trace.picked:
            _follow_picked(trace, trace.cell_of(target))
        return target
    if value._buffer is target._buffer:
        value = value.clone()  # type: ignore[attr-defined]
    _keep_apart(target, value)
    store(target, value)
    if STATE.grad_enabled and (value._requires_grad or target._requires_grad):
        follow_written(target, value, overwrites)
    return target


def _keep_apart(target: Tensor, value: Tensor) -> None:
    """Let what made the value keep what the target holds. What made the target does if it is a program.

    For a program may have kept a result where eager mode keeps something else.
    """
    whole = target if target._base is None else target._base
    for made in (value, whole):
        node = None if made._edge is None else made._edge.node
        if isinstance(node, FunctionNode) and (made is value or node.is_program):
            node.keep_apart(target)


def _follow_picked(trace: Trace, cell: Cell) -> None:
    """Do what a write brings on; what returns False has nobody that would see it."""
    alive = [each for each in trace.picked.pop(cell, ()) if each(trace)]
    trace.picked.setdefault(cell, []).extend(alive)


def _to_write(trace: Trace, target: Tensor, value: Tensor, overwrites: bool, seen: bool) -> Node:
    """What the target's memory holds after the value was written to it in a trace. seen: by gradients."""
    node = trace.node_of(value)
    if value._requires_grad and not STATE.grad_enabled:
        return trace.apply(stop_gradient, node)
    if value._requires_grad and any(op is stop_gradient for op, _ in target._path):
        raise CaptureError("what has a gradient is written to a detached tensor, but not to what it was detached from",
                           op="in-place write", hint="use .detach().clone()")  # fmt: skip
    # A gradient by the target is not the value's; and what lies under a view has a gradient of 0 there.
    if seen and (overwrites or not value._requires_grad or target._path):
        starts, steps = (0,) * target.ndim, (1,) * target.ndim
        return trace.apply(update, trace.node_of(target), node, starts=starts, steps=steps)
    return copied(trace, node) if overwrites else node  # it may be another tensor's value


def overwrite(target: Tensor, value: Tensor, name: str) -> None:
    """Write to a tensor's memory what has no gradient."""
    with no_grad():
        assign(target, value, name)


def _is_mere_copy(target: Tensor, value: Tensor) -> bool:
    """Whether a few bytes are all that is to be written: no gradients to follow, nothing to convert or to spread."""
    if value._requires_grad or value._cell is not None or (target._requires_grad and STATE.grad_enabled):
        return False
    spec = target._spec
    return value._spec is spec and spec.row_major and spec.nbytes <= FEW and spec.device == "cpu"


def _check(target: Tensor, value: Tensor, shape: tuple[Any, ...], wanted: tuple[Any, ...], name: str) -> None:
    kind, order = value.dtype.kind, ("bool", "uint", "int", "float", "complex")
    if order.index(kind) > order.index(target.dtype.kind) and kind not in ("int", "uint"):
        raise DTypeError(f"a result of {value.dtype.name} cannot be written to {type_text(target)}", op=name)
    if STATE.grad_enabled and target._requires_grad and _shows_leaf(target):
        raise GradientError("a leaf that requires gradients cannot be changed in place", op=name,
                            hint="use the out-of-place form, or do it under no_grad()")  # fmt: skip
    if target._cell is None and 0 in target._spec.strides and _repeats(target):
        raise ValueError("several of the elements are one piece of memory", op=name, hint="write to a .clone()")
    missing = len(wanted) - len(shape)
    if missing < 0 or any(n not in (1, m) for n, m in zip(shape, wanted[missing:], strict=True)):
        raise ShapeError(f"a result of shape {list(shape)} cannot be written to {type_text(target)}", op=name)


def _repeats(target: Tensor) -> bool:
    """Whether an axis repeats one piece of memory."""
    return any(size > 1 and step == 0 for size, step in zip(target.shape, target._spec.strides, strict=True))


def _shows_leaf(target: Tensor) -> bool:
    """Whether a tensor that requires gradients is a leaf or a view of one."""
    base, cell = target._base, target._cell
    if target.is_leaf or (base is not None and base._requires_grad and base.is_leaf):
        return True
    if cell is not None:
        return bool(target._path) and cell.node in cell.trace.leaves
    edge = target._edge
    while edge is not None and type(edge.node) is ViewNode:
        edge = edge.node.edges[0]
    return edge is not None and edge.node.is_leaf


def store(target: Tensor, value: Tensor) -> None:
    """Copy the value's elements to the target's memory, whatever its strides."""
    _copier(target._spec.dtype, target._spec.rank, target._spec.marks, value._spec.marks)([target, value])


_copiers: dict[tuple[Any, ...], Runner] = {}


def _copier(dtype: DType, rank: int, into: tuple[str, ...], source: tuple[str, ...]) -> Runner:
    key = (dtype, rank, into, source)
    runner = _copiers.get(key)
    if runner is None:
        type = TensorType(tuple(symbol(f"n{axis}") for axis in range(rank)), dtype)
        target = make_input("target", type, strides=into)
        value = make_input("value", type, strides=source)
        graph = Graph("copy", (target, value), (), (value,), ((0, 0),))
        runner = _copiers[key] = Runner(graph)
    return runner


def follow_written(target: Tensor, value: Tensor, overwrites: bool) -> None:
    """Let gradients flow through what was written: the target and all that shows its memory come from the value."""
    base, old = target._base, edge_of(target)
    if base is not None:
        base._edge = Edge(_WrittenView(base, target, value, edge_of(base)), 0)
        base._requires_grad = True
    elif overwrites or not value._requires_grad:  # the value may be another tensor's
        target._requires_grad, target._edge = True, Edge(_WrittenView(target, target, value, old), 0)
    else:
        target._requires_grad, target._edge = value._requires_grad, edge_of(value)
    root = target if base is None else base
    for view in family_of(target)[1:]:
        if view._cell is not None:
            continue  # a program is about to give it its memory
        whole = root if view.dtype is root.dtype else root.view_as_real()  # type: ignore[attr-defined]
        fresh = whole.as_strided(view._spec.shape, view._spec.strides, view.storage_offset())
        view._requires_grad, view._edge = fresh._requires_grad, fresh._edge


class _WrittenView(ViewNode):
    """A base after a view of it was written: its gradient goes to the value there, to the old base elsewhere."""

    def __init__(self, base: Tensor, view: Tensor, value: Tensor, old: Edge | None) -> None:
        super().__init__("written_view", value, lambda g: g)
        self.edges = (edge_of(value), old)
        self.view, self.offset = view._spec, view._ptr - base._ptr
        self.is_part = view.dtype is not base.dtype  # of complex numbers

    def backward(self, grads: list[Tensor | None], create_graph: bool) -> Any:
        assert grads[0] is not None
        shape, strides = self.view.shape, self.view.strides
        if self.is_part:
            return self._of_parts(grads[0])
        whole = grads[0].contiguous()  # type: ignore[attr-defined]
        offset = whole.storage_offset() + self.offset // self.view.dtype.itemsize
        inner = whole.as_strided(shape, strides, offset)
        zeros = zero_filled(spec_of(inner.dtype, tuple(shape)))
        rest = whole.as_strided_scatter(zeros, shape, strides, offset)
        if may_overlap(self.view):  # of elements that are one, the last counts
            numbers = whole.new_ones((inner.numel(),), dtype=int64).cumsum(0).reshape(shape)
            last = whole.new_zeros(whole.shape, dtype=int64).as_strided_scatter(numbers, shape, strides, offset)
            inner = inner.where(last.as_strided(shape, strides, offset) == numbers, 0)
        return inner, rest

    def _of_parts(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        """As above where the view shows real parts of a complex base; not to be differentiated again."""
        whole = grad.clone()  # type: ignore[attr-defined]
        place = spec_of(self.view.dtype, tuple(self.view.shape), tuple(self.view.strides))
        window = make(whole._buffer, place, whole._ptr + self.offset)
        inner = window.clone()  # type: ignore[attr-defined]
        store(window, zero_filled(inner._spec))
        return inner, whole
