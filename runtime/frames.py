"""Messages over a socket between processes: bytes, and open files, which then both processes have open.

The system keeps what is under way: the sender may end before the message is received, and when both sides are gone the
files are closed.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from struct import Struct

from brasa.runtime.shared_memory import too_many_files

_HEAD = Struct("<QI")  # bytes, and files
_FILES_AT_ONCE = 200  # the system takes 253


def send_frame(end: socket.socket, data: bytes | memoryview, files: Sequence[int] = ()) -> None:
    """Send bytes and open files; BrokenPipeError or ConnectionResetError when nobody can receive them."""
    head = _HEAD.pack(len(data), len(files))
    sent = socket.send_fds(end, [head, data], files[:_FILES_AT_ONCE])
    if sent < len(head) + len(data):
        end.sendall(head[sent:])
        end.sendall(memoryview(data)[max(0, sent - len(head)) :])
    for start in range(_FILES_AT_ONCE, len(files), _FILES_AT_ONCE):
        socket.send_fds(end, [b"\0"], files[start : start + _FILES_AT_ONCE])


def receive_frame(end: socket.socket, most: int | None = None) -> tuple[bytearray, list[int]]:
    """The next message; EOFError when there will be none, OSError for one of more bytes than `most`."""
    files: list[int] = []
    head = bytearray()
    while len(head) < _HEAD.size:
        head += _receive(end, _HEAD.size - len(head), files)
    size, count = _HEAD.unpack(head)
    if most is not None and size > most:
        raise OSError("bad message length")
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        got = end.recv_into(view[filled:])
        if not got:
            raise EOFError
        filled += got
    while len(files) < count:
        _receive(end, 1, files)
    return data, files


def _receive(end: socket.socket, size: int, files: list[int]) -> bytes:
    """Some of so many bytes; the files that come with them join the others."""
    try:
        data, more, flags, _ = socket.recv_fds(end, size, _FILES_AT_ONCE)
    except ConnectionResetError:
        raise EOFError from None
    files += more
    if flags & socket.MSG_CTRUNC:
        for file in files:
            os.close(file)
        raise too_many_files(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    if not data:
        raise EOFError
    return data
