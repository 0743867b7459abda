"""Schedule of scatter regions for GPUs: one thread for each slice of the destination copies it and then adds to it."""

from __future__ import annotations

from brasa.codegen.schedules.cuda.threads import one_thread_each
from brasa.codegen.schedules.scatter import add_one
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Writer


def write_scatter(writer: Writer) -> None:
    """Write the kernel of a scatter region."""
    node, values = writer.anchor, Values(writer)
    x, places, _ = node.operands
    axis: int = node.attrs["axis"]
    shape = places.tensor.shape
    writer.staged.add(0)
    with one_thread_each(writer, (*shape[:axis], *shape[axis + 1 :])) as slice_:
        with writer.over("to", x.tensor.shape[axis]) as i:
            values.put([values.store(0, x, (*slice_[:axis], i, *slice_[axis:]))])
        with writer.over("of", shape[axis]) as i:
            add_one(values, node, (*slice_[:axis], i, *slice_[axis:]))
