"""Programs for the tests of the runtime, written by hand as LLVM text."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from brasa.ir.dim import Size, symbol
from brasa.ir.parsing import parse_size, parse_type
from brasa.ir.program import CheckNote, Input, Signature
from brasa.runtime import Executable, Frame, load
from brasa.runtime.cpu_object import compile_text

N = symbol("n")


def program(
    text: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...] = (),
    *,
    sizes: tuple[str, ...] = (),
    slots: tuple[str, ...] = (),
    checks: int = 0,
    numbers: tuple[int, ...] = (),
) -> Executable:
    """An executable of this text, its types and sizes written as in graphs."""
    signature = Signature(
        "test",
        tuple(Input(f"x{i}", parse_type(type)) for i, type in enumerate(inputs)),
        tuple(map(parse_type, outputs)),
        sizes=_sizes(sizes),
        slots=_sizes(slots),
        checks=tuple(CheckNote(f"op{i}", f"model.py:{i}", N) for i in range(checks)),
    )
    return load(signature, [object_code(text)], numbers)


def _sizes(texts: tuple[str, ...]) -> tuple[Size, ...]:
    return tuple(map(parse_size, texts))


@cache
def object_code(text: str) -> bytes:
    """The object code of a text, made once."""
    return compile_text(text)


def run(frame: Frame, *arguments: Any) -> int | None:
    """Call the frame with arrays, numbers and addresses."""
    return frame.call(*(each.ctypes.data if isinstance(each, np.ndarray) else each for each in arguments))


def zeros(*shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Integers, all 0."""
    return np.zeros(shape, np.int64)


# pointers: counters (i64 each). sizes: extent, cost. Adds 1 to each counter, and counts pieces and the shortest one.
COUNT = """
define internal void @body(ptr %pointers, i64 %begin, i64 %end) {
entry:
  %counters = load ptr, ptr %pointers
  %statistics_at = getelementptr ptr, ptr %pointers, i64 1
  %statistics = load ptr, ptr %statistics_at
  %length = sub i64 %end, %begin
  %pieces = atomicrmw add ptr %statistics, i64 1 seq_cst
  %shortest_at = getelementptr i64, ptr %statistics, i64 1
  %shortest = atomicrmw min ptr %shortest_at, i64 %length seq_cst
  br label %next
next:
  %i = phi i64 [%begin, %entry], [%following, %add]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %add, label %out
add:
  %counter = getelementptr i64, ptr %counters, i64 %i
  %old = atomicrmw add ptr %counter, i64 1 seq_cst
  %following = add i64 %i, 1
  br label %next
out:
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %parallel_for = load ptr, ptr %context
  %extent = load i64, ptr %sizes
  %cost_at = getelementptr i64, ptr %sizes, i64 1
  %cost = load i64, ptr %cost_at
  call void %parallel_for(ptr %context, ptr @body, ptr %pointers, i64 %extent, i64 %cost)
  ret i64 0
}
"""

# pointers: counters. sizes: n. n * n iterations: an outer parallel loop whose body holds an inner one.
NESTED = """
define internal void @inner(ptr %counters, i64 %begin, i64 %end) {
entry:
  br label %next
next:
  %i = phi i64 [%begin, %entry], [%following, %add]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %add, label %out
add:
  %counter = getelementptr i64, ptr %counters, i64 %i
  %old = atomicrmw add ptr %counter, i64 1 seq_cst
  %following = add i64 %i, 1
  br label %next
out:
  ret void
}
define internal void @outer(ptr %arguments, i64 %begin, i64 %end) {
entry:
  %context = load ptr, ptr %arguments
  %counters_at = getelementptr ptr, ptr %arguments, i64 1
  %counters = load ptr, ptr %counters_at
  %n_at = getelementptr i64, ptr %arguments, i64 2
  %n = load i64, ptr %n_at
  %parallel_for = load ptr, ptr %context
  br label %next
next:
  %i = phi i64 [%begin, %entry], [%following, %row]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %row, label %out
row:
  %offset = mul i64 %i, %n
  %counter = getelementptr i64, ptr %counters, i64 %offset
  call void %parallel_for(ptr %context, ptr @inner, ptr %counter, i64 %n, i64 10000)
  %following = add i64 %i, 1
  br label %next
out:
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %arguments = alloca [3 x i64]
  %n = load i64, ptr %sizes
  %counters = load ptr, ptr %pointers
  store ptr %context, ptr %arguments
  %counters_at = getelementptr i64, ptr %arguments, i64 1
  store ptr %counters, ptr %counters_at
  %n_at = getelementptr i64, ptr %arguments, i64 2
  store i64 %n, ptr %n_at
  %parallel_for = load ptr, ptr %context
  call void %parallel_for(ptr %context, ptr @outer, ptr %arguments, i64 %n, i64 10000)
  ret i64 0
}
"""

