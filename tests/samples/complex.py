"""Samples of complex numbers: their parts, arithmetic, functions, and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.elementwise import COMPLEX, unary
from tests.samples.sample import Array, ErrorSample, Sample


def around(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Numbers of all angles, neither small nor on the negative real axis, where log and sqrt have their cut."""
    size, angle = rng.uniform(0.3, 3, shape), rng.uniform(-3, 3, shape)
    return np.asarray(size * np.exp(1j * angle), dtype)


_TRANSFORMS = [
    Sample(f"x: {dtype}[{shape}]", f"{dtype}[{shape}] = {name}(x, axes=[{axes}])", sizes)
    for name in ("fourier", "inverse_fourier")
    for dtype, shape, axes, sizes in (
        ("c128", "5", "0", {}), ("c64", "2,n", "1", {"n": 6}), ("c128", "3,4", "0, 1", {}), ("c128", "0,3", "1", {}),
    )
]  # fmt: skip

SAMPLES = [
    *[sample for name in ("exp", "log", "sqrt", "tanh", "conj") for sample in unary(name, COMPLEX, around)],
    *[Sample(f"x: {dtype}[4]", f"{part}[4] = abs(x)", {}, {"x": around})
      for dtype, part in (("c64", "f32"), ("c128", "f64"))],
    *[Sample(f"x: {dtype}[{shape}]", f"{part}[{shape}{',' if shape else ''}2] = view_as_real(x)", sizes)
      for dtype, part, shape, sizes in (
        ("c64", "f32", "3", {}), ("c128", "f64", "", {}), ("c128", "f64", "n,2", {"n": 2}), ("c64", "f32", "0", {}))],
    *[Sample(f"x: {part}[{shape}{',' if shape else ''}2]", f"{dtype}[{shape}] = view_as_complex(x)", sizes)
      for dtype, part, shape, sizes in (
        ("c64", "f32", "3", {}), ("c128", "f64", "", {}), ("c128", "f64", "n,2", {"n": 2}), ("c64", "f32", "0", {}))],
    Sample("x: c128[3,4], y: c128[4,2]", 'c128[3,2] = matmul(x, y, order="chain")'),
    Sample("x: c64[2,3,4], y: c64[2,4,2]", 'c64[2,3,2] = matmul(x, y, order="dot")'),
    Sample("x: c128[1,2,5], w: c128[3,2,2]",
           "c128[1,3,4] = conv(x, w, stride=[1], padding=[0], dilation=[1], groups=1)"),
    Sample("x: c128[3,4]", "c128[3] = sum(x, axes=[1])"),
    Sample("x: c128[3,4]", "c128[3,4] = cumsum(x, axis=1, reverse=false)"),
    Sample("x: c128[3,4]", "c128[4,3] = permute(x, axes=[1, 0])"),
    Sample("x: c128[3,4]", "c128[2,6] = reshape(x, shape=[2, 6])"),
    Sample("x: c128[3,1]", "c128[3,4] = expand(x, shape=[3, 4])"),
    Sample("x: c128[5]", "c128[2] = slice(x, starts=[3], sizes=[2], steps=[-2])"),
    Sample("x: c128[5], v: c128[]", "c128[8] = pad(x, v, low=[1], high=[2])"),
    Sample("x: c128[2], y: c128[3]", "c128[5] = concat(x, y, axis=0)"),
    Sample("x: c128[5], y: c128[2]", "c128[5] = update(x, y, starts=[1], steps=[2])"),
    Sample("x: c128[3,2], index: i64[2,2]", "c128[2,2] = gather(x, index, axis=0)", values={"index": [0, 2, 2, 2]}),
    Sample("x: c128[3], index: i64[4], value: c128[4]", "c128[3] = scatter_add(x, index, value, axis=0)",
           values={"index": [0, 2, 2, 1]}),
    Sample("", "c64[2] = constant(value=complex(1.5, -2.0))"),
    *_TRANSFORMS,
    *[Sample(f"x: {dtype}[{shape}]", f"{made}[{result}] = half_fourier(x, axis={axis})", sizes)
      for dtype, made, shape, result, axis, sizes in (
        ("f64", "c128", "6", "4", 0, {}), ("f64", "c128", "5,2", "3,2", 0, {}),
        ("f32", "c64", "2,n", "2,n//2+1", 1, {"n": 8}), ("f64", "c128", "1", "1", 0, {}))],
    *[Sample(f"x: {dtype}[{shape}]", f"{made}[{result}] = from_half_fourier(x, axis={axis}, size={size})")
      for dtype, made, shape, result, axis, size in (
        ("c128", "f64", "4", "6", 0, 6), ("c128", "f64", "3,2", "5,2", 0, 5), ("c64", "f32", "2,5", "2,8", 1, 8),
        ("c128", "f64", "1", "1", 0, 1))],
]  # fmt: skip

ERRORS = [
    ErrorSample("x: f32[3]", "conj(x)", "conj: is not defined for f32"),
    ErrorSample("x: f32[3]", "view_as_real(x)", "view_as_real: is not defined for f32"),
    ErrorSample("x: f16[3,2]", "view_as_complex(x)", "view_as_complex: is not defined for f16"),
    ErrorSample("x: f32[2,3]", "view_as_complex(x)",
                "view_as_complex: the last axis of f32[2,3] does not hold the two parts of a complex number"),
    *[ErrorSample("x: f32[3]", f"{name}(x, axes=[0])", f"{name}: is not defined for f32")
      for name in ("fourier", "inverse_fourier")],
    ErrorSample("x: c64[3,2]", "fourier(x, axes=[1, 1])",
                "fourier: axes [1, 1] are not distinct, ascending axes of c64[3,2]"),
    ErrorSample("x: c64[0]", "fourier(x, axes=[0])", "fourier: no frequencies in an axis without elements of c64[0]"),
    ErrorSample("x: c64[3]", "half_fourier(x, axis=0)", "half_fourier: is not defined for c64"),
    ErrorSample("x: f32[3]", "from_half_fourier(x, axis=0, size=4)", "from_half_fourier: is not defined for f32"),
    ErrorSample("x: c64[3]", "from_half_fourier(x, axis=0, size=8)",
                "from_half_fourier: 8 real numbers do not have the 3 frequencies along axis 0 of c64[3]"),
]  # fmt: skip
