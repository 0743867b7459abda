"""The printed size of the code."""

from __future__ import annotations

from tests.house.source import ROOT
from tests.house.totals import line_totals


def test_totals_count_lines() -> None:
    expected = sum(len(path.read_text().splitlines()) for path in (ROOT / "ir").rglob("*.py"))
    assert line_totals()["ir"] == expected
