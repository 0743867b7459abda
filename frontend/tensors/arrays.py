"""NumPy arrays over memory that is not NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir.dtype import DType
from brasa.tensors.spec import Spec


def array_over(address: int, spec: Spec, owner: Any) -> np.ndarray[Any, Any]:
    """An array over the memory at an address, which the array keeps alive through its owner."""
    itemsize = spec.dtype.itemsize
    interface = {
        "shape": tuple(spec.shape), "strides": tuple(stride * itemsize for stride in spec.strides),
        "data": (address, False), "typestr": _typestr(spec.dtype), "version": 3,
    }  # fmt: skip
    if spec.numel == 0:
        return np.empty(spec.shape, spec.dtype.numpy)
    array = np.asarray(_Exposed(interface, owner))
    return array.view(spec.dtype.numpy) if spec.dtype.name == "bf16" else array


def _typestr(dtype: DType) -> str:
    return "<u2" if dtype.name == "bf16" else dtype.numpy.str


class _Exposed:
    """Shows memory to NumPy and keeps it alive as the array's base."""

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner
