"""Samplers: the order in which the samples of a dataset are taken, and how they come together in batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from brasa.functions.sampling import multinomial, randint, randperm
from brasa.ir.dtype import float64
from brasa.ir.errors import ArgumentError, NotImplementedError, ValueError
from brasa.random import Generator
from brasa.tensors.creation import as_tensor

_T_co = TypeVar("_T_co", covariant=True)
_DRAWN_AT_ONCE = 4096
_SEEDS = 1 << 62


class Sampler(Generic[_T_co]):
    """The base of all samplers: subclasses define `__iter__`, and most `__len__`."""

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__()")


class SequentialSampler(Sampler[int]):
    """The numbers of all samples, in their order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The numbers of all samples in random order; with replacement, each of num_samples draws is one of all samples.

    num_samples: how many, as many as there are samples unless given. Without replacement, all come once before any
    comes again. generator: where the random numbers come from; without one, one that the default generator seeds.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(replacement, bool):
            raise ArgumentError(f"replacement must be a bool, not {type(replacement).__name__}", op="RandomSampler")
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples must be a positive integer, not {self.num_samples!r}", op="RandomSampler")

    @property
    def num_samples(self) -> int:
        """How many numbers an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        count, wanted = len(self.data_source), self.num_samples
        generator = self.generator or Generator().manual_seed(draw_seed())
        while wanted > 0:
            if self.replacement:
                numbers = randint(0, count, (min(wanted, _DRAWN_AT_ONCE),), generator=generator).tolist()
            else:
                numbers = randperm(count, generator=generator).tolist()[:wanted]
            yield from numbers
            wanted -= len(numbers)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """These numbers in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for place in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """num_samples of the numbers 0..len(weights)-1, each as likely as its weight is great. The sum may be anything."""

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:  # fmt: skip
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples must be a positive integer, not {num_samples!r}", op="WeightedRandomSampler")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement must be a bool, not {replacement!r}", op="WeightedRandomSampler")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights must have one axis, they have {self.weights.ndim}", op="WeightedRandomSampler")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        chosen = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from chosen.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """What another sampler gives, batch_size at a time. drop_last: leave out a last batch that is smaller."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size must be a positive integer, not {batch_size!r}", op="BatchSampler")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last must be a bool, not {drop_last!r}", op="BatchSampler")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count: int = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def draw_seed(generator: Generator | None = None) -> int:
    """A seed that a generator draws, the default one unless another is given."""
    seed: Any = randint(0, _SEEDS, (), generator=generator).item()
    return int(seed)
