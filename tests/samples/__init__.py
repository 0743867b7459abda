"""Samples of every op and of its errors: whoever evaluates, differentiates or compiles ops does it on these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from tests.samples import complex as complex_samples
from tests.samples import (
    contractions,
    control,
    elementwise,
    errors,
    hosts,
    places,
    reductions,
    sequences,
    sources,
    special,
    views,
)
from tests.samples.sample import ErrorSample, Sample

__all__ = ["ERRORS", "SAMPLES", "ErrorSample", "Sample", "all_samples"]

_T = TypeVar("_T", Sample, ErrorSample)


def _by_op(samples: Sequence[_T]) -> dict[str, tuple[_T, ...]]:
    found: dict[str, list[_T]] = {}
    for sample in samples:
        found.setdefault(sample.op, []).append(sample)
    return {op: tuple(group) for op, group in found.items()}


SAMPLES: dict[str, tuple[Sample, ...]] = _by_op(
    [
        *sources.SAMPLES, *elementwise.SAMPLES, *views.SAMPLES, *reductions.SAMPLES, *contractions.SAMPLES,
        *places.SAMPLES, *control.SAMPLES, *hosts.SAMPLES, *complex_samples.SAMPLES, *sequences.SAMPLES,
        *special.SAMPLES,
    ]
)  # fmt: skip
ERRORS: dict[str, tuple[ErrorSample, ...]] = _by_op(
    [*errors.ERRORS, *control.ERRORS, *hosts.ERRORS, *complex_samples.ERRORS, *sequences.ERRORS, *special.ERRORS]
)


def all_samples() -> Iterator[Sample]:
    """The samples of all ops."""
    for samples in SAMPLES.values():
        yield from samples
