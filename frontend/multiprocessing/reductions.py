"""Tensors in messages to other processes: where in shared memory they are is sent, and that memory as an open file."""

from __future__ import annotations

import io
import pickle
import threading
from multiprocessing import reduction
from typing import Any

from brasa.ir.dtype import BY_NAME
from brasa.ir.errors import BrasaError
from brasa.nn.parameter import Buffer as ModuleBuffer
from brasa.nn.parameter import Parameter
from brasa.runtime.shared_memory import Segment, segment_of, shared_buffer
from brasa.tensors.shared import shared_place
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, make


class _Message(threading.local):
    """The memory that goes with the message which this thread writes or reads, if it goes over a pipe of ours."""

    segments: list[Segment] | None = None


_message = _Message()
Packed = tuple[bytes | bytearray, list[Segment]]


def pack(value: Any) -> Packed:
    """A value as a pickle, and the memory that it speaks of."""
    segments: list[Segment] = []
    before, _message.segments = _message.segments, segments
    try:
        stream = io.BytesIO()
        reduction.ForkingPickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    finally:
        _message.segments = before
    return stream.getvalue(), segments


def unpack(packed: Packed) -> Any:
    """The value that was packed, over the same memory."""
    data, segments = packed
    before, _message.segments = _message.segments, segments
    try:
        return reduction.ForkingPickler.loads(data)
    finally:
        _message.segments = before


def _reduce_tensor(tensor: Tensor) -> Any:
    segment, begin = shared_place(tensor, "multiprocessing")
    spec, buffer = tensor._spec, tensor._buffer
    assert segment.file is not None and buffer is not None
    handle: Any
    if _message.segments is None:  # a connection of another's, or the start of a process
        handle = reduction.DupFd(segment.file)
    else:
        if segment not in _message.segments:
            _message.segments.append(segment)
        handle = _message.segments.index(segment)
    place = (buffer.ptr - segment.ptr, buffer.nbytes, begin)
    kind = None if type(tensor) is Tensor else type(tensor)
    facts = (spec.dtype.name, tuple(spec.shape), tuple(spec.strides), tensor._requires_grad, kind)
    return _tensor_at, (handle, place, *facts)


def _tensor_at(
    handle: Any, place: tuple[int, int, int], dtype: str, shape: tuple[int, ...], strides: tuple[int, ...],
    requires_grad: bool, kind: type[Tensor] | None,
) -> Tensor:  # fmt: skip
    segment = _segment(handle)
    offset, nbytes, begin = place
    tensor = make(shared_buffer(segment, offset, nbytes), spec_of(BY_NAME[dtype], shape, strides), segment.ptr + begin)
    if kind is not None:
        tensor.__class__ = kind
    tensor._requires_grad = requires_grad
    return tensor


def _segment(handle: Any) -> Segment:
    if isinstance(handle, int):
        assert _message.segments is not None
        return _message.segments[handle]
    try:
        return segment_of(handle.detach())
    except (OSError, EOFError):
        raise BrasaError(
            "the process that sent a tensor ended before the tensor was received", op="multiprocessing",
            hint="send it through a Queue, Pipe or Pool of brasa.multiprocessing, which keep what is under way",
        ) from None  # fmt: skip


def register() -> None:
    """Let every pickle between processes take tensors in this way."""
    for kind in (Tensor, Parameter, ModuleBuffer):
        reduction.ForkingPickler.register(kind, _reduce_tensor)
