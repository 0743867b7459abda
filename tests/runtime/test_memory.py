"""Buffers: aligned, apart from one another, used again, and bounded."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from brasa.ir.errors import BrasaError, OutOfMemoryError, ValueError
from brasa.runtime import Buffer, allocate, memory, release_unused

MEBIBYTE = 1 << 20


def write(buffer: Buffer, value: int) -> None:
    """Fill a buffer."""
    ctypes.memset(buffer.ptr, value, buffer.nbytes)


def holds(buffer: Buffer, value: int) -> bool:
    """Whether every byte of a buffer has this value."""
    return ctypes.string_at(buffer.ptr, buffer.nbytes) == bytes([value]) * buffer.nbytes


def test_buffers_are_aligned_and_apart() -> None:
    sizes = [0, 1, 63, 64, 65, 1000, 4096, 300_000, 5 * MEBIBYTE, *range(100, 200)]
    buffers = [allocate(size) for size in sizes for _ in range(2)]
    for value, buffer in enumerate(buffers):
        assert buffer.ptr % 64 == 0
        write(buffer, value % 251)
    assert all(holds(buffer, value % 251) for value, buffer in enumerate(buffers))
    assert [buffer.nbytes for buffer in buffers[::2]] == sizes
    assert {(buffer.device, buffer.version) for buffer in buffers} == {("cpu", 0)}


@pytest.mark.parametrize("size", [0, 64, 1000, 300_000, 8 * MEBIBYTE])
def test_memory_is_used_again(size: int) -> None:
    buffer = allocate(size)
    first = buffer.ptr
    del buffer
    again = allocate(size)
    assert again.ptr == first
    assert allocate(size).ptr != first


def test_similar_sizes_share_blocks() -> None:
    buffer = allocate(MEBIBYTE - 5)
    first = buffer.ptr
    del buffer
    assert allocate(MEBIBYTE - 1000).ptr == first


def test_little_is_wasted() -> None:
    for size in (*range(0, 10_000, 77), 123_456, 10_000_000, 1 << 30):
        block = memory._free_list(size).size
        assert size <= block <= max(64, size * 1.25 + 64)


def test_big_blocks_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    release_unused()
    monkeypatch.setattr(memory, "_BOUND", 4 * MEBIBYTE)

    def kept() -> int:
        return sum(len(home) * home.size for home in memory._big_lists())

    buffers = [allocate(MEBIBYTE) for _ in range(4)]
    while buffers:
        buffers.pop()
    assert kept() == 4 * MEBIBYTE
    buffers = [allocate(2 * MEBIBYTE)]
    buffers.clear()
    assert kept() == 2 * MEBIBYTE  # the others had to go
    allocate(16 * MEBIBYTE)
    assert kept() == 0
    allocate(MEBIBYTE)
    release_unused()
    assert kept() == 0


def test_foreign_memory_is_held() -> None:
    array = np.arange(10.0)
    alive = weakref.ref(array)
    buffer = Buffer(array.ctypes.data, array.nbytes, "cpu", array)
    del array
    gc.collect()
    assert ctypes.c_double.from_address(buffer.ptr + 24).value == 3.0
    del buffer
    gc.collect()
    assert alive() is None


def test_buffers_are_small_objects() -> None:
    buffer = allocate(10)
    assert not hasattr(buffer, "__dict__")
    assert weakref.ref(buffer)() is buffer


def test_errors() -> None:
    with pytest.raises(ValueError, match="cannot have -1 bytes"):
        allocate(-1)
    for size in (1 << 46, 1 << 48, 1 << 80):
        with pytest.raises(OutOfMemoryError, match=r"^\d+ bytes cannot be allocated") as caught:
            allocate(size)
        assert isinstance(caught.value, BrasaError)
        assert isinstance(caught.value, MemoryError)


def test_a_full_machine_gets_kept_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = allocate(MEBIBYTE)
    del buffer
    answers = [None, 4096]  # the system refuses until something is given back
    given_back: list[int] = []
    monkeypatch.setattr(memory, "_take_from_system", lambda size: answers.pop(0))
    monkeypatch.setattr(memory, "_give_to_system", given_back.append)
    assert memory._FreeList(128).fresh() == 4096
    assert given_back


def test_threads() -> None:
    def use(seed: int) -> bool:
        chosen = np.random.default_rng(seed)
        live: list[tuple[Buffer, int]] = []
        for turn in range(400):
            buffer = allocate(int(chosen.choice([0, 8, 100, 1000, 300_000])))
            write(buffer, turn % 256)
            live.append((buffer, turn % 256))
            if len(live) > 10:
                found, value = live.pop(int(chosen.integers(10)))
                if not holds(found, value):
                    return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(use, range(12)))


def test_collected_cycles_free_their_buffers() -> None:
    size = 777_777
    buffer = allocate(size)
    first = buffer.ptr
    cycle: list[object] = [buffer]
    cycle.append(cycle)
    del buffer, cycle
    gc.collect()
    assert allocate(size).ptr == first


def test_buffers_that_outlive_the_interpreter_are_silent() -> None:
    script = """
import builtins
from brasa.runtime import allocate
big, small = allocate(1 << 20), allocate(10)
builtins.kept = [allocate(1 << 20), allocate(10)]
cycle = [allocate(1 << 20)]
cycle.append(cycle)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
