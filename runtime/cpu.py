"""The processor: how machine code is entered in this process, and on how many threads it runs."""

from __future__ import annotations

import os
from functools import cache
from math import ceil
from pathlib import Path
from typing import Protocol

from brasa.ir.errors import ArgumentError, ValueError
from brasa.runtime.cpu_native import Call, is_available
from brasa.runtime.settings import MOST_THREADS, settings


class Entry(Protocol):
    """A way into machine code: `brasa.runtime.cpu_native` or `brasa.runtime.cpu_portable`."""

    def bind(self, record: bytes, kept: object) -> Call: ...
    def set_threads(self, count: int) -> None: ...


@cache
def entry() -> Entry:
    """The way in that this process takes."""
    chosen: Entry
    if settings().cpu != "portable" and is_available():
        from brasa.runtime import cpu_native as chosen
    else:
        from brasa.runtime import cpu_portable as chosen
    chosen.set_threads(get_num_threads())
    return chosen


_threads: int | None = None


def get_num_threads() -> int:
    """How many threads a parallel loop uses: BRASA_THREADS, OMP_NUM_THREADS, or the processors of this process."""
    global _threads
    if _threads is None:
        _threads = settings().threads or min(MOST_THREADS, _processors())
    return _threads


def set_num_threads(count: int) -> None:
    """Let parallel loops use this many threads, the caller's included. Results do not depend on it."""
    global _threads
    if not isinstance(count, int) or isinstance(count, bool):
        raise ArgumentError(f"takes an integer, not {type(count).__name__}", op="set_num_threads")
    if not 1 <= count <= MOST_THREADS:
        raise ValueError(f"{count} is not a number of threads, 1 to {MOST_THREADS}", op="set_num_threads")
    _threads = count
    if entry.cache_info().currsize:
        entry().set_threads(count)


def _processors() -> int:
    """The processors that the scheduler gives to this process, or as many as its container may use up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *_quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))]))


def _quotas(membership: Path, root: Path) -> list[int]:
    """The processors' worth of time that each control group above this process allows, rounded up."""
    found = []
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            group = root / controllers / path.lstrip("/")
            for folder in (group, *group.parents):
                quota = _quota(folder)
                found += [] if quota is None else [quota]
                if folder == root:
                    break
    return found


def _quota(folder: Path) -> int | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{word}_us").read_text() for word in ("quota", "period"))
        return ceil(int(quota) / int(period)) if quota.strip() not in ("max", "-1") else None
    except OSError:
        return None
