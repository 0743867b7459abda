"""Graphs as text: printing, reading back, and errors that mark the place."""

from __future__ import annotations

import pytest

from brasa.ir.dim import symbol
from brasa.ir.dtype import float32
from brasa.ir.errors import ParseError
from brasa.ir.graph import Graph, graph_of
from brasa.ir.ops import OPS
from brasa.ir.ops.control import call
from brasa.ir.ops.elementwise import add, exp, mul
from brasa.ir.ops.source import make_input
from brasa.ir.parsing import parse
from brasa.ir.printing import held_graphs, print_attr
from brasa.ir.types import TensorType

GRAPHS = [
    """\
graph step(x: f32[n,784], w: f32[784,10] param "fc.weight", b: f32[10] param "fc.bias", lr: f32[] number) {
  %0: f32[n,10] = matmul(x, w, order="chain")                    # model.py:14 fc
  %1: f32[n,10] = expand(b, shape=[n, 10])
  %2: f32[n,10] = add(%0, %1)                                    # model.py:14 fc
  return %2, w into w
}""",
    "graph nothing() {\n  return\n}",
    "graph same(x: f32[]@cuda:1) {\n  return x, x\n}",
    "graph strided(x: f32[n,m] strides(s,1), y: f32[3,n] strides(0,1)) {\n  return x\n}",
    """\
graph attrs(x: f32[n,4]) {
  %0: f32[n*4] = reshape(x, shape=[n*4])
  %1: f32[n,2] = slice(x, starts=[0, 3], sizes=[n, 2], steps=[1, -2])
  %2: f32[] = constant(value=-inf)
  %3: f32[] = constant(value=1e-05)
  %4: i64[] = constant(value=n*4-1)
  %5: f64[n,4] = cast(x, dtype=f64)
  return %0, %1, %2, %3, %4, %5
}""",
    """\
graph inner(a: f32[k]) {
  %0: f32[k] = exp(a)
  return %0, a
}

graph outer(x: f32[n]) {
  %0: (f32[n], f32[n]) = call(x, graph=@inner)
  %1: f32[n] = item(%0, index=1)
  %2: (f32[n], f32[n]) = call(%1, graph=@inner)
  return %1
}""",
]


@pytest.mark.parametrize("text", GRAPHS)
def test_round_trip(text: str) -> None:
    graph = parse(text, OPS)
    assert str(graph) == text
    assert str(parse(str(graph), OPS)) == text


def test_what_is_read() -> None:
    graph = parse(GRAPHS[0], OPS)
    assert graph.name == "step"
    assert graph.updates == ((1, 1),)
    assert [node.where for node in graph.nodes] == ["model.py:14 fc", "", "model.py:14 fc"]
    assert graph.inputs[1].origin == "param 'fc.weight'"
    assert graph.inputs[0].origin == "input 'x'"
    assert graph.inputs[0].tensor == TensorType((symbol("n"), 784), float32)
    assert graph.outputs == (graph.nodes[2], graph.inputs[1])


def test_held_graphs_are_shared() -> None:
    graph = parse(GRAPHS[5], OPS)
    first, _, second = graph.nodes
    assert first.attrs["graph"] is second.attrs["graph"]
    assert held_graphs(graph) == (first.attrs["graph"],)


def test_space_and_comments_do_not_matter() -> None:
    loose = "# a step\ngraph f ( x :f32[ n ,2 ] )\n{ %0:f32[n,2]=add(x,x) # here\n\n return %0 }"
    tight = "graph f(x: f32[n,2]) {\n  %0: f32[n,2] = add(x, x)" + " " * 39 + "# here\n  return %0\n}"
    assert str(parse(loose, OPS)) == tight


def test_graphs_of_one_name_are_numbered() -> None:
    x = make_input("x", TensorType((2,), float32))
    one, two = graph_of("f", [x], [exp(x)]), graph_of("f", [x], [mul(x, x)])
    main = graph_of("f", [x], [add(call(x, graph=one), call(x, graph=two))])
    heads = [line for line in str(main).split("\n") if line.startswith("graph")]
    assert heads == ["graph f(x: f32[2]) {", "graph f_2(x: f32[2]) {", "graph f_3(x: f32[2]) {"]
    assert str(parse(str(main), OPS)) == str(main)


