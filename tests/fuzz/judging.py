"""Runs a program in every way there is, and says where two ways differ in a bit."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import brasa
from brasa import BrasaError, Tensor
from brasa.tracing.trace import CaptureError
from tests.fuzz.growing import grow_program
from tests.fuzz.program import FILENAME, Program
from tests.fuzz.shadows import Compiler, first_difference
from tests.fuzz.supply import leaves
from tests.fuzz.variants import UNFUSED
from tests.passes.checks import same_bits

ERRORS = (BrasaError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError)
FAILURES = (*ERRORS, AssertionError, NameError, RuntimeError)  # of the compiler itself
REFUSED = "changed in place"  # eager mode does not have what backward needs; a program still does (docs/errors.md)
_SECOND_ORDER = "create_graph"  # through what several programs compute: each adds up its own part of such a gradient
FREED = "has been freed"  # by a grad() in the program: as little an error there, where nothing is freed
_WAYS = ("fullgraph", "compiled", "oracle")  # besides eager mode and the variants


class Outcome(NamedTuple):
    """What one call left: the error's class or REFUSED, or its results; the arguments and their gradients after it.

    later: as that, of gradients of the results, which are asked for after the call. line: of the error.
    """

    error: str
    values: list[Any]
    later: Outcome | None = None
    line: int = 0


class Difference(NamedTuple):
    """Two ways that disagree. way: how it was run; fact: what differs; kind: a short word to group findings by."""

    way: str
    fact: str


def outcomes(program: Program, wrap: Callable[[Any], Any] = lambda function: function) -> list[Outcome]:
    """What each call of the program leaves."""
    function = wrap(program.make())
    found = []
    for call in range(len(program.sizes)):
        arguments = program.arguments(call)
        error, line, results = "", 0, ()
        try:
            results = function(*arguments)
        except CaptureError:
            raise
        except ERRORS as caught:
            error, line = _in_a_word(caught), _line(caught)
        after = [*leaves(results), *arguments, *(argument.grad for argument in arguments)]
        values = [_snapshot(value) for value in after]
        later = None if error else _differentiated(leaves(results), arguments)
        found.append(Outcome(error, values, later, line))
    return found


def _in_a_word(error: Exception) -> str:
    return REFUSED if REFUSED in str(error) else type(error).__name__


def _line(error: Exception) -> int:
    """The line of the program that an error stopped; behind the last one where its end did."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in frames if frame.filename == FILENAME), sys.maxsize)


def _differentiated(results: list[Tensor | None], arguments: list[Tensor]) -> Outcome:
    """What gradients of results by arguments are, or the error that they are refused with."""
    leaf = [argument for argument in arguments if argument.requires_grad and argument.is_leaf]
    roots = [each for each in (*results, *arguments) if each is not None and each.requires_grad and not each.is_leaf]
    if not leaf or not roots:
        return Outcome("", [])
    seeds = [brasa.arange(each.numel()).reshape(each.shape).cos().to(each.dtype) for each in roots]
    try:
        found = brasa.autograd.grad(roots, leaf, seeds, allow_unused=True)
        return Outcome("", [_snapshot(each) for each in found])
    except ERRORS as caught:
        return Outcome(REFUSED if FREED in str(caught) else _in_a_word(caught), [])


def _snapshot(value: Tensor | None) -> Any:
    return None if value is None else (value.detach().numpy().copy(), value.requires_grad)


def _compare(wanted: list[Outcome], found: list[Outcome], orders: int = 0) -> str:
    """Where the outcomes of a program differ, empty if they do not.

    orders: how often it has made graphs of gradients, and used them, across a cut. Then values are rounded as below.
    """
    any_bits = orders > 0
    for call, (want, have) in enumerate(zip(wanted, found, strict=True)):
        fact = _compare_one(want, have, orders > 1)
        if not fact and want.later is not None and have.later is not None:
            fact = _compare_one(want.later, have.later, any_bits)
            fact = fact and f"gradients of its results: {fact}"
        if fact:
            return f"call {call}, {fact}"
    return ""


