"""Tests of index arithmetic: normal forms, bounds, and division by what loops show to divide."""

from __future__ import annotations

import pytest

from brasa.codegen.schedules.indices import (
    Ranges,
    are_joint,
    by_variables,
    coefficient,
    flatten,
    leaf,
    rejoined,
    variable,
)
from brasa.codegen.schedules.products import Blocks, Tiles, blocks, tiles
from brasa.ir.dim import Compound, Size, atoms, evaluate, symbol

I, J, K = variable("i"), variable("j"), variable("k")
H, W, N = symbol("h"), symbol("w"), symbol("n")


@pytest.fixture
def ranges() -> Ranges:
    """i in 0..h-4, j in 0..w-4, k in 0..64."""
    made = Ranges()
    made.extents.update({"%i": H - 4, "%j": W - 4, "%k": 64})
    return made


def test_a_flat_index_divides_by_the_inner_extent(ranges: Ranges) -> None:
    flat = flatten((I, J), (H - 4, W - 4))
    assert ranges.quotient(flat, W - 4) == I
    assert ranges.remainder(flat, W - 4) == J
    assert ranges.remainder(N * (H - 4) * (W - 4) + flat, (H - 4) * (W - 4)) == flat


def test_what_bounds_do_not_show_stays_a_division(ranges: Ranges) -> None:
    assert str(ranges.quotient(K, 8)) == "%k//8"
    assert str(ranges.remainder(K + 5, 64)) == "(%k+5)%64"
    assert ranges.remainder(K, 64) == K
    assert ranges.remainder(K + 64, 64) == K


def test_bounds(ranges: Ranges) -> None:
    assert ranges.is_below(K, 64)
    assert not ranges.is_below(K, 63)
    assert ranges.is_below(ranges.quotient(K, 8), 8)
    assert not ranges.is_natural(K - 1)
    assert ranges.is_natural(H - 4 - I)
    assert not ranges.is_natural(H - 5 - I - J)


def test_what_must_be_added_so_that_only_natural_numbers_are_divided(ranges: Ranges) -> None:
    for dividend in (65 - K, 40 - K, K - 9):
        (atom,) = (atom for atom in atoms(ranges.quotient(dividend, 5)) if isinstance(atom, Compound))
        least = min(evaluate(atom.lhs, {"%k": k}) for k in range(64))
        assert least < 0 <= least + 5 * ranges.shortage(atom) < 5
    assert ranges.shortage(Compound("//", K, 5)) == 0


def test_divisions_that_bounds_have_decided_are_noted(ranges: Ranges) -> None:
    ranges.divisions.clear()
    assert (ranges.quotient(I * 8, 8), ranges.quotient(5, 8)) == (I, 0)
    assert ranges.divisions == []
    bounded = Ranges()
    bounded.extents["%i"] = 3
    assert (bounded.remainder(J * 3 + I, 3), bounded.quotient(J * 2 + I, 2)) == (I, (I + J * 2) // 2)
    assert bounded.divisions == [(J * 3 + I, I)]


def test_a_quotient_and_its_remainder_join_again(ranges: Ranges) -> None:
    parts = ranges.quotient(K, 8), ranges.remainder(K, 8)
    assert rejoined(parts[0] * 8 + parts[1]) == K
    assert rejoined(parts[0] * 24 + parts[1] * 3 + I) == K * 3 + I
    assert rejoined(parts[0] * 9 + parts[1]) == parts[0] * 9 + parts[1]


def test_coefficients() -> None:
    assert coefficient(I * N * 3 + J, "%i") == N * 3
    assert coefficient(J + 1, "%i") == 0
    assert coefficient(I * I, "%i") is None
    assert coefficient(I // 2, "%i") is None
    assert by_variables(I * 4 + J * N + I * N + 7) == {("%i",): N + 4, ("%j",): N, (): 7}


def test_joint_axes() -> None:
    assert are_joint(I, J, W, [I * W + J, I * W * 2 + J * 2, N])
    assert not are_joint(I, J, W, [I * W + J, J])
    assert not are_joint(I, J, W, [(I * W + J) // 2])
    assert are_joint(I, J, W, [I * W + J], [(I * W + J, J), (I + K, K)])
    assert not are_joint(I, J, W, [I * W + J], [(I + J * 3, I)])  # what told its rest tells it no more


def test_folding_reads_back_what_view_bodies_write(ranges: Ranges) -> None:
    expr = (leaf(I) * leaf(W - 4) + leaf(J)) // leaf(W - 4) + 3 - leaf(N)
    assert ranges.fold(expr) == I + 3 - N


@pytest.mark.parametrize("extent", [1, 4, 12, 13, 64, 100])
def test_tiles_cover_an_extent_once(extent: int) -> None:
    covered: list[int] = []
    for tile in tiles(extent, 12, (4, 1)):
        assert isinstance(tile.count, int) and isinstance(tile.start, int)
        covered += range(tile.start, tile.start + tile.count * tile.size)
    assert covered == list(range(extent))


@pytest.mark.parametrize("extent", [0, 1, 4, 12, 29, 64])
def test_tiles_of_an_unknown_extent_cover_it_once(extent: int) -> None:
    def number(size: Size) -> int:
        return evaluate(size, {"n": extent})

    covered: list[int] = []
    for tile in tiles(N, 12, (4, 1)):
        covered += range(number(tile.start), number(tile.start) + number(tile.count) * tile.size)
    assert covered == list(range(extent))


def test_blocks_prefer_a_divisor() -> None:
    assert blocks(512, 48) == Blocks(512, 16, 32, 32)
    assert blocks(10, 48) == Blocks(10, 1, 10, 10)
    assert blocks(97, 48) == Blocks(97, 3, 48, 48)
    assert blocks(N, 48).count == (N + 47) // 48
    for extent in range(1, 700):
        known, unknown = blocks(extent, 252, 12, 48), blocks(N, 252, 12, 48)
        each, count = (evaluate(size, {"n": extent}) for size in (unknown.each, unknown.count))
        assert (count - 1) * each < extent <= count * each
        assert (known.count > 1) == (count > 1) == (extent >= 96), extent
        assert max(each, known.size) <= 252
    assert tiles(64, 12, ()) == [Tiles(5, 11, 0), Tiles(1, 9, 55)]
