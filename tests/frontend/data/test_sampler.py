"""Samplers: which numbers they give, in which order, and how often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import brasa
from brasa.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)  # fmt: skip


def test_in_order() -> None:
    sampler = SequentialSampler(range(5))
    assert [*sampler] == [0, 1, 2, 3, 4] and len(sampler) == 5
    with pytest.raises(NotImplementedError):
        iter(Sampler())


def test_random() -> None:
    brasa.manual_seed(0)
    sampler = RandomSampler(range(100))
    first, second = [*sampler], [*sampler]
    assert sorted(first) == sorted(second) == [*range(100)] and first != second != [*range(100)]
    brasa.manual_seed(0)
    assert [*sampler] == first
    own = [[*RandomSampler(range(9), generator=brasa.Generator().manual_seed(4))] for _ in range(2)]
    assert own[0] == own[1]


def test_random_of_other_lengths() -> None:
    brasa.manual_seed(0)
    twice = [*RandomSampler(range(5), num_samples=12)]
    assert sorted(twice[:5]) == sorted(twice[5:10]) == [*range(5)] and len(twice) == 12
    many = Counter(RandomSampler(range(4), True, 10_000))
    assert sum(many.values()) == 10_000 and all(2300 < many[each] < 2700 for each in range(4))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: RandomSampler(range(3), 1), TypeError, "replacement must be a bool, not int"),
        (lambda: RandomSampler([]), ValueError, "num_samples must be a positive integer, not 0"),
        (lambda: WeightedRandomSampler([1.0], 0), ValueError, "num_samples must be a positive integer, not 0"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, "weights must have one axis, they have 2"),
        (lambda: BatchSampler([1], 0, False), ValueError, "batch_size must be a positive integer, not 0"),
        (lambda: BatchSampler([1], 1, 0), ValueError, "drop_last must be a bool, not 0"),
        (lambda: DistributedSampler([1], 2, 2), ValueError, r"rank 2 is not one of 0\.\.1"),
        (lambda: DistributedSampler([1]), ValueError, "num_replicas and rank must be given"),
    ],
)
def test_bad_arguments(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_subset() -> None:
    sampler = SubsetRandomSampler([3, 5, 8], brasa.Generator().manual_seed(0))
    assert sorted(sampler) == [3, 5, 8] and len(sampler) == 3


def test_weighted() -> None:
    brasa.manual_seed(0)
    counts = Counter(WeightedRandomSampler([1.0, 0.0, 3.0], 8000))
    assert counts[1] == 0 and abs(counts[2] / 8000 - 0.75) < 0.02
    assert sorted(WeightedRandomSampler([1.0, 1.0, 1.0], 3, replacement=False)) == [0, 1, 2]


def test_batches() -> None:
    assert [*BatchSampler(range(7), 3, False)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [*BatchSampler(range(7), 3, True)] == [[0, 1, 2], [3, 4, 5]]
    assert (len(BatchSampler(range(7), 3, False)), len(BatchSampler(range(7), 3, True))) == (3, 2)


@pytest.mark.parametrize(("count", "drop_last"), [(10, False), (10, True), (2, False), (9, False)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_distributed(count: int, drop_last: bool, shuffle: bool) -> None:
    samplers = [DistributedSampler(range(count), 3, rank, shuffle, drop_last=drop_last) for rank in range(3)]
    parts = [[*sampler] for sampler in samplers]
    each = count // 3 if drop_last else -(-count // 3)
    assert [len(part) for part in parts] == [len(sampler) for sampler in samplers] == [each] * 3
    given = [number for row in zip(*parts, strict=True) for number in row]
    assert set(given) == set(range(count)) or drop_last
    assert len(set(given)) == min(count, 3 * each)
    if shuffle and count > 5:
        samplers[0].set_epoch(1)
        assert [*samplers[0]] != parts[0]
        samplers[0].set_epoch(0)
    assert [*samplers[0]] == parts[0]
