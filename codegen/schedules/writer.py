"""Writes the kernel of one region: its operands' memory, its sizes, and loops whose variables are indices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from brasa.codegen.schedules.indices import Index, Ranges, by_variables, rejoined, variable, varies
from brasa.ir import dim, kernel
from brasa.ir.dim import Atom, Dim, Size
from brasa.ir.dtype import DType, bool_, int64
from brasa.ir.graph import Graph, Node
from brasa.ir.kernel import LANES, Access, Buffer, Expr, Kernel, Local, LoopKind, Number, const
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.layout import row_major
from brasa.ir.program import Place
from brasa.ir.region import anchor
from brasa.ir.target import Target

Marks: TypeAlias = tuple[str, ...]
T = TypeVar("T")
Wanted: TypeAlias = Mapping[str, Any]
COST_MODEL: Wanted = MappingProxyType({})  # nothing is wanted but what the cost model picks


@dataclass(frozen=True)
class Layouts:
    """How a region's inputs and outputs lie: stride marks per axis, () for row-major.

    shared: pairs (output, input): that output is written to that input's memory.
    """

    inputs: tuple[Marks, ...]
    outputs: tuple[Marks, ...]
    shared: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class OperandStride:
    """A run-time stride of a region's input or output."""

    place: Place
    axis: int


@dataclass(frozen=True)
class Lowered:
    """A region's kernel and what to pass to it, by the region's own numbers and names.

    checks: which nodes of the region check, one for each check code. scratch: bytes of each temporary. options: by
    the name of each choice, the ways that there were.
    """

    kernel: Kernel
    buffers: tuple[Place, ...]
    sizes: tuple[Size | OperandStride, ...]
    checks: tuple[int, ...]
    scratch: tuple[Size, ...]
    options: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Ways:
    """A region that can be lowered in several ways, with the same bits. key: a text that equal regions have.

    values: what the region's named sizes are in the program. first: the cost model's pick. make: gives the kernel that
    makes these choices, by name, in another way.
    """

    region: Graph
    layouts: Layouts
    key: str
    values: Mapping[str, Size]
    first: Lowered
    make: Callable[[Wanted], Lowered]


