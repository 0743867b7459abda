"""The rules of `simplify`: what a node of one form may be replaced by. All of them keep every bit.

That excludes much: x + 0 is not x when x is -0, x * 0 is not 0 when x is infinite, not(x < y) is not x >= y for NaN.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brasa.ir.dim import Size
from brasa.ir.dtype import DType, bool_
from brasa.ir.graph import Node
from brasa.ir.layout import matching_runs
from brasa.passes.patterns import Apply, Pattern, read_patterns


@dataclass(frozen=True, eq=False)
class Rule:
    """before -> after, where `given`, called with the names that it takes, allows it.

    given: returns whether the rule applies, or the values of further names that `after` has. It may also take `it`,
    the node to be replaced.
    """

    sentence: str
    before: str
    after: str
    given: Callable[..., bool | Mapping[str, Any] | None] | None = None
    choices: tuple[Apply, ...] = field(init=False)
    result: Pattern = field(init=False)
    takes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        choices = tuple(pattern for pattern in read_patterns(self.before) if isinstance(pattern, Apply))
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "result", read_patterns(self.after)[0])
        object.__setattr__(self, "takes", tuple(inspect.signature(self.given).parameters) if self.given else ())


def _is_whole(starts: Sequence[Size], steps: Sequence[int]) -> bool:
    return all(start == 0 for start in starts) and all(step == 1 for step in steps)


def _slice_of_slice(a: Any, b: Any, s: Any, t: Any) -> Mapping[str, Any]:
    """The elements a, a + s, ... of which b, b + t, ... are taken."""
    starts = tuple(first + then * step for first, then, step in zip(a, b, s, strict=True))
    return {"c": starts, "u": tuple(x * y for x, y in zip(s, t, strict=True))}


def _moves_only_ones(x: Node, axes: tuple[int, ...]) -> bool:
    kept = [axis for axis in axes if x.tensor.shape[axis] != 1]
    return kept == sorted(kept)


def _adds_only_ones(x: Node, s: tuple[Size, ...]) -> bool:
    added = len(s) - x.tensor.rank
    return s[added:] == x.tensor.shape and all(size == 1 for size in s[:added])


def _adds_only_ones_first(x: Node, r: tuple[Size, ...]) -> bool:
    return len(r) >= x.tensor.rank and _adds_only_ones(x, r)


def _reshaped_before_expanding(x: Node, e: tuple[Size, ...], s: tuple[Size, ...]) -> Mapping[str, Any] | None:
    """The shape of x that expands to s, when each run of axes that the reshape joins or cuts is repeated or not."""
    if 0 in e:  # all that is left of 0 elements is 0: runs of axes say nothing of x
        return None
    have = (1,) * (len(e) - x.tensor.rank) + x.tensor.shape
    shape: list[Size] = [1] * len(s)
    for ins, outs in matching_runs(e, s):
        if all(have[axis] == e[axis] for axis in ins):
            for axis in outs:
                shape[axis] = s[axis]
        elif any(have[axis] != 1 for axis in ins):
            return None
    return {"r": tuple(shape)}


def _is_single(x: Node) -> bool:
    return all(size == 1 for size in x.tensor.shape)


def _is_splat(v: Any) -> bool:
    return not isinstance(v, tuple)


def _is_integer(x: Node) -> bool:
    return x.tensor.dtype.kind in ("int", "uint", "bool")


def _is_real(x: Node) -> bool:
    return not x.tensor.dtype.is_complex


def holds_exactly(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is a value of `wide`."""
    if wide is narrow or narrow is bool_:
        return True
    if wide.kind == "float":
        digits = {"f16": 11, "bf16": 8, "f32": 24, "f64": 53}
        if narrow.kind == "float":
            return wide.bits > narrow.bits
        return narrow.bits - (narrow.kind == "int") <= digits[wide.name]
    if wide.kind in ("int", "uint") and narrow.kind in ("int", "uint"):
        return wide.bits > narrow.bits and not (wide.kind == "uint" and narrow.kind == "int")
    return False


