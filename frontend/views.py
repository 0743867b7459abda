"""Views: other shapes and orders of the same memory; no kernel runs. Reshaping copies only where it must.

Here is what all views are made of; those that are named for what they do to axes are in brasa.functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from brasa._state import STATE
from brasa.function import function
from brasa.functions import reduction
from brasa.ir import dim as dims
from brasa.ir.dim import Size
from brasa.ir.errors import BrasaError, IndexError, ShapeError
from brasa.ir.graph import Op
from brasa.ir.layout import expanded_strides, reshaped_strides
from brasa.ir.ops import control, move, reduce
from brasa.ir.ops import view as ops
from brasa.ir.ops.elementwise import cast as cast_op
from brasa.operators import operator
from brasa.primitive import apply, axis_of, carrier, constant, type_of
from brasa.sizes import flatten_sizes, plain_size
from brasa.spec import spec_of
from brasa.tape import Edge, ViewNode
from brasa.tensor import Tensor, make, type_text
from brasa.tracing import CaptureError


def _eager(
    source: Tensor, shape: Sequence[int], strides: Sequence[Any], offset: int, name: str,
    back: Callable[[Tensor], Tensor],
) -> Tensor:  # fmt: skip
    spec = source._spec
    assert source._buffer is not None
    new = spec_of(spec.dtype, tuple(shape), tuple(strides), spec.device)
    made = make(source._buffer, new, source._ptr + offset * spec.dtype.itemsize)
    made._base = source if source._base is None else source._base
    if source._requires_grad and STATE.grad_enabled:
        made._requires_grad = True
        made._edge = Edge(ViewNode(name, source, back), 0)
    return made


def _view(
    source: Tensor, op: Op, attrs: dict[str, Any], eager: Callable[[], tuple[Any, Any, int]],
    back: Callable[[Tensor], Tensor],
) -> Tensor:  # fmt: skip
    trace = STATE.trace
    if trace is not None:
        try:
            made = trace.view(source, op, **attrs)
        except CaptureError as error:
            trace.leave(error)
            return _view(source, op, attrs, eager, back)
        return made if STATE.grad_enabled or not source._requires_grad else detach(made)
    _check_type(source, op, attrs)
    shape, strides, offset = eager()
    return _eager(source, shape, strides, offset, op.name, back)


def _check_type(source: Tensor, op: Op, attrs: dict[str, Any]) -> None:
    try:
        op.infer(source._spec.type, **attrs)
    except BrasaError as error:
        error.op = error.op or op.name
        raise


def _sizes(source: Tensor) -> tuple[Size, ...]:
    return tuple(map(plain_size, source.shape))


def _inferred(source: Tensor, shape: tuple[Any, ...], op: str) -> tuple[Size, ...]:
    """The shape with -1 worked out; equal factors are cancelled before anything is divided."""
    sizes = [plain_size(size) for size in shape]
    unknown = [i for i, size in enumerate(sizes) if size == -1]
    if len(unknown) > 1:
        raise ShapeError("only one size can be -1", op=op)
    have = _sizes(source)
    if unknown:
        known = dims.product(size for size in sizes if size != -1)
        total = dims.product(have)
        quotient = None if known == 0 else dims.divide_exactly(total, known)
        if quotient is None and STATE.trace is not None:
            scope = STATE.trace.scope
            total, known = scope.fix(total), scope.fix(known)
        if quotient is None:
            if known == 0 or total % known:  # type: ignore[operator]
                raise ShapeError(f"{total} elements do not divide into [{','.join(map(str, shape))}]", op=op)
            quotient = total // known
        sizes[unknown[0]] = quotient
    return tuple(sizes)


@operator(method=True)
def view(source: Tensor, *shape: Any) -> Tensor:
    """The same memory in another shape; ShapeError when its strides do not allow that."""
    return reshaped(source, _inferred(source, flatten_sizes(shape, "view"), "view"), "view", copy=False)


@operator(method=True)
def reshape(source: Tensor, *shape: Any) -> Tensor:
    """The tensor in another shape: a view where strides allow it, else a copy."""
    return reshaped(source, _inferred(source, flatten_sizes(shape, "reshape"), "reshape"), "reshape", copy=True)


def reshaped(source: Tensor, shape: tuple[Size, ...], op: str, copy: bool) -> Tensor:
    """The tensor in a shape of known sizes: a view where strides allow it, else a copy, or ShapeError."""
    have = _sizes(source)
    trace = STATE.trace
    strides = trace.strides_of(source) if trace is not None else source._spec.strides
    if trace is None and prod(shape) != source._spec.numel:  # type: ignore[arg-type]
        raise ShapeError(f"{source._spec.type} has {source._spec.numel} elements, the shape "
                         f"[{','.join(map(str, shape))}] {prod(shape)}", op=op)  # type: ignore[arg-type]  # fmt: skip
    found = reshaped_strides(have, strides, shape)
    if found is None:
        if copy:
            return reshaped(contiguous(source), shape, op, copy=False)
        raise ShapeError(f"{type_text(source)} with its strides cannot be seen as [{','.join(map(str, shape))}] "
                         "without a copy", op=op, hint="use .reshape(...)")  # fmt: skip
    return _view(source, ops.reshape, {"shape": shape}, lambda: (shape, found, 0), lambda g: reshape(g, have))


@operator(method=True)
def permute(source: Tensor, *axes: Any) -> Tensor:
    """The axes in another order."""
    rank = source.ndim
    order = tuple(axis_of(axis, rank, "permute") for axis in flatten_sizes(axes, "permute"))
    if sorted(order) != list(range(rank)):
        raise ShapeError(f"{list(order)} is not an order of the {rank} axes", op="permute")
    inverse = tuple(order.index(axis) for axis in range(rank))
    shape, strides = source.shape, None if source._cell is not None else source._spec.strides
    return _view(
        source, ops.permute, {"axes": order},
        lambda: ([shape[a] for a in order], [strides[a] for a in order], 0),  # type: ignore[index]
        lambda g: permute(g, inverse),
    )  # fmt: skip


@operator(method=True)
def transpose(source: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    rank = source.ndim
    a, b = axis_of(dim0, rank, "transpose"), axis_of(dim1, rank, "transpose")
    order = list(range(rank))
    if rank:
        order[a], order[b] = order[b], order[a]
    return permute(source, tuple(order))


@operator(method=True)
def expand(source: Tensor, *sizes: Any) -> Tensor:
    """Axes of size 1 repeated, new axes in front; -1 keeps a size. Nothing is copied."""
    want = flatten_sizes(sizes, "expand")
    have = _sizes(source)
    missing = len(want) - len(have)
    if missing < 0:
        raise ShapeError(f"{len(want)} sizes are fewer than the {len(have)} axes", op="expand")
    shape = tuple(have[i - missing] if (p := plain_size(s)) == -1 and i >= missing else p for i, s in enumerate(want))
    return _view(
        source, reduce.expand, {"shape": shape},
        lambda: (shape, expanded_strides(have, source._spec.strides, shape), 0),
        lambda g: sum_to(g, have),
    )  # fmt: skip


def sum_to(grad: Tensor, shape: tuple[Any, ...]) -> Tensor:
    """A gradient summed over the axes that expanding had added or repeated."""
    missing = grad.ndim - len(shape)
    axes = tuple(a for a, n in enumerate(grad.shape) if a < missing or (shape[a - missing] == 1 and n != 1))
    total = reduction.sum(grad, axes) if axes else grad
    return reshape(total, shape) if tuple(total.shape) != tuple(shape) else total


@operator(method=True)
def squeeze(source: Tensor, dim: Any = None) -> Tensor:
    """Axes of size 1 removed: all, or those named that have size 1."""
    rank = source.ndim
    named = range(rank) if dim is None else [axis_of(a, rank, "squeeze") for a in (
        dim if isinstance(dim, tuple | list) else (dim,))]  # fmt: skip
    shape = source.shape
    return reshaped(source, tuple(plain_size(n) for a, n in enumerate(shape) if a not in named or n != 1),
                     "squeeze", copy=False)  # fmt: skip


@operator(method=True)
def unsqueeze(source: Tensor, dim: int) -> Tensor:
    """An axis of size 1 inserted."""
    axis = axis_of(dim, source.ndim + 1, "unsqueeze")
    shape = list(_sizes(source))
    shape.insert(axis, 1)
    return reshaped(source, tuple(shape), "unsqueeze", copy=False)


@operator(method=True)
def flatten(source: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim made one."""
    rank, shape = source.ndim, _sizes(source)
    if rank == 0:
        return reshaped(source, (1,), "flatten", copy=True)
    start, end = axis_of(start_dim, rank, "flatten"), axis_of(end_dim, rank, "flatten")
    if start > end:
        raise ShapeError(f"start_dim {start} comes after end_dim {end}", op="flatten")
    if start == end:
        return source
    return reshaped(source, (*shape[:start], dims.product(shape[start : end + 1]), *shape[end + 1 :]), "flatten", True)


