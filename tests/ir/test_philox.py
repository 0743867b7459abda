"""Philox4x32-10 against the known answers that its authors publish with Random123."""

from __future__ import annotations

import numpy as np
import pytest

from brasa.ir.dtype import int64, uint32
from brasa.ir.kernel_builder import KernelBuilder
from brasa.ir.philox import philox_expr, philox_numpy
from tests.kernel_interpreter import run_kernel

# kat_vectors: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], result: tuple[int, ...]) -> None:
    seed, element = key[0] | key[1] << 32, np.array([counter[0] | counter[1] << 32], np.uint64)
    words = philox_numpy(seed, element, counter[2], counter[3])
    assert tuple(int(word[0]) for word in words) == result


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers_in_kernels(counter: tuple[int, ...], key: tuple[int, int], result: tuple[int, ...]) -> None:
    builder = KernelBuilder("bits")
    seed, element, call = (builder.size(name) for name in ("seed", "element", "call"))
    out = builder.buffer("out", uint32, "out")
    for word in range(4):
        builder.store(out, word, philox_expr(seed, call, element, word=word, draw=counter[3]))
    made = np.zeros(4, np.uint32)
    whole = np.array([key[0] | key[1] << 32, counter[0] | counter[1] << 32, counter[2]], np.uint64).view(np.int64)
    run_kernel(builder.finish(), {"out": made}, dict(zip(("seed", "element", "call"), whole.tolist(), strict=True)))
    assert tuple(made.tolist()) == result
    assert seed.dtype is int64


def test_streams_differ() -> None:
    """In every part of the counter and the key, and evenly in each bit."""
    elements = np.arange(4096, dtype=np.uint64)
    base = philox_numpy(1, elements, 0, 0)
    for other in (philox_numpy(2, elements, 0, 0), philox_numpy(1, elements, 1, 0), philox_numpy(1, elements, 0, 1)):
        assert not np.any(base[0] == other[0])
    for word in base:
        share = np.unpackbits(word.view(np.uint8)).mean()
        assert abs(share - 0.5) < 0.01
