"""Strides of views, against NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brasa.ir.dim import Size, product, symbol
from brasa.ir.dtype import float32
from brasa.ir.graph import Node
from brasa.ir.layout import (
    Strides,
    expanded_strides,
    is_row_major,
    matching_runs,
    reshaped_strides,
    row_major,
    stride_marks,
    strides_of,
)
from brasa.ir.ops.elementwise import exp
from brasa.ir.ops.move import slice_
from brasa.ir.ops.reduce import expand
from brasa.ir.ops.source import make_input
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType

N, M = symbol("n"), symbol("m")
SHAPES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), max_size=4)


def strides(array: Any) -> tuple[int, ...]:
    """NumPy's strides, in elements."""
    return tuple(step // array.itemsize for step in array.strides)


@st.composite
def views(draw: st.DrawFn) -> tuple[Node, Any]:
    """A chain of views, as a node and as NumPy makes it. Where NumPy copies, both go on from the copy."""
    shape = draw(SHAPES)
    node = make_input("x", TensorType(tuple(shape), float32))
    array = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    for _ in range(draw(st.integers(0, 5))):
        node, array = draw(st.sampled_from([permuted, sliced, expanded, reshaped]))(draw, node, array)
    return node, array


def permuted(draw: st.DrawFn, node: Node, array: Any) -> tuple[Node, Any]:
    axes = tuple(draw(st.permutations(range(array.ndim))))
    return permute(node, axes=axes), array.transpose(axes)


def sliced(draw: st.DrawFn, node: Node, array: Any) -> tuple[Node, Any]:
    steps = tuple(draw(st.sampled_from([1, 2, -1])) for _ in array.shape)
    starts = tuple(0 if step > 0 else size - 1 for size, step in zip(array.shape, steps, strict=True))
    made = array[(*(slice(None, None, step) for step in steps), ...)]
    return slice_(node, starts=starts, sizes=made.shape, steps=steps), made


def expanded(draw: st.DrawFn, node: Node, array: Any) -> tuple[Node, Any]:
    shape = tuple(draw(st.sampled_from([1, 3])) if size == 1 else size for size in array.shape)
    shape = (*draw(st.sampled_from([(), (2,), (1,)])), *shape)
    return expand(node, shape=shape), np.broadcast_to(array, shape)


def reshaped(draw: st.DrawFn, node: Node, array: Any) -> tuple[Node, Any]:
    rest, shape = array.size, []
    while rest > 1 and len(shape) < 5:
        factor = draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0]))
        shape.append(factor)
        rest //= factor
    shape.append(rest)
    return reshape(node, shape=tuple(shape)), array.reshape(shape)


@given(views())
def test_views_lie_as_in_numpy(made: tuple[Node, Any]) -> None:
    node, array = made
    for size, ours, theirs in zip(array.shape, strides_of(node), strides(array), strict=True):
        assert size == 1 or ours == theirs
    assert is_row_major(array.shape, strides(array)) == array.flags.c_contiguous


@given(views(), st.data())
def test_reshaping_needs_a_copy_where_numpy_copies(made: tuple[Node, Any], data: st.DataObject) -> None:
    node, array = made
    after, view = reshaped(data.draw, node, array)
    found = reshaped_strides(array.shape, strides(array), after.tensor.shape)
    assert (found is not None) == np.shares_memory(view, array)
    if found is not None:
        for size, ours, theirs in zip(view.shape, found, strides(view), strict=True):
            assert size == 1 or ours == theirs


@given(SHAPES, st.data())
def test_runs_match(shape: list[int], data: st.DataObject) -> None:
    """They cover both shapes in order, and have equal sizes."""
    _, array = reshaped(data.draw, make_input("x", TensorType(tuple(shape), float32)), np.zeros(shape))
    runs = matching_runs(tuple(shape), array.shape)
    assert [axis for ins, _ in runs for axis in ins] == list(range(len(shape)))
    assert [axis for _, outs in runs for axis in outs] == list(range(array.ndim))
    for ins, outs in runs:
        assert product(shape[axis] for axis in ins) == product(array.shape[axis] for axis in outs)


@pytest.mark.parametrize(
    ("source", "result", "runs"),
    [
        ((N, 4), (N, 2, 2), [([0], [0]), ([1], [1, 2])]),
        ((N, M, 3), (N * M, 3), [([0, 1], [0]), ([2], [1])]),
        ((N * M,), (M, N), [([0], [0, 1])]),
        ((N, M), (M, N), [([0, 1], [0, 1])]),
        ((N, 1), (N,), [([0], [0]), ([1], [])]),
        ((0, 3), (3, 0), [([0, 1], [0, 1])]),
        ((), (1, 1), [([], [0]), ([], [1])]),
    ],
)
def test_runs_of_named_sizes(source: Any, result: Any, runs: Any) -> None:
    assert matching_runs(source, result) == runs


@pytest.mark.parametrize(
    ("shape", "have", "new_shape", "found"),
    [
        ((N, 4), (4, 1), (N, 2, 2), (4, 2, 1)),
        ((N, 4), (8, 1), (N, 2, 2), (8, 2, 1)),
        ((N, M), (M, 1), (N * M,), (1,)),
        ((N, M), (1, N), (N * M,), None),
        ((N, M), (None, 1), (N * M,), None),
        ((N, M), (None, 1), (N, 1, M), (None, 1, 1)),
        ((4, N), (None, None), (2, 2, N), (None, None, None)),
    ],
)
def test_reshaping_named_sizes(shape: Any, have: Strides, new_shape: Any, found: Strides | None) -> None:
    """None among strides: known only at run time."""
    made = reshaped_strides(shape, have, new_shape)
    assert (made is None) == (found is None)
    if made is not None and found is not None:
        assert [a for a, size in zip(made, new_shape, strict=True) if size != 1] == [
            b for b, size in zip(found, new_shape, strict=True) if size != 1
        ]


def test_named_sizes() -> None:
    assert row_major((N, M, 4)) == (M * 4, 4, 1)
    assert row_major((N, 0, 4)) == (4, 4, 1)
    assert is_row_major((N, M), (M, 1))
    assert not is_row_major((N, M), (M * 2, 1))
    assert is_row_major((1, M), (7, 1)), "an axis of size 1 is never walked along"
    assert is_row_major((0, M), (None, None)), "there is nothing to walk along"
    assert expanded_strides((N, 1), (1, 1), (3, N, M)) == (0, 1, 0)


def test_only_views_have_other_strides() -> None:
    x = make_input("x", TensorType((N, 4), float32), strides=("s", "0"))
    assert strides_of(x) == (None, 0)
    assert strides_of(permute(x, axes=(1, 0))) == (0, None)
    assert strides_of(exp(x)) == (4, 1)
    assert strides_of(reshape(x, shape=(N * 4,))) == (1,), "a copy"


@pytest.mark.parametrize(
    ("shape", "have", "marks"),
    [
        ((N, M), (M, 1), ()), ((N, M), (1, N), ("1", "s")), ((N, M), (0, 1), ("0", "1")), ((), (), ()),
        ((1, M), (5, 2), ("1", "s")), ((2, 3), (3, 1), ()), ((N, M), (None, 1), ("s", "1")), ((0, 3), (9, 9), ()),
    ],
)  # fmt: skip
def test_marks(shape: tuple[Size, ...], have: Strides, marks: tuple[str, ...]) -> None:
    assert stride_marks(shape, have) == marks
