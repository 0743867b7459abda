"""PyTorch's answer to one sample, and what differs from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.conformance.callables import rebound
from benchmarks.conformance.carry import Array, Attempt, map_parts, pack_sample
from benchmarks.conformance.judge import Tolerance, compare, compare_kinds, evaluate, tolerances
from benchmarks.conformance.measuring import decides, measure_gradients

# What is random, or not written at all, has shapes and dtypes to compare, and no values.
RANDOM = frozenset((
    "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "bernoulli",
    "multinomial", "rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "normal", "svd_lowrank",
    "pca_lowrank",
))  # fmt: skip
# Vectors whose signs are open: their samples bring a function that takes signs away, as PyTorch's own tests do.
_SIGNS_OPEN = frozenset(("linalg.eig", "linalg.eigh", "linalg.svd", "svd", "svd_lowrank", "pca_lowrank", "to_sparse"))
_NARROW = ("float32", "float16", "bfloat16")

Evaluated = tuple[list[np.ndarray], list[np.ndarray | None] | None]


@dataclass
class Reference:
    """A sample that both modules can be given, and what PyTorch's function answers.

    by_exact: whether an answer was judged by PyTorch's in float64. by_differences: whether gradients were, by central
        differences of PyTorch's function.
    """

    entry: Any
    function: Callable[..., Any]
    sample: Any
    packed: tuple[Any, Any, Any]
    dtype: str
    answer: Evaluated
    random: bool
    by_exact: bool = False
    by_differences: bool = False

    @property
    def has_gradients(self) -> bool:
        """Whether there are gradients to compare."""
        return self.answer[1] is not None

    def ask(self, function: Callable[..., Any], module: ModuleType) -> Evaluated:
        """What another module's function answers."""
        gradients = self.has_gradients and not self.random
        return evaluate(function, self.packed, module, _processing(self.entry, self.sample, module), gradients)

    def differences(self, got: Evaluated) -> tuple[str | None, str | None]:
        """What differs in the results, and in the gradients.

        Where a narrow dtype differs, PyTorch's answer to the same numbers in float64 may be what agrees. Where
        gradients differ, measured ones may say that PyTorch's are wrong.
        """
        if self.random:
            return compare_kinds(got[0], self.answer[0]), None
        found = self._against(got, self.answer)
        if found != (None, None) and self.exact is not None and self._against(got, self.exact) == (None, None):
            self.by_exact = True
            return None, None
        slopes, tolerance = (got[1] or [], self.answer[1] or []), tolerances(self.dtype)[1]
        if found[1] and self.measured is not None and decides(*slopes, self.measured, tolerance):
            self.by_differences = True
            return None, None
        return found

    def _against(self, got: Evaluated, wanted: Evaluated) -> tuple[str | None, str | None]:
        of_results, of_gradients = tolerances(self.dtype)
        difference = compare(got[0], wanted[0], of_results)
        if difference or wanted[1] is None:
            return difference, None
        return None, compare(got[1] or [], wanted[1], of_gradients)

    @cached_property
    def exact(self) -> Evaluated | None:
        """PyTorch's answer to the same numbers in float64, rounded to the dtypes of its answer to the narrow ones."""
        if self.dtype not in _NARROW:
            return None
        with Attempt():
            process = _processing(self.entry, self.sample, torch)
            results, slopes = evaluate(self.function, _wide(self.packed), torch, process, self.has_gradients)
            rounded = _rounded(results, self.answer[0])
            return rounded, None if slopes is None else _rounded(slopes, self.answer[1] or [])
        return None

    @cached_property
    def measured(self) -> list[np.ndarray] | None:
        """The gradients by central differences in float64; None where they cannot be measured so."""
        with Attempt():
            return measure_gradients(self.function, _wide(self.packed), _processing(self.entry, self.sample, torch))
        return None


def ask_pytorch(
    entry: Any, function: Callable[..., Any], sample: Any, dtype: str, gradients: bool
) -> Reference | Exception:
    """PyTorch's answer to a sample; or why it cannot be given to another module, or PyTorch itself refuses it."""
    again = []
    with Attempt() as attempt:
        packed, process = pack_sample(sample), _processing(entry, sample, torch)
        torch.manual_seed(1)
        answer = evaluate(function, packed, torch, process, gradients)
        for seed in (2, 3):
            torch.manual_seed(seed)
            again.append(evaluate(function, packed, torch, process, False)[0])
    if attempt.error:
        return attempt.error
    random = entry.name in RANDOM or any(compare(other, answer[0], Tolerance(1e-4, 1e-4)) for other in again)
    return Reference(entry, function, sample, packed, dtype, answer, random)


def _processing(entry: Any, sample: Any, module: ModuleType) -> Callable[[Any], Any]:
    if entry.name in _SIGNS_OPEN:
        return rebound(sample.output_process_fn_grad, module)
    return lambda result: result


def _wide(value: Any) -> Any:
    """A packed value whose narrow floats are float64; a copy, whose values may be changed."""
    if isinstance(value, Array):
        wide = value.values.dtype.name in _NARROW
        return value._replace(values=value.values.astype(np.float64) if wide else value.values.copy())
    return map_parts(_wide, value)


def _rounded(arrays: Any, like: Any) -> list[Any]:
    return [
        array if array is None or other is None else array.astype(other.dtype)
        for array, other in zip(arrays, like, strict=True)
    ]
