"""Batches out of a dataset, in the main process or in a worker; and the state that a dataset has for resuming."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from brasa.random import default_generator
from brasa.utils.data.collate import CollateError
from brasa.utils.data.dataset import samples_of

_STREAM = 1 << 40  # seeds between those of one worker's batches and those of the next one's


class Ended(Exception):
    """A dataset that is iterated over has no more batches."""


@dataclass
class Source:
    """How batches are made of a dataset.

    iterable: whether it is iterated over. batch_size: of one that is, None for samples as they are. batched: whether
    samples are taken several at a time, and collate_fn makes one of them. drop_last: leave out a last smaller batch.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any]
    iterable: bool
    batched: bool
    batch_size: int | None
    drop_last: bool


class Fetcher:
    """One epoch's batches of a dataset, or a worker's part of them.

    The random numbers that brasa draws meanwhile follow from the epoch's seed and the batch alone: they are the same
    with any number of workers, after resuming too, and the default generator is left as it was.
    resume: what `state` gave after the last batch before. first: a worker's number.
    """

    def __init__(self, source: Source, seed: int, first: int = 0, resume: dict[str, Any] | None = None) -> None:
        self._source, self._seed = source, seed + first * _STREAM * source.iterable
        self._taken, self._ended = 0, False
        state = resume or {}
        if "dataset" in state:
            source.dataset.load_state_dict(state["dataset"])
        if source.iterable:
            with drawing_from(self._seed - 1):
                self._samples: Any = iter(source.dataset)
            if "iterator" in state:
                self._samples.load_state_dict(state["iterator"])
            if "dataset" in state or "iterator" in state:
                self._taken = state["taken"]
            else:
                for _ in range(state.get("taken", 0)):
                    self.fetch(0, None)

    def fetch(self, number: int, indices: Any) -> Any:
        """Batch `number`, of the samples with these numbers, or the next one; Ended when there is none."""
        if not self._source.iterable:
            with drawing_from(self._seed + number):
                return self._of_numbers(indices)
        with drawing_from(self._seed + self._taken):
            batch = self._next()
            self._taken += 1
            return batch

    def _of_numbers(self, indices: Any) -> Any:
        source = self._source
        if not source.batched:
            return source.collate_fn(source.dataset[indices])
        samples = samples_of(source.dataset, indices)
        try:
            return source.collate_fn(samples)
        except CollateError as error:
            raise error.of_dataset(indices) from None

    def _next(self) -> Any:
        source, missing = self._source, object()
        if not source.batched:
            sample = next(self._samples, missing)
            if sample is missing:
                raise Ended
            return source.collate_fn(sample)
        assert source.batch_size is not None
        samples = [] if self._ended else list(itertools.islice(self._samples, source.batch_size))
        self._ended = len(samples) < source.batch_size
        if not samples or (self._ended and source.drop_last):
            raise Ended
        return source.collate_fn(samples)

    def state(self) -> dict[str, Any] | None:
        """What a new Fetcher needs to go on after the last batch; None if nothing but its number."""
        source = self._source
        state: dict[str, Any] = {}
        if is_stateful(source.dataset):
            state["dataset"] = source.dataset.state_dict()
        if source.iterable:
            state["taken"] = self._taken
            if is_stateful(self._samples):
                state["iterator"] = self._samples.state_dict()
        return state or None


def is_stateful(value: Any) -> bool:
    """Whether an object says and takes over where it is."""
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """A block that draws brasa's random numbers from a seed, and leaves no trace in the default generator."""
    before = default_generator.seed_value, default_generator.offset
    default_generator.seed_value, default_generator.offset = seed & ((1 << 63) - 1), 0
    try:
        yield
    finally:
        default_generator.seed_value, default_generator.offset = before
