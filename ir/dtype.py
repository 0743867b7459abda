"""Element types: the scalar formats that a tensor can hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

DTypeKind = Literal["bool", "int", "uint", "float", "complex"]


@dataclass(frozen=True, eq=False)
class DType:
    """One element type. Instances are unique, so `is` compares them.

    name: the short form that graphs print (`f32`).
    long_name: the form that users write (`float32`).
    """

    name: str
    long_name: str
    kind: DTypeKind
    bits: int

    @property
    def itemsize(self) -> int:
        """Bytes that one element takes in memory."""
        return max(1, self.bits // 8)

    @property
    def is_floating_point(self) -> bool:
        return self.kind == "float"

    @property
    def is_complex(self) -> bool:
        return self.kind == "complex"

    @property
    def is_signed(self) -> bool:
        return self.kind in ("int", "float", "complex")

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype with the same memory format (bfloat16 through ml_dtypes)."""
        if self.name == "bf16":
            import ml_dtypes

            half: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return half
        return np.dtype(self.long_name)

    def __repr__(self) -> str:
        return f"brasa.{self.long_name}"

    def __reduce__(self) -> str:
        return self.long_name if self.long_name != "bool" else "bool_"


float64 = DType("f64", "float64", "float", 64)
float32 = DType("f32", "float32", "float", 32)
float16 = DType("f16", "float16", "float", 16)
bfloat16 = DType("bf16", "bfloat16", "float", 16)
int8 = DType("i8", "int8", "int", 8)
int16 = DType("i16", "int16", "int", 16)
int32 = DType("i32", "int32", "int", 32)
int64 = DType("i64", "int64", "int", 64)
uint8 = DType("u8", "uint8", "uint", 8)
uint32 = DType("u32", "uint32", "uint", 32)
uint64 = DType("u64", "uint64", "uint", 64)
bool_ = DType("bool", "bool", "bool", 8)
complex64 = DType("c64", "complex64", "complex", 64)
complex128 = DType("c128", "complex128", "complex", 128)

DTYPES: tuple[DType, ...] = (
    float64, float32, float16, bfloat16, int8, int16, int32, int64, uint8, uint32, uint64, bool_, complex64, complex128,
)  # fmt: skip
BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in DTYPES}
_BY_LONG_NAME: dict[str, DType] = {dtype.long_name: dtype for dtype in DTYPES}
_BY_NUMPY: dict[np.dtype[Any], DType] = {}  # those asked for; a dtype of NumPy takes long to say its name


def from_numpy(dtype: np.dtype[Any]) -> DType:
    """The DType of a NumPy dtype; KeyError when brasa has none (strings, objects, longdouble)."""
    found = _BY_NUMPY.get(dtype)
    if found is None:
        found = _BY_NUMPY[dtype] = _BY_LONG_NAME[dtype.name]
    return found


def real_dtype(dtype: DType) -> DType:
    """The dtype of the parts of a complex one; itself if it is real."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)


def complex_dtype(dtype: DType) -> DType:
    """The complex dtype with parts of this float dtype; single ones for half precision."""
    return complex128 if dtype in (float64, complex128) else complex64
