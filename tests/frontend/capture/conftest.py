"""Fixtures of the tests of capture."""

import pytest

from brasa.runtime import settings


@pytest.fixture
def retracing(monkeypatch):
    """BRASA=retrace."""
    monkeypatch.setenv("BRASA", "retrace")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(params=("taken for granted", "retraced"))
def either_way(request):
    """A test once as users run programs, and once with BRASA=retrace."""
    if request.param == "retraced":
        request.getfixturevalue("retracing")
