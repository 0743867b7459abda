"""Symbolic sizes: algebra against evaluation at random sizes, normal forms, text, bounds, and solvers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brasa.ir import dim
from brasa.ir.dim import Dim, Relation, Size, symbol
from brasa.ir.errors import ParseError
from brasa.ir.parsing import parse_size

N, M, K = symbol("n"), symbol("m"), symbol("k")
NAMES = ("n", "m", "k")
Function = Callable[[dict[str, int]], int]


def _combined(parts: st.SearchStrategy[tuple[Size, Function]]) -> st.SearchStrategy[tuple[Size, Function]]:
    """Two sizes and an operation: the size that it makes, and what it must evaluate to by Python's own integers."""

    def both(pair: tuple[str, tuple[Size, Function], tuple[Size, Function]]) -> tuple[Size, Function]:
        operation, (a, f), (b, g) = pair
        match operation:
            case "+":
                return a + b, lambda at: f(at) + g(at)
            case "-":
                return a - b, lambda at: f(at) - g(at)
            case "*":
                return a * b, lambda at: f(at) * g(at)
            case "min":
                return dim.smallest(a, b), lambda at: min(f(at), g(at))
            case "max":
                return dim.largest(a, b), lambda at: max(f(at), g(at))
            case "//":
                divisor = dim.largest(b, 1)
                return dim.floor_divide(a, divisor), lambda at: f(at) // max(g(at), 1)
        divisor = dim.largest(b, 1)
        return dim.remainder(a, divisor), lambda at: f(at) % max(g(at), 1)

    return st.tuples(st.sampled_from(["+", "-", "*", "min", "max", "//", "%"]), parts, parts).map(both)


def _constant(value: int) -> tuple[Size, Function]:
    return value, lambda _: value


def _named(name: str) -> tuple[Size, Function]:
    return symbol(name), lambda at: at[name]


EXPRESSIONS = st.recursive(
    st.integers(0, 9).map(_constant) | st.sampled_from(NAMES).map(_named), _combined, max_leaves=8
)
SIZES = EXPRESSIONS.map(lambda pair: pair[0])
VALUES = st.fixed_dictionaries({name: st.integers(0, 12) for name in NAMES})


@given(EXPRESSIONS, VALUES)
def test_algebra_agrees_with_integers(pair: tuple[Size, Function], at: dict[str, int]) -> None:
    size, function = pair
    assert dim.evaluate(size, at) == function(at)


@given(SIZES)
def test_text_reads_back(size: Size) -> None:
    assert parse_size(str(size)) == size


@given(SIZES, SIZES, SIZES)
def test_laws(a: Size, b: Size, c: Size) -> None:
    """What algebra proves, it proves by equal normal forms."""
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == 0
    assert a + 0 == a == a * 1
    assert a * 0 == 0
    assert hash(a + b) == hash(b + a)


@given(SIZES, VALUES)
def test_lower_bound(size: Size, at: dict[str, int]) -> None:
    bound = dim.lower_bound(size)
    if bound is not None:
        assert dim.evaluate(size, at) >= bound


@given(SIZES, SIZES)
def test_exact_division(a: Size, b: Size) -> None:
    """What is a product divides by its factors again, where algebra finds it; and never to a wrong quotient."""
    quotient = dim.divide_exactly(a * b, b)
    if quotient is not None:
        assert quotient * b == a * b


