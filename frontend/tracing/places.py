"""Which code is brasa's own, and where in the user's program something happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
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
    line = ""
    modules: list[Any] = []
    while frame is not None:
        code = frame.f_code
        if not _is_own(code.co_filename):
            line = line or f"{os.path.basename(code.co_filename)}:{frame.f_lineno}"
        elif code.co_name == "__call__" and hasattr(caller := frame.f_locals.get("self"), "_modules"):
            modules.append(caller)
        frame = frame.f_back
    return f"{line} {_path(modules)}".rstrip()


@cache
def _is_own(filename: str) -> bool:
    return filename.startswith(OWN_FOLDERS)


def _path(modules: Sequence[Any]) -> str:
    """The names under which modules, the innermost first, are found in one another."""
    names = [
        next((name for name, child in outer._modules.items() if child is inner), "")
        for inner, outer in pairwise(modules)
    ]
    return ".".join(filter(None, reversed(names)))
