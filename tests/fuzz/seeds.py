"""What one seed of the fuzzer grows, and what it finds."""

from __future__ import annotations

import gc
import resource
import signal
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.judging import FAILURES, Judge
from tests.fuzz.judging_graphs import JUDGES
from tests.fuzz.program import Program
from tests.fuzz.shrinking import shrink

FOLDER = Path(".fuzz")
GRAPH_EVERY = 5  # of so many seeds one grows a graph of ops instead of a program
_MEMORY = 4 << 30  # bytes that a process may have


class Finding(NamedTuple):
    """What a seed has found. test: a test that fails because of it."""

    seed: int
    fact: str
    test: str


def judge_seed(seed: int) -> Finding | None:
    """What the program of a seed finds; shrunk, if it is a program."""
    return _judge_graph(seed) if seed % GRAPH_EVERY == GRAPH_EVERY - 1 else _judge_program(seed)


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


def work(seeds: Connection) -> None:
    """Answer each seed with what it finds, until no more come. A program that takes too much memory ends the process.

    Ctrl-C is left to the process that hands out the seeds. Garbage is looked for rarely: a compiler makes much else.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    gc.set_threshold(200_000, 20, 50)
    while (seed := seeds.recv()) is not None:
        seeds.send(judge_seed(seed))
