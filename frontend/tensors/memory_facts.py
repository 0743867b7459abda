"""The memory under a tensor: who shares it, and a tensor put over another one's."""

from __future__ import annotations

from typing import Any

from brasa._state import STATE, bump_epoch
from brasa.ir.errors import ArgumentError, GradientError
from brasa.tensors.spec import Device
from brasa.tensors.tensor import Tensor
from brasa.tracing.trace import CaptureError


class Storage:
    """The memory that a tensor and its views share, as bytes."""

    def __init__(self, tensor: Tensor) -> None:
        self._buffer, self.device = tensor._buffer, Device(tensor._spec.device)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        assert self._buffer is not None
        return self._buffer.ptr

    def nbytes(self) -> int:
        """The number of bytes."""
        assert self._buffer is not None
        return self._buffer.nbytes

    size = __len__ = nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Storage) and other._buffer is self._buffer

    def __hash__(self) -> int:
        return id(self._buffer)


def _storage(self: Tensor) -> Storage:
    """The memory that this tensor lies in."""
    return Storage(self._materialized())


def _is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether another tensor is the same elements of the same memory."""
    one, other = self._materialized(), tensor._materialized()
    return one._ptr == other._ptr and one._spec is other._spec


def _set(self: Tensor, source: Tensor) -> Tensor:
    """Make this tensor one over another's memory."""
    if not isinstance(source, Tensor):
        raise ArgumentError(f"expects a tensor, found {type(source).__name__}", op="set_")
    if STATE.grad_enabled and self._requires_grad:
        raise GradientError("a tensor that requires gradients cannot be put over other memory", op="set_")
    if STATE.trace is not None:
        STATE.trace.leave(CaptureError("a tensor is put over other memory", op="set_"))
    real = source._materialized()
    self._buffer, self._ptr, self._spec = real._buffer, real._ptr, real._spec
    bump_epoch()
    return self


def _itself(self: Tensor, *_: Any) -> Tensor:
    """The tensor itself: all tensors are dense, and no memory of this device is pinned."""
    return self


def _never(self: Tensor, *_: Any) -> bool:
    return False


def _share_memory(self: Tensor) -> Tensor:
    """Move this tensor, with its views, to memory that other processes can see; itself."""
    from brasa.tensors.shared import share  # needs what only some systems have

    share([self])
    return self


def _is_shared(self: Tensor) -> bool:
    """Whether this tensor lies in memory that other processes can see."""
    from brasa.tensors.shared import is_shared

    return is_shared(self)


MEMORY_METHODS: dict[str, Any] = {
    "untyped_storage": _storage, "is_set_to": _is_set_to, "set_": _set, "to_dense": _itself, "pin_memory": _itself,
    "is_pinned": _never, "is_inference": _never, "is_shared": _is_shared, "share_memory_": _share_memory,
}  # fmt: skip
