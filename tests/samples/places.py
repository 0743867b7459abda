"""Samples of ops that look into windows, or at places that a tensor names."""

from __future__ import annotations

from tests.samples.sample import Draw, Sample, apart, between

_TWO = "window=[2, 2], positions=[2, 3], stride=[2, 2], padding=[0, 0], dilation=[1, 1]"
_PADDED = "window=[3, 2], positions=[3, 3], stride=[2, 2], padding=[1, 1], dilation=[1, 2]"
_LINE = "window=[3], positions=[(n-1)//2+1], stride=[2], padding=[1], dilation=[1]"
_LAST = "window=[2], positions=[3], stride=[2], padding=[0], dilation=[1]"
_OUTSIDE = "window=[2], positions=[2], stride=[1], padding=[1], dilation=[3]"
_SCATTERED = "window=[2, 2], stride=[1, 1], padding=[0, 0], dilation=[1, 1])"
_NAN, _INF = float("nan"), float("inf")


def _window(op: str, result: str) -> list[Sample]:
    """The same windows for the values and for their places. The last of _LAST ends beyond the input."""
    draw = {"x": apart}
    return [
        Sample("x: f32[2,3,4,6]", f"{result or 'f32'}[2,3,2,3] = {op}(x, {_TWO})", {}, draw),
        Sample("x: f32[1,5,6]", f"{result or 'f32'}[1,3,3] = {op}(x, {_PADDED})", {}, draw),
        Sample("x: f32[m,n]", f"{result or 'f32'}[m,(n-1)//2+1] = {op}(x, {_LINE})", {"m": 2, "n": 6}, draw),
        Sample("x: f32[5]", f"{result or 'f32'}[3] = {op}(x, {_LAST})", {}, draw),
        Sample("x: f32[0,4,6]", f"{result or 'f32'}[0,2,3] = {op}(x, {_TWO})", {}, draw),
        Sample("x: f32[2,5]", f"{result or 'f32'}[2,3] = {op}(x, {_LAST})", {},
               {"x": [1, 1, _NAN, 2, 3, -_INF, -_INF, 0, _NAN, _NAN]}, False),
        Sample("x: f32[1,2]", f"{result or 'f32'}[1,2] = {op}(x, {_OUTSIDE})", {}, {"x": [-_INF, -_INF]}, False),
        *[Sample(f"x: {dtype}[5]", f"{result or dtype}[3] = {op}(x, {_LAST})", {}, draw)
          for dtype in ("f64", "f16", "bf16", "i32", "u8")],
    ]  # fmt: skip


_FROM = "spatial=[5, 6], window=[3, 2], stride=[2, 2], padding=[1, 1], dilation=[1, 2]"


def _shifted(by: float) -> Draw:
    """As apart, but never 0, where a product has first derivatives only, nor equal to what another shift gives."""
    return lambda rng, shape, dtype: (apart(rng, shape, dtype) + by).astype(dtype)


def _writing(op: str) -> list[Sample]:
    """Values that meet in places, and places that none comes to."""
    draw = {"x": _shifted(0.25), "value": _shifted(0.5)}
    return [
        Sample("x: f32[5,2], index: i64[4,2], value: f32[4,2]", f"f32[5,2] = {op}(x, index, value, axis=0)", {},
               {**draw, "index": [0, 4, 4, 4, 0, 1, 4, 4]}),
        Sample("x: f32[n,4], index: i64[n,m], value: f32[n,m]", f"f32[n,4] = {op}(x, index, value, axis=1)",
               {"n": 2, "m": 6}, {**draw, "index": between(0, 4)}),
        Sample("x: i64[3], index: i64[0], value: i64[0]", f"i64[3] = {op}(x, index, value, axis=0)"),
        *[Sample(f"x: {dtype}[3], index: i64[5], value: {dtype}[5]", f"{dtype}[3] = {op}(x, index, value, axis=0)", {},
                 {"index": between(0, 3)}, False) for dtype in ("f64", "f16", "bf16", "i32", "u8")],
    ]  # fmt: skip


