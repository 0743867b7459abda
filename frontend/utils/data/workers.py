"""The worker processes of a DataLoader as the main process sees them: started, given tasks, listened to, ended."""

from __future__ import annotations

import os
import signal
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any

from brasa.ir.errors import BrasaError
from brasa.utils.data.channel import Channel, Closed, connect
from brasa.utils.data.fetching import Source
from brasa.utils.data.worker import Epoch, Reply, Task, work

_OP = "DataLoader"
_LOOK = 1.0  # seconds between looks at whether a worker still lives, should its end of the channel be held open
_PATIENCE = 5.0  # seconds in which a worker may finish what it is doing
_MOST_AHEAD = 64  # messages on their way to one worker, so that neither side ever waits to send


class WorkerError(BrasaError):
    """A worker process that ended, that takes too long, or whose error cannot be made again here."""


class Workers:
    """Worker processes. due: the tasks that are not answered yet: (worker, task, what the caller keeps with it)."""

    def __init__(
        self, source: Source, count: int, context: BaseContext, init: Callable[[int], Any] | None, seed: int,
        timeout: float,
    ) -> None:  # fmt: skip
        self.count, self._timeout = count, timeout
        self.due: deque[tuple[int, Task, Any]] = deque()
        self._channels: list[Channel] = []
        self._processes: list[Any] = []
        self._end = weakref.finalize(self, _end, os.getpid(), self._channels, self._processes)
        for number in range(count):
            ours, theirs = connect()
            self._channels.append(ours)
            arguments = (theirs, number, count, source, init, seed)
            process = context.Process(target=work, args=arguments, daemon=True)  # type: ignore[attr-defined]
            with warnings.catch_warnings():  # threads of brasa survive a fork
                warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
                process.start()
            self._processes.append(process)
            theirs.close()

    @property
    def closed(self) -> bool:
        """Whether they are ended."""
        return not self._end.alive

    def begin(self, seed: int, resumes: Sequence[Any]) -> None:
        """Start a new epoch, whatever became of the one before."""
        while self.due:
            self.take(0)
        for number, resume in enumerate(resumes):
            with self._whole(number):
                self._channels[number].send(Epoch(seed, resume))

    def ask(self, worker: int, task: Task, kept: Any) -> None:
        """Give a task to a worker."""
        with self._whole(worker):
            self._channels[worker].send(task)
            self.due.append((worker, task, kept))

    @contextmanager
    def _whole(self, worker: int) -> Iterator[None]:
        """A block that sends or receives one message: after half of one, as Ctrl-C leaves it, nothing more can be."""
        try:
            yield
        except Closed:
            raise self._gone(worker) from None
        except BaseException:
            self.close()
            raise

    def first_ready(self) -> int:
        """The place in `due` of a task whose worker has an answer."""
        limit = self._timeout or None
        channels = {self._channels[worker]: worker for worker, _, _ in self.due}
        ready = {channels[channel] for channel in wait(list(channels), limit)}  # type: ignore[arg-type, index]
        return next((place for place, (worker, _, _) in enumerate(self.due) if worker in ready), 0)

    def take(self, place: int) -> tuple[int, Task, Any, Reply]:
        """Wait for the answer to the task at a place in `due`; its worker's earlier tasks must be answered.

        WorkerError if the worker has ended, or the time is up.
        """
        worker, task, kept = self.due[place]
        channel, start = self._channels[worker], time.monotonic()
        while not channel.wait(min(_LOOK, self._timeout or _LOOK)):
            if self._timeout and time.monotonic() - start >= self._timeout:
                raise WorkerError(f"worker {worker} gave no batch in {self._timeout} seconds, the timeout", op=_OP)
            if not self._processes[worker].is_alive() and not channel.wait(0):
                raise self._gone(worker)
        with self._whole(worker):
            reply = channel.receive()
            del self.due[place]
        return worker, task, kept, reply

    def _gone(self, worker: int) -> WorkerError:
        """What to say of a worker that has ended; the others are ended too."""
        process = self._processes[worker]
        process.join(_PATIENCE)
        code, pid = process.exitcode, process.pid
        self.close()
        hint = ""
        if code is not None and code < 0:
            fact = f"was killed by signal {-code} ({signal.Signals(-code).name})"
            if -code == signal.SIGKILL:
                hint = "the system kills processes when memory runs out: dmesg tells"
        else:
            fact = f"ended with exit status {code}"
        return WorkerError(f"worker {worker} (process {pid}) {fact}", op=_OP, hint=hint)

    def close(self) -> None:
        """End the processes: those that do not end by themselves soon are killed."""
        self.due.clear()
        self._end()


def ahead(prefetch_factor: int) -> int:
    """How many batches one worker makes ahead."""
    return min(prefetch_factor, _MOST_AHEAD)


def _end(owner: int, channels: list[Channel], processes: list[Any]) -> None:
    if os.getpid() != owner:  # a forked copy
        return
    for channel in channels:
        channel.close()
    deadline = time.monotonic() + _PATIENCE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        for end in (process.terminate, process.kill):
            if process.is_alive():
                end()
                process.join(1)


def raise_again(worker: int, task: Task, error: tuple[type[Exception], str]) -> None:
    """Raise the error that a worker met: of its kind, with its traceback in the text."""
    kind, trace = error
    text = f"worker {worker} of the DataLoader failed at batch {task.number}\n\n{trace.rstrip()}"
    if issubclass(kind, KeyError):
        raise kind(_Readable(text))
    if issubclass(kind, StopIteration):  # which would end the caller's loop
        raise WorkerError(text)
    try:
        made = kind(text)
    except (TypeError, AttributeError, ValueError, LookupError):  # a kind that takes other arguments
        raise WorkerError(text) from None
    raise made


class _Readable(str):
    """A text that KeyError shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
