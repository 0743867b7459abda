"""Every rule of simplify fires on its examples and keeps every bit there, also of zeros, infinities, NaN, denormals."""

from __future__ import annotations

import pytest

from brasa.ir.dtype import BY_NAME
from brasa.passes.rules import RULES, Rule, holds_exactly
from brasa.passes.simplify import simplify
from tests.passes.checks import assert_same_meaning, graph, plain

# For each rule, graphs in which it applies: the inputs, the lines, the type of the last.
EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "Reshaping twice is reshaping once.": [
        ("x: f32[n,6]", "%0: f32[n*6] = reshape(x, shape=[n*6])\n %1: f32[6,n] = reshape(%0, shape=[6,n])")],
    "A reshape to the same shape is its operand.": [("x: f32[n,6]", "%0: f32[n,6] = reshape(x, shape=[n,6])")],
    "Permuting twice is permuting once.": [
        ("x: f32[n,6,m]",
         "%0: f32[m,n,6] = permute(x, axes=[2,0,1])\n %1: f32[n,m,6] = permute(%0, axes=[1,0,2])")],
    "A permute that moves nothing is its operand.": [("x: f32[n,6]", "%0: f32[n,6] = permute(x, axes=[0,1])")],
    "A permute that moves only axes of size 1 is a reshape.": [
        ("x: f32[n,1,m,1]", "%0: f32[1,n,1,m] = permute(x, axes=[1,0,3,2])")],
    "Expanding twice is expanding once.": [
        ("x: f32[1,m], y: f32[n]",
         "%0: f32[n,m] = expand(x, shape=[n,m])\n %1: f32[3,n,m] = expand(%0, shape=[3,n,m])")],
    "An expand to the same shape is its operand.": [("x: f32[n,6]", "%0: f32[n,6] = expand(x, shape=[n,6])")],
    "An expand that only adds axes of size 1 is a reshape.": [
        ("x: f32[n,6]", "%0: f32[1,1,n,6] = expand(x, shape=[1,1,n,6])")],
    "Expanding puts axes of size 1 in front by itself.": [
        ("x: f32[m], y: f32[n]", "%0: f32[1,m] = reshape(x, shape=[1,m])\n %1: f32[n,m] = expand(%0, shape=[n,m])"),
        ("x: f32[], y: f32[n]", "%0: f32[1] = reshape(x, shape=[1])\n %1: f32[2,n] = expand(%0, shape=[2,n])")],
    "A reshape that keeps repeated axes apart is done before expanding.": [
        ("x: f32[m], y: f32[n]",
         "%0: f32[n,3,m] = expand(x, shape=[n,3,m])\n %1: f32[n*3,m] = reshape(%0, shape=[n*3,m])"),
        ("x: f32[n,3,1], y: f32[m]",
         "%0: f32[n,3,m] = expand(x, shape=[n,3,m])\n %1: f32[n*3,m] = reshape(%0, shape=[n*3,m])"),
        ("x: f32[n,1]", "%0: f32[n,6] = expand(x, shape=[n,6])\n %1: f32[n,2,3] = reshape(%0, shape=[n,2,3])")],
    "One repeated element looks the same from everywhere.": [
        ("x: f32[1,1], y: f32[n,m]",
         "%0: f32[n,m] = expand(x, shape=[n,m])\n %1: f32[m,n] = permute(%0, axes=[1,0])"),
        ("x: f32[], y: f32[n]",
         "%0: f32[n] = expand(x, shape=[n])\n %1: f32[2] = slice(%0, starts=[0], sizes=[2], steps=[1])")],
    "A slice of a slice is one slice.": [
        ("x: f32[10,8]",
         "%0: f32[4,8] = slice(x, starts=[8,0], sizes=[4,8], steps=[-2,1])\n"
         " %1: f32[2,3] = slice(%0, starts=[0,1], sizes=[2,3], steps=[3,2])")],
    "A slice of all elements is its operand.": [
        ("x: f32[n,6]", "%0: f32[n,6] = slice(x, starts=[0,0], sizes=[n,6], steps=[1,1])")],
    "A view of one constant value is that constant.": [
        ("x: f32[n,m]", f"%0: f32[n,m] = constant(value=-0.0)\n %1: {view}")
        for view in ("f32[n*m] = reshape(%0, shape=[n*m])", "f32[m,n] = permute(%0, axes=[1,0])",
                     "f32[2,n,m] = expand(%0, shape=[2,n,m])",
                     "f32[1,m] = slice(%0, starts=[1,0], sizes=[1,m], steps=[1,1])")],
    "Once gradients are in place, stop_gradient is its operand.": [("x: f32[n]", "%0: f32[n] = stop_gradient(x)")],
    "Padding by nothing is the operand.": [
        ("x: f32[n,2], y: f32[]", "%0: f32[n,2] = pad(x, y, low=[0,0], high=[0,0])")],
    "The inside of padding is what was padded.": [
        ("x: f32[n,2], y: f32[]", "%0: f32[n+3,5] = pad(x, y, low=[1,0], high=[2,3])\n"
         " %1: f32[n,2] = slice(%0, starts=[1,0], sizes=[n,2], steps=[1,1])")],
    "A concatenation of one is its operand.": [("x: f32[n,2]", "%0: f32[n,2] = concat(x, axis=1)")],
    "An update of all elements is the new value.": [
        ("x: f32[n], y: f32[n]", "%0: f32[n] = update(x, y, starts=[0], steps=[1])")],
    "What an update wrote is what a slice reads there.": [
        ("x: f32[9], y: f32[3]", "%0: f32[9] = update(x, y, starts=[7], steps=[-2])\n"
         " %1: f32[3] = slice(%0, starts=[7], sizes=[3], steps=[-2])")],
    "Two signs cancel.": [
        (f"x: {t}[n]", f"%0: {t}[n] = neg(x)\n %1: {t}[n] = neg(%0)") for t in ("f32", "f16", "bf16", "i8")],
    "not undoes not.": [
        (f"x: {t}[n]", f"%0: {t}[n] = not(x)\n %1: {t}[n] = not(%0)") for t in ("bool", "i64", "u8")],
    "abs ignores a sign.": [
        (f"x: {t}[n]", f"%0: {t}[n] = {f}(x)\n %1: {t}[n] = abs(%0)") for t in ("f32", "i64") for f in ("neg", "abs")],
    "Adding an opposite is subtracting.": [
        (f"x: {t}[n], y: {t}[n]", f"%0: {t}[n] = neg(y)\n %1: {t}[n] = add({pair})")
        for t in ("f32", "f16", "bf16", "i64") for pair in ("x, %0", "%0, x")],
    "Subtracting an opposite is adding.": [
        (f"x: {t}[n], y: {t}[n]", f"%0: {t}[n] = neg(y)\n %1: {t}[n] = sub(x, %0)") for t in ("f32", "f16", "i64")],
    "Signs cancel in a product.": [
        (f"x: {t}[n], y: {t}[n]", f"%0: {t}[n] = neg(x)\n %1: {t}[n] = neg(y)\n %2: {t}[n] = mul(%0, %1)")
        for t in ("f32", "bf16", "i64")],
    "Signs cancel in a quotient.": [
        ("x: f32[n], y: f32[n]", "%0: f32[n] = neg(x)\n %1: f32[n] = neg(y)\n %2: f32[n] = div(%0, %1)")],
    "Multiplying by 1 changes nothing.": [
        (f"x: {t}[n]", f"%0: {t}[n] = constant(value={one})\n %1: {t}[n] = {f}")
        for t, one in (("f32", "1.0"), ("f16", "1.0"), ("bf16", "1"), ("i64", "1"))
        for f in ("mul(x, %0)", "mul(%0, x)")
    ] + [("x: f32[n]", "%0: f32[n] = constant(value=1.0)\n %1: f32[n] = div(x, %0)")],
    "Multiplying by -1 changes the sign.": [
        (f"x: {t}[n]", f"%0: {t}[n] = constant(value=-1)\n %1: {t}[n] = {f}")
        for t in ("f32", "i64") for f in ("mul(x, %0)", "mul(%0, x)")
    ] + [("x: f32[n]", "%0: f32[n] = constant(value=-1.0)\n %1: f32[n] = div(x, %0)")],
    "Dividing by a power of two is multiplying by its inverse.": [
        (f"x: {t}[n,9]", f"%0: {t}[n,9] = constant(value={v})\n %1: {t}[n,9] = div(x, %0)")
        for t, values in (("f32", (4.0, -0.125, 2.0**98, 2.0**-98)), ("f16", (8.0, 2.0**-13)), ("bf16", (64.0,)))
        for v in values],
    "Subtracting +0 changes nothing, not even -0.": [
        ("x: f32[n]", f"%0: f32[n] = constant(value={zero})\n %1: f32[n] = {f}")
        for zero, f in (("0.0", "sub(x, %0)"), ("-0.0", "add(x, %0)"), ("-0.0", "add(%0, x)"))],
    "Adding 0 to an integer changes nothing.": [
        (f"x: {t}[n]", f"%0: {t}[n] = constant(value=0)\n %1: {t}[n] = {f}")
        for t in ("i64", "u8") for f in ("add(x, %0)", "add(%0, x)")],
    "An integer less itself is 0.": [("x: i64[n]", "%0: i64[n] = sub(x, x)")],
    "A cast to the same dtype is its operand.": [("x: f32[n]", "%0: f32[n] = cast(x, dtype=f32)")],
    "A cast by way of a dtype that holds every value is one cast.": [
        (f"x: {a}[n,7]", f"%0: {b}[n,7] = cast(x, dtype={b})\n %1: {c}[n,7] = cast(%0, dtype={c})")
        for a, b, c in (("bf16", "f32", "bf16"), ("f16", "f32", "f16"), ("f32", "f64", "f16"), ("i8", "f32", "i64"),
                        ("bool", "f32", "bool"), ("i8", "i64", "u8"), ("u8", "bf16", "i32"), ("f16", "f64", "bool"))],
    "A truth value cast and compared with 0 is itself.": [
        ("x: bool[n]", f"%0: {t}[n] = cast(x, dtype={t})\n %1: {t}[n] = constant(value=0)\n %2: bool[n] = ne(%0, %1)")
        for t in ("f32", "i64")],
    "select of one value is that value.": [("c: bool[n], x: f32[n]", "%0: f32[n] = select(c, x, x)")],
    "select by true is the first value.": [
        ("x: f32[n], y: f32[n]", "%0: bool[n] = constant(value=true)\n %1: f32[n] = select(%0, x, y)")],
    "select by false is the second value.": [
        ("x: f32[n], y: f32[n]", "%0: bool[n] = constant(value=false)\n %1: f32[n] = select(%0, x, y)")],
    "select by a negation exchanges the values.": [
        ("c: bool[n], x: f32[n], y: f32[n]", "%0: bool[n] = not(c)\n %1: f32[n] = select(%0, x, y)")],
    "A value and itself are that value.": [
        (f"x: {t}[n]", f"%0: {t}[n] = {f}(x, x)")
        for t, f in (("bool", "and"), ("i64", "or"), ("f32", "maximum"), ("f32", "minimum"))],
    "true in a conjunction and false in a disjunction change nothing.": [
        ("x: bool[n]", f"%0: bool[n] = constant(value={v})\n %1: bool[n] = {f}")
        for v, f in (("true", "and(x, %0)"), ("true", "and(%0, x)"), ("false", "or(x, %0)"), ("false", "or(%0, x)"))],
    "A conjunction with false is false.": [
        ("x: bool[n]", f"%0: bool[n] = constant(value=false)\n %1: bool[n] = {f}")
        for f in ("and(x, %0)", "and(%0, x)")],
    "A disjunction with true is true.": [
        ("x: bool[n]", f"%0: bool[n] = constant(value=true)\n %1: bool[n] = {f}") for f in ("or(x, %0)", "or(%0, x)")],
    "Not equal is unequal.": [("x: f32[n], y: f32[n]", "%0: bool[n] = eq(x, y)\n %1: bool[n] = not(%0)")],
    "Not unequal is equal.": [("x: f32[n], y: f32[n]", "%0: bool[n] = ne(x, y)\n %1: bool[n] = not(%0)")],
    "Nothing is less than itself.": [("x: f32[n]", f"%0: bool[n] = {f}(x, x)") for f in ("lt", "gt")],
    "An integer equals itself.": [("x: i64[n]", f"%0: bool[n] = {f}(x, x)") for f in ("eq", "le", "ge")],
    "An integer does not differ from itself.": [("x: i64[n]", "%0: bool[n] = ne(x, x)")],
    "Nothing unsigned is below 0.": [
        ("x: u8[n]", f"%0: u8[n] = constant(value=0)\n %1: bool[n] = {f}") for f in ("lt(x, %0)", "gt(%0, x)")],
    "All that is unsigned is 0 or above.": [
        ("x: u8[n]", f"%0: u8[n] = constant(value=0)\n %1: bool[n] = {f}") for f in ("ge(x, %0)", "le(%0, x)")],
}  # fmt: skip