SAMPLES = [
    *_window("window_max", ""),
    *_window("window_argmax", "i64"),
    *_window("window_sum", ""),
    Sample("g: f32[2,3,3]", f"f32[2,5,6] = window_spread(g, {_FROM})"),
    Sample("g: f32[2,2,3]", f"f32[2,3,4] = window_spread(g, spatial=[3, 4], {_SCATTERED}"),
    Sample("g: f32[2,3]",
           "f32[2,8] = window_spread(g, spatial=[8], window=[2], stride=[3], padding=[1], dilation=[1])"),
    Sample("g: f32[n,m]", "f32[n,m*2] = window_spread(g, spatial=[m*2], window=[3], stride=[2], padding=[1], "
           "dilation=[1])", {"n": 2, "m": 3}),
    Sample("g: f32[0,2]",
           "f32[0,4] = window_spread(g, spatial=[4], window=[2], stride=[2], padding=[0], dilation=[1])"),
    Sample("g: bf16[5]", "bf16[5] = window_spread(g, spatial=[5], window=[3], stride=[1], padding=[1], dilation=[1])"),
    Sample("g: f32[2,2,3], place: i64[2,2,3]", f"f32[2,3,4] = window_scatter(g, place, spatial=[3, 4], {_SCATTERED}",
           {}, {"place": [0, 1, 2, 4, 5, 6] * 2}),
    Sample("g: f32[2,2], place: i64[2,2]", f"f32[3,3] = window_scatter(g, place, spatial=[3, 3], {_SCATTERED}",
           {}, {"place": [4, 4, -1, 4]}),
    Sample("g: f32[0,2,2], place: i64[0,2,2]", f"f32[0,3,3] = window_scatter(g, place, spatial=[3, 3], {_SCATTERED}"),
    Sample("g: f32[n,2], place: i64[n,2], x: f32[n,m]",
           "f32[n,m] = window_scatter(g, place, spatial=[m], window=[2], stride=[2], padding=[0], dilation=[1])",
           {"n": 2, "m": 4}, {"place": [0, 3, 1, 2]}),
    Sample("x: f32[5,2], index: i64[3,2]", "f32[3,2] = gather(x, index, axis=0)", {}, {"index": between(0, 5)}),
    Sample("x: i64[2,5], index: i64[2,1]", "i64[2,1] = gather(x, index, axis=1)", {}, {"index": between(0, 5)}),
    Sample("x: f32[n,4], index: i64[n,m]", "f32[n,m] = gather(x, index, axis=1)", {"n": 2, "m": 6},
           {"index": between(0, 4)}),
    Sample("x: f32[3], index: i64[0]", "f32[0] = gather(x, index, axis=0)"),
    Sample("x: f32[0,2], index: i64[0,2]", "f32[0,2] = gather(x, index, axis=0)"),
    Sample("x: f32[5,2], index: i64[4,2], value: f32[4,2]", "f32[5,2] = scatter_add(x, index, value, axis=0)", {},
           {"index": [0, 4, 4, 4, 0, 1, 4, 4]}),
    Sample("x: f32[n,4], index: i64[n,m], value: f32[n,m]", "f32[n,4] = scatter_add(x, index, value, axis=1)",
           {"n": 2, "m": 6}, {"index": between(0, 4)}),
    Sample("x: i64[3], index: i64[0], value: i64[0]", "i64[3] = scatter_add(x, index, value, axis=0)"),
    Sample("x: f16[3], index: i64[5], value: f16[5]", "f16[3] = scatter_add(x, index, value, axis=0)", {},
           {"index": between(0, 3)}),
    Sample("index: i64[2,3]", "i64[2,3] = index(index, bound=4)", {}, {"index": between(-4, 4)}),
    Sample("index: i64[n], x: f32[m]", "i64[n] = index(index, bound=m)", {"n": 3, "m": 2}, {"index": [-2, 1, -1]}),
    Sample("index: i64[0]", "i64[0] = index(index, bound=0)"),
    Sample("x: i64[n]", 'i64[n] = ensure(x, bound=2, fact="no")', {"n": 3}, {"x": [1, 1, 1]}),
    *[sample for name in ("scatter", "scatter_mul", "scatter_max", "scatter_min") for sample in _writing(name)],
    Sample("x: f32[3], index: i64[4], value: f32[4]", "f32[3] = scatter_max(x, index, value, axis=0)", {},
           {"index": [0, 0, 1, 1], "x": [_NAN, -_INF, 0], "value": [1, 2, -_INF, _NAN]}, False),
    Sample("x: bool[3], index: i64[4], value: bool[4]", "bool[3] = scatter(x, index, value, axis=0)", {},
           {"index": between(0, 3)}),
]  # fmt: skip
