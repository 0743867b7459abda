"""Functions of tensors as graphs that transforms take as wholes: traced once, whatever they close over passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from brasa._state import STATE
from brasa.autograd.modes import enable_grad
from brasa.functions.control_flow import name_of, record, shown
from brasa.ir.errors import ArgumentError, BrasaError, ValueError
from brasa.ir.graph import Graph, Node
from brasa.ir.ops import control
from brasa.ir.types import TensorType
from brasa.tensors.inplace import overwrite
from brasa.tensors.structure import outline, rebuilt, tensors_in
from brasa.tensors.tensor import Tensor, type_text
from brasa.tracing.bodies import Body, interned, run_nested
from brasa.tracing.cell import Cell
from brasa.tracing.places import user_location
from brasa.tracing.trace import Trace, tracing

Randomness: TypeAlias = Literal["error", "same", "different"]


class Whole(Body):
    """The trace of a function that a transform takes as a whole. Its random calls are those of the trace around it."""

    def __init__(self, outer: Trace, op: str, randomness: Randomness = "same") -> None:
        super().__init__(outer, op)
        self.randomness = randomness
        self.owners: dict[Cell, Tensor] = {}  # what lies outside, by what stands for its memory
        self.written: dict[Cell, dict[Tensor, bool]] = {}  # with tensors over it, and whether these wanted gradients

    def cell_of(self, tensor: Tensor) -> Cell:
        cell = super().cell_of(tensor)
        if tensor._cell is not cell and cell not in self.owners:
            self.owners[cell] = tensor
            self._check_alone(cell, self.written)
        return cell

    def write(self, tensor: Tensor, value: Node, aside: bool = False) -> None:
        """As in any trace; what is written to outside is written there when the function has been called."""
        cell = self.cell_of(tensor)
        if cell in self.owners:
            self._check_alone(cell, self.owners)
            seen = (each for each in (tensor, tensor._base, self.owners[cell]) if each is not None)
            self.written.setdefault(cell, {each: each._requires_grad for each in seen})
        elif cell in self._given:
            raise BrasaError("the function writes in place to what it is differentiated by", op=self.op,
                             hint="use the out-of-place form, or .clone() first")  # fmt: skip
        Trace.write(self, tensor, value, aside)

    def _check_alone(self, cell: Cell, others: Iterable[Cell]) -> None:
        """BrasaError where memory outside is seen through this cell and another one, and one of both is written."""
        memory = self.outer.cell_of(self.owners[cell])
        if any(other is not cell and self.outer.cell_of(self.owners[other]) is memory for other in others):
            raise BrasaError("memory is written that is read through another tensor", op=self.op,
                             hint="use .clone() first")  # fmt: skip

    def check_written(self) -> None:
        """BrasaError where something with a gradient has been written to outside."""
        before = [pair for each in self.written.values() for pair in each.items()]
        changed = [tensor for tensor, wanted in before if tensor._requires_grad and not wanted]
        for tensor in changed:
            tensor._requires_grad = False
        if changed:
            raise BrasaError("what the function writes to a tensor outside of it has a gradient", op=self.op,
                             hint="detach() it first")  # fmt: skip

    def draw(self, generator: Any) -> tuple[int, Any]:
        self._check_random()
        with tracing(self.outer):
            return self.outer.draw(generator)

    def draw_many(self, generator: Any, calls: int) -> Node:
        self._check_random()
        with tracing(self.outer):
            return self.bring(self.outer.draw_many(generator, calls))

    def note_drawn(self, generator: Any, now: Tensor, calls: int) -> None:
        if isinstance(self.outer, Whole):
            self.outer.note_drawn(generator, now, calls)
        elif isinstance(self.outer, Body):
            raise BrasaError(f"random numbers are drawn at {user_location()} in a loop inside of another loop",
                             op=self.op, hint="draw them before, and pass them in")  # fmt: skip

    def _check_random(self) -> None:
        if self.randomness == "error":
            raise BrasaError(f"random numbers are drawn at {user_location()}, the same ones for all samples or not",
                             op=self.op, hint="say so with randomness='same' or randomness='different'")  # fmt: skip


class Traced(NamedTuple):
    """A function as a graph of its arguments and of what it reads from outside.

    outside: these, in the trace around. result: what the function gave, with tensors of its own trace, whose values are
    the graph's first outputs. written: tensors outside, whose new values are the others. captures: whether gradients by
    what is outside are wanted.
    """

    graph: Graph
    outside: tuple[Node, ...]
    result: Any
    written: tuple[Tensor, ...]
    captures: bool

    def results(self, trace: Trace, arguments: Sequence[Tensor]) -> Any:
        """What the function gives for these arguments, in its own form; what it writes is written."""
        nodes = [*map(trace.node_of, arguments), *self.outside]
        made = called(trace, self.graph, nodes, self.flags(arguments))
        for target, value in zip(self.written, made[len(made) - len(self.written) :], strict=True):
            overwrite(target, value, "write")
        return rebuilt(self.result, made)

    def flags(self, arguments: Sequence[Tensor]) -> list[bool]:
        """Whether each output wants gradients, when it has been computed of these."""
        wants = self.captures or any_wants(arguments)
        own = [wants and tensor._requires_grad for tensor in tensors_in(self.result)]
        return [*own, *(False for _ in self.written)]


def trace_whole(
    trace: Trace, op: str, function: Callable[..., Any], make: Callable[[Whole, list[Tensor]], Any],
    arguments: Sequence[Argument], randomness: Randomness = "same",
) -> Traced:  # fmt: skip
    """What `make` does with a trace and the function's arguments in it, as a graph.

    Tensors in the result, in any form, are the outputs.
    """
    body = Whole(trace, op, randomness)
    inside = [body.argument(f"x{i}", each.type, each.wants) for i, each in enumerate(arguments)]
    inputs = [body.node_of(tensor) for tensor in inside]
    body.owners = {
        body.cell_of(tensor): each.owner
        for tensor, each in zip(inside, arguments, strict=True) if each.owner is not None
    }  # fmt: skip
    with tracing(body), enable_grad():
        result = make(body, inside)
    body.check_written()
    outputs = [body.node_of(tensor) for tensor in tensors_in(result)]
    graph, outside = body.graph(name_of(function), inputs, [*outputs, *(cell.node for cell in body.written)])
    written = tuple(body.owners[cell] for cell in body.written)
    body.owners.clear()  # the trace refers to itself: it would keep their memory until garbage is collected
    return Traced(graph, outside, result, written, body.differentiable)


class Argument(NamedTuple):
    """An argument of trace_whole. wants: whether gradients by it are wanted. owner: what is written when it is."""

    type: TensorType
    wants: bool
    owner: Tensor | None = None


def by_tensors(trace: Trace, tensors: Sequence[Tensor]) -> list[Argument]:
    """The arguments of trace_whole for tensors by which the transform differentiates."""
    return [Argument(trace.node_of(each).tensor, True) for each in tensors]


def any_wants(values: Sequence[Any]) -> bool:
    """Whether gradients by any of these tensors or numbers are wanted."""
    return any(isinstance(value, Tensor) and value._requires_grad for value in values)


def called(trace: Trace, graph: Graph, operands: Sequence[Node], wants: Sequence[bool]) -> list[Tensor]:
    """The results of a graph in the trace. wants: whether gradients of each are wanted."""
    if not graph.outputs:
        return []
    results = record(trace, control.call, tuple(operands), graph=graph)
    if not STATE.grad_enabled:
        results = tuple(
            trace.apply(control.stop_gradient, node) if each else node
            for node, each in zip(results, wants, strict=True)
        )
    return [
        trace.fresh(node, each and STATE.grad_enabled and node.tensor.dtype.kind in ("float", "complex"))
        for node, each in zip(results, wants, strict=True)
    ]


# The results of a derived graph, in a form, for operands after those that it keeps.
Derived: TypeAlias = Callable[[Any, Sequence[Tensor]], Any]


def _derived(trace: Trace, op: str, graph: Graph, traced: Traced, arguments: Sequence[Tensor]) -> Derived:
    """A graph derived from a function's, at the arguments that the function had; it may be called in any trace."""
    captures = traced.captures
    kept = [*map(trace.value_of, map(trace.node_of, arguments)), *map(trace.value_of, traced.outside)]

    def call(form: Any, further: Sequence[Tensor]) -> Any:
        def build(trace: Trace) -> Any:
            values = [*kept, *further]
            operands = [trace.node_of(each) if isinstance(each, Tensor) else trace.number(each) for each in values]
            wants = captures or any_wants(values)
            return rebuilt(form, called(trace, graph, operands, [wants] * len(graph.outputs)))

        return run_nested(op, build)

    return call