@operator(method=True)
def narrow(source: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` elements of an axis from `start` on."""
    axis = axis_of(dim, source.ndim, "narrow")
    return sliced(source, {axis: (start, length, 1)})


@operator(method=True)
def select(source: Tensor, dim: int, index: int) -> Tensor:
    """One place of an axis; the axis is gone."""
    axis = axis_of(dim, source.ndim, "select")
    size = source.shape[axis]
    if not -size <= index < size:
        raise IndexError(f"index {index} is outside {-size}..{size - 1}, axis {axis} of {type_text(source)}",
                         op="select")  # fmt: skip
    part = sliced(source, {axis: (index + size if index < 0 else index, 1, 1)})
    shape = _sizes(part)
    return reshaped(part, shape[:axis] + shape[axis + 1 :], "select", copy=False)


def sliced(source: Tensor, ranges: dict[int, tuple[Any, Any, int]]) -> Tensor:
    """Some axes cut to (start, length, step)."""
    have = _sizes(source)
    full = [tuple(map(plain_size, ranges[a])) if a in ranges else (0, n, 1) for a, n in enumerate(have)]
    attrs = {key: tuple(part[i] for part in full) for i, key in enumerate(("starts", "sizes", "steps"))}

    def eager() -> tuple[Any, Any, int]:
        strides = source._spec.strides
        offset = sum(start * stride for start, stride in zip(attrs["starts"], strides, strict=True))
        steps = [step * stride for step, stride in zip(attrs["steps"], strides, strict=True)]
        return attrs["sizes"], steps, offset if source._spec.numel else 0  # type: ignore[return-value]

    starts, steps = attrs["starts"], attrs["steps"]
    return _view(source, move.slice_, attrs, eager, lambda g: embed(g, have, starts, steps))


def embed(grad: Tensor, shape: Any, starts: Any, steps: Any) -> Tensor:
    """A gradient put in its place among zeros: the backward of a slice."""
    return _embed(grad, carrier(shape, grad.dtype), starts, steps)


@function(inline=True)
def _embed(grad: Tensor, whole: Tensor, starts: Any, steps: Any) -> Tensor:
    type = type_of(whole)
    return apply(move.update, constant(0, type.dtype, type.shape), grad, starts=starts, steps=steps)


@operator(method=True)
def detach(source: Tensor) -> Tensor:
    """The same memory, cut off from gradients."""
    if STATE.trace is not None:
        made = STATE.trace.view(source, control.stop_gradient)
        made._requires_grad = False
        return made
    assert source._buffer is not None
    made = make(source._buffer, source._spec, source._ptr)
    made._base = None
    return made


@function
def _copy(source: Tensor) -> Tensor:
    return apply(cast_op, source, dtype=type_of(source).dtype)


@operator(method=True)
def clone(source: Tensor, *, memory_format: Any = None) -> Tensor:
    """A row-major copy; gradients flow through it."""
    return _copy(source)


@operator(method=True)
def contiguous(source: Tensor) -> Tensor:
    """The tensor itself if it is row-major, else a copy."""
    return source if source.is_contiguous() else _copy(source)


@function(inline=True)
def _cast(source: Tensor, dtype: Any) -> Tensor:
    return apply(cast_op, source, dtype=dtype)


def cast(source: Tensor, dtype: Any) -> Tensor:
    """The values in another dtype; the tensor itself if it has that already."""
    return source if source.dtype is dtype else _cast(source, dtype)


def replay(source: Tensor, path: Sequence[tuple[Op, dict[str, Any]]]) -> Tensor:
    """The views of a trace, applied to an eager tensor."""
    for op, attrs in path:
        if op is move.slice_:
            full = zip(attrs["starts"], attrs["sizes"], attrs["steps"], strict=True)
            source = sliced(source, dict(enumerate(full)))
        elif op is ops.permute:
            source = permute(source, attrs["axes"])
        elif op is ops.reshape:
            source = view(source, attrs["shape"])
        elif op is reduce.expand:
            source = expand(source, attrs["shape"])
        else:
            source = detach(source)
    return source
