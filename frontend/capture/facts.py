"""What a proven call has read, as a snapshot that is compared before the call is taken for granted again."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

MISSING: Any = object()  # stands for what was looked for and is not there


class Facts:
    """A snapshot of what a call reads: (holder, key, value) triples, compared by identity.

    steady: facts that only change together with the epoch; tables: mappings of that kind with their keys; lists: lists
    of that kind with their items.
    polled: all others; functions: with their code and defaults; shapes: mappings with their keys; kinds: objects with
    their classes. words: what containers and cells are called, by their ids; codes: the code that has read all this.
    """

    def __init__(self) -> None:
        self.steady: list[tuple[Any, Any, Any]] = []
        self.tables: list[tuple[Any, tuple[Any, ...]]] = []
        self.lists: list[tuple[Any, tuple[Any, ...]]] = []
        self.polled: list[tuple[Any, Any, Any]] = []
        self.functions: list[tuple[FunctionType, CodeType, Any, Any]] = []
        self.shapes: list[tuple[Any, tuple[Any, ...]]] = []
        self.kinds: list[tuple[Any, type]] = []
        self.sequences: list[tuple[Any, tuple[Any, ...]]] = []
        self.cells: list[tuple[CellType, Any]] = []
        self.words: dict[int, str] = {}
        self.codes: tuple[CodeType, ...] = ()

    def hold(self) -> bool:
        """Whether everything polled is as it was."""
        for holder, key, value in self.polled:
            now = holder.get(key, MISSING)
            if now is not value and not same(now, value):
                return False
        for function, code, defaults, named in self.functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
            if function.__kwdefaults__ is not named:
                return False
        rest_holds = self.rest_holds
        return rest_holds is None or rest_holds()

    @property
    def rest_holds(self) -> Callable[[], bool] | None:
        """Whether that is as it was which few functions read; None where nothing of it was read."""
        return self._rest_holds if self.sequences or self.shapes or self.kinds or self.cells else None

    def _rest_holds(self) -> bool:
        for sequence, items in self.sequences:
            if not _same_items(sequence, items):
                return False
        for mapping, keys in self.shapes:
            if tuple(mapping) != keys:
                return False
        for value, kind in self.kinds:
            if type(value) is not kind:
                return False
        return all(same(content_of(cell), value) for cell, value in self.cells)

    def steady_hold(self) -> bool:
        """Whether what the epoch stands for is as it was."""
        return (
            all(_same_items(table, keys) for table, keys in self.tables)
            and all(same(holder.get(key, MISSING), value) for holder, key, value in self.steady)
            and all(_same_items(items, then) for items, then in self.lists)
        )


def same(now: Any, then: Any) -> bool:
    """Whether a value is the one that was there: the object itself, or an equal number or text of its type."""
    if now is then:
        return True
    kind = type(now)
    if kind is not type(then) or kind not in (int, float, str, bool, bytes, tuple, MethodType):
        return False
    if kind is float:
        return bool(now == then) and str(now) == str(then)
    return bool(now == then)


def _same_items(now: Any, then: tuple[Any, ...]) -> bool:
    return len(now) == len(then) and all(map(same, now, then))


def content_of(cell: CellType) -> Any:
    """What a closure's cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


class ClassOf:
    """Shows the class of an object as a mapping does."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def get(self, key: str, default: Any = None) -> Any:
        """Its class, whatever is asked for."""
        return type(self.owner)
