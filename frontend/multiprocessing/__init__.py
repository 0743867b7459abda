"""Processes that share tensors, with the names of `torch.multiprocessing`: all of Python's multiprocessing, and more.

A tensor that is sent to another process, through a Queue, a Pipe, a Pool or as an argument, is the same memory there:
what one process writes, the others see. Sending one moves it to shared memory, as `Tensor.share_memory_()` does.
"""

from multiprocessing import *  # noqa: F403
from typing import Any as _Any

from brasa.multiprocessing import connections as _connections
from brasa.multiprocessing import reductions as _reductions
from brasa.multiprocessing.contexts import get_context as get_context
from brasa.multiprocessing.sharing import get_all_sharing_strategies as get_all_sharing_strategies
from brasa.multiprocessing.sharing import get_sharing_strategy as get_sharing_strategy
from brasa.multiprocessing.sharing import set_sharing_strategy as set_sharing_strategy
from brasa.multiprocessing.spawn import ProcessContext as ProcessContext
from brasa.multiprocessing.spawn import ProcessException as ProcessException
from brasa.multiprocessing.spawn import ProcessExitedException as ProcessExitedException
from brasa.multiprocessing.spawn import ProcessRaisedException as ProcessRaisedException
from brasa.multiprocessing.spawn import spawn as spawn
from brasa.multiprocessing.spawn import start_processes as start_processes

SpawnContext = ProcessContext

_reductions.register()
_connections.register()


def Queue(maxsize: int = 0) -> _Any:
    """A queue for any number of processes."""
    return get_context().Queue(maxsize)


def JoinableQueue(maxsize: int = 0) -> _Any:
    """A queue that counts the tasks that are not done."""
    return get_context().JoinableQueue(maxsize)


def SimpleQueue() -> _Any:
    """A queue without a thread."""
    return get_context().SimpleQueue()


def Pipe(duplex: bool = True) -> _Any:
    """Two connected ends of a pipe; unless it is duplex, the first only receives and the second only sends."""
    return _connections.Pipe(duplex)


def Pool(
    processes: int | None = None, initializer: _Any = None, initargs: _Any = (), maxtasksperchild: int | None = None
) -> _Any:
    """Processes that share the work on tasks."""
    return get_context().Pool(processes, initializer, initargs, maxtasksperchild)
