"""The memory plan: values of a program that are never alive together may lie in one slot of the arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.program import Branch, Launch, Loop, Place, Program, Step, all_launches, slot_offsets
from brasa.passes.costs import nominal

Life = tuple[int, int]  # the first and the last launch that touches a value


@dataclass(eq=False)
class _Slot:
    """A part of the arena: the bytes of the largest value in it, and the lives of all."""

    size: Size
    lives: list[Life] = field(default_factory=list)


def plan_memory(program: Program) -> Program:
    """The program with a slot for every temporary.

    Two share a slot when their lives do not overlap and one is provably no larger than the other, at all sizes.
    Of two greedy plans, the largest values first and the earliest first, the one that takes less is kept.
    """
    lives = lifetimes(program)
    sizes = program.temporaries
    by_size = sorted(range(len(sizes)), key=lambda i: (-nominal(sizes[i]), lives[i]))
    by_time = sorted(range(len(sizes)), key=lambda i: (lives[i], -nominal(sizes[i])))
    plans = [_assign(order, sizes, lives) for order in (by_size, by_time)]
    places, slots = min(plans, key=lambda plan: sum(nominal(slot) for slot in plan[1]))
    return replace(program, signature=replace(program.signature, slots=slots), slots=places)


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


def _assign(
    order: Sequence[int], sizes: Sequence[Size], lives: Sequence[Life]
) -> tuple[tuple[int, ...], tuple[Size, ...]]:
    """(slot of each value, size of each slot) when the values, in this order, take the best slot that is free."""
    slots: list[_Slot] = []
    places = [0] * len(sizes)
    for value in order:
        fitting = [slot for slot in slots if _fits(sizes[value], lives[value], slot)]
        if fitting:
            slot = min(fitting, key=lambda slot: abs(nominal(slot.size) - nominal(sizes[value])))
        else:
            slot = _Slot(sizes[value])
            slots.append(slot)
        if not is_at_most(sizes[value], slot.size):
            slot.size = sizes[value]
        slot.lives.append(lives[value])
        places[value] = slots.index(slot)
    return tuple(places), tuple(slot.size for slot in slots)


def _fits(size: Size, life: Life, slot: _Slot) -> bool:
    if any(first <= life[1] and life[0] <= last for first, last in slot.lives):
        return False
    return is_at_most(size, slot.size) or is_at_most(slot.size, size)


def is_at_most(lhs: Size, rhs: Size) -> bool:
    """Whether lhs <= rhs whatever the named sizes are."""
    bound = dim.lower_bound(rhs - lhs)
    return bound is not None and bound >= 0


def report_memory(program: Program, sizes: Mapping[str, int], count: int = 10) -> str:
    """What the plan takes when the named sizes have these values, and the largest values, as text."""
    _, planned = slot_offsets(program.signature.slots, sizes)
    each = [dim.evaluate(size, sizes) for size in program.temporaries]
    lives = lifetimes(program)
    times = range(len(list(all_launches(program.launches))))
    alive = [sum(n for n, (a, b) in zip(each, lives, strict=True) if a <= t <= b) for t in times]
    lines = [
        f"planned   {planned:>14,} bytes in {len(program.signature.slots)} slots",
        f"all       {sum(each):>14,} bytes in {len(each)} values",
        f"at once   {max(alive, default=0):>14,} bytes at most",
    ]
    largest = sorted(range(len(each)), key=lambda i: (-each[i], i))[:count]
    names = _names(program)
    for i in largest:
        first, last = lives[i]
        lines.append(
            f"  {each[i]:>14,} bytes  slot {program.slots[i]:<3} launches {first} to {last}  {names.get(i, '')}"
        )
    return "\n".join(line.rstrip() for line in lines)


def _names(program: Program) -> dict[int, str]:
    """What each temporary is: the kernel that makes it, the name that it has there, and the user's line."""
    names: dict[int, str] = {}
    for launch in all_launches(program.launches):
        for place, buffer in zip(launch.buffers, launch.kernel.arguments, strict=True):
            if place.role == "temporary":
                names.setdefault(place.index, f"{launch.kernel.name}.{buffer.name}  {launch.where}".rstrip())
    return names
