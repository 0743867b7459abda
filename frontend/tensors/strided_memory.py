"""New tensors whose elements lie in memory in an order of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.functions.strided import as_strided
from brasa.ir.dtype import DType
from brasa.ir.errors import ShapeError
from brasa.tensors.creation import empty, finished
from brasa.tensors.formats import require_strided
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import permute
from brasa.tracing.operators import operator

__all__ = ["empty_permuted", "empty_strided"]


@operator()
def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor with these strides that holds anything; elements may share memory."""
    require_strided(layout, "empty_strided")
    reach = 0 if any(n == 0 for n in size) else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=False))
    return _own(as_strided(empty(max(reach, 0), dtype=dtype, device=device), size, stride), requires_grad)


@operator()
def empty_permuted(
    size: Sequence[int], physical_layout: Sequence[int], *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor that holds anything, its axes in memory in the given order, the outermost first."""
    require_strided(layout, "empty_permuted")
    order = list(physical_layout)
    if sorted(order) != list(range(len(size))):
        raise ShapeError(f"{order} is not an order of the {len(size)} axes", op="empty_permuted")
    dense = empty([size[axis] for axis in order], dtype=dtype, device=device)
    return _own(permute(dense, [order.index(axis) for axis in range(len(size))]), requires_grad)


def _own(view: Tensor, requires_grad: bool) -> Tensor:
    """The view, as the one tensor over its memory."""
    view._base = None
    return finished(view, requires_grad)
