"""Which of the tensors in a file share memory: each piece of memory is saved once, and tensors are views of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, make


@dataclass
class Region:
    """Memory that several tensors lie in. start, end: its addresses. members: the tensors, by their numbers."""

    start: int
    end: int
    members: list[int] = field(default_factory=list)


def regions_of(tensors: Sequence[Tensor]) -> list[Region]:
    """The pieces of memory that tensors overlap in, each with two members or more."""
    found: list[Region] = []
    latest: tuple[Any, ...] = ()
    for kind, start, end, number in sorted(_extents(tensors), key=lambda extent: extent[:3]):
        if kind == latest and start < found[-1].end:
            found[-1].end = max(found[-1].end, end)
            found[-1].members.append(number)
        else:
            latest = kind
            found.append(Region(start, end, [number]))
    return [region for region in found if len(region.members) > 1]


def _extents(tensors: Sequence[Tensor]) -> list[tuple[tuple[Any, ...], int, int, int]]:
    """(what must be alike for tensors to share, first address, last address, number) of each tensor with elements."""
    extents = []
    for number, tensor in enumerate(tensors):
        spec, itemsize = tensor._spec, tensor.dtype.itemsize
        if spec.numel:
            reach = sum((n - 1) * step for n, step in zip(spec.shape, spec.strides, strict=True)) + 1
            kind = (id(tensor._buffer), spec.dtype.name, tensor._ptr % itemsize)
            extents.append((kind, tensor._ptr, tensor._ptr + reach * itemsize, number))
    return extents


def whole_of(region: Region, tensors: Sequence[Tensor]) -> int | None:
    """The first member that is all of the region, in row-major order."""
    fits = (n for n in sorted(region.members) if tensors[n]._spec.row_major
            and (tensors[n]._ptr, tensors[n].nbytes) == (region.start, region.end - region.start))  # fmt: skip
    return next(fits, None)


def memory_of(region: Region, tensors: Sequence[Tensor]) -> Tensor:
    """All of the region as a vector."""
    one = tensors[region.members[0]]
    assert one._buffer is not None
    count = (region.end - region.start) // one.dtype.itemsize
    return make(one._buffer, spec_of(one.dtype, (count,), None, one._spec.device), region.start)


def place_in(region: Region, tensor: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(offset, sizes, strides) of a member."""
    spec = tensor._spec
    return (tensor._ptr - region.start) // spec.dtype.itemsize, tuple(spec.shape), tuple(spec.strides)
