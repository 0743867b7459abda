"""What the current thread is doing: its gradient mode, the trace it records into, its autocast."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any

from brasa.ir.dtype import DType, float32
from brasa.ir.errors import DTypeError

if TYPE_CHECKING:
    from brasa.execution.saving import Hooks
    from brasa.tracing.trace import Trace


NOTHING = (None,) * 14  # in place of the call that is ahead, see brasa.tracing.ahead


class Nowhere:
    """A place in no program that is known: nothing is expected to come next."""

    ahead = NOTHING


class Everything:
    """In place of a trace: functions have to look at all that there is."""

    here = Nowhere


EVERYTHING = Everything()


class _ThreadState(threading.local):
    grad_enabled: bool = True
    trace: Trace | None = None
    anomaly: bool | None = None  # while anomalies are looked for: whether nan is one
    saving: Hooks | None = None  # who takes what is kept for backward
    autocast: DType | None = None  # the lower precision, where autocast is on
    autocast_cache: dict[Any, Any] | None = None  # parameters in lower precision, where their casts are kept


STATE = _ThreadState()
# The trace, which is read four times as fast from here. A context that was copied elsewhere or earlier may be wrong:
# tensors of a trace know it, and all but the quickest ways ask STATE.
_TRACE = ContextVar["Trace | None"]("brasa_trace", default=None)
trace_at_hand = _TRACE.get

BUSY: set[int] = set()  # the threads on which functions have more to do: anomalies are looked for, or autocast is on


def detour() -> Any:
    """Whether functions have more to do on this thread than to run: a trace, if there is no more, else EVERYTHING."""
    _TRACE.set(STATE.trace)
    return EVERYTHING if get_ident() in BUSY else STATE.trace


def set_trace(trace: Trace | None) -> None:
    """Record what this thread does into the trace."""
    STATE.trace = trace
    _TRACE.set(trace)


def set_anomaly(check_nan: bool | None) -> None:
    """Look for anomalies on this thread; None for no more."""
    STATE.anomaly = check_nan
    _note_busy()


def set_autocast(lower: DType | None) -> None:
    """Switch autocast on with this lower precision, or off."""
    STATE.autocast = lower
    _note_busy()


def _note_busy() -> None:
    more = STATE.anomaly is not None or STATE.autocast is not None
    (BUSY.add if more else BUSY.discard)(get_ident())


class _Defaults:
    """Process-wide defaults; `epoch` counts every change that a sealed program would have to notice."""

    def __init__(self) -> None:
        self.dtype: DType = float32
        self.epoch = 0
        self.dependents: list[dict[Any, Any]] = []  # caches that hold what follows from the default dtype


DEFAULTS = _Defaults()


def bump_epoch() -> None:
    """Note that something that compiled programs rely on has changed."""
    DEFAULTS.epoch += 1


def set_default_dtype(dtype: DType) -> None:
    """Make this float dtype the one of new tensors that are given none."""
    if not isinstance(dtype, DType) or dtype.kind != "float":
        raise DTypeError(f"the default must be a float dtype, not {dtype}", op="set_default_dtype")
    DEFAULTS.dtype = dtype
    for cache in DEFAULTS.dependents:
        cache.clear()
    bump_epoch()


def get_default_dtype() -> DType:
    """The float dtype of new tensors that are given none."""
    return DEFAULTS.dtype
