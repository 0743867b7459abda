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

    def __init__(self, trace: Trace, node: Node) -> None:
        self.trace, self.node, self.version, self.marks = trace, node, 0, node.attrs.get("strides", ())
        self.plain: bool | None = None
        self.needs = False
