"""The pass that makes regions, each of which becomes one kernel."""

from __future__ import annotations

from collections.abc import Sequence

from brasa.ir.graph import Graph, Kind, Node, located
from brasa.ir.ops.control import fused, items
from brasa.ir.ops.view import reshape
from brasa.passes.flow import Flow, seen_through
from brasa.passes.grouping import Group, Grouping
from brasa.passes.keep import kept_values
from brasa.passes.recompute import without_gates
from brasa.passes.regions import Operand, Region, Shape, build_region


def fuse(graph: Graph, join: bool = True) -> Graph:
    """Put all that computes into `fused` nodes, whose regions have the forms of `brasa.ir.region`.

    %0 = matmul(x, w); %1 = expand(b); %2 = add(%0, %1); %3 = tanh(%2); return %3
    -> %0 = fused(x, w, b, graph=@matmul_add_tanh); return %0

    What remains between them are host ops, loops and branches, whose operands lie row-major in memory, and reshapes of
    row-major values, which only rename memory. Every output of the graph is a result of a region or of these, or a
    reshape of one, and no two are the same: where that needs a copy, a region makes it.

    join: False leaves each value in a region of its own.
    """
    return _Fusion(graph, join).run()


class _Fusion:
    def __init__(self, graph: Graph, join: bool) -> None:
        graph, later = without_gates(graph)
        self.graph, self.flow = graph, Flow(graph)
        self.grouping = Grouping(self.flow, later, join)
        self.kept = kept_values(self.flow, self.grouping)
        if join:
            self.grouping.join_siblings(self.kept)
        self.nodes: list[Node] = []
        self.values: dict[Node, Node] = {node: node for node in graph.inputs}
        self.reshaped: dict[tuple[Node, Shape], Node] = {}

    def run(self) -> Graph:
        for group in self.grouping.ordered():
            self.add_group(group)
        graph, taken = self.graph, set[Node]()
        outputs = tuple(self.output(output, taken) for output in graph.outputs)
        return Graph(graph.name, graph.inputs, tuple(self.nodes), outputs, graph.updates)

    def add_group(self, group: Group) -> None:
        """Add the group's region, if others read any of its values from memory."""
        outputs = sorted(group.spaces.keys() & self.kept, key=self.flow.order.__getitem__)
        if not outputs:
            return
        if group.form == "alone":
            self.add_alone(outputs[0])
            return
        nodes = sorted(group.spaces, key=self.flow.order.__getitem__)
        region = build_region(region_name(nodes), group, outputs, self.kept)
        with located(_main_node(nodes).where):
            self.values.update(zip(outputs, self.add_region(region), strict=True))

    def add_alone(self, node: Node) -> None:
        """Add a host op, loop or branch over values in memory, or one of its results."""
        is_item = node.op.name == "item"
        operands = [self.values[each] if is_item else self.in_memory(each) for each in node.operands]
        self.values[node] = node.replace(tuple(operands))
        self.nodes.append(self.values[node])

    def in_memory(self, node: Node) -> Node:
        """A value in just its shape, row-major: a region makes it where that needs a copy."""
        base, views = seen_through(node)
        if base in self.values and not base.attrs.get("strides") and all(view.op is reshape for view in views):
            return self.operand(Operand(base, node.tensor.shape))
        return self.copy(node)

    def copy(self, node: Node) -> Node:
        (made,) = self.add_region(build_region("copy", Group({}, "map", node.tensor.shape), [node], self.kept))
        return made

    def add_region(self, region: Region) -> tuple[Node, ...]:
        node = fused(*map(self.operand, region.operands), graph=region.graph)
        results = items(node)
        self.nodes += [node, *results] if results != (node,) else [node]
        return results

    def operand(self, operand: Operand) -> Node:
        """A value in memory, renamed where it is read in another shape."""
        value = self.values[operand.value]
        if value.tensor.shape == operand.shape:
            return value
        key = (value, operand.shape)
        if key not in self.reshaped:
            self.reshaped[key] = reshape(value, shape=operand.shape)
            self.nodes.append(self.reshaped[key])
        return self.reshaped[key]

    def output(self, node: Node, taken: set[Node]) -> Node:
        """The value that the graph returns: a region's result that no other output is, else a copy."""
        base, views = seen_through(node)
        if base in self.kept and base not in taken and all(view.op is reshape for view in views):
            taken.add(base)
            return self.operand(Operand(base, node.tensor.shape))
        return self.copy(node)


def _main_node(nodes: Sequence[Node]) -> Node:
    """The node that says most about what a region is for."""
    heavy = (
        node for node in nodes if node.op.kind in (Kind.CONTRACT, Kind.WINDOW, Kind.INDEX, Kind.SCATTER, Kind.REDUCE)
    )
    return next(heavy, nodes[-1])


def region_name(nodes: Sequence[Node]) -> str:
    """What a region of these nodes is called."""
    names = list(dict.fromkeys(node.op.name for node in nodes if node.op.name not in ("cast", "select")))
    return "_".join(names[:4] or [nodes[0].op.name])
