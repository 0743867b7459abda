"""The function through which Python enters machine code, as LLVM text: a builtin that takes addresses and numbers.

It is bound to a call record, a `bytes` object: i64 entry, i64 number of arguments, i64 number of sizes, i64 bytes of
the arena, i64 whether to release the interpreter lock, i64 address of what runs host steps (0 for none), then the
sizes as i64, then one byte per argument, its kind.
An argument is an address, or a number whose value is stored in memory that entry is given the address of.
The result is None, or (position << 16 | status) after a failed check.
"""

import struct
from collections.abc import Sequence

ADDRESS, FLOAT, INTEGER = 0, 1, 2  # the kinds of arguments
WRONG_COUNT = "takes %ld addresses and numbers, %ld were given"
NO_MEMORY = "%ld bytes for intermediate values cannot be allocated"
_HEADER = struct.Struct("=6q")
_STACK_BYTES = 16 << 10  # up to which arena, pointers and numbers lie on the stack


def pack_record(entry: int, kinds: bytes, sizes: Sequence[int], arena: int, release: bool, host: int = 0) -> bytes:
    """A call record."""
    head = _HEADER.pack(entry, len(kinds), len(sizes), arena, release, host)
    return head + struct.pack(f"={len(sizes)}q", *sizes) + kinds


def unpack_record(record: bytes) -> tuple[int, bytes, Sequence[int], int, int]:
    """Entry, kinds, sizes, arena bytes and what runs host steps, of a call record."""
    entry, _, sizes, arena, _, host = _HEADER.unpack_from(record)
    kinds = record[_HEADER.size + 8 * sizes :]
    return entry, kinds, struct.unpack_from(f"={sizes}q", record, _HEADER.size), arena, host


def _message(name: str, text: str) -> str:
    return f'@{name} = internal constant [{len(text) + 1} x i8] c"{text}\\00"'


