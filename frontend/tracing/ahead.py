"""What is ahead of a step of a known program: the call of a function that came next the last time.

What a call is known by in a trace is one key: the function, the values of its operands, its other arguments, the
default dtype and whether gradients are cut off. Here the same facts are noted for a comparison one by one, where they
lie, which brasa.tracing.entry makes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from brasa._state import DEFAULTS, STATE
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import Trace

# The function; of the first argument the node and whether it requires gradients; of the second the class and the same,
# or its value and None; the input that stands for the second, if that is a number; the gradient mode, if it counts; the
# default dtype; whether it is time to let go of tensors; and where the call leads: the step, the result's node, whether
# that requires gradients, and the cell that it had.
Ahead: TypeAlias = tuple[Any, ...]


class Absent:
    """Stands for the second argument of a call that has one."""


ABSENT = Absent()


def foreseen(trace: Trace, start: Any, made: Any, args: tuple[Any, ...], result: Any, forgets: bool) -> Ahead | None:
    """What is ahead of a step, where this call has been made now; None if it is not simple enough."""
    x, y = args if len(args) == 2 else (*args, ABSENT)
    takes_number = made.operand[1:2] == (True,) and y.__class__ in (float, int)
    if result.__class__ is not Tensor or result._cell is None or not _is_way(start, trace.here, 1 + takes_number):
        return None
    cell, first, second = result._cell, _facts(trace, x), _facts(trace, y)
    if first is None or second is None or first[1] is None or cell.trace is not trace or cell.plain is None:
        return None
    if trace.here.value[0] is not None or cell.marks:
        return None
    number = trace.here.parent.value if takes_number else None
    if number is None and y.__class__ is float:  # 0 and -0 are equal
        return None
    mode = STATE.grad_enabled if first[1] or second[1] else None
    known = made, *first, type(y), *second, number, mode, DEFAULTS.dtype
    return *known, forgets, trace.here, cell.node, cell.plain, cell


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
