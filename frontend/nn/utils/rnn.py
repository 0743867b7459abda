"""Batches of sequences of different lengths: padded to one length, or packed moment by moment without padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from brasa.functions.gathering import index_select
from brasa.functions.joining import cat
from brasa.functions.neural.packing import padded
from brasa.functions.sorting import argsort
from brasa.ir import dtype as dtypes
from brasa.ir.errors import ArgumentError, ShapeError, ValueError
from brasa.tensors.creation import tensor
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import narrow, reshape, transpose
from brasa.tracing.sizes import SymbolicSize

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences without padding, longest first: of all their first elements, all second ones, and so on.

    data: the elements, moment after moment. batch_sizes: how many there are of each moment, as int64.
    sorted_indices: which sequence stands at each place, None if they came sorted; unsorted_indices: its inverse.
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            if not isinstance(data, tuple | list) or len(data) != 2:
                raise ArgumentError("needs data and batch_sizes", op="PackedSequence")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _converted(self, change: Callable[[Tensor], Tensor]) -> PackedSequence:
        data = change(self.data)
        if data is self.data:
            return self
        order, back = (each if each is None else each.to(data.device) for each in self[2:])  # type: ignore[attr-defined]
        return type(self)(data, self.batch_sizes, order, back)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With its data on another device or of another dtype: the arguments of Tensor.to."""
        return self._converted(lambda data: data.to(*args, **kwargs))  # type: ignore[attr-defined, no-any-return]

    def cpu(self) -> PackedSequence:
        """On the processor."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self.to(dtypes.float64)

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self.to(dtypes.float32)

    def half(self) -> PackedSequence:
        """With float16 data."""
        return self.to(dtypes.float16)

    def long(self) -> PackedSequence:
        """With int64 data."""
        return self.to(dtypes.int64)

    def int(self) -> PackedSequence:
        """With int32 data."""
        return self.to(dtypes.int32)

    def short(self) -> PackedSequence:
        """With int16 data."""
        return self.to(dtypes.int16)

    def char(self) -> PackedSequence:
        """With int8 data."""
        return self.to(dtypes.int8)

    def byte(self) -> PackedSequence:
        """With uint8 data."""
        return self.to(dtypes.uint8)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The order that undoes another; None for None."""
    return None if permutation is None else argsort(permutation)


def _numbers(sizes: Any) -> list[int]:
    """Lengths or sizes as they are at this call: what is made of them is made anew at each."""
    if isinstance(sizes, Tensor):
        return sizes.tolist()  # type: ignore[attr-defined, no-any-return]
    return [size.now() if isinstance(size, SymbolicSize) else int(size) for size in sizes]


def _inside(lengths: Sequence[int], moments: int) -> np.ndarray[Any, Any]:
    """[time, n]: whether a sequence of that length goes on at a moment."""
    return np.arange(moments)[:, None] < np.asarray(lengths)


def _spread(data: Tensor, inside: np.ndarray[Any, Any], turned: bool, padding: float) -> Tensor:
    """The rows of data, one after the other, where that holds, and padding elsewhere; with both axes turned or not."""
    places = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, -1)
    return padded(data, tensor(places.T if turned else places), padding)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """A padded batch input[time, n, ...] (or [n, time, ...]) of sequences of these lengths, packed.

    enforce_sorted: the lengths must not increase; without it the sequences are sorted first.
    """
    op = "pack_padded_sequence"
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 axes or more, it is {type_text(input)}", op=op)
    numbers, batch_axis = _numbers(lengths), 0 if batch_first else 1
    shape = _numbers(input.shape[:2])
    size, most = shape[batch_axis], shape[1 - batch_axis]
    if len(numbers) != size:
        raise ShapeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(numbers)} "
                         f"(batch_size={size})", op=op)  # fmt: skip
    if not numbers or min(numbers) <= 0:
        raise ValueError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is "
                         "<= 0", op=op)  # fmt: skip
    if max(numbers) > most:
        raise ValueError(f"a length is {max(numbers)}, the input has only {most} moments", op=op)
    order = None
    if not enforce_sorted:
        sequence = sorted(range(size), key=lambda number: -numbers[number])
        order, numbers = tensor(sequence), [numbers[number] for number in sequence]
        input = index_select(input, batch_axis, order)
    elif any(a < b for a, b in zip(numbers, numbers[1:], strict=False)):
        raise ValueError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True", op=op,
                         hint="pass enforce_sorted=False")  # fmt: skip
    inside, places = _inside(numbers, most), np.arange(size * most).reshape(shape)
    rows = reshape(input, (input.shape[0] * input.shape[1], *input.shape[2:]))
    data = index_select(rows, 0, tensor((places.T if batch_first else places)[inside]))
    return PackedSequence(data, tensor(inside.sum(1)[: numbers[0]]), order)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """(padded batch [time, n, ...] or [n, time, ...], lengths): the inverse of packing, in the sequences' first order.

    total_length: how many moments the batch has, by default as many as the longest sequence.
    """
    sizes = _numbers(sequence.batch_sizes)
    total = len(sizes) if total_length is None else total_length
    if total < len(sizes):
        raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                         f"total_length={total} and max sequence length being {len(sizes)}",
                         op="pad_packed_sequence")  # fmt: skip
    lengths = _inside(sizes, sizes[0]).sum(1)
    batch = _spread(sequence.data, _inside(lengths, total), batch_first, padding_value)
    known, back = tensor(lengths), sequence.unsorted_indices
    if back is None:
        return batch, known
    return index_select(batch, 0 if batch_first else 1, back), index_select(known, 0, back)


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences [length, ...] side by side as [time, n, ...] (or [n, time, ...]), padded at one side."""
    op = "pad_sequence"
    if not isinstance(sequences, Iterable):
        raise ArgumentError(f"expects an iterable of tensors, found {type(sequences).__name__}", op=op)
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side must be left or right, not {padding_side!r}", op=op)
    given = tuple(sequences)
    if not given:
        raise ValueError("expects one sequence or more", op=op)
    tail = tuple(given[0].shape[1:])
    for number, each in enumerate(given):
        if each.ndim == 0 or tuple(each.shape[1:]) != tail:
            raise ShapeError(f"sequence {number} is {type_text(each)}, sequence 0 {type_text(given[0])}: they may "
                             "differ in length only", op=op)  # fmt: skip
    lengths = _numbers([each.shape[0] for each in given])
    inside = _inside(lengths, max(lengths)).T
    return _spread(cat(given), inside[:, ::-1] if padding_side == "left" else inside, not batch_first, padding_value)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each of its own length: views."""
    batch = padded_sequences if batch_first else transpose(padded_sequences, 0, 1)
    numbers = _numbers(lengths)
    if len(numbers) != batch.shape[0]:
        raise ShapeError(f"{len(numbers)} lengths were given for {batch.shape[0]} sequences", op="unpad_sequence")
    return [narrow(each, 0, 0, length) for each, length in zip(batch, numbers, strict=True)]  # type: ignore[call-overload]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences [length, ...] packed; without enforce_sorted they may come in any order."""
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
