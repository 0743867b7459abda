"""Samples of what NumPy computes between kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.sample import Array, ErrorSample, Sample


def positive(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Symmetric positive-definite matrices."""
    x = rng.normal(size=shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1]), dtype)


_CHOLESKY = [
    Sample(f"x: {dtype}[{shape}]", f"({dtype}[{shape}], i32[{batch}]) = cholesky(x)", sizes, {"x": positive})
    for dtype, shape, batch, sizes in (
        ("f32", "3,3", "", {}), ("f64", "2,n,n", "2", {"n": 4}), ("f32", "0,3,3", "0", {}), ("f64", "2,0,0", "2", {}),
    )
]  # fmt: skip
_REASON = 'caller="inv", reason="bad"'

SAMPLES = [
    *_CHOLESKY,
    Sample("x: f32[2,3], info: i32[2]", f"f32[2,3] = require(x, info, {_REASON})", {}, {"info": [0, 0]}),
]
ERRORS = [
    ErrorSample("x: f32[2,3]", "cholesky(x)", "cholesky: x is f32[2,3], whose matrices are not square"),
    ErrorSample("x: f32[3]", "cholesky(x)", "cholesky: x is f32[3], which has fewer than two axes"),
    ErrorSample("x: f16[3,3]", "cholesky(x)", "cholesky: is not defined for f16"),
    ErrorSample("x: f32[2], info: f32[2]", f"require(x, info, {_REASON})", "require: info is f32, not an integer"),
]
