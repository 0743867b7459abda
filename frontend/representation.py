"""How tensors print: as PyTorch prints them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from brasa.ir.dtype import DType, real_dtype
from brasa.tensor import Tensor

_DEFAULT_SHOWN = ("f32", "c64", "i64", "bool")
_THRESHOLD, _EDGE, _WIDTH, _PRECISION = 1000, 3, 80, 4


def represent(tensor: Tensor) -> str:
    """tensor([...], dtype=..., requires_grad=True), elements aligned; traced tensors show their type."""
    if tensor._cell is not None and not tensor._cell.trace.can_run:
        return f"tensor(traced {tensor._cell.trace.type_of(tensor)})"
    array = tensor.detach().numpy()  # type: ignore[attr-defined]
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    if array.size == 0 and tensor.ndim != 1:
        suffixes.append(f"size={tuple(tensor.shape)}")
    if tensor.dtype.name not in _DEFAULT_SHOWN:
        suffixes.append(f"dtype={tensor.dtype!r}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    prefix = "tensor("
    body = _nested(array, _formatter(array, tensor.dtype), len(prefix)) if array.size else "[]"
    text = f"{prefix}{body}"
    for suffix in suffixes:
        text += f", {suffix}"
    text += ")"
    return f"Parameter containing:\n{text}" if tensor._is_parameter else text


def _shown(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that will be printed."""
    if array.size <= _THRESHOLD:
        return array
    for axis, size in enumerate(array.shape):
        if size > 2 * _EDGE:
            places = [*range(_EDGE), *range(size - _EDGE, size)]
            array = np.take(array, places, axis=axis)
    return array


def _formatter(array: np.ndarray[Any, Any], dtype: DType) -> Any:
    shown = _shown(array).ravel()
    if dtype.is_complex:
        real, imaginary = (_formatter(part, real_dtype(dtype)) for part in (array.real, array.imag))
        return lambda value: _joined(real(value.real), imaginary(value.imag).strip())
    if dtype.kind != "float":
        texts = [str(value) for value in shown.tolist()]
        width = max(map(len, texts), default=0)
        return lambda value: str(value).rjust(width)
    values = [float(value) for value in shown]
    finite = [abs(value) for value in values if math.isfinite(value) and value != 0]
    write = _float_writer(finite, all(v == int(v) for v in values if math.isfinite(v)))
    width = max((len(write(value)) for value in values if math.isfinite(value) and value != 0), default=0)
    return lambda value: write(float(value)).rjust(width)


def _joined(real: str, imaginary: str) -> str:
    return f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}j"


def _float_writer(magnitudes: list[float], whole: bool) -> Any:
    low, high = min(magnitudes, default=1.0), max(magnitudes, default=1.0)
    scientific = high / low > 1000 or high > 1e8 or low < 1e-4
    if whole and not (high / low > 1000 and high > 1e8) and high <= 1e8:
        return lambda value: f"{value:.0f}." if math.isfinite(value) else str(value)
    style = "e" if scientific else "f"
    return lambda value: f"{value:.{_PRECISION}{style}}" if math.isfinite(value) else str(value)


def _nested(array: np.ndarray[Any, Any], write: Any, indent: int) -> str:
    if array.ndim == 0:
        return str(write(array[()])).strip() if array.dtype.kind != "b" else str(bool(array))
    cut = array.size > _THRESHOLD or _summarise.active
    rows = _items(array, cut)
    if array.ndim == 1:
        return _row([write(v.item() if hasattr(v, "item") else v) if v is not None else " ..." for v in rows], indent)
    outer, _summarise.active = _summarise.active, cut
    parts = ["..." if row is None else _nested(row, write, indent + 1) for row in rows]
    _summarise.active = outer
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


class _Summary:
    active = False


_summarise = _Summary()


def _items(array: np.ndarray[Any, Any], cut: bool) -> list[Any]:
    if cut and len(array) > 2 * _EDGE:
        return [*array[:_EDGE], None, *array[-_EDGE:]]
    return list(array)


def _row(cells: list[str], indent: int) -> str:
    width = max(map(len, cells)) + 2
    per_line = max(1, (_WIDTH - indent) // width)
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
