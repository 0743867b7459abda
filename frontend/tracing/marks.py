"""How values of a trace lie in memory, as inputs of a function's graph say it."""

from __future__ import annotations

from brasa.ir import dim
from brasa.ir.graph import Node
from brasa.ir.layout import is_view, stride_marks, strides_of
from brasa.tracing.sizes import SizeScope


def marks_of(scope: SizeScope, node: Node) -> tuple[str, ...]:
    """The layout class of a node's value, as an input has it."""
    if not is_view(node) and not node.attrs.get("strides"):
        return ()
    with dim.solving(scope):
        return stride_marks(node.tensor.shape, strides_of(node))


def settled_marks(scope: SizeScope, node: Node) -> tuple[str, ...]:
    """As marks_of, where steps of the last two axes, those of a product, count as 1 if they are 1 at this call.

    A column that is turned steps by its width, which is 1. Whether it is then counts as found out.
    """
    marks, strides = list(marks_of(scope, node)), strides_of(node)
    with dim.solving(scope):
        for axis in range(max(0, len(marks) - 2), len(marks)):
            stride = strides[axis]
            if isinstance(stride, dim.Dim) and dim.evaluate(stride, dict.fromkeys(dim.symbols(stride), 1)) == 1:
                marks[axis] = "1" if dim.equal(stride, 1) else marks[axis]
    return tuple(marks)
