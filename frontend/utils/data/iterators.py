"""One epoch of a DataLoader: where in it one is, what its batches are made of, and those made in this process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from brasa.ir.errors import ValueError
from brasa.utils.data.fetching import Ended, Fetcher, Source, is_stateful


@dataclass
class Position:
    """Where an epoch is, in plain values.

    generators: the states of the generators before the epoch. batches: how many were given out. sampler: its state
    then. datasets: the states of the dataset, in each worker. order, turn, ended: which workers the next batches of a
    dataset with a state come from, whose turn it is after that, and who has no more. finished: whether there are none.
    """

    generators: list[Any]
    batches: int = 0
    sampler: Any = None
    datasets: list[Any] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    turn: int = 0
    ended: list[int] = field(default_factory=list)
    finished: bool = False

    def state(self) -> dict[str, Any]:
        """As a dict."""
        return asdict(self)


class Indices:
    """What the batches of an epoch are made of, from a position on: (number, indices, the sampler's state)."""

    def __init__(self, sampler: Any, position: Position) -> None:
        self._sampler = next((each for each in (sampler, getattr(sampler, "sampler", None)) if is_stateful(each)), None)
        self._number = position.batches
        if self._sampler is not None and position.sampler is not None:
            self._sampler.load_state_dict(position.sampler)
            self._rest: Iterator[Any] = iter(sampler)
        else:
            self._rest = itertools.islice(iter(sampler), position.batches, None)

    def look(self) -> None:
        """Let the sampler draw its random numbers now."""
        first = list(itertools.islice(self._rest, 1))
        self._rest = itertools.chain(first, self._rest)

    def __iter__(self) -> Iterator[tuple[int, Any, Any]]:
        for indices in self._rest:
            number, self._number = self._number, self._number + 1
            yield number, indices, None if self._sampler is None else self._sampler.state_dict()


class Serial:
    """The batches of one epoch, made when they are asked for."""

    def __init__(self, source: Source, indices: Indices, position: Position, seed: int) -> None:
        check_workers(position, 1)
        resume = position.datasets[0] if position.datasets else None
        self._fetcher, self.position = Fetcher(source, seed, 0, resume), position
        self._indices = iter(indices)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        for number, indices, sampler in self._indices:
            try:
                batch = self._fetcher.fetch(number, indices)
            except Ended:
                break
            self._note(number, sampler)
            return batch
        self.position.finished = True
        raise StopIteration

    def _note(self, number: int, sampler: Any) -> None:
        position = self.position
        position.batches, position.sampler = number + 1, sampler
        state = self._fetcher.state()
        position.datasets = [] if state is None else [state]


def check_workers(position: Position, count: int) -> None:
    """A ValueError if a position has a state of the dataset for another number of workers."""
    had = len(position.datasets)
    if had and had != count:
        raise ValueError(f"{had} workers each saved a state of the dataset, and {count} are to go on from them",
                         op="DataLoader")  # fmt: skip
