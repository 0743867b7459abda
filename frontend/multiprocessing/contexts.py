"""Ways of starting processes, as multiprocessing's, whose pipes and queues send tensors as the memory that they are."""

from __future__ import annotations

import multiprocessing
from multiprocessing import context
from typing import Any

from brasa.multiprocessing import connections


class _Sharing:
    """Makes pipes and queues of ours where Python's context would make its own."""

    def Pipe(self, duplex: bool = True) -> Any:
        """Two connected ends of a pipe."""
        return connections.Pipe(duplex)

    def Queue(self, maxsize: int = 0) -> Any:
        """A queue for any number of processes."""
        return connections.Queue(maxsize, ctx=self.get_context())  # type: ignore[attr-defined]

    def JoinableQueue(self, maxsize: int = 0) -> Any:
        """A queue that counts the tasks that are not done."""
        return connections.JoinableQueue(maxsize, ctx=self.get_context())  # type: ignore[attr-defined]

    def SimpleQueue(self) -> Any:
        """A queue without a thread."""
        return connections.SimpleQueue(ctx=self.get_context())  # type: ignore[attr-defined]


_CONTEXTS: dict[str, Any] = {
    method: type(f"Sharing{type(known).__name__}", (_Sharing, type(known)), {})()
    for method, known in ((method, multiprocessing.get_context(method)) for method in context._concrete_contexts)  # type: ignore[attr-defined]
}


def get_context(method: str | None = None) -> Any:
    """The context of a way of starting processes, of the one that is set without a name."""
    if method is None:
        method = multiprocessing.get_start_method()
    multiprocessing.get_context(method)  # which refuses names that it does not know
    return _CONTEXTS[method]
