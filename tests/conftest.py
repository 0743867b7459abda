"""Options and fixtures of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.golden import golden
from tests.house.totals import pytest_terminal_summary

__all__ = ["golden", "pytest_addoption", "pytest_collection_modifyitems", "pytest_terminal_summary"]

# The same examples in every run, however slow the machine is.
settings.register_profile("brasa", derandomize=True, deadline=None)
settings.load_profile("brasa")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all`: also run the tests marked `long`; `--update-golden`: write the golden files anew."""
    parser.addoption("--all", action="store_true", help="also run the long tests")
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests unless `--all` is given."""
    if not config.getoption("--all"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