# Forms that look like those of rules and must stay.
KEPT = [
    ("x: f32[n]", "%0: f32[n] = constant(value=0.0)\n %1: f32[n] = add(x, %0)"),
    ("x: f32[n]", "%0: f32[n] = constant(value=-0.0)\n %1: f32[n] = sub(x, %0)"),
    ("x: f32[n]", "%0: f32[n] = constant(value=0.0)\n %1: f32[n] = mul(x, %0)"),
    ("x: f32[n]", "%0: f32[n] = sub(x, x)"),
    ("x: f32[n]", "%0: f32[n] = constant(value=3.0)\n %1: f32[n] = div(x, %0)"),
    ("x: f32[n]", "%0: f32[n] = constant(value=0.0)\n %1: f32[n] = div(x, %0)"),
    ("x: f32[n]", f"%0: f32[n] = constant(value={2.0**-140})\n %1: f32[n] = div(x, %0)"),
    ("x: f16[n]", "%0: f16[n] = constant(value=32768.0)\n %1: f16[n] = div(x, %0)"),
    ("x: f32[n]", "%0: bool[n] = eq(x, x)"),
    ("x: f32[n]", "%0: f16[n] = cast(x, dtype=f16)\n %1: f32[n] = cast(%0, dtype=f32)"),
    ("x: i64[n]", "%0: f32[n] = cast(x, dtype=f32)\n %1: i64[n] = cast(%0, dtype=i64)"),
    ("x: f32[n], y: f32[n]", "%0: bool[n] = lt(x, y)\n %1: bool[n] = not(%0)"),
    ("x: f32[n,m]", "%0: f32[m,n] = reshape(x, shape=[m,n])"),
    ("x: f32[3,1]", "%0: f32[3,4] = expand(x, shape=[3,4])\n %1: f32[12] = reshape(%0, shape=[12])"),
    ("x: f32[n,2], y: f32[]", "%0: f32[n+1,2] = pad(x, y, low=[1,0], high=[0,0])\n"
     " %1: f32[n,2] = slice(%0, starts=[0,0], sizes=[n,2], steps=[1,1])"),
]  # fmt: skip


