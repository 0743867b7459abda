"""What a DataLoader says of errors in workers, and that it leaves no process and no shared memory behind."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import brasa
from brasa.utils.data import DataLoader
from tests.frontend.data.datasets import Deadly, Failing, Numbers, Slow, Stream

FOLDER = Path("/dev/shm")


class Odd(Exception):
    """An error that is not made of a text."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(f"{number} {name}")


def mapped() -> int:
    """How much of this process's memory is shared with workers: the files in memory that it sees or has open."""
    seen = Path("/proc/self/maps").read_text().count("memfd:brasa")
    return seen + sum("memfd:brasa" in os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                      if os.path.islink(f"/proc/self/fd/{n}"))  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test there are as many processes, shared files, and open files as before."""

    def found() -> tuple[Any, ...]:
        files = set(FOLDER.iterdir()), len(os.listdir("/proc/self/fd"))
        return multiprocessing.active_children(), mapped(), *files

    before = found()
    yield
    if found() != before:
        gc.collect()  # what an error's traceback held
    assert found() == ([], 0, *before[2:])


@pytest.mark.parametrize("error", [ValueError("a bad\nvalue"), KeyError("key"), Odd(1, "x"), StopIteration("enough")])
def test_errors_come_with_their_traceback(error: Exception) -> None:
    """As one of the same kind where there can be one; the batches after can still be had."""
    batches = iter(DataLoader(Failing(error), 2, num_workers=2))
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    kind = type(error) if isinstance(error, ValueError | KeyError) else brasa.BrasaError
    with pytest.raises(kind, match="worker 0 of the DataLoader failed at batch 2") as caught:
        next(batches)
    text = str(caught.value)
    assert "in __getitem__\n    raise self.error" in text and f"{type(error).__name__}: " in text
    assert str(error).strip("'") in text
    assert next(batches).tolist() == [6, 7]


def test_errors_before_the_first_batch() -> None:
    def fail(worker: int) -> None:
        raise OSError(f"no disk for {worker}")

    with pytest.raises(OSError, match="no disk for 0"):
        next(iter(DataLoader(range(4), num_workers=1, worker_init_fn=fail)))

    class Unopened(Stream):
        def __iter__(self) -> Iterator[int]:
            raise FileNotFoundError("no file")

    with pytest.raises(FileNotFoundError, match="no file"):
        next(iter(DataLoader(Unopened(), num_workers=1)))


def test_what_cannot_be_sent() -> None:
    loader = DataLoader(range(2), num_workers=1, collate_fn=lambda samples: lambda: samples)
    with pytest.raises(Exception, match=r"Can't pickle|Can't get local object"):
        next(iter(loader))
    x = brasa.ones(2, requires_grad=True)
    with pytest.raises(brasa.BrasaError, match="made cannot be sent to another process\n  hint: detach"):
        next(iter(DataLoader([0], None, num_workers=1, collate_fn=lambda _: x * 2)))


@pytest.mark.parametrize(
    ("sign", "message"),
    [
        (signal.SIGKILL, r"was killed by signal 9 \(SIGKILL\)"),
        (signal.SIGTERM, r"was killed by signal 15 \(SIGTERM\)"),
        (0, "ended with exit status 3"),
    ],
)
def test_killed_workers(sign: int, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader: worker 1 \(process \d+\) {message}"):
        list(DataLoader(Deadly(sign), 2, num_workers=4, sampler=[0, 1, 5, 6, *range(10, 26)]))
    assert time.monotonic() - start < 5


def test_timeout() -> None:
    loader = DataLoader(Slow(), 3, num_workers=1, timeout=0.3)
    batches = iter(loader)
    next(batches)
    with pytest.raises(RuntimeError, match=r"DataLoader: worker 0 gave no batch in 0.3 seconds, the timeout"):
        next(batches)
    batches._workers._processes[0].kill()  # rather than wait for it


def test_full_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is and what to do is said, where otherwise the process would be killed by SIGBUS."""

    def full(file: int, pieces: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("brasa.runtime.shared_memory.os.writev", full)
    with pytest.raises(MemoryError, match=r"find no room in shared memory \(No space left on device\)") as caught:
        next(iter(DataLoader(Numbers(), 4, num_workers=1)))
    text = str(caught.value)
    size = os.statvfs(FOLDER)
    assert f"/dev/shm has {size.f_blocks * size.f_frsize:,} bytes" in text and "docker run --shm-size" in text


def test_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("brasa.runtime.shared_memory.os.memfd_create", none)
    with pytest.raises(RuntimeError, match=r"no file .* can be opened: Too many open files\n  hint: .*ulimit -n"):
        next(iter(DataLoader(Numbers(), 4, num_workers=1)))


def test_a_thousand_batches() -> None:
    """No memory is left of batches that are gone; those that are kept, more than there may be open files, stay."""
    kept = []
    for number, batch in enumerate(DataLoader(range(2000), 2, num_workers=2)):
        if number < 3:
            kept.append(batch)
        elif number == 900:
            assert mapped() <= 5
    assert number == 999 and [batch.tolist() for batch in kept] == [[0, 1], [2, 3], [4, 5]]
    del kept[:], batch


def test_left_early() -> None:
    for _ in DataLoader(Numbers(), 2, num_workers=2):
        break
    with pytest.raises(ZeroDivisionError):
        for _ in DataLoader(Numbers(), 2, num_workers=2):
            raise ZeroDivisionError


PROGRAM = """
import multiprocessing, os, signal, sys, time
import brasa
from brasa.utils.data import DataLoader
from tests.frontend.data.datasets import Numbers

loader = DataLoader(Numbers(400), 2, num_workers=2, persistent_workers={persistent})
for number, batch in enumerate(loader):
    if number == 3:
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        {then}
"""


@pytest.mark.parametrize(
    ("then", "persistent", "code"),
    [
        ("time.sleep(600)", False, -signal.SIGINT), ("raise ValueError", True, 1), ("sys.exit(4)", False, 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", True, -signal.SIGKILL),
    ],
)  # fmt: skip
def test_the_end_of_a_program(then: str, persistent: bool, code: int) -> None:
    """Ctrl-C, an exception, an exit, even a kill in the middle of an epoch end the workers too."""
    program = PROGRAM.format(then=then, persistent=persistent)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)  # fmt: skip
    assert process.stdout is not None
    children = [int(word) for word in process.stdout.readline().split()]
    assert len(children) == 2
    if code == -signal.SIGINT:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, errors = process.communicate(timeout=90)
    assert process.returncode == code
    assert errors.count("Traceback") == (1 if code in (1, -signal.SIGINT) else 0), errors
    deadline = time.monotonic() + 30
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, children))


def runs(process: int) -> bool:
    """Whether there is such a process, and not only its exit status, which nobody may have asked for yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