# pointers: x, y, result (f32 each). sizes: n. result = x * y by a parallel loop of long iterations, so on every thread.
MULTIPLY = """
define internal void @body(ptr %pointers, i64 %begin, i64 %end) {
entry:
  %y_at = getelementptr ptr, ptr %pointers, i64 1
  %result_at = getelementptr ptr, ptr %pointers, i64 2
  %x = load ptr, ptr %pointers
  %y = load ptr, ptr %y_at
  %result = load ptr, ptr %result_at
  br label %next
next:
  %i = phi i64 [%begin, %entry], [%following, %multiply]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %multiply, label %out
multiply:
  %xi_at = getelementptr float, ptr %x, i64 %i
  %yi_at = getelementptr float, ptr %y, i64 %i
  %ri_at = getelementptr float, ptr %result, i64 %i
  %xi = load float, ptr %xi_at
  %yi = load float, ptr %yi_at
  %ri = fmul float %xi, %yi
  store float %ri, ptr %ri_at
  %following = add i64 %i, 1
  br label %next
out:
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %parallel_for = load ptr, ptr %context
  %n = load i64, ptr %sizes
  call void %parallel_for(ptr %context, ptr @body, ptr %pointers, i64 %n, i64 10000)
  ret i64 0
}
"""

# pointers: a number x (f64), a number k (i64), then two outputs that receive them; the third, the arena's address.
NUMBERS = """
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %k_at = getelementptr ptr, ptr %pointers, i64 1
  %out_x_at = getelementptr ptr, ptr %pointers, i64 2
  %out_k_at = getelementptr ptr, ptr %pointers, i64 3
  %out_arena_at = getelementptr ptr, ptr %pointers, i64 4
  %x_at = load ptr, ptr %pointers
  %k_place = load ptr, ptr %k_at
  %x = load double, ptr %x_at
  %k = load i64, ptr %k_place
  %out_x = load ptr, ptr %out_x_at
  %out_k = load ptr, ptr %out_k_at
  %out_arena = load ptr, ptr %out_arena_at
  store double %x, ptr %out_x
  store i64 %k, ptr %out_k
  store ptr %arena, ptr %out_arena
  ret i64 0
}
"""

# pointers: mark (i64), mismatches (i64), arena address (i64). sizes: n, repeats. Fills the arena with the mark and
# reads it back, again and again, counting what another call overwrote.
FILL_ARENA = """
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
entry:
  %mark_at = load ptr, ptr %pointers
  %mismatches_slot = getelementptr ptr, ptr %pointers, i64 1
  %mismatches = load ptr, ptr %mismatches_slot
  %where_slot = getelementptr ptr, ptr %pointers, i64 2
  %where = load ptr, ptr %where_slot
  store ptr %arena, ptr %where
  %mark = load i64, ptr %mark_at
  %n = load i64, ptr %sizes
  %repeats_at = getelementptr i64, ptr %sizes, i64 1
  %repeats = load i64, ptr %repeats_at
  %first_at = load i64, ptr %mismatches
  br label %round
round:
  %turn = phi i64 [0, %entry], [%next_turn, %round_done]
  %more_rounds = icmp slt i64 %turn, %repeats
  br i1 %more_rounds, label %write, label %out
write:
  %i = phi i64 [0, %round], [%i_next, %write_one]
  %more_writes = icmp slt i64 %i, %n
  br i1 %more_writes, label %write_one, label %read
write_one:
  %place = getelementptr i64, ptr %arena, i64 %i
  store volatile i64 %mark, ptr %place
  %i_next = add i64 %i, 1
  br label %write
read:
  %j = phi i64 [0, %write], [%j_next, %read_one]
  %more_reads = icmp slt i64 %j, %n
  br i1 %more_reads, label %read_one, label %round_done
read_one:
  %cell = getelementptr i64, ptr %arena, i64 %j
  %found = load volatile i64, ptr %cell
  %wrong = icmp ne i64 %found, %mark
  %one = zext i1 %wrong to i64
  %count = load i64, ptr %mismatches
  %count_next = add i64 %count, %one
  store i64 %count_next, ptr %mismatches
  %j_next = add i64 %j, 1
  br label %read
round_done:
  %next_turn = add i64 %turn, 1
  br label %round
out:
  ret i64 0
}
"""

