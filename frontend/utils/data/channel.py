"""Messages between a DataLoader and a worker: what is large in them goes through shared memory, not through pickles.

A message is a pickle whose tensors, arrays and other buffers are left out (pickle's protocol 5) and written to one file
in memory. The other side gets that file with the message, sees it as memory, and makes tensors over it: no byte of them
is pickled or copied again. The tensors keep that memory alive; the two processes share nothing that must be kept tidy.
"""

from __future__ import annotations

import copyreg
import ctypes
import io
import os
import pickle
import select
import socket
import struct
import weakref
from collections import ChainMap
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from brasa.ir.dtype import BY_NAME
from brasa.ir.errors import GradientError
from brasa.nn.parameter import Buffer as ModuleBuffer
from brasa.nn.parameter import Parameter
from brasa.runtime.frames import receive_frame, send_frame
from brasa.runtime.memory import Buffer
from brasa.runtime.shared_memory import Segment, new_file, places, write_pieces
from brasa.tensors.copies import clone
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, make

_HEAD = struct.Struct("<QI")  # bytes of the body, and how many lengths it begins with
_INLINE = 1024  # bytes of a body that are sent as they are: sockets hold only so much, and a sender must never wait
_open: weakref.WeakSet[Channel] = weakref.WeakSet()


class Closed(Exception):
    """The other end of a connection is closed, or the process that held it is gone."""


class Channel:
    """One end of a connection. A process that is forked while one is open does not keep this end open."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._poll: select.poll | None = None

    def send(self, message: Any) -> None:
        """Send any object that can be pickled; never waits while few messages are under way. Closed if nobody reads."""
        buffers: list[pickle.PickleBuffer] = []
        stream = io.BytesIO()
        pickler = pickle.Pickler(stream, 5, buffer_callback=buffers.append)
        pickler.dispatch_table = _reducers
        pickler.dump(message)
        pieces = [buffer.raw() for buffer in buffers]
        body = struct.pack(f"<{len(pieces)}Q", *(piece.nbytes for piece in pieces)) + stream.getbuffer()
        head = _HEAD.pack(len(body), len(pieces))
        if len(body) > _INLINE:
            pieces.insert(0, memoryview(body))
            body = b""
        files = [new_file()] if pieces else []
        try:
            for file in files:
                write_pieces(file, pieces)
            send_frame(self._socket, head + body, files)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None
        finally:
            for file in files:
                os.close(file)

    def wait(self, seconds: float) -> bool:
        """Whether a message, or the end of the connection, comes within this time."""
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return bool(self._poll.poll(seconds * 1000))

    def receive(self) -> Any:
        """The next message; Closed when there will be none."""
        try:
            data, files = receive_frame(self._socket)
        except EOFError:
            raise Closed from None
        if not files:
            return pickle.loads(data[_HEAD.size :])
        segment = Segment(files[0], os.fstat(files[0]).st_size, keep=False)
        size, count = _HEAD.unpack_from(data)
        start = 0
        body: Any = memoryview(data)[_HEAD.size :]
        if not body:
            body = memoryview(ctypes.string_at(segment.ptr, size))
            _, start = places([size])
        lengths = struct.unpack_from(f"<{count}Q", body)
        return pickle.loads(body[8 * count :], buffers=_pieces(segment, start, lengths))

    def fileno(self) -> int:
        """The number of the open file, by which several channels are waited for."""
        return self._socket.fileno()

    def close(self) -> None:
        """Tell the other side that nothing more will come."""
        self._socket.close()

    def __reduce__(self) -> Any:
        return Channel, (self._socket,)


def connect() -> tuple[Channel, Channel]:
    """The two ends of a new connection: the one that stays in this process, and the one for another."""
    ends = tuple(Channel(end) for end in socket.socketpair())
    _open.add(ends[0])
    return ends  # type: ignore[return-value]


def _close_all() -> None:
    """In the child of a fork: let go of what belongs to the parent, so that workers see when that ends."""
    for channel in list(_open):
        channel.close()


os.register_at_fork(after_in_child=_close_all)


@lru_cache(maxsize=256)
def _bytes_of(size: int) -> Any:
    """The type of so many bytes of foreign memory; making it takes longer than all else."""
    return type(f"bytes{size}", (ctypes.c_char * size,), {})


def _pieces(segment: Segment, start: int, lengths: tuple[int, ...]) -> Iterator[Any]:
    begins, _ = places(lengths)
    for begin, length in zip(begins, lengths, strict=True):
        piece = _bytes_of(length).from_address(segment.ptr + start + begin)
        piece.segment = segment
        yield piece


def _reduce_tensor(tensor: Tensor) -> Any:
    if not tensor.is_leaf:
        raise GradientError("a tensor that a recorded function made cannot be sent to another process", op="DataLoader",
                            hint="detach() it first")  # fmt: skip
    plain = tensor.detach()._settled()
    if not plain._spec.row_major:
        plain = clone(plain)
    memory = _bytes_of(plain._spec.nbytes).from_address(plain._ptr)
    memory.tensor = plain
    kind = None if type(tensor) is Tensor else type(tensor)
    facts = plain.dtype.name, tuple(plain.shape), tensor._requires_grad, kind
    return _tensor_over, (pickle.PickleBuffer(memory), *facts)


def _tensor_over(memory: Any, dtype: str, shape: tuple[int, ...], requires_grad: bool, kind: Any) -> Tensor:
    buffer = Buffer(ctypes.addressof(memory), ctypes.sizeof(memory), "cpu", memory.segment)
    tensor = make(buffer, spec_of(BY_NAME[dtype], shape))
    if kind is not None:
        tensor.__class__ = kind
    tensor._requires_grad = requires_grad
    return tensor


_reducers: Any = ChainMap(dict.fromkeys((Tensor, Parameter, ModuleBuffer), _reduce_tensor), copyreg.dispatch_table)
