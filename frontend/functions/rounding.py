"""Elements as whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brasa.functions.elementwise import named, widened
from brasa.ir.errors import DTypeError
from brasa.ir.graph import Op
from brasa.ir.ops import elementwise as ops
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, common_dtype, elementwise_op

__all__ = ["ceil", "fix", "floor", "frac", "round", "trunc"]


def _rounding(op: Op, doc: str, aliases: Sequence[str] = ()) -> Callable[[Tensor], Tensor]:
    def build(input: Tensor) -> Tensor:
        return _rounded(op, input)

    return named(build, op.name, doc, aliases)


def _rounded(op: Op, input: Tensor) -> Tensor:
    """Integers are whole already."""
    dtype = common_dtype(input)
    return apply(ops.cast, input, dtype=dtype) if dtype.kind in ("int", "uint") else elementwise_op(op, input)


floor = _rounding(ops.floor, "The largest integer not above each element.")
ceil = _rounding(ops.ceil, "The smallest integer not below each element.")
trunc = fix = _rounding(ops.trunc, "Each element without its fraction.", aliases=("fix",))


@function(inline=True)
def _round(input: Tensor) -> Tensor:
    return _rounded(ops.round_, input)


@function
@widened
def _round_scaled(input: Tensor, scale: float, inverse: bool) -> Tensor:
    there, back = (ops.div, ops.mul) if inverse else (ops.mul, ops.div)
    return elementwise_op(back, elementwise_op(ops.round_, elementwise_op(there, input, scale)), scale)


@operator(method=True, in_place=True, out=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer, halves to even; the nearest multiple of 10**-decimals."""
    if decimals == 0:
        return _round(input)
    if input.dtype.kind != "float":
        raise DTypeError(f"{input.dtype.name} has no decimals", op="round")
    return _round_scaled(input, float(10 ** (decimals if decimals > 0 else -decimals)), decimals < 0)


@operator(method=True, in_place=True, out=True)
@function
def frac(input: Tensor) -> Tensor:
    """What `trunc` takes away, with the element's sign."""
    return elementwise_op(ops.sub, input, elementwise_op(ops.trunc, input))
