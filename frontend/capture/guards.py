"""Guards in a user's words: what each of a snapshot's facts says, what comparing it costs, and where it was read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from brasa.capture.facts import MISSING, Facts, content_of, same

_ROUNDS, _CHECKS = 10, 50  # of measuring what a guard costs


class GuardCost(NamedTuple):
    """One fact that is compared before each call, and how long that takes."""

    text: str
    microseconds: float


def guards_of(facts: Facts) -> tuple[GuardCost, ...]:
    """The polled facts, each measured for itself now, the dearest first."""
    empty = microseconds(Facts().hold)
    found = (GuardCost(text, max(0.0, microseconds(alone.hold) - empty)) for text, alone in _one_by_one(facts))
    return tuple(sorted(found, key=lambda guard: -guard.microseconds))


def microseconds(check: Callable[[], bool]) -> float:
    """How long a check takes, at best."""
    return 1e6 * min(_seconds(check) for _ in range(_ROUNDS)) / _CHECKS


def _seconds(check: Callable[[], bool]) -> float:
    start = perf_counter()
    for _ in range(_CHECKS):
        check()
    return perf_counter() - start


def _one_by_one(facts: Facts) -> Iterator[tuple[str, Facts]]:
    """Each polled fact in words, and a snapshot of it alone."""
    words = facts.words
    said: list[tuple[str, Callable[[Any], str]]] = [
        ("polled", lambda fact: f"{fact[1]} is {short(fact[2])}"),
        ("functions", lambda fact: f"the code and defaults of {fact[0].__name__}"),
        ("shapes", lambda fact: f"which attributes there are: {', '.join(fact[1])[:60]}"),
        ("kinds", lambda fact: f"the class {fact[1].__name__}"),
        ("sequences", lambda fact: f"{words.get(id(fact[0]), 'a container')} is {short(list(fact[1]))}"),
        ("cells", lambda fact: f"{words.get(id(fact[0]), 'a closure')} is {short(fact[1])}"),
    ]
    for kind, say in said:
        for fact in getattr(facts, kind):
            alone = Facts()
            getattr(alone, kind).append(fact)
            yield say(fact), alone


def change_of(facts: Facts) -> str:
    """The first thing that is not as it was, in words, and the line that reads it."""
    for holder, key, value in (*facts.steady, *facts.polled):
        now = holder.get(key, MISSING)
        if not same(now, value):
            return f"{key} was {short(value)} and is {short(now)}{_where(facts.codes, key)}"
    for cell, value in facts.cells:
        if not same(content_of(cell), value):
            name = facts.words.get(id(cell), "a closure")
            return f"{name} was {short(value)} and is {short(content_of(cell))}{_where(facts.codes, name)}"
    for container, items in (*facts.sequences, *facts.lists):
        if len(container) != len(items) or not all(map(same, container, items)):
            name = facts.words.get(id(container), "a container")
            last = name.rpartition(".")[2]
            return f"{name} was {short(list(items))} and is {short(list(container))}{_where(facts.codes, last)}"
    return "the code of a function, or a class, has changed"


def _where(codes: Iterable[CodeType], name: Any) -> str:
    """` (read at file:line)` of the first code that reads the name, if any does."""
    import dis

    for code in codes:
        for step in dis.get_instructions(code):
            line = step.positions.lineno if step.positions else None
            if step.argval == name and type(step.argval) is type(name) and step.opname.startswith("LOAD") and line:
                return f" (read at {os.path.basename(code.co_filename)}:{line})"
    return ""


def short(value: Any) -> str:
    """A value in few words: functions, classes and modules by their names."""
    if value is MISSING:
        return "missing"
    if isinstance(value, FunctionType | BuiltinFunctionType | type):
        return value.__qualname__
    if isinstance(value, ModuleType):
        return value.__name__
    return " ".join(repr(value).split())[:60]
