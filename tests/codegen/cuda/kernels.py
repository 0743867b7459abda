"""Kernels over one axis, written by hand, for tests of the CUDA text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brasa.ir.dtype import DType
from brasa.ir.kernel import Expr, Kernel
from brasa.ir.kernel_builder import KernelBuilder


def elementwise(name: str, dtypes: Sequence[DType], compute: Callable[..., Expr]) -> Kernel:
    """out[i] = compute(x0[i], x1[i], ...), one element per thread."""
    builder = KernelBuilder(name)
    sources = [builder.buffer(f"x{number}", dtype, "in") for number, dtype in enumerate(dtypes)]
    n = builder.size("n")
    with builder.loop("block", (n + 63) // 64, "block") as block, builder.loop("thread", 64, "thread") as thread:
        i = builder.let("i", block * 64 + thread)
        with builder.when(i < n):
            value = compute(*(source.load(i) for source in sources))
            builder.store(builder.buffer("out", value.dtype, "out"), i, value)
    return builder.finish()
