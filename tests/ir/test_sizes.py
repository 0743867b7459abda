"""Named sizes in types, attributes and graphs: replacing them, and finding what they stand for."""

from __future__ import annotations

import pytest

from brasa.ir.dim import Size, symbol
from brasa.ir.dtype import float32, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse, parse_type
from brasa.ir.sizes import all_sizes, bind, call_type, graph_symbols, substitute_attr, substitute_graph, substitute_type
from brasa.ir.types import TensorType, TupleType
from brasa.ir.verify import verify

N, M = symbol("n"), symbol("m")
GRAPH = parse(
    """
    graph f(x: f32[n,m], y: f32[m*2]) {
      %0: f32[n*m] = reshape(x, shape=[n*m])
      %1: f32[n*m+m*2] = concat(%0, y, axis=0)
      %2: f32[n-1,m] = slice(x, starts=[1, 0], sizes=[n-1, m], steps=[1, 1])
      %3: i64[n,2] = iota(axis=0)
      return %1, %2, %3
    }
    """,
    OPS,
)


def test_substitution_in_types_and_attributes() -> None:
    type = TensorType((N, N * M), float32, "cuda")
    assert substitute_type(type, {"n": 2}) == TensorType((2, M * 2), float32, "cuda")
    assert substitute_type(TupleType((type,)), {"m": N}) == TupleType((TensorType((N, N * N), float32, "cuda"),))
    attr = ((N, 3), "n", None, type, float32)
    assert substitute_attr(attr, {"n": 5}) == ((5, 3), "n", None, TensorType((5, M * 5), float32, "cuda"), float32)


def test_substitution_in_graphs() -> None:
    made = verify(substitute_graph(GRAPH, {"n": 3, "m": symbol("k")}))
    assert str(made) == (
        "graph f(x: f32[3,k], y: f32[k*2]) {\n"
        "  %0: f32[k*3] = reshape(x, shape=[k*3])\n"
        "  %1: f32[k*5] = concat(%0, y, axis=0)\n"
        "  %2: f32[2,k] = slice(x, starts=[1, 0], sizes=[2, k], steps=[1, 1])\n"
        "  %3: i64[3,2] = iota(axis=0)\n"
        "  return %1, %2, %3\n}"
    )


def test_held_graphs_keep_their_names() -> None:
    text = (
        "graph g(a: f32[n]) {\n  return a\n}\n\ngraph f(x: f32[n]) {\n  %0: f32[n] = call(x, graph=@g)\n  return %0\n}"
    )
    made = substitute_graph(parse(text, OPS), {"n": 4})
    assert "graph g(a: f32[n])" in str(made)
    assert "%0: f32[4] = call(x, graph=@g)" in str(made)


def test_names_and_sizes_of_a_graph() -> None:
    assert graph_symbols(GRAPH) == ("n", "m")
    assert list(all_sizes(GRAPH)) == [N, M, M * 2, N * M, N * M + M * 2, N - 1, M, N, 2]


@pytest.mark.parametrize(
    ("parameters", "arguments", "values"),
    [
        (["f32[n,m]"], ["f32[2,3]"], {"n": 2, "m": 3}),
        (["f32[n]", "f32[n*2]"], ["f32[4]", "f32[8]"], {"n": 4}),
        (["f32[n*2]", "f32[n]"], ["f32[8]", "f32[4]"], {"n": 4}),
        (["f32[n,n]"], ["f32[k,k]"], {"n": symbol("k")}),
        (["f32[]", "i64[0]"], ["f32[]", "i64[0]"], {}),
        (["f32[n]"], ["f32[k*2]"], {"n": symbol("k") * 2}),
    ],
)
def test_binding(parameters: list[str], arguments: list[str], values: dict[str, Size]) -> None:
    assert bind([parse_type(p) for p in parameters], [parse_type(a) for a in arguments]) == values


@pytest.mark.parametrize(
    ("parameter", "argument", "kind", "message"),
    [
        ("f32[n,n]", "f32[2,3]", ShapeError, "f32[2,3] was given for f32[n,n]: 2 is not 3"),
        ("f32[n]", "f32[2,3]", ShapeError, "f32[2,3] was given for f32[n]"),
        ("f32[3]", "f32[2]", ShapeError, "f32[2] was given for f32[3]: 3 is not 2"),
        ("f32[n]", "i64[2]", DTypeError, "i64[2] was given for f32[n]"),
        ("f32[n]", "f32[2]@cuda", DTypeError, "f32[2]@cuda was given for f32[n]"),
        ("f32[n]", "", ShapeError, "takes (f32[n]), not 0 tensors"),
    ],
)
def test_arguments_that_do_not_fit(parameter: str, argument: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        bind([parse_type(parameter)], [parse_type(argument)] if argument else [])
    assert str(caught.value) == message


def test_call_types() -> None:
    one = parse("graph f(a: f32[k]) {\n  return a\n}", OPS)
    assert call_type(one, [TensorType((N * 2,), float32)]) == TensorType((N * 2,), float32)
    types = call_type(GRAPH, [TensorType((2, 3), float32), TensorType((6,), float32)])
    assert types == TupleType(
        (TensorType((12,), float32), TensorType((1, 3), float32), TensorType((2, 2), int64)),
    )