def derived_of(
    op: str, func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool,
    derive: Callable[[Graph, tuple[bool, ...]], Graph],
) -> tuple[Any, Derived, Any]:  # fmt: skip
    """(result, what `derive` makes of the graph and of which of its inputs are primals, aux)."""
    given = differentiable(primals, op, "primals")
    derived: list[Derived] = []

    def build(trace: Trace) -> Any:
        def make(_: Whole, inside: list[Tensor]) -> Any:
            result, aux = with_aux(func(*rebuilt(primals, inside)), has_aux, op)
            only_tensors(result, op, "results")
            return result, aux

        traced = trace_whole(trace, op, func, make, by_tensors(trace, given))
        whole, count = traced.graph, len([*tensors_in(traced.result[0])])
        graph = interned(Graph(whole.name, whole.inputs, whole.nodes, whole.outputs[:count]))
        wanted = tuple(number < len(given) for number in range(len(whole.inputs)))
        derived.append(_derived(trace, op, derive(graph, wanted), traced, given))
        return traced.results(trace, given)

    result, aux = run_nested(op, build)
    return result, derived[0], aux


def with_aux(result: Any, has_aux: bool, op: str) -> tuple[Any, Any]:
    """(result, auxiliary result) of a function that gives both, or the first alone."""
    if not has_aux:
        return result, ()
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(f"with has_aux the function returns (result, aux), not {outline(result)}", op=op)
    return result