def _inverse_of_power(it: Node, v: Any) -> Mapping[str, Any] | None:
    """1 / v for a power of two far from the ends of the dtype's exponents."""
    if not isinstance(v, float | int) or not it.tensor.dtype.is_floating_point or not math.isfinite(v):
        return None
    reach = 14 if it.tensor.dtype.name == "f16" else 100
    mantissa, exponent = math.frexp(v)
    return {"w": 1 / v} if abs(mantissa) == 0.5 and abs(exponent) < reach else None


RULES: tuple[Rule, ...] = (
    Rule("Reshaping twice is reshaping once.", "reshape(reshape(x), shape=s)", "reshape(x, shape=s)"),
    Rule("A reshape to the same shape is its operand.", "reshape(x, shape=s)", "x", lambda x, s: x.tensor.shape == s),
    Rule("Permuting twice is permuting once.", "permute(permute(x, axes=a), axes=b)", "permute(x, axes=c)",
         lambda a, b: {"c": tuple(a[axis] for axis in b)}),
    Rule("A permute that moves nothing is its operand.", "permute(x, axes=a)", "x", lambda a: a == tuple(sorted(a))),
    Rule("A permute that moves only axes of size 1 is a reshape.", "permute(x, axes=axes)", "reshape(x, shape=s)",
         lambda it, x, axes: {"s": it.tensor.shape} if _moves_only_ones(x, axes) else None),
    Rule("Expanding twice is expanding once.", "expand(expand(x), shape=s)", "expand(x, shape=s)"),
    Rule("An expand to the same shape is its operand.", "expand(x, shape=s)", "x", lambda x, s: x.tensor.shape == s),
    Rule("An expand that only adds axes of size 1 is a reshape.", "expand(x, shape=s)", "reshape(x, shape=s)",
         _adds_only_ones),
    Rule("Expanding puts axes of size 1 in front by itself.", "expand(reshape(x, shape=r), shape=s)",
         "expand(x, shape=s)", _adds_only_ones_first),
    Rule("A reshape that keeps repeated axes apart is done before expanding.",
         "reshape(expand(x, shape=e), shape=s)", "expand(reshape(x, shape=r), shape=s)", _reshaped_before_expanding),
    Rule("One repeated element looks the same from everywhere.", "permute(expand(x)) | slice(expand(x))",
         "expand(reshape(x, shape=n), shape=s)",
         lambda it, x: {"n": (), "s": it.tensor.shape} if _is_single(x) else None),
    Rule("A slice of a slice is one slice.",
         "slice(slice(x, starts=a, steps=s), starts=b, sizes=n, steps=t)", "slice(x, starts=c, sizes=n, steps=u)",
         _slice_of_slice),
    Rule("A slice of all elements is its operand.", "slice(x, starts=a, sizes=n, steps=s)", "x",
         lambda x, a, n, s: n == x.tensor.shape and _is_whole(a, s)),
    Rule("A view of one constant value is that constant.",
         "reshape(constant(value=v)) | permute(constant(value=v)) | expand(constant(value=v))"
         " | slice(constant(value=v))",
         "constant(value=v)", _is_splat),
    Rule("Once gradients are in place, stop_gradient is its operand.", "stop_gradient(x)", "x"),
    Rule("Padding by nothing is the operand.", "pad(x, y, low=a, high=b)", "x",
         lambda a, b: all(size == 0 for size in (*a, *b))),
    Rule("The inside of padding is what was padded.",
         "slice(pad(x, y, low=a), starts=a, sizes=n, steps=s)", "x",
         lambda x, n, s: n == x.tensor.shape and all(step == 1 for step in s)),
    Rule("A concatenation of one is its operand.", "concat(x)", "x"),
    Rule("An update of all elements is the new value.", "update(x, y, starts=a, steps=s)", "y",
         lambda x, y, a, s: x.tensor.shape == y.tensor.shape and _is_whole(a, s)),
    Rule("What an update wrote is what a slice reads there.",
         "slice(update(x, y, starts=a, steps=s), starts=a, sizes=n, steps=s)", "y", lambda y, n: n == y.tensor.shape),
    Rule("Two signs cancel.", "neg(neg(x))", "x"),
    Rule("not undoes not.", "not(not(x))", "x"),
    Rule("abs ignores a sign.", "abs(neg(x)) | abs(abs(x))", "abs(x)"),
    Rule("Adding an opposite is subtracting.", "add(x, neg(y)) | add(neg(y), x)", "sub(x, y)"),
    Rule("Subtracting an opposite is adding.", "sub(x, neg(y))", "add(x, y)"),
    Rule("Signs cancel in a product.", "mul(neg(x), neg(y))", "mul(x, y)", _is_real),
    Rule("Signs cancel in a quotient.", "div(neg(x), neg(y))", "div(x, y)", _is_real),
    Rule("Multiplying by 1 changes nothing.", "mul(x, 1) | mul(1, x) | div(x, 1)", "x", _is_real),
    Rule("Multiplying by -1 changes the sign.", "mul(x, -1) | mul(-1, x) | div(x, -1)", "neg(x)", _is_real),
    Rule("Dividing by a power of two is multiplying by its inverse.", "div(x, constant(value=v))",
         "mul(x, constant(value=w))", _inverse_of_power),
    Rule("Subtracting +0 changes nothing, not even -0.", "sub(x, 0) | add(x, -0.0) | add(-0.0, x)", "x"),
    Rule("Adding 0 to an integer changes nothing.", "add(x, 0) | add(0, x)", "x", _is_integer),
    Rule("An integer less itself is 0.", "sub(x, x)", "0", _is_integer),
    Rule("A cast to the same dtype is its operand.", "cast(x, dtype=d)", "x", lambda x, d: x.tensor.dtype is d),
    Rule("A cast by way of a dtype that holds every value is one cast.",
         "cast(cast(x, dtype=a), dtype=b)", "cast(x, dtype=b)", lambda x, a: holds_exactly(a, x.tensor.dtype)),
    Rule("A truth value cast and compared with 0 is itself.", "ne(cast(x), 0)", "x", lambda x: x.tensor.dtype is bool_),
    Rule("select of one value is that value.", "select(c, x, x)", "x"),
    Rule("select by true is the first value.", "select(true, x, y)", "x"),
    Rule("select by false is the second value.", "select(false, x, y)", "y"),
    Rule("select by a negation exchanges the values.", "select(not(c), x, y)", "select(c, y, x)"),
    Rule("A value and itself are that value.", "and(x, x) | or(x, x) | maximum(x, x) | minimum(x, x)", "x"),
    Rule("true in a conjunction and false in a disjunction change nothing.",
         "and(x, true) | and(true, x) | or(x, false) | or(false, x)", "x"),
    Rule("A conjunction with false is false.", "and(x, false) | and(false, x)", "false"),
    Rule("A disjunction with true is true.", "or(x, true) | or(true, x)", "true"),
    Rule("Not equal is unequal.", "not(eq(x, y))", "ne(x, y)"),
    Rule("Not unequal is equal.", "not(ne(x, y))", "eq(x, y)"),
    Rule("Nothing is less than itself.", "lt(x, x) | gt(x, x)", "false"),
    Rule("An integer equals itself.", "eq(x, x) | le(x, x) | ge(x, x)", "true", _is_integer),
    Rule("An integer does not differ from itself.", "ne(x, x)", "false", _is_integer),
    Rule("Nothing unsigned is below 0.", "lt(x, 0) | gt(0, x)", "false", lambda x: x.tensor.dtype.kind == "uint"),
    Rule("All that is unsigned is 0 or above.", "ge(x, 0) | le(0, x)", "true", lambda x: x.tensor.dtype.kind == "uint"),
)  # fmt: skip
