"""The sampler of one of several processes that share the work on a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from brasa.functions.sampling import randperm
from brasa.ir.errors import ValueError
from brasa.random import Generator
from brasa.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """The numbers of the samples that one of num_replicas processes takes: rank, rank + num_replicas, ...

    All processes get equally many: some samples come twice, or with drop_last the last ones are left out. With shuffle
    they are places in a random order, the same in all processes, which follows from `seed` and the epoch: call
    `set_epoch` before each.
    """

    def __init__(
        self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
        seed: int = 0, drop_last: bool = False,
    ) -> None:  # fmt: skip
        if num_replicas is None or rank is None:
            raise ValueError("num_replicas and rank must be given, because there is no group of processes",
                             op="DistributedSampler")  # fmt: skip
        if not 0 <= rank < num_replicas:
            raise ValueError(f"rank {rank} is not one of 0..{num_replicas - 1}", op="DistributedSampler")
        self.dataset, self.num_replicas, self.rank, self.epoch = dataset, num_replicas, rank, 0
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            order = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            order = list(range(count))
        order *= math.ceil(self.total_size / max(1, count))
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the order be that of this epoch."""
        self.epoch = epoch
