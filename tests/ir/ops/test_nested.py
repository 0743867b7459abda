"""Loops and branches mean what the same loops over NumPy arrays do; their text parses back."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir.errors import GradientError
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.verify import verify
from brasa.passes import vjp_graph

CELL = """
graph cell(h: f64[k], x: f64[k], w: f64[k]) {
  %0: f64[k] = mul(h, w)
  %1: f64[k] = add(%0, x)
  %2: f64[k] = neg(%1)
  return %1, %2
}
"""


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_scan_is_the_loop(reverse: bool, steps: int) -> None:
    graph = verify(parse(f"""{CELL}
        graph loop(h: f64[n], xs: f64[t,n], w: f64[n]) {{
          %0: (f64[n], f64[t,n]) = scan(h, xs, w, graph=@cell, carries=1, sequences=1, length=t,
                                        reverse={str(reverse).lower()})
          %1: f64[n] = item(%0, index=0)
          %2: f64[t,n] = item(%0, index=1)
          return %1, %2
        }}""", OPS))  # fmt: skip
    assert str(parse(str(graph), OPS)) == str(graph)
    rng = np.random.default_rng(0)
    h, xs, w = rng.normal(size=3), rng.normal(size=(steps, 3)), rng.normal(size=3)
    end, results = interpret(graph, [h, xs, w])
    wanted = np.zeros_like(xs)
    for step in range(steps)[:: -1 if reverse else 1]:
        h = h * w + xs[step]
        wanted[step] = -h
    np.testing.assert_array_equal(end, h)
    np.testing.assert_array_equal(results, wanted)


def test_while_has_no_gradient() -> None:
    graph = parse("""
        graph body(go: bool[], x: f32[n]) {
          %0: bool[] = constant(value=false)
          return %0, x
        }
        graph loop(go: bool[], x: f32[n]) {
          %0: f32[n] = while(go, x, graph=@body, carries=2)
          return %0
        }""", OPS)  # fmt: skip
    with pytest.raises(GradientError) as error:
        vjp_graph(graph, (False, True))
    assert str(error.value) == (
        "while_loop: has no gradient: nobody knows how many steps it will take\n"
        "  x0  bool[]  input 'go'\n"
        "  x1  f32[n]  input 'x'\n"
        "  hint: give it max_steps"
    )
