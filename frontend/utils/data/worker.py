"""What runs in the worker processes of a DataLoader."""

from __future__ import annotations

import pickle
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from brasa.random import manual_seed
from brasa.runtime import set_num_threads
from brasa.utils.data.channel import Channel, Closed
from brasa.utils.data.fetching import Ended, Fetcher, Source
from brasa.utils.data.worker_info import WorkerInfo, set_worker_info


@dataclass(frozen=True)
class Epoch:
    """A message: from now on, batches of a new epoch. resume: where to begin in it."""

    seed: int
    resume: dict[str, Any] | None


@dataclass(frozen=True)
class Task:
    """A message: make this batch."""

    number: int
    indices: Any


@dataclass(frozen=True)
class Reply:
    """A message: a batch, and the state after it; or the kind and the text of the error that came instead."""

    batch: Any = None
    state: dict[str, Any] | None = None
    error: tuple[type[Exception], str] | None = None
    ended: bool = False


def work(
    channel: Channel, number: int, count: int, source: Source, init: Callable[[int], Any] | None, seed: int
) -> None:  # fmt: skip
    """Make batches for the other side of the channel until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the main one ends this one
    set_num_threads(1)
    random.seed(seed + number)
    manual_seed(seed + number)
    np.random.seed(np.random.SeedSequence((seed, number)).generate_state(4))
    set_worker_info(WorkerInfo(number, count, seed + number, source.dataset))
    caught = _Caught()
    with caught:
        if init is not None:
            init(number)
    batches = _Batches(number, source, caught.told)
    try:
        while True:
            message = channel.receive()
            if isinstance(message, Epoch):
                batches.begin(message)
            else:
                batches.answer(message, channel)
    except Closed:  # the main process is done, or gone
        channel.close()


class _Batches:
    """Answers to tasks. failure: an error that all answers are."""

    def __init__(self, number: int, source: Source, failure: tuple[type[Exception], str] | None) -> None:
        self._number, self._source, self._failure = number, source, failure
        self._at_start = failure
        self._fetcher: Fetcher | None = None

    def begin(self, epoch: Epoch) -> None:
        caught = _Caught()
        with caught:
            self._fetcher = Fetcher(self._source, epoch.seed, self._number, epoch.resume)
        self._failure = self._at_start or caught.told

    def answer(self, task: Task, channel: Channel) -> None:
        caught = _Caught()
        with caught:
            channel.send(self._reply(task))
        if caught.told is not None:
            channel.send(Reply(error=caught.told))

    def _reply(self, task: Task) -> Reply:
        if self._failure is not None or self._fetcher is None:
            return Reply(error=self._failure)
        try:
            batch = self._fetcher.fetch(task.number, task.indices)
        except Ended:
            return Reply(ended=True)
        return Reply(batch, self._fetcher.state())


class _Caught:
    """Keeps what is to be told of the error that a block ends with, because the process has to go on."""

    told: tuple[type[Exception], str] | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception) or isinstance(error, Closed):
            return False
        self.told = _picklable(type(error)), "".join(traceback.format_exception(error))
        return True


def _picklable(kind: type[Exception]) -> type[Exception]:
    try:
        pickle.dumps(kind)
    except (pickle.PicklingError, AttributeError, TypeError):
        return RuntimeError
    return kind
