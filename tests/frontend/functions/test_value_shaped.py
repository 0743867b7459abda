"""Functions whose results have a shape that values tell, against NumPy; compiled programs are cut there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import brasa
from tests.frontend.functions.harness import Array, Case, check_values, same_bits

_random = np.random.default_rng(13)
WIDE = _random.standard_normal((4, 5))
WHOLE, PLANE, EVEN = _random.random((4, 5, 6)) > 0.5, WIDE > 0, np.arange(5) % 2 == 0
PLACES, VECTOR = _random.integers(0, 4, (3, 4)), np.array([2, 0, 2])


def doubled(x: Any) -> Any:
    copy = x * 1
    copy[x > 0] = x[x > 0] * 2
    return copy


def _rows(condition: Array) -> Array:
    return np.argwhere(condition)


VALUES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = {
    "nonzero": (brasa.nonzero, _rows, [WHOLE]),
    "nonzero of none": (brasa.nonzero, _rows, [np.zeros((2, 0, 3))]),
    "nonzero of a number": (brasa.nonzero, _rows, [np.array(3.0)]),
    "nonzero by axes": (lambda x: brasa.nonzero(x, as_tuple=True), np.nonzero, [WIDE.round()]),
    "where alone": (brasa.where, np.nonzero, [PLANE]),
    "argwhere": (brasa.argwhere, _rows, [np.array([0.0, np.nan, -0.0, 1])]),
    "nonzero_static": (lambda x: brasa.nonzero_static(x, size=4, fill_value=-7),
                       lambda x: np.array([[0, 1], [2, 0], [-7, -7], [-7, -7]]), [np.array([[0, 2], [0, 0], [3, 0]])]),
    "masked_select": (brasa.masked_select, lambda x, m: x[np.broadcast_to(m, x.shape)], [WIDE, EVEN]),
    "selected by a computed mask": (lambda x: x[x > 0], lambda x: x[x > 0], [WIDE]),
    "written by a computed mask": (doubled, doubled, [WIDE]),
    "unique": (lambda x: brasa.unique(x, return_inverse=True, return_counts=True),
               lambda x: np.unique(x, return_inverse=True, return_counts=True), [PLACES]),
    "unique of floats": (brasa.unique, lambda x: np.unique(x, equal_nan=False), [np.array([2.0, np.nan, -1, 2])]),
    "unique of none": (lambda x: brasa.unique(x, return_counts=True), lambda x: np.unique(x, return_counts=True),
                       [np.zeros(0, np.int64)]),
    "unique columns": (lambda x: brasa.unique(x, dim=1, return_counts=True),
                       lambda x: np.unique(x, axis=1, return_counts=True), [np.array([[1, 0, 1, 1], [3, 9, 3, 2]])]),
    "unique_consecutive": (
        lambda x: brasa.unique_consecutive(x, return_inverse=True, return_counts=True),
        lambda x: ([1, 2, 1], [0, 0, 1, 2, 2], [2, 1, 2]), [np.array([1, 1, 2, 1, 1])]),
    "bincount": (lambda x: brasa.bincount(x, minlength=6), lambda x: np.bincount(x, minlength=6), [VECTOR]),
    "bincount with weights": (brasa.bincount, np.bincount, [VECTOR, np.array([1.0, 2, 4])]),
    "repeat_interleave": (lambda x, n: brasa.repeat_interleave(x, n, dim=1), lambda x, n: np.repeat(x, n, 1),
                          [WIDE, np.array([2, 0, 1, 3, 0])]),
    "repeat_interleave of all": (lambda x: x.repeat_interleave(2), lambda x: np.repeat(x, 2), [WIDE]),
    "repeat_interleave of numbers": (brasa.repeat_interleave, lambda n: np.repeat(np.arange(3), n), [VECTOR]),
    "isin": (brasa.isin, np.isin, [PLACES, VECTOR]),
    "isin of floats": (lambda x, t: brasa.isin(x, t, invert=True), lambda x, t: np.isin(x, t, invert=True),
                       [np.array([1.0, np.nan, 3]), np.array([3.0, np.nan])]),
    "isin of nothing": (brasa.isin, np.isin, [PLACES, np.zeros(0, np.int64)]),
    "isin of a number": (lambda x: brasa.isin(2, x), lambda x: np.isin(2, x), [PLACES]),
    "one_hot": (lambda x: brasa.nn.functional.one_hot(x, 4), lambda x: np.eye(4, dtype=np.int64)[x], [PLACES]),
    "one_hot of as many as there are": (brasa.nn.functional.one_hot, lambda x: np.eye(3, dtype=np.int64)[x], [VECTOR]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_what_values_tell(name: str) -> None:
    call, reference, arrays = VALUES[name]
    check_values(Case(call, reference, arrays, compiled=False))
    eager = call(*map(brasa.tensor, arrays))
    again = brasa.compile(call)(*map(brasa.tensor, arrays))
    pairs = zip(eager, again, strict=True) if isinstance(eager, tuple) else [(eager, again)]
    for one, other in pairs:
        same_bits(one, other)
