"""What a compiled function has been seen to do: a tree of steps, in which every later call follows a path.

A step is one op, one new input, one decision about sizes. Branches hang on the next step, never on values: a program
that takes the other side of an `if` simply does something else next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from brasa._state import NOTHING
from brasa.ir.dim import Atom, Relation, Size
from brasa.ir.graph import CHECKED, Graph, Node, topological
from brasa.ir.ops import control
from brasa.ir.ops.host import require
from brasa.tracing.ahead import Ahead
from brasa.tracing.sizes import Guard, SizeScope

if TYPE_CHECKING:
    from brasa.capture.stepping import Stepping

_MAY_FAIL: WeakKeyDictionary[Graph, bool] = WeakKeyDictionary()  # what is known of graphs that nodes hold


class Step:
    """One step: what it gave, the nodes that it recorded, and the steps that were seen after it.

    usual: the first of these with its key, if it needs no guard: it is looked at first. ahead: the call of a function
    that came next when it was last looked at, see brasa.tracing.ahead. depth: steps from the root to here; doubtful:
    nodes up to here that may fail.
    """

    __slots__ = (
        "ahead", "children", "depth", "doubtful", "guards", "learnt", "nodes", "parent", "segments", "usual", "value",
    )  # fmt: skip

    def __init__(self, parent: Step | None, value: Any, nodes: tuple[Node, ...], guards: tuple[Guard, ...]) -> None:
        self.parent, self.value, self.nodes, self.guards = parent, value, nodes, guards
        before = (0, 0) if parent is None else (parent.depth, parent.doubtful)
        self.depth, self.doubtful = before[0] + 1, before[1] + sum(map(may_fail, nodes))
        self.learnt: tuple[dict[str, Size], dict[Atom, Size]] | None = None  # of sizes, if this step learnt anything
        self.children: dict[tuple[Any, ...], list[Step]] = {}
        self.segments: dict[tuple[Any, ...], Segment] = {}
        self.usual: tuple[tuple[Any, ...], Step] | None = None
        self.ahead: Ahead = NOTHING

    def add(self, key: tuple[Any, ...], child: Step) -> None:
        """Note a step that was seen after this one."""
        if not self.children and not child.guards:
            self.usual = (key, child)
        self.children.setdefault(key, []).append(child)

    def path(self) -> list[Step]:
        """The steps from the root to here."""
        steps: list[Step] = []
        step: Step | None = self
        while step is not None:
            steps.append(step)
            step = step.parent
        return steps[::-1]


def may_fail(node: Node) -> bool:
    """Whether the program must compute a node though nobody wants its value: it, or a node that it holds, may fail."""
    if node.op.kind in CHECKED or node.op is require:
        return True
    return any(value.__class__ is Graph and _graph_may_fail(value) for value in node.attrs.values())


def _graph_may_fail(graph: Graph) -> bool:
    known = _MAY_FAIL.get(graph)
    if known is None:
        known = _MAY_FAIL[graph] = any(map(may_fail, graph.nodes))
    return known


class Segment:
    """A stretch of steps as one program.

    inputs: the nodes whose values it reads; checks: those behind the wanted outputs that are there to fail; views:
    those that its last outputs stand for, which only gradients come to.
    """

    __slots__ = ("checks", "graph", "inputs", "views")

    def __init__(
        self, graph: Graph, inputs: tuple[Node, ...], views: tuple[Node, ...] = (), checks: tuple[Node, ...] = ()
    ) -> None:  # fmt: skip
        self.graph, self.inputs, self.views, self.checks = graph, inputs, views, checks


def known_without_gradients(outputs: Sequence[Node], known: Iterable[Node]) -> tuple[dict[Node, None], set[Node]]:
    """Those of the known values that need not be computed again for the outputs, and the nodes that are computed.

    A gradient that is asked for after a value was looked at goes through that value: it is computed again, from what
    the gradient is by, and comes out with the same bits.
    """
    at_hand = dict.fromkeys(known)
    while True:
        through: set[Node] = set()
        needed = topological(outputs, at_hand)
        for node in needed:
            if node.op is control.gradient:
                count = node.attrs["outputs"]
                through |= _between(node.operands[2 * count :], node.operands[:count])
        again = [node for node in at_hand if node in through]
        if not again:
            return at_hand, set(needed)
        for node in again:
            del at_hand[node]


def _between(leaves: Sequence[Node], roots: Sequence[Node]) -> set[Node]:
    """The nodes that gradients of the roots go through on their way to the leaves, one of which may be another's."""
    ends = [node for node in topological(roots) if node.op is control.stop_gradient]
    moving, found = set(leaves), set[Node]()
    for node in topological(roots, ends):
        if any(operand in moving for operand in node.operands):
            moving.add(node)
            found.add(node)
    return found


class TreeScope(SizeScope):
    """Named sizes of a captured call: a decision that Python code asks for is a step of its own."""

    runs_anew = True

    def __init__(self, capture: Stepping) -> None:
        super().__init__()
        self.capture = capture

    def decide(self, lhs: Size, relation: Relation, rhs: Size, narrows: bool = False) -> bool:
        if self.capture.making:
            return super().decide(lhs, relation, rhs, narrows)
        lhs, rhs = self.resolve(lhs), self.resolve(rhs)
        left, right = self.hint(lhs), self.hint(rhs)
        holds = left == right if relation == "==" else left <= right
        if isinstance(lhs, int) and isinstance(rhs, int):
            return holds
        return self.capture.step(
            ("decide", lhs, relation, rhs, holds), lambda: SizeScope.decide(self, lhs, relation, rhs, narrows)
        )

    def fix(self, size: Size, narrows: bool = False) -> int:
        if self.capture.making:
            return super().fix(size, narrows)
        size = self.resolve(size)
        value = self.hint(size)
        if isinstance(size, int):
            return size
        return self.capture.step(("fix", size, value), lambda: SizeScope.fix(self, size, narrows))

    def read(self, size: Size) -> int:
        return self.fix(size) if self.capture.making else super().read(size)
