"""What stands for memory in a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brasa.ir.graph import Node

if TYPE_CHECKING:
    from brasa.tracing.trace import Trace


class Cell:
    """Memory in a trace: the node that holds its present value, how often it was written, and its strides' marks.

    plain: whether the only tensor over it requires gradients, if that shows all of it, as it was computed, and is no
    number; else None.
    needs: whether a tensor over it that is no leaf requires gradients.
    """

    __slots__ = ("marks", "needs", "node", "plain", "trace", "version")

    def __init__(self, trace: Trace, node: Node, plain: bool | None = None) -> None:
        self.trace, self.node, self.version = trace, node, 0
        self.plain, self.needs = plain, plain is True
        self.marks = node.attrs.get("strides", ()) if plain is None else ()  # what was computed lies in rows
