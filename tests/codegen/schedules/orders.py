"""The orders in which sums are defined, written out slowly: what kernels must give bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
LANES = 16


def tree(lanes: Array) -> Array:
    """Sixteen partial sums along the last axis combined 8, 4, 2, 1 apart."""
    for apart in (8, 4, 2, 1):
        lanes = lanes[..., :apart] + lanes[..., apart : 2 * apart]
    return lanes[..., 0]


def in_lanes(x: Array) -> Array:
    """The sum along the last axis: chunks of 4096, lane = place mod 16, a tree, chunks in order."""
    total = None
    for start in range(0, max(x.shape[-1], 1), 4096):
        lanes = np.zeros((*x.shape[:-1], LANES), x.dtype)
        part = x[..., start : start + 4096]
        for place in range(part.shape[-1]):
            lanes[..., place % LANES] += part[..., place]
        total = tree(lanes) if total is None else total + tree(lanes)
    return np.asarray(total)


def in_chain(x: Array) -> Array:
    """The sum along the last axis: chunks of 256, one element after the other, chunks in order."""
    total = np.zeros(x.shape[:-1], x.dtype)
    for start in range(0, x.shape[-1], 256):
        part = np.zeros(x.shape[:-1], x.dtype)
        for place in range(start, min(start + 256, x.shape[-1])):
            part = part + x[..., place]
        total = total + part
    return total


def sum_of(x: Array, axes: Sequence[int]) -> Array:
    """The sum along axes: adjacent ones are one group, groups fold last to first."""
    groups: list[list[int]] = []
    for axis in axes:
        if groups and groups[-1][-1] == axis - 1:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    last = x.ndim - 1
    for group in reversed(groups):
        kept = [axis for axis in range(x.ndim) if axis not in group]
        flat = x.transpose(*kept, *group).reshape(*(x.shape[axis] for axis in kept), -1)
        x = (in_lanes if last in group else in_chain)(flat)
    return x


def fma(a: float, b: float, c: np.float32) -> np.float32:
    """a * b + c with one rounding to float32, for finite numbers."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = np.float32(float(exact))  # rounded twice: off by one in rare cases, which the neighbours settle
    around = (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf)))
    gaps = sorted(
        (abs(Fraction(float(one)) - exact), int(one.view(np.int32)) & 1, number) for number, one in enumerate(around)
    )
    return around[gaps[0][2]]


def chained(pairs: Iterable[Sequence[tuple[float, float]]]) -> np.float32:
    """Sums of products: one chain of fma from +0 for each chunk, chunks in order."""
    total = None
    for chunk in pairs:
        part = np.float32(0)
        for a, b in chunk:
            part = fma(a, b, part)
        total = part if total is None else np.float32(total + part)
    return np.float32(0) if total is None else total


def laned(chunks: Iterable[Sequence[tuple[int, float, float]]]) -> np.float32:
    """Sums of products (lane, a, b): a chain of fma in each lane for each chunk, a tree, chunks in order."""
    total = None
    for chunk in chunks:
        lanes = np.zeros(LANES, np.float32)
        for lane, a, b in chunk:
            lanes[lane] = fma(a, b, lanes[lane])
        part = tree(lanes)
        total = part if total is None else np.float32(total + part)
    return np.float32(0) if total is None else np.float32(total)


def same_bits(found: Array, wanted: Array) -> None:
    """Equal bit for bit."""
    assert found.dtype == wanted.dtype
    unsigned = np.dtype(f"u{found.itemsize}")
    np.testing.assert_array_equal(
        np.ascontiguousarray(found).view(unsigned), np.ascontiguousarray(wanted).view(unsigned)
    )


Order = Callable[[Array], Array]
