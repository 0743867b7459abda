"""Schedule of scatter regions: a copy of x, then every slice of the destination takes its values in order."""

from __future__ import annotations

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import AXIS_NAMES, Trial, spread, walk
from brasa.codegen.schedules.values import Values, accumulator, body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Node
from brasa.ir.kernel import LANES, Expr, cast
from brasa.ir.program import Place

# One thread takes so many neighbouring slices at a time.
_SLICES = 64


def write_scatter(writer: Writer) -> None:
    """Write the kernel of a scatter region."""
    node = writer.anchor
    x, places, source = node.operands
    axis: int = node.attrs["axis"]
    writer.staged.add(0)
    values = Values(writer)

    def copied(values: Values, index: Index) -> list[Expr]:
        return [values.at(x, index), values.writer.expr(values.writer.offset(Place("output", 0), index))]

    walk(writer, Trial(writer, x.tensor.shape, copied), lambda index: values.put([values.store(0, x, index)]))

    def added(values: Values, index: Index) -> list[Expr]:
        place = (*index[:axis], 0, *index[axis + 1 :])
        return [values.at(places, index), values.at(source, index), *copied(values, place)]

    shape = places.tensor.shape
    trial = Trial(writer, shape, added)
    groups = trial.joint_groups([a for a in range(len(shape)) if a < axis])
    inner = trial.joint_groups([a for a in range(len(shape)) if a > axis])
    axes = [(AXIS_NAMES[group[0]], dim.product(shape[a] for a in group)) for group in (*groups, *inner)]
    length = axes[-1][1] if inner else 1
    rows = [*axes[:-1], ("block", dim.ceil_divide(length, _SLICES))] if inner else axes
    cost = trial.cost * (_SLICES / LANES if inner else 1)
    with writer.cells(rows, cost, shape[axis]) as cell, writer.over(AXIS_NAMES[axis], shape[axis]) as i:
        if not inner:
            add_one(values, node, with_axis(spread(groups, cell, len(shape)), axis, i))
            return
        *outer, block = cell
        start = block * _SLICES
        with writer.over(axes[-1][0], dim.smallest(_SLICES, length - start), "vector") as slice_:
            index = spread([*groups, *inner], [*outer, start + slice_], len(shape))
            add_one(values, node, with_axis(index, axis, i))


def add_one(values: Values, node: Node, index: Index) -> None:
    """Let one value meet what its place holds, if that is inside."""
    writer, out = values.writer, values.writer.buffer_of(Place("output", 0))
    axis: int = node.attrs["axis"]
    place, ok = values.checked_place(node, index, None)
    offset = writer.offset(Place("output", 0), with_axis(index, axis, place))
    wide = accumulator(out.dtype)
    old, new = out.load(writer.expr(offset), ok), values.at(node.operands[2], index)
    total: Expr = body_of(node)(cast(old, wide), cast(new, wide))
    values.put([(out, offset, cast(total, out.dtype), ok)])


def with_axis(index: Index, axis: int, place: Size) -> Index:
    """The index with another place along an axis."""
    return (*index[:axis], place, *index[axis + 1 :])