# pointers: position (i64). Fails check 2 (of three) there, unless the position is negative.
FAIL = """
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %position_at = load ptr, ptr %pointers
  %position = load i64, ptr %position_at
  %failed_at = getelementptr i64, ptr %context, i64 1
  store i64 %position, ptr %failed_at
  %fine = icmp slt i64 %position, 0
  %status = select i1 %fine, i64 0, i64 3
  ret i64 %status
}
"""

# pointers: a function without arguments, given as an address; a result (i64). Calls it, and keeps the arena meanwhile.
CALL_BACK = """
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %function = load ptr, ptr %pointers
  %kept_slot = getelementptr ptr, ptr %pointers, i64 1
  %kept = load ptr, ptr %kept_slot
  store i64 41, ptr %arena
  call void %function()
  %value = load i64, ptr %arena
  store i64 %value, ptr %kept
  ret i64 0
}
"""

# pointers: a flag (i64). sizes: extent. A parallel loop whose pieces each wait until the flag is set, then add 1 to it.
WAIT = """
define internal void @body(ptr %flag, i64 %begin, i64 %end) {
entry:
  br label %look
look:
  %value = load atomic i64, ptr %flag seq_cst, align 8
  %waits = icmp eq i64 %value, 0
  br i1 %waits, label %look, label %out
out:
  %length = sub i64 %end, %begin
  %old = atomicrmw add ptr %flag, i64 %length seq_cst
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %parallel_for = load ptr, ptr %context
  %flag = load ptr, ptr %pointers
  %extent = load i64, ptr %sizes
  call void %parallel_for(ptr %context, ptr @body, ptr %flag, i64 %extent, i64 10000)
  ret i64 0
}
"""

# pointers: present (i64), most (i64). sizes: extent. Each piece waits, within reason, until two are present at once.
MEET = """
define internal void @body(ptr %present, i64 %begin, i64 %end) {
entry:
  %most = getelementptr i64, ptr %present, i64 1
  %before = atomicrmw add ptr %present, i64 1 seq_cst
  br label %look
look:
  %turn = phi i64 [0, %entry], [%next_turn, %look]
  %now = load atomic i64, ptr %present seq_cst, align 8
  %old = atomicrmw max ptr %most, i64 %now seq_cst
  %met = load atomic i64, ptr %most seq_cst, align 8
  %next_turn = add i64 %turn, 1
  %alone = icmp slt i64 %met, 2
  %patient = icmp slt i64 %turn, 300000000
  %waits = and i1 %alone, %patient
  br i1 %waits, label %look, label %out
out:
  %after = atomicrmw sub ptr %present, i64 1 seq_cst
  ret void
}
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
  %parallel_for = load ptr, ptr %context
  %present = load ptr, ptr %pointers
  %extent = load i64, ptr %sizes
  call void %parallel_for(ptr %context, ptr @body, ptr %present, i64 %extent, i64 10000)
  ret i64 0
}
"""

# pointers: inputs, of which the first is not read, then a result (i64 each). sizes: how many there are, and others.
# Copies all of them to the result.
SIZES = """
define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) {
entry:
  %result_at = getelementptr ptr, ptr %pointers, i64 1
  %result = load ptr, ptr %result_at
  %count = load i64, ptr %sizes
  br label %next
next:
  %i = phi i64 [0, %entry], [%following, %copy]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %copy, label %out
copy:
  %from = getelementptr i64, ptr %sizes, i64 %i
  %to = getelementptr i64, ptr %result, i64 %i
  %size = load i64, ptr %from
  store i64 %size, ptr %to
  %following = add i64 %i, 1
  br label %next
out:
  ret i64 0
}
"""

# Not programs: read and write the float state of the calling thread.
FLOAT_STATE = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define i32 @read_state() {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %state = load i32, ptr %place
  ret i32 %state
}
define void @write_state(i32 %state) {
  %place = alloca i32
  store i32 %state, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
"""