def only_tensors(value: Any, op: str, what: str) -> list[Tensor]:
    """The tensors in a value that may hold nothing else."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list | dict):
        parts = value.values() if isinstance(value, dict) else value
        return [tensor for part in parts for tensor in only_tensors(part, op, what)]
    raise ArgumentError(f"{what} must be tensors, not {type(value).__name__}", op=op)


def differentiable(value: Any, op: str, what: str) -> list[Tensor]:
    """The tensors in a value by which one can differentiate."""
    found = only_tensors(value, op, what)
    for tensor in found:
        if tensor.dtype.kind not in ("float", "complex"):
            raise ValueError(f"{what} must be floats, not {tensor.dtype.name}", op=op)
    if not found:
        raise ArgumentError(f"{what} hold no tensor", op=op)
    return found


def check_like(found: Any, wanted: Any, names: tuple[str, str], op: str) -> list[Tensor]:
    """The tensors in a value, which must have the form, shapes and dtypes of another; ValueError if it has not."""
    tensors = only_tensors(found, op, names[0])
    if outline(found) != outline(wanted):
        raise ValueError(f"{names[0]} {outline(found)} have another form than {names[1]} {outline(wanted)}", op=op)
    for one, other in zip(tensors, tensors_in(wanted), strict=True):
        if tuple(one.shape) != tuple(other.shape) or one.dtype is not other.dtype:
            raise ValueError(f"{names[0]} have {in_numbers(one)} where {names[1]} have {in_numbers(other)}", op=op)
    return tensors


def in_numbers(tensor: Tensor) -> str:
    """A tensor's type as errors say it: with sizes as they are at this call."""
    if tensor._cell is None:
        return type_text(tensor)
    trace = tensor._cell.trace
    return shown(trace, trace.node_of(tensor).tensor)
