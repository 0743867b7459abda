"""The threads of the BLAS that NumPy computes with: its results depend on how many there are, so there is one."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from brasa.runtime.forking import hold_while_forking

_PREFIXES, _SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "")
_lock = Lock()
hold_while_forking(_lock, 4)
_users = 0  # blocks of `one_thread` that are open, on any thread
_before = 1


class _Pool(NamedTuple):
    get: ctypes._NamedFuncPointer
    set: ctypes._NamedFuncPointer


@cache
def _pool() -> _Pool | None:
    """The functions that tell and change the number of threads; None, and a warning, where there are none."""
    for path in _libraries():
        library = ctypes.CDLL(str(path))
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                names = [f"{prefix}_{verb}_num_threads{suffix}" for verb in ("get", "set")]
                if all(hasattr(library, name) for name in names):
                    return _Pool(*(getattr(library, name) for name in names))
    logging.getLogger("brasa").warning(
        "the threads of NumPy's BLAS cannot be held at one: linear algebra may give other bits with other numbers of "
        "threads; set OPENBLAS_NUM_THREADS=1 or what your BLAS goes by"
    )
    return None


def _libraries() -> Iterator[Path]:
    """The BLAS libraries that were shipped with NumPy."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        yield from sorted(folder.glob("*openblas*"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold NumPy's BLAS at one thread inside the block."""
    global _users, _before
    pool = _pool()
    if pool is None:
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            _before = pool.get()
            if _before != 1:
                pool.set(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and _before != 1:
                pool.set(_before)
