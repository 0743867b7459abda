"""The quick way through a program that is known: at each step, what is kept of the call that came next the last time.

What a call is known by in a trace is one key: the function, the values of its operands, its other arguments, the
default dtype and whether gradients are cut off. Here the same facts are compared one by one, where they lie.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from brasa._state import DEFAULTS, STATE
from brasa.tensors.tensor import Tensor
from brasa.tracing.cell import Cell
from brasa.tracing.trace import Trace

# The function; of each of two arguments the class, the node (of an argument that is none, its value) and whether it
# requires gradients (None for what is no tensor); the gradient mode, if it counts; the default dtype; and where the
# call leads: the step, the result's node and whether that requires gradients.
Ahead: TypeAlias = tuple[Any, ...]

_new: Any = object.__new__


class Absent:
    """Stands for the second argument of a call that has one."""


ABSENT = Absent()


def replay(made: Any, trace: Trace, x: Any, y: Any) -> Tensor | None:
    """The result of a call in a trace, if it is the one that came next the last time; else None."""
    ahead = trace.here.ahead
    if ahead is None:
        return None
    function, x_node, x_grad, kind, y_node, y_grad, mode, dtype, step, node, grad = ahead
    if function is not made or type(y) is not kind or dtype is not DEFAULTS.dtype:
        return None
    cell = x._cell
    if cell is None:
        if trace.node_outside(x) is not x_node or x._requires_grad is not x_grad or x._weak:
            return None
    elif cell.node is not x_node or cell.plain is not x_grad or cell.trace is not trace:
        return None
    if y_grad is not None:
        cell = y._cell
        if cell is None:
            if trace.node_outside(y) is not y_node or y._requires_grad is not y_grad or y._weak:
                return None
        elif cell.node is not y_node or cell.plain is not y_grad or cell.trace is not trace:
            return None
    if mode is not None and STATE.grad_enabled is not mode:
        return None
    if kind is float or kind is int:
        if y_node.__class__ is not int:
            trace.bindings[y_node] = y
        elif y_node != y:
            return None
    trace.here = step
    tensor = _new(Tensor)  # as trace.fresh() makes it
    tensor._cell = cell = _new(Cell)
    cell.trace = trace
    cell.node = node
    cell.plain = cell.needs = grad
    cell.version = 0
    cell.marks = ()
    if grad:
        tensor._requires_grad = True
    trace.tensors.append(tensor)
    return tensor


def foreseen(trace: Trace, start: Any, made: Any, args: tuple[Any, ...], result: Any) -> Ahead | None:
    """What replay() is told of a call that began at a step and has been made now; None if it is not simple enough."""
    x, y = args if len(args) == 2 else (*args, ABSENT)
    numbers = made.operand[1:2] == (True,) and y.__class__ in (float, int)
    if result.__class__ is not Tensor or result._cell is None or not _is_way(start, trace.here, 1 + numbers):
        return None
    cell, first, second = result._cell, _facts(trace, x), _facts(trace, y)
    if first is None or second is None or first[1] is None or cell.trace is not trace or cell.plain is None:
        return None
    if trace.here.value[0] is not None or cell.marks:
        return None
    if numbers:
        second = trace.here.parent.value, None
    mode = STATE.grad_enabled if first[1] or second[1] else None
    return (made, *first, type(y), *second, mode, DEFAULTS.dtype, trace.here, cell.node, cell.plain)


def _is_way(start: Any, end: Any, count: int) -> bool:
    """Whether so many steps lead from one to the other, each of them the usual one, that told nothing of sizes."""
    for _ in range(count):
        usual = None if end.parent is None else end.parent.usual
        if usual is None or usual[1] is not end or end.learnt is not None:
            return False
        end = end.parent
    return end is start


def _facts(trace: Trace, value: Any) -> tuple[Any, bool | None] | None:
    """The node of an argument and whether it requires gradients, or its value and None; None for what is special."""
    if not isinstance(value, Tensor):
        return (value, None) if value.__class__ in (float, int, Absent) else None
    if value._weak:
        return None
    if value._cell is None:
        node = trace.node_outside(value)
        return None if node is None else (node, value._requires_grad)
    cell = value._cell
    return (cell.node, cell.plain) if cell.trace is trace and cell.plain is not None else None
