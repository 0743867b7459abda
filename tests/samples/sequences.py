"""Samples of ops over sequences: attention and its gradients, paths through a trellis."""

from __future__ import annotations

import math
from typing import Any

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


def _attention(
    t: str,
    s: str,
    d: int,
    e: int,
    lead: str = "2,",
    causal: str = "false",
    mask: str = "",
    dropped: bool = False,
    dtype: str = "f32",
    sizes: dict[str, int] | None = None,
) -> list[Sample]:
    """Attention and its two gradients over operands of these sizes."""
    shapes = {"q": f"{t},{d}", "k": f"{s},{d}", "v": f"{s},{e}"}
    inputs = [f"{name}: {dtype}[{lead}{shape}]" for name, shape in shapes.items()]
    extras = [f"m: {mask}[{lead}{t},{s}]"] if mask else []
    names = ["m"] if mask else []
    if dropped:
        extras += ["x: i64[]", "c: i64[]", f"p: {dtype}[]"]
        names += ["x", "c", "p"]
    attrs = f"causal={causal}, masked={'true' if mask else 'false'}, dropped={'true' if dropped else 'false'}"
    values: dict[str, Any] = {"x": [7], "c": [3], "p": [0.25], "l": between(1, 2)}
    middle = [f"g: {dtype}[{lead}{t},{e}]", f"l: {dtype}[{lead}{t}]", f"d: {dtype}[{lead}{t}]"]

    def one(op: str, result: str, between: list[str]) -> Sample:
        given = [*inputs, *between, *extras]
        own = ["q", "k", "v", *(text.split(":")[0] for text in between), *names]
        return Sample(
            ", ".join(given), f"{dtype}[{lead}{result}] = {op}({', '.join(own)}, {attrs})", sizes or {},
            {name: values[name] for name in own if name in values}, smooth=not dropped,
        )  # fmt: skip

    return [
        one("attention", f"{t},{e + 1}", []),
        one("attention_query_gradient", f"{t},{d}", middle),
        one("attention_key_gradient", f"{s},{d + e}", middle),
    ]


SAMPLES += [
    *_attention("3", "4", 2, 3),
    *_attention("5", "3", 3, 2, lead="", causal="true"),
    *_attention("3", "4", 1, 1, lead="", mask="bool"),
    *_attention("3", "4", 2, 2, lead="1,", mask="f32"),
    *_attention("3", "4", 2, 2, lead="", dropped=True),
    *_attention("t", "s", 2, 3, lead="", mask="f64", dtype="f64", sizes={"t": 3, "s": 5}),
    *_attention("t", "s", 2, 3, lead="", dropped=True, dtype="f64", sizes={"t": 3, "s": 5}),
    *_attention("t", "s", 4, 17, lead="b,", causal="true", dtype="f64", sizes={"t": 70, "s": 66, "b": 2}),
    *_attention("2", "0", 2, 2, lead="2,1,"),
    *_attention("0", "2", 2, 2),
]

_PLAIN = "causal=false, masked=false, dropped=false"
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
    *[
        ErrorSample(f"q: {q}, k: {k}, v: {v}{more}", f"{op}(q, k, v{own}, {attrs})", f"{op}: {fact}")
        for op, more, own in (
            ("attention", "", ""),
            ("attention_query_gradient", ", g: f32[3,3], l: f32[3], d: f32[3]", ", g, l, d"),
            ("attention_key_gradient", ", g: f32[3,3], l: f32[3], d: f32[3]", ", g, l, d"),
        )
        for q, k, v, attrs, fact in (
            ("f32[3,2]", "f32[4,2]", "f16[4,3]", _PLAIN, "q, k and v are f32, f32 and f16, not all f32 or all f64"),
            ("f32[3,2]", "f32[4,1]", "f32[4,3]", _PLAIN,
             "q f32[3,2], k f32[4,1] and v f32[4,3] are not [..., t, d], [..., s, d] and [..., s, e]"),
            ("f32[3,2]", "f32[4,2]", "f32[4,3]", "causal=false, masked=true, dropped=false",
             "0 operands more are not a mask and what drops weights"),
        )
    ],
    ErrorSample("q: f32[3,2], k: f32[4,2], v: f32[4,3], m: i64[3,4]",
                "attention(q, k, v, m, causal=false, masked=true, dropped=false)",
                "attention: mask i64[3,4] is not bool or f32 [..., t, s] of q f32[3,2] and k f32[4,2]"),
    ErrorSample("q: f32[3,2], k: f32[4,2], v: f32[4,3], s: i64[], c: i64[], p: f64[]",
                "attention(q, k, v, s, c, p, causal=false, masked=false, dropped=true)",
                "attention: seed and call are i64 scalars, the chance a scalar of f32"),
    ErrorSample("q: f32[3,2], k: f32[4,2], v: f32[4,3], g: f32[3,2], l: f32[3], d: f32[3]",
                f"attention_query_gradient(q, k, v, g, l, d, {_PLAIN})",
                "attention_query_gradient: g f32[3,2], logs f32[3] and delta f32[3] are not [..., t, e], [..., t] and "
                "[..., t]"),
]  # fmt: skip
