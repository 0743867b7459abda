"""GPUs, as programs ask about them to choose a device: tensors can be on one when it is registered as "cuda"."""

from __future__ import annotations

from brasa.ir.errors import DeviceError
from brasa.runtime import get_device

__all__ = ["device_count", "is_available"]


def is_available() -> bool:
    """Whether tensors can be on a GPU."""
    try:
        get_device("cuda")
    except DeviceError:
        return False
    return True


def device_count() -> int:
    """How many GPUs tensors can be on: one or none."""
    return int(is_available())
