"""The memory plan: values of a program that are never alive together may lie in one slot of the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.program import Program, slot_offsets
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
    """When each temporary is alive; one that no launch touches never is."""
    lives: list[Life] = [(0, -1)] * len(program.temporaries)
    for time, launch in enumerate(program.launches):
        for place in launch.buffers:
            if place.role == "temporary":
                first, last = lives[place.index]
                lives[place.index] = (time if last < 0 else first, time)
    return lives


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
    alive = [sum(n for n, (a, b) in zip(each, lives, strict=True) if a <= t <= b) for t in range(len(program.launches))]
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
    for launch in program.launches:
        for place, buffer in zip(launch.buffers, launch.kernel.arguments, strict=True):
            if place.role == "temporary":
                names.setdefault(place.index, f"{launch.kernel.name}.{buffer.name}  {launch.where}".rstrip())
    return names
