"""How many blocks of how many threads a GPU runs a kernel in, as its block and thread loops say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from brasa.ir.dtype import int64
from brasa.ir.errors import GraphError
from brasa.ir.kernel import Expr, For, If, Kernel, LoopKind, Statement, const

_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": int.__add__, "sub": int.__sub__, "mul": int.__mul__, "quotient": int.__floordiv__,
    "modulo": int.__mod__, "minimum": min, "maximum": max,
}  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """blocks: an expression over the kernel's sizes."""

    blocks: Expr
    threads: int


def function_name(kernel: Kernel) -> str:
    """The name of the kernel's function on a GPU: one that no language or library has taken."""
    return re.sub(r"\W", "_", kernel.name) + "_kernel"


def kernel_grid(kernel: Kernel) -> Grid:
    """The grid in which every iteration of the kernel's block and thread loops runs once.

    Raises GraphError for a kernel whose loops do not make one grid.
    """
    blocks, threads = loop_nests(kernel.body, "block"), loop_nests(kernel.body, "thread")
    if len(blocks) > 1 or not threads:
        raise GraphError(f"kernel {kernel.name} has {len(blocks)} nests of block loops, {len(threads)} of thread loops")
    extents = [loop.extent for nest in threads for loop in nest]
    if any(extent.op != "const" for extent in extents):
        raise GraphError(f"kernel {kernel.name}: the extent of a thread loop is not a constant")
    counts = {prod(int(loop.extent.attr) for loop in nest) for nest in threads}
    if len(counts) != 1:
        raise GraphError(f"kernel {kernel.name} asks for {sorted(counts)} threads in turn")
    return Grid(total_extent(blocks[0] if blocks else ()), counts.pop())


def loop_nests(statements: Sequence[Statement], kind: LoopKind) -> list[tuple[For, ...]]:
    """The loops of that kind that stand inside each other, outermost first: one nest for each innermost loop."""
    found: list[tuple[For, ...]] = []
    for statement in statements:
        if isinstance(statement, If):
            found += loop_nests((*statement.then, *statement.orelse), kind)
        elif isinstance(statement, For):
            inner = loop_nests(statement.body, kind)
            found += [(statement, *nest) for nest in inner or [()]] if statement.kind == kind else inner
    return found


def total_extent(nest: Sequence[For]) -> Expr:
    """How often the innermost loop's body runs."""
    known = prod(int(loop.extent.attr) for loop in nest if loop.extent.op == "const")
    total: Expr | None = None if known == 1 else const(known, int64)
    for loop in nest:
        if loop.extent.op != "const":
            total = loop.extent if total is None else total * loop.extent
    return const(1, int64) if total is None else total


def evaluate_extent(extent: Expr, sizes: Mapping[str, int]) -> int:
    """The value of an expression over constants and sizes."""
    if extent.op == "const":
        return int(extent.attr)
    if extent.op == "size":
        return sizes[extent.attr]
    return _ARITHMETIC[extent.op](*(evaluate_extent(arg, sizes) for arg in extent.args))
