"""Fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from brasa.runtime import cpu, get_num_threads, set_num_threads, settings


@pytest.fixture
def keep_threads() -> Iterator[None]:
    """Restore the number of threads after the test."""
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.fixture(params=["native", "portable"])
def each_entry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test once by each way into machine code."""
    chosen = replace(settings(), cpu=request.param)
    monkeypatch.setattr(cpu, "settings", lambda: chosen)
    cpu.entry.cache_clear()
    yield request.param
    cpu.entry.cache_clear()
