"""What `make bench` does with samples: ratios, rows that are not measured twice, comparisons, the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import page, results
from benchmarks.machine import Limits
from benchmarks.results import Results, best_peer, geometric_mean, ratio, slower
from benchmarks.row import Fresh, Program, Row

SAMPLES = {
    "brasa": [1.0, 2.0, 9.0],
    "brasa dynamic=False": [9.0, 9.0, 9.0],
    "torch": [3.0, 6.0, 9.0],
    "jax": [2.0, 4.0, 90.0],
}


def test_the_ratio_is_the_median_over_rounds_of_the_best_peer() -> None:
    assert ratio(SAMPLES) == 2.0 and best_peer(SAMPLES) == "jax"
    assert ratio({**SAMPLES, "torch.compile": [1.0]}) == 0.5  # one sample stands beside the median
    assert ratio({"brasa": [1.0]}) is None and best_peer({"brasa": [1.0]}) is None
    assert geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


def test_rows_are_kept_per_commit(tmp_path: Path) -> None:
    Results(tmp_path, "abc").add("a: b", {"samples": SAMPLES, "left out": {}})
    assert Results(tmp_path, "abc").rows == {"a: b": {"samples": SAMPLES, "left out": {}}}
    assert Results(tmp_path, "abd").rows == {}


def test_rows_over_five_percent_slower_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "HISTORY", tmp_path / "history.jsonl")
    rows = {name: {"samples": SAMPLES} for name in "abc"}
    for commit in ("one", "two", "one"):
        results.write_history({"commit": commit, "machine": "m"}, rows)
    lines = [json.loads(line) for line in results.HISTORY.read_text().splitlines()]
    assert [line["commit"] for line in lines] == ["two", "one"] and lines[0]["ratios"]["a"] == 2.0
    now = {"a": 1.91, "b": 1.89, "c": 0.5, "new": 0.1}
    assert slower(results.reference("tw"), now) == {"c": (2.0, 0.5), "b": (2.0, 1.89)}
    with pytest.raises(SystemExit, match="no line of three"):
        results.reference("three")


def test_the_page_lists_short_rows_first() -> None:
    program = Program(abs)
    rows = [
        Row("products", "big", lambda _: program, flops=5e9),
        Row("training", "net", lambda _: program, bytes=1e9),
        Fresh("processes", "import", {}, "MB"),
        Fresh("processes", "failed", {}),
    ]
    kept = {
        "products: big": {"samples": {"brasa": [0.1], "torch": [0.05]}, "left out": {"jax": "not installed"}},
        "training: net": {
            "samples": {"brasa": [0.1], "brasa dynamic=False": [0.05], "torch": [0.2]},
            "copied": [4e10],  # where the limits below are half of that
            "left out": {},
        },
        "processes: import": {"samples": {"brasa": [7.0]}, "left out": {}},
    }
    limits = {2: Limits(bandwidth=2e10, flops=1e11)}
    text = page.text(rows, kept, limits, rounds=7, date="today", commit="abc", machine="one core", load=1.2)
    assert "mean over 2 rows: **1.00**, over 1 training steps: **2.00**" in text
    assert "1 rows are below 0.97:\n\n| row" in text and text.index("| `products: big` |") < text.index("## Products")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["big", "100 ms", "", "50.0 ms", "torch", "0.50", "50% of FMA"] in lines
    assert ["net", "100 ms", "50.0 ms", "200 ms", "torch", "2.00", "25% of copy"] in lines
    assert ["import", "7.0 MB", "", "", "", "", ""] in lines and "jax is left out: not installed." in text
    assert text.endswith("There are no figures of `processes: failed`.\n")
