"""Rows of elementwise functions, reductions and normalisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from benchmarks.row import Make, Program, Row, noise

MEGA = 1 << 20
BIG, SMALL = (4096, 4096), (8, 1024)


def rows() -> Iterator[Row]:
    """Large tensors, whose speed is that of memory, then small ones."""
    yield _row("add", BIG, lambda module: module.add, lambda jax: jax.numpy.add, arguments=2, out="add", bytes=192)
    yield _row("exp", BIG, lambda module: module.exp, lambda jax: jax.numpy.exp, out="exp", bytes=128)
    yield _row("gelu", BIG, _gelu, lambda jax: lambda x: jax.nn.gelu(x, approximate=False), bytes=128)
    yield _row("chain", BIG, _chain, _jax_chain, bytes=128)
    yield _row("softmax", BIG, _softmax, lambda jax: lambda x: jax.nn.softmax(x, 1), out="softmax", bytes=128)
    yield _row("softmax and its gradient", BIG, _softmax_gradient, _jax_softmax_gradient, arguments=2, bytes=192)
    yield _row("layer norm", (8192, 1024), _layer_norm, _jax_layer_norm, bytes=64)
    yield _row(
        "layer norm and its gradient",
        (8192, 1024),
        _layer_norm_gradient,
        _jax_layer_norm_gradient,
        arguments=2,
        bytes=96,
    )
    for axis in (0, 1):
        yield _row(f"sum over axis {axis}", BIG, _sum(axis), _sum_in_jax(axis), bytes=64)
    yield _row("sum", BIG, lambda module: module.sum, lambda jax: jax.numpy.sum, bytes=64)
    yield _row("chain", SMALL, _chain, _jax_chain, bytes=0)
    yield _row("softmax", SMALL, _softmax, lambda jax: lambda x: jax.nn.softmax(x, 1), bytes=0)
    yield _row("layer norm", SMALL, _layer_norm, _jax_layer_norm, bytes=0)


def _row(
    name: str, shape: tuple[int, int], function: Callable[[ModuleType], Callable[..., Any]],
    jax: Callable[[Any], Callable[..., Any]], *, bytes: float, arguments: int = 1, out: str = "",
) -> Row:  # fmt: skip
    others: Mapping[str, Make] = {"torch out=": _with_out(out, shape, arguments)} if out else {}
    return Row(
        "pointwise", f"{name}, {shape[0]}x{shape[1]}",
        lambda module: Program(function(module), _tensors(module, shape, arguments)), jax, others,
        compiled_peer=True, bytes=bytes * MEGA,
    )  # fmt: skip


def _tensors(module: ModuleType, shape: tuple[int, int], count: int) -> tuple[Any, ...]:
    return tuple(module.tensor(noise(*shape, seed=seed)) for seed in range(count))


def _with_out(name: str, shape: tuple[int, int], arguments: int) -> Make:
    def over(torch: ModuleType) -> Program:
        tensors, axis = _tensors(torch, shape, arguments), (1,) if name == "softmax" else ()
        result, function = torch.empty(shape), getattr(torch, name)
        return Program(lambda *x: function(*x, *axis, out=result), tensors)

    return over


def _gelu(module: ModuleType) -> Callable[..., Any]:
    return module.nn.functional.gelu


def _chain(module: ModuleType) -> Callable[..., Any]:
    return lambda x: x * module.sigmoid(x) + module.tanh(x) * 0.5


def _jax_chain(jax: Any) -> Callable[..., Any]:
    return lambda x: x * jax.nn.sigmoid(x) + jax.numpy.tanh(x) * 0.5


def _softmax(module: ModuleType) -> Callable[..., Any]:
    return lambda x: module.softmax(x, 1)


def _softmax_gradient(module: ModuleType) -> Callable[..., Any]:
    return _gradient(module, _softmax(module))


def _jax_softmax_gradient(jax: Any) -> Callable[..., Any]:
    return _jax_gradient(jax, lambda x: jax.nn.softmax(x, 1))


def _layer_norm(module: ModuleType) -> Callable[..., Any]:
    return lambda x: module.nn.functional.layer_norm(x, x.shape[1:])


def _jax_layer_norm(jax: Any) -> Callable[..., Any]:
    def normalise(x: Any) -> Any:
        centred = x - x.mean(1, keepdims=True)
        return centred * jax.lax.rsqrt((centred * centred).mean(1, keepdims=True) + 1e-5)

    return normalise


def _layer_norm_gradient(module: ModuleType) -> Callable[..., Any]:
    return _gradient(module, _layer_norm(module))


def _jax_layer_norm_gradient(jax: Any) -> Callable[..., Any]:
    return _jax_gradient(jax, _jax_layer_norm(jax))


def _gradient(module: ModuleType, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, gradient: Any) -> Any:
        leaf = x.detach().requires_grad_()
        return module.autograd.grad(function(leaf), leaf, gradient)[0]

    return run


def _jax_gradient(jax: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, gradient: jax.vjp(function, x)[1](gradient)[0]


def _sum(axis: int) -> Callable[[ModuleType], Callable[..., Any]]:
    return lambda module: lambda x: module.sum(x, axis)


def _sum_in_jax(axis: int) -> Callable[[Any], Callable[..., Any]]:
    return lambda jax: lambda x: jax.numpy.sum(x, axis)
