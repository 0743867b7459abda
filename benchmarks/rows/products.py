"""Rows of single matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benchmarks.row import Make, Program, Row, noise

SHAPES = (
    *((size, size, size) for size in (64, 128, 256, 512, 1024, 2048)),
    (32, 784, 512), (1, 1024, 1024), (4, 1024, 1024),
)  # fmt: skip
BFLOAT16 = ((512, 512, 512), (2048, 2048, 2048))


def rows() -> Iterator[Row]:
    """Row-major float32 products on one and two threads, and bfloat16 ones."""
    for threads in (1, 2):
        for shape in SHAPES:
            yield _row(shape, "float32", threads)
    for shape in BFLOAT16:
        yield _row(shape, "bfloat16", 2)
    yield Row("products", "linear 64x784 to 512, float32", _linear, _jax_linear, flops=2 * 64 * 784 * 512)


def _row(shape: tuple[int, int, int], dtype: str, threads: int) -> Row:
    m, k, n = shape
    name = f"{m}x{k}x{n} {dtype}, {threads} thread{'s'[: threads - 1]}"
    return Row(
        "products", name, _product(shape, dtype), lambda jax: jax.numpy.matmul, threads=threads, flops=2 * m * k * n,
        tolerance=1e-4 if dtype == "float32" else 2e-2,
    )  # fmt: skip


def _product(shape: tuple[int, int, int], dtype: str) -> Make:
    m, k, n = shape

    def over(module: ModuleType) -> Program:
        arrays = (noise(m, k), noise(k, n, seed=1))
        return Program(module.matmul, tuple(module.tensor(a, dtype=getattr(module, dtype)) for a in arrays))

    return over


def _linear(module: ModuleType) -> Program:
    arrays = (noise(64, 784), noise(512, 784, seed=1), noise(512, seed=2))
    return Program(module.nn.functional.linear, tuple(map(module.tensor, arrays)))


def _jax_linear(jax: Any) -> Any:
    return lambda x, w, b: jax.numpy.matmul(x, w.T) + b
