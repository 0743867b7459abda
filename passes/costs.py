"""What it costs to compute a value again: the one place where passes weigh work against memory."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Kind, Node
from brasa.ir.types import TensorType

TRANSCENDENTAL = frozenset({"exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "pow"})
_SLOW = frozenset({"div", "sqrt", "floor_divide", "remainder"})
_PLACES = (Kind.SOURCE, Kind.VIEW, Kind.COMPLEX, Kind.MOVE, Kind.RANDOM)


def is_cheap(node: Node) -> bool:
    """Whether an element costs a few instructions, so that computing it again may beat keeping it."""
    return node.op.kind in _PLACES or (node.op.kind is Kind.ELEMENTWISE and node.op.name not in TRANSCENDENTAL)


def is_trivial(node: Node) -> bool:
    """Whether an element costs about one instruction: cheap, and neither a division nor random bits."""
    return is_cheap(node) and node.op.name not in _SLOW and node.op.kind is not Kind.RANDOM


@lru_cache(maxsize=1024)
def _nominal(size: Size) -> int:
    return dim.evaluate(size, dict.fromkeys(dim.symbols(size), 64))


def nominal(size: Size) -> int:
    """The size when every named size is 64: for choices that are only about speed."""
    return size if isinstance(size, int) else _nominal(size)


def elements(type: TensorType) -> int:
    """The elements of a tensor when every named size is 64."""
    return prod(map(nominal, type.shape))
