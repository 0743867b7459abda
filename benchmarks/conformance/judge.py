"""When two results are the same: tolerances by dtype, and what is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.conformance.carry import flat, make_tensor, to_numpy, unpack


class Tolerance(NamedTuple):
    """How far a value may be from PyTorch's: absolute + relative * |PyTorch's|."""

    relative: float
    absolute: float


# For each dtype, of results and of gradients. What has none is compared as float32 is, or exactly.
TOLERANCES = {
    "float64": (Tolerance(1e-10, 1e-12), Tolerance(1e-8, 1e-10)),
    "float32": (Tolerance(1e-4, 1e-5), Tolerance(1e-3, 1e-4)),
    "float16": (Tolerance(2e-3, 2e-3), Tolerance(1e-2, 1e-2)),
    "bfloat16": (Tolerance(2e-2, 2e-2), Tolerance(5e-2, 5e-2)),
}


def tolerances(dtype: str) -> tuple[Tolerance, Tolerance]:
    """The tolerances of results and of gradients for samples of a dtype."""
    return TOLERANCES.get(dtype, TOLERANCES["float32"])


def evaluate(
    function: Callable[..., Any], sample: tuple[Any, Any, Any], module: ModuleType, process: Callable[[Any], Any],
    gradients: bool,
) -> tuple[list[np.ndarray], list[np.ndarray | None] | None]:  # fmt: skip
    """The results of a function on a packed sample, and the gradients of their weighted sum; None for no gradients.

    process: what PyTorch's own tests apply to the result before they compare it; it removes what an operator leaves
        open, such as the signs of singular vectors.
    """
    leaves: list[Any] | None = [] if gradients else None
    input, arguments, keywords = (unpack(part, module, leaves) for part in sample)
    results = flat(process(function(input, *arguments, **keywords)))
    arrays = [to_numpy(result) for result in results]
    if not leaves:
        return arrays, None
    loss = weighted_sum(results, arrays, module)
    if loss is None:
        return arrays, []
    loss.backward()
    return arrays, [None if leaf.grad is None else to_numpy(leaf.grad) for leaf in leaves]


def weighted_sum(results: Sequence[Any], arrays: Sequence[np.ndarray], module: ModuleType) -> Any:
    """What gradients are taken of: the results that have some, weighted by numbers that are the same for every module.

    None if no result has a gradient. arrays: the values of the results.
    """
    rng, losses = np.random.RandomState(7), []
    for result, array in zip(results, arrays, strict=True):
        if array.dtype.kind not in "fc" and array.dtype.name != "bfloat16":
            continue
        weights = rng.standard_normal(array.shape).astype(array.real.dtype)
        if getattr(result, "requires_grad", False):
            real = result.abs() if array.dtype.kind == "c" else result
            losses.append((real * make_tensor(module, weights)).sum())
    return sum(losses[1:], losses[0]) if losses else None


def compare(got: Sequence[np.ndarray | None], wanted: Sequence[np.ndarray | None], tolerance: Tolerance) -> str | None:
    """The first difference in words; None if there is none."""
    if len(got) != len(wanted):
        return f"{len(got)} outputs want {len(wanted)}"
    for position, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
        difference = _difference(ours, theirs, tolerance)
        if difference:
            return f"[{position}] {difference}"
    return None


def _difference(ours: np.ndarray | None, theirs: np.ndarray | None, tolerance: Tolerance) -> str | None:
    if ours is None or theirs is None:
        other = theirs if ours is None else ours
        return None if other is None or not np.any(other) else "gradient None on one side"
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} want {theirs.shape}"
    if ours.dtype != theirs.dtype:
        return f"dtype {ours.dtype} want {theirs.dtype}"
    if theirs.dtype.name == "bfloat16":
        ours, theirs = ours.astype(np.float32), theirs.astype(np.float32)
    if theirs.dtype.kind not in "fc":
        return None if np.array_equal(ours, theirs) else f"{np.sum(ours != theirs)} values differ"
    close = np.isclose(ours, theirs, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True)
    if close.all():
        return None
    furthest = np.nanmax(np.abs(np.where(close, 0, ours - theirs)))
    return f"{(~close).sum()} of {close.size} values off, by {furthest:.3g} at most"


def compare_kinds(got: Sequence[np.ndarray], wanted: Sequence[np.ndarray], _: Tolerance | None = None) -> str | None:
    """Of results that are random, or not written: whether shapes or dtypes differ."""
    same = [(a.shape, a.dtype) for a in got] == [(a.shape, a.dtype) for a in wanted]
    return None if same else "shapes or dtypes differ"
