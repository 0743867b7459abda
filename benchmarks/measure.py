"""Timing that survives a busy machine: alternating runs and fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_REST = 0.01  # seconds between competitors: the threads of the one before stop spinning
# Where each competitor keeps what it compiled.
_CACHES = ("BRASA_CACHE", "TORCHINDUCTOR_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR")


class Failure(Exception):
    """A row cannot be measured."""


def seconds_per_call(run: Callable[[], object], at_least: float = 0.02) -> float:
    """A mean over calls that fill `at_least` seconds in three parts: of the part that was held up least."""
    first = _mean(run, at_least / 3)
    return first if first > at_least else min(first, _mean(run, at_least / 3), _mean(run, at_least / 3))


def _mean(run: Callable[[], object], at_least: float) -> float:
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= at_least:
            return spent / count
        count = max(count + 1, int(count * at_least / max(spent, 1e-9) * 1.2))


def alternating(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The seconds per call of each, all of them measured in turn in every round."""
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(_REST)
            if not samples[name] or samples[name][-1] < 0.1:
                run()  # threads awake, caches warm
            samples[name].append(seconds_per_call(run))
    return samples


def memory(what: str) -> float:
    """A figure of this process in MB: VmRSS, resident now, or VmHWM, at most so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{what}:")).split()[1]) / 1024


def fresh_processes(programs: Mapping[str, str], rounds: int, *, whole: bool, warm: bool) -> dict[str, list[float]]:
    """What Python programs print last, or the seconds of their processes, in turn; each program has its own caches."""
    samples: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as kept:
        for round_number in range(-1 if warm else 0, rounds):
            for name, program in programs.items():
                if round_number > 0 and not warm and name == "torch.compile":
                    continue  # up to a minute each
                with tempfile.TemporaryDirectory() as empty:
                    number = _fresh_process(program, f"{kept if warm else empty}/{name}", whole)
                if round_number >= 0:
                    samples[name].append(number)
    return samples


def _fresh_process(program: str, caches: str, whole: bool) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= dict.fromkeys(_CACHES, caches)
    environment |= {"PYTHONPATH": os.getcwd(), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    spent = time.perf_counter() - start
    if done.returncode:
        raise Failure(f"a program failed:\n{program}\n{done.stderr}")
    return spent if whole else float(done.stdout.splitlines()[-1])
