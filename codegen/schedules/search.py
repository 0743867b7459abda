"""Schedule of search regions: bisection of a sorted row, for the values of LANES places at a time."""

from __future__ import annotations

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import Trial, walk
from brasa.codegen.schedules.values import Values, body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir.dim import Size
from brasa.ir.dtype import int64
from brasa.ir.kernel import LANES, Expr, cast, const, select
from brasa.ir.program import Place

_BITS = 48  # of the length of a row, at most


def write_search(writer: Writer) -> None:
    """Write the kernel of a search region."""
    node = writer.anchor
    sequence, sought = node.operands
    length = sequence.tensor.shape[-1]
    rounds = _rounds(writer, length)

    def read(values: Values, index: Index) -> list[Expr]:
        own = values.writer
        out = own.expr(own.offset(Place("output", 0), index))
        return [values.at(sought, index), values.at(sequence, (*index[:-1], 0)), out]

    trial, values = Trial(writer, sought.tensor.shape, read), Values(writer)
    trial.cost += 20.0 * LANES

    def find(index: Index) -> None:
        value = writer.let("value", values.at(sought, index))
        lanes = max(value.lanes, *(writer.expr(place).lanes for place in index))  # rows may share one value
        bounds = [writer.local(name, int64, 0, lanes=lanes) for name in ("low", "high")]
        low, high = bounds
        writer.assign(high, writer.expr(length))
        with writer.over("round", rounds):
            middle = writer.let("middle", (low.value + high.value) >> 1)
            is_open = writer.let("is_open", low.value < high.value)
            at = (*index[:-1], writer.track(middle, length))
            element = values.at(sequence, at, is_open)
            after = writer.let("after", body_of(node)(element, value, **node.attrs))
            writer.assign(low, select(is_open & after, middle + 1, low.value))
            writer.assign(high, select(is_open & ~after, middle, high.value))
        out = Place("output", 0)
        writer.store(writer.buffer_of(out), writer.expr(writer.offset(out, index)), low.value)

    walk(writer, trial, find)


def _rounds(writer: Writer, length: Size) -> Size:
    """How often a row can be halved until nothing is left."""
    if isinstance(length, int):
        return length.bit_length()
    count = writer.local("count", int64, 0)
    with writer.over("bit", _BITS) as bit:
        reaches = const(1, int64) << writer.expr(bit) <= writer.expr(length)
        writer.assign(count, count.value + cast(reaches, int64))
    return writer.track(writer.let("rounds", count.value), None)
