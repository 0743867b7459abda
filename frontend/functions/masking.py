"""Reading and writing where a mask holds."""

from __future__ import annotations

from brasa.function import function
from brasa.functions.pointwise import where
from brasa.operators import operator
from brasa.primitive import Number, cast, type_of
from brasa.tensor import Tensor

__all__ = ["masked_fill"]


@operator(method=True, in_place=True)
@function
def masked_fill(input: Tensor, mask: Tensor, value: Number) -> Tensor:
    """The value where the mask holds, else the input."""
    kind = type_of(input).dtype
    return cast(where(mask, cast(value, kind) if isinstance(value, Tensor) else value, input), kind)
