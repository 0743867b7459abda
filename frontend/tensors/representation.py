"""How tensors print: as PyTorch prints them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brasa._state import DEFAULTS
from brasa.ir.dtype import bool_, complex_dtype, int64
from brasa.ir.errors import ValueError
from brasa.tensors.tensor import Tensor

__all__ = ["set_printoptions"]


@dataclass(frozen=True)
class _Options:
    """precision: digits behind the point. threshold: elements above which only `edgeitems` at each end are shown.

    sci_mode: scientific notation always, never, or (None) where numbers differ much in size.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


class _Printing:
    options = _Options()


_PROFILES = {"default": _Options(), "short": _Options(precision=2, edgeitems=2), "full": _Options(threshold=math.inf)}


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """How tensors print from now on: what is given, on top of a profile ("default", "short" or "full")."""
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"there is no profile {profile!r}", op="set_printoptions")
    base = _Printing.options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = {key: value for key, value in given.items() if value is not None}
    _Printing.options = replace(base, **chosen, sci_mode=sci_mode)  # type: ignore[arg-type]


def represent(tensor: Tensor) -> str:
    """tensor([...], dtype=..., requires_grad=True), elements aligned; traced tensors show their type."""
    if tensor._cell is not None and not tensor._cell.trace.can_run:
        return f"tensor(traced {tensor._cell.trace.type_of(tensor)})"
    array = tensor.detach().numpy()  # type: ignore[attr-defined]
    prefix = "tensor("
    body = "[]" if array.size == 0 else _Writer(array).text(len(prefix))
    text = _joined(prefix + body, _suffixes(tensor, array.size == 0), len(prefix))
    return f"Parameter containing:\n{text}" if tensor._is_parameter else text


def _suffixes(tensor: Tensor, empty: bool) -> list[str]:
    """What is said after the elements, where it is not what one would expect."""
    found = []
    if tensor.device.type != "cpu":
        found.append(f"device='{tensor.device}'")
    if empty and tensor.ndim != 1:
        found.append(f"size={tuple(tensor.shape)}")
    plain = (DEFAULTS.dtype,) if empty else (DEFAULTS.dtype, complex_dtype(DEFAULTS.dtype), int64, bool_)
    if tensor.dtype not in plain:
        found.append(f"dtype={tensor.dtype!r}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def _joined(text: str, suffixes: Iterable[str], indent: int) -> str:
    """The text and its suffixes in lines of the chosen width."""
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _Printing.options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


class _Writer:
    """Writes the elements of one array, all in the same form and width."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.options = _Printing.options
        self.array, self.cut = array, array.size > self.options.threshold
        shown = self._shown(array).reshape(-1)
        if array.dtype.kind == "c":
            real, real_width = self._form(shown.real)
            imaginary, imaginary_width = self._form(shown.imag)
            self.write: Callable[[Any], str] = lambda value: _complex(real(value.real), imaginary(value.imag))
            self.width = real_width + imaginary_width + 1
        else:
            self.write, self.width = self._form(shown)

    def text(self, indent: int) -> str:
        """The nested lists, lines after the first indented."""
        return self._nested(self.array, indent)

    def _shown(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The elements that will be written."""
        edge = self.options.edgeitems
        if self.cut:
            for axis, size in enumerate(array.shape):
                if size > 2 * edge:
                    before = (slice(None),) * axis
                    ends = [array[*before, :edge], array[*before, size - edge :]]
                    array = np.concatenate(ends, axis)
        return array

    def _form(self, values: np.ndarray[Any, Any]) -> tuple[Callable[[Any], str], int]:
        """How to write one of the values, and the width of them all."""
        if values.dtype.kind in "biu":
            width = max((len(str(value)) for value in values.tolist()), default=1)
            return lambda value: str(value.item() if hasattr(value, "item") else value).rjust(width), width
        finite = [value for value in map(float, values) if math.isfinite(value) and value != 0]
        plain = self._notation(finite)
        width = max(map(len, map(plain, finite)), default=1)
        return lambda value: plain(float(value)).rjust(width), width

    def _notation(self, finite: list[float]) -> Callable[[float], str]:
        """Whole numbers with a point, decimal fractions, or powers of ten where the numbers differ much in size."""
        precision, whole = self.options.precision, all(value == math.ceil(value) for value in finite)
        sizes = [abs(value) for value in finite]
        apart = bool(sizes) and (
            max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8 or (not whole and min(sizes) < 1e-4)
        )
        chosen = self.options.sci_mode
        if apart if chosen is None or not sizes else chosen:
            return lambda value: f"{value:.{precision}e}"
        if whole:
            return lambda value: f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return lambda value: f"{value:.{precision}f}"

    def _nested(self, array: np.ndarray[Any, Any], indent: int) -> str:
        if array.ndim == 0:
            return self.write(array[()])
        if array.ndim == 1:
            return self._row(["..." if row is None else row for row in self._items(array, self.write)], indent)
        parts = [part or "..." for part in self._items(array, lambda row: self._nested(row, indent + 1))]
        return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"

    def _items(self, array: np.ndarray[Any, Any], write: Callable[[Any], str]) -> list[str | None]:
        """The rows in writing, None for those that are left out."""
        edge = self.options.edgeitems
        if self.cut and len(array) > 2 * edge:
            last = [write(row) for row in array[len(array) - edge :]]
            return [*(write(row) for row in array[:edge]), None, *last]
        return [write(row) for row in array]

    def _row(self, cells: list[str], indent: int) -> str:
        cells = [f" {cell}" if cell == "..." and len(cells) > 1 else cell for cell in cells]
        per_line = max(1, (self.options.linewidth - indent) // (self.width + 2))
        lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _complex(real: str, imaginary: str) -> str:
    imaginary = f"{imaginary}j".lstrip()
    return real + imaginary if imaginary[0] in "+-" else f"{real}+{imaginary}"
