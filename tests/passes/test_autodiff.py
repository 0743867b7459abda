"""Gradients are right, to second order, and every sum of gradients has the order of the reversed program."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph, graph_of
from brasa.ir.ops.control import call, items
from brasa.ir.ops.elementwise import add
from brasa.ir.sizes import graph_symbols
from brasa.ir.verify import verify
from brasa.passes import autodiff, inline, partial_vjp_graph, vjp_graph
from tests.passes.checks import assert_pass, evaluate, graph, plain, random_arrays, same_bits


def test_gradients_that_meet_are_added_in_reverse_program_order() -> None:
    assert_pass(autodiff, """
        graph g(x: f32[n], g: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = mul(%0, x)
          %2: f32[n] = add(%1, x)
          %3: (f32[n]) = gradient(%2, g, x, outputs=1)
          %4: f32[n] = item(%3, index=0)
          return %4
        }
        """, """
        graph g(x: f32[n], g: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = mul(%0, x)
          %2: f32[n] = add(%1, x)
          %3: f32[n] = mul(g, x)
          %4: f32[n] = mul(g, %0)
          %5: f32[n] = add(g, %4)
          %6: f32[n] = mul(%3, %0)
          %7: f32[n] = add(%5, %6)
          return %7
        }
        """)  # fmt: skip


def test_order_of_accumulation_shows_in_the_bits() -> None:
    tripled = graph("""
        graph g(x: f32[], a: f32[], b: f32[], c: f32[]) {
          %0: f32[] = mul(x, a)
          %1: f32[] = mul(x, b)
          %2: f32[] = mul(x, c)
          %3: f32[] = add(%0, %1)
          %4: f32[] = add(%3, %2)
          %5: f32[] = constant(value=1.0)
          %6: (f32[]) = gradient(%4, %5, x, outputs=1)
          %7: f32[] = item(%6, index=0)
          return %7
        }
        """)
    a, b, c = np.float32(1e8), np.float32(-1e8), np.float32(1.0)
    for first, second, third in ((a, b, c), (c, a, b), (b, c, a), (c, b, a)):
        (found,) = evaluate(autodiff(tripled), [np.float32(2), first, second, third])
        assert found == (third + second) + first
    assert (c + b) + a != (a + b) + c


def test_a_sum_that_has_begun_elsewhere_goes_on() -> None:
    whole = graph("""
        graph f(x: f32[], y: f32[], a: f32[], b: f32[]) {
          %0: f32[] = mul(x, a)
          %1: f32[] = mul(x, b)
          %2: f32[] = add(%0, %1)
          return %2
        }
        """)
    back, reached = partial_vjp_graph(whole, (True, True, False, False), (True,), (True, True, False, False))
    assert reached == (True, False, False, False)
    begun, a, b = np.float32(1.0), np.float32(1e8), np.float32(-1e8)
    (found,) = evaluate(verify(back), [np.float32(2), np.float32(0), a, b, np.float32(1), begun, np.float32(7)])
    assert found == (begun + b) + a != begun + (b + a)


def test_contributions_of_one_node_are_added_in_operand_order() -> None:
    squared = graph("""
        graph g(x: f32[n], y: f32[n], g: f32[n]) {
          %0: f32[n] = mul(x, x)
          %1: (f32[n], f32[n]) = gradient(%0, g, x, y, outputs=1)
          %2: f32[n] = item(%1, index=0)
          %3: f32[n] = item(%1, index=1)
          return %2, %3
        }
        """)
    after = autodiff(squared)
    assert [node.op.name for node in after.nodes] == ["mul", "mul", "mul", "add", "constant"]
    assert after.nodes[3].operands == after.nodes[1:3]


def test_a_call_is_differentiated_as_a_whole() -> None:
    held = "graph half(a: f32[m]) {\n %0: f32[m] = mul(a, a)\n %1: f32[m] = add(%0, a)\n return %0, %1\n }\n"
    after = autodiff(
        graph(
            held
            + """
        graph g(x: f32[n], g: f32[n]) {
          %0: (f32[n], f32[n]) = call(x, graph=@half)
          %1: f32[n] = item(%0, index=1)
          %2: f32[n] = mul(%1, x)
          %3: (f32[n]) = gradient(%2, g, x, outputs=1)
          %4: f32[n] = item(%3, index=0)
          return %4
        }
        """
        )
    )
    assert plain(verify(after)) == plain(
        graph(
            held
            + """
        graph half_vjp(a: f32[m], g0: f32[m]) {
          %0: f32[m] = mul(g0, a)
          %1: f32[m] = add(g0, %0)
          %2: f32[m] = mul(g0, a)
          %3: f32[m] = add(%1, %2)
          return %3
        }
        graph g(x: f32[n], g: f32[n]) {
          %0: (f32[n], f32[n]) = call(x, graph=@half)
          %1: f32[n] = item(%0, index=1)
          %2: f32[n] = mul(%1, x)
          %3: f32[n] = mul(g, x)
          %4: f32[n] = mul(g, %1)
          %5: f32[n] = call(x, %3, graph=@half_vjp)
          %6: f32[n] = add(%4, %5)
          return %6
        }
        """
        )
    )


def test_vjp_graph_is_made_once_and_names_its_gradients_freshly() -> None:
    power = graph("graph g(x: f32[n], y: i64[n]) {\n %0: f32[n] = exp(x)\n return y, %0, %0\n}")
    first = vjp_graph(power, (True, True))
    assert vjp_graph(power, (True, True)) is first
    assert [node.attrs["name"] for node in first.inputs] == ["x", "y", "g0", "g1"]
    assert [str(node.type) for node in first.outputs] == ["f32[n]", "i64[n]"]
    second = vjp_graph(first, (True, False, True, False))
    assert [node.attrs["name"] for node in second.inputs] == ["x", "y", "g0", "g1", "gg0"]
    assert len(second.outputs) == 2


def test_nothing_flows_through_stop_gradient_and_integers() -> None:
    assert_pass(autodiff, """
        graph g(x: f32[n], g: f32[n]) {
          %0: f32[n] = stop_gradient(x)
          %1: i64[n] = cast(x, dtype=i64)
          %2: f32[n] = cast(%1, dtype=f32)
          %3: f32[n] = mul(%0, %2)
          %4: (f32[n]) = gradient(%3, g, x, outputs=1)
          %5: f32[n] = item(%4, index=0)
          return %5
        }
        """, """
        graph g(x: f32[n], g: f32[n]) {
          %0: f32[n] = stop_gradient(x)
          %1: i64[n] = cast(x, dtype=i64)
          %2: f32[n] = cast(%1, dtype=f32)
          %3: f32[n] = mul(%0, %2)
          %4: f32[n] = constant(value=0)
          return %4
        }
        """)  # fmt: skip


def test_an_op_without_gradient_names_itself() -> None:
    with pytest.raises(GradientError, match="fused: has no gradient: made after autodiff"):
        autodiff(
            graph("""
            graph region(x: f32[n]) {
              return x
            }
            graph g(x: f32[n], g: f32[n]) {
              %0: f32[n] = fused(x, graph=@region)
              %1: (f32[n]) = gradient(%0, g, x, outputs=1)
              %2: f32[n] = item(%1, index=0)
              return %2
            }
            """)
        )


# Scalar functions of x and y to differentiate: the lines, the last of which is the value.
FUNCTIONS = {
    "product": "%0: f64[n,3] = mul(x, y)\n %1: f64[] = sum(%0, axes=[0,1])",
    "diamond": """%0: f64[n,3] = exp(x)
        %1: f64[n,3] = mul(%0, y)
        %2: f64[n,3] = sin(%0)
        %3: f64[n,3] = div(%1, %2)
        %4: f64[] = sum(%3, axes=[0,1])""",
    "shared operands": """%0: f64[n,3] = mul(x, x)
        %1: f64[n,3] = mul(%0, x)
        %2: f64[n,3] = sub(%1, y)
        %3: f64[n,3] = mul(%2, %2)
        %4: f64[] = sum(%3, axes=[0,1])""",
    "softmax": """%0: f64[n] = max(x, axes=[1])
        %1: f64[n,1] = reshape(%0, shape=[n,1])
        %2: f64[n,3] = expand(%1, shape=[n,3])
        %3: f64[n,3] = sub(x, %2)
        %4: f64[n,3] = exp(%3)
        %5: f64[n] = sum(%4, axes=[1])
        %6: f64[n,1] = reshape(%5, shape=[n,1])
        %7: f64[n,3] = expand(%6, shape=[n,3])
        %8: f64[n,3] = div(%4, %7)
        %9: f64[n,3] = mul(%8, y)
        %10: f64[] = sum(%9, axes=[0,1])""",
    "matmul": """%0: f64[3,n] = permute(y, axes=[1,0])
        %1: f64[n,n] = matmul(x, %0, order="chain")
        %2: f64[n,n] = tanh(%1)
        %3: f64[n,3] = matmul(%2, x, order="chain")
        %4: f64[] = sum(%3, axes=[0,1])""",
    "views and moves": """%0: f64[n,2] = slice(x, starts=[0,0], sizes=[n,2], steps=[1,2])
        %1: f64[n,2] = mul(%0, %0)
        %2: f64[] = constant(value=2.0)
        %3: f64[n,4] = pad(%1, %2, low=[0,1], high=[0,1])
        %4: f64[n,7] = concat(%3, y, axis=1)
        %5: f64[n,7] = exp(%4)
        %6: f64[n,7] = update(%5, x, starts=[0,1], steps=[1,2])
        %7: f64[n*7] = reshape(%6, shape=[n*7])
        %8: f64[n*7] = mul(%7, %7)
        %9: f64[] = sum(%8, axes=[0])""",
    "gather and scatter": """%0: i64[n,2] = constant(value=1)
        %1: f64[n,2] = gather(x, %0, axis=1)
        %2: f64[n,2] = mul(%1, %1)
        %3: f64[n,3] = scatter_add(y, %0, %2, axis=1)
        %4: f64[n,3] = mul(%3, x)
        %5: f64[] = sum(%4, axes=[0,1])""",
    "call": """%0: (f64[n,3], f64[n,3]) = call(x, y, graph=@pair)
        %1: f64[n,3] = item(%0, index=0)
        %2: f64[n,3] = item(%0, index=1)
        %3: f64[n,3] = mul(%1, x)
        %4: f64[n,3] = call(%3, graph=@inner)
        %5: f64[n,3] = mul(%4, %2)
        %6: f64[] = sum(%5, axes=[0,1])""",
}  # fmt: skip
_HELD = """
graph inner(a: f64[p,q]) {
  %0: f64[p,q] = tanh(a)
  %1: f64[p,q] = mul(%0, a)
  return %1
}
graph pair(a: f64[p,q], b: f64[p,q]) {
  %0: f64[p,q] = mul(a, b)
  %1: f64[p,q] = call(%0, graph=@inner)
  %2: f64[p,q] = mul(%1, a)
  return %1, %2
}
"""


def derivative(lines: str, order: int) -> Graph:
    """A graph of the function and its slope along v (order 1), or of that slope and its own along v (order 2)."""
    last = lines.count("\n")
    text = (
        lines
        + f"""
        %{last + 1}: f64[] = constant(value=1.0)
        %{last + 2}: (f64[n,3]) = gradient(%{last}, %{last + 1}, x, outputs=1)
        %{last + 3}: f64[n,3] = item(%{last + 2}, index=0)
        %{last + 4}: f64[n,3] = mul(%{last + 3}, v)
        %{last + 5}: f64[] = sum(%{last + 4}, axes=[0,1])"""
    )
    if order == 1:
        return graph(
            _HELD + f"graph f(x: f64[n,3], y: f64[n,3], v: f64[n,3]) {{\n {text}\n return %{last}, %{last + 5}\n }}"
        )
    text += f"""
        %{last + 6}: (f64[n,3]) = gradient(%{last + 5}, %{last + 1}, x, outputs=1)
        %{last + 7}: f64[n,3] = item(%{last + 6}, index=0)
        %{last + 8}: f64[n,3] = mul(%{last + 7}, v)
        %{last + 9}: f64[] = sum(%{last + 8}, axes=[0,1])"""
    return graph(
        _HELD + f"graph f(x: f64[n,3], y: f64[n,3], v: f64[n,3]) {{\n {text}\n return %{last + 5}, %{last + 9}\n }}"
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_is_the_limit_of_differences(name: str, order: int) -> None:
    """Along a random direction v; in second order, of the first derivative along v."""
    before = derivative(FUNCTIONS[name], order)
    after = verify(autodiff(before))
    x, y, v = random_arrays(before, {"n": 4}, seed=order)
    step = 1e-5
    _, slope = evaluate(after, [x, y, v])
    above, _ = evaluate(after, [x + step * v, y, v])
    below, _ = evaluate(after, [x - step * v, y, v])
    assert slope == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-6)
    for left, right in zip(evaluate(after, [x, y, v]), evaluate(verify(inline(after)), [x, y, v]), strict=True):
        assert same_bits(left, right)


def test_a_gradient_that_is_differentiated_is_made_of_whole_vjp_graphs() -> None:
    """As in eager mode, where the backward graph of each function is one function."""
    after = autodiff(derivative("%0: f64[n,3] = mul(x, x)\n %1: f64[] = sum(%0, axes=[0,1])", 2))
    calls = [node.attrs["graph"].name for node in after.nodes if node.op.name == "call"]
    assert calls == ["sum_vjp", "mul_vjp", "mul_vjp_vjp"]


def test_a_backward_has_no_gradient_by_what_it_does_not_read() -> None:
    """As in eager mode, which does not keep it: a 0 that is added would make 0 of -0."""
    after = autodiff(derivative(FUNCTIONS["product"], 2))
    assert [node.attrs["graph"].name for node in after.nodes if node.op.name == "call"] == ["sum_vjp", "mul_vjp"]


def test_a_gradient_inside_a_called_graph_is_expanded() -> None:
    after = autodiff(
        graph("""
        graph slope(a: f32[m]) {
          %0: f32[m] = exp(a)
          %1: f32[m] = constant(value=1.0)
          %2: (f32[m]) = gradient(%0, %1, a, outputs=1)
          %3: f32[m] = item(%2, index=0)
          return %3
        }
        graph g(x: f32[n], g: f32[n]) {
          %0: f32[n] = call(x, graph=@slope)
          %1: (f32[n]) = gradient(%0, g, x, outputs=1)
          %2: f32[n] = item(%1, index=0)
          return %0, %2
        }
        """)
    )
    x, g = random_arrays(after, {"n": 5}, seed=1)
    value, slope = evaluate(verify(after), [x, g])
    assert same_bits(value, np.exp(x))
    assert same_bits(slope, g * np.exp(x))


def test_call_and_eager_functions_add_up_alike() -> None:
    """The gradient of x + f(x) is g plus the sum that f's vjp graph makes inside: what a tape does."""
    part = graph("""
        graph part(a: f32[m]) {
          %0: f32[m] = mul(a, a)
          %1: f32[m] = mul(%0, a)
          %2: f32[m] = add(%1, a)
          return %2
        }
        """)
    (x, g) = graph("graph g(x: f32[n], g: f32[n]) {\n return x\n}").inputs
    (value,) = items(call(x, graph=part))
    whole = graph_of("g", (x, g), (add(x, value),))
    back = vjp_graph(whole, (True, False))
    arrays = random_arrays(back, dict.fromkeys(graph_symbols(back), 50), seed=3)
    (compiled,) = evaluate(back, arrays)
    (inner,) = evaluate(vjp_graph(part, (True,)), [arrays[0], arrays[2]])
    assert same_bits(compiled, arrays[2] + inner)


def test_gradients_of_a_program_are_calls_of_functions_of_their_own() -> None:
    """So their own gradients add up as those of the functions that eager mode runs back."""
    program = graph("""
        graph compiled(x: f32[n]) {
          %0: f32[n] = exp(x)
          %1: f32[n] = mul(%0, x)
          return %1
        }
        """)
    whole, flat = vjp_graph(program, (True,), whole=True), vjp_graph(program, (True,))
    assert whole is vjp_graph(program, (True,), whole=True)
    assert (whole.name, flat.name) == ("compiled", "compiled_vjp")
    assert [node.attrs["graph"].name for node in whole.nodes if node.op.name == "call"] == ["mul_vjp", "exp_vjp"]
    arrays = random_arrays(flat, {"n": 9}, seed=4)
    assert same_bits(evaluate(whole, arrays)[0], evaluate(flat, arrays)[0])
    partial, reached = partial_vjp_graph(program, (True,), (True,), (True,), whole=True)
    assert (partial.name, reached) == ("compiled", (True,))
