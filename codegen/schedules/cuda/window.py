"""Schedule of window regions for GPUs: one thread for each element of the result."""

from __future__ import annotations

from brasa.codegen.schedules.cuda.threads import one_thread_each
from brasa.codegen.schedules.window import Window
from brasa.codegen.schedules.writer import Writer


def write_window(writer: Writer) -> None:
    """Write the kernel of a window region."""
    window = Window(writer, writer.anchor)
    with one_thread_each(writer, window.shape) as index:
        window.element(index, None, 1)
