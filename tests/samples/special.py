"""Samples of special functions: every float dtype, where they are smooth, and at their poles."""

from __future__ import annotations

import numpy as np

from tests.samples.elementwise import FLOATS
from tests.samples.sample import Draw, ErrorSample, Sample, between, special, usual

# Where each is smooth and its gradient not too large for finite differences.
RANGES: dict[str, Draw] = {
    "exp2": usual, "log2": between(0.5, 2), "log10": between(0.5, 2), "tan": between(-1, 1), "asin": between(-0.8,
    0.8), "acos": between(-0.8, 0.8), "atan": usual, "sinh": usual, "cosh": usual, "asinh": usual, "acosh":
    between(1.2, 3), "atanh": between(-0.8, 0.8), "erfc": usual, "erfcx": between(-1, 30), "erfinv": between(-0.9,
    0.9), "ndtri": between(0.1, 0.9), "lgamma": between(0.2, 9), "digamma": between(0.3, 9), "bessel_j0": between(-20,
    20), "bessel_j1": between(-20, 20), "bessel_y0": between(0.5, 20), "bessel_y1": between(0.5, 20), "bessel_i0":
    between(-9, 9), "bessel_i1": between(-9, 9), "bessel_i0e": between(0.1, 20), "bessel_i1e": between(-20, -0.1),
    "bessel_k0": between(0.5, 9), "bessel_k1": between(0.5, 9), "bessel_k0e": between(0.5, 20), "bessel_k1e":
    between(0.5, 20), "airy_ai": between(-8, 8),
}  # fmt: skip

# Where the definition in plain arithmetic is not good enough for the extreme values.
_NOT_EVERYWHERE = {"airy_ai", "tan", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "erfinv", "ndtri"}


POLYNOMIALS = (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
)  # fmt: skip


def _samples(op: str, draw: Draw) -> list[Sample]:
    made = [Sample("x: f64[n,m]", f"f64[n,m] = {op}(x)", {"n": 3, "m": 7}, {"x": draw})]
    made += [Sample(f"x: {each}[5]", f"{each}[5] = {op}(x)", {}, {"x": draw}) for each in FLOATS[1:]]
    if op not in _NOT_EVERYWHERE:
        made += [
            Sample(f"x: {each}[27]", f"{each}[27] = {op}(x)", {}, {"x": special}, False) for each in ("f64", "f32")
        ]
    return made


def _pairs(op: str, first: Draw, second: Draw) -> list[Sample]:
    return [
        Sample(f"x: {each}[2,5], y: {each}[2,5]", f"{each}[2,5] = {op}(x, y)", {}, {"x": first, "y": second})
        for each in FLOATS
    ]


SAMPLES = [
    *(sample for op, draw in RANGES.items() for sample in _samples(op, draw)),
    *_pairs("atan2", usual, usual), *_pairs("hypot", usual, usual),
    Sample("q: f64[4]", "f64[4] = zeta(%0, q)", {}, {"q": between(0.5, 9)}, before="f64[4] = constant(value=2.5)"),
    *(Sample(f"x: {each}[7], n: {each}[7]", f"{each}[7] = {op}(x, n)",
             {}, {"x": between(-1, 2), "n": [0, 1, 2, 3, 7, -1, 10]})
      for op in POLYNOMIALS for each in FLOATS),
    *(Sample("x: f64[12]", f"f64[12] = {op}(%0, x)", {}, {"x": between(0.5, 9)}, before="f64[12] = constant(value=2.5)")
      for op in ("igamma", "igammac")),
    *(Sample(f"a: {each}[9], x: {each}[9]", f"{each}[9] = {op}(a, x)",
             {}, {"a": [0.5, 3, 20, 20, 50, 7, 0, 2, -1], "x": [0.1, 2, 8, 40, 50, 0, 1, np.inf, 1]}, False)
      for op in ("igamma", "igammac") for each in FLOATS),
    *(Sample(f"s: {each}[8], q: {each}[8]", f"{each}[8] = zeta(s, q)",
             {}, {"s": [2, 3, 4, 2, 2, 1, 0.5, 1.5], "q": [0.5, -1.5, -2.5, -12.5, 0, 1, 1, 100]}, False)
      for each in FLOATS),
]  # fmt: skip
ERRORS = [
    ErrorSample("x: i32[2]", 'ensure(x, bound=2, fact="no")', "ensure: index is i32, not i64"),
    *(ErrorSample("x: i32[2]", f"{op}(x)", f"{op}: is not defined for i32") for op in RANGES),
    *(ErrorSample("x: f32[2], y: f32[3]", f"{op}(x, y)", f"{op}: shapes differ, [2] and [3]")
      for op in ("atan2", "hypot", "zeta", "igamma", "igammac", *POLYNOMIALS)),
]  # fmt: skip
