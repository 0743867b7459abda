"""All derivatives of functions: Jacobians, row by row or column by column at once, and Hessians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from brasa.func.forward import jvp
from brasa.func.gradients import chosen, replaced, vjp
from brasa.func.traced import Randomness, differentiable, with_aux
from brasa.func.vectorizing import vmap
from brasa.functions.axes import movedim
from brasa.ir.errors import ValueError
from brasa.tensors.copies import clone
from brasa.tensors.ranges import eye
from brasa.tensors.structure import rebuilt, tensors_in
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import narrow, reshape
from brasa.tracing.bodies import run_nested


def jacrev(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False,
    chunk_size: int | None = None, _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:  # fmt: skip
    """The function that gives the Jacobian of func by the arguments of these numbers, in reverse mode.

    It has the form of the result, with the form of the argument in the place of each tensor; of a result [*r] and an
    argument [*a] it is [*r, *a]. The products that it takes, one for each number in the result, are vmapped, chunk_size
    of them at a time, or all: few results and many arguments are quick. has_aux: func returns (result, aux), and
    (Jacobian, aux) is given. _preallocate_and_copy is accepted for PyTorch's sake.
    """

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by = chosen(args, argnums, "jacrev")

        def build(_: Any) -> Any:
            def of(values: Any) -> Any:
                return with_aux(func(*replaced(args, argnums, values), **kwargs), has_aux, "jacrev")

            result, vjp_fn, aux = vjp(of, by, has_aux=True)
            rows = differentiable(result, "jacrev", "results")
            products = vmap(vjp_fn, chunk_size=chunk_size)(rebuilt(result, _basis(rows)))
            parted = [_parted(product, rows) for product in tensors_in(products)]
            blocks = [
                rebuilt(by, [
                    _shaped(parts[i], (*row.shape, *value.shape))
                    for parts, value in zip(parted, tensors_in(by), strict=True)
                ])
                for i, row in enumerate(rows)
            ]  # fmt: skip
            return (rebuilt(result, blocks), aux) if has_aux else rebuilt(result, blocks)

        return run_nested("jacrev", build)

    return functools.update_wrapper(jacobian, func, updated=())


def jacfwd(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *,
    randomness: Randomness = "error",
) -> Callable[..., Any]:  # fmt: skip
    """As `jacrev`, in forward mode: one product for each number in the arguments. Few arguments are quick.

    randomness: see `vmap`.
    """

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by = chosen(args, argnums, "jacfwd")
        columns = differentiable(by, "jacfwd", "arguments to differentiate by")

        def build(_: Any) -> Any:
            def of(values: Any) -> Any:
                return with_aux(func(*replaced(args, argnums, values), **kwargs), has_aux, "jacfwd")

            def pushed(*moves: Tensor) -> Any:
                return jvp(of, (by,), (rebuilt(by, moves),), has_aux=True)

            dims = (None, 0, None)
            result, products, aux = vmap(pushed, 0, dims, randomness)(*_basis(columns))
            blocks = [
                rebuilt(by, [
                    _shaped(movedim(part, 0, -1) if part.ndim > 1 else part, (*part.shape[1:], *value.shape))
                    for part, value in zip(_parted(product, columns), columns, strict=True)
                ])
                for product in tensors_in(products)
            ]  # fmt: skip
            return (rebuilt(result, blocks), aux) if has_aux else rebuilt(result, blocks)

        return run_nested("jacfwd", build)

    return functools.update_wrapper(jacobian, func, updated=())


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The function that gives the second derivatives of func: the Jacobian, forward, of the Jacobian, reverse.

    For a scalar result and an argument [*a] it is [*a, *a]; see `jacrev` for the forms.
    """
    return jacfwd(jacrev(func, argnums), argnums)


def _basis(values: Sequence[Tensor]) -> list[Tensor]:
    """Tensors like the values along a new first axis, in each of which one number of all values is 1, the others 0."""
    counts = [value.numel() for value in values]
    total, before, made = sum(counts), 0, []
    if len({value.dtype for value in values}) > 1:
        raise ValueError("values to differentiate by have different dtypes", op="jacobian")
    whole = eye(total, dtype=values[0].dtype)
    for value, count in zip(values, counts, strict=True):
        made.append(reshape(narrow(whole, 1, before, count), (total, *value.shape)))
        before = before + count
    return made


def _parted(product: Tensor, values: Sequence[Tensor]) -> list[Tensor]:
    """The products with the parts of the basis that belong to each value."""
    if len(values) == 1:
        return [product]
    parts, before = [], 0
    for value in values:
        parts.append(narrow(product, 0, before, value.numel()))
        before = before + value.numel()
    return parts


def _shaped(part: Tensor, shape: tuple[Any, ...]) -> Tensor:
    """A part of the products in the shape of a Jacobian, in memory of its own."""
    return part if part._base is None and tuple(part.shape) == shape else clone(reshape(part, shape))
