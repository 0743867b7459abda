"""A user's function as a graph that a loop or a branch holds: traced once, whatever it closes over passed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary, ref

from brasa._state import STATE
from brasa.autograd.engine import seed_of
from brasa.execution.tape import run_graph
from brasa.ir import dim
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph, Node, located, topological
from brasa.ir.ops import control
from brasa.ir.ops.elementwise import add
from brasa.ir.ops.source import full, make_input
from brasa.ir.sizes import substitute_graph, used_symbols
from brasa.ir.types import TensorType
from brasa.random import Generator
from brasa.tensors.inplace import overwrite
from brasa.tensors.structure import rebuilt, tensors_in
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import Draw
from brasa.tracing.cell import Cell
from brasa.tracing.places import user_location
from brasa.tracing.trace import CaptureError, Trace, tracing

_RECENT = 512
_graphs: WeakValueDictionary[Any, Graph] = WeakValueDictionary()
_held: WeakKeyDictionary[Graph, ref[Graph]] = WeakKeyDictionary()  # the one graph for each that another one holds
_recent: dict[Graph, None] = {}
_lock = Lock()


def interned(graph: Graph) -> Graph:
    """The one graph with these nodes: functions that are traced anew for each call are known by what they compute.

    The last ones are kept, for what was derived from a graph is known by the graph.
    """
    with _lock:
        found = _graphs.setdefault(_form(graph), graph)
        _recent.pop(found, None)
        _recent[found] = None
        if len(_recent) > _RECENT:
            del _recent[next(iter(_recent))]
    return found


def _form(graph: Graph) -> tuple[Any, ...]:
    """All that a graph's text says, as what is equal for equal graphs."""
    number = {node: i for i, node in enumerate((*graph.inputs, *graph.nodes))}
    nodes = tuple(
        (node.op.name, tuple([number[operand] for operand in node.operands]), node.type, node.where,
         tuple([(key, _exact(value)) for key, value in node.attrs.items()]))
        for node in number
    )  # fmt: skip
    return graph.name, len(graph.inputs), nodes, tuple([number[node] for node in graph.outputs]), graph.updates


def _exact(value: Any) -> Any:
    """An attribute as what is equal for the same value alone: 0 is not False, nor 0.0, nor -0.0."""
    kind = value.__class__
    if kind is Graph:
        if value not in _held:
            _held[value] = ref(_graphs.setdefault(_form(value), value))
        return _held[value]() or value
    if kind is float or kind is bool or kind is complex:
        return kind, repr(value)
    return tuple(map(_exact, value)) if kind is tuple else value


class Operands(Trace):
    """What an eager call computes: a graph over the tensors and numbers that it meets, which are its operands."""

    of_user = True

    def __init__(self) -> None:
        super().__init__()
        self.scope.runs_anew = True
        self.values: list[Any] = []
        self.written: dict[Cell, Tensor] = {}
        self._cells: dict[int, Cell] = {}
        self._owners: dict[Cell, Tensor] = {}

    def location(self) -> str:
        return user_location()

    def adopt(self, tensor: Tensor) -> Node:
        return self.cell_of(tensor).node

    def cell_of(self, tensor: Tensor) -> Cell:
        if tensor._cell is not None:
            return super().cell_of(tensor)
        if id(tensor) not in self._cells:
            spec, number = tensor._spec, len(self.values)
            sizes = tuple(
                size if tensor._is_parameter else self.scope.name(f"s{number}_{axis}", size)
                for axis, size in enumerate(spec.shape)
            )
            node = make_input(f"x{number}", TensorType(sizes, spec.dtype, spec.device), strides=spec.marks)
            made = self._cells[id(tensor)] = Cell(self, self._operand(node, tensor))
            self._owners[made] = tensor
            self._check_alone(tensor, self.written.values())
        return self._cells[id(tensor)]

    def write(self, tensor: Tensor, value: Node, aside: bool = False) -> None:
        cell = self.cell_of(tensor)
        super().write(tensor, value, aside)
        owner = self._owners.get(cell)
        if owner is not None:
            self._check_alone(owner, self._owners.values())
            self.written[cell] = owner

    def forget(self) -> None:
        """Let go of the operands: a trace refers to itself, and would keep them until garbage is collected."""
        for table in (self.values, self.written, self._owners, self._cells):
            table.clear()

    @staticmethod
    def _check_alone(tensor: Tensor, others: Iterable[Tensor]) -> None:
        """BrasaError where the memory of a tensor is that of another one, and one of both is written."""
        if any(other is not tensor and other._buffer is tensor._buffer for other in others):
            raise BrasaError("memory is written that is read through another tensor", hint="use .clone() first")

    def value_of(self, node: Node) -> Any:
        return self.values[self.inputs.index(node)] if node in self.inputs else super().value_of(node)

    def number(self, value: bool | int | float | complex) -> Node:
        if isinstance(value, bool | complex):
            return super().number(value)
        whole = isinstance(value, int)
        node = make_input(f"x{len(self.values)}", TensorType((), int64 if whole else float64), role="number")
        return self._operand(node, int(value) if whole else float(value))

    def _operand(self, node: Node, value: Any) -> Node:
        self.inputs.append(node)
        self.values.append(value)
        return node


