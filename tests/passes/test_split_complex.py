"""Complex numbers taken apart: the same values by real ops alone, and kernels that compute both parts at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brasa.codegen.llvm import host_target
from brasa.codegen.schedules import lower
from brasa.ir.graph import Graph, Kind, item_types
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.verify import verify
from brasa.passes import PIPELINE, run, split_complex
from tests.samples import SAMPLES, all_samples


def stored(array: Any) -> Any:
    """An array with the parts of complex numbers along a last axis."""
    array = np.asarray(array)
    return np.stack([array.real, array.imag], -1) if np.iscomplexobj(array) else array


def is_complex(graph: Graph) -> bool:
    return any(type.dtype.is_complex for node in (*graph.inputs, *graph.nodes) for type in item_types(node.type))


NAMES = [name for name in SAMPLES if any(is_complex(s.graph) for s in SAMPLES[name]) and name != "input"]
TAKEN = {"view_as_real", "view_as_complex", "conj"}


def test_samples_speak_of_every_kind() -> None:
    kinds = {OPS[name].kind for name in NAMES}
    assert kinds >= {Kind.ELEMENTWISE, Kind.VIEW, Kind.MOVE, Kind.REDUCE, Kind.CONTRACT, Kind.INDEX, Kind.HOST}
    assert set(NAMES) >= TAKEN


@pytest.mark.parametrize("name", NAMES)
def test_same_values_by_real_ops(name: str) -> None:
    for sample in SAMPLES[name]:
        if not is_complex(sample.graph):
            continue
        before = sample.taken_apart
        after = verify(split_complex(before))
        outside = {node for node in after.nodes if node.op.kind in (Kind.HOST, Kind.COMPLEX) or node.op.name == "item"}
        for node in (*after.inputs, *after.nodes):
            assert node in outside or not node.tensor.dtype.is_complex, f"{sample}\n{after}"
        arrays = sample.arrays()
        wanted = interpret(before, arrays, sample.sizes)
        got = interpret(after, [stored(array) for array in arrays], sample.sizes)
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, stored(other), rtol=1e-5, atol=1e-6, err_msg=str(sample))


def test_real_graphs_stay_as_they_are() -> None:
    graph = next(sample.graph for sample in all_samples() if not is_complex(sample.graph))
    assert split_complex(graph) is graph


def test_text() -> None:
    text = "graph f(x: c64[n] strides(s)) {\n  %0: c64[n] = neg(x)\n  %1: f32[n] = abs(%0)\n  return %0, %1\n}"
    assert str(split_complex(parse(text, OPS))) == (
        "graph f(x: f32[n,2] strides(s,1)) {\n"
        "  %0: f32[n,1] = slice(x, starts=[0, 0], sizes=[n, 1], steps=[1, 1])\n"
        "  %1: f32[n] = reshape(%0, shape=[n])\n"
        "  %2: f32[n] = neg(%1)\n"
        "  %3: f32[n,1] = slice(x, starts=[0, 1], sizes=[n, 1], steps=[1, 1])\n"
        "  %4: f32[n] = reshape(%3, shape=[n])\n"
        "  %5: f32[n] = neg(%4)\n"
        "  %6: f32[n] = hypot(%2, %5)\n"
        "  %7: f32[n,1] = reshape(%2, shape=[n, 1])\n"
        "  %8: f32[n,1] = reshape(%5, shape=[n, 1])\n"
        "  %9: f32[n,2] = concat(%7, %8, axis=1)\n"
        "  return %9, %6\n}"
    )


def test_both_parts_in_one_vector_loop() -> None:
    text = "graph f(x: c64[n], y: c64[n]) {\n  %0: c64[n] = mul(x, y)\n  return %0\n}"
    (launch,) = lower(run(parse(text, OPS), PIPELINE), host_target()).launches
    kernel = str(launch.kernel)
    assert kernel.count(" vector {") == 1 and "if" not in kernel
    assert "out[piece * 8192 + i * 2] = " in kernel and "out[piece * 8192 + 1 + i * 2] = " in kernel
