"""Half precision inside composites: computed in float32, rounded once at the end."""

from __future__ import annotations

from brasa.functions.elementwise import computing_dtype as wide
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import cast, common_dtype, type_of

__all__ = ["rounded", "wide", "widened"]


def widened(*tensors: Tensor | None) -> list[Tensor]:
    """The tensors with those of half precision as float32; None stays None."""
    return [t if t is None else cast(t, wide(type_of(t).dtype)) for t in tensors]  # type: ignore[misc]


def rounded(result: Tensor, *operands: Tensor | None) -> Tensor:
    """The result in the dtype that the operands promote to, where float32 inside ends; of integers it is as it is."""
    kind = common_dtype(*[operand for operand in operands if operand is not None])
    return cast(result, kind) if kind.kind in ("float", "complex") else result