class Body(Trace):
    """The trace of a function that a loop or a branch of `outer` will run, in the sizes of `outer`.

    Tensors and numbers from outside become inputs. given: what is passed from step to step, by its cells; nothing may
    be written to it.
    """

    of_user = True

    def __init__(self, outer: Trace, op: str) -> None:
        super().__init__()
        self.outer, self.op, self.scope = outer, op, outer.scope
        self.brought: dict[Node, Node] = {}  # nodes of the outer trace with the inputs that stand for them
        self.differentiable = False
        self.random: dict[Generator, RandomCalls] = {}
        self._cells: dict[Node, Cell] = {}
        self._given: set[Cell] = set()

    def location(self) -> str:
        return self.outer.location()

    # values from outside

    def argument(self, name: str, type: TensorType, requires_grad: bool = False) -> Tensor:
        """A value that the loop or branch passes to the function."""
        tensor = self.input(name, type, where=self.location())
        tensor._requires_grad = requires_grad
        self._given.add(self.cell_of(tensor))
        return tensor

    def bring(self, node: Node) -> Node:
        """The input that stands for a node of the outer trace."""
        if node not in self.brought:
            self.brought[node] = make_input(f"k{len(self.brought)}", node.tensor, where=node.where)
        return self.brought[node]

    def adopt(self, tensor: Tensor) -> Node:
        return self.cell_of(tensor).node

    def cell_of(self, tensor: Tensor) -> Cell:
        cell = tensor._cell
        if cell is not None and cell.trace is self:
            return cell
        self.differentiable |= tensor._requires_grad
        node = self.outer.node_of(tensor)
        if node not in self._cells:
            made = self._cells[node] = Cell(self, self.bring(self.outer.narrowed(node)))
            self._given.add(made)
        return self._cells[node]

    def number(self, value: bool | int | float | complex) -> Node:
        if isinstance(value, bool | complex):
            return super().number(value)
        return self.bring(self.outer.number(value))

    def giver(self, name: str) -> Node | None:
        found = super().giver(name)
        if found is None and (outside := self.outer.giver(name)) is not None:
            return self.bring(outside)
        return found

    def write(self, tensor: Tensor, value: Node, aside: bool = False) -> None:
        if self.cell_of(tensor) in self._given:
            raise BrasaError("the function writes in place to a tensor that it was given or that lies outside it",
                             op=self.op, hint="use the out-of-place form, or .clone() first")  # fmt: skip
        super().write(tensor, value, aside)

    def leave(self, error: CaptureError) -> None:
        raise error

    def look(self, tensor: Tensor) -> None:
        self.outer.look(tensor)

    def materialize(self, tensor: Tensor) -> None:
        raise BrasaError(f"the function asks for a value at {user_location()}, but it is traced once, without values",
                         op=self.op, hint="choose with brasa.where or brasa.cond")  # fmt: skip

    def backward(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Any, keep: bool, create_graph: bool
    ) -> None:
        raise BrasaError(f"the function calls backward() at {user_location()}, which writes to .grad", op=self.op,
                         hint="brasa.autograd.grad gives gradients as values")  # fmt: skip

    def grad(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Sequence[Tensor], create_graph: bool
    ) -> Any:
        seeds = [self.node_of(seed_of(root, weight, "grad")) for root, weight in zip(roots, weights, strict=True)]
        nodes, wanted = ([self.node_of(tensor) for tensor in tensors] for tensors in (roots, inputs))
        made = self.record(control.gradient(*nodes, *seeds, *wanted, outputs=len(nodes)))
        return tuple(self.fresh(node, create_graph) for node in self.items(made))

    # random numbers

    def draw(self, generator: Generator) -> tuple[int, Any]:
        """As the outer trace, but the number of the call is carried from step to step."""
        if self.op not in ("scan", "map"):
            raise BrasaError(f"random numbers cannot be drawn at {user_location()}: how many would depend on values",
                             op=self.op, hint="draw them before, and pass them in")  # fmt: skip
        return Draw(generator.seed_value, generator, "seed", 0), self.calls_of(generator).next()

    def draw_many(self, generator: Generator, calls: int) -> Node:
        return self.node_of(self.calls_of(generator).now)

    def note_drawn(self, generator: Generator, now: Tensor, calls: int) -> None:
        self.calls_of(generator).pass_to(now, calls)

    def calls_of(self, generator: Generator) -> RandomCalls:
        """The calls of one generator."""
        if generator not in self.random:
            self.random[generator] = RandomCalls(self, len(self.random))
        return self.random[generator]

    # the end

    def graph(self, name: str, inputs: Sequence[Node], outputs: Sequence[Node]) -> tuple[Graph, tuple[Node, ...]]:
        """The function's graph over these inputs and what it reads from outside; and that, in the outer trace.

        Names of sizes that no input tells are told by a further input, to which no gradient comes, or become the
        numbers that they are.
        """
        self.outer.seeds_used |= self.seeds_used
        needed = set(topological(outputs, (*inputs, *self.brought.values())))
        nodes = [node for node in self.nodes if node in needed]
        read = {*outputs, *(operand for node in nodes for operand in node.operands)}
        captured = [node for node, inside in self.brought.items() if inside in read]
        moving = {*outputs, *(x for node in nodes if node.op is not control.stop_gradient for x in node.operands)}
        cut = [node for node in captured if self.brought[node] not in moving]
        while True:
            formal = (*inputs, *(self.brought[node] for node in captured))
            graph = substitute_graph(Graph(name, formal, tuple(nodes), tuple(outputs)), self.scope.known)
            told = {str(size) for node in graph.inputs for size in node.tensor.shape}
            untold = sorted(used_symbols((*graph.inputs, *graph.nodes)) - told)
            if not untold:
                stopped = {node: self.outer.apply(control.stop_gradient, node) for node in cut}
                return interned(graph), tuple([stopped.get(node, node) for node in captured])
            giver = self.outer.giver(untold[0])
            if giver is None or giver in captured:
                self.scope.fix(dim.symbol(untold[0]))
            else:
                self.bring(giver)
                captured.append(giver)
                cut.append(giver)


