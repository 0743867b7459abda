"""What it costs to compute a value again: the one place where passes weigh work against memory."""

from __future__ import annotations

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Kind, Node

TRANSCENDENTAL = frozenset({"exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "pow"})
_SLOW = frozenset({"div", "sqrt", "floor_divide", "remainder"})
_PLACES = (Kind.SOURCE, Kind.VIEW, Kind.MOVE, Kind.RANDOM)


def is_cheap(node: Node) -> bool:
    """Whether an element costs a few instructions, so that computing it again may beat keeping it."""
    return node.op.kind in _PLACES or (node.op.kind is Kind.ELEMENTWISE and node.op.name not in TRANSCENDENTAL)


def is_trivial(node: Node) -> bool:
    """Whether an element costs about one instruction: cheap, and neither a division nor random bits."""
    return is_cheap(node) and node.op.name not in _SLOW and node.op.kind is not Kind.RANDOM


def nominal(size: Size) -> int:
    """The size when every named size is 64: for choices that are only about speed."""
    return dim.evaluate(size, dict.fromkeys(dim.symbols(size), 64))
