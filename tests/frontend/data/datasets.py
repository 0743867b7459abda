"""Datasets that the tests of the DataLoader load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import brasa
from brasa.utils.data import Dataset, IterableDataset, get_worker_info


class Numbers(Dataset[Any]):
    """Samples of a tensor, a number, a text and noise that brasa draws."""

    def __init__(self, count: int = 30) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return {"x": brasa.full((2, 3), float(index)), "y": index, "name": f"n{index}", "noise": brasa.rand(2)}


class Stream(IterableDataset[Any]):
    """The numbers 0..count-1 in order; each worker gives those that are its own."""

    def __init__(self, count: int = 25) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.count, step))


class Counted(Numbers):
    """Samples that also say how many were taken before: a state, which can be saved."""

    taken = 0

    def __getitem__(self, index: int) -> Any:
        self.taken += 1
        return index, self.taken

    def state_dict(self) -> dict[str, int]:
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.taken = state["taken"]


class Places:
    """Iterates over the numbers up to a count, and says and takes over where it is."""

    def __init__(self, place: int, count: int, step: int) -> None:
        self.place, self.count, self.step, self.steps = place, count, step, 0

    def __iter__(self) -> Places:
        return self

    def __next__(self) -> tuple[int, int]:
        if self.place >= self.count:
            raise StopIteration
        self.place, self.steps = self.place + self.step, self.steps + 1
        return self.place - self.step, self.steps

    def state_dict(self) -> dict[str, int]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.place = state["place"]


class StatefulStream(Stream):
    """A stream whose iterator has a state. Samples: (number, how many this iterator gave)."""

    def __iter__(self) -> Iterator[Any]:
        numbers = list(super().__iter__())
        return Places(numbers[0], self.count, numbers[1] - numbers[0])


class Failing(Numbers):
    """Raises an error of some kind at one sample."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            raise self.error
        return index


class Deadly(Numbers):
    """Kills its process at one sample, by a signal or by ending it."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            if self.sign == 0:
                raise SystemExit(3)
            os.kill(os.getpid(), self.sign)
            signal.pause()
        return index


class Slow(Numbers):
    """Takes a minute for one sample."""

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            time.sleep(60)
        return index


class Uneven(Numbers):
    """One sample has another shape."""

    def __getitem__(self, index: int) -> Any:
        return brasa.zeros(3, 30 if index == 17 else 32), index


class Pairs(Numbers):
    """Large samples of every kind that goes through shared memory."""

    def __getitem__(self, index: int) -> Any:
        return brasa.full((100, 100), index, dtype=brasa.bfloat16), brasa.full((64,), float(index)).numpy()


def plain(batch: Any) -> Any:
    """A batch as Python values."""
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [plain(value) for value in batch]
    return batch.tolist() if isinstance(batch, brasa.Tensor) else batch
