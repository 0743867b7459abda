"""Locks across a fork: a child that has one thread must find every lock free, and what it guards whole."""

from __future__ import annotations

import os
from typing import Any

_held: list[tuple[int, Any]] = []  # by depth: locks of a greater depth are taken while those of a smaller one are held


def hold_while_forking(lock: Any, depth: int) -> None:
    """Let a fork wait until no other thread holds the lock. depth: its place in the order in which locks are taken.

    -1: a profile; 0: the compiler; 1: support code; 2: the linker; 3: llvmlite; 4: what is held for moments.
    """
    _held.append((depth, lock))
    _held.sort(key=lambda pair: pair[0])


def _acquire() -> None:
    for _, lock in _held:
        lock.acquire()


def _release() -> None:
    for _, lock in reversed(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_acquire, after_in_parent=_release, after_in_child=_release)
