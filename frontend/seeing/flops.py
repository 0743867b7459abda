"""How many additions and multiplications the products in a program take: matrix products, convolutions, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import prod

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.ops.nested import bodies, bound_sizes
from brasa.ir.sizes import bind

_Shape = list[Size]


def _of_attention(scores: int, values: int) -> Callable[..., Size]:
    """Products as long as a key and as long as a value, of all the pairs, also where a mask hides some."""
    return lambda result, q, k, v, *_: prod(q[:-1]) * k[-2] * (scores * k[-1] + values * v[-1])


# From the sizes of the result and the operands to the number of products.
_PRODUCTS: dict[str, Callable[..., Size]] = {
    "matmul": lambda result, lhs, rhs: prod(result) * lhs[-1],
    "conv": lambda result, x, w: prod(result) * prod(w[1:]),
    "conv_input_grad": lambda result, g, w: prod(g) * prod(w[1:]),  # as a forward op, the transposed convolution
    "conv_weight_grad": lambda result, x, g: prod(result) * g[0] * prod(g[2:]),
    "attention": _of_attention(1, 1),
    "attention_query_gradient": _of_attention(2, 1),  # the scores again, and what goes back through both products
    "attention_key_gradient": _of_attention(2, 2),
}


def count_flops(nodes: Iterable[Node], sizes: Mapping[str, Size]) -> Size:
    """Twice the products of these nodes and of the graphs that they hold. sizes: what named sizes stand for.

    A scan counts for all its steps, a while for one, of two branches the one with more products.
    """
    return sum((_flops(node, sizes) for node in nodes), 0)


def _of_body(graph: Graph, names: Mapping[str, Size], sizes: Mapping[str, Size]) -> Size:
    return count_flops(graph.nodes, {name: dim.substitute(size, sizes) for name, size in names.items()})


def _flops(node: Node, sizes: Mapping[str, Size]) -> Size:
    if node.op.name == "call":
        inner = node.attrs["graph"]
        names = bind([each.tensor for each in inner.inputs], [operand.tensor for operand in node.operands])
        return _of_body(inner, names, sizes)
    if node.op.kind is Kind.NESTED:
        steps = dim.substitute(node.attrs.get("length", 1), sizes)
        found = [_of_body(body, bound_sizes(node, body), sizes) for body in bodies(node).values()]
        return steps * reduce(dim.largest, found)
    if node.op.name not in _PRODUCTS:
        return 0
    shapes = [[dim.substitute(size, sizes) for size in each.tensor.shape] for each in (node, *node.operands)]
    return 2 * _PRODUCTS[node.op.name](*shapes)
