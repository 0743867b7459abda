"""x[...] and x[...] = value: integers, slices, None and Ellipsis give views; boolean and integer tensors gather."""

from __future__ import annotations

from typing import Any

import numpy as np

from brasa import views
from brasa.creation import tensor
from brasa.functions import gathering, pointwise
from brasa.inplace import assign
from brasa.ir.errors import ArgumentError, IndexError
from brasa.sizes import SymbolicSize
from brasa.tensor import Tensor


def get_item(source: Tensor, key: Any) -> Tensor:
    """The elements that the key names."""
    result, tensors = _basic(source, key)
    if not tensors:
        return result if result is not source else views.sliced(source, {})
    if len(tensors) > 1:
        raise IndexError("more than one tensor in an index is not supported", op="getitem",
                         hint="index in two steps")  # fmt: skip
    ((axis, index),) = tensors
    return _gathered(result, axis, index)


def set_item(target: Tensor, key: Any, value: Any) -> None:
    """Write to the elements that the key names."""
    if not isinstance(value, Tensor):
        value = tensor(value, dtype=target.dtype)
    if isinstance(key, Tensor) and key.dtype.kind == "bool":
        assign(target, pointwise.where(_mask(target, key), value, target), "setitem")
        return
    part, tensors = _basic(target, key)
    if tensors:
        raise IndexError("writing through a tensor of indices is not supported", op="setitem",
                         hint="use scatter_add, or a boolean mask")  # fmt: skip
    assign(part, value, "setitem")


def _mask(target: Tensor, mask: Tensor) -> Tensor:
    for _ in range(target.ndim - mask.ndim):
        mask = views.unsqueeze(mask, mask.ndim)
    return mask


def _gathered(source: Tensor, axis: int, index: Tensor) -> Tensor:
    if index.dtype.kind == "bool":
        places = np.flatnonzero(index.numpy().reshape(-1))
        merged = views.flatten(source, axis, axis + index.ndim - 1) if index.ndim > 1 else source
        return gathering.index_select(merged, axis, tensor(places))
    if index.dtype.kind not in ("int", "uint"):
        raise ArgumentError(f"an index tensor must hold integers or bools, not {index.dtype.name}", op="getitem")
    return gathering.taken(source, axis, index)


def _basic(source: Tensor, key: Any) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """The view that the plain parts of a key give, and (axis, index) of its tensors."""
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [_normal(part) for part in parts]
    used = sum(part.ndim if _is_mask(part) else part is not None and part is not Ellipsis for part in parts)
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("an index can have one Ellipsis only", op="getitem")
    if used > source.ndim:
        raise IndexError(f"{used} indices for a tensor with {source.ndim} axes", op="getitem")
    rest = source.ndim - used
    place = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[place : place + 1] = [slice(None)] * rest
    result, axis = source, 0
    tensors: list[tuple[int, Tensor]] = []
    for part in parts:
        if part is None:
            result = views.unsqueeze(result, axis)
            axis += 1
        elif isinstance(part, slice):
            result = _slice(result, axis, part)
            axis += 1
        elif isinstance(part, Tensor):
            tensors.append((axis, part))
            axis += part.ndim if _is_mask(part) else 1
        else:
            result = views.select(result, axis, part)
    return result, tensors


def _is_mask(part: Any) -> bool:
    return isinstance(part, Tensor) and part.dtype.kind == "bool"


def _normal(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, slice | SymbolicSize):
        return part
    if isinstance(part, bool | list | np.ndarray):
        return tensor(part)
    if isinstance(part, Tensor):
        return int(part) if part.ndim == 0 and part.dtype.kind in ("int", "uint") else part
    if isinstance(part, int | np.integer):
        return int(part)
    raise IndexError(f"an index must be an int, a slice, None, Ellipsis or a tensor of them, "
                     f"not {type(part).__name__}", op="getitem")  # fmt: skip


def _slice(source: Tensor, axis: int, part: slice) -> Tensor:
    if part.start is None and part.stop is None and part.step in (None, 1):
        return source
    size = source.shape[axis]
    step = 1 if part.step is None else int(part.step)
    if step <= 0:
        raise IndexError("the step of a slice must be positive", op="getitem", hint="use flip")
    if isinstance(size, SymbolicSize):
        start, stop = _bound(part.start, 0, size), _bound(part.stop, size, size)
    else:
        start, stop, _ = part.indices(int(size))
    length = (stop - start + step - 1) // step if stop > start else 0
    return views.sliced(source, {axis: (start, length, step)})


def _bound(value: Any, default: Any, size: Any) -> Any:
    """One end of a slice within 0..size, decided by guards where sizes are symbolic."""
    if value is None:
        return default
    if value < 0:
        value = value + size
        return value if value >= 0 else 0
    return value if value <= size else size
