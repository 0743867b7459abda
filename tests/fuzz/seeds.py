"""What one seed of the fuzzer grows, and what it finds."""

from __future__ import annotations

import gc
import os
import signal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.judging import FAILURES, Judge
from tests.fuzz.judging_graphs import JUDGES
from tests.fuzz.program import Program
from tests.fuzz.shrinking import shrink

FOLDER = Path(".fuzz")
GRAPH_EVERY = 5  # of so many seeds one grows a graph of ops instead of a program


class Finding(NamedTuple):
    """What a seed has found. test: a test that fails because of it."""

    seed: int
    fact: str
    test: str


def judge_seed(seed: int) -> Finding | None:
    """What the program of a seed finds; shrunk, if it is a program."""
    note = FOLDER / f"running-{os.getpid()}"
    note.write_text(str(seed))
    try:
        return _judge_graph(seed) if seed % GRAPH_EVERY == GRAPH_EVERY - 1 else _judge_program(seed)
    finally:
        note.unlink()


def _judge_program(seed: int) -> Finding | None:
    judge = _judge()
    program = judge.grow(seed)
    difference = judge.judge(program)
    if difference is None:
        return None

    def fails(candidate: Program) -> bool:
        found = judge.judge(candidate, difference.way)
        return (
            found is not None
            and found.way == difference.way
            and (found.way != "crash" or found.fact.split(":")[:3] == difference.fact.split(":")[:3])
        )

    small = shrink(program, fails)
    return Finding(seed, str(judge.judge(small)), small.test())


def _judge_graph(seed: int) -> Finding | None:
    kind = list(JUDGES)[seed // GRAPH_EVERY % len(JUDGES)]
    try:
        JUDGES[kind](seed)
    except FAILURES as error:
        name = JUDGES[kind].__name__
        return Finding(
            seed, f"{kind}: {type(error).__name__}: {error}", f"def test_found() -> None:\n    {name}({seed})\n"
        )
    return None


@cache
def _judge() -> Judge:
    return Judge()


def start_worker() -> None:
    """Leave Ctrl-C to the process that hands out the seeds, and look for garbage rarely: a compiler makes much else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(200_000, 20, 50)
