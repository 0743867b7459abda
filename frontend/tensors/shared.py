"""Tensors in memory that other processes can see too."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterable

from brasa._state import bump_epoch
from brasa.ir.errors import GradientError, ValueError
from brasa.runtime.shared_memory import Segment, allocate_shared, places, shared_buffer
from brasa.tensors.tensor import Tensor


def is_shared(tensor: Tensor) -> bool:
    """Whether the tensor lies in memory that other processes can see."""
    buffer = tensor._materialized()._buffer
    return buffer is not None and isinstance(buffer.owner, Segment)


def share(tensors: Iterable[Tensor]) -> None:
    """Move tensors, with their views and all else in the same memory, to one segment that can be passed on."""
    users: dict[int, set[Tensor]] = {}
    for each in tensors:
        if each._materialized()._buffer is None:
            raise ValueError("there is no memory to be shared yet", op="share_memory_")
        if not is_shared(each) or each._buffer.owner.file is None:  # type: ignore[union-attr]
            users.setdefault(id(each._buffer), set()).add(each)
    if not users:
        return
    buffers = {key: next(iter(found))._buffer for key, found in users.items()}
    here = 2  # references to memory: `buffers`, and the argument of what counts them
    if any(sys.getrefcount(buffers[key]) > len(found) + here for key, found in users.items()):
        for other in gc.get_objects():  # views know their memory, but memory does not know its views
            if issubclass(type(other), Tensor) and id(other._buffer) in users:
                users[id(other._buffer)].add(other)
    begins, size = places([buffer.nbytes for buffer in buffers.values()])  # type: ignore[union-attr]
    segment = allocate_shared(size)
    for (key, old), begin in zip(buffers.items(), begins, strict=True):
        assert old is not None
        new = shared_buffer(segment, begin, old.nbytes)
        new.version = old.version
        ctypes.memmove(new.ptr, old.ptr, old.nbytes)
        for each in users[key]:
            each._buffer, each._ptr = new, each._ptr + new.ptr - old.ptr
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
