"""Indexing in all of Python's forms, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brasa
from tests.frontend.functions.harness import Array, Case, check, same_bits

_random = np.random.default_rng(11)
X = _random.standard_normal((4, 5, 6)).astype(np.float32)
ROWS, COLUMNS = np.array([0, 3, -1, 0]), np.array([[1], [2], [-5], [1]])
EVEN, PLANE, WHOLE = np.arange(5) % 2 == 0, _random.random((4, 5)) > 0.5, X > 0
FEW = np.flatnonzero(EVEN)

KEYS: dict[str, Any] = {
    "int": 1,
    "from the end": (-1, Ellipsis, -2),
    "slice with a step": (slice(None), slice(0, 5, 2), slice(-4, None, 3)),
    "slice beyond the end": slice(2, 100),
    "empty slice": (slice(3, 1), 0),
    "new axes": (None, 1, None, Ellipsis, None),
    "ellipsis that stands for nothing": (0, 1, Ellipsis, 2),
    "numpy int": np.int64(2),
    "true": True,
    "false": (Ellipsis, False),
    "vector": ROWS,
    "list": [0, 2],
    "matrix": (slice(None), COLUMNS),
    "after a slice": (slice(1, 3), Ellipsis, ROWS),
    "two broadcast": (ROWS, COLUMNS),
    "two with a slice before": (slice(None), ROWS[:3], np.array([5, -6, 0])),
    "two apart": (ROWS, slice(None), ROWS),
    "two apart by a new axis": (ROWS, None, ROWS),
    "three": (ROWS, COLUMNS, 0 * ROWS),
    "no places": (np.zeros(0, np.int64), slice(1, 2)),
    "empty list": [],
    "mask of rows": (slice(None), EVEN),
    "mask of two axes": PLANE,
    "mask of all": WHOLE,
    "mask that never holds": np.zeros(4, bool),
    "mask and slice": (slice(0, 4, 2), EVEN, slice(1, 4)),
    "mask beside places": (np.array([2]), EVEN),
    "two masks": (np.array([True, False, True, True]), EVEN),
    "masks apart": (np.array([True, False, True, True]), slice(None), np.array([True] * 3 + [False] * 3)),
    "mask with a new axis": (None, PLANE, None),
}  # fmt: skip


def tensors(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(tensors, key))
    return brasa.tensor(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("name", KEYS)
def test_reading(name: str) -> None:
    key, x = KEYS[name], brasa.tensor(X)
    want = X[key]
    for form in (key, tensors(key)):
        got = x[form].numpy()
        assert got.shape == want.shape
        np.testing.assert_array_equal(got, want)
    compiled = brasa.compile(lambda x, key: (x * 1)[key], fullgraph=True)
    same_bits(compiled(x, tensors(key)), x[tensors(key)])


def written(x: Any, key: Any, value: Any, accumulate: bool = False) -> Any:
    copy = x * 1.0
    if accumulate:
        copy[key] += value
    else:
        copy[key] = value
    return copy


@pytest.mark.parametrize("name", KEYS)
def test_writing(name: str) -> None:
    key = KEYS[name]
    shape = X[key].shape
    for value in (7.0, _random.standard_normal(shape).astype(np.float32), np.float32(_random.random(shape[-1:]))):
        want = written(X, key, value)
        given = brasa.tensor(value) if isinstance(value, np.ndarray) else value
        if name not in ("vector", "two broadcast", "two apart", "two apart by a new axis", "three"):
            np.testing.assert_array_equal(written(brasa.tensor(X), key, value).numpy(), want)
        made = written(brasa.tensor(X), tensors(key), given)
        np.testing.assert_array_equal(made.numpy(), want)  # the last of several values for one place stays
    compiled = brasa.compile(written, fullgraph=True)
    same_bits(compiled(brasa.tensor(X), tensors(key), given), made)


GRADIENTS = ("slice with a step", "new axes", "vector", "two broadcast", "two apart", "mask of two axes", "two masks")


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_reading_and_writing(name: str) -> None:
    key = KEYS[name]
    form, value = tensors(key), _random.standard_normal(X[key].shape)
    check(Case(lambda x, v: x[form] * v, lambda x, v: x[key] * v, [X, value]))
    check(Case(lambda x, v: written(x, form, v * v), lambda x, v: written(x, key, v * v), [X, value]))


def added(x: Array, at: Any, value: Array) -> Array:
    result = x.copy()
    np.add.at(result, at, value)
    return result


ONES = np.array([1, 1, 0, 1])


@pytest.mark.parametrize("indices", [(ONES,), (ONES, COLUMNS), (None, ONES), (ONES, None, ONES), (PLANE,)])
def test_accumulating(indices: Any) -> None:
    at = tuple(slice(None) if index is None else index for index in indices)
    given = [None if index is None else brasa.tensor(index) for index in indices]
    arrays = [X.astype(np.float64), _random.standard_normal(X[at].shape)]
    check(Case(lambda x, v: brasa.index_put(x, given, v, accumulate=True), lambda x, v: added(x, at, v), arrays))
    made = brasa.tensor(X).index_put_(given, brasa.tensor(np.float32(2)), accumulate=True)
    np.testing.assert_allclose(made.numpy(), added(X, at, np.float32(2)), rtol=1e-6)


def test_a_value_written_under_a_mask_leaves_the_program_whole() -> None:
    def step(x: Any, row: Any) -> Any:
        y = x * 2
        y[y > 1] = 1
        y[:, y[0] < 0] = row
        return y

    x, row = brasa.tensor(X[0]), brasa.tensor(X[0, :, :1])
    same_bits(brasa.compile(step, fullgraph=True)(x, row), step(x, row))


def test_other_counts_and_sizes_compile_nothing_new() -> None:
    from brasa.execution.runner import LOADED

    function = brasa.compile(lambda x, i: (x[x > 0].sum(), x[i, :, i] * 2))
    for size in (3, 4, 5):
        x, i = brasa.tensor(_random.standard_normal((size, 5, size))), brasa.tensor(np.arange(size - 1))
        before = len(LOADED)
        total, picked = function(x, i)
        assert total.item() == pytest.approx(float(x.numpy()[x.numpy() > 0].sum()))
        np.testing.assert_array_equal(
            picked.numpy(), 2 * x.numpy()[: size - 1][np.arange(size - 1), :, np.arange(size - 1)]
        )
    assert len(LOADED) == before


def test_a_traced_number_is_an_index() -> None:
    def step(x: Any, i: Any) -> Any:
        y = x * 1
        y[i + 1] = y[i] * 3
        return y, y[:, i, [0, 2]]

    function = brasa.compile(step, fullgraph=True)
    for number in (0, 2, -2):
        for got, want in zip(function(brasa.tensor(X), brasa.tensor(number)), step(X.copy(), number), strict=True):
            np.testing.assert_array_equal(got.numpy(), want)


# Errors: the value, its bounds and the user's line, and nothing half done

OUTSIDE: dict[str, tuple[Callable[..., Any], str]] = {
    "an index of a key": (lambda x, i: x[:, i], r"index: index 7 is outside -5\.\.4 \(at element 2, test_indexing"),
    "one of two": (lambda x, i: x[i - 4, i], r"index: index 7 is outside -5\.\.4"),
    "one that was computed": (lambda x, i: x[i + 1], r"index: index 5 is outside -4\.\.3 \(at element 0, test_ind"),
    "in gather": (lambda x, i: x[0, 0].gather(0, i), r"gather: index 7 is outside 0\.\.5 \(at element 2"),
    "from the end in gather": (lambda x, i: x[0, 0].gather(0, i - 5), r"gather: index -1 is outside 0\.\.5 \(at"),
    "in take": (lambda x, i: x[0, 0].take(i), r"index: index 7 is outside -6\.\.5"),
    "when written": (lambda x, i: written(x, i - 8, 0.0), r"index: index -5 is outside -4\.\.3 \(at element 1"),
    "when added": (lambda x, i: x[0, 0].scatter_add(0, i, x[0, 0, :3]), r"scatter_add: index 7 is outside 0\.\.5"),
    "when filled": (lambda x, i: x.index_fill(0, i, 1.0), r"index: index 4 is outside -4\.\.3 \(at element 0"),
    "of a class": (lambda x, i: brasa.nn.functional.one_hot(i, 7), r"scatter: index 7 is outside 0\.\.6"),
    "of an embedding": (lambda x, i: brasa.nn.functional.embedding(i, x[0]), r"embedding: index 7 is outside 0\.\.4"),
    "a source that is too short": (lambda x, i: x[0, 0].masked_scatter(x[0, 0] == x[0, 0], x[0, 1, :3]),
                                   r"gather: index 4 is outside 0\.\.3 \(at element 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_index_outside_is_an_error_with_its_value(name: str) -> None:
    call, message = OUTSIDE[name]
    for run in (call, brasa.compile(call, fullgraph=True)):
        with pytest.raises(IndexError, match=message):
            run(brasa.tensor(X), brasa.tensor([4, 3, 7]))


def test_a_failed_write_changes_nothing() -> None:
    """What stands before it has happened, compiled as in eager mode."""

    def step(x: Any, total: Any, i: Any) -> None:
        total += 1
        x[i, 1:3] = 0

    for run in (step, brasa.compile(step)):
        x, total = brasa.tensor(X), brasa.zeros(2)
        with pytest.raises(IndexError, match="index 4 is outside"):
            run(x, total, brasa.tensor([0, 4]))
        np.testing.assert_array_equal(x.numpy(), X)
        assert total.tolist() == [1, 1]


REFUSED: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "too many indices": (lambda x: x[0, 0, 0, 0], IndexError, "4 indices for a tensor with 3 axes"),
    "two ellipses": (lambda x: x[..., 0, ...], IndexError, "one Ellipsis only"),
    "a step back": (lambda x: x[::-1], ValueError, "the step of a slice must be positive"),
    "floats": (lambda x: x[x], IndexError, "must hold integers or bools, not f32"),
    "text": (lambda x: x["a"], IndexError, "not str"),
    "a mask of another size": (lambda x: x[brasa.tensor(EVEN)], IndexError,
                               r"the mask bool\[5\] does not fit f32\[4,5,6\]: 5 is not 4, axis 0"),
    "indices that do not broadcast": (lambda x: x[[0, 1], [0, 1, 2]], ValueError, "cannot be broadcast together"),
    "values that do not fit": (lambda x: written(x, ([0, 1],), x[:, 0]), ValueError, "can be expanded"),
    "values of another dtype": (lambda x: x.index_put((brasa.tensor(0),), brasa.tensor(1)), IndexError, "are i64"),
    "axes of gather": (lambda x: x.gather(0, brasa.tensor([0])), ValueError, "must have as many axes"),
    "a large index in gather": (lambda x: x.gather(0, brasa.zeros(1, 6, 1, dtype=brasa.int64)), ValueError,
                                "index has 6 elements along axis 1, input .* only 5"),
    "dtypes of scatter": (lambda x: x.scatter(0, brasa.zeros(1, 1, 1, dtype=brasa.int64), x.double()), TypeError,
                          "src is f64, the input f32"),
    "an unknown reduction": (lambda x: x.scatter_reduce(0, x, x, "max"), ValueError, "one of sum, prod, mean"),
    "a matrix in index_select": (lambda x: x.index_select(0, brasa.tensor([[0]])), IndexError, "is not a vector"),
    "slices of index_add": (lambda x: x.index_add(0, brasa.tensor([0, 1]), x), ValueError, r"it must be \[2,5,6\]"),
    "a mask of integers": (lambda x: x.masked_fill(brasa.tensor(1), 0), TypeError, "mask is i64, not bool"),
    "a part of another shape": (lambda x: brasa.select_scatter(x, x, 0, 0), ValueError, "src has shape"),
    "negative counts": (lambda x: brasa.repeat_interleave(brasa.tensor([-1])), ValueError, "must not be negative"),
    "negative numbers": (lambda x: brasa.bincount(brasa.tensor([1, -2])), ValueError, "not negative, found -2"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call(brasa.tensor(X))


# Any key


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A key for a shape: slices, with new axes, and beside them integers, or one vector of places, or one mask."""
    special = draw(st.sampled_from(("int", "places", "mask"))) if shape else "int"
    chosen = draw(st.integers(0, len(shape) - 1)) if shape else 0
    parts: list[Any] = []
    for axis, size in enumerate(shape[: draw(st.integers(0, len(shape)))]):
        if draw(st.integers(0, 4)) == 0:
            parts.append(None)
        if special == "int" and size and draw(st.booleans()):
            parts.append(draw(st.integers(-size, size - 1)))
        elif special == "places" and axis == chosen:
            count = draw(st.integers(0, size))
            parts.append(np.array(draw(st.permutations(range(size)))[:count], np.int64))
        elif special == "mask" and axis == chosen:
            parts.append(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), np.bool_))
        else:
            ends = st.one_of(st.none(), st.integers(-size - 1, size + 1))
            parts.append(slice(draw(ends), draw(ends), draw(st.sampled_from((None, 1, 2, 3)))))
    return (*parts, ...) if draw(st.booleans()) else tuple(parts)


@settings(max_examples=40)
@given(st.data())
def test_any_key(data: st.DataObject) -> None:
    """Reads and writes as NumPy does, of tensors whose memory lies in any order with gaps, which stay as they are."""
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=3)))
    key = data.draw(keys(shape))
    turn = data.draw(st.permutations(range(len(shape))))
    memory = brasa.full([2 * shape[axis] for axis in turn], -1.0, dtype=brasa.float64)
    gapped = memory[tuple(slice(None, None, 2) for _ in shape)] if shape else memory
    view = gapped.permute(*map(turn.index, range(len(shape)))) if shape else gapped
    x = np.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    view.copy_(brasa.tensor(x))
    same = tuple(brasa.tensor(part) if isinstance(part, np.ndarray) else part for part in key)
    wanted = x[key]
    np.testing.assert_array_equal(view[same].numpy(), wanted)
    value = np.random.default_rng(0).standard_normal(wanted.shape)
    x[key] = value
    view[same] = brasa.tensor(value)
    np.testing.assert_array_equal(view.numpy(), x)
    assert np.count_nonzero(memory.numpy() == -1) == memory.numel() - view.numel()
