"""Devices: places where tensors lie and programs run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from brasa.ir.errors import DeviceError
from brasa.ir.program import Signature
from brasa.runtime.executable import Executable, load
from brasa.runtime.memory import Buffer, allocate


@dataclass(frozen=True)
class Device:
    """What brasa needs of a device.

    allocate: a buffer of so many bytes. load: as brasa.runtime.load, for the code that is made for this device.
    copy_in: (address on the device, address on the host, bytes); copy_out: (address on the host, on the device, bytes).
    """

    name: str
    allocate: Callable[[int], Buffer]
    copy_in: Callable[[int, int, int], object]
    copy_out: Callable[[int, int, int], object]
    load: Callable[[Signature, Iterable[bytes], Collection[int]], Executable]


_devices: dict[str, Device] = {}


def register_device(device: Device) -> None:
    """Make a device known by its name, instead of any other of that name."""
    _devices[device.name] = device


def get_device(name: str) -> Device:
    """The device of that name; DeviceError when there is none."""
    if name not in _devices:
        raise DeviceError(f"there is no device {name!r}; the devices are {', '.join(sorted(_devices))}")
    return _devices[name]


register_device(Device("cpu", allocate, ctypes.memmove, ctypes.memmove, load))
