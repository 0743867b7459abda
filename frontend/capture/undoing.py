"""A segment whose check has failed has committed nothing: what eager code does before that place is done, no more.

The program's Python is past that place already. So its effects on tensors are noted as they are recorded, each with the
step that it comes after: writes to memory from outside, gradients that were set, random calls that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from brasa.autograd.modes import no_grad
from brasa.capture.ends import segment_of
from brasa.capture.tree import Step
from brasa.execution.tape import run_graph
from brasa.ir.graph import Graph, Node
from brasa.ir.ops.index import reader
from brasa.ir.program import CheckNote
from brasa.tracing.trace import tracing

if TYPE_CHECKING:
    from brasa.capture.follow import Capture


class Effect(NamedTuple):
    """What a program did to a tensor or generator after a step. before: what a gradient, an offset or memory was.

    node: the value that was written, or set as a gradient.
    """

    step: Step
    kind: str
    target: Any
    before: Any = None
    node: Node | None = None


def undo(capture: Capture, effects: Sequence[Effect], since: Step, note: CheckNote | None) -> None:
    """Leave of the effects since a step those that come before the failed check; none if something else has failed."""
    steps = capture.here.path()
    place = {step: number for number, step in enumerate(steps)}
    first = place[since]
    later = () if note is None else range(first + 1, len(steps))
    end = next((i for i in later if any(_may_fail(node, note) for node in steps[i].nodes)), first)
    for effect in reversed(effects):
        if place[effect.step] >= end and effect.kind == "gradient":
            effect.target._grad = effect.before
        elif place[effect.step] >= end and effect.kind == "draw":
            effect.target.offset = effect.before
    _do(capture, [effect for effect in effects if place[effect.step] < end])


def _may_fail(node: Node, note: CheckNote) -> bool:
    """Whether a check is that of the node, or of one in a graph that it holds."""
    if note.where and node.where != note.where:
        return False
    held = (value for value in node.attrs.values() if isinstance(value, Graph))
    return reader(node) == note.op or any(_may_fail(inner, replace(note, where="")) for g in held for inner in g.nodes)


def _do(capture: Capture, effects: Sequence[Effect]) -> None:
    writes = {each.before: each for each in effects if each.kind == "write"}
    grads = {id(each.target): each for each in effects if each.kind == "gradient"}
    wanted = tuple(dict.fromkeys(each.node for each in grads.values() if each.node not in capture.bindings))
    ends = [each.node for each in writes.values() if each.node is not None]
    found = dict(capture.bindings)
    if wanted or ends:
        segment = segment_of(capture, wanted, ends, list(writes))
        memory = {home: each.target for home, each in writes.items()}  # the bindings may be copies of what was there
        with tracing(None), no_grad():
            operands = [memory.get(node, capture.bindings[node]) for node in segment.inputs]
            results = run_graph(segment.graph, "compiled", operands)
        found.update(zip(wanted, results, strict=False))
    for effect in grads.values():
        effect.target._grad = found[effect.node]
