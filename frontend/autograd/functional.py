"""Derivatives of functions as functions: Jacobians, Hessians, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.autograd.engine import grad
from brasa.autograd.modes import enable_grad
from brasa.functions.joining import stack
from brasa.ir.errors import ArgumentError, GradientError, ShapeError
from brasa.tensors.creation import ones_like, zeros, zeros_like
from brasa.tensors.tensor import Tensor


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(*inputs), v times the Jacobian of func): one product for each input.

    v: like the result; it may be left out for a scalar. create_graph: record the products, to differentiate them.
    strict: GradientError, instead of zeros, where the result does not depend on an input. ShapeError where v is of
    another shape than the result.
    """
    with enable_grad():
        given = _prepared(inputs, create_graph)
        results = func(*given)
        weights = _weights("vjp", v, _listed("vjp", results))
        products = _gradients("vjp", _listed("vjp", results), given, weights, create_graph, strict)
    return _cut(results, create_graph), _cut(_like(inputs, products), create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(*inputs), the Jacobian of func times v): one product for each result.

    v: like the inputs; it may be left out where there is one of one element. Computed with two backwards: what vjp
    gives is linear in its vector, and the gradient of that by the vector is wanted. See vjp.
    """
    with enable_grad():
        given = _prepared(inputs, create_graph)
        results = func(*given)
        listed = _listed("jvp", results)
        directions = _weights("jvp", v, given)
        vectors = [zeros_like(each).requires_grad_() for each in listed]
        forward = _gradients("jvp", listed, given, vectors, True, strict)
        products = _gradients("jvp", forward, vectors, directions, create_graph, strict)
    return _cut(results, create_graph), _cut(_like(results, products), create_graph)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(*inputs), v times the Hessian of func), for a func with a scalar result. See vjp."""
    with enable_grad():
        given = _prepared(inputs, create_graph)
        result = _scalar("vhp", func(*given))
        vectors = _weights("vhp", v, given)
        first = _gradients("vhp", [result], given, [ones_like(result)], True, strict)
        products = _gradients("vhp", first, given, vectors, create_graph, strict)
    return _cut(result, create_graph), _cut(_like(inputs, products), create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(*inputs), the Hessian of func times v). The Hessian is symmetric: this is vhp."""
    return vhp(func, inputs, v, create_graph, strict)


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All derivatives of func's results by its inputs: for each pair a tensor of shape [*result, *input].

    A tuple of inputs gives a tuple, a tuple of results a tuple of those. vectorize and strategy are for PyTorch's sake:
    rows are computed one by one. See vjp for the rest.
    """
    with enable_grad():
        given = _prepared(inputs, create_graph)
        results = func(*given)
        rows = [_jacobian_of(result, given, create_graph, strict) for result in _listed("jacobian", results)]
    return _cut(_like(results, [_like(inputs, row) for row in rows]), create_graph)


def _jacobian_of(result: Tensor, given: list[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    flat = result.reshape(-1)  # type: ignore[attr-defined]
    rows = [
        _gradients("jacobian", [flat[i]], given, [ones_like(flat[i])], create_graph, strict)
        for i in range(flat.numel())
    ]
    shape = tuple(result.shape)
    return [
        stack([row[i] for row in rows]).reshape((*shape, *value.shape)) if rows
        else zeros((*shape, *value.shape), dtype=value.dtype)
        for i, value in enumerate(given)
    ]  # fmt: skip


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All second derivatives of a func with a scalar result: for each pair of inputs a tensor of [*one, *other].

    A tuple of inputs gives a tuple of tuples. See jacobian.
    """
    several = isinstance(inputs, tuple | list)

    def first(*given: Tensor) -> Any:
        result = _scalar("hessian", func(*given))
        found = _gradients("hessian", [result], list(given), [ones_like(result)], True, strict)
        return tuple(found) if several else found[0]

    return jacobian(first, inputs, create_graph, strict)


def _prepared(inputs: Any, create_graph: bool) -> list[Tensor]:
    """The inputs as tensors to differentiate by: on the graph there is, or at the beginning of a new one."""
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    for value in given:
        if not isinstance(value, Tensor):
            raise ArgumentError(f"inputs must be tensors, not {type(value).__name__}", op="autograd.functional")
    return [
        value.view_as(value) if create_graph and value._requires_grad else value.detach().requires_grad_()
        for value in given
    ]  # type: ignore[attr-defined]


def _listed(op: str, results: Any) -> list[Tensor]:
    listed = list(results) if isinstance(results, tuple | list) else [results]
    for value in listed:
        if not isinstance(value, Tensor):
            raise ArgumentError(f"the function must return tensors, not {type(value).__name__}", op=op)
    return listed


def _scalar(op: str, result: Any) -> Tensor:
    (value, *others) = _listed(op, result)
    if others or value.numel() != 1:
        shapes = [list(each.shape) for each in (value, *others)]
        raise ShapeError(f"the function must return one element, it returned {shapes}", op=op)
    return value


def _weights(op: str, v: Any, like: Sequence[Tensor]) -> list[Tensor]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise GradientError("v can be left out for one element only", op=op)
        return [ones_like(like[0])]
    weights = list(v) if isinstance(v, tuple | list) else [v]
    shapes, wanted = [list(each.shape) for each in weights], [list(each.shape) for each in like]
    if shapes != wanted:
        raise ShapeError(f"v has shapes {shapes}, what it weights has {wanted}", op=op)
    return weights


def _gradients(
    op: str, outputs: Sequence[Tensor], inputs: Sequence[Tensor], weights: Sequence[Tensor], create_graph: bool,
    strict: bool,
) -> list[Tensor]:  # fmt: skip
    """The gradients of the outputs that have one, by each input; zeros, or an error, where there is none."""
    pairs = [pair for pair in zip(outputs, weights, strict=True) if pair[0]._requires_grad]
    if strict and len(pairs) < len(outputs):
        raise GradientError("a result does not depend on the inputs", op=op)
    found = (None,) * len(inputs) if not pairs else grad(
        [output for output, _ in pairs], list(inputs), [weight for _, weight in pairs], retain_graph=True,
        create_graph=create_graph, allow_unused=True,
    )  # fmt: skip
    if strict and any(each is None for each in found):
        raise GradientError(f"the results do not depend on input {list(found).index(None)}", op=op)
    return [zeros_like(value) if each is None else each for each, value in zip(found, inputs, strict=True)]


def _like(pattern: Any, values: Sequence[Any]) -> Any:
    return tuple(values) if isinstance(pattern, tuple | list) else values[0]


def _cut(value: Any, create_graph: bool) -> Any:
    """Cut off from the graph, unless one was asked for."""
    if isinstance(value, tuple | list):
        return tuple(_cut(each, create_graph) for each in value)
    return value if create_graph else value.detach()
