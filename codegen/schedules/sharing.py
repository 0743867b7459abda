"""Gives names to values that are used twice or that outer loops can compute, and estimates what values cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from brasa.ir.kernel import Expr

if TYPE_CHECKING:
    from brasa.codegen.schedules.writer import Writer

_LEAVES = ("const", "var", "size", "lane", "local")
_INDEX_OPS = ("add", "sub", "mul", "spread")
# Values of the graph with more operations in one line than this have a name, other values from twice as many on.
_WIDE = 16
# About how many nanoseconds 16 lanes of 32 bits take.
_COSTS: Mapping[str, float] = {"load": 1.0, "div": 3.0, "sqrt": 4.0, "quotient": 20.0, "modulo": 20.0}
_LEAF_COST, _OTHER_COST = 0.0, 0.3


def share(writer: Writer, roots: Sequence[Expr], *, hold: bool) -> list[Expr]:
    """The same values, after `let`s for parts that are used twice or wide and for loads that an outer block can make.

    hold: stores come between the uses of the values, so what is read of memory that the kernel writes is read now.
    """
    order = _operands_first(roots)
    uses: dict[Expr, int] = {}
    for expr in (*roots, *(arg for each in order for arg in each.args)):
        uses[expr] = uses.get(expr, 0) + 1
    levels: dict[Expr, int] = {}
    heavy: set[Expr] = set()
    cheap: set[Expr] = set()
    widths: dict[Expr, int] = {}
    made: dict[Expr, Expr] = {}

    def name(expr: Expr) -> None:
        if made[expr].op not in _LEAVES:
            made[expr] = writer.let(writer.labels.get(expr, "t"), made[expr], levels[expr])

    for expr in order:
        level = writer.own_level(expr)
        levels[expr] = max([level, *(levels[arg] for arg in expr.args)])
        computes = expr.dtype.kind == "float" and expr.op not in _LEAVES
        if expr.op == "load" or computes or any(arg in heavy for arg in expr.args):
            heavy.add(expr)
        for arg in expr.args:
            if arg in heavy and levels[arg] < levels[expr]:
                name(arg)
        args = tuple(made[arg] for arg in expr.args)
        made[expr] = expr if args == expr.args else replace(expr, args=args)
        parts = [] if expr.op == "load" else [arg for arg in expr.args if made[arg].op not in _LEAVES]
        widths[expr] = 1 + sum(widths[arg] for arg in parts)
        is_wide = widths[expr] > (_WIDE if expr in writer.labels else 2 * _WIDE)
        if _is_cheap(expr, cheap):
            cheap.add(expr)
        may_change = expr.op == "load" and expr.attr.access != "in"
        if (uses[expr] > 1 and expr not in cheap) or (hold and may_change) or is_wide:
            name(expr)
    for root in roots:
        if root in heavy and levels[root] < writer.level:
            name(root)
    return [made[root] for root in roots]


def _is_cheap(expr: Expr, cheap: set[Expr]) -> bool:
    """An index sum, of what is cheap itself: written again where it is used, for it reads better than a name."""
    return expr.op in _LEAVES or (expr.dtype.name == "i64" and expr.op in _INDEX_OPS and cheap.issuperset(expr.args))


def _operands_first(roots: Iterable[Expr]) -> list[Expr]:
    order: list[Expr] = []
    seen: set[Expr] = set()
    pending: list[tuple[Expr, bool]] = [(root, False) for root in reversed(tuple(roots))]
    while pending:
        expr, ready = pending.pop()
        if ready:
            order.append(expr)
        elif expr not in seen:
            seen.add(expr)
            pending.append((expr, True))
            pending += [(arg, False) for arg in reversed(expr.args)]
    return order


def cost_of(roots: Iterable[Expr]) -> float:
    """About how many nanoseconds it takes to compute the values for 16 lanes."""
    total = 0.0
    for expr in _operands_first(roots):
        width = max(1.0, expr.dtype.bits / 32)
        total += width * (_LEAF_COST if expr.op in _LEAVES else _COSTS.get(expr.op, _OTHER_COST))
    return total