def text(inputs: str, lines: str) -> str:
    """A graph that returns its last line."""
    last = lines.rsplit("\n", maxsplit=1)[-1]
    return f"graph g({inputs}) {{\n {lines}\n return {last.split(':')[0].strip()}\n}}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_rule_fires_and_keeps_every_bit(rule: Rule) -> None:
    for inputs, lines in EXAMPLES[rule.sentence]:
        before = graph(text(inputs, lines))
        after = simplify(before, (rule,))
        assert plain(after) != plain(before), f"the rule leaves\n{before}"
        for seed in range(8):
            assert_same_meaning(before, after, seed, special=True, highest=100)


def test_examples_are_of_rules() -> None:
    assert EXAMPLES.keys() == {rule.sentence for rule in RULES}


@pytest.mark.parametrize(("inputs", "lines"), KEPT)
def test_what_would_change_bits_stays(inputs: str, lines: str) -> None:
    before = graph(text(inputs, lines))
    assert plain(simplify(before)) == plain(before)


@pytest.mark.parametrize(("wide", "narrow", "holds"), [
    ("f32", "f16", True), ("f16", "bf16", False), ("bf16", "f16", False), ("f64", "i32", True), ("f32", "i32", False),
    ("f16", "u8", True), ("bf16", "u8", True), ("bf16", "i16", False), ("i64", "u32", True), ("u64", "i8", False),
    ("i8", "u8", False), ("u8", "bool", True), ("f16", "bool", True), ("i64", "f16", False), ("c64", "f32", False),
])  # fmt: skip
def test_dtypes_hold_exactly(wide: str, narrow: str, holds: bool) -> None:
    assert holds_exactly(BY_NAME[wide], BY_NAME[narrow]) is holds
