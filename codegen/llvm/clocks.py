"""A record of launches, as LLVM text: programs that keep one note when each launch began and ended.

`clocks` holds the address of the record, which the host provides: i64 launches noted, then for each of them three i64:
its number in the program's text, begin, end, in nanoseconds of the clock that Python calls perf_counter. Notes for
which there is no room are counted only.
"""

ROOM = 1 << 16  # notes in a record
WORDS = 1 + 3 * ROOM

TEXT = f"""
@clocks = global ptr null
declare i32 @clock_gettime(i32, ptr)

define internal i64 @clocks.now() nounwind {{
  %time = alloca {{ i64, i64 }}
  %status = call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time
  %rest_at = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %rest_at
  %whole = mul i64 %seconds, 1000000000
  %now = add i64 %whole, %rest
  ret i64 %now
}}

define internal void @clocks.note(i64 %number, i64 %begin) nounwind {{
  %end = call i64 @clocks.now()
  %record = load ptr, ptr @clocks
  %count = load i64, ptr %record
  %more = add i64 %count, 1
  store i64 %more, ptr %record
  %fits = icmp ult i64 %count, {ROOM}
  br i1 %fits, label %write, label %out
write:
  %before = mul i64 %count, 3
  %at = getelementptr i64, ptr %record, i64 %before
  %number_at = getelementptr i64, ptr %at, i64 1
  %begin_at = getelementptr i64, ptr %at, i64 2
  %end_at = getelementptr i64, ptr %at, i64 3
  store i64 %number, ptr %number_at
  store i64 %begin, ptr %begin_at
  store i64 %end, ptr %end_at
  br label %out
out:
  ret void
}}
"""
