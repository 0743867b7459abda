"""The columns of forms: in place, with `out=`, and the errors that wrong inputs raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.conformance.carry import Attempt, flat, make_tensor, pack_sample, to_numpy, unpack
from benchmarks.conformance.judge import Tolerance, compare, compare_kinds, tolerances
from benchmarks.conformance.reference import RANDOM
from benchmarks.conformance.values import Record, both, new_record, status_of


def run_forms(entry: Any, module: ModuleType, dtype: str, column: str, most: int) -> Record:
    """Run the samples of an entry in one form: "inplace" or "out"; forward only."""
    record = new_record(entry, forward=0)
    has = entry.inplace_variant is not None if column == "inplace" else entry.supports_out
    functions = both(entry, module, record) if has else None
    if functions is None:
        record["status"] = record["status"] if has else "nosample"
        return record
    reference, function = functions
    call = in_place if column == "inplace" else with_out
    for sample in entry.sample_inputs("cpu", getattr(torch, dtype)):
        if sample.broadcasts_input:
            continue
        if most and record["samples"] >= most:
            break
        with Attempt() as attempt:
            packed = pack_sample(sample)
            wanted, again = (_seeded(seed, call, entry.name, torch, reference, packed) for seed in (1, 2))
        if attempt.error:
            record.skip(attempt.error)
            continue
        judge = compare_kinds if entry.name in RANDOM or compare(again, wanted, Tolerance(0, 0)) else compare
        with Attempt() as attempt:
            difference = judge(call(entry.name, module, function, packed), wanted, tolerances(dtype)[0])
        if attempt.error or difference:
            record.note(column, attempt.error or difference)
        else:
            record["forward"] += 1
        record["samples"] += 1
    record["status"] = status_of(record, "forward")
    return record


def _seeded(seed: int, call: Callable[..., list[np.ndarray]], *arguments: Any) -> list[np.ndarray]:
    torch.manual_seed(seed)
    return call(*arguments)


def in_place(name: str, module: ModuleType, function: Callable[..., Any], packed: Any) -> list[np.ndarray]:
    """The input after the in-place method of an operator."""
    input, arguments, keywords = (unpack(part, module) for part in packed)
    getattr(input, f"{name.rpartition('.')[2]}_")(*arguments, **keywords)
    return [to_numpy(result) for result in flat(input)]


def with_out(name: str, module: ModuleType, function: Callable[..., Any], packed: Any) -> list[np.ndarray]:
    """What `out` holds after an operator wrote to it."""
    input, arguments, keywords = (unpack(part, module) for part in packed)
    result = function(input, *arguments, **keywords)
    if isinstance(result, list | tuple):
        raise TypeError("several results")
    out = make_tensor(module, np.empty_like(to_numpy(result)))
    function(input, *arguments, out=out, **keywords)
    return [to_numpy(out)]


def run_errors(entry: Any, module: ModuleType, most: int) -> Record:
    """Run the wrong inputs of an entry: each must raise the builtin class of error that PyTorch raises."""
    record = new_record(entry, forward=0)
    functions = both(entry, module, record)
    if functions is None:
        return record
    for wrong in _wrong_inputs(entry):
        if most and record["samples"] >= most:
            break
        with Attempt() as attempt:
            packed = pack_sample(wrong.sample_input)
        if attempt.error:
            record.skip(attempt.error)
            continue
        with Attempt() as attempt:
            input, arguments, keywords = (unpack(part, module) for part in packed)
            functions[1](input, *arguments, **keywords)
        if isinstance(attempt.error, wrong.error_type):
            record["forward"] += 1
        else:
            got = attempt.error or "accepted"
            record.note("errors", f"{type(got).__name__}: {got}, wants {wrong.error_type}: {wrong.error_regex[:80]}")
        record["samples"] += 1
    record["status"] = status_of(record, "forward")
    return record


def _wrong_inputs(entry: Any) -> Iterator[Any]:
    return iter(entry.error_inputs("cpu") if entry.error_inputs_func is not None else ())
