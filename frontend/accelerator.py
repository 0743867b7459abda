"""The device beside the CPU, whatever it is, as programs ask about it before they choose one: a GPU or nothing."""

from __future__ import annotations

from brasa import cuda
from brasa.tensors.spec import Device

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """Whether tensors can be on another device than the CPU."""
    return cuda.is_available()


def device_count() -> int:
    """How many such devices there are."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> Device | None:
    """That device, or None; `check_available` is PyTorch's, whose builds can name a device that is not there."""
    return Device("cuda") if is_available() else None
