"""Sequences of different lengths: packed, padded, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from brasa.nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)
from tests.frontend.functions.harness import same_bits

LENGTHS = [2, 5, 1, 5]
SEQUENCES = [np.random.default_rng(n).standard_normal((length, 3)) for n, length in enumerate(LENGTHS)]


def padded(value: float = 0.0, left: bool = False) -> Any:
    """The sequences as an array [n, time, 3]."""
    batch = np.full((4, 5, 3), value)
    for row, sequence in zip(batch, SEQUENCES, strict=True):
        row[5 - len(sequence) if left else 0 : 5 if left else len(sequence)] = sequence
    return batch


def packed(order: list[int]) -> tuple[Any, list[int]]:
    """The elements of all sequences in this order, moment after moment; how many there are of each."""
    moments = [[SEQUENCES[n][time] for n in order if time < LENGTHS[n]] for time in range(5)]
    return np.concatenate(moments), [len(each) for each in moments]


def test_packing_and_back() -> None:
    for batch_first in (False, True):
        batch = padded(9.0) if batch_first else padded(9.0).swapaxes(0, 1)
        made = pack_padded_sequence(brasa.tensor(batch), brasa.tensor(LENGTHS), batch_first, enforce_sorted=False)
        data, sizes = packed([1, 3, 0, 2])
        np.testing.assert_array_equal(made.data.numpy(), data)
        assert made.batch_sizes.tolist() == sizes
        assert made.batch_sizes.dtype is brasa.int64
        assert made.sorted_indices.tolist() == [1, 3, 0, 2]
        assert made.unsorted_indices.tolist() == [2, 0, 3, 1]
        again, lengths = pad_packed_sequence(made, batch_first, -1.0, 6)
        wanted = np.concatenate([padded(-1.0), np.full((4, 1, 3), -1.0)], 1)
        np.testing.assert_array_equal(again.numpy(), wanted if batch_first else wanted.swapaxes(0, 1))
        assert lengths.tolist() == LENGTHS


def test_sorted_sequences_need_no_order() -> None:
    order = [1, 3, 0, 2]
    made = pack_sequence([brasa.tensor(SEQUENCES[n]) for n in order])
    np.testing.assert_array_equal(made.data.numpy(), packed(order)[0])
    assert made.sorted_indices is None and made.unsorted_indices is None
    for one, n in zip(unpack_sequence(made), order, strict=True):
        np.testing.assert_array_equal(one.numpy(), SEQUENCES[n])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding(side: str) -> None:
    given = list(map(brasa.tensor, SEQUENCES))
    wanted = padded(2.0, side == "left")
    np.testing.assert_array_equal(pad_sequence(given, True, 2.0, side).numpy(), wanted)
    made = pad_sequence(given, padding_value=2.0, padding_side=side)
    np.testing.assert_array_equal(made.numpy(), wanted.swapaxes(0, 1))
    if side == "right":
        for one, sequence in zip(unpad_sequence(made, brasa.tensor(LENGTHS)), SEQUENCES, strict=True):
            np.testing.assert_array_equal(one.numpy(), sequence)


def test_gradients_reach_what_is_no_padding() -> None:
    batch = brasa.tensor(padded(), requires_grad=True)
    made = pack_padded_sequence(batch, LENGTHS, True, False)
    again, _ = pad_packed_sequence(made, True)
    (again * 3.0).sum().backward()
    np.testing.assert_array_equal(batch.grad.numpy() == 3.0, padded(0.0) != 0)
    given = [brasa.tensor(each, requires_grad=True) for each in SEQUENCES]
    (pad_sequence(given) * 2.0).sum().backward()
    assert all(bool((each.grad == 2.0).all()) for each in given)


def test_packing_in_a_program() -> None:
    def double(batch: Any, lengths: Any) -> Any:
        made = pack_padded_sequence(batch, lengths, True, False)
        return pad_packed_sequence(PackedSequence(made.data * 2, *made[1:]), True)[0]

    run, batch = brasa.compile(double), brasa.tensor(padded())
    for lengths in (LENGTHS, LENGTHS, [1, 5, 5, 2]):
        same_bits(run(batch, lengths), double(batch, lengths))


def test_a_packed_sequence_is_a_tuple_that_converts() -> None:
    made = pack_sequence([brasa.tensor(each) for each in SEQUENCES], enforce_sorted=False)
    data, sizes, order, back = made
    assert data is made.data and back.tolist() == invert_permutation(order).tolist()
    assert made.double() is made and made.to(brasa.float64) is made
    half = made.half()
    assert half.data.dtype is brasa.float16 and half.batch_sizes is sizes
    assert type(half) is PackedSequence
    assert [made.float().data.dtype, made.int().data.dtype] == [brasa.float32, brasa.int32]
    assert PackedSequence((data, sizes)).batch_sizes is sizes


BATCH = brasa.ones(3, 2, 1)
ERRORS: dict[str, Callable[[], object]] = {
    "pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got 3 (batch_size=2)":
        lambda: pack_padded_sequence(BATCH, [1, 1, 1]),
    "pack_padded_sequence: Length of all samples has to be greater than 0, but found an element in 'lengths' that is "
    "<= 0": lambda: pack_padded_sequence(BATCH, [1, 0]),
    "pack_padded_sequence: a length is 4, the input has only 3 moments": lambda: pack_padded_sequence(BATCH, [4, 1]),
    "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True\n"
    "  hint: pass enforce_sorted=False": lambda: pack_padded_sequence(BATCH, [1, 2]),
    "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, but got "
    "total_length=1 and max sequence length being 2":
        lambda: pad_packed_sequence(pack_padded_sequence(BATCH, [2, 1]), total_length=1),
    "pad_sequence: padding_side must be left or right, not 'up'": lambda: pad_sequence([BATCH], padding_side="up"),
    "pad_sequence: sequence 1 is f32[3,1], sequence 0 f32[3,2,1]: they may differ in length only":
        lambda: pad_sequence([BATCH, BATCH[:, 0]]),
    "unpad_sequence: 1 lengths were given for 2 sequences": lambda: unpad_sequence(BATCH, [3]),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