TEXT = f"""
; the memory of the last call that needed some: its bytes in the first i64, usable from byte 64
@arena = internal global ptr null, align 128

{_message("wrong_count", WRONG_COUNT)}
{_message("no_memory", NO_MEMORY)}
@PyExc_TypeError = external global ptr
@_Py_NoneStruct = external global i8
@out_of_memory_error = external global i8
declare ptr @PyBytes_AsString(ptr)
declare ptr @PyLong_AsVoidPtr(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyErr_Occurred()
declare ptr @PyErr_Format(ptr, ptr, ...)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare i32 @posix_memalign(ptr, i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @free(ptr)
declare void @llvm.x86.sse.stmxcsr(ptr)

; memory for one call, or null; big blocks are aligned to huge pages and ask for them
define internal ptr @lease(i64 %bytes) nounwind {{
entry:
  %slot = alloca ptr
  %kept = atomicrmw xchg ptr @arena, ptr null seq_cst
  %none = icmp eq ptr %kept, null
  br i1 %none, label %fresh, label %measure
measure:
  %capacity = load i64, ptr %kept
  %enough = icmp uge i64 %capacity, %bytes
  br i1 %enough, label %found, label %replace
replace:
  call void @free(ptr %kept)
  br label %fresh
fresh:
  %big = icmp uge i64 %bytes, 4194304
  %alignment = select i1 %big, i64 2097152, i64 64
  %all = add i64 %bytes, 64
  %status = call i32 @posix_memalign(ptr %slot, i64 %alignment, i64 %all)
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %none_left, label %made
made:
  %block = load ptr, ptr %slot
  store i64 %bytes, ptr %block
  br i1 %big, label %advise, label %found
advise:
  %advised = call i32 @madvise(ptr %block, i64 %all, i32 14)
  br label %found
found:
  %lent = phi ptr [%kept, %measure], [%block, %made], [%block, %advise]
  %usable = getelementptr i8, ptr %lent, i64 64
  ret ptr %usable
none_left:
  ret ptr null
}}

define internal void @give_back(ptr %usable) nounwind {{
  %block = getelementptr i8, ptr %usable, i64 -64
  %other = atomicrmw xchg ptr @arena, ptr %block seq_cst
  call void @free(ptr %other)
  ret void
}}

; writes the address that argument %object is, or at which its number is put, to %pointer; false after an error
define internal i1 @convert(ptr %object, i8 %kind, ptr %pointer, ptr %place) nounwind {{
entry:
  store ptr %place, ptr %pointer
  switch i8 %kind, label %address [ i8 {FLOAT}, label %float
                                    i8 {INTEGER}, label %integer ]
address:
  %target = call ptr @PyLong_AsVoidPtr(ptr %object)
  store ptr %target, ptr %pointer
  %null = icmp eq ptr %target, null
  br i1 %null, label %doubt, label %good
float:
  %real = call double @PyFloat_AsDouble(ptr %object)
  store double %real, ptr %place
  %real_doubtful = fcmp oeq double %real, -1.0
  br i1 %real_doubtful, label %doubt, label %good
integer:
  %whole = call i64 @PyLong_AsLongLong(ptr %object)
  store i64 %whole, ptr %place
  %whole_doubtful = icmp eq i64 %whole, -1
  br i1 %whole_doubtful, label %doubt, label %good
doubt:                                  ; a value that may also stand for an error
  %error = call ptr @PyErr_Occurred()
  %fine = icmp eq ptr %error, null
  ret i1 %fine
good:
  ret i1 true
}}

define ptr @invoke(ptr %self, ptr %objects, i64 %given) nounwind {{
entry:
  %stack = alloca [{_STACK_BYTES} x i8], align 64
  %context = alloca {{ ptr, i64, ptr }}
  %float_state = alloca i32
  %record = call ptr @PyBytes_AsString(ptr %self)
  %count_at = getelementptr i64, ptr %record, i64 1
  %size_count_at = getelementptr i64, ptr %record, i64 2
  %arena_bytes_at = getelementptr i64, ptr %record, i64 3
  %release_at = getelementptr i64, ptr %record, i64 4
  %host_address_at = getelementptr i64, ptr %record, i64 5
  %sizes = getelementptr i64, ptr %record, i64 6
  %target = load ptr, ptr %record, align 1
  %count = load i64, ptr %count_at, align 1
  %size_count = load i64, ptr %size_count_at, align 1
  %arena_bytes = load i64, ptr %arena_bytes_at, align 1
  %release_flag = load i64, ptr %release_at, align 1
  %kinds = getelementptr i64, ptr %sizes, i64 %size_count
  %right = icmp eq i64 %given, %count
  br i1 %right, label %measure, label %refuse
refuse:
  %type_error = load ptr, ptr @PyExc_TypeError
  %refused = call ptr (ptr, ptr, ...) @PyErr_Format(ptr %type_error, ptr @wrong_count, i64 %count, i64 %given)
  ret ptr null
measure:                                ; the arena, then the pointers, then the numbers
  %arena_up = add i64 %arena_bytes, 63
  %pointers_from = and i64 %arena_up, -64
  %pointer_bytes = shl i64 %count, 3
  %numbers_from = add i64 %pointers_from, %pointer_bytes
  %bytes = add i64 %numbers_from, %pointer_bytes
  %big = icmp ugt i64 %bytes, {_STACK_BYTES}
  br i1 %big, label %take, label %start
take:
  %leased = call ptr @lease(i64 %bytes)
  %missing = icmp eq ptr %leased, null
  br i1 %missing, label %starve, label %start
starve:
  %s = call ptr (ptr, ptr, ...) @PyErr_Format(ptr @out_of_memory_error, ptr @no_memory, i64 %bytes)
  ret ptr null
start:
  %arena = phi ptr [%stack, %measure], [%leased, %take]
  %pointers = getelementptr i8, ptr %arena, i64 %pointers_from
  %numbers = getelementptr i8, ptr %arena, i64 %numbers_from
  br label %next
next:
  %i = phi i64 [0, %start], [%following, %argument]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %argument, label %run
argument:
  %object_at = getelementptr ptr, ptr %objects, i64 %i
  %kind_at = getelementptr i8, ptr %kinds, i64 %i
  %pointer = getelementptr ptr, ptr %pointers, i64 %i
  %place = getelementptr i64, ptr %numbers, i64 %i
  %object = load ptr, ptr %object_at
  %kind = load i8, ptr %kind_at
  %converted = call i1 @convert(ptr %object, i8 %kind, ptr %pointer, ptr %place)
  %following = add i64 %i, 1
  br i1 %converted, label %next, label %return
run:
  store ptr @parallel_for, ptr %context
  %failed_at = getelementptr {{ ptr, i64, ptr }}, ptr %context, i32 0, i32 1
  store i64 0, ptr %failed_at
  %host_at = getelementptr {{ ptr, i64, ptr }}, ptr %context, i32 0, i32 2
  %host = load ptr, ptr %host_address_at, align 1
  store ptr %host, ptr %host_at
  %release = trunc i64 %release_flag to i1
  call void @llvm.x86.sse.stmxcsr(ptr %float_state)
  call void @llvm.x86.sse.ldmxcsr(ptr @default_float_state)
  br i1 %release, label %run_unlocked, label %run_locked
run_locked:
  %status1 = call i64 %target(ptr %context, ptr %pointers, ptr %sizes, ptr %arena)
  br label %ran
run_unlocked:
  %thread = call ptr @PyEval_SaveThread()
  %status2 = call i64 %target(ptr %context, ptr %pointers, ptr %sizes, ptr %arena)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
ran:
  %status = phi i64 [%status1, %run_locked], [%status2, %run_unlocked]
  call void @llvm.x86.sse.ldmxcsr(ptr %float_state)
  %passed = icmp eq i64 %status, 0
  br i1 %passed, label %none, label %fail
none:
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  br label %return
fail:
  %position = load i64, ptr %failed_at
  %shifted = shl i64 %position, 16
  %report = or i64 %shifted, %status
  %number = call ptr @PyLong_FromLongLong(i64 %report)
  br label %return
return:
  %result = phi ptr [null, %argument], [@_Py_NoneStruct, %none], [%number, %fail]
  br i1 %big, label %return_arena, label %out
return_arena:
  call void @give_back(ptr %arena)
  br label %out
out:
  ret ptr %result
}}
"""
