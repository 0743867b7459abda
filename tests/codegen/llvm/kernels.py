"""Small kernels, values at the edges of every dtype, and the comparison with the interpreter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from brasa.ir.dtype import DType
from brasa.ir.kernel import Expr, Kernel, LoopKind
from brasa.ir.kernel_builder import KernelBuilder
from tests.codegen.llvm.native import run
from tests.kernel_interpreter import run_kernel

Array = np.ndarray[Any, Any]


def elementwise(dtypes: Sequence[DType], compute: Callable[..., Expr], kind: LoopKind = "vector") -> Kernel:
    """out[i] = compute(x0[i], x1[i], ...)."""
    builder = KernelBuilder("elementwise")
    sources = [builder.buffer(f"x{number}", dtype, "in") for number, dtype in enumerate(dtypes)]
    n = builder.size("n")
    with builder.loop("i", n, kind) as i:
        value = compute(*(source.load(i) for source in sources))
        builder.store(builder.buffer("out", value.dtype, "out"), i, value)
    return builder.finish()


def edge_values(dtype: DType) -> list[float | int | bool]:
    """Zeros, ones, extremes, ties, and (of floats) infinities, NaN and denormals."""
    if dtype.kind == "bool":
        return [False, True]
    if dtype.kind == "float":
        info = {"f16": (11, -14, 15), "bf16": (8, -126, 127), "f32": (24, -126, 127), "f64": (53, -1022, 1023)}
        digits, low, high = info[dtype.name]
        top = (2.0 - 2.0 ** (1 - digits)) * 2.0**high
        size = [0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 127.5, 255.5, 1000.0, 2.0**15, 2.0**31, 2.0**32, 2.0**63, 2.0**64,
                2.0**low, 2.0 ** (low + 1 - digits), top, 1 + 2.0 ** (1 - digits), math.inf]  # fmt: skip
        size = [each for each in size if each <= top or each == math.inf]
        return [*size, *(-each for each in size), math.nan]
    low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    high = low + (1 << dtype.bits) - 1
    return sorted({low, low + 1, high, high - 1, 0, 1, 2, 3, 5, 7, 8, 31, 32, 63, 64, 100, max(low, -1), max(low, -7)})


def pairs(dtype: DType, other: DType | None = None) -> tuple[Array, Array]:
    """Every pair of edge values, in two arrays."""
    left, right = edge_values(dtype), edge_values(other or dtype)
    every = [(x, y) for x in left for y in right]
    return np.array([x for x, _ in every], dtype.numpy), np.array([y for _, y in every], (other or dtype).numpy)


def assert_same(have: Array, want: Array) -> None:
    """The same bits; any NaN for a NaN."""
    assert have.dtype == want.dtype
    bits = f"u{have.dtype.itemsize}"
    same = have.view(bits) == want.view(bits)
    if have.dtype.kind in "fV":
        with np.errstate(invalid="ignore"):  # of signalling NaNs
            same |= np.isnan(have.astype(np.float64)) & np.isnan(want.astype(np.float64))
    bad = np.flatnonzero(~same)
    assert not bad.size, f"element {bad[0]}: {have.flat[bad[0]]!r}, not {want.flat[bad[0]]!r} ({bad.size} differ)"


def assert_agrees(kernel: Kernel, arrays: Mapping[str, Array], speeds: Sequence[int] = (0, 3), **sizes: int) -> None:
    """Machine code leaves the same memory as the interpreter, and reports the same first failed check."""
    expected = {name: array.copy() for name, array in arrays.items()}
    failed = run_kernel(kernel, expected, sizes)
    for speed in speeds:
        found = {name: array.copy() for name, array in arrays.items()}
        status = run(kernel, found, speed, **sizes)
        assert status == (1 + min(failed) if failed else 0)
        for name in arrays:
            assert_same(found[name], expected[name])


def apply_elementwise(dtypes: Sequence[DType], compute: Callable[..., Expr], *arrays: Array) -> None:
    """Compare an elementwise kernel with the interpreter, lane by lane and as vectors."""
    kinds: tuple[LoopKind, ...] = ("serial", "vector")
    for kind in kinds:
        kernel = elementwise(dtypes, compute, kind)
        n = arrays[0].size
        given = {f"x{number}": array for number, array in enumerate(arrays)}
        out = np.zeros(n, kernel.buffers[-1].dtype.numpy)
        assert_agrees(kernel, {**given, "out": out}, n=n)
