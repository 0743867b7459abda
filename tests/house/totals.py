"""The size of the code, printed at the end of every test run."""

from __future__ import annotations

import pytest

from tests.house.source import OTHER_CODE, ROOMS, read_files


def line_totals() -> dict[str, int]:
    """Lines of Python in each folder."""
    return {room: sum(len(source.text.splitlines()) for source in read_files(room)) for room in (*ROOMS, *OTHER_CODE)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the totals below the results."""
    totals = line_totals()
    product = sum(totals[room] for room in ROOMS)
    rooms = ", ".join(f"{room} {lines}" for room, lines in totals.items())
    terminalreporter.write_line(f"lines: {rooms}; product {product}")
