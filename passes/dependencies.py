"""Which things need which, without circles: what fusion asks while it joins groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Dependencies(Generic[_T]):
    """Things, each of which needs some that were there before it; several may become one where that makes no circle."""

    def __init__(self) -> None:
        self._needs: dict[_T, dict[_T, None]] = {}
        self._readers: dict[_T, dict[_T, None]] = {}

    def add(self, thing: _T, needs: Iterable[_T]) -> None:
        """Add a thing that needs these."""
        self._needs[thing], self._readers[thing] = dict.fromkeys(needs), {}
        for each in self._needs[thing]:
            self._readers[each][thing] = None

    def readers(self, thing: _T) -> Iterable[_T]:
        """The things that need it."""
        return self._readers[thing]

    def replace(self, parts: Sequence[_T], joined: _T) -> None:
        """Put a thing in the place of several: it needs what they needed, and whatever needed one of them needs it."""
        for links, back in ((self._needs, self._readers), (self._readers, self._needs)):
            others = {other: None for part in parts for other in links.pop(part) if other not in parts}
            for other in others:
                for part in parts:
                    back[other].pop(part, None)
                back[other][joined] = None
            links[joined] = others

    def needs_any(self, thing: _T, others: Iterable[_T]) -> bool:
        """Whether the thing needs one of the others, by way of further ones perhaps, or is one of them."""
        ahead, behind = list(others), [thing]
        down, up = set(ahead), {thing}
        while ahead and behind:
            if not down.isdisjoint(up):
                return True
            if len(ahead) <= len(behind):
                ahead = _next(ahead, self._readers, down)
            else:
                behind = _next(behind, self._needs, up)
        return not down.isdisjoint(up)

    def ordered(self, key: Callable[[_T], int] = lambda thing: 0) -> list[_T]:
        """All things, each after what it needs; of those that could be next, the one with the least key."""
        number = {thing: i for i, thing in enumerate(self._needs)}
        missing = {thing: len(needs) for thing, needs in self._needs.items()}
        ready = [(key(thing), number[thing], thing) for thing, count in missing.items() if not count]
        heapify(ready)
        order: list[_T] = []
        while ready:
            thing = heappop(ready)[2]
            order.append(thing)
            for reader in self._readers[thing]:
                missing[reader] -= 1
                if not missing[reader]:
                    heappush(ready, (key(reader), number[reader], reader))
        return order


def _next(fringe: Iterable[_T], links: dict[_T, dict[_T, None]], seen: set[_T]) -> list[_T]:
    """What the links lead to that has not been seen, and is now."""
    found: list[_T] = []
    for each in fringe:
        for other in links[each]:
            if other not in seen:
                seen.add(other)
                found.append(other)
    return found
