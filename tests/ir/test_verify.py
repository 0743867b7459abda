"""What verify refuses, and how it shows the place."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from brasa.ir.dim import symbol
from brasa.ir.dtype import float32
from brasa.ir.errors import GraphError
from brasa.ir.graph import NO_ATTRS, Graph, Node, graph_of
from brasa.ir.ops.control import call
from brasa.ir.ops.elementwise import add, exp, neg
from brasa.ir.ops.source import make_input
from brasa.ir.types import TensorType
from brasa.ir.verify import verify

N = symbol("n")
X = make_input("x", TensorType((N,), float32))
Y = make_input("y", TensorType((3,), float32))
A = exp(X)
B = neg(A)


def raw(*operands: Node, type: TensorType = X.tensor) -> Node:
    """A node that no type rule has seen."""
    return Node(add, operands, NO_ATTRS, type)


def of_one(node: Node) -> Graph:
    """A graph of this node alone."""
    return Graph("f", (X, Y), (node,), (node,))


WRONG = {
    "an input that is none": (
        Graph("f", (A,), (), ()),
        "graph f: <exp: f32[n]> stands among the inputs but is not one",
    ),
    "two inputs of one name": (
        Graph("f", (X, make_input("x", Y.tensor)), (), ()),
        "graph f: two inputs have one name",
    ),
    "a node before its operand": (
        Graph("f", (X,), (B, A), (B,)),
        "graph f: %0 (neg) reads <exp: f32[n]>, which is not computed before it\n"
        ">   %0: f32[n] = neg(%1)\n    %1: f32[n] = exp(x)\n    return %0",
    ),
    "a foreign operand": (
        Graph("f", (X,), (B,), (B,)),
        "graph f: %0 (neg) reads <exp: f32[n]>, which is not computed before it\n"
        ">   %0: f32[n] = neg(?)\n    return %0",
    ),
    "a node twice": (
        Graph("f", (X,), (A, A), (A,)),
        "graph f: %1 (exp) stands in the graph twice\n>   %1: f32[n] = exp(x)\n    %1: f32[n] = exp(x)\n    return %1",
    ),
    "a foreign output": (
        Graph("f", (X,), (A,), (B,)),
        "graph f: an output, <neg: f32[n]>, is not computed in it",
    ),
    "operands that do not fit": (
        of_one(raw(X, Y)),
        "graph f: %0 (add) does not type: shapes differ, [n] and [3]\n>   %0: f32[n] = add(x, y)\n    return %0",
    ),
    "too few operands": (
        of_one(raw(X)),
        "graph f: %0 (add) does not type: takes (lhs, rhs), not 1 operands\n>   %0: f32[n] = add(x)\n    return %0",
    ),
    "a wrong type": (
        of_one(raw(X, X, type=Y.tensor)),
        "graph f: %0 (add) says f32[3], its op gives f32[n]\n>   %0: f32[3] = add(x, x)\n    return %0",
    ),
    "an update of another type": (
        Graph("f", (X, Y), (A,), (A,), ((0, 1),)),
        "graph f: %0 (exp) is written to an input of another type\n>   %0: f32[n] = exp(x)\n    return %0 into y",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_graphs(what: str) -> None:
    graph, message = WRONG[what]
    with pytest.raises(GraphError) as caught:
        verify(graph)
    assert str(caught.value) == message


def test_held_graphs_are_verified() -> None:
    bad = raw(X, X, type=Y.tensor)
    inner = Graph("inner", (X,), (bad,), (bad,))
    node = Node(call, (Y,), MappingProxyType({"graph": inner}), Y.tensor)
    with pytest.raises(GraphError, match=r"^graph inner: %0 \(add\) says f32\[3\], its op gives f32\[n\]"):
        verify(Graph("outer", (Y,), (node,), (node,)))


def test_the_place_is_shown_in_the_graph_itself() -> None:
    """Not in one that it holds, whose values have the same names."""
    inner = graph_of("inner", [X], [exp(X)])
    held, bad = call(Y, graph=inner), raw(Y, Y)
    with pytest.raises(GraphError) as caught:
        verify(Graph("outer", (Y,), (held, bad), (bad,)))
    assert str(caught.value) == (
        "graph outer: %1 (add) says f32[n], its op gives f32[3]\n"
        "    %0: f32[3] = call(y, graph=@inner)\n>   %1: f32[n] = add(y, y)\n    return %1"
    )


def test_ten_nodes_around() -> None:
    nodes = [exp(X)]
    for _ in range(30):
        nodes.append(exp(nodes[-1]))
    nodes[20:] = [raw(X, type=X.tensor)]
    with pytest.raises(GraphError) as caught:
        verify(Graph("f", (X,), tuple(nodes), (nodes[0],)))
    lines = str(caught.value).split("\n")[1:]
    assert len(lines) <= 10
    assert [line for line in lines if line.startswith(">")] == [">   %20: f32[n] = add(x)"]


def test_right_graphs_are_given_back() -> None:
    graph = graph_of("f", [X], [B, X])
    assert verify(graph) is graph
    assert verify(Graph("empty", (), (), ())).outputs == ()
