"""Parallel loops: their bodies are functions of their own, which threads run piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brasa.codegen.llvm.memory import address
from brasa.codegen.llvm.values import Linear, Result, Value, constant_of, linear
from brasa.codegen.llvm.writer import Writer
from brasa.ir.kernel import Buffer, Expr

if TYPE_CHECKING:
    from brasa.codegen.llvm.emitter import Emitter

# A loop that takes less in all stays on its thread.
_PARALLEL_NANOSECONDS = 30_000
# What an iteration is taken to cost when its loop does not say.
_UNKNOWN_COST = 1_000


class Captures:
    """What the body of a parallel loop takes from the function around it: passed through memory, read at its start."""

    def __init__(self, outer: Emitter, writer: Writer) -> None:
        self.outer = outer
        self.writer = writer
        self.passed: list[tuple[int, Value]] = []
        self.bytes = 0
        self._known: dict[str, Value] = {}

    def value(self, outside: Value) -> Value:
        """A value of the outer function, in the inner one."""
        if not outside.text.startswith("%"):
            return outside
        if outside.text not in self._known:
            offset = self.bytes
            self.bytes += 8 * outside.lanes
            self.passed.append((offset, outside))
            inside = Value(f"%in.{outside.text[1:]}", outside.type, outside.lanes, positive=outside.positive)
            place = f"%captured.{offset}"
            self.writer.allocations += [
                f"{place} = getelementptr i8, ptr %captured, i64 {offset}",
                f"{inside.text} = load {inside.full_type}, ptr {place}, align 8",
            ]
            self._known[outside.text] = inside
        return self._known[outside.text]

    def expression(self, expr: Expr) -> Result:
        """What a variable of the outer function is worth in the inner one."""
        return self._result(self.outer.value(expr))

    def _result(self, result: Result) -> Result:
        return self.value(result) if isinstance(result, Value) else self._form(result)

    def _form(self, form: Linear) -> Linear:
        step = None if form.step is None else self._form(form.step)
        return linear({self.value(term): count for term, count in form.terms.items()}, form.constant, step, form.repeat)

    def pointer(self, buffer: Buffer) -> Value | None:
        """Where a buffer of the outer function begins, if it has it."""
        outside = self.outer.pointers.get(buffer) or self.outer.foreign_pointer(buffer)
        return None if outside is None else self.value(outside)


def run_in_pieces(writer: Writer, name: str, captures: Captures, extent: Value, cost: Value | None) -> None:
    """Call the body for all iterations: through the context's parallel_for if that pays, else at once."""
    packed = writer.allocate(f"[{max(captures.bytes, 8)} x i8]", 64)
    for offset, value in captures.passed:
        writer.effect(f"store {value}, {address(writer, packed, 'i8', linear({}, offset))}, align 8")
    cost = cost or constant_of(_UNKNOWN_COST, "i64")
    if cost.number is None:
        cost = writer.call("llvm.smax.i64", "i64", 1, cost, constant_of(1, "i64"))
    work = writer.pure("i64", 1, f"mul {cost}, {extent.text}", cost, extent)
    small = writer.pure("i1", 1, f"icmp slt {work}, {_PARALLEL_NANOSECONDS}", work)
    number = writer.fresh("")
    writer.effect(f"br {small}, label %alone{number}, label %shared{number}")
    writer.continue_in(f"alone{number}")
    writer.effect(f'call void @"{name}"({packed}, i64 0, {extent})')
    writer.effect(f"br label %joined{number}")
    writer.continue_in(f"shared{number}")
    writer.effect(f"%run{number} = load ptr, ptr %context, align 8")
    writer.effect(f'call void %run{number}(ptr %context, ptr @"{name}", {packed}, {extent}, {cost})')
    writer.effect(f"br label %joined{number}")
    writer.continue_in(f"joined{number}")
