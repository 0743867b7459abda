"""Nodes and graphs: making them, walking them, rewriting them."""

from __future__ import annotations

import pytest

from brasa.ir.dim import symbol
from brasa.ir.dtype import float32, int64
from brasa.ir.errors import DTypeError, GraphError, ShapeError
from brasa.ir.graph import Graph, Node, graph_of, item_types, located, location, rewrite, set_location, topological
from brasa.ir.ops import OPS
from brasa.ir.ops.elementwise import add, exp, mul, neg
from brasa.ir.ops.move import concat
from brasa.ir.ops.source import full, full_like, make_input
from brasa.ir.parsing import parse
from brasa.ir.types import TensorType, TupleType

N = symbol("n")
X = make_input("x", TensorType((N,), float32))
W = make_input("w", TensorType((N,), float32), role="param", path="fc.weight", where="model.py:3")


def test_applying_an_op() -> None:
    with located("model.py:7"):
        node = add(X, W)
    assert (node.op, node.operands, node.where) == (add, (X, W), "model.py:7")
    assert node.tensor == TensorType((N,), float32)
    assert dict(node.attrs) == {}
    with pytest.raises(TypeError):
        node.attrs["axis"] = 1
    assert repr(node) == "<add: f32[n]>"
    assert repr(add) == "<op add>"


def test_errors_show_operands() -> None:
    other = make_input("y", TensorType((3,), float32))
    with located("model.py:9"):
        made = exp(other)
    with pytest.raises(ShapeError) as caught:
        add(W, made)
    assert str(caught.value) == (
        "add: shapes differ, [n] and [3]\n"
        "  lhs  f32[n]  param 'fc.weight'  model.py:3\n"
        "  rhs  f32[3]  result of exp      model.py:9"
    )
    with pytest.raises(DTypeError) as caught_too:
        concat(X, full(TensorType((2,), int64), 0), axis=0)
    assert str(caught_too.value) == (
        "concat: operand 1 is i64, operand 0 is f32\n  x0  f32[n]  input 'x'\n  x1  i64[2]  result of constant"
    )


def test_arity() -> None:
    with pytest.raises(GraphError) as caught:
        add(X)
    assert str(caught.value) == "add: takes (lhs, rhs), not 1 operands\n  lhs  f32[n]  input 'x'"
    with pytest.raises(GraphError, match=r"^exp: takes \(x\), not 2 operands\n  x  f32\[n\]  input 'x'$"):
        exp(X, W)


def test_replace() -> None:
    node = concat(X, W, axis=0)
    other = node.replace((W, W))
    assert (other.operands, other.attrs, other.type) == ((W, W), node.attrs, node.type)
    moved = node.replace((X,), TensorType((N,), float32), axis=1)
    assert (moved.attrs["axis"], moved.tensor.shape, node.attrs["axis"]) == (1, (N,), 0)


def test_several_results_are_no_tensor() -> None:
    graph = parse(
        "graph two(a: f32[2]) {\n  %0: f32[2] = neg(a)\n  return %0, a\n}\n\n"
        "graph main(x: f32[2]) {\n  %0: (f32[2], f32[2]) = call(x, graph=@two)\n  return x\n}",
        OPS,
    )
    (node,) = graph.nodes
    with pytest.raises(GraphError, match="call has several results; take one with item"):
        _ = node.tensor
    assert item_types(node.type) == (TensorType((2,), float32),) * 2
    assert isinstance(node.type, TupleType)


def test_topological_order_is_that_of_first_need() -> None:
    a = exp(X)
    b = neg(W)
    c = mul(b, a)
    d = add(c, a)
    assert topological([d], [X, W]) == (b, a, c, d)
    assert topological([a, d], [X, W]) == (a, b, c, d)
    assert topological([d], [X, W, a]) == (b, c, d)
    assert topological([X], [X]) == ()


def test_deep_graphs_need_no_deep_stack() -> None:
    node = X
    for _ in range(20_000):
        node = exp(node)
    assert len(topological([node], [X])) == 20_000


def test_users() -> None:
    square = mul(X, X)
    total = add(square, X)
    graph = graph_of("f", [X, W], [total])
    assert graph.users == {X: (square, square, total), W: (), square: (total,), total: ()}


def test_rewrite() -> None:
    with located("model.py:1"):
        old = neg(exp(X))
    graph = Graph("f", (X, W), topological([old], [X]), (old, X), ((1, 0),))

    def change(node: Node) -> Node:
        return mul(node.operands[0], full_like(node, -1)) if node.op is neg else node

    made = rewrite(graph, change)
    assert str(made) == (
        'graph f(x: f32[n], w: f32[n] param "fc.weight") {\n'
        "  %0: f32[n] = exp(x)                                            # model.py:1\n"
        "  %1: f32[n] = constant(value=-1)                                # model.py:1\n"
        "  %2: f32[n] = mul(%0, %1)                                       # model.py:1\n"
        "  return %2, x into x\n}"
    )
    assert made.nodes[0] is graph.nodes[0], "what does not change is kept"


def test_locations_nest() -> None:
    set_location("a.py:1")
    with located("b.py:2"):
        assert location() == "b.py:2"
        set_location("c.py:3")
        assert exp(X).where == "c.py:3"
    assert location() == "a.py:1"
    set_location("")


def test_notebooks_show_the_text() -> None:
    x = make_input("x", TensorType((symbol("n"),), float32))
    with located("a<b>&c"):
        shown = graph_of("f", [x], [neg(x)])._repr_html_()
    assert "<pre>graph f(" in shown and "return %0\n}</pre>" in shown
    assert "a&lt;b&gt;&amp;c" in shown and "<b>" not in shown
