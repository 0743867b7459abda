"""Samples of ops over sequences: paths through a trellis."""

from __future__ import annotations

import math

from tests.samples.sample import ErrorSample, Sample, between

_LENGTHS = {"lengths": [4, 2], "last": [4, 0], "skips": [0, 0, 0, 1, 0, 0, 0, 0, 1, 0]}


def _trellis(reverse: str, dtype: str = "f32", shape: str = "4,2,5", sizes: dict[str, int] | None = None) -> Sample:
    samples, states = shape.split(",")[1:]
    return Sample(
        f"x: {dtype}[{shape}], skips: bool[{samples},{states}], lengths: i64[{samples}], last: i64[{samples}]",
        f"{dtype}[{shape}] = trellis(x, skips, lengths, last, reverse={reverse})", sizes or {},
        {**(_LENGTHS if sizes != {"t": 3, "n": 0, "s": 3} else {}), "x": between(-3, 0)}, smooth=False,
    )  # fmt: skip


SAMPLES = [
    _trellis("false"),
    _trellis("true"),
    _trellis("true", "f64"),
    _trellis("false", "f64"),
    _trellis("false", shape="t,n,s", sizes={"t": 4, "n": 2, "s": 5}),
    _trellis("true", shape="t,n,s", sizes={"t": 6, "n": 2, "s": 5}),
    _trellis("false", shape="t,n,s", sizes={"t": 3, "n": 0, "s": 3}),
    Sample(
        "x: f32[3,1,3], skips: bool[1,3], lengths: i64[1], last: i64[1]",
        "f32[3,1,3] = trellis(x, skips, lengths, last, reverse=false)",
        values={"x": [0, -1, -2, -math.inf, -1, -math.inf, -1, -math.inf, -1], "skips": [0, 1, 0], "lengths": [3],
                "last": [2]}, smooth=False,
    ),
]  # fmt: skip

_REST = "lengths: i64[2], last: i64[2]"
ERRORS = [
    ErrorSample(f"x: f16[4,2,5], skips: bool[2,5], {_REST}", "trellis(x, skips, lengths, last, reverse=false)",
                "trellis: scores are f16, not f32 or f64"),
    ErrorSample(f"x: f32[4,2,5], skips: i64[2,5], {_REST}", "trellis(x, skips, lengths, last, reverse=false)",
                "trellis: skips are bool, lengths and last are i64"),
    ErrorSample(f"x: f32[4,2,5], skips: bool[2,4], {_REST}", "trellis(x, skips, lengths, last, reverse=false)",
                "trellis: scores f32[4,2,5] and skips bool[2,4] are not [t, n, s] and [n, s]"),
    ErrorSample("x: f32[4,2,5], skips: bool[2,5], lengths: i64[2], last: i64[3]",
                "trellis(x, skips, lengths, last, reverse=false)",
                "trellis: lengths i64[2] and last i64[3] have not the 2 samples of f32[4,2,5]"),
]  # fmt: skip
