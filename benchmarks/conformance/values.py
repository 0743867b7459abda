"""The columns of values: results and gradients, eager and compiled, on every sample of an entry."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.conformance.callables import full_name, resolve
from benchmarks.conformance.carry import Attempt, Missing
from benchmarks.conformance.reference import ask_pytorch

# The shape of what they give depends on values: a compiled program may split at them.
_VALUE_SHAPED = frozenset((
    "nonzero", "argwhere", "unique", "unique_consecutive", "masked_select", "bincount", "histogram",
    "repeat_interleave", "combinations", "nn.functional.ctc_loss",
))  # fmt: skip


class Record(dict[str, Any]):
    """What is known of an entry; printed and kept as JSON.

    status: pass, fail, missing (no such name), unmapped (PyTorch has no public name for it), nosample, timeout, crash.
    """

    def note(self, kind: str, fact: object) -> None:
        """Keep why a sample does not pass, the first few times."""
        text = f"{type(fact).__name__}: {fact}" if isinstance(fact, Exception) else str(fact)
        if len(self["notes"]) < 8:
            self["notes"].append(f"{kind} #{self['samples'] + self['skipped']}: {text[:200]}")

    def skip(self, why: Exception) -> None:
        """Count a sample that does not run."""
        self["skipped"] += 1
        self["why_skipped"] = f"{type(why).__name__}: {str(why)[:120]}"


def new_record(entry: Any, **counts: int) -> Record:
    """The record of an entry that nothing is known of."""
    return Record(op=full_name(entry), status="pass", samples=0, skipped=0, notes=[], **counts)


def both(entry: Any, module: ModuleType, record: Record, methods: bool = False) -> tuple[Any, Any] | None:
    """PyTorch's function and the module's; None, and the record says why, if one of them lacks it."""
    reference = resolve(entry, torch, methods)
    if reference is None:
        record["status"] = "unmapped"
        return None
    try:
        return reference, resolve(entry, module, methods)
    except Missing as error:
        record["status"] = "missing"
        record["notes"].append(str(error))
        return None


def run_values(entry: Any, module: ModuleType, dtype: str, methods: bool, most: int) -> Record:
    """Run the samples of an entry, at most `most` of them if it is not 0, and count what is as PyTorch has it."""
    record = new_record(
        entry,
        forward=0,
        gradients=0,
        gradient=0,
        compiled_forward=0,
        compiled_gradient=0,
        random=0,
        exact=0,
        differences=0,
    )
    functions = both(entry, module, record, methods)
    if functions is None:
        return record
    reference, eager = functions
    split = entry.name in _VALUE_SHAPED
    compiled = module.compile(lambda *a, **k: eager(*a, **k), fullgraph=not split) if module is not torch else eager
    kind = getattr(torch, dtype)
    gradients = (
        entry.supports_autograd and kind in entry.backward_dtypes and (kind.is_floating_point or kind.is_complex)
    )
    for sample in _samples(entry, dtype, gradients):
        if most and record["samples"] >= most:
            break
        wanted = ask_pytorch(entry, reference, sample, dtype, gradients)
        if isinstance(wanted, Exception):
            record.skip(wanted)
            continue
        record["random"] += wanted.random
        record["gradients"] += wanted.has_gradients
        for function, prefix in ((eager, ""), (compiled, "compiled_")):
            with Attempt() as attempt:
                results, slopes = wanted.differences(wanted.ask(function, module))
            if attempt.error or results:
                record.note(f"{prefix}forward", attempt.error or results)
                continue
            record[f"{prefix}forward"] += 1
            if slopes:
                record.note(f"{prefix}gradient", slopes)
            elif wanted.has_gradients:
                record[f"{prefix}gradient"] += 1
        record["exact"] += wanted.by_exact
        record["differences"] += wanted.by_differences
        record["samples"] += 1
    record["status"] = status_of(record, "forward", "compiled_forward")
    if record["gradient"] < record["gradients"] or record["compiled_gradient"] < record["gradients"]:
        record["status"] = "fail"
    return record


def status_of(record: Record, *columns: str) -> str:
    """pass if every sample counts in each column; nosample if there is none."""
    if not record["samples"]:
        return "nosample"
    return "pass" if all(record[column] == record["samples"] for column in columns) else "fail"


def _samples(entry: Any, dtype: str, gradients: bool) -> Iterator[Any]:
    torch.manual_seed(0)
    np.random.seed(0)
    return iter(entry.sample_inputs("cpu", getattr(torch, dtype), requires_grad=gradients))
