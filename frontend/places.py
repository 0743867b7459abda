"""Which code is brasa's own, and where in the user's program something happens."""

from __future__ import annotations

import os
import sys

import brasa.codegen
import brasa.ir
import brasa.passes
import brasa.runtime

FRONTEND = os.path.dirname(os.path.abspath(__file__)) + os.sep
OWN_FOLDERS = (
    FRONTEND,
    *(os.path.dirname(os.path.abspath(str(room.__file__))) + os.sep
      for room in (brasa.ir, brasa.passes, brasa.codegen, brasa.runtime)),
)  # fmt: skip


def user_location() -> str:
    """`file.py:line` of the innermost frame outside brasa."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(OWN_FOLDERS):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
