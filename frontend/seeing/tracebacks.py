"""What a user sees of an error that nobody caught: his own frames, and none of brasa's unless BRASA=source."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from brasa.ir.errors import BrasaError, GraphError, ValueError
from brasa.runtime.settings import settings
from brasa.tracing.places import OWN_FOLDERS

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]
_HELPERS = ("numpy", "llvmlite", "networkx", "ml_dtypes", "safetensors")  # where a bug of brasa's may raise an error


def install() -> None:
    """Let uncaught errors be shown without brasa's frames, by whoever showed them until now.

    Only what is shown changes: debuggers and pytest see the frames as they are.
    """
    show = sys.excepthook

    def show_shortened(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
        with _shortened(error):
            show(kind, error, error.__traceback__)

    sys.excepthook = show_shortened
    BrasaError._render_traceback_ = _render  # type: ignore[attr-defined]  # what notebooks ask an error for


def _render(error: BaseException) -> list[str]:
    """The lines that a notebook shows."""
    import traceback

    with _shortened(error):
        return "".join(traceback.format_exception(error)).splitlines()


@contextmanager
def _shortened(error: BaseException) -> Iterator[None]:
    """The error, and those that it came from, without brasa's frames inside the block."""
    chain = _chain(error)
    whole = [(each, each.__traceback__, each.__cause__, each.__suppress_context__) for each in chain]
    for each in chain if not _is_source_wanted() else ():
        frames = each.__traceback__
        each.__traceback__ = _without_own(each, frames)
        source = each.__cause__ or each.__context__
        if isinstance(source, BrasaError) and source.__traceback__ and all(map(_is_own, _frames(source.__traceback__))):
            each.__cause__ = None  # brasa told the same once before
    try:
        yield
    finally:
        for each, frames, cause, suppressed in whole:
            each.__traceback__, each.__cause__, each.__suppress_context__ = frames, cause, suppressed


def _chain(error: BaseException) -> list[BaseException]:
    """The error, then those that it came from."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and not any(each is other for other in found):
        found.append(each)
        each = each.__cause__ or each.__context__
    return found


def _is_source_wanted() -> bool:
    try:
        return settings().source
    except ValueError:  # the error to be shown says what is wrong with the settings
        return False


def _without_own(error: BaseException, frames: TracebackType | None) -> TracebackType | None:
    """The frames that are not brasa's; all of them where there is no other, or where the error is a bug of brasa's."""
    every = _frames(frames)
    kept = [each for each in every if not _is_own(each)]
    if not kept or _is_bug(error, every[-1]):
        return frames
    made = None
    for each in reversed(kept):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made


def _frames(frames: TracebackType | None) -> list[TracebackType]:
    """The frames, the outermost first."""
    found = []
    while frames is not None:
        found.append(frames)
        frames = frames.tb_next
    return found


def _is_own(frames: TracebackType) -> bool:
    return frames.tb_frame.f_code.co_filename.startswith(OWN_FOLDERS)


def _is_bug(error: BaseException, last: TracebackType) -> bool:
    """Whether the error is none that brasa raises on purpose, and none that comes from the user's code."""
    if isinstance(error, BrasaError):
        return isinstance(error, GraphError)
    package = str(last.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return _is_own(last) or package in _HELPERS
