"""Runs scalar functions as machine code and measures them in units in the last place against better arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import mpmath
import numpy as np

from brasa.ir import mathematics
from brasa.ir.dtype import DType, float32, float64
from brasa.ir.kernel import Kernel, Recurrence
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.native import Native, program_of

Array: TypeAlias = np.ndarray[Any, Any]

UNARY = (
    "exp", "expm1", "tanh", "log", "log1p", "sin", "cos", "erf", "exp2", "log2", "log10", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "asinh", "acosh", "atanh",
)  # fmt: skip
BINARY = ("power", "remainder", "floor_divide", "atan2", "hypot")
REPEATED = (
    "zeta", "igamma", "igammac", "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
    "chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
)  # fmt: skip
DTYPES = {"f32": float32, "f64": float64}
LIMIT = 2.0

_DIGITS = 200  # bits; sin of the largest f64 needs its own


def kernel_of(name: str, dtype: DType) -> Kernel:
    """The function over a vector loop."""
    builder = KernelBuilder(name)
    operands = [builder.buffer(each, dtype, "in") for each in ("x", "y")[: 1 + (name in (*BINARY, *REPEATED))]]
    result = builder.buffer("result", dtype, "out")
    with builder.loop("i", builder.size("n"), "vector") as i:
        value = getattr(mathematics, name)(*(operand.load(i) for operand in operands))
        builder.store(result, i, builder.repeat(value) if isinstance(value, Recurrence) else value)
    return builder.finish()


@cache
def machine(name: str, dtype: DType, speed: int = 3) -> Native:
    """The function as machine code."""
    return Native(program_of(kernel_of(name, dtype)), speed)


def apply(name: str, dtype: DType, *operands: Array, speed: int = 3) -> Array:
    """The function of arrays."""
    given = [np.ascontiguousarray(operand, dtype.numpy) for operand in operands]
    arrays = {"x": given[0], "y": given[-1], "result": np.empty_like(given[0])}
    if name not in (*BINARY, *REPEATED):
        del arrays["y"]
    assert machine(name, dtype, speed).run(arrays, {"n": given[0].size}) == 0
    return arrays["result"]


_ERF = np.frompyfunc(math.erf, 1, 1)
_IN_DOUBLE: dict[str, Callable[..., Any]] = {
    "power": np.power, "erf": lambda x: _ERF(x).astype(np.float64), "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
}  # fmt: skip
_EXACTLY: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x, 2), "log10": lambda x: mpmath.log(x, 10),
}  # fmt: skip


def in_double(name: str, *operands: Array) -> Array:
    """The function of f32 arrays, in double precision."""
    with np.errstate(all="ignore"):
        return np.asarray(
            _IN_DOUBLE.get(name, getattr(np, name, None))(*(each.astype(np.float64) for each in operands))
        )


def errors_in_double(got: Array, exact: Array) -> Array:
    """How many units in the last place of f32 the results are off; infinite where a special value is wrong."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(np.float32)
        unit = np.maximum(np.spacing(np.abs(np.where(np.isfinite(nearest), nearest, 1))), np.float32(2.0**-149))
        unit = np.where(np.isinf(nearest), 2.0**104, unit.astype(np.float64))
        clipped = np.where(np.isinf(got) & np.isfinite(exact), np.copysign(2.0**128, got), got.astype(np.float64))
        off = np.abs(clipped - exact) / unit
        same = (got == nearest) | (np.isnan(got) & np.isnan(nearest))
        return np.where(same & ~np.isfinite(off), 0.0, np.where(np.isnan(off), np.inf, off))


def error_exactly(name: str, got: float, *operands: float) -> float:
    """How many units in the last place of f64 one finite result is off."""
    with mpmath.workprec(1400 if name in ("sin", "cos", "tan") else _DIGITS):
        given = [mpmath.mpf(each) for each in operands]
        exact = _EXACTLY.get(name, getattr(mpmath, name, None))(*given)
        beyond = mpmath.mpf(2) ** 1024
        if abs(exact) >= beyond and math.isinf(got) and exact * got > 0:
            return 0.0
        unit = math.ulp(float(exact)) if abs(exact) < beyond else 2.0**971
        reached = mpmath.mpf(got) if math.isfinite(got) else mpmath.sign(got) * beyond
        return float(abs(reached - exact) / unit)


def points(dtype: DType, count: int, *ranges: tuple[float, float]) -> Array:
    """The same points every time: a quarter of random bits, the rest from the ranges, in even parts."""
    rng = np.random.default_rng(20240501)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    quarter = count // 4
    bits = rng.integers(0, 1 << dtype.bits, quarter, dtype=unsigned).view(dtype.numpy)
    parts: list[Array] = [bits]
    for low, high in ranges:
        parts.append(rng.uniform(low, high, (count - quarter) // len(ranges)).astype(dtype.numpy))
    return np.concatenate(parts)


def worst(values: Sequence[float] | Array) -> float:
    """The largest error."""
    return float(np.max(values))
