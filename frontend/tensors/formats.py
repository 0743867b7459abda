"""What programs may name beside a dtype: Python's number types, layouts and memory formats.

Tensors of brasa are strided and their copies row-major, whatever format is asked for.
"""

from __future__ import annotations

from typing import Any

from brasa.ir import dtype as dtypes
from brasa.ir.dtype import DType
from brasa.ir.errors import DTypeError, ValueError

__all__ = [
    "channels_last", "channels_last_3d", "contiguous_format", "layout", "memory_format", "preserve_format",
    "sparse_coo", "strided",
]  # fmt: skip


class _Named:
    """One of a few named values, which are themselves alone equal to themselves."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"brasa.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Named):
    """How the elements of a tensor are stored."""


class memory_format(_Named):
    """The order in which the axes of a tensor are stored. It is accepted everywhere and changes nothing."""


strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


def require_strided(given: Any, op: str) -> None:
    """Raise ValueError for a layout that brasa does not have."""
    if given is not None and given is not strided:
        raise ValueError(f"the only layout is brasa.strided, found {given!r}", op=op)


_OF_PYTHON = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}


def as_dtype(given: Any) -> DType:
    """A dtype given as such, or by the Python type whose numbers it holds."""
    if isinstance(given, DType):
        return given
    if isinstance(given, type) and given in _OF_PYTHON:
        return _OF_PYTHON[given]
    raise DTypeError(f"expected a dtype, found {given!r}")
