"""Kernels for a GPU, written by hand, that between them hold every statement of the kernel language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brasa.ir.dtype import DType, bool_, float32, int64
from brasa.ir.kernel import Buffer, Expr, For, If, Kernel, Store, const, eq, fma
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


def reverse_tiles() -> Kernel:
    """Each tile of 64 elements turned round in shared memory, with zeros for what the last tile lacks."""
    builder = KernelBuilder("reverse_tiles")
    x, out, n = builder.buffer("x", float32, "in"), builder.buffer("out", float32, "out"), builder.size("n")
    tile = builder.buffer("tile", float32, "shared", 64)
    with builder.loop("block", (n + 63) // 64, "block") as block:
        begin = builder.let("begin", block * 64)
        with builder.loop("row", 4, "thread") as row, builder.loop("column", 16, "thread") as column:
            place = builder.let("place", row * 16 + column)
            builder.store(tile, place, x.load(begin + place, begin + place < n))
            builder.barrier()
            builder.store(out, begin + place, tile.load(63 - place), begin + place < n)
    return builder.finish()


def sums_of_rows() -> Kernel:
    """For each row of x[rows, n * 4]: four interleaved chains of squares, added, in odd rows negated; and whether > 1.

    Check 1 fails in rows that begin with a negative element. `float` and `block` are no names for C++ variables.
    """
    builder = KernelBuilder("sums_of_rows")
    x, sums = builder.buffer("x", float32, "in"), builder.buffer("float", float32, "out")
    large = builder.buffer("large", bool_, "out")
    rows, n = builder.size("rows"), builder.size("n")
    with (
        builder.loop("pair", (rows + 1) // 2, "block") as pair,
        builder.loop("half", 2, "block") as half,
        builder.loop("thread", 1, "thread"),
    ):
        row = builder.let("row", pair * 2 + half)
        with builder.when(row < rows):
            builder.check(x.load(row * n * 4) >= 0, row, 1)
            chains = builder.local("chains", float32, 0, shape=(4,))
            with builder.loop("k", n) as k, builder.loop("chain", 4, "unrolled") as chain:
                value = builder.let("value", x.load((row * n + k) * 4 + chain))
                builder.assign(chains, fma(value, value, chains[chain]), (chain,))
            total = builder.local("total", float32, (chains[0] + chains[1]) + (chains[2] + chains[3]))
            with builder.when(eq(row % 2, 1)):
                builder.assign(total, -total.value)
            builder.store(sums, row, total.value)
            builder.store(large, row, total.value > 1)
    return builder.finish()


def distances() -> Kernel:
    """out[i] = x[i] - 5 if that is not negative, else 5 - x[i]: an `if` with two arms."""
    x, out = Buffer("x", int64, "in"), Buffer("out", int64, "out")
    n, i, thread = Expr("size", (), int64, 1, "n"), Expr("var", (), int64, 1, "i"), Expr("var", (), int64, 1, "thread")
    near, far = Store(out, i, 5 - x.load(i)), Store(out, i, x.load(i) - 5)
    arms = If(x.load(i) < 5, (near,), (far,))
    loops = For(i, n, "block", (For(thread, const(1, int64), "thread", (arms,)),))
    return Kernel("distances", (x, out), (n,), (loops,))


def prefixes() -> Kernel:
    """out[block, i] = x[0] + ... + x[i], by way of memory that each thread has for itself."""
    builder = KernelBuilder("prefixes")
    x, out = builder.buffer("x", int64, "in"), builder.buffer("out", int64, "out")
    own, n = builder.buffer("own", int64, "stack", 8), builder.size("n")
    with builder.loop("block", n, "block") as block, builder.loop("thread", 8, "thread") as thread:
        total = builder.local("total", int64, 0)
        with builder.loop("i", 8) as i:
            builder.assign(total, total.value + x.load(i))
            builder.store(own, i, total.value)
        builder.store(out, block * 8 + thread, own.load(thread))
    return builder.finish()
