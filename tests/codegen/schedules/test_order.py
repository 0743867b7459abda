"""Tests of sort and search regions, against NumPy's stable sort and bisection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen.schedules.running import Array, machine, region

_random = np.random.default_rng(31)
_NUMPY = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i8": np.int8, "i32": np.int32, "i64": np.int64,
          "u8": np.uint8, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_}  # fmt: skip


def argsort(dtype: str, shape: str, axis: int, descending: bool = False, strides: str = "") -> str:
    made = f"argsort(x, axis={axis}, descending={str(descending).lower()})"
    return region(f" %0: i64[{shape}] = {made}\n return %0", inputs=f"x: {dtype}[{shape}]", results=[f"i64[{shape}]"],
                  strides=strides)  # fmt: skip


def stable(x: Array, axis: int, descending: bool = False) -> Array:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


def rows(dtype: str, count: int, kind: str) -> Array:
    """Three rows: of few different values, or of many, or in order already; floats with special ones among them."""
    of: Any = _NUMPY[dtype]
    if np.dtype(of).kind == "f":
        x = (_random.standard_normal((3, count)) * (1 if kind == "few" else 1000)).astype(of)
        x = np.round(x) if kind == "few" else x
        special = [np.nan, -0.0, 0.0, np.inf, -np.inf, np.nan, np.finfo(of).tiny / 4]
        x.flat[: min(x.size, len(special))] = special[: x.size]
    else:
        least, most = (0, 1) if dtype == "bool" else (np.iinfo(of).min, np.iinfo(of).max)
        x = _random.integers(least, most, (3, count), of, endpoint=True)
        x = x // max(1, most // 3) if kind == "few" and dtype != "bool" else x
    return np.sort(x) if kind == "sorted" else x


@pytest.mark.parametrize("dtype", _NUMPY)
@pytest.mark.parametrize("kind", ["few", "many", "sorted"])
def test_argsort(dtype: str, kind: str) -> None:
    for count in (0, 1, 17, 128, 129, 700):
        x = rows(dtype, count, kind)
        for descending in (False, True):
            for piece in (1, 1000):
                got = machine(argsort(dtype, "n,m", 1, descending)).run(x, piece=piece).outputs[0]
                np.testing.assert_array_equal(got, stable(x, 1, descending))


def test_equal_keys_need_no_pass() -> None:
    x = np.full((2, 300), 7, np.int64)
    np.testing.assert_array_equal(machine(argsort("i64", "n,m", 1)).run(x).outputs[0], np.tile(np.arange(300), (2, 1)))


@pytest.mark.parametrize(("shape", "sizes", "axis"), [
    ("n,m", (200, 5), 0), ("a,n,b", (2, 150, 3), 1), ("a,n,b", (2, 9, 30), 1), ("150", (150,), 0), ("2,20", (2, 20), 1),
])  # fmt: skip
def test_axes_and_known_sizes(shape: str, sizes: tuple[int, ...], axis: int) -> None:
    x = np.round(_random.standard_normal(sizes) * 4).astype(np.float32)
    np.testing.assert_array_equal(machine(argsort("f32", shape, axis)).run(x).outputs[0], stable(x, axis))


@pytest.mark.parametrize("dtype", ["f32", "f64", "i8", "i64", "u8"])
@pytest.mark.parametrize("kind", ["few", "many", "sorted"])
def test_the_first_in_order(dtype: str, kind: str) -> None:
    """Of short rows and of long ones, from which most elements are left out before, or few."""
    for count, wanted in ((20, 3), (700, 5), (700, 300), (700, 700), (5000, 1), (300, 0)):
        x = rows(dtype, count, kind)
        for descending in (False, True):
            text = argsort(dtype, "n,m", 1, descending).replace("%0: i64[n,m]", f"%0: i64[n,{wanted}]")
            text = text.replace(", descending", f", count={wanted}, descending")
            got = machine(text).run(x, piece=1).outputs[0]
            np.testing.assert_array_equal(got, stable(x, 1, descending)[:, :wanted])


def test_strided_operands() -> None:
    text = argsort("f32", "n,m", 1, strides="x: f32[n,m] strides (s,s)")
    x = np.round(_random.standard_normal((400, 12)) * 9).astype(np.float32)[::2, ::3].T
    np.testing.assert_array_equal(machine(text).run(x).outputs[0], stable(x, 1))


def searchsorted(dtype: str, count: str, sought: str, right: bool) -> str:
    body = f" %0: i64[{sought}] = searchsorted(x, y, right={str(right).lower()})\n return %0"
    return region(body, inputs=f"x: {dtype}[{count}], y: {dtype}[{sought}]", results=[f"i64[{sought}]"])


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "i8", "i64", "u64"])
@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(dtype: str, right: bool) -> None:
    for count, sought in ((0, 3), (1, 3), (9, 40), (1000, 70)):
        x = np.sort(_random.integers(0, 100, (2, count)), axis=1).astype(_NUMPY[dtype])
        y = _random.integers(0, 101, (2, sought)).astype(_NUMPY[dtype])
        got = machine(searchsorted(dtype, "a,n", "a,m", right)).run(x, y, piece=1).outputs[0]
        wanted = [np.searchsorted(row, values, "right" if right else "left") for row, values in zip(x, y, strict=True)]
        np.testing.assert_array_equal(got, wanted)
        one = machine(searchsorted(dtype, str(count), str(sought), right)).run(x[0], y[0]).outputs[0]
        np.testing.assert_array_equal(one, wanted[0])


def test_the_place_of_nan_is_behind_all() -> None:
    x, y = np.array([1, 2, 5], np.float32), np.array([np.nan, 2, np.inf], np.float32)
    assert machine(searchsorted("f32", "n", "m", False)).run(x, y).outputs[0].tolist() == [3, 1, 3]
    assert machine(searchsorted("f32", "n", "m", True)).run(x, y).outputs[0].tolist() == [3, 2, 3]
