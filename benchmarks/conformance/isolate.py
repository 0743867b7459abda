"""A piece of work in a process of its own, so that it may crash, hang or fill memory."""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks.conformance.carry import Attempt


def isolated(work: Callable[[], dict[str, Any]], limit: float) -> dict[str, Any]:
    """What work gives, as JSON carries it, and the seconds it took; or a status and notes that say how it ended."""
    start = time.time()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _report(work, writer)
        finally:
            os._exit(0)
    os.close(writer)
    text, ended = _read(reader, start + limit)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reader)
    if not ended:
        found = {"status": "timeout", "notes": [f"over {limit:.0f} s"]}
    elif not text:
        found = {"status": "crash", "notes": [f"wait status {status}"]}
    else:
        found = json.loads(text)
    return found | {"seconds": round(time.time() - start, 2)}


def _report(work: Callable[[], dict[str, Any]], writer: int) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with Attempt() as attempt:
        found = work()
    if attempt.error:
        found = {"status": "crash", "notes": ["".join(traceback.format_exception(attempt.error))[-600:]]}
    with os.fdopen(writer, "w") as pipe:
        json.dump(found, pipe)


def _read(reader: int, until: float) -> tuple[str, bool]:
    """All that comes through a pipe, and whether it ended in time."""
    parts = []
    while True:
        left = until - time.time()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return "", False
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts).decode(), True
        parts.append(part)
