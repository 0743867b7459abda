"""Samples of sums of products."""

from __future__ import annotations

from tests.samples.sample import Sample

_PLAIN = "stride=[1, 1], padding=[0, 0], dilation=[1, 1], groups=1"
_ALL = "stride=[2, 1], padding=[1, 2], dilation=[1, 2], groups=2"
_LINE = "stride=[2], padding=[1], dilation=[1], groups=1"
_CUBE = "stride=[1, 2, 1], padding=[0, 1, 0], dilation=[1, 1, 1], groups=1"


def _convolutions(
    dtype: str, x: str, w: str, g: str, options: str, sizes: dict[str, int] | None = None
) -> list[Sample]:
    """One convolution and its two gradients."""
    spatial, window = ", ".join(x.split(",")[2:]), ", ".join(w.split(",")[2:])
    named, xs, ws, gs = sizes or {}, f"x: {dtype}[{x}]", f"w: {dtype}[{w}]", f"g: {dtype}[{g}]"
    return [
        Sample(f"{xs}, {ws}", f"{dtype}[{g}] = conv(x, w, {options})", named),
        Sample(f"{gs}, {ws}", f"{dtype}[{x}] = conv_input_grad(g, w, spatial=[{spatial}], {options})", named),
        Sample(f"{xs}, {gs}", f"{dtype}[{w}] = conv_weight_grad(x, g, window=[{window}], {options})", named),
    ]


SAMPLES = [
    *[Sample(f"x: {dtype}[3,4], y: {dtype}[4,2]", f'{dtype}[3,2] = matmul(x, y, order="{order}")')
      for dtype in ("f32", "f64", "f16", "bf16", "i32", "i64", "c64") for order in ("chain", "dot")],
    Sample("x: f32[n,5], y: f32[5,m]", 'f32[n,m] = matmul(x, y, order="chain")', {"n": 4, "m": 3}),
    Sample("x: f32[2,1,n,3], y: f32[2,1,3,2]", 'f32[2,1,n,2] = matmul(x, y, order="dot")', {"n": 1}),
    Sample("x: f32[3,0], y: f32[0,2]", 'f32[3,2] = matmul(x, y, order="chain")'),
    Sample("x: f32[0,3], y: f32[3,2]", 'f32[0,2] = matmul(x, y, order="dot")'),
    Sample("x: f32[1,1], y: f32[1,1]", 'f32[1,1] = matmul(x, y, order="chain")'),
    *_convolutions("f32", "2,3,5,6", "4,3,3,2", "2,4,3,5", _PLAIN),
    *_convolutions("f32", "2,4,5,6", "6,2,3,3", "2,6,3,6", _ALL),
    *_convolutions("f32", "1,1,1,1", "1,1,1,1", "1,1,1,1", _PLAIN),
    *_convolutions("f32", "0,3,4,4", "2,3,2,2", "0,2,3,3", _PLAIN),
    *_convolutions("f32", "n,3,h,6", "4,3,3,2", "n,4,h-2,5", _PLAIN, {"n": 2, "h": 4})[::2],
    *_convolutions("f32", "n,3,h+2,6", "4,3,3,2", "n,4,h,5", _PLAIN, {"n": 2, "h": 2})[1:2],
    *_convolutions("f32", "n,2,h", "3,2,3", "n,3,(h-1)//2+1", _LINE, {"n": 2, "h": 6})[::2],
    *_convolutions("f32", "n,2,h*2", "3,2,3", "n,3,h", _LINE, {"n": 2, "h": 3})[1:2],
    *_convolutions("f32", "1,2,3,4,3", "2,2,2,3,1", "1,2,2,2,3", _CUBE),
    *[sample for dtype in ("f64", "f16", "bf16", "i32")
      for sample in _convolutions(dtype, "2,3,5,6", "4,3,3,2", "2,4,3,5", _PLAIN)],
]  # fmt: skip
