"""Types of values: a tensor's shape, dtype and device, or a tuple of such types."""

from __future__ import annotations

from typing import TypeAlias

from brasa.ir.dim import Size, product
from brasa.ir.dtype import DType
from brasa.ir.record import value


@value
class TensorType:
    """The type of a tensor. Strides are not part of it: computed values are row-major."""

    shape: tuple[Size, ...]
    dtype: DType
    device: str = "cpu"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        """The number of elements."""
        return product(self.shape)

    @property
    def nbytes(self) -> Size:
        """The bytes that a row-major buffer of this type takes."""
        return self.size * self.dtype.itemsize

    def __str__(self) -> str:
        suffix = "" if self.device == "cpu" else f"@{self.device}"
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]{suffix}"


@value
class TupleType:
    """The type of an op's several results."""

    items: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type: TypeAlias = TensorType | TupleType