class RandomCalls:
    """The random calls of one generator in a body: their number is carried. count: of the calls in one step."""

    def __init__(self, body: Body, index: int) -> None:
        self.body, self.count = body, 0
        self.start = self.now = body.argument(f"call{index}", TensorType((), int64))

    def next(self) -> Tensor:
        """The number of the next call."""
        call, body = self.now, self.body
        one = body.record(full(TensorType((), int64), 1))
        self.pass_to(body.fresh(body.apply(add, body.node_of(call), one)), 1)
        return call

    def pass_to(self, now: Tensor, calls: int) -> None:
        """Go on with that number, after so many calls."""
        self.now, self.count = now, self.count + calls


def run_nested(name: str, build: Callable[[Trace], Any]) -> Any:
    """What `build` makes in the present trace; in eager mode its graph is run on the tensors that it met.

    The result is tensors in any form that `structure` knows, and anything else beside them.
    """
    trace = STATE.trace
    if trace is not None:
        try:
            with located(""):  # what is recorded in the function says its own place
                return build(trace)
        except CaptureError as error:
            trace.leave(error)
    operands = Operands()
    try:
        with tracing(operands), located(""):
            made = build(operands)
    except CaptureError as error:
        error.op = error.op or name
        raise
    tensors, written = [*tensors_in(made)], operands.written
    nodes = [*map(operands.node_of, tensors), *(cell.node for cell in written)]
    graph = interned(operands.finish(name, nodes))
    results = run_graph(graph, name, operands.values)
    for tensor, result in zip(tensors, results, strict=False):
        if not tensor._requires_grad:
            result._requires_grad, result._edge = False, None
    for target, result in zip(written.values(), results[len(tensors) :], strict=True):
        overwrite(target, result, name)
    operands.forget()
    return rebuilt(made, results)
