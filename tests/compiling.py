"""Counts compilations, so that a test fails on one that should not happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brasa.execution import runner as execution


@contextmanager
def assert_compiles(count: int, name: str = "compiled") -> Iterator[None]:
    """Exactly so many graphs of that name become machine code inside the block, or are read from the disk cache."""
    execution.forget_executables()
    before = len(execution.LOADED)
    yield
    made = [each for each in execution.LOADED[before:] if each == name]
    assert len(made) == count, f"{len(made)} executables of {name!r} were made, {count} expected"
