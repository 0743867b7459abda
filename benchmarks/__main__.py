"""`make bench`: brasa beside PyTorch in one run, as a table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import brasa
from benchmarks import programs
from benchmarks.measure import alternating, fresh_process

_IMPORT = "import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
_STEP = """
import time
import {module}
import numpy as np
from benchmarks import programs
model = programs.digits_cnn({module})
step = programs.training_step({module}, model)
if {compiled}:
    step = {module}.compile(step)
x, y = programs.images({module}, 64, 1, 8, 8), programs.labels({module}, 64)
start = time.perf_counter()
step(x, y).item()
print(time.perf_counter() - start)
"""
_FIRST_OP = """
import time
import brasa
x = brasa.tensor([1.0, 2.0])
y = x * 2.0
start = time.perf_counter()
y.tanh()
print(time.perf_counter() - start)
"""


def environment(cache: str) -> dict[str, str]:
    """The environment of a fresh process whose cache is this folder; Python keeps bytecode, as it does for users."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "BRASA_CACHE": cache, "PYTHONPATH": os.getcwd()}


def once_cold(program: str) -> float:
    """The median seconds that a program prints, each time with an empty cache."""
    results = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            results += fresh_process(program, environment(folder), times=1)
    return float(np.median(results))


def warm(program: str) -> float:
    """The median seconds that a program prints once the cache holds what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        fresh_process(program, environment(folder), times=1)
        return fresh_process(program, environment(folder))[0]


def process_rows() -> list[tuple[str, float, float | None, str]]:
    """Import and compile times, in fresh processes."""
    compiled = _STEP.format(module="brasa", compiled=True)
    eager = _STEP.format(module="brasa", compiled=False)
    with tempfile.TemporaryDirectory() as folder:
        ours = fresh_process(_IMPORT.format(module="brasa"), environment(folder))[0]
        theirs = fresh_process(_IMPORT.format(module="torch"), environment(folder))[0] if has_torch() else None
    return [
        ("import", ours, theirs, "ms"),
        ("first call of an uncached eager op", once_cold(_FIRST_OP), None, "ms"),
        ("first eager CNN step, empty cache", once_cold(eager), None, "ms"),
        ("first compiled CNN step, empty cache", once_cold(compiled), None, "ms"),
        ("first compiled CNN step, from cache", warm(compiled), None, "ms"),
    ]


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    try:
        import_module("torch")
    except ImportError:
        return False
    return True


def pairs(make: Callable[[Any], dict[str, Callable[[], object]]]) -> dict[str, float]:
    """Median seconds of brasa's and PyTorch's variants of one program, measured in turn."""
    runs = {f"brasa {name}": run for name, run in make(brasa).items()}
    if has_torch():
        runs |= {f"torch {name}": run for name, run in make(import_module("torch")).items()}
    return alternating(runs)


def small_ops(module: Any) -> dict[str, Callable[[], object]]:
    a, b = module.ones(8), module.ones(8)
    c, rows = module.ones(8, requires_grad=True), module.ones(8, 8)
    return {
        "add of 8 elements": lambda: a + b,
        "exp of 8 elements": lambda: a.exp(),
        "softmax of 8x8": lambda: rows.softmax(1),
        "add of 8 elements, with gradient": lambda: c + b,
    }


def tiny_model(module: Any) -> dict[str, Callable[[], object]]:
    model, x = programs.mlp(module, 16, 32, 32, 4), programs.images(module, 1, 16)
    variants = {"eager": model}
    if module is brasa:
        variants["compiled"] = brasa.compile(model)

    def run(call: Any) -> Callable[[], object]:
        def once() -> object:
            with module.no_grad():
                return call(x)

        return once

    return {f"MLP 16-32-32-4, batch 1, {name}": run(call) for name, call in variants.items()}


def cnn_step(module: Any) -> dict[str, Callable[[], object]]:
    return _training(module, lambda: programs.digits_cnn(module), (64, 1, 8, 8), "digits CNN step, batch 64")


def mlp_step(module: Any) -> dict[str, Callable[[], object]]:
    return _training(module, lambda: programs.mlp(module, 784, 512, 512, 10), (64, 784), "MLP 784-512-512-10 step")


def _training(module: Any, make: Callable[[], Any], shape: tuple[int, ...], name: str) -> dict[str, Any]:
    x, y = programs.images(module, *shape), programs.labels(module, shape[0])
    eager = programs.training_step(module, make())
    runs = {f"{name}, eager": lambda: eager(x, y)}
    if module is brasa:
        compiled = brasa.compile(programs.training_step(module, make()))
        runs[f"{name}, compiled"] = lambda: compiled(x, y)
    return runs


def loading(module: Any) -> dict[str, Callable[[], object]]:
    import_module(f"{module.__name__}.utils.data")
    warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores, as PyTorch warns
    images = programs.Images(module, 1024)

    def epoch(batch: int, workers: int) -> Callable[[], object]:
        return lambda: [len(labels) for _, labels in module.utils.data.DataLoader(images, batch, num_workers=workers)]

    cases = [(batch, workers) for batch in (4, 64) for workers in (0, 1, 2, 4)]
    return {f"1,024 images loaded, batch {batch}, {workers} workers": epoch(batch, workers) for batch, workers in cases}


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """The rows as Markdown."""
    head = [("", "brasa", "PyTorch eager", "PyTorch / brasa")]
    widths = [max(len(row[i]) for row in head + rows) for i in range(4)]

    def line(cells: tuple[str, ...]) -> str:
        texts = [c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(texts)} |"

    ruler = f"|{'|'.join('-' * (width + 1) + (':' if i else '-') for i, width in enumerate(widths))}|"
    return "\n".join([line(head[0]), ruler, *map(line, rows)])


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="leave out the fresh processes")
    chosen = arguments.parse_args()
    rows: list[tuple[str, str, str, str]] = []
    if not chosen.quick:
        for name, ours, theirs, _ in process_rows():
            shown = ("", "") if theirs is None else (f"{1e3 * theirs:.0f} ms", f"{theirs / ours:.2f}")
            rows.append((name, f"{1e3 * ours:.1f} ms", *shown))
    for make in (small_ops, tiny_model, cnn_step, mlp_step, loading):
        found = pairs(make)
        for label, ours in found.items():
            if label.startswith("brasa "):
                name = label.removeprefix("brasa ")
                theirs = found.get(f"torch {name}") or found.get(f"torch {name.replace('compiled', 'eager')}")
                other = ("", "") if theirs is None else (f"{1e6 * theirs:.2f} us", f"{theirs / ours:.2f}")
                rows.append((name, f"{1e6 * ours:.2f} us", *other))
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    sys.stdout.write(f"{table(rows)}\n\n{os.cpu_count()} cores, {versions}, {brasa.get_num_threads()} threads\n")


if __name__ == "__main__":
    main()
