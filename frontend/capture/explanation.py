"""brasa.explain: how a compiled function runs, under which conditions, and what made it compile again."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from brasa.capture.compiled import CompiledFunction
from brasa.capture.guards import GuardCost, guards_of, microseconds
from brasa.capture.sealed import Sealed
from brasa.capture.tree import Step
from brasa.capture.words import constraints, readable
from brasa.ir.errors import ArgumentError
from brasa.ir.graph import Graph
from brasa.ir.sizes import graph_symbols
from brasa.passes.borders import Border, borders

Way = Literal["not called yet", "followed", "sealed"]
_MEANING: dict[Way, str] = {
    "not called yet": "not called yet",
    "followed": "followed: Python runs on every call, the work of its tensors is compiled",
    "sealed": "sealed: its guard is compared, then machine code runs without Python",
}
_GUARDS_SHOWN = _BORDERS_SHOWN = 5


@dataclass(frozen=True)
class ProgramFacts:
    """One way through the function. segments: the graphs that run, one after another; constraints: on sizes."""

    constraints: tuple[str, ...]
    segments: tuple[Graph, ...]

    @cached_property
    def borders(self) -> tuple[Border, ...]:
        """What lies in memory between two kernels, and why they are not one: the largest values first."""
        return tuple(border for segment in self.segments for border in borders(segment))


@dataclass(frozen=True)
class SealedFacts:
    """One sealed form.

    facts: how many are compared before each call, and microseconds: how long that takes, as measured now; guards: the
    same one by one, the dearest first. settled: how many more only after something was set on a module, a default or a
    hook.
    """

    facts: int
    settled: int
    microseconds: float
    guards: tuple[GuardCost, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """What brasa.explain gives; prints as text.

    way: how calls run now. reasons: why calls were followed instead of sealed, the last one last. turns: what made a
    call leave the programs that were known, with the user's line. changes: why a sealed form did not fit any more.
    constraints: what all programs ask of the sizes of arguments. passes: the names of the user's passes.
    """

    name: str
    way: Way
    reasons: tuple[str, ...] = ()
    programs: tuple[ProgramFacts, ...] = ()
    sealed: tuple[SealedFacts, ...] = ()
    turns: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    constraints: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        shared = [set(program.constraints) for program in self.programs]
        common = set.intersection(*shared) if shared else set()
        ordered = (each for program in self.programs for each in program.constraints)
        object.__setattr__(self, "constraints", tuple(dict.fromkeys(each for each in ordered if each in common)))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _lines(self) -> Iterator[str]:
        yield f"{self.name} is {_MEANING[self.way]}"
        if self.passes:
            yield f"  passes of the user's: {', '.join(self.passes)}"
        if self.way == "followed":
            yield from (f"  not sealed, because {reason}" for reason in self.reasons)
        for number, form in enumerate(self.sealed, 1):
            cost = f"{form.facts} facts are compared before a call, in {form.microseconds:.1f} us"
            yield f"  sealed form {number}: {cost}; {form.settled} more when something was set"
            yield from (f"    {guard.microseconds:.2f} us  {guard.text}" for guard in form.guards[:_GUARDS_SHOWN])
            if (rest := len(form.guards) - _GUARDS_SHOWN) > 0:
                yield f"    and {rest} that cost less"
        for number, program in enumerate(self.programs, 1):
            nodes = " + ".join(str(len(segment.nodes)) for segment in program.segments) or "0"
            cut = ", cut where Python asks for values" if len(program.segments) > 1 else ""
            yield f"  program {number}: {nodes} nodes{cut}"
            sizes = dict.fromkeys(size for segment in program.segments for size in graph_symbols(segment))
            if sizes:
                yield f"    any {', '.join(map(readable, sizes))}"
            if program.constraints:
                yield f"    where {' and '.join(program.constraints)}"
            yield from (f"    {border}" for border in program.borders[:_BORDERS_SHOWN])
            if (rest := len(program.borders) - _BORDERS_SHOWN) > 0:
                yield f"    and {rest} smaller values between kernels (.programs[{number - 1}].borders)"
        yield from (f"  compiled again: {turn}" for turn in self.turns)
        yield from (f"  followed again: {change}" for change in self.changes)


def explain(target: Any) -> Explanation:
    """How a function or module that brasa.compile gave runs: print the result, or read its fields.

    Raises ArgumentError for what is not compiled.
    """
    run = target if isinstance(target, CompiledFunction) else getattr(target, "_compiled", None)
    if not isinstance(run, CompiledFunction):
        raise ArgumentError(f"a {type(target).__name__} is not compiled", op="explain",
                            hint="pass what brasa.compile gave")  # fmt: skip
    programs = tuple(_programs(run.root))
    way: Way = "not called yet" if not programs else "sealed" if run.sealed else "followed"
    return Explanation(
        run.name, way, tuple(dict.fromkeys(run.reasons)), programs, tuple(map(_sealed_facts, run.sealed)),
        tuple(run.turns), tuple(run.changes), tuple(name for name, _ in run.passes),
    )  # fmt: skip


def _programs(root: Step) -> Iterator[ProgramFacts]:
    """Every path through the tree that ends in a segment of its own."""
    stack = [root]
    while stack:
        step = stack.pop()
        following = [child for children in step.children.values() for child in children]
        stack += reversed(following)
        if not following and step.parent is not None:
            path = step.path()
            guards = (guard for each in path for guard in each.guards)
            segments = [next(reversed(each.segments.values())).graph for each in path if each.segments]
            yield ProgramFacts(constraints(guards), tuple(segments))


def _sealed_facts(form: Sealed) -> SealedFacts:
    facts = form.facts
    polled = (facts.polled, facts.functions, facts.shapes, facts.kinds, facts.sequences, facts.cells)
    count = sum(map(len, polled))
    return SealedFacts(count, len(facts.steady) + len(facts.tables), microseconds(facts.hold), guards_of(facts))
