"""What the current thread is doing: its gradient mode and the trace it records into."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from brasa.ir.dtype import DType, float32

if TYPE_CHECKING:
    from brasa.tracing import Trace


class _ThreadState(threading.local):
    grad_enabled: bool = True
    trace: Trace | None = None


STATE = _ThreadState()


class _Defaults:
    """Process-wide defaults; `epoch` counts every change that a sealed program would have to notice."""

    dtype: DType = float32
    epoch: int = 0


DEFAULTS = _Defaults()


def bump_epoch() -> None:
    """Note that something that compiled programs rely on has changed."""
    DEFAULTS.epoch += 1
