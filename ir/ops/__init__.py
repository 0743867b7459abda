"""Every op that there is: one record each, by name."""

from brasa.ir.graph import Op
from brasa.ir.ops import contract, control, elementwise, index, move, reduce, source, view, window

OPS: dict[str, Op] = {
    op.name: op
    for module in (source, elementwise, view, move, reduce, contract, window, index, control)
    for op in vars(module).values()
    if isinstance(op, Op)
}
