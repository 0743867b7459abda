"""Reading and writing where a mask holds."""

from __future__ import annotations

from brasa.functions import placing
from brasa.functions.axes import broadcast_to
from brasa.functions.comparison import where
from brasa.functions.nonzero import positions
from brasa.functions.placing import Spot
from brasa.ir.dim import product
from brasa.ir.dtype import bool_, int64
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.ops import cumulate, move
from brasa.ir.ops.elementwise import select
from brasa.ir.ops.index import gather
from brasa.tensors.tensor import Tensor
from brasa.tensors.views import reshape as reshape_tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    broadcast_shapes,
    cast,
    constant,
    expand,
    reshape,
    resolved,
    type_of,
)

__all__ = ["masked_fill", "masked_scatter", "masked_select"]


def _check_mask(mask: Tensor) -> None:
    if type_of(mask).dtype is not bool_:
        raise DTypeError(f"mask is {type_of(mask).dtype.name}, not bool")


@operator(method=True, in_place=True)
@function
def masked_fill(input: Tensor, mask: Tensor, value: Number) -> Tensor:
    """The value where the mask holds, else the input."""
    _check_mask(mask)
    kind = type_of(input).dtype
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"value {type_of(value)} is not one number")
    if isinstance(value, Tensor) and type_of(value).dtype.kind == "complex" and kind.kind != "complex":
        raise DTypeError(f"value is {type_of(value).dtype.name}, the input {kind.name}")
    return cast(where(mask, cast(value, kind) if isinstance(value, Tensor) else value, input), kind)


@operator(method=True, in_place=True)
@function
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The elements of source, one after the other, where the mask holds, else the input.

    IndexError when the program runs, if source has fewer elements than places.
    """
    _check_mask(mask)
    kind = type_of(input)
    if type_of(source).dtype is not kind.dtype:
        raise DTypeError(f"source is {type_of(source).dtype.name}, the input {kind.dtype.name}")
    shape = resolved(broadcast_shapes([kind.shape, type_of(mask).shape]))
    count, given = product(shape), type_of(source).size
    holds = reshape(expand(mask, shape), (count,))
    # Place 0 is for what is not written: so the running count is the place, and one too many is outside.
    number = apply(cumulate.cumsum, cast(holds, int64), axis=0, reverse=False)
    place = apply(select, holds, number, constant(0, int64, (count,)))
    queue = apply(move.concat, constant(0, kind.dtype, (1,)), reshape(source, (given,)), axis=0)
    values = apply(gather, queue, place, axis=0)
    kept = reshape(expand(input, shape), (count,))
    return reshape(apply(select, holds, values, kept), shape)


@operator(method=True, out=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """A vector of the elements where the mask holds; how many these are is a value."""
    require_tensors("masked_select", input=input, mask=mask)
    if mask.dtype is not bool_:
        raise DTypeError(f"mask is {mask.dtype.name}, not bool", op="masked_select")
    shape = _common_shape(input, mask)
    places = positions(broadcast_to(mask, shape))
    flat = reshape_tensor(broadcast_to(input, shape), (-1,))
    return placing.read(flat, [places], (Spot(0, 1),), 0)  # type: ignore[no-any-return]


def _common_shape(one: Tensor, other: Tensor) -> tuple[int, ...]:
    rank = max(one.ndim, other.ndim)
    pairs = zip(*((1,) * (rank - t.ndim) + tuple(t.shape) for t in (one, other)), strict=True)
    return tuple(m if n == 1 else n for n, m in pairs)
