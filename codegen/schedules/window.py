"""Schedule of window regions: each element of the result walks its own window, or the windows that see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from brasa.codegen.schedules.indices import Index, flatten, leaf
from brasa.codegen.schedules.map import AXIS_NAMES, Trial, output_parts, output_stores, spread
from brasa.codegen.schedules.values import Values, accumulator, both
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.dtype import DType, bool_
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr, LoopKind, cast, const, eq, select
from brasa.ir.ops.reduce import Combiner

# Rows shorter than this leave lanes unused: then the lanes run along the leading axes. The first is for what is little
# work but for its loads, which are of neighbours along rows.
_SHORT_IF_CHEAP, _SHORT = 4, 12
# The innermost loops over a window are unrolled as long as they go through at most so many elements. Steps along rows
# make each element a load for every lane, and the code of many of them takes longer to compile than it saves.
_UNROLLED, _UNROLLED_STEPS = 16, 4


def write_window(writer: Writer) -> None:
    """Write the kernel of a window region."""
    Window(writer, writer.anchor).write()


class Window:
    """rank: how many axes windows slide along, the last ones of the result; lead: those before."""

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer = writer
        self.node = node
        self.shape = node.tensor.shape
        self.window: tuple[int, ...] = tuple(node.attrs["window"])
        self.lead = len(self.shape) - len(self.window)
        names = ("stride", "padding", "dilation")
        self.options = tuple(zip(*(node.attrs[name] for name in names), strict=True))
        self.values = Values(writer)

    def write(self) -> None:
        """Write the kernel."""
        writer, shape, lead = self.writer, self.shape, self.lead
        trial = Trial(writer, shape, self._evaluate)
        self.groups = trial.joint_groups(range(lead))
        taps = dim.product(count for _, count in self._taps())
        cost = trial.cost * (taps if isinstance(taps, int) else 1)
        short = _SHORT_IF_CHEAP if self._is_cheap() else _SHORT
        is_short = writer.condition(leaf(shape[-1]) < leaf(short)) if self.groups else const(False, bool_)
        writer.either(is_short, lambda: self._along_leading(cost), lambda: self._along_rows(cost))

    def _is_cheap(self) -> bool:
        """Whether one number is kept of each window, and every element or every second one begins a window."""
        body = self.node.op.body
        return (
            body is not None and self.options[-1][0] <= 2 and len(body(self.node.operands[0].tensor.dtype).dtypes) == 1
        )

    def _axes(self) -> tuple[list[tuple[str, Size]], list[tuple[str, Size]]]:
        """The loops over the leading axes, and those over the others."""
        groups = [(AXIS_NAMES[group[0]], dim.product(self.shape[axis] for axis in group)) for group in self.groups]
        return groups, [(AXIS_NAMES[axis], self.shape[axis]) for axis in range(self.lead, len(self.shape))]

    def _along_leading(self, cost: float) -> None:
        """Lanes take the same place of neighbours along the last of the leading axes."""
        writer, ((*outer, (_, extent)), spatial) = self.writer, self._axes()
        blocks = [*outer, ("block", dim.ceil_divide(extent, LANES))]
        with writer.cells(blocks, cost, dim.product(self.shape[self.lead :])) as (*cell, block), ExitStack() as loops:
            place = block * LANES + writer.lane
            at = [loops.enter_context(writer.over(*axis)) for axis in spatial]
            index = (*spread(self.groups, [*cell, place], self.lead), *at)
            self.element(index, writer.below(place, extent), LANES)

    def _along_rows(self, cost: float) -> None:
        """Lanes take neighbours along a row."""
        writer, (axes, (*rest, last)) = self.writer, self._axes()
        with writer.cells([*axes, *rest], cost / LANES, last[1]) as cell, writer.over(*last, "vector") as place:
            index = (*spread(self.groups, cell[: len(axes)], self.lead), *cell[len(axes) :], place)
            self.element(index, None, LANES)

    def _evaluate(self, values: Values, index: Index) -> list[Expr]:
        """What an element needs, at a general place of a window, for the trial."""
        writer = values.writer
        at = tuple(writer.track(writer.let(f"tap{n}", writer.expr(0)), None) for n in range(len(self.window)))
        place = (*index[: self.lead], *at)
        values.bound[self.node] = lambda *_: const(0, self.node.tensor.dtype)
        reads = [values.at(operand, place) for operand in self.node.operands]
        return [*reads, *output_parts(values, lambda _: index)]

    def element(self, index: Index, mask: Expr | None, lanes: int) -> None:
        """Compute one element of the result (in each lane) and store the outputs there."""
        body = self.node.op.body
        value = self._gathered(index, mask, lanes) if body is None else self._combined(body, index, mask, lanes)
        self.values.forget()
        self.values.bound[self.node] = lambda *_: value
        self.values.put(output_stores(self.values, lambda _: index, mask))

    def _combined(self, body: Callable[[DType], Combiner], index: Index, mask: Expr | None, lanes: int) -> Expr:
        """What the elements of a window combine to."""
        operand = self.node.operands[0]
        combiner = body(operand.tensor.dtype)
        state = [
            self.writer.local(name, dtype, init, lanes=lanes)
            for name, dtype, init in zip(("value", "place"), combiner.dtypes, combiner.init, strict=False)
        ]
        sizes = operand.tensor.shape[self.lead :]
        for tap in self._each_tap():
            steps = zip(index[self.lead :], tap, self.options, strict=True)
            place = tuple(i * stride + k * dilation - padding for i, k, (stride, padding, dilation) in steps)
            inside = self._inside(place, sizes)
            value = self.values.at(operand, (*index[: self.lead], *place), both(mask, inside))
            new = combiner.lift(value, self.writer.expr(flatten(place, sizes)))
            if inside is not None:
                new = tuple(select(inside, part, other) for part, other in zip(new, combiner.init, strict=True))
            settled = self.values.settle(combiner.combine(tuple(local.value for local in state), new))
            if len(settled) > 1:  # all is computed before the first local changes
                settled = [self.writer.let(local.name, part) for local, part in zip(state, settled, strict=True)]
            for local, part in zip(state, settled, strict=True):
                self.writer.assign(local, part)
        return combiner.result(tuple(local.value for local in state))

    def _gathered(self, index: Index, mask: Expr | None, lanes: int) -> Expr:
        """The sum of what the windows around an element give to it, in their order."""
        gradient, *places = self.node.operands
        dtype = self.node.tensor.dtype
        total = self.writer.local("total", accumulator(dtype), 0, lanes=lanes)
        here = self.writer.expr(flatten(index[self.lead :], self.shape[self.lead :]))
        sizes = gradient.tensor.shape[self.lead :]
        for tap in self._each_tap():
            position: list[Size] = []
            inside: Expr | None = None
            for i, t, window, (stride, padding, dilation) in zip(
                index[self.lead :], tap, self.window, self.options, strict=True
            ):
                if dilation == 1:
                    first = self.writer.ranges.quotient(i + padding, stride) - (-(-window // stride) - 1)
                    position.append(first + t)
                    if not places and window % stride:  # the first of these windows may end before the element
                        reached = i + padding - position[-1] * stride
                        inside = both(inside, self._holds(leaf(reached) < leaf(window)))
                    continue
                reached = i + padding - (window - 1 - t) * dilation
                before = -(-max(0, (window - 1) * dilation - padding) // stride)
                shifted = reached + before * stride  # quotients are of what is not negative
                inside = both(inside, self._holds(eq(leaf(shifted) % leaf(stride), 0) & (leaf(0) <= leaf(reached))))
                position.append(dim.floor_divide(shifted, stride) - before)
            inside = both(inside, self._inside(position, sizes))
            wanted = both(mask, inside)
            at = (*index[: self.lead], *position)
            hit = inside
            for place in places:
                hit = both(inside, eq(self.values.at(place, at, wanted), here))
            added = total.value + cast(self.values.at(gradient, at, wanted), total.dtype)
            (made,) = self.values.settle([added if hit is None else select(hit, added, total.value)])
            self.writer.assign(total, made)
        return cast(total.value, dtype)

    def _taps(self) -> Sequence[tuple[str, int]]:
        """The loops over a window, or over the windows that may see an element: names and counts."""
        if self.node.op.body is not None:
            return [("tap", count) for count in self.window]
        options = zip(self.window, self.options, strict=True)
        return [("tap", -(-count // stride) if dilation == 1 else count) for count, (stride, _, dilation) in options]

    def _each_tap(self) -> Iterator[Index]:
        limit = _UNROLLED if self.options[-1][0] == 1 else _UNROLLED_STEPS
        kinds: list[LoopKind] = []
        elements = 1
        for _, count in reversed(self._taps()):
            elements *= count
            kinds.append("unrolled" if elements <= limit else "serial")
        with ExitStack() as loops:
            named = zip(self._taps(), reversed(kinds), strict=True)
            yield tuple(loops.enter_context(self.writer.over(*tap, kind)) for tap, kind in named)

    def _inside(self, place: Sequence[Size], sizes: Sequence[Size]) -> Expr | None:
        """Whether the place is inside; None where it always is."""
        inside: Expr | None = None
        for i, size in zip(place, sizes, strict=True):
            inside = both(inside, self._holds((leaf(0) <= leaf(i)) & (leaf(i) < leaf(size))))
        return inside

    def _holds(self, condition: Expr) -> Expr | None:
        made = self.writer.condition(condition)
        return None if made.op == "const" else made
