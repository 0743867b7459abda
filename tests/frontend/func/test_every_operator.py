"""Every public function of tensors under vmap: what a loop over the samples gives, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import brasa
from brasa import BrasaError, Tensor
from brasa.func import vmap
from tests.frontend.functions.harness import flat, same_bits
from tests.house.operators_page import CALLS, call_of, tensors_for, usual_dtype

COUNT = 3
# The shape of what they give depends on values.
VALUE_SHAPED = {"argwhere", "bincount", "masked_select", "nonzero", "unique", "unique_consecutive"}
ANYTHING = {"empty_like"}
WRITES = {"native_batch_norm"}  # to statistics, which the samples cannot share


def samples_of(name: str) -> list[list[Tensor]]:
    """The tensors of an operator's call, for each sample others."""
    call = call_of(name)
    given = tensors_for(call, usual_dtype(name))
    return [
        [tensor if maker in ("i", "b") or tensor.dtype.kind not in ("float", "complex") else tensor * (1 + 0.07 * i)
         for tensor, (maker, _) in zip(given, call.inputs, strict=True)]
        for i in range(COUNT)
    ]  # fmt: skip


def assert_mapped(name: str, which: Sequence[int | None]) -> None:
    """The function for all samples gives the bits that it gives for each; random numbers are the same ones."""
    function, samples = call_of(name).function, samples_of(name)
    runs = []
    for sample in samples:
        brasa.manual_seed(0)
        given = [one if axis == 0 else first for one, first, axis in zip(sample, samples[0], which, strict=True)]
        runs.append(flat(function(*given)))
    whole: list[Any] = [
        brasa.stack([sample[i] for sample in samples]) if axis == 0 else samples[0][i] for i, axis in enumerate(which)
    ]
    brasa.manual_seed(0)
    mapped = vmap(function, in_dims=tuple(which), randomness="same")(*whole)
    for result, *wanted in zip(flat(mapped), *runs, strict=True):
        for got, want in zip(result, wanted, strict=True):
            same_bits(got, want)


def assert_operator(name: str) -> None:
    count = len(call_of(name).inputs)
    if name in VALUE_SHAPED:
        with pytest.raises(BrasaError, match=r"^vmap: "):
            assert_mapped(name, [0] * count)
        return
    choices = [[0] * count] if count == 1 or name in WRITES else [
        [0] * count, [0, *[None] * (count - 1)], [*[None] * (count - 1), 0]]  # fmt: skip
    for which in choices:
        assert_mapped(name, which)


def gives_tensors(name: str) -> bool:
    """Whether the call takes tensors and gives nothing else."""
    call = call_of(name)
    if not call.inputs or name in ANYTHING:
        return False
    results = flat(call.function(*tensors_for(call, usual_dtype(name))))
    return bool(results) and all(isinstance(result, Tensor) for result in results)


NAMES = sorted(CALLS)


@pytest.mark.parametrize("name", [
    "as_strided", "conv2d", "fft.rfft", "index_select", "linalg.svd", "multinomial", "nn.functional.ctc_loss",
    "nonzero", "searchsorted",
])  # fmt: skip
def test_some_operators_for_many_samples(name: str) -> None:
    assert_operator(name)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_operator_for_many_samples(name: str) -> None:
    if gives_tensors(name):
        assert_operator(name)
