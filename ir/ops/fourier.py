"""Discrete Fourier transforms without scaling, which the host computes (see brasa.ir.ops.host).

They transform along some axes: X[k] = sum over j of x[j] exp(-2 pi i j k / n); those called inverse have +2 pi i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size, floor_divide
from brasa.ir.dtype import complex_dtype, int64, real_dtype
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.ops.complex import view_as_complex, view_as_real
from brasa.ir.ops.elementwise import eq, mul, or_, select
from brasa.ir.ops.host import run_into
from brasa.ir.ops.move import pad, slice_
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import full, full_like, iota
from brasa.ir.ops.view import reshape
from brasa.ir.types import TensorType


def _check(x: TensorType, axes: Sequence[int], kind: str) -> None:
    if x.dtype.kind != kind or x.dtype.bits < 32:
        raise DTypeError(f"is not defined for {x.dtype.name}")
    if sorted(set(axes)) != list(axes) or any(not 0 <= axis < x.rank for axis in axes):
        raise ShapeError(f"axes {list(axes)} are not distinct, ascending axes of {x}")
    if not all(dim.at_most(1, x.shape[axis]) for axis in axes):
        raise ShapeError(f"no frequencies in an axis without elements of {x}")


def _type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    _check(x, axes, "complex")
    return x


def _sums(x: Any, axis: int, sign: int) -> Any:
    """The definition, in double precision."""
    places = np.arange(x.shape[axis])
    waves = np.exp(sign * 2j * np.pi * (np.outer(places, places) % max(1, len(places))) / max(1, len(places)))
    return np.moveaxis(np.tensordot(x, waves, (axis, 0)), -1, axis)


def _meaning(sign: int) -> Callable[..., Any]:
    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        made = np.asarray(x)
        for axis in axes:
            made = _sums(made, axis, sign)
        return made.astype(np.asarray(x).dtype)

    return evaluate


fourier: Op = Op(
    "fourier", Kind.HOST, ("x",), _type, _meaning(-1),
    lambda node, g: (inverse_fourier(g, axes=node.attrs["axes"]),),
    run=run_into(lambda x, axes: np.fft.fftn(x, axes=axes)),
)  # fmt: skip
inverse_fourier: Op = Op(
    "inverse_fourier", Kind.HOST, ("x",), _type, _meaning(1),
    lambda node, g: (fourier(g, axes=node.attrs["axes"]),),
    run=run_into(lambda x, axes: np.fft.ifftn(x, axes=axes, norm="forward")),
)  # fmt: skip


def _replaced(x: TensorType, axis: int, size: Size) -> tuple[Size, ...]:
    return (*x.shape[:axis], size, *x.shape[axis + 1 :])


def _half_type(x: TensorType, *, axis: int) -> TensorType:
    _check(x, (axis,), "float")
    return TensorType(_replaced(x, axis, floor_divide(x.shape[axis], 2) + 1), complex_dtype(x.dtype), x.device)


def _half_value(x: Any, *, axis: int) -> Any:
    x = np.asarray(x)
    made = np.take(_sums(x, axis, -1), np.arange(x.shape[axis] // 2 + 1), axis)
    return made.astype(np.result_type(x.dtype, np.complex64))


def _half_vjp(node: Node, g: Node) -> tuple[Node]:
    """The real part of the sums over the frequencies that there are."""
    x, axis = node.operands[0].tensor, node.attrs["axis"]
    rest = tuple(x.shape[axis] - g.tensor.shape[axis] if a == axis else 0 for a in range(x.rank))
    zero = full(TensorType((), g.tensor.dtype, x.device), 0)
    whole = inverse_fourier(pad(g, zero, low=(0,) * x.rank, high=rest), axes=(axis,))
    parts = slice_(view_as_real(whole), starts=(0,) * (x.rank + 1), sizes=(*x.shape, 1), steps=(1,) * (x.rank + 1))
    return (reshape(parts, shape=x.shape),)


# Of real numbers, the frequencies up to half: the others are their conjugates.
half_fourier = Op(
    "half_fourier", Kind.HOST, ("x",), _half_type, _half_value, _half_vjp,
    run=run_into(lambda x, axis: np.fft.rfft(x, axis=axis)),
)  # fmt: skip


def _from_half_type(x: TensorType, *, axis: int, size: Size) -> TensorType:
    _check(x, (axis,), "complex")
    if not dim.at_most(1, size) or not dim.equal(floor_divide(size, 2) + 1, x.shape[axis]):
        raise ShapeError(f"{size} real numbers do not have the {x.shape[axis]} frequencies along axis {axis} of {x}")
    return TensorType(_replaced(x, axis, size), real_dtype(x.dtype), x.device)


def _from_half_value(x: Any, *, axis: int, size: int) -> Any:
    x = np.moveaxis(np.asarray(x), axis, -1)
    places = np.arange(x.shape[-1])
    twice = np.where((places == 0) | (2 * places == size), 1, 2)
    angles = 2 * np.pi * (np.outer(places, np.arange(size)) % size) / size
    weighted = x.astype(np.complex128) * twice
    made = weighted.real @ np.cos(angles) - weighted.imag @ np.sin(angles)
    return np.moveaxis(made, -1, axis).astype(x.real.dtype)


def _from_half_vjp(node: Node, g: Node) -> tuple[Node]:
    """Frequencies that stand for their conjugates, too, count twice."""
    x, axis = node.operands[0].tensor, node.attrs["axis"]
    made = view_as_real(half_fourier(g, axis=axis))
    places = iota(axis=0, type=TensorType((x.shape[axis],), int64, x.device))
    last = eq(mul(places, full_like(places, 2)), full_like(places, node.attrs["size"]))
    once = or_(eq(places, full_like(places, 0)), last)
    dtype = made.tensor.dtype
    twice = select(once, full_like(places, 1, dtype), full_like(places, 2, dtype))
    along = tuple(x.shape[axis] if a == axis else 1 for a in range(x.rank + 1))
    return (view_as_complex(mul(made, expand(reshape(twice, shape=along), shape=made.tensor.shape))),)


# The way back to `size` real numbers.
from_half_fourier = Op(
    "from_half_fourier", Kind.HOST, ("x",), _from_half_type, _from_half_value, _from_half_vjp,
    run=run_into(lambda x, axis, size: np.fft.irfft(x, size, axis, norm="forward")),
)  # fmt: skip
