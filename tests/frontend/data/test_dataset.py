"""Datasets made of tensors and of other datasets."""

from __future__ import annotations

import numpy as np
import pytest

import brasa
from brasa.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)  # fmt: skip
from tests.frontend.data.datasets import Numbers, Stream


def test_tensors() -> None:
    x, y = brasa.arange(12).view(4, 3), brasa.arange(4)
    dataset = TensorDataset(x, y)
    assert len(dataset) == 4 and dataset[2][0].tolist() == [6, 7, 8] and dataset[2][1].item() == 2
    batches = [(a.tolist(), b.tolist()) for a, b in DataLoader(dataset, 3)]
    assert batches == [(x[:3].tolist(), [0, 1, 2]), (x[3:].tolist(), [3])]
    with pytest.raises(
        ValueError, match=r"TensorDataset: the first sizes of the tensors differ\n  tensor 0  i64\[4,3\]"
    ):
        TensorDataset(x, brasa.arange(5))


def test_stacks() -> None:
    pairs = StackDataset(range(5), Subset(range(10, 20), [3, 4, 5, 6, 7]))
    assert len(pairs) == 5 and pairs[1] == (1, 14) and pairs.__getitems__([0, 4]) == [(0, 13), (4, 17)]
    named = StackDataset(a=range(3), b="xyz")
    assert named[2] == {"a": 2, "b": "z"} and named.__getitems__([1]) == [{"a": 1, "b": "y"}]
    with pytest.raises(ValueError, match=r"StackDataset: the lengths of the datasets differ: \[2, 3\]"):
        StackDataset(range(2), range(3))
    with pytest.raises(ValueError, match="either by position or by keyword"):
        StackDataset()


def test_sums() -> None:
    both = Numbers(3) + Numbers(2)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [both[i]["y"] for i in range(5)] == [0, 1, 2, 0, 1] and both[-1]["y"] == 1
    with pytest.raises(IndexError, match="ConcatDataset: there is no sample 5 among 5"):
        both[5]
    with pytest.raises(TypeError, match=r"have no numbers\n  hint: use ChainDataset"):
        ConcatDataset([Numbers(), Stream()])
    chain = Stream(3) + Stream(2)
    assert isinstance(chain, ChainDataset) and list(chain) == [0, 1, 2, 0, 1]
    with pytest.raises(TypeError, match="ChainDataset: expects IterableDatasets, found Numbers"):
        list(ChainDataset([Numbers()]))


def test_subsets() -> None:
    inner = Subset(Subset([*range(100, 200)], [5, 6, 7]), [2, 0])
    assert len(inner) == 2 and [*inner] == [107, 105] and inner.__getitems__([1]) == [105]
    array = Subset(np.arange(10) * 10, [1, 2, 3])
    assert array[[0, 2]].tolist() == [10, 30]


def test_random_split() -> None:
    generator = brasa.Generator().manual_seed(0)
    parts = random_split(range(10), [7, 3], generator)
    assert [len(part) for part in parts] == [7, 3] and sorted([*parts[0], *parts[1]]) == [*range(10)]
    again = random_split(range(10), [0.7, 0.3], brasa.Generator().manual_seed(0))
    assert [[*part] for part in again] == [[*part] for part in parts]
    assert [len(part) for part in random_split(range(10), [1 / 3, 1 / 3, 1 / 3])] == [4, 3, 3]
    with pytest.raises(ValueError, match="random_split: the lengths add up to 9, the dataset has 10 samples"):
        random_split(range(10), [5, 4])
    with pytest.raises(ValueError, match=r"fraction 0 is -0.5, not from 0 to 1"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="subset 1 is empty"):
        random_split(range(3), [0.9, 0.1])


@pytest.mark.parametrize("kind", [Dataset, IterableDataset])
def test_bases_are_abstract(kind: type) -> None:
    with pytest.raises(NotImplementedError if kind is Dataset else TypeError):
        kind()[0]
