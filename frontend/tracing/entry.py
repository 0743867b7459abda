"""The way into functions of tensors: common calls of what is known run here, all others in Function.__call__."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from brasa._state import STATE
from brasa.execution.tape import run_graph
from brasa.ir.dtype import DType
from brasa.runtime import allocate
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.held import Held
from brasa.tracing.trace import CaptureError, Trace


def _in_trace(made: Any, trace: Trace, args: tuple[Any, ...]) -> Any:
    """A call in a trace: of tensors, numbers, and other arguments that are ints, strings or None."""
    statics: list[Any] = []
    operands: list[Any] = []
    for value, is_operand, accepts in zip(args, made.operand, made.accepts, strict=True):
        kind = value.__class__
        if is_operand and (
            isinstance(value, Tensor) or ((kind is float or kind is int or kind is Held) and "number" in accepts)
        ):
            statics.append("operand")
            operands.append(value)
        elif (value is None and "none" in accepts) if is_operand else (value is None or kind is int or kind is str):
            statics.append(value)
        else:
            return made(*args)
    try:
        nodes = []
        for value in operands:
            if isinstance(value, Tensor):
                cell = value._cell
                here = cell is not None and cell.trace is trace and not value._path
                nodes.append(cell.node if here else trace.node_of(value))
            else:
                nodes.append(trace.number(value))
        return made.stepped(trace, tuple(nodes), tuple(statics), args, operands)
    except CaptureError as error:
        trace.leave(error)
        return made(*args)


def way_in(made: Any) -> Callable[..., Any]:
    """The way in: plain eager calls of what is known run here, everything else in Function.__call__."""
    table, operand_flags, arity = made.bound, made.operand, len(made.parameters)
    defaults = [parameter.default for parameter in made.parameters]
    required = sum(default is inspect.Parameter.empty for default in defaults)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = len(args)
        if kwargs or not required <= given <= arity:
            return made(*args, **kwargs)
        if given < arity:
            args = (*args, *defaults[given:])
        if STATE.detour:
            return _in_trace(made, STATE.trace, args) if STATE.autocast is None is not STATE.trace else made(*args)
        key: list[Any] = []
        operands: list[Any] = []
        pointers: list[Any] = []
        recorded = False
        for value, is_operand in zip(args, operand_flags, strict=True):
            kind = value.__class__
            if isinstance(value, Tensor):
                if value._requires_grad:
                    recorded = True
                key.append(value._spec)
                operands.append(value)
                pointers.append(value._ptr)
            elif is_operand and (kind is float or kind is int):
                key.append(kind)
                operands.append(value)
                pointers.append(value)
            elif kind is int or kind is str or value is None or kind is DType:
                key.append(value)
            else:
                return made(*args)
        found = table.get(tuple(key))
        if found is None or found[0].form is not None:
            return made(*args)
        if recorded and STATE.grad_enabled:
            return run_graph(found[0].graph, made.name, operands, found[0].runner)[0]
        bound = found[1]
        if bound is None or not bound.specs:
            return made(*args)
        buffer = allocate(bound.nbytes[0])
        status = bound.call(*pointers, buffer.ptr)
        if status is not None:
            return made(*args)
        return make(buffer, bound.specs[0])

    return call
