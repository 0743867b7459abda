"""The grids of kernels for a GPU: extents at given sizes, nests of loops, names of functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from brasa.ir.dtype import float32
from brasa.ir.errors import GraphError
from brasa.ir.grid import evaluate_extent, function_name, kernel_grid, loop_nests
from brasa.ir.kernel import Expr, Kernel, LoopKind, maximum, minimum
from brasa.ir.kernel_builder import KernelBuilder


def kernel(*loops: tuple[LoopKind, Callable[[Expr], Expr | int]], twice: bool = False) -> Kernel:
    """A kernel of one nest of loops, whose extents are made from its size n; `twice`: the innermost loop two times."""
    builder = KernelBuilder("k")
    out, n = builder.buffer("out", float32, "out"), builder.size("n")

    def write(number: int) -> None:
        if number == len(loops):
            builder.store(out, 0, 1)
            return
        kind, extent = loops[number]
        for _ in range(1 + (twice and number + 1 == len(loops))):
            with builder.loop("i", extent(n), kind):
                write(number + 1)

    write(0)
    return builder.finish()


THREADS: tuple[LoopKind, Callable[[Expr], int]] = ("thread", lambda n: 32)


@pytest.mark.parametrize(
    ("extents", "blocks"),
    [
        ((lambda n: (n + 63) // 64,), 16),
        ((lambda n: n % 7, lambda n: 3, lambda n: minimum(n, 5), lambda n: 2), 6 * 3 * 5 * 2),
        ((lambda n: maximum(n - 2000, 1) * 4,), 4),
        ((lambda n: 5, lambda n: 7), 35),
        ((), 1),
    ],
)
def test_blocks(extents: tuple[Callable[[Expr], Expr | int], ...], blocks: int) -> None:
    grid = kernel_grid(kernel(*(("block", extent) for extent in extents), THREADS))
    assert evaluate_extent(grid.blocks, {"n": 1000}) == blocks
    assert grid.threads == 32


def test_threads_are_multiplied() -> None:
    made = kernel(("block", lambda n: n), ("thread", lambda n: 4), ("serial", lambda n: n), THREADS, twice=True)
    assert kernel_grid(made).threads == 128
    assert [len(nest) for nest in loop_nests(made.body, "thread")] == [2, 2]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (kernel(THREADS, ("block", lambda n: n), twice=True), "has 2 nests of block loops, 1 of thread loops"),
        (kernel(("block", lambda n: n)), "has 1 nests of block loops, 0 of thread loops"),
        (kernel(("thread", lambda n: n)), "the extent of a thread loop is not a constant"),
    ],
)
def test_loops_that_make_no_grid(made: Kernel, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        kernel_grid(made)


def test_function_names_are_free() -> None:
    assert function_name(replace(kernel(THREADS), name="model.exp")) == "model_exp_kernel"
