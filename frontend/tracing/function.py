"""Functions of tensors: traced once per signature, compiled, and run at once in eager mode; one node in a trace."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from brasa._state import DEFAULTS, STATE
from brasa.execution.anomalies import watch_forward
from brasa.execution.runner import Bound, Runner
from brasa.execution.tape import run_graph
from brasa.ir.dim import Size
from brasa.ir.dtype import complex128, float64, int64
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.ir.graph import Graph, Node, located
from brasa.ir.ops.contract import matmul
from brasa.ir.types import TensorType
from brasa.passes.autodiff import is_end
from brasa.tensors.tensor import Tensor, note_weak, weak_complex
from brasa.tracing.arguments import (
    Operand,
    accepted_kinds,
    as_number,
    check_devices,
    freeze,
    in_numbers,
    needs_gradients,
    number_operand,
    parameters_of,
    takes_tensors,
)  # fmt: skip
from brasa.tracing.entry import way_in
from brasa.tracing.recording import record_call
from brasa.tracing.sizes import Guard
from brasa.tracing.trace import CaptureError, Trace, tracing

_C = TypeVar("_C", bound=Callable[..., Any])
_FLAGS = (bool, np.bool_)  # numbers that are part of a signature


class Specialization:
    """One traced form of a function: its graph, and the guards on sizes under which it is right."""

    def __init__(self, name: str, graph: Graph, guards: tuple[Guard, ...], form: Any) -> None:
        self.name, self.graph, self.guards, self.form = name, graph, guards, form

    @functools.cached_property
    def runner(self) -> Runner:
        """What runs it eagerly."""
        return Runner(self.graph)

    @functools.cached_property
    def minds_layout(self) -> bool:
        """Whether there is a product in it, whose order of summation follows from where its operands lie."""
        return _has_product(self.graph)

    @functools.cached_property
    def ends(self) -> tuple[bool, ...]:
        """Of each result, whether it can have a gradient."""
        return tuple(map(is_end, self.graph.outputs))

    def fits(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether the guards hold for operands of these shapes."""
        if not self.guards:
            return True
        sizes = {f"x{i}_{axis}": size for i, shape in enumerate(shapes) for axis, size in enumerate(shape)}
        return all(guard.check(sizes) for guard in self.guards)


def _has_product(graph: Graph) -> bool:
    held = (value for node in graph.nodes for value in node.attrs.values() if isinstance(value, Graph))
    return any(node.op is matmul for node in graph.nodes) or any(map(_has_product, held))


