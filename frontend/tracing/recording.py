"""A call of a function in a trace: which form of the function fits its operands, and the nodes that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from brasa._state import DEFAULTS
from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.errors import BrasaError
from brasa.ir.graph import Graph, Node, location, set_location
from brasa.ir.ops import control
from brasa.ir.types import Type
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import Operand, check_devices, needs_gradients
from brasa.tracing.marks import marks_of, settled_marks
from brasa.tracing.splicing import splice, stays_whole
from brasa.tracing.trace import Trace

if TYPE_CHECKING:
    from brasa.tracing.function import Function, Specialization

# What makes the results one, and each result's node with whether it can have a gradient.
Recorded: TypeAlias = tuple[Any, tuple[tuple[Node, bool], ...]]
# Of an operand: its type, its sizes in the names that are free, how it lies, whether it is a number, and whether the
# function wants its sizes as constants.
_Facts: TypeAlias = tuple[Type, tuple[Size, ...], tuple[str, ...], bool, bool]


def record_call(
    made: Function, trace: Trace, statics: tuple[Any, ...], values: Sequence[Any], operands: Sequence[Any],
    nodes: tuple[Node, ...], stops: bool,
) -> Recorded:  # fmt: skip
    """Record a call of the function over these nodes, those of the operands among the values that it is called with.

    What was found out at a call holds for the next one with operands of the same types: a deep network calls few
    functions many times. stops: whether gradients end at the results.
    """
    set_location(trace.location())
    check_devices(made.name, {node.tensor.device for node in nodes if node.attrs.get("role") != "number"})
    lying = [trace.lying(node, operand) for node, operand in zip(nodes, operands, strict=True)]
    marks = [marks_of(trace.scope, memory) for memory in lying]
    facts = _facts_of(made, trace, values, operands, nodes, marks)
    key = (made, statics, DEFAULTS.dtype, facts)
    chosen, like = trace.forms.get(key, (None, None))
    if chosen is None:
        chosen = _choose(made, trace, statics, values, nodes, facts)
        if chosen.minds_layout and any(marks):  # steps of memory, which are no part of the key, decide as well
            key, marks = None, [settled_marks(trace.scope, memory) for memory in lying]
            facts = _facts_of(made, trace, values, operands, nodes, marks)
            chosen = _choose(made, trace, statics, values, nodes, facts)
        if any(size.__class__ is not int for each in facts for size in each[1]):  # with numbers, guards were checked
            _decide(trace, chosen, nodes)
    graph, nodes = chosen.graph, tuple(map(trace.narrowed, nodes))
    with dim.solving(trace.scope):
        if made.inline and not (trace.of_user and not stops and _stays_whole(trace, graph, operands, nodes)):
            results = splice(trace, graph, nodes, trace.named_sizes(nodes))
        else:
            call = (
                control.call(*nodes, graph=graph)
                if like is None
                else Node(like.op, nodes, like.attrs, like.type, location())
            )
            results, like = trace.items(trace.record(call)), call
    if key is not None:
        trace.forms[key] = chosen, like
    if stops:
        results = tuple(trace.record(control.stop_gradient(result)) for result in results)
    return chosen.form, tuple(zip(results, chosen.ends, strict=True))


def _facts_of(
    made: Function, trace: Trace, values: Sequence[Any], operands: Sequence[Any], nodes: Sequence[Node],
    marks: Sequence[tuple[str, ...]],
) -> tuple[_Facts, ...]:  # fmt: skip
    found = []
    for node, operand, marked in zip(nodes, operands, marks, strict=True):
        is_fixed = made.has_fixed and made.is_fixed(values, operand)
        sizes = tuple(map(trace.scope.fix if is_fixed else trace.scope.resolve, node.tensor.shape))
        found.append((node.type, sizes, marked, not isinstance(operand, Tensor) or operand._weak, is_fixed))
    return tuple(found)


def _choose(
    made: Function, trace: Trace, statics: tuple[Any, ...], values: Sequence[Any], nodes: Sequence[Node],
    facts: Sequence[_Facts],
) -> Specialization:  # fmt: skip
    """The form for these operands; an error says what they are and where they were made."""
    described = []
    for node, (_, sizes, marks, weak, is_fixed) in zip(nodes, facts, strict=True):
        constants, ones = (sizes or None, ()) if is_fixed else trace.scope.ones_among(sizes, not trace.of_user)
        described.append(Operand(node.tensor.dtype, len(sizes), marks, node.tensor.device, constants, weak, ones))
    shapes = [tuple(map(trace.scope.hint, sizes)) for _, sizes, *_ in facts]
    try:
        return made.specialize(statics, values, described, shapes)
    except BrasaError as error:
        error.operands = tuple(
            operand.placed(node.origin, node.where) for operand, node in zip(error.operands, nodes, strict=False)
        )
        raise


def _decide(trace: Trace, chosen: Specialization, nodes: Sequence[Node]) -> None:
    """Let the trace take for true what the form is right under."""
    outer = trace.named_sizes(nodes)
    for guard in chosen.guards:
        lhs, rhs = dim.substitute(guard.lhs, outer), dim.substitute(guard.rhs, outer)
        trace.scope.decide(lhs, guard.relation, rhs, narrows=True)


def _stays_whole(trace: Trace, graph: Graph, operands: Sequence[Any], nodes: Sequence[Node]) -> bool:
    needing = [node for node, operand in zip(graph.inputs, operands, strict=True) if needs_gradients(operand)]
    return stays_whole(graph, needing, trace.named_sizes(nodes))
