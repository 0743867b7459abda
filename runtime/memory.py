"""Memory of the host: 64-byte aligned buffers that are freed when nothing refers to them, and kept for reuse."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import Any

from brasa.ir.errors import OutOfMemoryError, ValueError
from brasa.ir.packing import ALIGNMENT

_BIG = 256 << 10  # bytes from which blocks are counted, so that those kept for reuse stay within a bound
_HUGE_PAGE = 2 << 20
_LARGEST = 1 << 47
_REQUESTS_REMEMBERED = 1 << 16


class Buffer:
    """Memory on one device.

    ptr: its address. owner: what keeps the memory alive, such as the NumPy array that it belongs to.
    version: how often it was written to in place; whoever writes counts.
    """

    __slots__ = ("__weakref__", "device", "nbytes", "owner", "ptr", "version")

    def __init__(self, ptr: int, nbytes: int, device: str, owner: Any) -> None:
        self.ptr, self.nbytes, self.device, self.owner, self.version = ptr, nbytes, device, owner, 0


class _OwnBuffer(Buffer):
    """Memory from a free list, its owner, to which it returns."""

    __slots__ = ()

    def __del__(self) -> None:
        self.owner.append(self.ptr)


def is_own(buffer: Buffer) -> bool:
    """Whether the memory came from `allocate`, so that nobody has it who does not have the buffer."""
    return buffer.__class__ is _OwnBuffer


class _FreeList(list[int]):
    """Addresses of unused blocks of one size. Appending and popping are atomic, so threads need no lock."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def fresh(self) -> int:
        """The address of a new block."""
        found = _take_from_system(self.size)
        if found is None:
            release_unused()
            found = _take_from_system(self.size)
        if found is None:
            raise OutOfMemoryError(f"{self.size} bytes cannot be allocated") from None
        return found


class _BigFreeList(_FreeList):
    """As above. When all big blocks together would exceed the bound, those kept so far go back to the system."""

    def append(self, ptr: int) -> None:
        if self.size + sum(len(home) * home.size for home in _big_lists()) > _BOUND:
            release_unused()
        if self.size > _BOUND:
            _give_to_system(ptr)
        else:
            super().append(ptr)


_BOUND = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 if hasattr(os, "sysconf") else 1 << 30
_by_size: dict[int, _FreeList] = {}
_by_request: dict[int, _FreeList] = {}

_raw_allocate, _raw_free = ctypes.pythonapi.PyMem_RawMalloc, ctypes.pythonapi.PyMem_RawFree
_raw_allocate.argtypes, _raw_allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
_raw_free.argtypes, _raw_free.restype = [ctypes.c_void_p], None


def _take_from_system(size: int) -> int | None:
    """An aligned block; where the system's own begins is noted in the eight bytes before it."""
    huge = size >= 2 * _HUGE_PAGE
    alignment = _HUGE_PAGE if huge else ALIGNMENT
    base: int | None = _raw_allocate(size + alignment + 8)
    if base is None:
        return None
    ptr = -(-(base + 8) // alignment) * alignment
    ctypes.c_void_p.from_address(ptr - 8).value = base
    if huge and sys.platform == "linux":
        ctypes.pythonapi.madvise(ctypes.c_void_p(ptr), ctypes.c_size_t(size), mmap.MADV_HUGEPAGE)
    return ptr


def _give_to_system(ptr: int) -> None:
    _raw_free(ctypes.c_void_p.from_address(ptr - 8).value)


def _big_lists() -> list[_FreeList]:
    return [home for home in list(_by_size.values()) if isinstance(home, _BigFreeList)]


def release_unused() -> None:
    """Give big blocks that are kept for reuse back to the system."""
    for home in _big_lists():
        for _ in range(len(home)):
            try:
                _give_to_system(home.pop())
            except IndexError:  # another thread took the rest
                break


def _free_list(nbytes: int) -> _FreeList:
    """The list for requests of this size. Blocks go in steps of at most a quarter of their size."""
    if nbytes < 0:
        raise ValueError(f"a buffer cannot have {nbytes} bytes")
    if nbytes > _LARGEST:
        raise OutOfMemoryError(f"{nbytes} bytes cannot be allocated") from None
    step = max(ALIGNMENT, 1 << max(0, nbytes.bit_length() - 3))
    size = max(ALIGNMENT, -(-nbytes // step) * step)
    if len(_by_request) >= _REQUESTS_REMEMBERED:
        _by_request.clear()
    home = _by_size.setdefault(size, _BigFreeList(size) if size >= _BIG else _FreeList(size))
    _by_request[nbytes] = home
    return home


_new = object.__new__


def allocate(nbytes: int) -> Buffer:
    """A buffer of the host with room for nbytes, 64-byte aligned, its contents anything.

    Raises OutOfMemoryError when the system has no more.
    """
    try:
        home = _by_request[nbytes]
    except KeyError:
        home = _free_list(nbytes)
    try:
        ptr = home.pop()
    except IndexError:
        ptr = home.fresh()
    # Every eager op comes through here: this is the fastest way to make the object.
    buffer = _new(_OwnBuffer)
    buffer.ptr = ptr
    buffer.nbytes = nbytes
    buffer.device = "cpu"
    buffer.owner = home
    buffer.version = 0
    return buffer
