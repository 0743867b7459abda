"""Which steps of a loop a profile records, and what becomes of what it has recorded: PyTorch's names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from brasa.ir.errors import ValueError


class ProfilerActivity(Enum):
    """What is recorded: there are kernels for the processor alone; the others are taken, and have nothing to record."""

    CPU = "cpu"
    CUDA = "cuda"
    XPU = "xpu"


class ProfilerAction(Enum):
    """What a profile does during one step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The activities of which there is something to record."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """What to do in each step: skip some, then again and again wait, warm up, and record until the last is saved.

    repeat: how often at most, 0 for as long as there are steps. skip_first_wait: 1 to begin without waiting. During the
    warmup, programs are compiled that note their times. ValueError for negative numbers, or none to record.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ValueError(f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}: "
                         "negative, or nothing to record", op="schedule")  # fmt: skip

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step >= 0 and skip_first_wait:
            step += wait
        length = wait + warmup + active
        if step < 0 or (repeat and step // length >= repeat):
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == length - 1 else ProfilerAction.RECORD

    return action


def record_always(step: int) -> ProfilerAction:
    """Without a schedule all is recorded."""
    return ProfilerAction.RECORD


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None) -> Callable[[Any], None]:
    """For `on_trace_ready`: writes each trace to a file of a folder, of a name that TensorBoard looks for."""

    def write(profile: Any) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{os.uname().nodename}_{os.getpid()}"
        profile.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json"))

    return write
