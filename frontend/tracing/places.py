"""Which code is brasa's own, and where in the user's program something happens."""

from __future__ import annotations

import os
import sys
from functools import cache
from types import FrameType
from typing import Any

import brasa.codegen
import brasa.ir
import brasa.passes
import brasa.runtime

FRONTEND = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
OWN_FOLDERS = (
    FRONTEND,
    *(os.path.dirname(os.path.abspath(str(room.__file__))) + os.sep
      for room in (brasa.ir, brasa.passes, brasa.codegen, brasa.runtime)),
)  # fmt: skip


def user_location() -> str:
    """`file.py:line` of the innermost frame outside brasa, and the path of the module that is being called there."""
    frame: FrameType | None = sys._getframe(1)
    line = path = ""
    inner: Any = None
    while frame is not None:
        code = frame.f_code
        if file := _users_file(code.co_filename):
            line = line or f"{file}:{frame.f_lineno}"
        elif code.co_name == "__call__" and hasattr(caller := frame.f_locals.get("self"), "_modules"):
            path, inner = "" if inner is None else _below(caller, inner, path), caller
        frame = frame.f_back
    return f"{line} {path}".rstrip()


@cache
def _users_file(filename: str) -> str:
    """The last part of the name of a user's file; empty for one of brasa's."""
    return "" if filename.startswith(OWN_FOLDERS) else os.path.basename(filename)


def _below(outer: Any, inner: Any, path: str) -> str:
    """A path from the inner module as one from the outer, in which it has a name or has none."""
    for name, child in outer._modules.items():
        if child is inner:
            return f"{name}.{path}" if path else name
    return path
