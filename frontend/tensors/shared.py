"""Tensors in memory that other processes can see too."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable

from brasa._state import bump_epoch
from brasa.ir.errors import GradientError
from brasa.runtime.shared_memory import Segment, allocate_shared, places, shared_buffer
from brasa.tensors.tensor import Tensor


def is_shared(tensor: Tensor) -> bool:
    """Whether the tensor lies in memory that other processes can see."""
    buffer = tensor._materialized()._buffer
    return buffer is not None and isinstance(buffer.owner, Segment)


def share(tensors: Iterable[Tensor]) -> None:
    """Move tensors, with their views and all else in the same memory, to one segment that can be passed on."""
    buffers = {id(each._materialized()._buffer): each._buffer for each in tensors}
    moved = [buffer for buffer in buffers.values() if buffer is not None
             and not (isinstance(buffer.owner, Segment) and buffer.owner.file is not None)]  # fmt: skip
    if not moved:
        return
    begins, size = places([buffer.nbytes for buffer in moved])
    segment = allocate_shared(size)
    new = {}
    for buffer, begin in zip(moved, begins, strict=True):
        made = new[id(buffer)] = shared_buffer(segment, begin, buffer.nbytes)
        made.version = buffer.version
        ctypes.memmove(made.ptr, buffer.ptr, buffer.nbytes)
    for each in gc.get_objects():  # views know their memory, but memory does not know its views
        if issubclass(type(each), Tensor) and id(each._buffer) in new:
            made = new[id(each._buffer)]
            each._ptr += made.ptr - each._buffer.ptr
            each._buffer = made
    bump_epoch()


def shared_place(tensor: Tensor, op: str) -> tuple[Segment, int]:
    """Where a tensor lies that is to be sent to another process: the segment, which it is moved to, and the byte there.

    GradientError for a value that is not a leaf: the graph that it belongs to stays in this process.
    """
    if not tensor.is_leaf:
        raise GradientError("a tensor that a recorded function made cannot be sent to another process", op=op,
                            hint="detach() it first")  # fmt: skip
    share([tensor])
    assert tensor._buffer is not None
    segment: Segment = tensor._buffer.owner
    return segment, tensor._ptr - segment.ptr
