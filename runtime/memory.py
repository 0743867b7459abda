"""Memory of the host: 64-byte aligned buffers that are freed when nothing refers to them, and kept for reuse."""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import sys
from typing import Any

from brasa.ir.errors import OutOfMemoryError, ValueError
from brasa.ir.program import ALIGNMENT

BIG = 256 << 10  # bytes from which fresh pages cost more than the bookkeeping of a bounded cache
_HUGE_PAGE = 2 << 20
_SMALL_BYTES_KEPT = 16 << 20  # of each size
_SIZES_REMEMBERED = 1 << 16


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
        home = self.owner
        if len(home) < home.limit:
            home.append(self.ptr)
        else:
            home.keep_or_release(self.ptr)


class _FreeList(list[int]):
    """Addresses of unused blocks of one size. Appending and popping are atomic, so threads need no lock."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.limit = 0 if size >= BIG else _SMALL_BYTES_KEPT // size

    def fresh(self) -> int:
        """The address of a new block."""
        found = _system_allocate(self.size)
        if found is None:
            release_unused()
            found = _system_allocate(self.size)
        if found is None:
            raise OutOfMemoryError(f"{self.size} bytes cannot be allocated")
        return found

    def keep_or_release(self, ptr: int) -> None:
        """Keep a big block while all that are kept stay within the bound; beyond it start afresh."""
        if self.size >= BIG:
            if _kept_bytes() + self.size > _BIG_BYTES_KEPT:
                release_unused()
            if self.size <= _BIG_BYTES_KEPT:
                self.append(ptr)
                return
        _system_free(ptr)


_allocate_raw = ctypes.pythonapi.PyMem_RawMalloc
_allocate_raw.argtypes, _allocate_raw.restype = [ctypes.c_size_t], ctypes.c_void_p
_free_raw = ctypes.pythonapi.PyMem_RawFree
_free_raw.argtypes, _free_raw.restype = [ctypes.c_void_p], None


def _physical_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30


_BIG_BYTES_KEPT = _physical_bytes() // 4
_lists_by_size: dict[int, _FreeList] = {}
_lists_by_request: dict[int, _FreeList] = {}


def _system_allocate(size: int) -> int | None:
    """An aligned block; what the system gave lies in the eight bytes before it. Big ones are aligned to huge pages."""
    alignment = _HUGE_PAGE if size >= 2 * _HUGE_PAGE else ALIGNMENT
    base: int | None = _allocate_raw(size + alignment + 8)
    if base is None:
        return None
    ptr = (base + 8 + alignment - 1) // alignment * alignment
    ctypes.c_void_p.from_address(ptr - 8).value = base
    if alignment == _HUGE_PAGE and sys.platform == "linux":
        ctypes.pythonapi.madvise(ctypes.c_void_p(ptr), ctypes.c_size_t(size), mmap.MADV_HUGEPAGE)
    return ptr


def _system_free(ptr: int) -> None:
    _free_raw(ctypes.c_void_p.from_address(ptr - 8).value)


def _kept_bytes() -> int:
    return sum(len(home) * home.size for home in list(_lists_by_size.values()) if home.size >= BIG)


def release_unused() -> None:
    """Give the memory of unused big blocks back to the system."""
    for home in list(_lists_by_size.values()):
        if home.size >= BIG:
            for _ in range(len(home)):
                try:
                    _system_free(home.pop())
                except IndexError:  # another thread took the rest
                    break


@atexit.register
def _keep_everything() -> None:
    """From now on buffers only return to their lists: the interpreter takes this module apart before the last ones."""
    for home in list(_lists_by_size.values()):
        home.limit = sys.maxsize


def _free_list(nbytes: int) -> _FreeList:
    """The list for requests of this size: sizes go in steps of an eighth to a quarter of themselves."""
    if nbytes < 0:
        raise ValueError(f"a buffer cannot have {nbytes} bytes")
    if nbytes >= 1 << 47:
        raise OutOfMemoryError(f"{nbytes} bytes cannot be allocated")
    step = max(ALIGNMENT, 1 << max(0, nbytes.bit_length() - 3))
    size = max(ALIGNMENT, -(-nbytes // step) * step)
    if len(_lists_by_request) >= _SIZES_REMEMBERED:
        _lists_by_request.clear()
    home = _lists_by_request[nbytes] = _lists_by_size.setdefault(size, _FreeList(size))
    return home


_new = object.__new__


def allocate(nbytes: int) -> Buffer:
    """A buffer of the host with room for nbytes, 64-byte aligned, its contents anything.

    Raises OutOfMemoryError when the system has no more.
    """
    home = _lists_by_request.get(nbytes)
    if home is None:
        home = _free_list(nbytes)
    try:
        ptr = home.pop()
    except IndexError:
        ptr = home.fresh()
    buffer = _new(_OwnBuffer)
    buffer.ptr, buffer.nbytes, buffer.device, buffer.owner, buffer.version = ptr, nbytes, "cpu", home, 0
    return buffer
