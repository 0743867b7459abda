"""Sums of products: matrix products and convolutions with their gradients.

Their order of summation is part of their meaning. matmul: `order="chain"` cuts k into chunks of 512, each one chain
of fused multiply-adds from +0, chunk sums added in ascending order; `order="dot"` cuts k into chunks of 4096 summed in
16 lanes (k mod 16), lanes combined as a tree 8-4-2-1. Where the processor adds products of pairs of bfloat16
(`Target.adds_products`), matmul of bfloat16 takes k in pairs, of which the second is added first; pairs share a lane,
and subnormal numbers count as zeros. Convolutions walk (channel, window) in chunks of
max(1, 512 // window) channels; their weight gradient walks (sample, position), one partial per 8 samples, in 16 lanes
(position mod 16, one sample after the other) that are combined as a tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brasa.ir import dim
from brasa.ir.dim import Size, floor_divide
from brasa.ir.errors import DTypeError, ShapeError
from brasa.ir.graph import Kind, Node, Op
from brasa.ir.layout import strides_of
from brasa.ir.ops.elementwise import conjugate
from brasa.ir.ops.reduce import repeated
from brasa.ir.ops.view import permute, reshape
from brasa.ir.types import TensorType


def _same_dtype(lhs: TensorType, rhs: TensorType) -> None:
    if lhs.dtype is not rhs.dtype:
        raise DTypeError(f"dtypes differ, {lhs.dtype.name} and {rhs.dtype.name}")
    if lhs.dtype.kind == "bool":
        raise DTypeError("is not defined for bool")


def _matmul_type(lhs: TensorType, rhs: TensorType, *, order: str) -> TensorType:
    _same_dtype(lhs, rhs)
    if lhs.rank < 2 or lhs.rank != rhs.rank:
        raise ShapeError(f"needs two tensors of the same rank, 2 or more; they have {lhs.rank} and {rhs.rank}")
    if not all(map(dim.equal, lhs.shape[:-2], rhs.shape[:-2])):
        raise ShapeError(f"batch sizes differ, {list(lhs.shape[:-2])} and {list(rhs.shape[:-2])}")
    if not dim.equal(lhs.shape[-1], rhs.shape[-2]):
        raise ShapeError(
            f"inner sizes differ, {lhs.shape[-1]} (last of lhs) and {rhs.shape[-2]} (second to last of rhs)",
            hint=f"rhs.mT would fit ({TensorType((*rhs.shape[:-2], rhs.shape[-1], rhs.shape[-2]), rhs.dtype)})"
            if lhs.shape[-1] == rhs.shape[-1] else "",
        )  # fmt: skip
    return TensorType((*lhs.shape[:-1], rhs.shape[-1]), lhs.dtype, lhs.device)


def _wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of two arrays, half precision summed in single."""

    def evaluate(lhs: Any, rhs: Any, **attrs: Any) -> Any:
        dtype = np.asarray(lhs).dtype
        sums = np.float32 if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype
        return function(np.asarray(lhs).astype(sums), np.asarray(rhs).astype(sums), **attrs).astype(dtype)

    return evaluate


