"""Datasets: samples by number or one after the other, and datasets made of other datasets."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from brasa.functions.sampling import randperm
from brasa.ir.errors import ArgumentError, IndexError, NotImplementedError, Operand, ShapeError, ValueError
from brasa.random import Generator
from brasa.tensors.tensor import Tensor, type_text

_T_co = TypeVar("_T_co", covariant=True)


class Dataset(Generic[_T_co]):
    """The base of datasets whose samples have numbers: subclasses define `__getitem__`, and most `__len__`.

    One may also define `__getitems__`, which gives the samples of a list of numbers at once, and `state_dict` and
    `load_state_dict`, which a DataLoader then saves and loads with its own.
    """

    def __getitem__(self, index: Any) -> _T_co:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__()")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T_co], Iterable[_T_co]):
    """The base of datasets that are read from the first sample to the last: subclasses define `__iter__`.

    Each worker of a DataLoader iterates over a copy of its own: `get_worker_info` tells it which part is its own.
    """

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are the rows of tensors, all with the same first size: (tensors[0][i], tensors[1][i], ...)."""

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        for number, tensor in enumerate(tensors):
            if tensor.shape[0] != tensors[0].shape[0]:
                rows = tuple(Operand(f"tensor {n}", type_text(tensors[n])) for n in (0, number))
                raise ShapeError("the first sizes of the tensors differ", op="TensorDataset", operands=rows)
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Samples put together from those of several datasets of one length: as a tuple, or, of keywords, as a dict."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("expects datasets, either by position or by keyword", op="StackDataset")
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if any(length != lengths[0] for length in lengths):
            raise ValueError(f"the lengths of the datasets differ: {lengths}", op="StackDataset")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        return self._together([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [samples_of(dataset, indices) for dataset in self._parts()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(f"__getitems__ of a dataset gave {len(column)} samples for {len(indices)} indices",
                                 op="StackDataset")  # fmt: skip
        return [self._together(row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length

    def _parts(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _together(self, samples: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, samples, strict=True))
        return tuple(samples)


class ConcatDataset(Dataset[_T_co]):
    """The samples of several datasets, one dataset after the other. cumulative_sizes: where each of them ends."""

    datasets: list[Dataset[_T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[_T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("expects at least one dataset", op="ConcatDataset")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ArgumentError("the samples of an IterableDataset have no numbers", op="ConcatDataset",
                                hint="use ChainDataset")  # fmt: skip
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))  # type: ignore[arg-type]

    def __getitem__(self, idx: int) -> _T_co:
        place = idx + len(self) if idx < 0 else idx
        if not 0 <= place < len(self):
            raise IndexError(f"there is no sample {idx} among {len(self)}", op="ConcatDataset")
        number = bisect.bisect_right(self.cumulative_sizes, place)
        return self.datasets[number][place - (self.cumulative_sizes[number - 1] if number else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[Any]):
    """The samples of several datasets that are iterated over, one dataset after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise ArgumentError(f"expects IterableDatasets, found {type(dataset).__name__}", op="ChainDataset")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[_T_co]):
    """The samples of a dataset that have these numbers, in their order."""

    def __init__(self, dataset: Dataset[_T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        return samples_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_of(dataset: Any, indices: Sequence[Any]) -> Any:
    """The samples with these numbers: all at once where the dataset can do that."""
    together = getattr(dataset, "__getitems__", None)
    return together(indices) if callable(together) else [dataset[index] for index in indices]


def random_split(
    dataset: Dataset[_T_co], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[_T_co]]:  # fmt: skip
    """Subsets of these lengths that share no sample, and together have all.

    lengths: whole numbers that add up to the length of the dataset, or fractions that add up to 1; samples that are
    left over by rounding down go to the subsets in turn, from the first on.
    """
    count = len(dataset)  # type: ignore[arg-type]
    sizes = [*lengths]
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1:
        for number, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"fraction {number} is {fraction}, not from 0 to 1", op="random_split")
        sizes = [math.floor(count * fraction) for fraction in lengths]
        for number in range(count - int(sum(sizes))):
            sizes[number % len(sizes)] += 1
        for number, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"random_split: subset {number} is empty", stacklevel=2)
    if sum(sizes) != count:
        raise ValueError(f"the lengths add up to {sum(sizes)}, the dataset has {count} samples", op="random_split")
    order = randperm(count, generator=generator).tolist()
    ends = [*itertools.accumulate(int(size) for size in sizes)]
    return [Subset(dataset, order[end - int(size) : end]) for end, size in zip(ends, sizes, strict=True)]