class Function:
    """A Python function over tensors. See `function`."""

    guarded: Callable[..., Any] | None = None  # the function on the operands that autocast gives it

    def __init__(self, build: Callable[..., Any], inline: bool, fixed: tuple[str, ...]) -> None:
        self.name = build.__name__.strip("_")
        self.build, self.inline = build, inline
        self.parameters = parameters_of(build)
        self.frozen_defaults = tuple(freeze(parameter.default, self.name) for parameter in self.parameters)
        self.operand = tuple(takes_tensors(parameter.annotation) for parameter in self.parameters)
        self.accepts = tuple(accepted_kinds(parameter.annotation) for parameter in self.parameters)
        self.takes = tuple(
            (flag, "number" in kinds, "none" in kinds) for flag, kinds in zip(self.operand, self.accepts, strict=True)
        )
        self.all_numbers = all("number" in kinds and "none" not in kinds for kinds in self.accepts)
        self.all_operands = ("operand",) * len(self.operand) if all(self.operand) else None
        self.fixed, self.has_fixed = tuple(parameter.name in fixed for parameter in self.parameters), bool(fixed)
        self.specializations: dict[tuple[Any, ...], list[Specialization]] = {}
        self.bound: dict[tuple[Any, ...], tuple[Specialization, Bound | None]] = {}
        DEFAULTS.dependents += [self.specializations, self.bound]
        self._orders: dict[tuple[int, tuple[str, ...]], list[Any]] = {}

    # arguments

    def arrange(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """All arguments in the order of the parameters, defaults filled in."""
        shape = (len(args), tuple(kwargs))
        order = self._orders.get(shape)
        if order is None:
            try:
                bound = inspect.signature(self.build).bind(*args, **kwargs)
            except TypeError as error:
                raise ArgumentError(str(error), op=self.name) from None
            given = list(bound.arguments)
            order = self._orders[shape] = [
                i if i < len(args) else p.name if p.name in given else p for i, p in enumerate(self.parameters)
            ]
        return [args[key] if type(key) is int else kwargs[key] if type(key) is str else key.default for key in order]

    def signature(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """(key, operands): the key holds an eager operand's spec or a number's kind, and every static value."""
        key: list[Any] = []
        operands: list[Any] = []
        for value, is_operand, accepts, parameter in zip(
            values, self.operand, self.accepts, self.parameters, strict=True
        ):
            kind = value.__class__
            if not is_operand:
                key.append(
                    value if kind is str or value is None else (kind, value) if kind is bool
                    else freeze(value, self.name)
                )  # fmt: skip
            elif kind is float and "number" in accepts:
                key.append(kind)
                operands.append(value)
            elif isinstance(value, Tensor):
                key.append(value._spec if value._cell is None else None)
                operands.append(value)
            elif value is None and "none" in accepts:
                key.append(None)
            elif isinstance(value, list | tuple) and "sequence" in accepts:
                key.append(len(value))
                for item in value:
                    if not isinstance(item, Tensor):
                        raise ArgumentError(f"expected tensors, found {type(item).__name__}", op=self.name)
                    key.append(item._spec if item._cell is None else None)
                    operands.append(item)
            elif "number" in accepts:
                number = as_number(value, self.name)
                key.append(number if number.__class__ is bool else number.__class__)
                if number.__class__ is complex and STATE.trace is None:
                    number = weak_complex(number)
                operands += [] if number.__class__ is bool else [number]
            else:
                raise ArgumentError(f"{parameter.name} must be a tensor, not {type(value).__name__}", op=self.name)
        return key, operands

    # eager

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Any call: arguments in any form, eager or traced, with or without gradients."""
        if self.guarded is not None and STATE.autocast is not None:
            return self.guarded(*args, **kwargs)
        values = args if not kwargs and len(args) == len(self.parameters) else self.arrange(args, kwargs)
        key, operands = self.signature(values)
        trace = STATE.trace
        if trace is not None:
            try:
                return self._traced(trace, values, operands)
            except CaptureError as error:
                trace.leave(error)
                key, operands = self.signature(values)
        found = self.bound.get(tuple(key))
        if found is None or (found[1] is None and not _recorded(operands)):
            found = self._bind(tuple(key), values, operands)
        outputs = run_graph(found[0].graph, self.name, operands, found[0].runner)
        if STATE.anomaly is not None:
            watch_forward(self.name, operands, outputs, STATE.anomaly)
        return outputs[0] if found[0].form is None else found[0].form(outputs)

    def _bind(
        self, key: tuple[Any, ...], values: Sequence[Any], operands: list[Any]
    ) -> tuple[Specialization, Bound | None]:
        """The specialization; its executable only if no gradient is wanted, for the tape has executables of its own."""
        tensors = [operand for operand in operands if isinstance(operand, Tensor)]
        if any(tensor._cell is not None for tensor in tensors):
            raise BrasaError("a tensor of a trace was used after the trace had ended", op=self.name)
        check_devices(self.name, {tensor._spec.device for tensor in tensors})
        shapes = [tuple(o._spec.shape) if isinstance(o, Tensor) else () for o in operands]
        described = [self._operand(o, values) if isinstance(o, Tensor) else number_operand(o) for o in operands]
        specialization = self.specialize(self._statics(values), values, described, shapes)
        specs = tuple(o._spec if isinstance(o, Tensor) else None for o in operands)
        bound = None if _recorded(operands) else specialization.runner.bind(specs)
        found = self.bound[key] = (specialization, bound)
        return found

    def _operand(self, tensor: Tensor, values: Sequence[Any]) -> Operand:
        spec = tensor._spec
        shape = tuple(spec.shape) if self.is_fixed(values, tensor) else None
        return Operand(spec.dtype, spec.rank, spec.marks, spec.device, shape, tensor._weak)

    # specialization

    def _statics(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """What a trace holds of each argument besides operands: plain values, how many tensors there are in a list."""
        return tuple([
            freeze(value, self.name) if not is_operand or value is None or isinstance(value, _FLAGS)
            else len(value) if isinstance(value, list | tuple) else "operand"
            for value, is_operand in zip(values, self.operand, strict=True)
        ])  # fmt: skip

    def specialize(
        self, statics: tuple[Any, ...], values: Sequence[Any], operands: Sequence[Operand],
        shapes: Sequence[tuple[int, ...]],
    ) -> Specialization:  # fmt: skip
        """The traced form for these operands, at these sizes."""
        known = self.specializations.setdefault((statics, tuple(operands)), [])
        for candidate in known:
            if candidate.fits(shapes):
                return candidate
        try:
            made = self._trace_build(values, operands, shapes)
        except BrasaError:
            concrete = [operand._replace(shape=shape) for operand, shape in zip(operands, shapes, strict=True)]
            self._trace_build(values, concrete, shapes)  # the same error, said in numbers
            raise
        known.append(made)
        return made

    def _trace_build(
        self, values: Sequence[Any], operands: Sequence[Operand], shapes: Sequence[tuple[int, ...]]
    ) -> Specialization:
        trace = Trace()
        described = enumerate(zip(operands, shapes, strict=True))
        inputs = iter([self._input(trace, i, operand, shape) for i, (operand, shape) in described])
        arguments = [
            value if not is_operand or value is None
            else bool(value) if isinstance(value, _FLAGS)
            else [next(inputs) for _ in value] if isinstance(value, list | tuple) else next(inputs)
            for value, is_operand in zip(values, self.operand, strict=True)
        ]  # fmt: skip
        try:
            with tracing(trace), located(""):
                result = self.build(*arguments)
        except BrasaError as error:
            error.op = self.name
            error.operands = tuple(operand.placed("", "") for operand in error.operands)
            raise
        several = isinstance(result, tuple)
        outputs = [trace.node_of(tensor) for tensor in (result if several else (result,))]
        graph = trace.finish(self.name, outputs)
        form = None if not several else type(result)._make if hasattr(result, "_make") else tuple
        return Specialization(self.name, graph, tuple(trace.scope.guards), form)

    @staticmethod
    def _input(trace: Trace, index: int, operand: Operand, shape: tuple[int, ...]) -> Tensor:
        known = operand.shape or (None,) * len(shape)
        sizes: tuple[Size, ...] = tuple(
            trace.scope.name(f"x{index}_{axis}", size, axis in operand.ones) if constant is None else constant
            for axis, (size, constant) in enumerate(zip(shape, known, strict=True))
        )
        type = TensorType(sizes, operand.dtype, operand.device)
        role = "number" if operand.number and not operand.dtype.is_complex else ""
        tensor = trace.input(f"x{index}", type, strides=operand.marks, role=role)
        tensor._weak = operand.number
        return tensor

    # in a trace

    def _traced(self, trace: Trace, values: Sequence[Any], operands: list[Any]) -> Any:
        nodes = tuple([trace.node_of(o) if isinstance(o, Tensor) else trace.number(o) for o in operands])
        values = values if self.inline else in_numbers(values, self.operand)  # its graph has sizes of its own
        tensors = [operand for operand in operands if isinstance(operand, Tensor)]
        differentiable, weak = any(t._requires_grad for t in tensors), all(t._weak for t in tensors)
        return self.stepped(trace, nodes, self._statics(values), values, operands, differentiable, weak)

    def stepped(
        self, trace: Trace, nodes: tuple[Node, ...], statics: tuple[Any, ...], values: Sequence[Any],
        operands: Sequence[Any], differentiable: bool, weak: bool,
    ) -> Any:  # fmt: skip
        """The results of a call in a trace, where these are the nodes of its operands and its other arguments.

        differentiable: whether one of the operands requires gradients; weak: whether all of them are numbers.
        """
        stops = differentiable and not STATE.grad_enabled
        key = (self, nodes, statics, DEFAULTS.dtype, stops)
        form, results = trace.known(key) or self._recorded(trace, key, values, operands)
        differentiable = differentiable and not stops
        if form is None:
            tensor = trace.fresh(results[0][0], differentiable and results[0][1])
            if weak:
                _note_weak((tensor,), results)
            return tensor
        tensors = [trace.fresh(node, differentiable and has_gradient) for node, has_gradient in results]
        if weak:
            _note_weak(tensors, results)
        return form(tensors)

    def _recorded(self, trace: Trace, key: tuple[Any, ...], values: Sequence[Any], operands: Sequence[Any]) -> Any:
        _, nodes, statics, _, stops = key
        return trace.step(key, lambda: record_call(self, trace, statics, values, operands, nodes, stops))

    def is_fixed(self, values: Sequence[Any], operand: Any) -> bool:
        """Whether the operand's sizes are constants of the compiled form."""
        return self.has_fixed and any(f and value is operand for value, f in zip(values, self.fixed, strict=True))


def _note_weak(tensors: Sequence[Tensor], results: Sequence[tuple[Node, bool]]) -> None:
    """Note that results of numbers alone are numbers again."""
    for tensor, (node, _) in zip(tensors, results, strict=True):
        if not node.tensor.shape and node.tensor.dtype in (float64, int64, complex128):
            note_weak(tensor)


def _recorded(operands: Sequence[Any]) -> bool:
    """Whether an eager call of these goes on the tape."""
    return STATE.grad_enabled and any(map(needs_gradients, operands))


def function(build: _C | None = None, *, inline: bool = False, fixed: tuple[str, ...] = ()) -> Any:
    """Make a compiled function of one that is written over tensors.

    Parameters annotated `Tensor`, `Number`, `float` or `Sequence[Tensor]` are operands: tensors, numbers (which are
    run-time values: no number is ever compiled in) or None. All others are static: each value has a form of its own.

    inline: leave no `call` node in traces; for functions that use each operand once.
    fixed: operands whose sizes are constants of the compiled form, as a layer's weight.
    """
    if build is None:
        return functools.partial(function, inline=inline, fixed=fixed)
    made = Function(build, inline, fixed)
    call = functools.wraps(build)(way_in(made))
    call.function = made  # type: ignore[attr-defined]
    return cast(_C, call)
