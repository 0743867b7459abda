"""Portable entry: machine code is called through ctypes, and runs its parallel loops on the caller's thread alone."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from brasa.runtime.cpu_invoke import ADDRESS, FLOAT, WRONG_COUNT, unpack_record
from brasa.runtime.cpu_native import Call
from brasa.runtime.cpu_object import Code
from brasa.runtime.cpu_text import link_text
from brasa.runtime.memory import allocate

_TEXT = """
define void @parallel_for(ptr %context, ptr %body, ptr %arguments, i64 %extent, i64 %cost) {
entry:
  %work = icmp sgt i64 %extent, 0
  br i1 %work, label %run, label %out
run:
  call void %body(ptr %arguments, i64 0, i64 %extent)
  br label %out
out:
  ret void
}
"""
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)

# The C functions of the native entry, so that the same arguments are taken and the same errors raised.
_as_address, _as_integer, _as_float = (
    ctypes.pythonapi.PyLong_AsVoidPtr, ctypes.pythonapi.PyLong_AsLongLong, ctypes.pythonapi.PyFloat_AsDouble,
)  # fmt: skip
_as_address.restype, _as_integer.restype, _as_float.restype = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
for _function in (_as_address, _as_integer, _as_float):
    _function.argtypes = [ctypes.py_object]


class _Context(ctypes.Structure):
    _fields_ = (("parallel_for", ctypes.c_void_p), ("failed", ctypes.c_int64), ("host", ctypes.c_void_p))


@cache
def _serial() -> Code:
    return link_text(_TEXT, ("parallel_for",))


def bind(record: bytes, kept: object) -> Call:
    """The function that runs machine code under this call record and keeps alive what that needs."""
    return partial(_invoke, record, kept)


def set_threads(count: int) -> None:
    """Do nothing: there is only the caller's thread."""


def _invoke(record: bytes, kept: object, *arguments: object) -> int | None:
    """As the native entry does it; `kept` only stays alive."""
    entry, kinds, sizes, arena_bytes, host = unpack_record(record)
    if len(arguments) != len(kinds):
        raise TypeError(WRONG_COUNT % (len(kinds), len(arguments)))
    pointers = (ctypes.c_void_p * len(kinds))()
    numbers: list[ctypes.c_double | ctypes.c_int64] = []
    for i, (kind, argument) in enumerate(zip(kinds, arguments, strict=True)):
        if kind == ADDRESS:
            pointers[i] = _as_address(argument)
        else:
            number = ctypes.c_double(_as_float(argument)) if kind == FLOAT else ctypes.c_int64(_as_integer(argument))
            numbers.append(number)
            pointers[i] = ctypes.addressof(number)
    arena = allocate(arena_bytes)
    context = _Context(_serial().addresses["parallel_for"], 0, host)
    with _default_float_state():
        status = _ENTRY(entry)(ctypes.byref(context), pointers, (ctypes.c_int64 * len(sizes))(*sizes), arena.ptr)
    return context.failed << 16 | status if status else None


@contextmanager
def _default_float_state() -> Iterator[None]:
    """Round to nearest and keep denormals on this thread inside the block."""
    if not hasattr(ctypes.pythonapi, "fesetenv"):
        yield
        return
    saved = ctypes.create_string_buffer(64)
    ctypes.pythonapi.fegetenv(saved)
    ctypes.pythonapi.fesetenv(_default_environment())
    try:
        yield
    finally:
        ctypes.pythonapi.fesetenv(saved)


@cache
def _default_environment() -> ctypes.c_void_p:
    """C's FE_DFL_ENV: an object in some libraries, the address -1 in others."""
    try:
        return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_FE_DFL_ENV")))
    except ValueError:
        return ctypes.c_void_p(-1)
