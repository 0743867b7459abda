"""When outputs may be written straight into the inputs that they update, and in which order regions then run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from brasa.codegen.schedules.indices import Index
from brasa.codegen.schedules.map import Trial, output_parts
from brasa.codegen.schedules.values import Values
from brasa.codegen.schedules.writer import Layouts, Marks, Writer
from brasa.ir.dim import Size, substitute
from brasa.ir.graph import CHECKED, Graph, Kind, Node, topological
from brasa.ir.kernel import Expr, const
from brasa.ir.ops.index import checked
from brasa.ir.program import Place
from brasa.ir.region import anchor, form
from brasa.ir.sizes import bind
from brasa.ir.target import Target

Check: TypeAlias = "Node | tuple[tuple[Node, int], Size, Size]"


@dataclass(frozen=True)
class Update:
    """Result `index` of `node` is to be written over a program input; renamed: it is also read as row-major."""

    output: int
    input: int
    node: Node
    index: int
    renamed: bool


def commit_order(
    graph: Graph,
    target: Target,
    calls: Sequence[Node],
    resolve: Callable[[Node], tuple[Node, int]],
    updates: Sequence[Update],
    marks: Sequence[Marks],
) -> tuple[list[Node], list[Update], int]:
    """An order of the calls, the updates that their calls may write in place, and after how many calls none may fail.

    In place: no call that runs later reads the input or may fail a check, and the call itself reads the input only at
    the element that it writes. A call that could not commit where it stands runs at the end, with all that need it.
    """
    reads = {call: {resolve(operand)[0] for operand in call.operands} for call in calls}
    checks = {call: found for call in calls if (found := checks_of(call, resolve))}
    writers: dict[Node, list[Update]] = {}
    for update in updates:
        writers.setdefault(update.node, []).append(update)

    def committing(order: Sequence[Node]) -> set[Update]:
        """The updates after whose calls nothing reads what they overwrite, and nothing may fail."""
        place = {call: number for number, call in enumerate(order)}
        last_read = {read: place[call] for call in order for read in reads[call]}
        last_check = last_to_fail(order, checks)
        return {
            update for update in updates
            if update.node.op.name == "fused" and not (update.renamed and marks[update.input])
            and place[update.node] > last_check
            and place[update.node] >= last_read.get(graph.inputs[update.input], -1)
        }  # fmt: skip

    committed, late = committing(calls), set[Node]()
    for call in calls:
        if not committed.issuperset(writers.get(call, ())) or late & reads[call]:
            late.add(call)
    order = [*(call for call in calls if call not in late), *(call for call in calls if call in late)]
    times, committed = Counter(update.input for update in updates), committing(order)
    in_place: list[Update] = []
    taken: set[tuple[Node, int]] = set()
    for update in updates:
        value = (update.node, update.index)
        free = value not in taken and times[update.input] == 1
        if free and update in committed and _reads_in_place(graph, target, update, resolve, marks):
            in_place.append(update)
            taken.add(value)
    return order, in_place, last_to_fail(order, checks) + 1


def checks_of(call: Node, resolve: Callable[[Node], tuple[Node, int]]) -> set[Check]:
    """What the call checks: (a value, the least that may be there, the bound) where it checks all of what it is given.

    Two checks that are equal fail together.
    """
    if call.op.kind is Kind.HOST:
        return {call}
    found: set[Check] = set()
    for held in call.attrs.values():
        for node in held.nodes if isinstance(held, Graph) else ():
            if node.op.kind in CHECKED and call.op.name == "fused":
                number, *bounds = checked(node)
                value = node.operands[number]
                while value.op.name in ("reshape", "expand"):
                    value = value.operands[0]
                if value not in held.inputs:
                    found.add(node)
                    continue
                sizes = bind([x.tensor for x in held.inputs], [x.tensor for x in call.operands])
                least, bound = (substitute(size, sizes) for size in bounds)
                found.add((resolve(call.operands[held.inputs.index(value)]), least, bound))
            elif node.op.kind in CHECKED or checks_of(node, lambda operand: (operand, 0)):
                found.add(node)
    return found


def last_to_fail(order: Sequence[Node], checks: Mapping[Node, set[Check]]) -> int:
    """The place of the last call at which the program may end: one that checks what none before it has checked."""
    seen, last = set[Check](), -1
    for place, call in enumerate(order):
        new = checks.get(call, set[Check]()) - seen
        if new:
            seen |= new
            last = place
    return last


def _reads_in_place(
    graph: Graph, target: Target, update: Update, resolve: Callable[[Node], tuple[Node, int]], marks: Sequence[Marks]
) -> bool:
    """Whether the call reads the input that it updates, if at all, only where it writes the same element."""
    region: Graph = update.node.attrs["graph"]
    sources = [resolve(operand)[0] for operand in update.node.operands]
    overwritten = graph.inputs[update.input]
    readers = [node for node, source in zip(region.inputs, sources, strict=True) if source is overwritten]
    if not any(region.users[node] or node in region.outputs for node in readers):
        return True
    core = anchor(region)
    beneath = set() if core is None else set(topological(core.operands))
    if len(readers) > 1 or form(region) in ("rows", "scatter") or readers[0] in beneath:
        return False
    if marks[update.input] and readers[0].tensor.shape != region.outputs[update.index].tensor.shape:
        return False
    layouts = Layouts(
        tuple(marks[graph.inputs.index(source)] if source in graph.inputs else () for source in sources),
        tuple(marks[update.input] if number == update.index else () for number in range(len(region.outputs))),
        ((update.index, region.inputs.index(readers[0])),),
    )
    stored: list[Size] = []

    def evaluate(values: Values, index: Index) -> list[Expr]:
        if core is not None:
            values.bound[core] = lambda *_: const(0, core.tensor.dtype)
        stored.append(values.writer.offset(Place("output", update.index), index))
        return output_parts(values, lambda _: index)

    writer = Writer(region, layouts, target)
    trial = Trial(writer, region.outputs[0].tensor.shape, evaluate)
    return all(offset == stored[0] for node, offset in trial.writer.loads if node is readers[0])
