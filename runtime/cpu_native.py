"""Native entry: a builtin function of our own calls machine code, and threads are ours too (Linux on x86-64)."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

from brasa.ir.errors import OutOfMemoryError
from brasa.runtime import cpu_invoke, cpu_pool
from brasa.runtime.cpu_text import link_text
from brasa.runtime.forking import hold_while_forking

Call: TypeAlias = Callable[..., int | None]

_TEXT = cpu_pool.TEXT + cpu_invoke.TEXT
_EXPORTS = ("invoke", "parallel_for", "set_threads", "forget_threads")
_IMPORTS = (
    "PyExc_TypeError", "_Py_NoneStruct", "PyBytes_AsString", "PyLong_AsVoidPtr", "PyLong_AsLongLong",
    "PyFloat_AsDouble", "PyLong_FromLongLong", "PyErr_Occurred", "PyErr_Format", "PyEval_SaveThread",
    "PyEval_RestoreThread", "Py_IncRef", "posix_memalign", "madvise", "free", "pthread_create", "syscall",
)  # fmt: skip
_METH_FASTCALL = 0x80


class _MethodDefinition(ctypes.Structure):
    """PyMethodDef of CPython."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Support:
    """The loaded support code and what is called in it. There is one, and it is never unloaded."""

    def __init__(self) -> None:
        imports = {name: ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name)) for name in _IMPORTS}
        self.code = link_text(_TEXT, _EXPORTS, imports | {"out_of_memory_error": id(OutOfMemoryError)})
        addresses = self.code.addresses
        self.set_threads = ctypes.PYFUNCTYPE(None, ctypes.c_int)(addresses["set_threads"])
        self.forget_threads = ctypes.PYFUNCTYPE(None)(addresses["forget_threads"])
        self.definition = _MethodDefinition(b"program", addresses["invoke"], _METH_FASTCALL, None)
        self.definition_address = ctypes.addressof(self.definition)
        # When Python ends, functions read their definition, and threads run this code, after all modules are gone.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        os.register_at_fork(after_in_child=self.forget_threads)


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.argtypes, _new_function.restype = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object], ctypes.py_object

_lock = Lock()
hold_while_forking(_lock, 1)
_loaded: _Support | None = None


def _support() -> _Support:
    global _loaded
    if _loaded is None:
        with _lock:
            _loaded = _loaded or _Support()
    return _loaded


def is_available() -> bool:
    """Whether this interpreter can be entered natively."""
    return (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and sys.maxsize > 1 << 32
        and sys.implementation.name == "cpython"
    )


def bind(record: bytes, kept: object) -> Call:
    """The function that runs machine code under this call record and keeps alive what that needs."""
    support = _support()
    # A builtin function keeps its last argument, the "module", alive.
    call: Call = _new_function(support.definition_address, record, kept)
    return call


def set_threads(count: int) -> None:
    """Let this many threads, the caller included, work on later jobs."""
    _support().set_threads(count)
