"""One epoch of a DataLoader whose batches workers make ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brasa.utils.data.fetching import Source
from brasa.utils.data.iterators import Indices, Position, check_workers
from brasa.utils.data.worker import Task
from brasa.utils.data.workers import Workers, ahead, raise_again


class Parallel:
    """The batches of one epoch, made ahead by workers: task after task goes to worker after worker."""

    def __init__(
        self, source: Source, indices: Indices, position: Position, seed: int, workers: Workers, prefetch: int,
        in_order: bool, keep: bool,
    ) -> None:  # fmt: skip
        self._workers, self._in_order, self._keep = workers, in_order, keep
        self.position = position
        count = workers.count
        check_workers(position, count)
        self._indices = iter(indices)
        self._turn, self._ended = position.turn, set(position.ended)
        resumes = position.datasets or [None] * count
        self._states = list(resumes)
        workers.begin(seed, resumes)
        for worker in position.order or self._turns(ahead(prefetch) * count):
            self._ask(worker)

    def _turns(self, count: int) -> Iterator[int]:
        """The next workers whose turn it is."""
        for _ in range(count):
            if len(self._ended) == self._workers.count:
                return
            while self._turn in self._ended:
                self._turn = (self._turn + 1) % self._workers.count
            worker, self._turn = self._turn, (self._turn + 1) % self._workers.count
            yield worker

    def _ask(self, worker: int) -> None:
        for number, indices, sampler in self._indices:
            self._workers.ask(worker, Task(number, indices), sampler)
            return

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        workers = self._workers
        while workers.due:
            worker, task, sampler, reply = workers.take(0 if self._in_order else workers.first_ready())
            if reply.ended:
                self._ended.add(worker)
            for following in self._turns(1) if self._in_order or reply.ended else [worker]:
                self._ask(following)
            if reply.ended:
                continue
            self._note(worker, task, sampler, reply.state)
            if reply.error is not None:
                raise_again(worker, task, reply.error)
            return reply.batch
        self.position.finished = True
        if not self._keep:
            workers.close()
        raise StopIteration

    def _note(self, worker: int, task: Task, sampler: Any, state: Any) -> None:
        position = self.position
        position.batches, position.sampler = task.number + 1, sampler
        if state is not None:  # batches depend on which worker makes them
            self._states[worker] = state
            position.datasets = self._states
            position.order = [each for each, _, _ in self._workers.due]
            position.turn, position.ended = self._turn, sorted(self._ended)
