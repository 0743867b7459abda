"""How many additions and multiplications the products in a program take: matrix products, convolutions, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Graph, Kind, Node
from brasa.ir.ops.nested import bodies, bound_sizes
from brasa.ir.sizes import bind

_Shape = list[int]


def _of_attention(result: _Shape, q: _Shape, k: _Shape, v: _Shape, *_: _Shape) -> int:
    """Scores and weighted sums, of all the pairs, also where a mask hides some."""
    return prod(q[:-1]) * k[-2] * (k[-1] + v[-1])


# From the sizes of the result and the operands to the number of products.
_PRODUCTS: dict[str, Callable[..., int]] = {
    "matmul": lambda result, lhs, rhs: prod(result) * lhs[-1],
    "conv": lambda result, x, w: prod(result) * prod(w[1:]),
    "conv_input_grad": lambda result, g, w: prod(g) * prod(w[1:]),  # as a forward op, the transposed convolution
    "attention": _of_attention,
}


def count_flops(nodes: Iterable[Node], sizes: Mapping[str, Size]) -> int:
    """Twice the products of these nodes and of the graphs that they hold. sizes: what named sizes stand for.

    A scan counts for all its steps, a while for one, of two branches the one with more products.
    """
    return sum(_flops(node, sizes) for node in nodes)


def _of_body(graph: Graph, names: Mapping[str, Size], sizes: Mapping[str, Size]) -> int:
    return count_flops(graph.nodes, {name: dim.substitute(size, sizes) for name, size in names.items()})


def _flops(node: Node, sizes: Mapping[str, Size]) -> int:
    if node.op.name == "call":
        inner = node.attrs["graph"]
        names = bind([each.tensor for each in inner.inputs], [operand.tensor for operand in node.operands])
        return _of_body(inner, names, sizes)
    if node.op.kind is Kind.NESTED:
        steps = dim.evaluate(dim.substitute(node.attrs.get("length", 1), sizes), {})
        return steps * max(_of_body(body, bound_sizes(node, body), sizes) for body in bodies(node).values())
    if node.op.name not in _PRODUCTS:
        return 0
    shapes = [[dim.evaluate(dim.substitute(size, sizes), {}) for size in each.tensor.shape]
              for each in (node, *node.operands)]  # fmt: skip
    return 2 * _PRODUCTS[node.op.name](*shapes)
