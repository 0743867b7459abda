"""Devices by name, and one that is not the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir.errors import DeviceError
from brasa.runtime import Buffer, Device, allocate, device, get_device, load, register_device


def test_the_cpu_copies() -> None:
    cpu = get_device("cpu")
    source, result = np.arange(100.0), np.zeros(100)
    buffer = cpu.allocate(source.nbytes)
    cpu.copy_in(buffer.ptr, source.ctypes.data, source.nbytes)
    cpu.copy_out(result.ctypes.data, buffer.ptr, source.nbytes)
    assert (result == source).all()


def test_unknown_devices() -> None:
    with pytest.raises(DeviceError, match=r"there is no device 'cuda:7'; the devices are .*cpu"):
        get_device("cuda:7")


def test_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_devices", dict(device._devices))
    allocated: list[int] = []

    def allocate_and_note(nbytes: int) -> Buffer:
        allocated.append(nbytes)
        own = allocate(nbytes)
        return Buffer(own.ptr, nbytes, "far", own)

    cpu = get_device("cpu")
    register_device(Device("far", allocate_and_note, cpu.copy_in, cpu.copy_out, load))
    buffer = get_device("far").allocate(64)
    assert (buffer.device, allocated) == ("far", [64])
