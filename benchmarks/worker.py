"""One row, timed in a process of its own: prints its samples as JSON.

python -m benchmarks.worker KEY ROUNDS COMPETITOR...
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import in_jax
from benchmarks.machine import copying
from benchmarks.measure import alternating
from benchmarks.row import Program, Row
from benchmarks.rows import ROWS

Run = Callable[[], Any]


def main() -> None:
    """Measure the row that the command line names."""
    key, rounds, *competitors = sys.argv[1:]
    row = next(row for row in ROWS if row.key == key)
    assert isinstance(row, Row)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: row.threads])  # before any pool is made
    warnings.simplefilter("ignore")
    runs, off = competing(row, competitors)
    if row.bytes:
        runs["copy"], nbytes = copying(row.threads)
    samples = alternating(runs, int(rounds))
    copied = [nbytes / seconds for seconds in samples.pop("copy")] if row.bytes else []
    print(json.dumps({"samples": samples, "copied": copied, "off": off}))


def competing(row: Row, competitors: list[str]) -> tuple[dict[str, Run], dict[str, float]]:
    """The calls to be timed, and how far each is off the first one's results, which must be close."""
    runs: dict[str, Run] = {}
    answers: dict[str, list[np.ndarray]] = {}
    weights: dict[str, Any] = {}
    for name in competitors:
        run, program = _made(row, name, weights)
        answers[name] = _answer(run, program, steps=3 if row.training or program.written else 1)
        runs[name] = run
    first = competitors[0]
    off = {name: _distance(answers[first], answers[name]) for name in competitors[1:]}
    far = {name: distance for name, distance in off.items() if not distance <= row.tolerance}
    if far:
        raise SystemExit(f"{row.key}: {first} is far from {far}; {row.tolerance} is allowed")
    return runs, off


def _made(row: Row, name: str, weights: dict[str, Any]) -> tuple[Run, Program]:
    """What a competitor calls, its models having the weights of the first one."""
    module = import_module("brasa" if name.startswith("brasa") else "torch")
    program = row.others[name](module) if name in row.others else row.make(module)
    if program.model is not None:
        if not weights:
            weights |= {key: np.array(value.detach().numpy()) for key, value in program.model.state_dict().items()}
        program.model.load_state_dict({key: module.from_numpy(value.copy()) for key, value in weights.items()})
    if name == "jax":
        return _in_jax(row, program), Program(program.function)
    function = program.function
    if "compile" in name or (name.startswith("brasa") and not row.eager):
        function = _compiled(module, name, function)
    arguments = program.arguments
    return lambda: function(*arguments), program


def _compiled(module: ModuleType, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if name == "brasa dynamic=False":
        return module.compile(function, dynamic=False)
    return module.compile(function)


def _in_jax(row: Row, program: Program) -> Run:
    jax = in_jax.load()
    if program.model is not None:
        return in_jax.training(jax, program) if row.training else in_jax.inference(jax, program)
    assert row.jax is not None
    if not program.arguments:
        return row.jax(jax)
    function, arguments = jax.jit(row.jax(jax)), [in_jax.array(jax, argument) for argument in program.arguments]
    return lambda: jax.block_until_ready(function(*arguments))


def _answer(run: Run, program: Program, steps: int) -> list[np.ndarray]:
    for _ in range(steps):
        result = run()
    if program.written:
        return [_array(tensor) for tensor in program.written]
    found = list(result) if isinstance(result, tuple | list) else [result]
    arrays = [_array(tensor) for tensor in found]
    if program.model is not None and arrays[0].ndim == 0:  # a loss: JAX keeps its gradients to itself
        gradients = [_array(parameter.grad).ravel() for parameter in program.model.parameters()]
        arrays.append(np.concatenate(gradients))
    return arrays


def _array(tensor: Any) -> np.ndarray:
    """A tensor of any competitor as float64."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().float().numpy()
    return np.array(tensor, np.float64)


def _distance(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """How far arrays are apart, relative to the largest number in each; JAX gives fewer of them."""
    pairs = zip(ours, theirs, strict=False)
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) for a, b in pairs)


if __name__ == "__main__":
    main()
