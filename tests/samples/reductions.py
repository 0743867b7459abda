"""Samples of ops that combine elements along axes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.samples.sample import Draw, Sample, apart, usual

_ARITHMETIC = ("f32", "f64", "f16", "bf16", "i8", "i32", "i64", "u8", "u64")


def reduction(op: str, dtypes: Sequence[str], draw: Draw = usual, result: str = "") -> list[Sample]:
    """All shapes in the first dtype, one in the others."""

    def one(dtype: str, shape: str, axes: str, left: str, sizes: dict[str, int], smooth: bool = True) -> Sample:
        made = f"{result or dtype}[{left}] = {op}(x, axes=[{axes}])"
        return Sample(f"x: {dtype}[{shape}]", made, sizes, {"x": draw}, smooth)

    first = dtypes[0]
    return [
        one(first, "3,4", "0", "4", {}),
        one(first, "3,4", "1", "3", {}),
        one(first, "3,4", "0, 1", "", {}),
        one(first, "3,4", "", "3,4", {}),
        one(first, "", "", "", {}),
        one(first, "2,0", "1", "2", {}, smooth=op in ("sum", "prod")),
        one(first, "0,2", "1", "0", {}),
        one(first, "1,5,1", "0, 2", "5", {}),
        one(first, "n,m,3", "0, 2", "m", {"n": 2, "m": 3}),
        one(first, "n,40", "1", "n", {"n": 2}),
        *[one(dtype, "3,4", "1", "3", {}) for dtype in dtypes[1:]],
    ]


def _ties(op: str, result: str, smooth: bool) -> list[Sample]:
    nan, inf = float("nan"), float("inf")
    return [
        Sample("x: f32[2,4]", f"{result}[2] = {op}(x, axes=[1])", {}, {"x": [1, 3, 3, 1, 5, 5, 5, 5]}, smooth),
        Sample("x: f32[3,4]", f"{result}[3] = {op}(x, axes=[1])", {},
               {"x": [1, nan, 3, nan, inf, -inf, inf, 0, -inf, -inf, -inf, -inf]}, False),
    ]  # fmt: skip


SAMPLES = [
    *reduction("sum", (*_ARITHMETIC, "c64")),
    *reduction("prod", (*_ARITHMETIC, "c64")),
    Sample("x: f32[2,3]", "f32[2] = prod(x, axes=[1])", {}, {"x": [2, 0, 3, 1.5, -2, 4]}),
    Sample("x: f32[2,3]", "f32[2] = prod(x, axes=[1])", {}, {"x": [0, 0, 3, 0, 0, 0]}),
    *reduction("max", (*_ARITHMETIC, "bool"), apart),
    *reduction("min", (*_ARITHMETIC, "bool"), apart),
    *reduction("argmax", (*_ARITHMETIC, "bool"), apart, "i64"),
    *reduction("argmin", (*_ARITHMETIC, "bool"), apart, "i64"),
    *_ties("max", "f32", False),
    *_ties("min", "f32", False),
    *_ties("argmax", "i64", False),
    *_ties("argmin", "i64", False),
]
