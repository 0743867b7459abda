"""Schedule of map regions: one loop nest over the domain, vectors along its last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial, reduce
from operator import and_

from brasa.codegen.schedules.indices import Index, Ranges, are_joint, coefficient, variable
from brasa.codegen.schedules.sharing import cost_of
from brasa.codegen.schedules.values import Store, Values
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Dim, Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr
from brasa.ir.program import Place

# One thread takes at least this many elements of a long row at a time.
_PIECE = 4096
# Outputs of so many bytes are written past the caches where memory is what takes the time, which spares reading their
# lines first. With who reads them next, 32 MB took a third longer so, and 64 MB as long, where the last cache has 32.
_STREAMED = 64 << 20
_CHEAP = 10
AXIS_NAMES = "ijklmnopqrstuvw"


def write_map(writer: Writer) -> None:
    """Write the kernel of a map region."""
    domain = writer.region.outputs[0].tensor.shape
    trial = Trial(writer, domain, lambda values, index: output_parts(values, lambda _: index))
    values = Values(writer)

    def body(index: Index, streamed: bool = False) -> None:
        values.put(output_stores(values, lambda _: index), streamed=streamed)

    walk(writer, trial, body, partial(body, streamed=True))


def walk(
    writer: Writer, trial: Trial, body: Callable[[Index], object], streamed: Callable[[Index], object] | None = None
) -> None:
    """Write the body for every index of a domain: threads take rows or pieces of them, vectors run along them.

    Where loads run along another axis, so many rows are done together as a line of memory holds elements. streamed: the
    body, writing the outputs past the caches.
    """
    domain = trial.domain
    groups = trial.joint_groups(range(len(domain)))
    if not groups:
        body((0,) * len(domain))
        return
    axes = [(AXIS_NAMES[group[0]], dim.product(domain[axis] for axis in group)) for group in groups]
    pair: list[list[int]] = []
    if len(axes) > 1 and axes[-1][1] == 2:  # too few for a vector, as the two parts of a complex number
        pair = [groups.pop()]
        axes.pop()
    *rows, (name, length) = axes
    across = trial.crossing_group(groups)
    if across is not None:
        rows[across] = ("block", dim.ceil_divide(rows[across][1], LANES))
    count = dim.product(extent for _, extent in rows)
    in_pieces = not (isinstance(length, int) and length <= 2 * _PIECE) and isinstance(count, int) and count < 64
    piece: Size = _PIECE if in_pieces else length
    if in_pieces:
        rows.append(("piece", dim.ceil_divide(length, piece)))
    flat = in_pieces and len(rows) == 1 and not pair and across is None
    with writer.cells(rows, trial.cost / LANES * (1 if across is None else LANES), piece) as cell:
        start: Size = cell[-1] * piece if in_pieces else 0
        here = dim.smallest(piece, length - start) if in_pieces else length

        def along(body: Callable[[Index], object]) -> None:
            with ExitStack() as loops:
                place = start + loops.enter_context(writer.over(name, here, "vector"))
                at = [*cell[: len(groups) - 1], place]
                if across is not None:
                    first = at[across] * LANES
                    near = dim.smallest(LANES, axes[across][1] - first)
                    at[across] = first + loops.enter_context(writer.over(axes[across][0], near))
                for last in ((0,), (1,)) if pair else ((),):
                    body(spread([*groups, *pair], [*at, *last], len(domain)))

        streams = streams_of(writer, length) if streamed and flat and trial.cost < _CHEAP else None
        if streams is not None and streamed is not None:
            writer.either(streams, partial(along, streamed), partial(along, body))
        else:
            along(body)


def streams_of(writer: Writer, count: Size) -> Expr | None:
    """Whether outputs of so many elements are written past the caches; None if never, as where they replace inputs."""
    outputs = writer.region.outputs
    least = _STREAMED // sum(node.tensor.dtype.itemsize for node in outputs)
    if writer.layouts.shared or any(writer.layouts.outputs) or (isinstance(count, int) and count < least):
        return None
    aligned = [writer.buffer_of(Place("output", number)).is_aligned() for number in range(len(outputs))]
    return reduce(and_, aligned, writer.expr(count) >= least)


def output_stores(values: Values, index_of: Callable[[Node], Index], mask: Expr | None = None) -> list[Store]:
    """The stores of all of a region's outputs, each at its index."""
    return [
        values.store(number, node, index_of(node), mask) for number, node in enumerate(values.writer.region.outputs)
    ]


def output_parts(values: Values, index_of: Callable[[Node], Index]) -> list[Expr]:
    """What the stores of all outputs compute: values and places."""
    stores = output_stores(values, index_of)
    return [part for _, offset, value, _ in stores for part in (value, values.writer.expr(offset))]


def spread(groups: Sequence[Sequence[int]], at: Sequence[Size], rank: int) -> Index:
    """The index whose groups of axes stand at these flat places: each on the last axis of its group."""
    index: list[Size] = [0] * rank
    for group, place in zip(groups, at, strict=True):
        index[group[-1]] = place
    return tuple(index)


def unflatten(ranges: Ranges, place: Size, extents: Sequence[Size]) -> Index:
    """The index in a shape of a flat place."""
    index: list[Size] = []
    for extent in reversed(extents[1:]):
        index.insert(0, ranges.remainder(place, extent))
        place = ranges.quotient(place, extent)
    return (place, *index) if extents else ()


class Trial:
    """A region evaluated once at a general index, to see how memory is walked and what an element costs."""

    def __init__(
        self, writer: Writer, domain: Sequence[Size], evaluate: Callable[[Values, Index], Sequence[Expr]]
    ) -> None:
        self.writer = Writer(writer.region, writer.layouts, writer.target)
        self.domain = tuple(domain)
        self.axes: list[Dim | None] = []
        for axis, extent in enumerate(domain):
            index = variable(f"axis{axis}")
            self.axes.append(None if extent == 1 else index)
            if extent != 1:
                self.writer.track(self.writer.let(f"axis{axis}", self.writer.expr(0)), extent)
        general = tuple(0 if axis is None else axis for axis in self.axes)
        self.cost = cost_of(evaluate(Values(self.writer), general)) + 0.5

    def crossing_group(self, groups: Sequence[Sequence[int]]) -> int | None:
        """The group along which a load is contiguous that is not so along the last one; None if there is none."""
        for _, offset in self.writer.loads:
            steps = [coefficient(offset, str(self.axes[group[-1]])) for group in groups]
            if steps[-1] not in (0, 1) and 1 in steps:
                return steps.index(1)
        return None

    def joint_groups(self, axes: Sequence[int]) -> list[list[int]]:
        """These axes without those of size 1, neighbours in one group where one variable can walk both."""
        groups: list[list[int]] = []
        for axis in axes:
            inner = self.axes[axis]
            if inner is None:
                continue
            outer = self.axes[groups[-1][-1]] if groups else None
            facts = self.writer.uses, self.writer.ranges.divisions
            if outer is not None and are_joint(outer, inner, self.domain[axis], *facts):
                groups[-1].append(axis)
            else:
                groups.append([axis])
        return groups
