"""The same memory under another dtype: a complex number is its two parts, which lie next to each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dtype import complex_dtype, real_dtype
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Op
from brasa.ir.types import TensorType


def _real_type(x: TensorType) -> TensorType:
    if not x.dtype.is_complex:
        raise DTypeError(f"is not defined for {x.dtype.name}")
    return TensorType((*x.shape, 2), real_dtype(x.dtype), x.device)


def _real_value(x: Any) -> Any:
    x = np.asarray(x)
    return np.stack([x.real, x.imag], -1)


def _complex_type(x: TensorType) -> TensorType:
    if x.dtype.kind != "float" or x.dtype.bits < 32:
        raise DTypeError(f"is not defined for {x.dtype.name}")
    if not x.rank or not dim.equal(x.shape[-1], 2):
        raise ShapeError(f"the last axis of {x} does not hold the two parts of a complex number")
    return TensorType(x.shape[:-1], complex_dtype(x.dtype), x.device)


def _complex_value(x: Any) -> Any:
    x = np.asarray(x)
    made = np.empty(x.shape[:-1], np.result_type(x.dtype, np.complex64))
    made.real, made.imag = x[..., 0], x[..., 1]
    return made


# The real and the imaginary part of each element along a new last axis. A gradient is complex in the same way: its
# parts are the derivatives by the parts, which is PyTorch's convention (twice the conjugate Wirtinger derivative).
view_as_real: Op = Op(
    "view_as_real", Kind.COMPLEX, ("x",), _real_type, _real_value, lambda node, g: (view_as_complex(g),)
)
# The way back.
view_as_complex: Op = Op(
    "view_as_complex", Kind.COMPLEX, ("x",), _complex_type, _complex_value, lambda node, g: (view_as_real(g),)
)
