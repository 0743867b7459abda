"""What a memory plan takes: every value with its bytes, its life and the user's line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from brasa.ir import dim
from brasa.ir.program import Program, all_launches, place_slots


class PlannedValue(NamedTuple):
    """One value in the arena.

    offset, nbytes: where it lies there. first, last: the launches, counted from 0, between which it is alive.
    kernel: which makes it, and what it is called there. where: the user's line.
    """

    offset: int
    nbytes: int
    first: int
    last: int
    kernel: str
    where: str


class MemoryReport(NamedTuple):
    """arena_bytes: of the whole arena; values: what lies there, the largest first; launches: how many there are."""

    arena_bytes: int
    values: tuple[PlannedValue, ...]
    launches: int

    @property
    def most_alive(self) -> int:
        """The bytes of the values that are alive together, at most: no plan could take less."""
        return max(map(self._alive, range(self.launches)), default=0)

    def _alive(self, time: int) -> int:
        return sum(value.nbytes for value in self.values if value.first <= time <= value.last)


def measure_memory(program: Program, sizes: Mapping[str, int]) -> MemoryReport:
    """What the plan of a program takes when the named sizes have these values."""
    signature, names = program.signature, _names(program)
    offsets, arena_bytes = place_slots(signature, sizes)
    values = [
        PlannedValue(offsets[slot], dim.evaluate(size, sizes), *signature.lives[slot], *names.get(index, ("", "")))
        for index, (size, slot) in enumerate(zip(program.temporaries, program.slots, strict=True))
    ]
    values.sort(key=lambda value: -value.nbytes)
    return MemoryReport(arena_bytes, tuple(values), len(list(all_launches(program.launches))))


def _names(program: Program) -> dict[int, tuple[str, str]]:
    """What each temporary is: the kernel that makes it with the name that it has there, and the user's line."""
    names: dict[int, tuple[str, str]] = {}
    for launch in all_launches(program.launches):
        for place, buffer in zip(launch.buffers, launch.kernel.arguments, strict=True):
            if place.role == "temporary":
                names.setdefault(place.index, (f"{launch.kernel.name}.{buffer.name}", launch.where))
    return names


def report_memory(program: Program, sizes: Mapping[str, int], count: int = 10) -> str:
    """What the plan takes when the named sizes have these values, and the largest values, as text."""
    report = measure_memory(program, sizes)
    lines = [
        f"planned   {report.arena_bytes:>14,} bytes",
        f"all       {sum(value.nbytes for value in report.values):>14,} bytes in {len(report.values)} values",
        f"at once   {report.most_alive:>14,} bytes at most",
    ]
    lines += [
        f"  {value.nbytes:>14,} bytes at {value.offset:<12,} launches {value.first} to {value.last}  "
        f"{value.kernel}  {value.where}"
        for value in report.values[:count]
    ]
    return "\n".join(line.rstrip() for line in lines)
