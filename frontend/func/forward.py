"""Forward mode: how results move with the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa.func.traced import check_like, derived_of
from brasa.ir.errors import ArgumentError
from brasa.passes import jvp_graph
from brasa.tensors.creation import zeros_like
from brasa.tensors.structure import rebuilt, tensors_in
from brasa.tracing.bodies import run_nested


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:  # fmt: skip
    """(func(*primals), the Jacobian of func times the tangents), with has_aux (result, product, aux).

    primals and tangents are tuples of the same form; the product is like the result. What moves nothing, as an integer,
    has the product 0. strict is accepted for PyTorch's sake. Loops of unknown length have this product, too.
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArgumentError("primals and tangents must be tuples", op="jvp")

    def build(_: Any) -> Any:
        result, pushed, aux = _linear("jvp", func, tuple(primals), has_aux)
        return (result, pushed(*tangents), aux) if has_aux else (result, pushed(*tangents))

    return run_nested("jvp", build)  # type: ignore[no-any-return]


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), jvp_fn), where jvp_fn takes tangents like the primals and gives the Jacobian times them."""
    result, pushed, _ = _linear("linearize", func, primals, False)
    return result, pushed


def _linear(
    op: str, func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool
) -> tuple[Any, Callable[..., Any], Any]:  # fmt: skip
    """(result, function of tangents, aux)."""
    result, derived, aux = derived_of(op, func, primals, has_aux, jvp_graph)
    moving = [each for each in tensors_in(result) if each.dtype.kind in ("float", "complex")]

    def pushed(*tangents: Any) -> Any:
        moves = iter(derived(moving, check_like(tangents, primals, ("tangents", "primals"), op)))
        smooth = {id(each) for each in moving}
        return rebuilt(result, [next(moves) if id(each) in smooth else zeros_like(each) for each in tensors_in(result)])

    return result, pushed, aux
