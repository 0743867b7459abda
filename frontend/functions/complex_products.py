"""Products of many complex numbers: in pairs, pairs of pairs and so on, for reductions combine real numbers alone."""

from __future__ import annotations

from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import move
from brasa.tensors.tensor import Tensor
from brasa.tracing.primitive import apply, constant, current, permute, reshape, type_of


def _cut(x: Tensor, axis: int, start: int, size: int) -> Tensor:
    shape = type_of(x).shape
    return apply(
        move.slice_, x, starts=tuple(start if a == axis else 0 for a in range(len(shape))),
        sizes=tuple(size if a == axis else n for a, n in enumerate(shape)), steps=(1,) * len(shape),
    )  # fmt: skip


def complex_product(x: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """The product along some axes of a traced tensor."""
    shape = type_of(x).shape
    kept = tuple(axis for axis in range(len(shape)) if axis not in axes)
    count = 1
    for axis in axes:
        count *= current().scope.fix(shape[axis])
    outer = tuple(shape[axis] for axis in kept)
    made, last = reshape(permute(x, (*kept, *axes)), (*outer, count)), len(outer)
    if count == 0:
        made = constant(1, type_of(x).dtype, (*outer, 1))
    while count > 1:
        half = count // 2
        pairs = apply(ops.mul, _cut(made, last, 0, half), _cut(made, last, half, half))
        rest = [_cut(made, last, 2 * half, 1)] if count % 2 else []
        made = apply(move.concat, pairs, *rest, axis=last) if rest else pairs
        count = half + count % 2
    return reshape(made, [1 if axis in axes else n for axis, n in enumerate(shape)] if keepdim else outer)


def complex_running_product(x: Tensor, axis: int) -> Tensor:
    """The products of all elements up to each along an axis of a traced tensor (Hillis and Steele 1986)."""
    rank = len(type_of(x).shape)
    count = current().scope.fix(type_of(x).shape[axis]) if rank else 1
    one, step = constant(1, type_of(x).dtype), 1
    while step < count:
        low = tuple(step if a == axis else 0 for a in range(rank))
        before = apply(move.pad, _cut(x, axis, 0, count - step), one, low=low, high=(0,) * rank)
        x, step = apply(ops.mul, before, x), 2 * step
    return x