def transposed(x: Node) -> Node:
    """x with its last two axes exchanged."""
    rank = x.tensor.rank
    return permute(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _contiguous_along(x: Node, axis: int) -> bool:
    return x.tensor.shape[axis] == 1 or strides_of(x)[axis] == 1


def _steps_by_one(x: Node, axis: int, other: int) -> bool:
    """Whether elements along one of the last two axes lie next to each other: also because the other has size 1.

    Where only the size can tell, the solver in force decides, so that a trace does what eager mode does at that size.
    """
    step = strides_of(x)[axis]
    if x.tensor.shape[axis] == 1 or step == 1:
        return True
    return step is not None and step == x.tensor.shape[other] and dim.equal(x.tensor.shape[other], 1)


def product(lhs: Node, rhs: Node) -> Node:
    """The matrix product in the order that the operands' memory suggests: dot when both are contiguous along k."""
    both = _steps_by_one(lhs, -1, -2) and _steps_by_one(rhs, -2, -1)
    return matmul(lhs, rhs, order="dot" if both else "chain")


def _matmul_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    """The orders follow from the operands; the gradient counts as row-major, wherever it really comes from."""
    lhs, rhs = node.operands
    to_lhs = matmul(g, conjugate(transposed(rhs)), order="dot" if _contiguous_along(rhs, -1) else "chain")
    return to_lhs, matmul(conjugate(transposed(lhs)), g, order="chain")


def _joined(x: Node, axis: int) -> Node:
    """The first axis moved before another one and made one with it: its index counts first."""
    rank = x.tensor.rank
    order = (*range(1, axis + 1), 0, *range(axis + 1, rank))
    moved = permute(x, axes=order).tensor.shape if axis else x.tensor.shape
    shape = (*moved[:axis], moved[axis] * moved[axis + 1], *moved[axis + 2 :])
    return reshape(permute(x, axes=order) if axis else x, shape=shape)


def _parted(x: Node, axis: int, size: Size) -> Node:
    """As many parts of an axis, along a new first axis: what undoes _joined."""
    shape = x.tensor.shape
    apart = reshape(x, shape=(*shape[:axis], size, floor_divide(shape[axis], size), *shape[axis + 1 :]))
    return permute(apart, axes=(axis, *(a for a in range(len(shape) + 1) if a != axis))) if axis else apart


def _matmul_batch(node: Node, operands: tuple[Node, Node], which: tuple[bool, bool], size: Size) -> Node:
    """One product where only rows or only columns differ: the order of a sum does not depend on those beside it."""
    lhs, rhs = operands
    if node.tensor.rank == 2 and which == (True, False):
        return _parted(matmul(_joined(lhs, 0), rhs, **node.attrs), 0, size)
    if node.tensor.rank == 2 and which == (False, True):
        return _parted(matmul(lhs, _joined(rhs, 1), **node.attrs), 1, size)
    return matmul(*(x if has else repeated(x, size) for x, has in zip(operands, which, strict=True)), **node.attrs)


matmul: Op = Op(
    "matmul", Kind.CONTRACT, ("lhs", "rhs"), _matmul_type, _wide(lambda lhs, rhs, order: np.matmul(lhs, rhs)),
    _matmul_vjp, batch=_matmul_batch,
)  # fmt: skip

# Convolutions: x[n, c, *spatial], w[o, c / groups, *window]; stride, padding, dilation per spatial axis.


def window_count(size: Size, window: int, stride: int, padding: int, dilation: int) -> Size:
    """How many window positions an axis of `size` has."""
    return floor_divide(size + 2 * padding - dilation * (window - 1) - 1, stride) + 1


def _window(type: TensorType) -> tuple[int, ...]:
    sizes = [dim.constant(size) for size in type.shape[2:]]
    if any(size is None for size in sizes):
        raise ShapeError("the window must have constant sizes")
    return tuple(size for size in sizes if size is not None)


def _check_windows(x: TensorType, window: tuple[int, ...], padding: Any, dilation: Any) -> None:
    for axis, (size, k, p, d) in enumerate(zip(x.shape[2:], window, padding, dilation, strict=True)):
        if k < 1 or not dim.at_most(d * (k - 1) + 1, size + 2 * p):
            raise ShapeError(
                f"the window spans {d * (k - 1) + 1} along spatial axis {axis}, the padded input {size + 2 * p}"
            )


def _check(lhs: TensorType, rhs: TensorType, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    """What the operands and options of all three convolutions must be."""
    _same_dtype(lhs, rhs)
    if not 3 <= lhs.rank <= 5 or lhs.rank != rhs.rank:
        raise ShapeError(f"needs two tensors of the same rank, 3 to 5; they have {lhs.rank} and {rhs.rank}")
    if not len(stride) == len(padding) == len(dilation) == lhs.rank - 2:
        raise ShapeError(f"stride, padding and dilation must have one entry per spatial axis of {lhs}")
    if min(*stride, *dilation, groups) < 1 or min(padding) < 0:
        raise ShapeError(
            f"stride {list(stride)}, dilation {list(dilation)} and groups {groups} must be positive, "
            f"padding {list(padding)} not negative"
        )


def _conv_type(x: TensorType, w: TensorType, *, stride: Any, padding: Any, dilation: Any, groups: int) -> TensorType:
    _check(x, w, stride, padding, dilation, groups)
    if not dim.equal(x.shape[1], w.shape[1] * groups):
        raise ShapeError(f"x has {x.shape[1]} channels, w takes {w.shape[1] * groups}")
    if w.shape[0] % groups != 0:
        raise ShapeError(f"{w.shape[0]} output channels do not divide into {groups} groups")
    window = _window(w)
    _check_windows(x, window, padding, dilation)
    spatial = map(window_count, x.shape[2:], window, stride, padding, dilation)
    return TensorType((x.shape[0], w.shape[0], *spatial), x.dtype, x.device)


def _patches(x: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """x[n, c, *spatial] -> [n, c, *positions, *window], zero-padded."""
    rank = len(window)
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    spans = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + rank)))
    steps = (slice(None), slice(None), *(slice(None, None, s) for s in stride))
    return seen[(*steps, *(slice(None, None, d) for d in dilation))]


