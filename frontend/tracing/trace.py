"""Traces: what a program does to tensors, recorded as nodes; writes and views become values on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from brasa._state import STATE, Nowhere, set_trace
from brasa.ir import dim
from brasa.ir.dtype import bool_, complex128, float64, int64
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph, Node, Op, topological
from brasa.ir.layout import Strides, is_row_major, is_view, strides_of
from brasa.ir.ops import control, move
from brasa.ir.ops.source import full, make_input
from brasa.ir.ops.writing import beside, written_through
from brasa.ir.sizes import substitute_graph, substitute_tensor
from brasa.ir.types import TensorType
from brasa.tensors.spec import Size
from brasa.tensors.tensor import Tensor, family_of, remember_view
from brasa.tracing.cell import Cell
from brasa.tracing.sizes import SizeScope, SymbolicSize, plain_size, python_size

_T = TypeVar("_T")
_new: Any = object.__new__
# From a function's results and their gradients to the gradients of its values.
Backward: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor | None]]


class CaptureError(BrasaError):
    """Something that a program cannot be captured through; from there on the call runs eagerly."""


class Trace:
    """A program being recorded into a graph; Python numbers become constants."""

    can_run = False  # whether values can be asked for while the program is recorded
    of_user = False  # whether what is recorded is a user's code as it runs, and no function's graph for all its users
    imagined = False  # whether values are made up: a backward is traced before there are gradients

    def __init__(self) -> None:
        self.scope = SizeScope()
        self.here: Any = Nowhere  # the step that was made last, where they are counted
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        self.leaves: dict[Node, Tensor] = {}
        self.origins: dict[Node, Node] = {}  # of values that were written aside, those that gradients see
        self.own_leaves: list[Tensor] = []  # those of the leaves that were made here
        self.renewed: dict[Node, Node] = {}  # values of leaves that were written, by those that took their place
        self.symbolic: set[int] = set()  # ids of tensors from outside whose sizes may be others next time
        self.generators: dict[Any, int] = {}  # random generators that were drawn from, and where they stood
        self.tensors: list[Tensor] | None = None  # all that were made here, if who traces wants to know
        self.forms: dict[Any, Any] = {}  # what was found out of calls of functions, see brasa.tracing.recording
        self.seeds_used = False  # whether the state of a generator was read or set
        self.picked: dict[Cell, list[Any]] = {}  # what a write brings on, of parts that tensors name
        self.parts: dict[Cell, Any] = {}  # such parts, by what stands for their values

    # values

    def input(self, name: str, type: TensorType, **facts: Any) -> Tensor:
        """A new input of the graph, as a tensor."""
        node = make_input(name, type, **facts)
        self.inputs.append(node)
        made = self.fresh(node)
        made._cell.marks = node.attrs.get("strides", ())
        return made

    def fresh(self, node: Node, requires_grad: bool = False) -> Tensor:
        """A tensor with memory of its own that holds the node's value."""
        tensor = _new(Tensor)
        tensor._buffer, tensor._cell, tensor._requires_grad = None, Cell(self, node, requires_grad), requires_grad
        if self.tensors is not None:
            self.tensors.append(tensor)
        return tensor

    def alias(self, cell: Cell, path: tuple[Any, ...], requires_grad: bool = False) -> Tensor:
        """A tensor over a cell, seen through views."""
        tensor = _new(Tensor)
        tensor._buffer, tensor._cell, tensor._requires_grad, tensor._path = None, cell, requires_grad, path
        cell.plain = None
        if self.tensors is not None:
            self.tensors.append(tensor)
        return tensor

    def node_of(self, tensor: Tensor) -> Node:
        """The node of the tensor's present value."""
        cell = tensor._cell
        if cell is None or cell.trace is not self:
            return self.adopt(tensor)
        if not tensor._path:
            return cell.node
        seen = tensor._seen
        if seen is None or seen[0] != cell.version:
            node = cell.node
            for op, attrs in tensor._path:
                node = self.apply(op, node, **attrs)
            seen = tensor._seen = (cell.version, node)
        return seen[1]

    def adopt(self, tensor: Tensor) -> Node:
        """The node of a tensor that was not made in this trace."""
        raise BrasaError("a function may only use the tensors that are passed to it")

    def open(self, tensor: Tensor) -> None:
        """Note that a tensor was made of what Python holds: at the next call it may have other sizes."""

    def value_of(self, node: Node) -> Any:
        """The value of a node as what it may be used as later, in a trace inside of this one or after it."""
        return self.fresh(node)

    def number(self, value: Any) -> Node:
        """The node of a Python number, which may be a size: a scalar of f64, i64, bool or c128."""
        if value.__class__ is SymbolicSize:
            size = plain_size(value)
            return self.step(("size", size), lambda: self.record(full(TensorType((), int64), size)))
        dtypes = {bool: bool_, int: int64, complex: complex128}
        return self.record(full(TensorType((), dtypes.get(type(value), float64)), value))

    def giver(self, name: str) -> Node | None:
        """A value from outside that has the named size as that of an axis, if there is one."""
        return next((node for node in self.inputs if self.tells(node, name)), None)

    def tells(self, node: Node, name: str) -> bool:
        """Whether an axis of the value has just this named size."""
        return any(str(self.scope.resolve(size)) == name for size in node.tensor.shape)

    def draw(self, generator: Any) -> tuple[int, Any]:
        """(seed, number of the call) of the next random call, as brasa.random has it."""
        return generator.draw()  # type: ignore[no-any-return]

    def draw_many(self, generator: Any, calls: int) -> Node:
        """The number of the first of so many random calls in a row."""
        return self.number(generator.draw(calls)[1])

    def held(self, table: dict[str, Any]) -> dict[str, Any]:
        """A table of numbers as an optimiser is given it, which hands them on to functions."""
        return table

    def schedule(self, schedule: Any, step: Callable[[], Any]) -> Any:
        """Let a schedule of learning rates make its step."""
        return step()

    def note_drawn(self, generator: Any, now: Tensor, calls: int) -> None:
        """So many random calls have been made in a loop, after which their number is `now`."""

    def leave(self, error: CaptureError) -> None:
        """Stop tracing where a program cannot be captured, so that the rest runs eagerly."""
        raise error

    def backward(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Any, keep: bool, create_graph: bool
    ) -> None:
        """backward() inside the program."""
        raise BrasaError("a function of tensors cannot call backward()")

    def grad(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Sequence[Tensor], create_graph: bool
    ) -> Any:
        """autograd.grad() inside the program."""
        raise BrasaError("a function of tensors cannot call grad()")

    def custom(
        self, results: Sequence[Tensor], values: Sequence[Tensor], backward: Backward, once: bool
    ) -> list[Tensor]:
        """The results, with gradients by the values that backward(results, their gradients) gives.

        It is traced at once: zeros stand for what it is given. once: those gradients have none.
        """
        if not self.of_user:
            raise BrasaError("a function of tensors cannot call an autograd.Function")
        nodes = tuple(map(self.node_of, results))
        stand_ins, seeds = ([self.fresh(self.record(full(node.tensor, 0))) for node in nodes] for _ in range(2))
        outer, self.imagined = self.imagined, True
        try:
            grads = backward(stand_ins, seeds)
        finally:
            self.imagined = outer
        pairs = [(value, grad) for value, grad in zip(values, grads, strict=True) if grad is not None]
        tensors = (*(value for value, _ in pairs), *stand_ins, *seeds, *(grad for _, grad in pairs))
        operands = (*nodes, *map(self.node_of, tensors))

        def make() -> tuple[Node, ...]:
            with dim.solving(self.scope):
                made = control.custom(*operands, outputs=len(nodes), values=len(pairs), once=once)
            return self.items(self.record(made))

        return [self.fresh(node, True) for node in self.step(("custom", operands, once), make)]

    # recording

    def location(self) -> str:
        """The user's line that new nodes belong to: none, because a function's graph is cached for all its users."""
        return ""

    def step(self, key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        """One step of the program, known by its key: a trace that has seen it before need not make it again."""
        return make()

    def known(self, key: tuple[Any, ...]) -> Any:
        """What the next step gives, if it is known to be the one with this key, and is then made; else None."""
        return None

    def foresee(self, start: Any, made: Any, args: tuple[Any, ...], result: Any) -> None:
        """Note at a step that this call of a function came next, and what it gave."""

    def node_outside(self, tensor: Tensor) -> Node | None:
        """The node of a tensor that was not made in this trace, if it has one already."""

    def record(self, node: Node) -> Node:
        """Add a node at the end of the program."""
        self.nodes.append(node)
        return node

    def apply(self, op: Op, *operands: Node, **attrs: Any) -> Node:
        """Apply an op to nodes."""
        return self.step((op, operands, tuple(attrs.items())), lambda: self._make(op, operands, attrs))

    def _make(self, op: Op, operands: tuple[Node, ...], attrs: dict[str, Any]) -> Node:
        with dim.solving(self.scope):
            return self.record(op(*operands, **attrs))

    def build(self, make: Callable[[], Node], operands: Sequence[Node]) -> Node:
        """Add a node that is written with several ops over the operands, after all that it needs."""
        with dim.solving(self.scope):
            made = make()
        self.nodes.extend(topological((made,), operands))
        return made

    def items(self, node: Node) -> tuple[Node, ...]:
        """All results of a node."""
        made = control.items(node)
        if made[0] is not node:
            self.nodes.extend(made)
        return made

    def narrowed(self, node: Node) -> Node:
        """The value in the sizes that those of its type are known to be equal to: its first elements, which are all."""
        narrower = self._narrower(node)
        return node if narrower is None else self.apply(move.slice_, node, **narrower)

    def _narrower(self, node: Node) -> dict[str, Any] | None:
        """How to slice a value to sizes that facts tell; None where they say what its type says."""
        if not self.scope.facts:
            return None
        shape, known = node.tensor.shape, self.scope.known
        sizes = tuple(map(self.scope.resolve, shape))
        if sizes == tuple(dim.substitute(size, known) for size in shape):
            return None
        return {"starts": (0,) * len(sizes), "sizes": sizes, "steps": (1,) * len(sizes)}

    def named_sizes(self, nodes: Sequence[Node]) -> dict[str, Any]:
        """What a function's graph calls the sizes of its operands, x0_0 and so on, where these nodes are passed."""
        return {
            f"x{i}_{axis}": self.scope.resolve(size)
            for i, node in enumerate(nodes) for axis, size in enumerate(node.tensor.shape)
        }  # fmt: skip

    # memory

    def view(self, tensor: Tensor, op: Op, **attrs: Any) -> Tensor:
        """A view of a traced tensor: it shares the cell, so writes through either are seen by both."""
        narrower = self._narrower(self.node_of(tensor))
        if narrower is not None and op is not move.slice_:
            tensor = self.view(tensor, move.slice_, **narrower)
        cell, seen = self.cell_of(tensor), self.apply(op, self.node_of(tensor), **attrs)  # gradients go through it
        made = self.alias(cell, (*tensor._path, (op, attrs)), tensor._requires_grad)
        made._seen = (cell.version, seen)
        if op is not control.stop_gradient:  # what is detached stays so, whatever is written to its memory
            root = made._base = tensor if tensor._base is None else tensor._base
            if STATE.grad_enabled:
                remember_view(root, made)
        return made

    def write(self, tensor: Tensor, value: Node, aside: bool = False) -> None:
        """Replace the tensor's value; what lies under a view is updated in the places that the view shows.

        aside: gradients do not see it; those of the value that is replaced go on.
        """
        cell = self.cell_of(tensor)
        old = cell.node
        if tensor._path:
            value = self._written(old, tensor._path, value)
        if aside and old in self.leaves:  # another value of the same leaf
            value = self.apply(control.stop_gradient, value)
            self.leaves[value], self.renewed[value] = self.leaves[old], old
        elif aside and cell.needs:
            value = self.aside(value, old)
        cell.node, cell.version, cell.plain = value, cell.version + 1, None
        self.leaves.update({self.node_of(leaf): leaf for leaf in self.own_leaves if leaf._cell is cell})

    def aside(self, value: Node, old: Node) -> Node:
        """The value, which gradients do not see: to them it is the old one."""
        made = self.step(("aside", value, old), lambda: self.build(lambda: beside(value, old), (value, old)))
        self.origins[made] = self.origins.get(old, old)
        return made

    def follow(self, target: Tensor) -> None:
        """Let all that shows the memory of a tensor that was written have gradients."""
        self.cell_of(target).needs = True
        for changed in family_of(target):
            changed._requires_grad = True

    def _written(self, whole: Node, path: tuple[Any, ...], value: Node) -> Node:
        """The whole after a write through views."""

        def make() -> Node:
            made = written_through(path, whole, value)
            if made is None:
                raise CaptureError("memory is written through a view that repeats some of it", op="in-place write",
                                   hint="use .clone() first")  # fmt: skip
            return made

        key = "written", whole, value, *((op, *attrs.items()) for op, attrs in path)
        return self.step(key, lambda: self.build(make, (whole, value)))

    def begin(self, cell: Cell) -> int:
        """How many elements lie before a cell in the memory that it is a part of."""
        return 0

    def outside(self, tensor: Tensor) -> Tensor | None:
        """The tensor as eager code has it, if its memory is from outside."""
        return None

    def cell_of(self, tensor: Tensor) -> Cell:
        """The cell of a tensor of this trace, or of one that it adopts."""
        if tensor._cell is None or tensor._cell.trace is not self:
            raise BrasaError("a function may only write to the tensors that are passed to it")
        return tensor._cell

    # what tensors ask

    def type_of(self, tensor: Tensor) -> TensorType:
        return substitute_tensor(self.node_of(tensor).tensor, self.scope.known)

    def shape_of(self, tensor: Tensor) -> Size:
        return Size([python_size(size, self.scope) for size in self.node_of(tensor).tensor.shape])

    def strides_of(self, tensor: Tensor) -> Strides:
        with dim.solving(self.scope):
            strides = strides_of(self.lying(self.node_of(tensor), tensor))
        return tuple(None if stride is None else self.scope.resolve(stride) for stride in strides)

    def lying(self, node: Node, value: Any) -> Node:
        """The value's node, or views that lie as it does where its memory does not lie as what was written there."""
        if not isinstance(value, Tensor):
            return node
        cell = self.memory_of(value)
        memory = self.parts[cell].lying if cell in self.parts else None
        if memory is None and cell.marks == cell.node.attrs.get("strides", ()) and not is_view(cell.node):
            return node
        memory = memory or make_input("memory", cell.node.tensor, strides=cell.marks)

        def over_memory(shown: Node) -> Node:
            return memory if shown is cell.node else shown.replace((over_memory(shown.operands[0]),))

        return over_memory(node)

    def memory_of(self, tensor: Tensor) -> Cell:
        """The cell that the node of a tensor shows through views, once that is known."""
        return self.cell_of(tensor)

    def hides_view(self, tensor: Tensor, shape: Sequence[Size]) -> bool:
        """Whether strides that the trace does not know let the tensor be seen in another shape, at this call."""
        return False

    def steps_of(self, tensor: Tensor) -> tuple[Any, ...] | None:
        """The strides as Python code sees them; None where one is only known at run time."""
        strides = self.strides_of(tensor)
        return None if None in strides else tuple(python_size(stride, self.scope) for stride in strides)  # type: ignore[arg-type]

    def is_row_major(self, tensor: Tensor) -> bool:
        return is_row_major(self.type_of(tensor).shape, self.strides_of(tensor))

    def look(self, tensor: Tensor) -> None:
        """The values of a tensor that was not made in this trace are about to be read."""

    def materialize(self, tensor: Tensor) -> None:
        """Give a traced tensor its memory."""
        raise BrasaError("the value is not known while the function is traced")

    def finish(self, name: str, outputs: Iterable[Node], updates: tuple[tuple[int, int], ...] = ()) -> Graph:
        """The graph of what was recorded, in the names of sizes that remained free."""
        graph = Graph(name, tuple(self.inputs), tuple(self.nodes), tuple(outputs), updates)
        return substitute_graph(graph, self.scope.known) if self.scope.known else graph


class tracing:
    """A block in which what this thread does is recorded into the trace; None switches recording off for a while."""

    __slots__ = ("_outer", "_trace")

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace

    def __enter__(self) -> None:
        self._outer = STATE.trace
        set_trace(self._trace)

    def __exit__(self, *_: object) -> None:
        set_trace(self._outer)
