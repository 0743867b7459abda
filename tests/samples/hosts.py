"""Samples of what NumPy computes between kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brasa.ir.ops.library import OPERATORS, Operator
from tests.samples.sample import Array, ErrorSample, Sample, between


def positive(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Positive-definite matrices, not symmetric ones."""
    return np.asarray(rng.normal(size=shape) + 3 * shape[-1] * np.eye(shape[-1]), dtype)


def spread(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Matrices whose singular values lie apart."""
    x = rng.normal(size=shape) / 8
    count = min(shape[-2:])
    x[..., range(count), range(count)] += np.arange(1, count + 1)
    return np.asarray(x, dtype)


def _symmetric(dtype: str, shape: str, results: str, name: str, sizes: Mapping[str, int], options: str = ""
) -> Sample:  # fmt: skip
    """An op of symmetric matrices, which reads one triangle, and whose gradient is symmetric."""
    axes = list(range(shape.count(",") + 1))
    turned = f"{dtype}[{shape}] = permute(x, axes={[*axes[:-2], axes[-1], axes[-2]]})"
    both = f"{turned}\n{dtype}[{shape}] = add(x, %0)"
    return Sample(f"x: {dtype}[{shape}]", f"{results} = {name}(%1{options})", sizes, {"x": positive}, before=both)


def _of_matrices(name: str, results: str, *, tall: bool = True, options: str = "", smooth: bool = True) -> list[Sample]:
    """A factorization of square matrices, of batches of them and of tall ones. results: with d, batch, m, n, k."""
    found = []
    for dtype, batch, m, n, sizes in (
        ("f32", "", "3", "3", {}), ("f64", "2", "n", "n", {"n": 4}), ("f64", "0", "2", "2", {}),
        ("f64", "2", "0", "0", {}), ("f64", "", "4", "2", {}), ("f32", "2", "m", "n", {"m": 5, "n": 3}),
    ):  # fmt: skip
        if m != n and not tall:
            continue
        shaped = {"d": dtype, "b": f"{batch}," if batch else "", "batch": batch, "m": m, "n": n}
        made = results.format(**shaped)
        call = f"{made} = {name}(x{', ' if options else ''}{options})"
        values = {"x": spread}
        found.append(Sample("x: {d}[{b}{m},{n}]".format(**shaped), call, sizes, values, smooth=smooth))
    return found


def _halves(arrays: Sequence[Array], arguments: str) -> list[Array]:
    """What the operator of the samples computes."""
    return [arrays[0] / 2, arrays[0].sum(-1)]


OPERATORS["samples::halves"] = Operator(_halves, _halves)
_LIBRARY = 'library(x, name="samples::halves", arguments="[]")'
_REASON = 'caller="inv", reason="bad"'

SAMPLES = [
    *[_symmetric(dtype, shape, f"({dtype}[{shape}], i32[{batch}])", "cholesky", sizes)
      for dtype, shape, batch, sizes in (
        ("f32", "3,3", "", {}), ("f64", "2,n,n", "2", {"n": 4}), ("f32", "0,3,3", "0", {}), ("f64", "2,0,0", "2", {}))],
    *[_symmetric(dtype, shape, f"({dtype}[{vector}], {dtype}[{shape}])", "eigh", sizes, f", upper={upper}")
      for dtype, shape, vector, sizes in (
        ("f32", "3,3", "3", {}), ("f64", "2,n,n", "2,n", {"n": 4}), ("f32", "0,3,3", "0,3", {}))
      for upper in ("false", "true")],
    *_of_matrices("lu", "({d}[{b}{m},{n}], i32[{b}{n}], i32[{batch}])"),
    *_of_matrices("qr", "({d}[{b}{m},{n}], {d}[{b}{n},{n}])", options="complete=false"),
    *_of_matrices("qr", "({d}[{b}{m},{m}], {d}[{b}{m},{n}])", options="complete=true", smooth=False),
    *_of_matrices("reflectors", "({d}[{b}{m},{n}], {d}[{b}{n}])"),
    *_of_matrices("svd", "({d}[{b}{m},{n}], {d}[{b}{n}], {d}[{b}{n},{n}])", options="full=false"),
    *_of_matrices("svd", "({d}[{b}{m},{m}], {d}[{b}{n}], {d}[{b}{n},{n}])", options="full=true", smooth=False),
    *[Sample(f"a: {dtype}[{batch}{n},{n}], b: {dtype}[{batch}{n},2]",
             f"{dtype}[{batch}{n},2] = solve_triangular(a, b, upper={upper})", {}, {"a": spread})
      for dtype, batch, n in (("f32", "", "3"), ("f64", "2,", "4"), ("f64", "0,", "2"), ("f64", "", "40"),
                              ("f64", "", "0"))
      for upper in ("false", "true")],
    Sample("x: f32[3,3]", "(c64[3], c64[3,3]) = eig(x)", {}, {"x": spread}),
    Sample("x: c128[2,n,n]", "(c128[2,n], c128[2,n,n]) = eig(x)", {"n": 3}, {"x": spread}),
    *[Sample(f"x: {dtype}[{shape}], least: {dtype}[{batch}]",
             f"{dtype}[{result}] = pinv(x, least, hermitian=false)", {}, {"x": spread, "least": between(0, 0.01)})
      for dtype, shape, batch, result in (("f32", "3,2", "", "2,3"), ("f64", "2,3,4", "2", "2,4,3"),
                                          ("f64", "4,4", "", "4,4"), ("f64", "0,2", "", "2,0"))],
    *[Sample(f"x: {dtype}[{shape}]", f"{dtype}[{shape}] = matrix_exp(x)", sizes)
      for dtype, shape, sizes in (("f32", "3,3", {}), ("f64", "2,n,n", {"n": 4}), ("f64", "0,2,2", {}),
                                  ("f64", "2,0,0", {}))],
    Sample("pivots: i32[2,3]", "(i64[2,4], i64[2,4]) = permutation(pivots, rows=4)", {},
           {"pivots": [[3, 2, 4], [1, 3, 3]]}),
    Sample("pivots: i32[n]", "(i64[n*2], i64[n*2]) = permutation(pivots, rows=n*2)", {"n": 2}, {"pivots": [4, 4]}),
    Sample("x: f32[2,3]", f"(f32[2,3], f32[2]) = {_LIBRARY}"),
    Sample("x: f64[n,2]", f"(f64[n,2], f64[n]) = {_LIBRARY}", {"n": 3}),
    Sample("x: f32[2,3], info: i32[2]", f"f32[2,3] = require(x, info, {_REASON})", {}, {"info": [0, 0]}),
]  # fmt: skip
_WIDE = "x is f32[2,3], whose matrices have more columns than rows"
ERRORS = [
    *[ErrorSample("x: f32[2,3]", f"{op}(x{options})", f"{op}: x is f32[2,3], whose matrices are not square")
      for op, options in (("cholesky", ""), ("eigh", ", upper=true"), ("eig", ""), ("matrix_exp", ""))],
    *[ErrorSample("x: f32[3]", f"{op}(x)", f"{op}: x is f32[3], which has fewer than two axes")
      for op in ("cholesky", "eig", "lu", "reflectors", "matrix_exp")],
    *[ErrorSample("x: f32[2,3]", f"{op}(x{options})", f"{op}: {_WIDE}")
      for op, options in (("lu", ""), ("reflectors", ""), ("qr", ", complete=true"), ("svd", ", full=true"))],
    ErrorSample("x: f16[3,3]", "cholesky(x)", "cholesky: is not defined for f16"),
    ErrorSample("a: f32[3,3], b: f64[3,3]", "solve_triangular(a, b, upper=true)",
                "solve_triangular: b is f64, a is f32"),
    ErrorSample("a: f32[3,3], b: f32[2,3]", "solve_triangular(a, b, upper=true)",
                "solve_triangular: a is f32[3,3], b is f32[2,3]: they may differ in the last axis only"),
    ErrorSample("a: f32[2,3], b: f32[2,3]", "solve_triangular(a, b, upper=true)",
                "solve_triangular: a is f32[2,3], whose matrices are not square"),
    ErrorSample("x: f32[2,3], least: f32[1]", "pinv(x, least, hermitian=true)",
                "pinv: x is f32[2,3], whose matrices are not square"),
    ErrorSample("x: f32[2,3], least: f32[1]", "pinv(x, least, hermitian=false)",
                "pinv: least is f32[1], x is f32[2,3]: there must be a real number for each matrix"),
    ErrorSample("pivots: i64[3]", "permutation(pivots, rows=3)", "permutation: pivots are i64[3], not i32 vectors"),
    ErrorSample("x: f32[2]", 'library(x, name="a::b", arguments="[]")', "library: the operator a::b is not defined"),
    ErrorSample("x: f32[2], info: f32[2]", f"require(x, info, {_REASON})", "require: info is f32, not an integer"),
]  # fmt: skip
