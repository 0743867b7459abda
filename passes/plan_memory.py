"""The memory plan: values of a program that are never alive together may lie in the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brasa.ir.packing import Life, pack
from brasa.ir.program import Branch, Launch, Loop, Place, Program, Step
from brasa.passes.costs import nominal


def plan_memory(program: Program) -> Program:
    """The program with a slot of the arena for every temporary, in the order in which slots are packed.

    Slots overlap where their lives do not; where they lie is known when sizes are, for each anew. Of several orders the
    one is taken that packs best at nominal sizes: by bytes, or by bytes times launches that they are alive for.
    """
    lives = lifetimes(program)
    bounds = [nominal(size) for size in program.temporaries]
    areas = [bytes_ * (1 + last - first) for bytes_, (first, last) in zip(bounds, lives, strict=True)]
    values = range(len(bounds))
    orders = [sorted(values, key=lambda i: (-weights[i], lives[i])) for weights in (areas, bounds)]
    order = min(orders, key=lambda order: pack([bounds[i] for i in order], [lives[i] for i in order]).nbytes)
    slots = {value: slot for slot, value in enumerate(order)}
    signature = replace(
        program.signature, slots=tuple(program.temporaries[i] for i in order), lives=tuple(lives[i] for i in order)
    )
    return replace(program, signature=signature, slots=tuple(slots[i] for i in values))


def lifetimes(program: Program) -> list[Life]:
    """When each temporary is alive, in launches as the text has them; one that no launch touches never is.

    What a loop reads or writes and the program outside it too is alive as long as the loop runs, and so is what it
    carries. Temporaries that change places are alive together.
    """
    lives = _Lives(len(program.temporaries))
    lives.walk(program.launches)
    return lives.found


class _Lives:
    def __init__(self, count: int) -> None:
        self.found: list[Life] = [(0, -1)] * count
        self.time = 0
        self.bases: dict[Place, Place] = {}

    def touch(self, place: Place, first: int, last: int) -> None:
        """The value at the place is alive from the first launch to the last."""
        while place.role == "part":
            place = self.bases[place]
        if place.role == "temporary":
            begin, end = self.found[place.index]
            self.found[place.index] = (first, last) if end < 0 else (min(begin, first), max(end, last))

    def walk(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Launch):
                for place in step.buffers:
                    self.touch(place, self.time, self.time)
                self.time += 1
            elif isinstance(step, Branch):
                self.touch(step.flag, self.time, self.time)
                self.walk(step.then)
                self.walk(step.otherwise)
            else:
                self.loop(step)
        for step in steps:
            for pair in step.swaps if isinstance(step, Loop) else ():
                self.live_together(pair)

    def loop(self, loop: Loop) -> None:
        """What is alive before the loop stays so to its end; what is read after it is found by who reads it."""
        begin, before = self.time, list(self.found)
        self.bases.update({part.place: part.base for part in loop.parts})
        self.walk(loop.steps)
        end = max(begin, self.time - 1)
        outside = [Place("temporary", index) for index, (_, last) in enumerate(before) if last >= 0]
        touched = [place for place in outside if self.found[place.index] != before[place.index]]
        carried = [place for pair in loop.swaps for place in pair]
        for place in (*touched, *carried, *(part.base for part in loop.parts)):
            self.touch(place, begin, end)

    def live_together(self, pair: tuple[Place, Place]) -> None:
        for place, other in (pair, pair[::-1]):
            self.touch(place, *self.found[other.index])
