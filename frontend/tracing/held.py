"""Numbers that change from run to run, as learning rates do: a captured program reads them anew where they are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.ir.errors import ArgumentError


class Held:
    """A number in a table, or in a tuple there, as an optimiser is given it while a program is captured.

    It is passed on as an operand. Python code may ask whether it is zero, which each run then has to answer likewise
    (`truth`); who asks for the number itself makes it one like all others (`looked`).
    """

    __slots__ = ("index", "key", "looked", "table", "truth", "value")

    def __init__(self, table: dict[str, Any], key: str, index: int | None, value: float) -> None:
        self.table, self.key, self.index, self.value = table, key, index, float(value)
        self.looked = False
        self.truth: bool | None = None

    def __bool__(self) -> bool:
        self.truth = bool(self.value)
        return self.truth

    def __float__(self) -> float:
        self.looked = True
        return self.value

    def __mul__(self, other: float) -> float:
        return float(self) * other

    def __hash__(self) -> int:
        return hash((id(self.table), self.key, self.index))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held):
            raise ArgumentError("a number that each run reads anew cannot be compared", op=self.key)
        return self.table is other.table and (self.key, self.index) == (other.key, other.index)

    def read(self) -> float:
        """The number now."""
        value = self.table[self.key]
        return float(value if self.index is None else value[self.index])

    def holds(self) -> bool:
        """Whether there is still a number, and what was asked of it has the same answer."""
        value = self.table.get(self.key)
        if self.index is not None:
            value = value[self.index] if type(value) is tuple and len(value) > self.index else None
        return type(value) in (float, int) and (self.truth is None or bool(value) is self.truth)


def held_numbers(table: dict[str, Any], keys: Sequence[str]) -> tuple[dict[str, Any], list[Held]]:
    """A copy of the table in which the numbers under these keys are held, and what is held."""
    made, found = dict(dict.items(table)), list[Held]()
    for key in keys:
        value = made.get(key)
        if type(value) is tuple and all(type(item) in (float, int) for item in value):
            several = [Held(table, key, index, item) for index, item in enumerate(value)]
            made[key] = tuple(several)
            found += several
        elif type(value) in (float, int):
            made[key] = Held(table, key, None, value)
            found.append(made[key])
    return made, found
