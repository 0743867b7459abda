"""Several processes that run one function, and are waited for together: when one fails, all end."""

from __future__ import annotations

import signal
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

from brasa.ir.errors import BrasaError
from brasa.multiprocessing.connections import Connection, Pipe
from brasa.multiprocessing.contexts import get_context


class ProcessException(BrasaError):
    """A process that did not end well. error_index: its number; error_pid: its process."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid, self.pid = msg, error_index, pid, pid


class ProcessRaisedException(ProcessException):
    """A process whose function raised an error; the message holds its traceback."""


class ProcessExitedException(ProcessException):
    """A process that a signal or an exit ended. signal_name: None for an exit."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name


class _Told:
    """Tells the parent of the error that a block ends with, and ends the process quietly."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Exception):
            self._connection.send("".join(traceback.format_exception(error)))
        if isinstance(error, Exception | KeyboardInterrupt):
            raise SystemExit(1) from None


def _run(fn: Callable[..., Any], number: int, args: Sequence[Any], connection: Connection) -> None:
    with _Told(connection):
        fn(number, *args)


class ProcessContext:
    """Processes that `start_processes` has started."""

    def __init__(self, processes: list[Any], errors: list[Connection]) -> None:
        self.processes, self._errors = processes, errors
        self._running = {process.sentinel: number for number, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The numbers that the system knows the processes by."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until the next processes end, at most `timeout` seconds; whether none is left.

        When one failed, the others are ended: by SIGTERM, and by SIGKILL after grace_period seconds (30 unless given).
        Then ProcessRaisedException with the traceback of its error, or ProcessExitedException, is raised.
        """
        failed = None
        for sentinel in wait(list(self._running), timeout):
            number = self._running.pop(sentinel)  # type: ignore[call-overload]
            self.processes[number].join()
            if self.processes[number].exitcode:
                failed = number
                break
        if failed is None:
            return not self._running
        self._end(30 if grace_period is None else grace_period)
        raise self._error(failed)

    def _end(self, patience: float) -> None:
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + patience
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()

    def _error(self, number: int) -> ProcessException:
        process = self.processes[number]
        try:
            text = f"process {number} ended with this error:\n\n{self._errors[number].recv()}"
        except EOFError:  # it had nothing to tell
            text = ""
        if text:
            return ProcessRaisedException(text, number, process.pid)
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            return ProcessExitedException(f"process {number} was ended by {name}", number, process.pid, code, name)
        return ProcessExitedException(f"process {number} ended with exit code {code}", number, process.pid, code, None)


def start_processes(
    fn: Callable[..., Any], args: Sequence[Any] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """Run fn(number, *args) in nprocs processes, and wait for them; or, without join, give their ProcessContext.

    When one of them fails, the others are ended, and its error is raised here. start_method: "spawn", "fork", ...
    """
    context = get_context(start_method)
    processes, errors = [], []
    for number in range(nprocs):
        receiving, sending = Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, number, args, sending), daemon=daemon)
        process.start()
        sending.close()
        processes.append(process)
        errors.append(receiving)
    started = ProcessContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: Sequence[Any] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """start_processes with new interpreters: fn and args are pickled, and fn must stand at the top of a module."""
    if start_method != "spawn":
        warnings.warn(f"spawn always uses the start method spawn, not {start_method}: see start_processes",
                      FutureWarning, stacklevel=2)  # fmt: skip
    return start_processes(fn, args, nprocs, join, daemon, "spawn")