@given(SIZES, VALUES)
def test_substitution(size: Size, at: dict[str, int]) -> None:
    """In one step or in two."""
    first = dim.substitute(size, {"n": at["n"]})
    assert dim.evaluate(first, at) == dim.evaluate(size, at)
    assert set(dim.symbols(first)) <= set(dim.symbols(size)) - {"n"}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (N, "n"),
        (N * 4, "n*4"),
        (N + N + N + N, "n*4"),
        (4 - N, "-n+4"),
        (M * N + 1, "m*n+1"),
        (N * N - N, "n*n-n"),
        ((N - 4) // 2, "n//2-2"),
        ((N - 3) // 2, "(n-3)//2"),
        ((N - 1) // 2 + 1, "(n-1)//2+1"),
        (N // 2 * 3, "(n//2)*3"),
        (N % 4, "n%4"),
        ((N * 5 + 6) % 4, "(n+2)%4"),
        (dim.smallest(N, 5), "min(n, 5)"),
        (dim.largest(N + 1, M) * 2, "max(n+1, m)*2"),
        (dim.ceil_divide(N, 8), "(n+7)//8"),
        (-1 // (N + 1), "(-1)//(n+1)"),
    ],
)
def test_text(size: Size, text: str) -> None:
    assert str(size) == text
    assert repr(size) == text


@pytest.mark.parametrize(
    ("size", "simple"),
    [
        ((N * 6) // 3, N * 2),
        ((N * M) // M, N),
        ((N * M * 4) // (M * 2), N * 2),
        ((N * 4 + 5) // 4, N + 5 // 4),
        ((N * 4 + M) // 4, N + M // 4),
        ((N + M) // (N + M), 1),
        ((N * 6) % 3, 0),
        ((N * M) % M, 0),
        ((N * 7) % 3, N % 3),
        (dim.smallest(N, N + 2), N),
        (dim.largest(N, N + 2), N + 2),
        (dim.product([N, 2, M]), N * M * 2),
        (dim.product([]), 1),
        (7 // symbol("n") * 0, 0),
        (dim.remainder(7, 3), 1),
    ],
)
def test_simplification(size: Size, simple: Size) -> None:
    assert size == simple


def test_plain_integers_are_no_dims() -> None:
    assert N - N == 0
    assert isinstance(N * 0 + 3, int)
    assert N != 3
    assert N != "n"
    assert {N * 2: "twice"}[N + N] == "twice"


def test_is_symbol() -> None:
    assert N.is_symbol
    assert not any(size.is_symbol for size in (N * 2, N * N, N + 1, dim.smallest(N, 2)) if isinstance(size, Dim))


@pytest.mark.parametrize(
    ("size", "bound"),
    [
        (5, 5), (N, 0), (N + 3, 3), (N * M + 1, 1), (N - 1, -1), (3 - N, None), (N // 2, 0), (N // 2 + 4, 4),
        (N % 4 + 1, 1), ((N - 1) % 4, 0), ((N - 3) // 2, None), (dim.smallest(N, 4), 0), (dim.largest(N - 5, 0), 0),
        (dim.smallest(N - 5, 1), None), (N // M, None), (N // (M + 1), 0),
        (N - N // 2 * 2, 0), (N - N // 2 * 3, None), (N * 3 - (N + M) // 2 * 2 + M + 1, 1), (-(N // 2), None),
    ],
)  # fmt: skip
def test_bounds(size: Size, bound: int | None) -> None:
    assert dim.lower_bound(size) == bound


def test_unbound_names() -> None:
    with pytest.raises(KeyError, match="m"):
        dim.evaluate(N + M, {"n": 1})


def test_symbols_in_order() -> None:
    assert dim.symbols(N * M + dim.smallest(K, N) // 2) == ("m", "n", "k")
    assert dim.symbols(5) == ()


class Traced:
    """A solver that knows the sizes of a call and keeps what it was asked."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.asked: list[str] = []

    def decide(self, lhs: Size, relation: Relation, rhs: Size) -> bool:
        self.asked.append(f"{lhs} {relation} {rhs}")
        a, b = dim.evaluate(lhs, self.sizes), dim.evaluate(rhs, self.sizes)
        return a == b if relation == "==" else a <= b

    def fix(self, size: Size) -> int:
        self.asked.append(f"fix {size}")
        return dim.evaluate(size, self.sizes)


def test_without_a_solver() -> None:
    assert not dim.equal(N, M)
    assert dim.equal(N * 2, N + N)
    assert dim.at_most(N, M), "is checked when it runs"
    assert not dim.at_most(N + 1, N)
    assert dim.constant(N) is None
    assert dim.constant(4) == 4


def test_a_solver_decides_only_what_algebra_cannot() -> None:
    solver = Traced(n=3, m=3, k=5)
    with dim.solving(solver):
        assert dim.equal(N, M)
        assert not dim.equal(N, K)
        assert not dim.equal(N, N + 1)
        assert dim.at_most(N, K)
        assert not dim.at_most(K, N)
        assert dim.at_most(N, N + 4)
        assert dim.at_most(0, N)
        assert dim.constant(K) == 5
    assert solver.asked == ["n == m", "n == k", "n <= k", "k <= n", "fix k"]


def test_solvers_nest_and_end_with_their_block() -> None:
    outer, inner = Traced(n=1, m=1), Traced(n=1, m=2)
    with dim.solving(outer):
        with dim.solving(inner):
            assert not dim.equal(N, M)
        with pytest.raises(ZeroDivisionError), dim.solving(None):
            assert not dim.equal(N, M)
            _ = Fraction(1, 0)
        assert dim.equal(N, M)
    assert not dim.equal(N, M)


@pytest.mark.parametrize(
    ("text", "column", "fact"),
    [
        ("n+", 3, "expected a size, found the end"),
        ("n 4", 3, "expected the end of the size, found '4'"),
        ("n*%", 3, "expected a size, found '%'"),
        ("(n", 3, "expected ')', found the end"),
        ("min(n)", 6, "expected ',', found ')'"),
        ("n$", 2, "unexpected character '$'"),
        ("", 1, "expected a size, found the end"),
    ],
)
def test_text_that_is_no_size(text: str, column: int, fact: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_size(text)
    assert str(caught.value) == f"line 1, column {column}: {fact}\n  {text}\n  {' ' * (column - 1)}^"


def test_nothing_divides_without_a_rest() -> None:
    assert symbol("n") * 0 // symbol("m") == 0
    assert dim.divide_exactly(0, symbol("n")) == 0
    assert dim.remainder(0, symbol("n")) == 0
