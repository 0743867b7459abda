"""What a worker process of a DataLoader knows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader, what it knows of itself; None in the main process."""
    return _info


def set_worker_info(info: WorkerInfo) -> None:
    """Make this process a worker."""
    global _info
    _info = info
