"""Timing that survives a busy machine: alternating runs, medians, ratios within one process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping


def seconds_per_call(run: Callable[[], object], at_least: float = 0.02) -> float:
    """The mean of as many calls as fill `at_least` seconds."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= at_least:
            return spent / count
        count = max(count + 1, int(count * at_least / max(spent, 1e-9) * 1.2))


def alternating(runs: Mapping[str, Callable[[], object]], rounds: int = 9) -> dict[str, float]:
    """The median seconds per call of each, all of them measured in turn in every round."""
    for run in runs.values():
        run()
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(seconds_per_call(run))
    return {name: statistics.median(values) for name, values in samples.items()}


def fresh_process(program: str, environment: Mapping[str, str], times: int = 5) -> list[float]:
    """The numbers that a Python program prints last, by their medians over several fresh processes."""
    rows = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", program], env=dict(environment), capture_output=True, text=True,
                              check=True)  # fmt: skip
        rows.append([float(word) for word in done.stdout.splitlines()[-1].split()])
    return [statistics.median(column) for column in zip(*rows, strict=True)]
