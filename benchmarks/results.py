"""What was measured: kept per commit, turned into ratios, compared with what it was."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

HISTORY = Path("benchmarks/history.jsonl")
SLOWER = 1.05  # a row that takes this much longer, beside its peers, is reported
OURS = "brasa"

Samples = Mapping[str, list[float]]


class Results:
    """The rows measured on one commit, in a file that is written after each of them."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.path = folder / f"{commit}.json"
        self.rows: dict[str, dict[str, Any]] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def add(self, key: str, found: dict[str, Any]) -> None:
        """Remember what was found for a row."""
        self.rows[key] = found
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self.rows, indent=1))


def current_commit() -> str:
    """The commit that is checked out, with a mark of what was changed since."""
    commit = _git("rev-parse", "--short=10", "HEAD").strip()
    changes = _git("diff", "HEAD", "--", ".", f":!{HISTORY}", ":!docs")
    return f"{commit}-{sha256(changes.encode()).hexdigest()[:8]}" if changes else commit


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def ratio(samples: Samples, ours: str = OURS) -> float | None:
    """The best peer's time by ours: of each peer the median over the rounds; above 1 is faster. None without peers."""
    ratios = [_beside(times, samples[ours]) for name, times in samples.items() if not name.startswith(OURS)]
    return min(ratios, default=None)


def best_peer(samples: Samples) -> str | None:
    """The peer that the ratio is of."""
    peers = [name for name in samples if not name.startswith(OURS)]
    return min(peers, key=lambda name: _beside(samples[name], samples[OURS]), default=None)


def _beside(theirs: list[float], ours: list[float]) -> float:
    """The median ratio of pairs; what has a single sample stands beside each of ours."""
    if len(theirs) < len(ours):
        return statistics.median(theirs) / statistics.median(ours)
    return statistics.median(a / max(b, 1e-9) for a, b in zip(theirs, ours, strict=True))


def geometric_mean(ratios: Iterable[float]) -> float:
    """The mean by which rows of any unit may be averaged."""
    return math.exp(statistics.fmean(map(math.log, ratios)))


def ratios(rows: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """The ratios of all rows that have a peer."""
    found = {key: ratio(row["samples"]) for key, row in rows.items() if row["samples"]}
    return {key: value for key, value in found.items() if value is not None}


def write_history(facts: Mapping[str, str], rows: Mapping[str, dict[str, Any]]) -> None:
    """Append a line with the ratios of a commit and the facts about it, in place of a line that the commit has."""
    lines = [line for line in _history() if line["commit"] != facts["commit"]]
    lines.append({**facts, "ratios": {key: round(value, 3) for key, value in ratios(rows).items()}})
    HISTORY.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _history() -> list[dict[str, Any]]:
    return [json.loads(line) for line in HISTORY.read_text().splitlines()] if HISTORY.exists() else []


def reference(commit: str) -> dict[str, float]:
    """The ratios in the history of a commit, given by the beginning of its name, or of the last one."""
    lines = [line for line in _history() if line["commit"].startswith(commit)]
    if not lines:
        raise SystemExit(f"{HISTORY} has no line of {commit or 'any commit'}")
    return dict(lines[-1]["ratios"])


def slower(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The rows that got more than 5 % slower beside their peers, with both ratios, the worst first."""
    both = {key: (before[key], now[key]) for key in before.keys() & now.keys()}
    worse = {key: pair for key, pair in both.items() if pair[0] / pair[1] > SLOWER}
    return dict(sorted(worse.items(), key=lambda item: item[1][1] / item[1][0]))
