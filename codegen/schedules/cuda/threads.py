"""What the schedules for GPUs share: one thread for each place of a domain, and the digits of a flat place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.writer import Writer
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.kernel import Expr

THREADS = 256  # of a block


@contextmanager
def one_thread_each(writer: Writer, axes: Sequence[tuple[str, Size]]) -> Iterator[Index]:
    """The indices along axes, every combination in a thread of its own."""
    total = dim.product(extent for _, extent in axes)
    blocks = dim.ceil_divide(total, THREADS)
    with writer.over("block", blocks, "block") as block, writer.over("thread", THREADS, "thread") as thread:
        place = block * THREADS + thread
        with where(writer, writer.below(place, total)):
            yield digits(writer, axes, place)


def digits(writer: Writer, axes: Sequence[tuple[str, Size]], place: Size) -> Index:
    """The indices along axes that a flat, row-major place stands for, each under its axis's name."""
    found: list[Size] = []
    for name, extent in reversed(axes[1:]):
        found.insert(0, writer.let_index(name, writer.ranges.remainder(place, extent), extent))
        place = writer.ranges.quotient(place, extent)
    return (writer.let_index(*axes[0][:1], place, axes[0][1]), *found) if axes else ()


def where(writer: Writer, condition: Expr | None) -> AbstractContextManager[None]:
    """Statements under a condition, if there is one."""
    return nullcontext() if condition is None else writer.when(condition)
