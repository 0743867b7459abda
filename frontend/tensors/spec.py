"""What is fixed about an eager tensor but its memory: dtype, shape, strides and device, one object for equal ones."""

from __future__ import annotations

from math import prod
from typing import Any

from brasa.ir.dtype import DType
from brasa.ir.layout import is_row_major, parts_strides, row_major, stride_marks
from brasa.ir.types import TensorType


class Size(tuple[Any, ...]):
    """A shape, as `Tensor.shape` gives it: a tuple of ints."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"brasa.Size([{', '.join(map(str, self))}])"


class Device:
    """A device by name: `Device("cpu")`, `Device("cuda", 0)`."""

    def __init__(self, name: str | Device, index: int | None = None) -> None:
        text = str(name) if index is None else f"{name}:{index}"
        self.name = text
        self.type, _, number = text.partition(":")
        self.index = int(number) if number else None

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        tail = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{tail})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device | str) and str(other) == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class Spec:
    """The constant facts of a tensor. Equal specs are one object, so signatures compare them by identity."""

    __slots__ = ("device", "dtype", "marks", "nbytes", "numel", "rank", "row_major", "shape", "strides", "type")

    def __init__(self, dtype: DType, shape: tuple[int, ...], strides: tuple[int, ...], device: str) -> None:
        self.dtype, self.shape, self.strides, self.device = dtype, Size(shape), strides, device
        self.rank, self.numel = len(shape), prod(shape)
        self.nbytes = self.numel * dtype.itemsize
        self.row_major = is_row_major(shape, strides)
        self.marks = stride_marks(shape, strides)
        self.type = TensorType(shape, dtype, device)

    # As kernels see it: the parts of complex numbers lie along a last axis.

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape in which kernels take the tensor."""
        return (*self.shape, 2) if self.dtype.is_complex else tuple(self.shape)

    @property
    def stored_strides(self) -> tuple[int, ...]:
        """The strides that belong to it, in elements of the parts."""
        return parts_strides(self.strides) if self.dtype.is_complex else tuple(self.strides)  # type: ignore[return-value]


_specs: dict[tuple[Any, ...], Spec] = {}
_LIMIT = 1 << 17


def spec_of(dtype: DType, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, device: str = "cpu") -> Spec:
    """The spec with these facts; strides in elements, None for row-major."""
    key = (dtype, shape, strides, device)
    spec = _specs.get(key)
    if spec is None:
        if len(_specs) > _LIMIT:
            _specs.clear()
        standard = row_major(shape)
        if strides is None or strides == standard:
            spec = _specs.get((dtype, shape, None, device)) or Spec(dtype, shape, standard, device)  # type: ignore[arg-type]
            _specs[(dtype, shape, None, device)] = spec
        else:
            spec = Spec(dtype, shape, strides, device)
        _specs[key] = spec
    return spec


def may_overlap(spec: Spec) -> bool:
    """Whether two elements may be one piece of memory."""
    reach = 0
    for step, size in sorted((step, size) for step, size in zip(spec.strides, spec.shape, strict=True) if size > 1):
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False
