"""The way into functions of tensors: common calls of what is known run here, all others in Function.__call__."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from sys import getrefcount
from typing import Any, TypeAlias

from brasa._state import BUSY, DEFAULTS, EVERYTHING, STATE, detour, trace_at_hand
from brasa.execution.runner import Bound
from brasa.execution.tape import GradientPlan, plan_for, run_graph
from brasa.ir.dtype import DType
from brasa.runtime import allocate
from brasa.tensors.tensor import Tensor, make
from brasa.tracing.ahead import ABSENT
from brasa.tracing.arguments import freeze
from brasa.tracing.cell import Cell
from brasa.tracing.held import Held
from brasa.tracing.references import ALONE
from brasa.tracing.trace import CaptureError, Trace

# How calls run on the tape: the plan, the operands' specs, and the forward bound to these.
Plans: TypeAlias = dict[Any, tuple[GradientPlan, tuple[Any, ...], Bound]]

_FROZEN = (bool, float, tuple, list)  # what a signature holds in another form
_new: Any = object.__new__
_UNUSED = ALONE + 1  # references to a cell that no tensor has, where a call is repeated


def _in_trace(made: Any, trace: Trace, args: tuple[Any, ...]) -> Any:
    """A call in a trace."""
    try:
        statics, operands = made.all_operands, args
        if statics is not None:
            numbers = made.all_numbers
            for value in args:
                kind = value.__class__
                is_number = numbers and (kind is float or kind is int)
                if kind is not Tensor and not is_number and not isinstance(value, Tensor):
                    statics = None
                    break
        if statics is None:
            told_apart = _told_apart(made, args)
            if told_apart is None:
                return made(*args)
            statics, operands = told_apart
        nodes = []
        differentiable, weak = False, True
        for value in operands:
            kind = value.__class__
            if kind is float or kind is int or kind is Held:
                nodes.append(trace.number(value))
                continue
            cell = value._cell
            here = cell is not None and not value._path and cell.trace is trace
            nodes.append(cell.node if here else trace.node_of(value))
            if value._requires_grad:
                differentiable = True
            if not value._weak:
                weak = False
        return made.stepped(trace, tuple(nodes), statics, args, operands, differentiable, weak)
    except CaptureError as error:
        trace.leave(error)
        return made(*args)


def _told_apart(made: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """What is plain, and the tensors and numbers; None where there are other arguments."""
    statics: list[Any] = []
    operands: list[Any] = []
    for value, (is_operand, takes_numbers, takes_none) in zip(args, made.takes, strict=True):
        kind = value.__class__
        if not is_operand:
            if kind is bool or kind is float:
                statics.append((kind, value))
            elif kind is int or kind is str or value is None or (kind is tuple and _is_of_ints(value)):
                statics.append(value)
            else:
                return None
        elif isinstance(value, Tensor) or (takes_numbers and (kind is float or kind is int or kind is Held)):
            statics.append("operand")
            operands.append(value)
        elif takes_none and value is None:
            statics.append(None)
        else:
            return None
    return tuple(statics), tuple(operands)


def _is_of_ints(value: tuple[Any, ...]) -> bool:
    """Whether a tuple holds ints, and tuples of ints, alone."""
    return all(item.__class__ is int or (item.__class__ is tuple and _is_of_ints(item)) for item in value)


def way_in(made: Any) -> Callable[..., Any]:
    """The way in: plain eager calls of what is known run here, everything else in Function.__call__."""
    general = _general_way(made)
    if made.operand[:1] == (True,) and _required(made) <= 2:
        return _short_way(made, general, general)
    return lambda *args, **kwargs: general(args, kwargs)


def _required(made: Any) -> int:
    return sum(parameter.default is inspect.Parameter.empty for parameter in made.parameters)


def _tables() -> tuple[dict[Any, Bound], Plans]:
    """What will run off the tape and on it, until the default dtype changes."""
    bounds: dict[Any, Bound] = {}
    plans: Plans = {}
    DEFAULTS.dependents += [bounds, plans]
    return bounds, plans


def _short_way(made: Any, general: Callable[..., Any], others: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The way of calls with a tensor alone, or with one more tensor, number or static int; `others` take the rest.

    Its attribute `pair_way`, if the function takes two operands, makes the way of calls with these.
    """
    defaults = tuple(parameter.default for parameter in made.parameters)
    numbers = [flag and default is not None for flag, default in zip(made.operand, defaults, strict=True)]
    one, two = _required(made) <= 1 and not any(numbers[1:]), len(defaults) >= 2 and not any(numbers[2:])
    ways = partial(_pair_way, made, general)
    pair, takes_pairs = ways(lambda x, y: others((x, y), {})), two and made.operand[1]
    bounds, plans = _tables()  # by the tensor's spec, or by that and the static int

    def call(x: Any = ABSENT, y: Any = ABSENT, /, *more: Any, **kwargs: Any) -> Any:
        if kwargs or more or not (one if y is ABSENT else two) or not isinstance(x, Tensor):
            return others(() if x is ABSENT else (*_given(x, y), *more), kwargs)
        if trace_at_hand() is not None or BUSY or x._cell is not None or (takes_pairs and y is not ABSENT):
            return pair(x, y)
        key = x._spec
        if y is not ABSENT:
            if y.__class__ is not int:
                return others((x, y), kwargs)
            key = key, y
        if x._requires_grad and STATE.grad_enabled:
            known = plans.get(key)
            if known is None:
                args = _given(x, y)
                signature = x._spec, *args[1:], *made.frozen_defaults[len(args) :]
                return _recorded(made, general, args, signature, (True,), plans, key)
            return known[0].record_one(made.name, x, known[1], known[2])
        bound = bounds.get(key)
        if bound is None:
            return general(_given(x, y), kwargs, (bounds, key))
        buffer = allocate(bound.nbytes[0])
        if bound.call(x._ptr, buffer.ptr) is not None:
            return made(*_given(x, y))
        return make(buffer, bound.specs[0])

    call.short_way = partial(_short_way, made, general)  # type: ignore[attr-defined]
    if takes_pairs:
        call.pair_way = ways  # type: ignore[attr-defined]
    return call


def _given(x: Any, y: Any) -> tuple[Any, ...]:
    """The arguments that are there."""
    return (x,) if y is ABSENT else (x, y)


def _pair_way(made: Any, general: Callable[..., Any], others: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The way of calls with a tensor and one more or a number, in a trace also ABSENT; `others` take all else."""
    rest, name = made.frozen_defaults[2:], made.name
    bounds, plans = _tables()  # by the first one's spec and the other's, or its class; by that and who wants gradients

    def pair(x: Any, y: Any) -> Any:
        trace = EVERYTHING if BUSY else trace_at_hand() or (x._cell and EVERYTHING)
        if trace is not None:
            (function, x_node, x_grad, kind, y_node, y_grad, number, mode, dtype, forgets, step, node, grad, kept
             ) = trace.here.ahead  # fmt: skip
            if not (
                function is made and type(y) is kind and dtype is DEFAULTS.dtype
                and (mode is None or STATE.grad_enabled is mode)
                and (
                    STATE.trace is trace and trace.node_outside(x) is x_node and x._requires_grad is x_grad
                    and not x._weak if (cell := x._cell) is None
                    else cell.node is x_node and cell.plain is x_grad and cell.trace is trace
                )
                and (
                    number is not None or y is y_node or y == y_node if y_grad is None
                    else cell.node is y_node and cell.plain is y_grad and cell.trace is trace
                    if (cell := y._cell) is not None
                    else (seen := trace.adopted.get(id(y))) is not None and seen[3].node is y_node
                    and seen[2] is y._spec and seen[1] == y._ptr and seen[0] is y._buffer and y._requires_grad is y_grad
                )
            ):  # fmt: skip
                return _looked_up(made, general, others, x, y)
            if number is not None:
                trace.bindings[number] = y
            if forgets:
                trace.forget_tensors()
            trace.here, tensor = step, _new(Tensor)
            is_free = getrefcount(kept) == _UNUSED and kept.version == 0 and kept.plain is grad  # its tensor is gone
            cell = kept if is_free else Cell(trace, node, grad)
            cell.trace = trace
            tensor._buffer, tensor._cell, tensor._requires_grad = None, cell, grad
            trace.tensors.append(tensor)
            return tensor
        kind, first = y.__class__, x._requires_grad
        if kind is float or kind is int:
            key, operand, second = (x._spec, kind), y, False
        elif (kind is Tensor or isinstance(y, Tensor)) and y._cell is None:
            key, operand, second = (x._spec, y._spec), y._ptr, y._requires_grad
        else:
            return others(x, y)
        if (first or second) and STATE.grad_enabled:
            known = plans.get((key, first, second))
            if known is None:
                return _recorded(made, general, (x, y), (*key, *rest), (first, second), plans, (key, first, second))
            return known[0].record_pair(name, x, y, operand, known[1], known[2])
        bound = bounds.get(key)
        if bound is None:
            return general((x, y), {}, (bounds, key))
        buffer = allocate(bound.nbytes[0])
        if bound.call(x._ptr, operand, buffer.ptr) is not None:
            return made(x, y)
        return make(buffer, bound.specs[0])

    return pair


def _recorded(
    made: Any, general: Callable[..., Any], args: tuple[Any, ...], signature: tuple[Any, ...], wanted: tuple[bool, ...],
    plans: Plans, key: Any,
) -> Any:  # fmt: skip
    """A call that goes on the tape; the next one with the same key is known among the plans."""
    result = general(args, {})
    found = made.bound.get(signature)
    if found is not None and found[0].form is None and (plan := plan_for(found[0].graph, wanted)) is not None:
        specs = tuple([value._spec if isinstance(value, Tensor) else None for value in args[: len(wanted)]])
        plans[key] = plan, specs, plan.forward.bind(specs)
    return result


def _looked_up(made: Any, general: Callable[..., Any], others: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    """A call on a detour that is not known to come next; in a trace it is expected the next time."""
    kind, trace = y.__class__, detour()
    if y is not ABSENT and kind is not float and kind is not int and not isinstance(y, Tensor):
        return others(x, y)
    args = _given(x, y)
    if trace is None or trace is EVERYTHING:
        return general(args, {})
    start = trace.here
    result = general(args, {})
    trace.foresee(start, made, args, result)
    return result


def _general_way(made: Any) -> Callable[..., Any]:
    """The way of all calls. `note` is a table, and under which key to put what runs there."""
    table, operand_flags, arity = made.bound, made.operand, len(made.parameters)
    defaults, required = [parameter.default for parameter in made.parameters], _required(made)

    def general(args: tuple[Any, ...], kwargs: dict[str, Any], note: Any = None) -> Any:
        given = len(args)
        if kwargs:
            args = tuple(made.arrange(args, kwargs))
        elif not required <= given <= arity:
            return made(*args)
        elif given < arity:
            args = (*args, *defaults[given:])
        trace = detour() if BUSY or trace_at_hand() is not None else None
        if trace is not None:
            return made(*args) if trace is EVERYTHING else _in_trace(made, trace, args)
        key, operands, pointers, recorded = [], [], [], False
        for value, is_operand in zip(args, operand_flags, strict=True):
            kind = value.__class__
            if isinstance(value, Tensor) and value._cell is None:
                recorded = recorded or value._requires_grad
                key.append(value._spec)
                operands.append(value)
                pointers.append(value._ptr)
            elif is_operand and (kind is float or kind is int):
                key.append(kind)
                operands.append(value)
                pointers.append(value)
            elif kind is int or kind is str or value is None or kind is DType:
                key.append(value)
            elif not is_operand and kind in _FROZEN:
                key.append(freeze(value, made.name))
            elif is_operand and (kind is tuple or kind is list):
                key.append(len(value))
                for each in value:
                    if not isinstance(each, Tensor) or each._cell is not None:
                        return made(*args)
                    recorded = recorded or each._requires_grad
                    key.append(each._spec)
                    operands.append(each)
                    pointers.append(each._ptr)
            else:
                return made(*args)
        found = table.get(tuple(key))
        if found is None:
            return made(*args)
        (run, bound), form = found, found[0].form
        if recorded and STATE.grad_enabled:
            results = run_graph(run.graph, made.name, operands, run.runner)
            return results[0] if form is None else form(results)
        if bound is None or not bound.specs:
            return made(*args)
        if form is not None:
            return form(run.runner.execute(bound, operands))
        if note is not None:
            note[0][note[1]] = bound
        buffer = allocate(bound.nbytes[0])
        return make(buffer, bound.specs[0]) if bound.call(*pointers, buffer.ptr) is None else made(*args)

    return general
