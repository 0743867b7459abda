"""What the reference says of a run-time check that failed: machine code reports only which one, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.execution.stages import Stages
from brasa.ir.errors import IndexError
from brasa.ir.graph import CHECKED, Graph, topological
from brasa.ir.interpret import interpret
from brasa.ir.ops.index import reader
from brasa.ir.program import CheckNote
from brasa.tensors.tensor import Tensor


def failing_index(note: CheckNote, graph: Graph, operands: Sequence[Any]) -> str:
    """The index that a program found out of bounds, and these, where the program computed it itself; else "".

    The reference computes again what the check needs.
    """
    program = Stages(graph, check=False).graph("optimized")
    suspects = [node for node in program.nodes if node.op.kind in CHECKED and reader(node) == note.op]
    suspects = [node for node in suspects if node.where == note.where]
    arrays = [o.detach().numpy() if isinstance(o, Tensor) else o for o in operands]
    try:
        interpret(Graph(graph.name, program.inputs, topological(suspects, program.inputs), ()), arrays)
    except IndexError as error:
        return error.fact
    return ""
