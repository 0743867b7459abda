"""Loops of calls that cross the end of a piece of memory for frames."""

from __future__ import annotations

import resource

from brasa.execution.roomy import roomy


def _leaf(number: int) -> int:
    return number + 1


def _faults_of_a_loop() -> int:
    """How many pages the system gives while a function is called 200 times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for number in range(200):
        _leaf(number)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _worst(deeper: int) -> int:
    """The most faults of such a loop, in this many calls inside each other."""
    return max(_faults_of_a_loop(), _worst(deeper - 1)) if deeper else 0


def test_calls_at_any_depth_ask_the_system_for_no_memory() -> None:
    assert roomy(lambda: _worst(400))() < 100
