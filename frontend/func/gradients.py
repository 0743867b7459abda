"""Reverse mode: gradients of functions with a scalar result, and products of any Jacobian with what comes behind it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from brasa.func.traced import (
    Whole,
    by_tensors,
    check_like,
    derived_of,
    differentiable,
    in_numbers,
    trace_whole,
    with_aux,
)
from brasa.ir.errors import ArgumentError, IndexError, ShapeError, ValueError
from brasa.ir.ops import control
from brasa.ir.ops.source import full
from brasa.passes import vjp_graph
from brasa.tensors.structure import rebuilt
from brasa.tensors.tensor import Tensor
from brasa.tracing.bodies import run_nested
from brasa.tracing.trace import Trace


def chosen(args: tuple[Any, ...], argnums: int | tuple[int, ...], op: str) -> Any:
    """The arguments to differentiate by: one, or a tuple of them."""
    for number in argnums if isinstance(argnums, tuple) else (argnums,):
        if not isinstance(number, int) or isinstance(number, bool):
            raise ArgumentError(f"argnums must be an int or a tuple of ints, not {argnums!r}", op=op)
        if not -len(args) <= number < len(args):
            raise IndexError(f"argnums is {argnums}, there are {len(args)} positional arguments", op=op)
    return tuple(args[number] for number in argnums) if isinstance(argnums, tuple) else args[argnums]


def replaced(args: tuple[Any, ...], argnums: int | tuple[int, ...], values: Any) -> tuple[Any, ...]:
    """The arguments with other values for those that `chosen` gives."""
    made = list(args)
    pairs = zip(argnums, values, strict=True) if isinstance(argnums, tuple) else ((argnums, values),)
    for number, value in pairs:
        made[number] = value
    return tuple(made)


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:  # fmt: skip
    """The function that gives the gradient of func, whose result is a scalar, by the arguments of these numbers.

    The gradient has the form of the argument: a tensor, or a tuple, list or dict of them; a tuple for several argnums.
    has_aux: func returns (result, aux), and (gradient, aux) is given. Gradients of gradients are had by grad(grad(f)),
    and what the argument, or a tensor that func closes over, requires as a gradient flows through as well. func is
    called once, on tensors without values.

    ArgumentError, ShapeError or ValueError where the result is no scalar of floats, or an argument no float tensor.
    """
    return _of_value(func, argnums, has_aux, "grad", lambda grads, value, aux: (grads, aux) if has_aux else grads)


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:  # fmt: skip
    """As `grad`, but for the pair (gradient, result), or (gradient, (result, aux))."""
    return _of_value(func, argnums, has_aux, "grad_and_value",
                     lambda grads, value, aux: (grads, (value, aux) if has_aux else value))  # fmt: skip


def _of_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...], has_aux: bool, op: str, form: Callable[..., Any]
) -> Callable[..., Any]:  # fmt: skip
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        def build(trace: Trace) -> Any:
            by = chosen(args, argnums, op)
            given = differentiable(by, op, "arguments to differentiate by")

            def make(body: Whole, inside: list[Tensor]) -> Any:
                result = func(*replaced(args, argnums, rebuilt(by, inside)), **kwargs)
                value, aux = with_aux(result, has_aux, op)
                return form(rebuilt(by, _gradients(body, value, inside, op)), value, aux)

            traced = trace_whole(trace, op, func, make, by_tensors(trace, given))
            return traced.results(trace, given)

        return run_nested(op, build)

    return functools.update_wrapper(differentiated, func, updated=())


def _gradients(body: Whole, value: Any, inside: Sequence[Tensor], op: str) -> list[Tensor]:
    if not isinstance(value, Tensor):
        raise ArgumentError(f"the function must return a tensor, not {type(value).__name__}", op=op)
    if value.ndim:
        raise ShapeError(f"the function must return a scalar, it returned {in_numbers(value)}", op=op,
                         hint="vjp and jacrev take any result")  # fmt: skip
    if value.dtype.kind != "float":
        raise ValueError(f"the function must return a float, it returned {value.dtype.name}", op=op)
    node = body.node_of(value)
    seed = body.record(full(node.tensor, 1))
    made = body.record(control.gradient(node, seed, *map(body.node_of, inside), outputs=1))
    return [body.fresh(each, True) for each in body.items(made)]


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(func(*primals), vjp_fn), with has_aux (result, vjp_fn, aux) of a func that returns (result, aux).

    vjp_fn takes cotangents, which are like the result, and gives their product with the Jacobian: one value like each
    of the primals, in a tuple unless there is one. It may be called often, and be vmapped.
    """
    result, derived, aux = derived_of("vjp", func, primals, has_aux, vjp_graph)
    form = primals[0] if len(primals) == 1 else primals

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        tensors = check_like(cotangents, result, ("cotangents", "results"), "vjp")
        return derived(form, [each for each in tensors if each.dtype.kind in ("float", "complex")])

    return (result, vjp_fn, aux) if has_aux else (result, vjp_fn)
