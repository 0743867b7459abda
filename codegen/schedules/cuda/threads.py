"""What the schedules for GPUs share: a thread for each place of a domain, digits of flat places, conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import unflatten
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.kernel import Expr

THREADS = 256  # of a block


@contextmanager
def one_thread_each(writer: Writer, extents: Sequence[Size]) -> Iterator[Index]:
    """The index of each place of a domain, in a thread of its own."""
    total = dim.product(extents)
    blocks = dim.ceil_divide(total, THREADS)
    with writer.over("block", blocks, "block") as block, writer.over("thread", THREADS, "thread") as thread:
        place = writer.let_index("place", block * THREADS + thread)
        certain = writer.below(block * THREADS + thread, total) is None
        with where(writer, None if certain else writer.expr(place) < writer.expr(total)):
            yield named_digits(writer, "i", extents, writer.track(writer.expr(place), total))


def named_digits(writer: Writer, name: str, extents: Sequence[Size], place: Size) -> Index:
    """The index, in a box of these extents, of a row-major place; each part of it under a name."""
    places = unflatten(writer.ranges, place, extents)
    if len(places) == 1:
        return places
    return tuple(writer.let_index(f"{name}{i}", at, extents[i]) for i, at in enumerate(places))


def where(writer: Writer, *conditions: Expr | None) -> AbstractContextManager[None]:
    """Statements that run where all conditions hold."""
    condition = both(*conditions)
    return nullcontext() if condition is None else writer.when(condition)


def both(*conditions: Expr | None) -> Expr | None:
    """Whether all conditions hold; None always does."""
    total: Expr | None = None
    for condition in conditions:
        total = condition if total is None else total if condition is None else total & condition
    return total