def _compare_one(want: Outcome, have: Outcome, any_bits: bool = False) -> str:
    """Where two outcomes differ; what is refused in eager mode need not be elsewhere, but later errors.

    any_bits: values may be rounded otherwise. Then 0 may also be none: whether a gradient that is 0 depends on a value
    hangs on what is one function.
    """
    if want.error == REFUSED and (not have.error or have.line > want.line):
        return ""
    if want.error == "OutOfMemoryError" and have.error in {"", want.error}:
        return ""  # a program takes less, and does all or none
    if want.error != have.error:
        return f"{want.error or 'no error'} became {have.error or 'no error'}"
    for number, (one, other) in enumerate(zip(want.values, have.values, strict=True)):
        if (one is None) != (other is None) and not any_bits:
            return f"value {number}: {one} became {other}"
        if one is None or other is None:
            continue
        if one[0].dtype != other[0].dtype or one[0].shape != other[0].shape:
            return f"value {number}: {one[0].dtype}{one[0].shape} became {other[0].dtype}{other[0].shape}"
        if not (_close if any_bits else _same)(one[0], other[0]):
            return f"value {number}: {first_difference(one[0], other[0])}"
        if one[1] != other[1]:
            return f"value {number}: requires_grad {one[1]} became {other[1]}"
    return ""


def _orders(program: Program) -> int:
    """Whether gradients of gradients may be asked for after the program, 1, or in it, 2."""
    first = next((i for i, each in enumerate(program.body) if _SECOND_ORDER in each), len(program.body))
    later = any("backward(" in each or "autograd.grad(" in each for each in program.body[first + 1 :])
    return (first < len(program.body)) + later


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind == "c":
        parts = f"f{one.itemsize // 2}"
        one, other = (np.ascontiguousarray(each).reshape(-1).view(parts) for each in (one, other))
    return same_bits(one, other)


def _close(one: Any, other: Any) -> bool:
    """Whether two arrays are the same but for sums in another order, whose terms may have cancelled.

    A product of a sum may also be a sum of products: (1 + 0) * inf is inf, and 1 * inf + 0 * inf is NaN.
    """
    one, other = np.asarray(one), np.asarray(other)
    largest = np.max(np.abs(one), initial=0, where=np.isfinite(one))
    one, other = (np.where(np.isinf(each) & np.isnan(beside), beside, each)
                  for each, beside in ((one, other), (other, one)))  # fmt: skip
    return np.allclose(one, other, rtol=1e-3, atol=1e-3 * largest + 1e-5, equal_nan=True)


class Judge:
    """Judges programs one after the other; counts how they ran."""

    def __init__(self) -> None:
        self.compiler = Compiler()
        self.counts = dict.fromkeys(("programs", "statements", "whole", "graphs"), 0)

    def grow(self, seed: int) -> Program:
        """The program of a seed; the kernels that it needs while it grows serve to judge it, too."""
        with self.compiler.working():
            return grow_program(seed)

    def judge(self, program: Program, only: str = "") -> Difference | None:
        """How the program's ways differ, None if they give one answer. only: the way of a difference that is known."""
        self.compiler.variants_too = only not in _WAYS
        with warnings.catch_warnings(), np.errstate(all="ignore"), self.compiler.working():
            warnings.simplefilter("ignore")
            try:
                for way, fact in self._ways(program):
                    if fact:
                        return Difference(way, fact)
                    if way == only:
                        break
            except FAILURES as error:
                return Difference("crash", f"{_place(error)}: {type(error).__name__}: {error}")
        return None

    def _ways(self, program: Program) -> Iterator[tuple[str, str]]:
        """How the program was run, and how that differs from eager mode; one after the other."""
        self.counts["programs"] += 1
        self.counts["statements"] += len(program.body)
        eager = outcomes(program)
        if any(outcome.error for outcome in eager):  # perhaps of what is never read
            program = program.with_all_results()
            eager = outcomes(program)
        self.compiler.start()
        orders = 0
        try:
            found = outcomes(program, lambda function: brasa.compile(function, fullgraph=True))
            self.counts["whole"] += 1
            yield "fullgraph", _compare(eager, found)
        except CaptureError:
            orders = _orders(program)
            self.compiler.start()
        yield "compiled", _compare(eager, outcomes(program, brasa.compile), orders)
        for graph in self.compiler.loaded:
            self.counts["graphs"] += 1
            yield "oracle", graph.difference
        may_fail = any(outcome.error for outcome in eager)
        for variant, fact, is_error in self.compiler.found:
            if not (is_error and may_fail):  # which of several checks is looked at
                yield "unfused" if variant == UNFUSED else f"without {variant}", fact


def _place(error: BaseException) -> str:
    """The function in which an error came up."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.name}"


def assert_one_answer(program: Program) -> None:
    """Fail where the ways to run a program differ."""
    difference = Judge().judge(program)
    assert difference is None, f"{difference}\n{program.source}"
