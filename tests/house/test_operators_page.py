"""The page of operators says what is so."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

import brasa
from brasa.tracing.operators import OPERATORS
from tests.house.operators_page import CALLS, DTYPES, PATH, compiles, has_gradient, page, rows, runs, text_of

ROWS = dict(rows(PATH.read_text()))
_EVERY = 8  # of so many cells one is checked anew in a plain run


def drawn(*words: str) -> bool:
    """Whether a plain run checks this cell: the same ones each time."""
    return zlib.crc32(" ".join(words).encode()) % _EVERY == 0


def test_every_operator_has_a_call() -> None:
    assert set(CALLS) <= set(OPERATORS)
    assert all(text_of(name) for name in OPERATORS)


def test_every_operator_is_where_its_name_says() -> None:
    def found(name: str) -> bool:
        place: Any = brasa
        for part in name.split("."):
            place = getattr(place, part, None)
        return place is not None or (OPERATORS[name].method and hasattr(brasa.Tensor, name))

    assert [name for name in OPERATORS if not found(name)] == []


def test_every_operator_has_a_row(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PATH.write_text(page())
    listed = dict(rows(PATH.read_text()))
    assert list(listed) == sorted(listed, key=lambda name: (name.rpartition(".")[0], name.rpartition(".")[2].lower()))
    assert set(listed) == set(OPERATORS)
    for name, cells in listed.items():
        operator = OPERATORS[name]
        assert set(cells["forms"]) == {
            letter for letter, has in (("m", operator.method), ("i", operator.in_place), ("o", operator.out)) if has
        }, name
        assert cells["call"] == f"`{text_of(name)}`"


CELLS = [(name, dtype) for name in ROWS for dtypes in DTYPES.values() for dtype in dtypes if drawn(name, dtype)]


@pytest.mark.parametrize(("name", "dtype"), CELLS)
def test_dtypes(name: str, dtype: str) -> None:
    kind = next(kind for kind, dtypes in DTYPES.items() if dtype in dtypes)
    assert runs(name, dtype) == (ROWS[name][kind] == "✓" or dtype in ROWS[name][kind].split())


@pytest.mark.parametrize("name", [name for name in ROWS if drawn(name)])
def test_gradient_and_compiled(name: str) -> None:
    assert has_gradient(name) == (ROWS[name]["gradient"] == "✓")
    assert compiles(name) == (ROWS[name]["compiled"] == "✓")


@pytest.mark.long
def test_the_whole_page() -> None:
    assert page() == PATH.read_text()
