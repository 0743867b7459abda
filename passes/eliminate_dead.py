"""The pass that drops what nobody needs: nodes, and of loops and branches what no result that is read needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brasa.ir import dim
from brasa.ir.graph import Graph, Kind, Node, topological
from brasa.ir.ops.control import items
from brasa.ir.ops.nested import bodies, carried, first_argument, hidden_results
from brasa.ir.sizes import used_symbols
from brasa.passes.inline import inline


def eliminate_dead(graph: Graph) -> Graph:
    """Drop the nodes that no output needs; the rest keeps its order.

    %0 = exp(x); %1 = neg(x); return %1    ->    %0 = neg(x); return %0

    A scan, while or cond keeps the results that are read, what their graphs need for these, and the operands that
    those read: a scan whose stacked results nobody reads writes none.
    """
    needed = set(graph.outputs)
    kept: list[Node] = []
    less: dict[Node, _Less] = {}
    read: dict[Node, set[int]] = {}
    for node in reversed(graph.nodes):
        if node not in needed:
            continue
        kept.append(node)
        if node.op.name == "item":
            read.setdefault(node.operands[0], set()).add(node.attrs["index"])
        if node.op.kind is Kind.NESTED:
            less[node] = _Less(node, read.get(node, {0}))
            needed.update(less[node].operands)
        else:
            needed.update(node.operands)
    kept.reverse()
    if len(kept) == len(graph.nodes) and not any(each.changes for each in less.values()):
        return graph
    return _rebuilt(graph, kept, less)


def _rebuilt(graph: Graph, kept: Sequence[Node], less: Mapping[Node, _Less]) -> Graph:
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    results: dict[Node, dict[int, Node]] = {}
    nodes: dict[Node, None] = {}
    for node in kept:
        if node in less and less[node].changes:
            made, results[node] = less[node].apply(new)
            nodes.update(dict.fromkeys((made, *results[node].values())))
            new[node] = made
        elif node.op.name == "item" and node.operands[0] in results:
            new[node] = results[node.operands[0]][node.attrs["index"]]
        else:
            operands = tuple(new[operand] for operand in node.operands)
            new[node] = node if operands == node.operands else node.replace(operands)
            nodes[new[node]] = None
    outputs = tuple(new[node] for node in graph.outputs)
    return Graph(graph.name, graph.inputs, tuple(nodes), outputs, graph.updates)


class _Less:
    """What is left of a nested node of which only some results are read. operands: those that it still needs."""

    def __init__(self, node: Node, read: set[int]) -> None:
        self.node = node
        hidden, self.first, self.carries = hidden_results(node), first_argument(node), carried(node)
        self.graphs = {name: inline(graph) for name, graph in bodies(node).items()}
        self.outputs = {*range(hidden), *(index + hidden for index in read)}
        self.inputs: set[int] = set()
        while True:
            cut = {name: self._cut(graph) for name, graph in self.graphs.items()}
            self.inputs = set().union(*map(_inputs_needed, cut.values()))
            carries = {index for index in self.inputs if index < self.carries} - self.outputs
            if not carries:
                break
            self.outputs |= carries
        self.inputs |= {index for index in self.outputs if index < self.carries}
        self.cut = cut
        arguments = node.operands[self.first :]
        self.operands = [*node.operands[: self.first], *(arguments[index] for index in sorted(self.inputs))]
        self.changes = len(self.operands) < len(node.operands) or any(
            len(graph.nodes) < len(self.graphs[name].nodes) or len(graph.outputs) < len(self.graphs[name].outputs)
            for name, graph in cut.items()
        )

    def _cut(self, graph: Graph) -> Graph:
        outputs = tuple(graph.outputs[index] for index in sorted(self.outputs))
        return eliminate_dead(Graph(graph.name, graph.inputs, graph.nodes, outputs))

    def apply(self, new: Mapping[Node, Node]) -> tuple[Node, dict[int, Node]]:
        """The smaller node, and its results by the numbers that they had."""
        node, hidden = self.node, hidden_results(self.node)
        attrs = dict(node.attrs)
        for name, graph in self.cut.items():
            inputs = tuple(graph.inputs[index] for index in sorted(self.inputs))
            attrs[name] = Graph(graph.name, inputs, graph.nodes, graph.outputs)
        if "carries" in attrs:
            attrs["carries"] = sum(index < self.carries for index in self.inputs)
        if "sequences" in attrs:
            attrs["sequences"] = sum(0 <= index - self.carries < attrs["sequences"] for index in self.inputs)
        made = node.op(*(new[operand] for operand in self.operands), **attrs)
        made = Node(made.op, made.operands, made.attrs, made.type, node.where)
        numbers = [index - hidden for index in sorted(self.outputs) if index >= hidden]
        return made, dict(zip(numbers, items(made), strict=True))


def _inputs_needed(graph: Graph) -> set[int]:
    """The numbers of the inputs that the graph reads, or that tell it a size that no other input tells."""
    inner = topological(graph.outputs, graph.inputs)
    read = {*graph.outputs, *(operand for node in inner for operand in node.operands)}
    found = {index for index, node in enumerate(graph.inputs) if node in read}
    speaks = used_symbols((*inner, *(graph.inputs[index] for index in found)))
    told = {str(size) for index in found for size in graph.inputs[index].tensor.shape}
    for index, node in reversed(list(enumerate(graph.inputs))):
        tells = {str(size) for size in node.tensor.shape if isinstance(size, dim.Dim) and size.is_symbol}
        if tells & (speaks - told):
            found.add(index)
            told |= tells
    return found
