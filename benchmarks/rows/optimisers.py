"""Rows of optimisers alone, their gradients being there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from benchmarks.row import Make, Program, Row, noise

COUNT, SIZE = 50, 200_000


def rows() -> Iterator[Row]:
    """Adam over ten million parameters in fifty tensors: it reads four arrays and writes three."""
    forms = {f"torch {form}": _adam(**{form: True}) for form in ("foreach", "fused")}
    name = "Adam, 10 M parameters in 50 tensors"
    yield Row("optimisers", name, _adam(), _jax_adam, forms, bytes=7 * 4 * COUNT * SIZE, tolerance=1e-3)


def _adam(**form: bool) -> Make:
    def over(module: ModuleType) -> Program:
        parameters = [module.nn.Parameter(module.tensor(noise(SIZE, seed=i))) for i in range(COUNT)]
        for i, parameter in enumerate(parameters):
            parameter.grad = module.tensor(noise(SIZE, seed=100 + i))
        return Program(module.optim.Adam(parameters, **form).step, (), written=tuple(parameters))

    return over


def _jax_adam(jax: Any) -> Callable[[], Any]:
    numpy = jax.numpy
    gradients = [numpy.asarray(noise(SIZE, seed=100 + i)) for i in range(COUNT)]
    state: list[Any] = [[numpy.asarray(noise(SIZE, seed=i)) for i in range(COUNT)]]
    state += [[numpy.zeros(SIZE)] * COUNT for _ in range(2)]

    def update(step: Any, parameters: Any, firsts: Any, seconds: Any, gradients: Any) -> Any:
        firsts = [m * 0.9 + g * 0.1 for m, g in zip(firsts, gradients, strict=True)]
        seconds = [v * 0.999 + g * g * 0.001 for v, g in zip(seconds, gradients, strict=True)]
        size, root = 1e-3 / (1 - 0.9**step), numpy.sqrt(1 - 0.999**step)
        moved = zip(parameters, firsts, seconds, strict=True)
        return [p - size * m / (numpy.sqrt(v) / root + 1e-8) for p, m, v in moved], firsts, seconds

    compiled, count = jax.jit(update, donate_argnums=(1, 2, 3)), [0.0]
    state[1], state[2] = (
        [array + 0 for array in arrays] for arrays in state[1:]
    )  # donated: each needs memory of its own

    def step() -> Any:
        count[0] += 1
        state[:] = compiled(count[0], *state, gradients)
        return jax.block_until_ready(state)[0]

    return step