def test_long_heads_are_broken() -> None:
    inputs = [make_input(f"input_number_{i}", TensorType((symbol("n"), 4), float32)) for i in range(6)]
    text = str(Graph("wide", tuple(inputs), (), (inputs[0],)))
    assert text.startswith("graph wide(\n    input_number_0: f32[n,4],\n")
    assert str(parse(text, OPS)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (None, "none"), (3, "3"), (-2.5, "-2.5"), (float("inf"), "inf"), ("a\"b\\c", '"a\\"b\\\\c"'),
        ((1, (symbol("n"), "x")), '[1, [n, "x"]]'), (float32, "f32"), (TensorType((2,), float32), "f32[2]"), ((), "[]"),
    ],
)  # fmt: skip
def test_attributes(value: object, text: str) -> None:
    assert print_attr(value, {}) == text


def test_attributes_read_back() -> None:
    """Through an op that takes anything: an unknown attribute would be an error only when its type is inferred."""
    values = (
        True,
        None,
        3,
        -2,
        -2.5,
        float("inf"),
        'a"b\\c',
        (1, (symbol("n"), "x")),
        float32,
        TensorType((2,), float32),
        (),
    )
    for value in values:
        text = f"graph f(x: f32[n]) {{\n  %0: f32[n] = constant(value={print_attr(value, {})})\n  return %0\n}}"
        assert parse(text, OPS).nodes[0].attrs["value"] == value


def test_what_has_no_text() -> None:
    with pytest.raises(TypeError, match="attribute of type set"):
        print_attr({1}, {})


HEAD = "graph f(x: f32[n,2]) {\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "fact"),
    [
        ("", 1, 1, "expected a graph, found the end"),
        ("grap f", 1, 1, "expected 'graph', found 'grap'"),
        ("graph f(x) {", 1, 10, "expected ':', found ')'"),
        ("graph f(x: f32[2], x: f32[2]) {\n  return\n}", 1, 20, "'x' is defined twice"),
        (HEAD, 2, 1, "expected a value's name, found the end"),
        (HEAD + "  %0: f32[n,2] = exp(y)", 2, 22, "'y' is not defined here"),
        (HEAD + "  %0: f32[n,2] = expp(x)", 2, 18, "there is no op 'expp'"),
        (HEAD + "  %0: f32[n,3] = exp(x)", 2, 18, "exp gives f32[n,2], the text says f32[n,3]"),
        (HEAD + "  %0: f32[n,2] = exp(x)\n  %0: f32[n,2] = exp(x)", 3, 3, "'%0' is defined twice"),
        (HEAD + "  %0: f32[n,2] = exp(x) ;", 2, 25, "unexpected character ';'"),
        (HEAD + "  %0: f32[n] = call(x, graph=@g)", 2, 30, "graph @g is not defined above"),
        (HEAD + "  %0: f32[2,n] = permute(x, axes=[0, 0])", 2, 18,
         "permute: [0, 0] is not an order of the 2 axes\n  x  f32[n,2]  input 'x'"),
        (HEAD + "  return %1\n}", 2, 10, "'%1' is not defined here"),
        (HEAD + "  return x into y\n}", 2, 17, "'y' is not defined here"),
        (HEAD + "  %0: f32[n,2] = exp(x)\n  return %0 into %0\n}", 3, 18, "only an input can be written to"),
        (HEAD + "  return x", 2, 11, "expected ',', found the end"),
    ],
)  # fmt: skip
def test_errors_mark_the_place(text: str, line: int, column: int, fact: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, OPS)
    shown = text.split("\n")[line - 1]
    assert str(caught.value) == f"line {line}, column {column}: {fact}\n  {shown}\n  {' ' * (column - 1)}^"


def test_missing_attributes_are_named() -> None:
    with pytest.raises(ParseError, match=r"^line 2, column 18: permute: .*'axes'"):
        parse(HEAD + "  %0: f32[2,n] = permute(x)\n  return %0\n}", OPS)
