"""Samples of ops that combine elements along axes, wholly or step by step, or find their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.samples.sample import Draw, Sample, apart, between, special, special_slowly, usual

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
        one(first, "2,0", "1", "2", {}, smooth=op in ("sum", "sum_copies", "prod")),
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


def cumulative(op: str, dtypes: Sequence[str], draw: Draw = usual, result: str = "") -> list[Sample]:
    """All shapes in the first dtype, one in the others; over many elements, products stay near 1."""

    def one(dtype: str, shape: str, axis: int, sizes: dict[str, int], reverse: str = "false") -> Sample:
        made = f"{result or dtype}[{shape}] = {op}(x, axis={axis}, reverse={reverse})"
        return Sample(f"x: {dtype}[{shape}]", made, sizes, {"x": draw})

    first = dtypes[0]
    return [
        one(first, "5", 0, {}),
        one(first, "5", 0, {}, "true"),
        one(first, "3,4", 0, {}),
        one(first, "3,4", 1, {}, "true"),
        one(first, "2,0", 1, {}),
        one(first, "0,2", 1, {}),
        one(first, "n,m,3", 1, {"n": 2, "m": 3}),
        Sample(
            f"x: {first}[n]",
            f"{result or first}[n] = {op}(x, axis=0, reverse=false)",
            {"n": 300},
            {"x": between(0.9, 1.1)},
        ),
        *[one(dtype, "3,4", 1, {}) for dtype in dtypes[1:]],
    ]


def _special_cumulations() -> list[Sample]:
    nan, inf = float("nan"), float("inf")
    ties = [1, nan, 3, nan, inf, -inf, inf, 0, -inf, -inf, 2, 2]
    return [
        *[Sample("x: f32[3,4]", f"i64[3,4] = {op}(x, axis=1, reverse={way})", {}, {"x": ties})
          for op in ("cumargmax", "cumargmin") for way in ("false", "true")],
        Sample("x: f32[2,4]", "f32[2,4] = cumprod(x, axis=1, reverse=false)", {}, {"x": [2, 0, 3, 1, 0, 2, 0, 4]}),
        Sample("x: f32[2,4]", "f32[2,4] = cumprod(x, axis=1, reverse=true)", {}, {"x": [2, 0, 3, 1, 0, 2, 0, 4]}),
        Sample("x: f32[4,3]", "f32[4,3] = logcumsumexp(x, axis=1, reverse=false)", {},
               {"x": [-inf, -inf, 1, inf, 1, -inf, 90, 100, -100, 1, nan, 2]}, False),
    ]  # fmt: skip


def _sorts() -> list[Sample]:
    nan, inf = float("nan"), float("inf")
    mixed = [3, nan, -0.0, 0, -inf, inf, nan, -1, 3, -1, 0, -0.0]

    def one(dtype: str, shape: str, axis: int, draw: Draw | list[float], sizes: dict[str, int]) -> list[Sample]:
        made = f"i64[{shape}] = argsort(x, axis={axis}, descending="
        return [Sample(f"x: {dtype}[{shape}]", f"{made}{way})", sizes, {"x": draw}) for way in ("false", "true")]

    def first(dtype: str, shape: str, axis: int, made: str, sizes: dict[str, int], count: int) -> list[Sample]:
        application = f"i64[{made}] = argsort(x, axis={axis}, descending="
        return [
            Sample(f"x: {dtype}[{shape}]", f"{application}{way}, count={count})", sizes, {"x": usual})
            for way in ("false", "true")
        ]

    return [
        *first("f32", "3,9", 1, "3,2", {}, 2),
        *first("i8", "300", 0, "7", {}, 7),
        *first("f32", "n,2", 0, "140,2", {"n": 300}, 140),
        *first("f64", "n", 0, "0", {"n": 300}, 0),
        *one("f32", "12", 0, mixed, {}),
        *one("f32", "3,4", 0, usual, {}),
        *one("f32", "n,m,3", 1, usual, {"n": 2, "m": 140}),
        *one("f32", "2,0", 1, usual, {}),
        *one("f64", "150", 0, special_slowly, {}),
        *[sample for dtype in (*_ARITHMETIC, "bool") for sample in one(dtype, "3,4", 1, usual, {})],
        *[sample for dtype in ("i8", "i64", "u64", "f16", "bf16") for sample in one(dtype, "150", 0, special, {})],
    ]


def _searches() -> list[Sample]:
    nan = float("nan")

    def one(
        lead: str, count: str, sought: str, dtype: str, values: dict[str, Any], sizes: dict[str, int]
    ) -> list[Sample]:
        head = f"sequence: {dtype}[{lead}{count}], values: {dtype}[{lead}{sought}]"
        made = f"i64[{lead}{sought}] = searchsorted(sequence, values, right="
        return [Sample(head, f"{made}{way})", sizes, values) for way in ("false", "true")]

    ascending = {"sequence": [1, 2, 2, 2, 5, 7], "values": [0, 1, 2, 3, 7, 9]}
    return [
        *one("", "6", "6", "f32", ascending, {}),
        *one("2,", "3", "3", "f32", ascending, {}),
        *one("2,", "n", "m", "f32", ascending, {"n": 3, "m": 3}),
        *one("2,", "0", "3", "f32", {}, {}),
        *one("", "6", "6", "f64", {"sequence": [1, 2, 2, 5, nan, nan], "values": [0, 2, nan, 3, 9, 1]}, {}),
        *[sample for dtype in ("i8", "i32", "i64", "u8", "u64", "f16", "bf16")
          for sample in one("", "6", "6", dtype, ascending, {})],
    ]  # fmt: skip


SAMPLES = [
    *reduction("sum", (*_ARITHMETIC, "c64")),
    *reduction("sum_copies", ("f32", "f64", "bf16", "i32", "c64")),
    Sample("x: f32[2,1]", "f32[2] = sum_copies(x, axes=[1])", {}, {"x": [-0.0, 0.0]}),
    *reduction("prod", _ARITHMETIC),
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
    *cumulative("cumsum", (*_ARITHMETIC, "c64")),
    *cumulative("cumprod", _ARITHMETIC, between(1, 2)),
    *cumulative("cumargmax", (*_ARITHMETIC, "bool"), usual, "i64"),
    *cumulative("cumargmin", (*_ARITHMETIC, "bool"), usual, "i64"),
    *cumulative("logcumsumexp", ("f32", "f64", "f16", "bf16")),
    *_special_cumulations(),
    *_sorts(),
    *_searches(),
]
