"""Memory that processes share: files that have no name, and the memory that a process sees them as.

A file without a name is passed to another process as an open file. The system frees it when the last process that has
it open or in its memory has let go of it or died, however it died: there is nothing to clean up. On Linux such a file
lies in memory and counts towards no limit but the machine's; elsewhere it is a temporary file that is unlinked at once.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import weakref
from collections.abc import Sequence

from brasa.ir.errors import BrasaError, OutOfMemoryError
from brasa.ir.packing import ALIGNMENT
from brasa.runtime.memory import Buffer

FOLDER = "/dev/shm"  # where files lie that are in memory and have a name, for a moment
_FULL = (errno.ENOSPC, errno.ENOMEM, errno.EDQUOT, errno.EFBIG)
_MOST_AT_ONCE = 512  # pieces that one system call may write
_GAP = bytes(ALIGNMENT)

_library = ctypes.CDLL(None, use_errno=True)
_map, _unmap = _library.mmap, _library.munmap
_map.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_map.restype = ctypes.c_void_p
_unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FAILED = ctypes.c_void_p(-1).value


class Segment:
    """A file as memory at `ptr`, of `nbytes`, which is given back when nothing refers to it.

    What gives it back runs when no weak reference finds the segment any more. In `__del__` another thread, which
    receives the same file at that moment, could still find it, and use memory that is gone.
    """

    def __init__(self, file: int, nbytes: int, keep: bool) -> None:
        self._file = [file]
        self.nbytes = nbytes
        self.ptr = _map(None, max(1, nbytes), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file, 0)
        if self.ptr == _FAILED:
            os.close(file)
            raise OutOfMemoryError(f"{nbytes} bytes cannot be shared: {os.strerror(ctypes.get_errno())}")
        weakref.finalize(self, _give_back, self.ptr, max(1, nbytes), self._file).atexit = False
        if not keep:
            self.close_file()

    @property
    def file(self) -> int | None:
        """The open file, None where it is closed and so cannot be passed on."""
        return self._file[0] if self._file else None

    def close_file(self) -> None:
        """Keep the memory alone."""
        if self._file:
            os.close(self._file.pop())


def _give_back(ptr: int, nbytes: int, file: list[int]) -> None:
    if file:
        os.close(file.pop())
    _unmap(ptr, nbytes)


_segments: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()
_buffers: weakref.WeakValueDictionary[tuple[int, int], Buffer] = weakref.WeakValueDictionary()


def shared_buffer(segment: Segment, offset: int, nbytes: int) -> Buffer:
    """A part of a segment as a buffer; the one that there is, if any."""
    key = (segment.ptr + offset, nbytes)
    buffer = _buffers.get(key)
    if buffer is None:
        buffer = _buffers[key] = Buffer(*key, "cpu", segment)
    return buffer


def allocate_shared(nbytes: int) -> Segment:
    """A new segment of zeros; OutOfMemoryError when there is no room for it."""
    file = new_file()
    try:
        os.posix_fallocate(file, 0, max(1, nbytes))
    except OSError as error:
        os.close(file)
        raise no_room(nbytes, error) from None
    return segment_of(file)


def segment_of(file: int) -> Segment:
    """The segment of an open file, which is kept open: the one that this process has of it already, if any."""
    facts = os.fstat(file)
    key = (facts.st_dev, facts.st_ino)
    segment = _segments.get(key)
    if segment is None:
        segment = _segments[key] = Segment(file, facts.st_size, keep=True)
    else:
        os.close(file)
    return segment


def new_file() -> int:
    """A new open file without a name."""
    try:
        if hasattr(os, "memfd_create"):
            return os.memfd_create("brasa")
        import tempfile  # which takes long to import, and is seldom needed

        with tempfile.TemporaryFile(dir=FOLDER if os.path.isdir(FOLDER) else None) as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise too_many_files(error) from None


def too_many_files(error: OSError) -> BrasaError:
    """What to say when a file could not be opened."""
    many = error.errno in (errno.EMFILE, errno.ENFILE)
    hint = "each tensor in shared memory holds a file open: let go of some, or allow more (ulimit -n)" if many else ""
    return BrasaError(f"no file for shared memory can be opened: {error.strerror}", hint=hint)


def no_room(nbytes: int, error: OSError) -> BrasaError:
    """What to say when nbytes could not be written to a file in memory."""
    if error.errno not in _FULL:
        return BrasaError(f"{nbytes} bytes cannot be written to shared memory: {error.strerror}")
    fact = f"{nbytes:,} bytes find no room in shared memory ({error.strerror})"
    if os.path.isdir(FOLDER):
        room = os.statvfs(FOLDER)
        fact += (
            f": {FOLDER} has {room.f_blocks * room.f_frsize:,} bytes, {room.f_bavail * room.f_frsize:,} of them free"
        )
    return OutOfMemoryError(
        fact, hint=f"give the machine or container more memory, or {FOLDER} more room (docker run --shm-size=2g); or "
        "use smaller batches, fewer workers, a smaller prefetch_factor")  # fmt: skip


def places(lengths: Sequence[int]) -> tuple[list[int], int]:
    """Where pieces of these lengths begin that lie aligned one after the other, and where the last one ends."""
    begins, end = [], 0
    for length in lengths:
        begins.append(end)
        end += -(-length // ALIGNMENT) * ALIGNMENT
    return begins, end


def write_pieces(file: int, pieces: Sequence[memoryview]) -> None:
    """Write pieces of bytes to a new file, at their `places`; OutOfMemoryError when there is no room."""
    rest: list[memoryview] = []
    for piece in pieces:
        rest.append(piece)
        if gap := -piece.nbytes % ALIGNMENT:
            rest.append(memoryview(_GAP)[:gap])
    total = sum(piece.nbytes for piece in rest)
    rest.reverse()
    try:
        while rest:
            written = os.writev(file, rest[: -_MOST_AT_ONCE - 1 : -1])
            while rest and written >= rest[-1].nbytes:
                written -= rest.pop().nbytes
            if written:
                rest[-1] = rest[-1][written:]
    except OSError as error:
        raise no_room(total, error) from None