def _grouped(x: Any, groups: int, axis: int) -> Any:
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def _conv_value(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    patches = _grouped(_patches(x, w.shape[2:], stride, padding, dilation), groups, 1)
    spatial, window = "hdw"[: w.ndim - 2], "xyz"[: w.ndim - 2]
    result = np.einsum(f"ngc{spatial}{window},goc{window}->ngo{spatial}", patches, _grouped(w, groups, 0))
    return result.reshape(x.shape[0], w.shape[0], *result.shape[3:])


def _options(node: Node) -> dict[str, Any]:
    return {key: node.attrs[key] for key in ("stride", "padding", "dilation", "groups")}


def _conv_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    x, w = node.operands
    options = _options(node)
    to_w = conv_weight_grad(conjugate(x), g, window=_window(w.tensor), **options)
    return conv_input_grad(g, conjugate(w), spatial=x.tensor.shape[2:], **options), to_w


# One convolution for a batch of them: where only the first operand differs from sample to sample, more samples; where
# the weights do as well, more groups, whose number must be an int.


def _conv_batch(node: Node, operands: tuple[Node, Node], which: tuple[bool, bool], size: Size) -> Node:
    """Of conv and conv_input_grad: x[n, c, ...] (or g[n, o, ...]) and w."""
    first, w = (x if has or not which[1] else repeated(x, size) for x, has in zip(operands, which, strict=True))
    if not which[1]:
        return _parted(node.op(_joined(first, 0), w, **node.attrs), 0, size)
    groups = {**node.attrs, "groups": node.attrs["groups"] * _constant(size)}
    return _parted(node.op(_joined(first, 1), _joined(w, 0), **groups), 1, size)


def _weight_grad_batch(node: Node, operands: tuple[Node, Node], which: tuple[bool, bool], size: Size) -> Node:
    x, g = (_joined(x if has else repeated(x, size), 1) for x, has in zip(operands, which, strict=True))
    groups = {**node.attrs, "groups": node.attrs["groups"] * _constant(size)}
    return _parted(node.op(x, g, **groups), 0, size)


def _constant(size: Size) -> int:
    """The size as an int, which the solver in force may make it."""
    found = dim.constant(size)
    if found is None:
        raise ShapeError(f"{size} convolutions that have weights of their own: the number must be constant")
    return found


conv: Op = Op("conv", Kind.CONTRACT, ("x", "w"), _conv_type, _wide(_conv_value), _conv_vjp, batch=_conv_batch)


def _input_grad_type(
    g: TensorType, w: TensorType, *, spatial: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> TensorType:
    _check(g, w, stride, padding, dilation, groups)
    x = TensorType((g.shape[0], w.shape[1] * groups, *spatial), g.dtype, g.device)
    want = _conv_type(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if not all(map(dim.equal, want.shape, g.shape)):
        raise ShapeError(f"g is {g}, the convolution of {x} with {w} gives {want}")
    return x


def _input_grad_value(g: Any, w: Any, *, spatial: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    rank = w.ndim - 2
    padded = [size + 2 * p for size, p in zip(spatial, padding, strict=True)]
    result = np.zeros((g.shape[0], groups, w.shape[1], *padded), dtype=g.dtype)
    by_group, weights = _grouped(g, groups, 1), _grouped(w, groups, 0)
    axes = "hdw"[:rank]
    for offset in np.ndindex(*w.shape[2:]):
        tap = np.einsum(f"ngo{axes},goc->ngc{axes}", by_group, weights[(..., *offset)])
        where = tuple(
            slice(o * d, o * d + s * (count - 1) + 1, s)
            for o, d, s, count in zip(offset, dilation, stride, g.shape[2:], strict=True)
        )
        result[(slice(None), slice(None), slice(None), *where)] += tap
    crop = tuple(slice(p, p + size) for p, size in zip(padding, spatial, strict=True))
    return result.reshape(g.shape[0], groups * w.shape[1], *padded)[(slice(None), slice(None), *crop)]


def _input_grad_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    grad, w = node.operands
    options = _options(node)
    to_w = conv_weight_grad(g, conjugate(grad), window=_window(w.tensor), **options)
    return conv(g, conjugate(w), **options), to_w


# The gradient of conv with respect to x: also the transposed convolution. `spatial` is x's.
conv_input_grad = Op(
    "conv_input_grad", Kind.CONTRACT, ("g", "w"), _input_grad_type, _wide(_input_grad_value), _input_grad_vjp,
    batch=_conv_batch,
)  # fmt: skip


def _weight_grad_type(
    x: TensorType, g: TensorType, *, window: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> TensorType:
    _check(x, g, stride, padding, dilation, groups)
    w = TensorType((g.shape[1], floor_divide(x.shape[1], groups), *window), x.dtype, x.device)
    want = _conv_type(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if not all(map(dim.equal, want.shape, g.shape)):
        raise ShapeError(f"g is {g}, the convolution of {x} with {w} gives {want}")
    return w


def _weight_grad_value(x: Any, g: Any, *, window: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    patches = _grouped(_patches(x, window, stride, padding, dilation), groups, 1)
    axes, taps = "hdw"[: len(window)], "xyz"[: len(window)]
    result = np.einsum(f"ngc{axes}{taps},ngo{axes}->goc{taps}", patches, _grouped(g, groups, 1))
    return result.reshape(g.shape[1], x.shape[1] // groups, *window)


def _weight_grad_vjp(node: Node, g: Node) -> tuple[Node, Node]:
    x, grad = node.operands
    options = _options(node)
    to_x = conv_input_grad(conjugate(grad), g, spatial=x.tensor.shape[2:], **options)
    return to_x, conv(conjugate(x), g, **options)


# The gradient of conv with respect to w, whose window has the sizes `window`.
conv_weight_grad = Op(
    "conv_weight_grad", Kind.CONTRACT, ("x", "g"), _weight_grad_type, _wide(_weight_grad_value), _weight_grad_vjp,
    batch=_weight_grad_batch,
)  # fmt: skip
