"""Pipes and queues as Python's, over sockets: what is under way in them, tensors too, outlives the sender."""

from __future__ import annotations

import io
import itertools
import multiprocessing.connection
import multiprocessing.queues
import pickle
import queue
import socket
from multiprocessing import reduction
from typing import Any

from brasa.multiprocessing.reductions import Packed, pack, unpack
from brasa.runtime.frames import receive_frame, send_frame
from brasa.runtime.shared_memory import segment_of


class Connection(multiprocessing.connection.Connection):
    """One end of a pipe, which sends tensors as the memory that they are."""

    def send(self, obj: Any) -> None:
        """Send an object that can be pickled."""
        self.send_packed(pack(obj))

    def send_packed(self, packed: Packed) -> None:
        """Send what `pack` made."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_writable()  # type: ignore[attr-defined]
        data, segments = packed
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self.fileno())
        try:
            send_frame(end, data, [segment.file for segment in segments if segment.file is not None])
        finally:
            end.detach()

    def recv(self) -> Any:
        """The next object; EOFError when there will be none."""
        return unpack(self.receive_packed())

    def receive_packed(self, most: int | None = None) -> Packed:
        """What was sent, as `unpack` takes it."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_readable()  # type: ignore[attr-defined]
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self.fileno())
        try:
            data, files = receive_frame(end, most)
        finally:
            end.detach()
        return data, [segment_of(file) for file in files]

    def _send_bytes(self, buf: Any) -> None:
        self.send_packed((buf, []))

    def _recv_bytes(self, maxsize: int | None = None) -> io.BytesIO:
        return io.BytesIO(self.receive_packed(maxsize)[0])


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """The two ends of a new pipe; unless it is duplex, the first only receives and the second only sends."""
    one, other = socket.socketpair()
    return Connection(one.detach(), writable=duplex), Connection(other.detach(), readable=duplex)


class _OfTensors:
    """Lets a queue of Python's send tensors over our pipe: it is given numbers in their stead, and sees no more.

    An object is pickled when it is put, not later by the queue's thread: errors are the caller's, and tensors are
    shared from then on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reader.close()
        self._writer.close()
        self._reader, self._writer = Pipe(duplex=False)
        self._reset()

    def _reset(self, after_fork: bool = False) -> None:
        super()._reset(after_fork)  # type: ignore[misc]
        self._numbers, self._held = itertools.count(), dict[int, Packed]()
        self._send_bytes, self._recv_bytes = self._send_held, self._receive_held

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an object in the queue; queue.Full if there is no room in time."""
        number = next(self._numbers)
        self._held[number] = pack(obj)
        try:
            super().put(number, block, timeout)  # type: ignore[misc]
        except queue.Full:
            del self._held[number]
            raise

    def _send_held(self, number: Any) -> None:
        self._writer.send_packed(self._held.pop(pickle.loads(number)))

    def _receive_held(self) -> bytes:
        number = next(self._numbers)
        self._held[number] = self._reader.receive_packed()
        return pickle.dumps(number)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an object out of the queue; queue.Empty if none comes in time."""
        return unpack(self._held.pop(super().get(block, timeout)))  # type: ignore[misc]


class Queue(_OfTensors, multiprocessing.queues.Queue):  # type: ignore[type-arg]
    """As multiprocessing.Queue; tensors in it are the same memory in all processes."""


class JoinableQueue(_OfTensors, multiprocessing.queues.JoinableQueue):  # type: ignore[type-arg]
    """As multiprocessing.JoinableQueue; tensors in it are the same memory in all processes."""


class SimpleQueue(multiprocessing.queues.SimpleQueue):  # type: ignore[type-arg]
    """As multiprocessing.SimpleQueue; tensors in it are the same memory in all processes."""

    _reader: Connection
    _writer: Connection

    def __init__(self, *, ctx: Any) -> None:
        super().__init__(ctx=ctx)
        super().close()
        self._reader, self._writer = Pipe(duplex=False)
        self._poll = self._reader.poll

    def put(self, obj: Any) -> None:
        """Put an object in the queue."""
        packed = pack(obj)
        with self._wlock:  # type: ignore[attr-defined]
            self._writer.send_packed(packed)

    def get(self) -> Any:
        """Take an object out of the queue, waiting for one."""
        with self._rlock:  # type: ignore[attr-defined]
            packed = self._reader.receive_packed()
        return unpack(packed)


def _reduce_connection(connection: Connection) -> Any:
    return _connection_of, (reduction.DupFd(connection.fileno()), connection.readable, connection.writable)


def _connection_of(file: Any, readable: bool, writable: bool) -> Connection:
    return Connection(file.detach(), readable, writable)


def register() -> None:
    """Let a connection be passed to another process."""
    reduction.ForkingPickler.register(Connection, _reduce_connection)