class Writer(KernelBuilder):
    """Writes statements over indices: sizes in which loop variables are named sizes that begin with `%`.

    uses: every index that was made an expression; loads: every load of a region input, with its offset.
    checks: the nodes that check, one for each code; labels: names for values, should they need one.
    staged: the outputs that the kernel also reads back. wanted: what to choose, by name, instead of the first option.
    """

    def __init__(self, region: Graph, layouts: Layouts, target: Target, wanted: Wanted = COST_MODEL) -> None:
        super().__init__(" ".join([region.name, *(f"{name}={value}" for name, value in wanted.items())]))
        self.region = region
        self.layouts = layouts
        self.target = target
        self.wanted = wanted
        self.options: dict[str, Sequence[Any]] = {}
        self.ranges = Ranges()
        self.uses: list[Size] = []
        self.loads: list[tuple[Node, Size]] = []
        self.checks: list[Node] = []
        self.labels: dict[Expr, str] = {}
        self._places: dict[Place, Buffer] = {}
        self._arguments: dict[Size | OperandStride, Expr] = {}
        self._scratch: list[Size] = []
        self._variables: dict[str, Expr] = {}
        self._levels: dict[Expr, int] = {}
        self._exprs: dict[Size, Expr] = {}
        self._arm = 0
        self.staged: set[int] = set()

    @property
    def anchor(self) -> Node:
        """The node that a contract, window or scatter region is built around."""
        found = anchor(self.region)
        assert found is not None
        return found

    def choose(self, name: str, options: Sequence[T]) -> T:
        """One of the ways to do something that differ in speed alone: the first, if no other is wanted."""
        self.options[name] = options
        return next((each for each in options if each == self.wanted.get(name)), options[0])

    # Memory

    def buffer_of(self, place: Place) -> Buffer:
        """The memory of a region input or output, an argument from when it is first asked for."""
        place = self._shared(place)
        if place not in self._places:
            if place.role == "input":
                node = self.region.inputs[place.index]
                access: Access = "inout" if place.index in dict(self.layouts.shared).values() else "in"
                self._places[place] = self.buffer(node.attrs["name"], node.tensor.dtype, access)
            else:
                access = "inout" if place.index in self.staged else "out"
                self._places[place] = self.buffer("out", self.region.outputs[place.index].tensor.dtype, access)
        return self._places[place]

    def scratch(self, name: str, dtype: DType, extent: Size) -> Buffer:
        """Memory of `extent` elements that every thread sees while the kernel runs."""
        buffer = self.buffer(name, dtype, "scratch")
        self._places[Place("temporary", len(self._scratch))] = buffer
        self._scratch.append(extent * dtype.itemsize)
        return buffer

    def offset(self, place: Place, index: Index) -> Size:
        """Where the element at that index of a region input or output lies in its buffer."""
        nodes = self.region.inputs if place.role == "input" else self.region.outputs
        shape = nodes[place.index].tensor.shape  # an output's own: the input's may be another, where both lie in rows
        place = self._shared(place)
        marks = (self.layouts.inputs if place.role == "input" else self.layouts.outputs)[place.index]
        strides: Sequence[Size] = row_major(shape)
        if marks:
            strides = [self._stride(place, axis) if mark == "s" else int(mark) for axis, mark in enumerate(marks)]
        total: Size = 0
        for i, stride in zip(index, strides, strict=True):
            total = total + i * stride
        return total

    def load_input(self, node: Node, index: Index, mask: Expr | None) -> Expr:
        """The element of a region input at that index."""
        place = Place("input", self.region.inputs.index(node))
        offset = self.offset(place, index)
        self.loads.append((node, offset))
        loaded = self.buffer_of(place).load(self.expr(offset), mask)
        self.labels[loaded] = node.attrs["name"]
        return loaded

    def _shared(self, place: Place) -> Place:
        """The input whose memory an output shares, in its stead."""
        shared = dict(self.layouts.shared)
        return Place("input", shared[place.index]) if place.role == "output" and place.index in shared else place

    def _stride(self, place: Place, axis: int) -> Size:
        key = OperandStride(place, axis)
        if key not in self._arguments:
            self._arguments[key] = self.size(f"{self.buffer_of(place).name}_stride_{axis}")
            self._variables[str(variable(self._arguments[key].attr))] = self._arguments[key]
        return variable(self._arguments[key].attr)

    # Indices and expressions

    def expr(self, size: Size) -> Expr:
        """An index as an expression: outer variables first, the lanes' own last."""
        if isinstance(size, int):
            return const(size, int64)
        if not varies(size):
            return self._argument(size)
        if size not in self._exprs:
            self._exprs[size] = self._sum(rejoined(size))
            self.uses.append(rejoined(size))
        return self._exprs[size]

    def _argument(self, size: Dim) -> Expr:
        if size not in self._arguments:
            text = str(size)
            self._arguments[size] = self.size(text if len(size.terms) == 1 and "//" not in text else f"({text})")
        return self._arguments[size]

    def _sum(self, sum_: Size) -> Expr:
        parts: list[tuple[tuple[int, int], Expr | None, Size]] = []
        for moving, factor in by_variables(sum_).items():
            product: Expr | None = None
            for atom in moving:
                value = self._atom(atom)
                product = value if product is None else product * value
            order = (0, 1 << 20) if product is None else (int(product.lanes > 1), self._level(product))
            if isinstance(factor, int) and factor < 0:
                order = (order[0], order[1] + (1 << 21))
            parts.append((order, product, factor))
        total: Expr | None = None
        for _, product, factor in sorted(parts, key=lambda part: part[0]):
            negative = total is not None and isinstance(factor, int) and factor < 0
            times = self.expr(-factor if negative else factor)
            term = times if product is None else product if times.attr == 1 else product * times
            total = term if total is None else total - term if negative else total + term
        return const(0, int64) if total is None else total

    def _atom(self, atom: Atom) -> Expr:
        if isinstance(atom, str):
            return self._variables[atom]
        more = self.ranges.shortage(atom)
        lhs, rhs = self.expr(atom.lhs + more * atom.rhs), self.expr(atom.rhs)
        if atom.function == "//":
            return lhs // rhs if more == 0 else lhs // rhs - self.expr(more)
        return {"%": Expr.__mod__, "min": kernel.minimum, "max": kernel.maximum}[atom.function](lhs, rhs)

    def condition(self, expr: Expr) -> Expr:
        """A truth value over leaves as an expression, decided where bounds decide it."""
        if expr.op == "const":
            return expr
        if expr.op in kernel.COMPARE:
            lhs, rhs = (self.ranges.fold(arg) for arg in expr.args)
            known = self._decide(expr.op, lhs, rhs)
            if known is not None:
                self.uses += [
                    size for size in (lhs, rhs) if varies(size)
                ]  # decided for these loops, not for joint ones
                return const(known, bool_)
            return replace(kernel.binary(expr.op, self.expr(lhs), self.expr(rhs)), attr="index")
        parts = [self.condition(arg) for arg in expr.args]
        if expr.op == "and" and any(part.op == "const" for part in parts):
            fixed, other = parts if parts[0].op == "const" else reversed(parts)
            return other if fixed.attr else fixed
        return Expr(expr.op, tuple(parts), bool_, max(part.lanes for part in parts))

    def _decide(self, op: str, lhs: Size, rhs: Size) -> bool | None:
        if op in ("lt", "le"):
            gap = rhs - lhs - (op == "lt")
            return True if self.ranges.is_natural(gap) else False if self.ranges.is_natural(-gap - 1) else None
        return lhs == rhs if op == "eq" and isinstance(lhs - rhs, int) else None

    def below(self, index: Size, extent: Size) -> Expr | None:
        """Whether the index is below the extent; None where that is certain."""
        return None if self.ranges.is_natural(extent - index - 1) else self.before(index, extent)

    def before(self, index: Size, other: Size) -> Expr:
        """Whether one index comes before another."""
        return replace(self.expr(index) < self.expr(other), attr="index")

    def track(self, expr: Expr, extent: Size | None) -> Dim:
        """A value as an index; it is known to be natural and below the extent, if one is given."""
        name = expr.attr if expr.op == "var" else f"value{len(self._variables)}"
        index = variable(name)
        self._variables[str(index)] = expr
        if extent is not None:
            self.ranges.extents[str(index)] = extent
        return index

    def let_index(self, name: str, size: Size, extent: Size | None = None) -> Size:
        """A name for an index; constants need none."""
        return size if isinstance(size, int) else self.track(self.let(name, self.expr(size)), extent)

    def let(self, name: str, value: Expr, level: int | None = None) -> Expr:
        """A name for the value; where it is set is remembered."""
        var = super().let(name, value, level)
        self._levels[var] = self.level if level is None else level
        return var

    @property
    def lane(self) -> Dim:
        """The lane's own number as an index."""
        index = variable("lane")
        self._variables.setdefault(str(index), kernel.lane())
        self.ranges.extents[str(index)] = LANES
        return index

    def own_level(self, expr: Expr) -> int:
        """The level of the block that an expression cannot leave, its operands aside."""
        if expr.op == "var":
            return self._levels[expr]
        if expr.op == "load":
            return self._arm if expr.attr.access == "in" else self.level
        return self.level if expr.op == "local" else 0

    def _level(self, expr: Expr) -> int:
        return max(self.own_level(expr), *map(self._level, expr.args)) if expr.args else self.own_level(expr)

    def local(self, name: str, dtype: DType, init: Number, *, lanes: int = 1, shape: tuple[int, ...] = ()) -> Local:
        """Registers, every one set to `init`; an array of them by unrolled loops."""
        if not shape:
            return super().local(name, dtype, init, lanes=lanes)
        made = Local(self.unique(name), dtype, shape, lanes)
        with ExitStack() as loops:
            names = ("i", "v")[-len(shape) :]
            index = [loops.enter_context(self.over(v, n, "unrolled")) for v, n in zip(names, shape, strict=True)]
            self.assign(made, init, tuple(map(self.expr, index)))
        return made

    # Loops

    @contextmanager
    def over(self, name: str, extent: Size, kind: LoopKind = "serial", cost: Expr | None = None) -> Iterator[Size]:
        """A loop over 0..extent; gives its variable as an index. One iteration needs no loop, but for its lanes."""
        if extent == 1 and kind != "vector":
            yield 0
            return
        with self.loop(name, self.expr(extent), kind, cost) as var:
            yield self.track(var, extent)

    @contextmanager
    def nest(self, loops: Iterable[tuple[str, Size, LoopKind]]) -> Iterator[Index]:
        """Loops inside each other; gives their variables."""
        with ExitStack() as stack:
            yield tuple([stack.enter_context(self.over(*loop)) for loop in loops])

    @contextmanager
    def loop(self, name: str, extent: Number, kind: LoopKind = "serial", cost: Number | None = None) -> Iterator[Expr]:
        """A loop over 0..extent; where its variable is set is remembered."""
        with super().loop(name, extent, kind, cost) as var:
            self._levels[var] = self.level
            yield var

    @contextmanager
    def when(self, condition: Expr) -> Iterator[None]:
        """Statements that run if the condition holds; what they alone load is not loaded before."""
        with super().when(condition), self._in_arm():
            yield

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        with super().otherwise(), self._in_arm():
            yield

    @contextmanager
    def _in_arm(self) -> Iterator[None]:
        outer, self._arm = self._arm, self.level
        yield
        self._arm = outer

    def either(self, condition: Expr, write_then: Callable[[], None], write_otherwise: Callable[[], None]) -> None:
        """The statements of the first if the condition holds, else those of the second; of one where that is known."""
        if condition.op == "const":
            (write_then if condition.attr else write_otherwise)()
            return
        with self.when(condition):
            write_then()
        with self.otherwise():
            write_otherwise()

    @contextmanager
    def cells(self, axes: Sequence[tuple[str, Size]], cost: float, length: Size = 1) -> Iterator[Index]:
        """A parallel loop over all combinations of the axes' indices.

        An iteration takes about `cost` nanoseconds, `length` times.
        """
        kept = [(name, extent) for name, extent in axes if extent != 1]
        total = dim.product(extent for _, extent in kept)
        whole = max(1, round(cost * length)) if isinstance(length, int) else None
        estimate = const(whole, int64) if whole else self.expr(length) * max(1, round(cost * 16)) // 16 + 1
        name = kept[0][0] if len(kept) == 1 else "cell"
        with self.over(name, total, "parallel", estimate) as cell:
            indices: dict[str, Size] = {}
            left = cell
            for name, extent in reversed(kept[1:]):
                indices[name] = self.let_index(name, self.ranges.remainder(left, extent), extent)
                left = self.ranges.quotient(left, extent)
            if kept:
                name, extent = kept[0]
                indices[name] = self.let_index(name, left, extent) if len(kept) > 1 else cell
            yield tuple(indices.get(name, 0) for name, _ in axes)

    def lower(self) -> Lowered:
        """The kernel written so far, with what to pass to it."""
        order = {"input": 0, "output": 1, "temporary": 2}
        ranks = {buffer: (order[place.role], place.index) for place, buffer in self._places.items()}
        self.buffers.sort(key=lambda buffer: ranks.get(buffer, (3, 0)))
        made = self.finish()
        places = {buffer: place for place, buffer in self._places.items()}
        sizes = {expr: size for size, expr in self._arguments.items()}
        return Lowered(
            made, tuple(places[buffer] for buffer in made.arguments), tuple(sizes[expr] for expr in made.sizes),
            tuple(self.region.nodes.index(node) for node in self.checks), tuple(self._scratch), self.options,
        )  # fmt: skip
