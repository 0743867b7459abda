"""The pass that computes a transposed matrix product as such, so that no reader has to walk it across its rows."""

from __future__ import annotations

from brasa.ir.graph import Graph, Node, located
from brasa.ir.ops.contract import matmul, transposed


def transpose_products(graph: Graph) -> Graph:
    """Replace the transpose of a matrix product that has no other use by the product of the transposes.

    %0 = matmul(x, y); %1 = permute(%0, axes=[1, 0])
    -> %0 = permute(y, axes=[1, 0]); %1 = permute(x, axes=[1, 0]); %2 = matmul(%0, %1)

    Each element is the same sum of the same products. The gradient of a weight that is used transposed has this form.
    """
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    nodes: list[Node] = []
    for node in graph.nodes:
        if _is_turned(node) and graph.users[node.operands[0]] == (node,) and node.operands[0] not in graph.outputs:
            product = node.operands[0]
            lhs, rhs = (new[operand] for operand in product.operands)
            with located(product.where):
                left, right = transposed(rhs), transposed(lhs)
                made = [left, right, matmul(left, right, order=product.attrs["order"])]
        else:
            operands = tuple(new[operand] for operand in node.operands)
            made = [node if operands == node.operands else node.replace(operands)]
        nodes += made
        new[node] = made[-1]
    return Graph(graph.name, graph.inputs, tuple(nodes), tuple(new[node] for node in graph.outputs), graph.updates)


def _is_turned(node: Node) -> bool:
    """Whether the node exchanges the last two axes of a matrix product, and only these."""
    if node.op.name != "permute" or node.operands[0].op is not matmul:
        return False
    rank = node.tensor.rank
    return bool(node.attrs["axes"] == (*range(rank - 2), rank - 1, rank - 2))
