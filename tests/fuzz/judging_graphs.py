"""Judges random graphs of ops: each pass keeps their meaning bit by bit, and their machine code is what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np

import brasa
from brasa.codegen.llvm import host_target
from brasa.execution.runner import Runner
from brasa.ir.errors import GradientError
from brasa.ir.graph import Graph
from brasa.ir.interpret import interpret
from brasa.ir.ops import OPS
from brasa.ir.parsing import parse
from brasa.ir.sizes import graph_symbols
from brasa.ir.verify import verify
from brasa.passes import PIPELINE, run, vjp_graph
from tests.codegen.schedules.running import Machine
from tests.fuzz.graphs import random_graph
from tests.fuzz.nesting import arrays_for, nested_graph
from tests.fuzz.variants import UNFUSED, VARIANTS, after_passes
from tests.passes.checks import assert_fused, assert_same_meaning, plain, random_arrays, same_bits


def judge_passes(seed: int) -> None:
    """A random graph means the same, bit for bit, after every prefix of the pipeline, and prints what it is."""
    before = _differentiated(seed)
    after = before
    for step in PIPELINE[1:]:
        after = run(after, (step,), check=True)
        assert_same_meaning(before, after, seed, special=seed % 2 == 0)
        assert plain(parse(str(after), OPS)) == plain(after)
    assert_fused(after)


def judge_machine_code(seed: int, variants: tuple[str, ...] = VARIANTS) -> None:
    """A random graph as machine code, with each pass left out and with one kernel per op: the same bits."""
    graph = _differentiated(seed)
    texts: dict[str, Graph] = {}
    for variant in variants:
        made = after_passes(graph, variant)
        texts.setdefault(plain(made), made)
    machines = [Machine(each, host_target()) for each in texts.values()]
    for size in (3, 18):
        sizes = {name: size + i for i, name in enumerate(graph_symbols(graph))}
        arrays = random_arrays(graph, sizes, seed, special=seed % 2 == 0)
        results = [machine.run(*(array.copy() for array in arrays)).outputs for machine in machines]
        for machine, outputs in zip(machines[1:], results[1:], strict=True):
            for number, (one, other) in enumerate(zip(results[0], outputs, strict=True)):
                assert same_bits(one, other), f"output {number} at {sizes}: {one} became {other}\n{machine.graph}"


def judge_nesting(seed: int) -> None:
    """Random loops and branches, and their gradients, as machine code in planned memory: what they evaluate to."""
    graph = nested_graph(seed)
    for each in (graph, verify(vjp_graph(graph, (True, True, False)))):
        arrays = arrays_for(each, seed, 1 + seed % 19, seed % 4)
        made = Runner(each)([brasa.tensor(array) for array in arrays])
        for got, wanted in zip(made, interpret(each, arrays), strict=True):
            np.testing.assert_allclose(got.numpy(), wanted, 1e-9, 1e-12, err_msg=f"seed {seed}\n{each}")


def _differentiated(seed: int) -> Graph:
    """The graph of a seed, its gradients written out; without them where there are none."""
    try:
        return run(random_graph(seed, differentiate=seed % 3 == 0), PIPELINE[:1], check=True)
    except GradientError:
        return random_graph(seed, differentiate=False)


JUDGES: dict[str, Any] = {"passes": judge_passes, "machine code": judge_machine_code, "nesting": judge_nesting}
TWO_VARIANTS = (VARIANTS[0], UNFUSED)
