"""Schedule of trellis regions: a sample per thread, its times one after the other, states side by side in the lanes."""

from __future__ import annotations

from brasa.codegen.schedules.values import Values, body_of
from brasa.codegen.schedules.writer import Writer
from brasa.ir import kernel
from brasa.ir.dim import Size
from brasa.ir.kernel import Expr, eq, select
from brasa.ir.program import Place

_COST = 10.0  # nanoseconds for a state at a time


def write_trellis(writer: Writer) -> None:
    """Write the kernel of a trellis region."""
    node = writer.anchor
    scores, skips, lengths, last = node.operands
    reverse: bool = node.attrs["reverse"]
    times, samples, states = node.tensor.shape
    out, by = Place("output", 0), 1 if reverse else -1
    writer.staged.add(0)
    buffer, values = writer.buffer_of(out), Values(writer)

    def before(n: Size, time: Size, state: Size, mask: Expr) -> Expr:
        """The result one time before, -inf where there is none."""
        at = writer.expr(writer.offset(out, (time + by, n, state)))
        return select(mask, buffer.load(at, mask), float("-inf"))

    with writer.cells([("n", samples)], _COST, times * states) as (n,):
        length, end = (
            values.name(label, values.at(each, (n,))) for label, each in (("length", lengths), ("last", last))
        )
        with writer.over("t", times) as t:
            time = times - 1 - t if reverse else t
            here = writer.expr(time)
            inside = writer.let("inside", here < length)
            first = writer.let("first", eq(here, length - 1) if reverse else eq(here, 0))
            more = writer.let("more", inside & ~first)
            with writer.over("s", states, "vector") as s:
                place = writer.expr(s)
                near = more & (writer.expr(s + by) < writer.expr(states) if reverse else place >= 1)
                far = more & (writer.expr(s + 2 * by) < writer.expr(states) if reverse else place >= 2)
                hop = far & values.at(skips, (n, s + 2 if reverse else s), far)
                score = values.name("score", values.at(scores, (time, n, s)))
                parts = [before(n, time, s + k * by, mask) for k, mask in enumerate((kernel.spread(more), near, hop))]
                began = (eq(place, end) | eq(place, end - 1)) if reverse else place < 2
                summed = body_of(node)(score, *(writer.let("part", part) for part in parts))
                started = select(kernel.spread(first) & began, score, float("-inf"))
                value = select(kernel.spread(more), summed, select(kernel.spread(inside), started, float("-inf")))
                values.put([(buffer, writer.offset(out, (time, n, s)), value, None)])
