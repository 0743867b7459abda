"""Recording and following a program: tensor ops move through a tree of steps, until a value is asked for or the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from brasa._state import set_trace
from brasa.autograd.modes import set_grad_enabled
from brasa.capture import ends
from brasa.capture.gradients import backward, grad
from brasa.capture.moving import Moving
from brasa.capture.reach import needing_gradients, run_from
from brasa.capture.sharing import any_overlap, apart, has_graph, keep_apart, keep_old, place_of
from brasa.capture.stepping import Stepping
from brasa.capture.tree import Segment, Step
from brasa.capture.undoing import Effect, undo
from brasa.execution.nodes import Edge, TapeNode
from brasa.execution.runner import failed_check
from brasa.execution.tape import run_graph
from brasa.execution.user_passes import Passes
from brasa.ir.dim import Size
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Node
from brasa.ir.layout import reshaped_strides
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.tensors.spec import may_overlap
from brasa.tensors.tensor import Tensor, family_of
from brasa.tracing.arguments import Draw
from brasa.tracing.cell import Cell
from brasa.tracing.held import Held
from brasa.tracing.places import user_location
from brasa.tracing.sizes import SymbolicSize
from brasa.tracing.trace import CaptureError, tracing

if TYPE_CHECKING:
    from brasa.capture.purity import Observation

_T = TypeVar("_T")


class Capture(Stepping):
    """One call of a compiled function."""

    can_run = of_user = True

    def __init__(
        self, root: Step, arguments: Sequence[Tensor], dynamic: bool, fullgraph: bool,
        names: Callable[[], dict[int, str]] = dict, passes: Passes = (), observation: Observation | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root)
        self.dynamic, self.fullgraph = dynamic, fullgraph
        self.failed = self.looked = False
        self.tell_names, self.passes = names, passes
        self.symbolic = {id(tensor) for tensor in arguments}
        self.bindings: dict[Node, Any] = {}
        self.cells: dict[tuple[Any, ...], Cell] = {}
        self.buffers: dict[int, list[Cell]] = {}
        self.adopted: dict[int, tuple[Any, int, Any, Cell]] = {}  # by a tensor's id: where it lies, its cell
        self.written: dict[Cell, Tensor] = {}
        self.homes: dict[Cell, Node] = {}  # what stood for the memory of what is written, before it was
        self.former: dict[Any, Node] = {}  # by place, what was known of memory that has been written elsewhere since
        self.followed: set[Cell] = set()  # what was written with gradients
        self.states: dict[Tensor, tuple[bool, Edge | None]] = {}  # what shows that: on the tape or not, before it was
        self.owners: dict[Cell, Tensor] = {}  # tensors from outside, by what stands for their memory
        self.effects: list[Effect] = []  # what was done since which step, should it have to be undone
        self.since = root
        self.gradients: dict[int, Node] = {}  # that were set since then, by the tensors' ids
        self.tensors: list[Tensor] = []
        self.shown: dict[int, ends.Shown] = {}
        self.anew: dict[Node, Draw | Held] = {}  # numbers that each run is given anew
        self.freed: set[Node] = set()
        self.ends: list[bool] = []
        self.flushes, self.ended = 0, False
        self.left: CaptureError | None = None
        self.observation = observation  # of the call, to prove the program pure
        self.moving = Moving(self)
        self.last: Segment | None = None
        self.bound_before: dict[Node, Any] = {}
        self.outcome: list[tuple[bool, bool]] = []  # of each output: on the tape, used up by a backward
        self.settled: list[ends.Settled] = []
        self.view_edges: dict[Node, Edge] = {}  # where gradients of views go that the last program knows
        self.view_marks: dict[Node, tuple[str, ...]] = {}  # how views lie that later programs are given

    @cached_property
    def names(self) -> dict[int, str]:
        """What the tensors among the arguments are called, by their ids."""
        return self.tell_names()

    # values from outside

    def number(self, value: Any) -> Node:
        kind = value.__class__
        if kind is bool or kind is complex or kind is SymbolicSize:
            return super().number(value)
        if kind is Held:
            return self.moving.input_of(value)
        node = self.new_number(int64 if isinstance(value, int) else float64)
        if kind is Draw:
            self.anew[node] = value
        self.bindings[node] = int(value) if isinstance(value, int) else value
        return node

    def value_of(self, node: Node) -> Any:
        bound = self.bindings.get(node)
        return super().value_of(node) if bound is None else bound

    def held(self, table: dict[str, Any]) -> dict[str, Any]:
        return self.moving.numbers(table)

    def schedule(self, schedule: Any, step: Callable[[], Any]) -> Any:
        return self.moving.step(schedule, step)

    def draw(self, generator: Any) -> tuple[int, Any]:
        self.effects.append(Effect(self.here, "draw", generator, generator.offset))
        return super().draw(generator)

    def open(self, tensor: Tensor) -> None:
        self.symbolic.add(id(tensor))
        self.adopt(tensor)

    def node_outside(self, tensor: Tensor) -> Node | None:
        if self.shown:
            shown = self.shown.get(id(tensor))
            if shown is not None and shown.shows(tensor):
                return shown.node
        adopted = self.adopted.get(id(tensor))
        if adopted is not None:
            buffer, pointer, spec, cell = adopted
            if buffer is tensor._buffer and pointer == tensor._ptr and spec is tensor._spec:
                return cell.node
        return None

    def adopt(self, tensor: Tensor) -> Node:
        node = self.node_outside(tensor)
        if node is not None:
            return node
        cell = self.cell_of(tensor)
        if not tensor._weak:
            self.adopted[id(tensor)] = (tensor._buffer, tensor._ptr, tensor._spec, cell)
        return cell.node

    def cell_of(self, tensor: Tensor) -> Cell:
        if tensor._cell is not None:
            if tensor._cell.trace is not self:
                raise BrasaError("a tensor of another trace was used")
            return tensor._cell
        key = place_of(tensor)
        cell = self.cells.get(key)
        if cell is None:
            aliases = self.buffers.setdefault(id(tensor._buffer), [])
            if self.written and any_overlap(tensor, (self.written.get(alias) for alias in aliases)):
                self._cut("memory that was written is read through another tensor")
            cell = self._adopt(tensor)
            self.cells[key] = cell
            aliases.append(cell)
        self.owners.setdefault(cell, tensor)
        return cell

    def _adopt(self, tensor: Tensor) -> Cell:
        spec = tensor._spec
        former = self.former.pop(place_of(tensor), None)
        if former is not None:
            return self._adopt_again(tensor, former)
        symbolic = self.dynamic and id(tensor) in self.symbolic and not tensor._is_parameter
        leaf = tensor._requires_grad and tensor.is_leaf
        shape = None if symbolic else spec.shape
        key = ("tensor", spec.dtype, spec.rank, spec.marks, spec.device, shape, tensor._requires_grad)
        node: Node = self.known(key) or self._new_external(key, tensor, symbolic)
        if symbolic:
            self.scope.hints.update(zip(map(str, node.tensor.shape), spec.shape, strict=True))
        self.bindings[node] = tensor
        if leaf:
            self.leaves[node] = tensor
        made = Cell(self, node)
        made.needs = tensor._requires_grad and not leaf
        return made

    def _adopt_again(self, tensor: Tensor, former: Node) -> Cell:
        """A cell for memory that is not what it was, which gradients have not seen: to them it is the former value."""
        marks, name = tensor._spec.marks, f"x_{self.here.depth}"
        node: Node = self.step(("again", former, marks), lambda: make_input(name, former.tensor, strides=marks))
        made = Cell(self, self.aside(node, former))
        self.bindings[node] = self.bindings[made.node] = tensor
        made.marks, made.needs = marks, True
        return made

    def _new_external(self, key: tuple[Any, ...], tensor: Tensor, symbolic: bool) -> Node:
        return self.step(key, lambda: self._external(tensor, symbolic))

    def _external(self, tensor: Tensor, symbolic: bool) -> Node:
        spec, name = tensor._spec, self.names.get(id(tensor), "")
        is_plain = name.isascii() and name.isidentifier()
        if not is_plain or any(node.attrs.get("name") == name for node in self.bindings):
            name = f"x_{self.here.depth}"
        sizes = tuple(
            self.scope.name(f"{name}_{axis}", size) if symbolic else size for axis, size in enumerate(spec.shape)
        )
        type = TensorType(sizes, spec.dtype, spec.device)
        return make_input(name, type, strides=spec.marks, role="param" if tensor._is_parameter else "")

    def begin(self, cell: Cell) -> int:
        owner = self.owners.get(cell)
        if owner is None or owner._buffer is None:
            return 0
        self.looked = True  # no guard tells where memory begins
        return (owner._ptr - owner._buffer.ptr) // owner._spec.dtype.itemsize

    def outside(self, tensor: Tensor) -> Tensor | None:
        owner = self.owners.get(self.cell_of(tensor))
        if owner is None:
            return None
        if self.cell_of(tensor) in self.written:
            self._cut("memory that was written is seen beyond what the program knows of it")
        return tensor if tensor._cell is None else ends.shown_by(self, tensor, owner)

    def memory_of(self, tensor: Tensor) -> Cell:
        cell = tensor._cell  # of memory that was taken in as another tensor shows it, which may be known
        for view in (tensor,) if cell is None or cell.version else (tensor, self.owners.get(cell, tensor)):
            shown = self.shown.get(id(view))
            if shown is not None and shown.shows(view):
                return shown.cell
        return self.cell_of(tensor)

    def hides_view(self, tensor: Tensor, shape: Sequence[Size]) -> bool:
        spec = ends.spec_now(self, tensor)
        known = tuple(map(self.scope.hint, shape))
        return spec is not None and reshaped_strides(spec.shape, spec.strides, known) is not None

    def is_row_major(self, tensor: Tensor) -> bool:
        if super().is_row_major(tensor):
            return True
        spec = ends.spec_now(self, tensor) if None in self.strides_of(tensor) else None
        return spec is not None and spec.row_major

    def write(self, tensor: Tensor, value: Node, aside: bool = False) -> None:
        cell = self.cell_of(tensor)
        owner = self.owners.get(cell)  # a view is written to the memory of what it is a view of
        if owner is not None and not owner._spec.row_major and may_overlap(owner._spec):
            raise CaptureError("memory is written of which elements share some", op="in-place write",
                               hint="use .clone() first")  # fmt: skip
        if owner is not None and self._part_from_aliases(owner):
            self.write(tensor, value, aside)  # which stands for memory of its own since the cut
            return
        home = self.homes.setdefault(cell, cell.node) if owner is not None else None
        super().write(tensor, value, aside)
        if owner is not None:
            self.written[cell] = owner
            self.effects.append(Effect(self.here, "write", owner, home, cell.node))

    def follow(self, target: Tensor) -> None:
        cell, outside = self.cell_of(target), [each for each in family_of(target) if each._cell is None]
        self.followed.add(cell)
        for each in outside:
            self.former.pop(place_of(each), None)
            self.states.setdefault(each, (each._requires_grad, each._edge))
            if cell in self.written and place_of(each) == place_of(self.written[cell]):
                self.written[cell] = self.owners[cell] = each
        known = {each: self.cells.pop(place_of(each)) for each in outside if place_of(each) in self.cells}
        super().follow(target)
        self.cells.update({place_of(each): cell for each, cell in known.items()})
        for each in outside:  # no leaf any more; the program puts it on the tape when it runs
            each._edge = Edge(TapeNode("compiled", (), 1), 0)
            self.adopted.clear()  # what is detached shows the same memory, but not what was written there

    def _part_from_aliases(self, owner: Tensor) -> bool:
        """Whether memory that will be written was known through other tensors, which then are read anew later."""
        aliases = self.buffers[id(owner._buffer)]
        others = [
            each for each in aliases if any_overlap(owner, (self.owners.get(each, self.bindings.get(each.node)),))
        ]
        if others:
            self._cut("memory is written that is read through another tensor")
            self.adopted = {}
            self.former.update({key: each.node for key, each in self.cells.items() if each in others and each.needs})
            self.buffers[id(owner._buffer)] = [each for each in aliases if each not in others]
            self.cells = {key: each for key, each in self.cells.items() if each not in others}
            self.shown = {key: each for key, each in self.shown.items() if each.cell not in others}
        return bool(others)

    def _cut(self, fact: str) -> None:
        """End a segment here, so that memory holds what has been written."""
        if self.imagined or self.fullgraph:
            raise CaptureError(fact, op=user_location(), hint="leave out fullgraph=True" if self.fullgraph else "")
        self.flush()

    def backward(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Any, keep: bool, create_graph: bool
    ) -> None:
        backward(self, roots, weights, inputs, keep, create_graph)

    def grad(
        self, roots: Sequence[Tensor], weights: Sequence[Tensor | None], inputs: Sequence[Tensor], create_graph: bool
    ) -> Any:
        return grad(self, roots, weights, inputs, create_graph)

    # running

    def look(self, tensor: Tensor) -> None:
        self.looked = True
        if any(cell in self.written for cell in self.buffers.get(id(tensor._buffer), ())):
            self.materialize(tensor)

    def materialize(self, tensor: Tensor) -> None:
        if self.imagined:
            raise CaptureError("a value is needed in the backward of an autograd.Function")
        if self.fullgraph:
            raise CaptureError("a value is needed in the middle of the program", op=user_location(),
                               hint="leave out fullgraph=True")  # fmt: skip
        self.flush()

    def leave(self, error: CaptureError) -> None:
        if self.fullgraph:
            raise error
        error.op = user_location()
        self.flush()
        set_trace(None)
        self.scope.end()
        self.left = error

    def flush(self) -> None:
        """Run what has been recorded: live tensors get their memory, written ones their new values."""
        observer = sys.getprofile() if self.observation is not None else None
        if observer is not None:
            sys.setprofile(None)  # what compiling calls is none of the program's doing
        try:
            self._flush()
        except BaseException as error:
            self.failed = True  # what failed must not be tried again while the error goes up
            undo(self, self.effects, self.since, failed_check(error))
            raise
        finally:
            if observer is not None:
                sys.setprofile(observer)

    def _flush(self) -> None:
        if self.left is not None or self.failed:
            return
        self.forget_tensors()
        if self.ended and self.own_leaves:
            ends.forget_leaves(self)
        alive, self.tensors = self.tensors, []
        alive = ends.settle_leaves(self, alive) if self.own_leaves else alive
        wanted, landing = ends.memory_wanted(self, alive), list(self.written)
        if wanted or landing or self.here.doubtful > self.since.doubtful:
            self.run_segment(wanted, landing, alive)
        ends.settle(self, alive, wanted)
        self.written, self.homes, self.followed, self.states = {}, {}, set(), {}
        self.effects, self.since, self.gradients = [], self.here, {}
        self.flushes += 1

    def run_segment(self, wanted: dict[Node, Cell], landing: list[Cell], alive: list[Tensor]) -> None:
        """Compute what is wanted, and what lands in memory that was written."""
        targets = [self.written[cell] for cell in landing]
        for tensor, (needs, edge) in self.states.items():
            tensor._requires_grad, tensor._edge = needs, edge
        needing = needing_gradients(alive)
        tracked = needing - self.freed  # the eager tape goes on from them
        segment = self.segment(wanted, landing, alive, tracked)
        self.last, self.bound_before = segment, dict(self.bindings)
        homes = {self.homes[cell]: tensor for cell, tensor in zip(landing, targets, strict=True)}
        operands = list(map((self.bindings | homes if homes else self.bindings).__getitem__, segment.inputs))
        operands = apart(operands, targets) if targets else operands
        keep_apart(self.bindings, self.freed, targets)
        if targets and not self.ended and (tracked or has_graph(self.bindings, self.freed)):
            keep_old(self.bindings, targets)
        self.outcome = [(node in tracked, node in needing & self.freed) for node in (*wanted, *segment.checks)]
        self.ends = [cell in self.followed for cell in landing]
        with tracing(None), set_grad_enabled(bool(tracked) or any(self.ends)):  # whatever block asks for the value
            run = partial(run_graph, segment.graph, "compiled", operands, passes=self.passes, views=len(segment.views))
            results = run_from(targets, self.ends, run)
        self.view_edges = ends.edges_of_views(results, segment.views)
        for node, result in zip(wanted, results, strict=False):
            self.bindings[node] = result
            if node not in tracked:
                result._requires_grad, result._edge = False, None
            self.buffers.setdefault(id(result._buffer), []).append(wanted[node])
        for cell, tensor in zip(landing, targets, strict=True):
            self.bindings[cell.node] = tensor

    def segment(
        self, wanted: Iterable[Node], landing: Sequence[Cell], alive: Sequence[Tensor], tracked: set[Node]
    ) -> Segment:
        """The program that has been recorded since the last one. tracked: the values that go on the tape."""
        views = () if tracked.isdisjoint(wanted) else ends.views_shown(self, alive)
        known = tuple(self.bindings), tuple(self.view_marks.values())
        key = (tuple(wanted), tuple(cell.node for cell in landing), known, bool(tracked), views, self.since.depth)
        segment = self.here.segments.get(key)
        if segment is None:
            homes = [self.homes[cell] for cell in landing]
            segment = self.here.segments[key] = ends.segment_of(self, *key[:2], homes, key[3], views, self.since)
        return segment

    def giver(self, name: str) -> Node | None:
        return next((node for node in self.bindings if self.tells(node, name)), None)
