"""Samples to batches: tensors stacked, numbers and arrays made tensors, containers kept."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from brasa._state import STATE
from brasa.functions.joining import stack
from brasa.ir.dtype import bool_, float64, int64
from brasa.ir.errors import ArgumentError, Operand, ShapeError, ValueError
from brasa.tensors.creation import as_tensor, tensor
from brasa.tensors.spec import Spec, spec_of
from brasa.tensors.tensor import Tensor, copied, empty_of, over_array, type_text

_OP = "default_collate"
_TEXT = ("S", "a", "U", "O")  # NumPy's kinds of arrays that hold no numbers


class CollateError(ShapeError):
    """Samples whose shapes differ. samples: the places in the batch of the two that the error shows."""

    samples: tuple[int, int] = (0, 0)

    def of_dataset(self, indices: Sequence[Any]) -> CollateError:
        """The same error, which also says what the samples' numbers in the dataset are."""
        rows = tuple(row.placed(f"dataset[{indices[place]}]", "")
                     for row, place in zip(self.operands, self.samples, strict=True))  # fmt: skip
        return CollateError(self.fact, op=self.op, operands=rows)


def _unequal(place: int, types: tuple[str, str]) -> CollateError:
    rows = tuple(Operand(f"sample {number}", type) for number, type in zip((0, place), types, strict=True))
    error = CollateError("the samples of a batch have different shapes", op=_OP, operands=rows)
    error.samples = (0, place)
    return error


def _collate_tensors(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Tensor:
    """Tensors of one shape as one tensor, with a new first axis."""
    first: Tensor = batch[0]
    if STATE.trace is None and first._spec.row_major and first._spec.device == "cpu":
        made = _copied_rows(batch, first._spec)
        if made is not None:
            return made
    for place, each in enumerate(batch):
        if tuple(each.shape) != tuple(first.shape):
            raise _unequal(place, (type_text(first), type_text(each)))
    return stack(list(batch))


def _copied_rows(batch: Sequence[Tensor], spec: Spec) -> Tensor | None:
    """Tensors copied one after the other; None if one has another spec, or a gradient that is to flow."""
    made = empty_of(spec_of(spec.dtype, (len(batch), *spec.shape)))
    place, step, copy_bytes = made._ptr, spec.nbytes, ctypes.memmove
    for each in batch:
        if each._spec is not spec or each._requires_grad:
            return None
        copy_bytes(place, each._ptr, step)
        place += step
    return made


def _collate_arrays(batch: Sequence[np.ndarray[Any, Any]], *, collate_fn_map: Any = None) -> Tensor:
    first = batch[0]
    _refuse_text(first)
    for place, each in enumerate(batch):
        if each.shape != first.shape:
            raise _unequal(place, (str(list(first.shape)), str(list(each.shape))))
    return over_array(np.stack(batch))


def _refuse_text(array: Any) -> None:
    if array.dtype.kind in _TEXT:
        raise ArgumentError(f"a batch cannot hold arrays of {array.dtype}", op=_OP)


def _collate_scalars(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Tensor:
    _refuse_text(batch[0])
    return over_array(np.asarray(batch))


def _collate_integers(batch: Sequence[int], *, collate_fn_map: Any = None) -> Tensor:
    dtype = bool_ if all(type(each) is bool for each in batch) else int64
    return copied(np.array(batch, dtype.numpy))


def _collate_floats(batch: Sequence[float], *, collate_fn_map: Any = None) -> Tensor:
    return copied(np.array(batch, float64.numpy))


def _as_they_are(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _collate_tensors, np.ndarray: _collate_arrays, (np.bool_, np.number, np.object_): _collate_scalars,
    float: _collate_floats, int: _collate_integers, complex: lambda batch, *, collate_fn_map=None: tensor(batch),
    str: _as_they_are, bytes: _as_they_are,
}  # fmt: skip


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch: what stands at the same place of all of them is put together.

    Tensors, arrays and numbers become a tensor with a new first axis; Python's floats are float64 and its integers
    int64. Texts stay lists. Mappings, named tuples, tuples (which become lists) and sequences hold batches of what
    they hold. CollateError, a ShapeError, for tensors of different shapes, with both and where they are; ArgumentError
    for what is none of these.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """As default_collate, with functions of one's own for samples of these types: `function(batch, collate_fn_map=)`.

    A key is a type or a tuple of types; the type itself is looked for first, then types that it inherits from.
    """
    first, known = batch[0], collate_fn_map or {}
    found = known.get(type(first))
    if found is None:
        found = next((function for kind, function in known.items() if isinstance(first, kind)), None)
    if found is not None:
        return found(batch, collate_fn_map=collate_fn_map)

    def inner(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {key: inner([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise ValueError("the samples of a batch have different numbers of elements", op=_OP)
        columns = [inner(column) for column in zip(*batch, strict=True)]
        if _is_named_tuple(first):
            return type(first)(*columns)
        return columns if isinstance(first, tuple) else _like_sequence(first, columns)
    raise ArgumentError("a batch may hold tensors, arrays, numbers, texts, mappings and sequences, not "
                        f"{type(first).__name__}", op=_OP)  # fmt: skip


def default_convert(data: Any) -> Any:
    """One sample with arrays and NumPy's numbers made tensors, wherever in it they are; all else stays what it is."""
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in _TEXT else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        values = [default_convert(value) for value in data]
        if _is_named_tuple(data):
            return type(data)(*values)
        return values if isinstance(data, tuple) else _like_sequence(data, values)
    return data


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _like_mapping(kind: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    """The values in a mapping of a kind, or in a dict where that kind cannot be made of them."""
    try:
        if isinstance(kind, MutableMapping):
            made = copy.copy(kind)
            made.update(values)
            return made
        return type(kind)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _like_sequence(kind: Sequence[Any], values: list[Any]) -> Any:
    """The values in a sequence of a kind, or in a list where that kind cannot be made of them."""
    if type(kind) is list:
        return values
    try:
        if isinstance(kind, MutableSequence):
            made = copy.copy(kind)
            for place, value in enumerate(values):
                made[place] = value
            return made
        return type(kind)(values)  # type: ignore[call-arg]
    except TypeError:
        return values
