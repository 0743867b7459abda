"""Memory that tensors in files are views of, and where map_location lets it lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brasa.functions.strided import as_strided
from brasa.ir.dtype import DType
from brasa.ir.errors import ArgumentError, ValueError
from brasa.tensors.devices import device_name
from brasa.tensors.spec import Device
from brasa.tensors.tensor import Tensor

_LARGEST = 1 << 60


class Storage:
    """Memory that tensors are views of. values: all of it, as a vector."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    @property
    def device(self) -> Device:
        """Where the memory lies."""
        return self.values.device

    def nbytes(self) -> int:
        """The number of bytes."""
        return self.values.nbytes

    def to(self, device: Any) -> Storage:
        """The storage on another device."""
        return Storage(self.values.to(device))  # type: ignore[attr-defined]

    def cpu(self) -> Storage:
        """The storage on the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Storage:
        """The storage on a GPU: a number, or a device's name."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def as_type(self, dtype: DType) -> Storage:
        """The storage itself; an error if it was read as another dtype before."""
        if self.values.dtype is not dtype:
            raise ValueError(f"a storage is both {self.values.dtype.name} and {dtype.name}", op="load")
        return self

    def tensor(self, offset: int, size: Any, stride: Any) -> Tensor:
        """The tensor with this place in the storage."""
        numbers = [offset, *size, *stride]
        whole = all(type(number) is int and 0 <= number < _LARGEST for number in numbers)
        if not whole or len(size) != len(stride) or math.prod(size) >= _LARGEST:
            raise ValueError(f"sizes {str(size)[:80]}, strides {str(stride)[:80]} and offset {str(offset)[:80]} are "
                             "no place in a storage", op="load")  # fmt: skip
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if math.prod(size) and last >= self.values.numel():
            raise ValueError(f"a tensor of sizes {list(size)} does not fit its storage of {self.values.numel()}",
                             op="load")  # fmt: skip
        return as_strided(self.values, tuple(size), tuple(stride), offset).detach()  # type: ignore[attr-defined, no-any-return]


Mapper = Callable[[Storage, str], Storage]


def mapper_of(map_location: Any) -> Mapper:
    """What map_location makes of a storage, given the device that it was saved from; without one it stays on the CPU.

    map_location: a device or its name, a dict from names to devices, or a function of a storage and the name of the
    device that gives the storage where it shall lie, or None to leave it. DeviceError if a named device is not there.
    """
    if isinstance(map_location, dict):
        devices = {str(key): device_name(device) for key, device in map_location.items()}
        return lambda storage, location: storage.to(devices.get(location, "cpu"))
    if callable(map_location):
        return lambda storage, location: _checked(map_location(storage, location), storage)
    if not isinstance(map_location, str | Device | None):
        raise ArgumentError(f"map_location must be a device, a dict or a function, not {type(map_location).__name__}",
                            op="load")  # fmt: skip
    device = device_name(map_location)
    return lambda storage, _: storage if device == "cpu" else storage.to(device)


def _checked(mapped: Any, storage: Storage) -> Storage:
    if not isinstance(mapped, Storage | None):
        raise ArgumentError(f"map_location gave a {type(mapped).__name__}, not a storage or None", op="load")
    if mapped is not None and (mapped.values.dtype, mapped.values.shape) != (
        storage.values.dtype,
        storage.values.shape,
    ):
        raise ValueError("map_location gave a storage of another size", op="load")
    return storage if mapped is None else mapped
