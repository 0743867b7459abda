"""Views: other shapes and orders of the same memory; no kernel runs. Reshaping copies only where it must.

Here is what all views are made of; those that are named for what they do to axes are in brasa.functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from math import prod
from typing import Any

from brasa._state import STATE
from brasa.functions import reduction
from brasa.ir import dim as dims
from brasa.ir.dim import Size
from brasa.ir.dtype import DType
from brasa.ir.errors import BrasaError, IndexError, ShapeError, ValueError
from brasa.ir.graph import Op
from brasa.ir.layout import affine_strides, complex_strides, expanded_strides, parts_strides, reshaped_strides
from brasa.ir.ops import affine, control, move, reduce
from brasa.ir.ops import complex as complex_ops
from brasa.ir.ops import view as ops
from brasa.tensors.copies import contiguous
from brasa.tensors.known_views import known_again
from brasa.tensors.placed_gradients import embed, spread
from brasa.tensors.sharing import eager_view
from brasa.tensors.tensor import Tensor, make, type_text
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of
from brasa.tracing.sizes import flatten_sizes, inferred_sizes, plain_size
from brasa.tracing.trace import CaptureError


def _view(
    source: Tensor, op: Op, attrs: dict[str, Any], eager: Callable[[], tuple[Any, Any, int]],
    back: Callable[[Tensor], Tensor], name: str = "",
) -> Tensor:  # fmt: skip
    trace = STATE.trace
    if trace is not None:
        try:
            made = trace.view(source, op, **attrs)
        except CaptureError as error:
            trace.leave(error)
            return _view(source, op, attrs, eager, back, name)
        return made if STATE.grad_enabled or not source._requires_grad else detach(made)
    dtype = _check_type(source, op, attrs)
    shape, strides, offset = eager()
    return eager_view(source, shape, strides, offset, name or op.name, back, dtype)


def _check_type(source: Tensor, op: Op, attrs: dict[str, Any]) -> DType:
    try:
        return op.infer(source._spec.type, **attrs).dtype  # type: ignore[union-attr]
    except BrasaError as error:
        error.op = error.op or op.name
        raise


def _sizes(source: Tensor) -> tuple[Size, ...]:
    return tuple(map(plain_size, source.shape))


@operator(method=True)
@known_again
def view(input: Tensor, *shape: Any, **given: Any) -> Tensor:
    """The same memory in another shape, ShapeError when its strides do not allow that; or as another dtype."""
    dtype = given.get("dtype", shape[0] if shape else None)
    if isinstance(dtype, DType):
        return _of_dtype(input, dtype)
    sizes = flatten_sizes(shape, "view", given, "size")
    return reshaped(input, inferred_sizes(_sizes(input), sizes, "view"), "view", copy=False)


@operator(method=True)
@known_again
def reshape(input: Tensor, *shape: Any, **given: Any) -> Tensor:
    """The tensor in another shape: a view where strides allow it, else a copy."""
    sizes = flatten_sizes(shape, "reshape", given, "shape")
    return reshaped(input, inferred_sizes(_sizes(input), sizes, "reshape"), "reshape", copy=True)


def _of_dtype(source: Tensor, dtype: DType) -> Tensor:
    """The same bytes read as elements of another dtype, more or fewer of them along the last axis."""
    have = source.dtype.itemsize
    if dtype is source.dtype:
        return reshaped(source, _sizes(source), "view", copy=False)
    trace = STATE.trace
    if trace is not None:
        try:
            if dtype.itemsize != have or dtype.is_complex or source.dtype.is_complex:
                raise CaptureError("a view of a dtype with another width", op="view")
            return detach(trace.view(source, ops.bitcast, dtype=dtype))
        except CaptureError as error:
            trace.leave(error)
    shape, strides = list(source._spec.shape), list(source._spec.strides)
    if dtype.itemsize != have:
        shape[-1:], strides = _other_width(source, dtype)
    return eager_view(source, shape, strides, 0, "view", None, dtype)


def _other_width(source: Tensor, dtype: DType) -> tuple[list[int], list[int]]:
    """The last size and all strides, in elements of a dtype of another width."""
    spec, have, want = source._spec, source.dtype.itemsize, dtype.itemsize
    if spec.rank == 0:
        raise ShapeError(f"{spec.type} has no axis along which {dtype.long_name} could take more or less", op="view")
    if spec.strides[-1] != 1:
        raise ShapeError(f"the last axis of {spec.type} must be contiguous to be seen as {dtype.long_name}", op="view")
    if want < have:
        ratio = have // want
        return [spec.shape[-1] * ratio], [*(stride * ratio for stride in spec.strides[:-1]), 1]
    ratio = want // have
    fits = all(n % ratio == 0 for n in (spec.shape[-1], *spec.strides[:-1])) and source._ptr % want == 0
    if not fits:
        raise ShapeError(f"{spec.type} with its strides cannot be seen as {dtype.long_name}: {ratio} elements make one",
                         op="view")  # fmt: skip
    return [spec.shape[-1] // ratio], [*(stride // ratio for stride in spec.strides[:-1]), 1]


def reshaped(source: Tensor, shape: tuple[Size, ...], op: str, copy: bool) -> Tensor:
    """The tensor in a shape of known sizes: a view where strides allow it, else a copy, or ShapeError."""
    have = _sizes(source)
    trace = STATE.trace
    if trace is None and prod(shape) != source._spec.numel:  # type: ignore[arg-type]
        raise ShapeError(f"{source._spec.type} has {source._spec.numel} elements, the shape "
                         f"[{','.join(map(str, shape))}] {prod(shape)}", op=op)  # type: ignore[arg-type]  # fmt: skip
    if trace is not None and not trace.scope.same_elements(have, shape):
        have, shape = _sizes(source), tuple(map(trace.scope.resolve, shape))
    with nullcontext() if trace is None else dims.solving(trace.scope):
        strides = source._spec.strides if trace is None else trace.strides_of(source)
        found = reshaped_strides(have, strides, shape)
        if found is None and trace is not None and trace.of_user and None not in strides:
            found = reshaped_strides(have, strides, shape, decides=True)
            shape = tuple(map(trace.scope.resolve, shape))
    if found is None:
        if trace is not None and None in strides and trace.hides_view(source, shape):
            trace.leave(CaptureError("memory from outside is seen in another shape: its strides decide how", op=op))
            return reshaped(source, tuple(map(trace.scope.hint, shape)), op, copy)
        if copy:
            return reshaped(contiguous(source), shape, op, copy=False)
        if trace is not None and trace.scope.is_nothing(have):
            return reshaped(source, tuple(map(trace.scope.resolve, shape)), op, copy)
        raise ShapeError(f"{type_text(source)} with its strides cannot be seen as [{','.join(map(str, shape))}] "
                         "without a copy", op=op, hint="use .reshape(...)")  # fmt: skip
    return _view(source, ops.reshape, {"shape": shape}, lambda: (shape, found, 0), lambda g: reshape(g, have), op)


def parts_or_whole(source: Tensor, op: Op) -> Tensor:
    """Complex numbers seen as pairs of real ones along a last axis, or such pairs as complex numbers: see the ops."""
    if op is complex_ops.view_as_real:
        return _view(source, op, {}, lambda: ((*source.shape, 2), parts_strides(source._spec.strides), 0),
                     lambda g: parts_or_whole(contiguous(g), complex_ops.view_as_complex))  # fmt: skip
    return _view(source, op, {}, lambda: (source.shape[:-1], complex_strides(source._spec.strides), 0),
                 lambda g: parts_or_whole(g, complex_ops.view_as_real))  # fmt: skip


@operator(method=True)
@known_again
def permute(input: Tensor, *axes: Any, **given: Any) -> Tensor:
    """The axes in another order."""
    source, rank = input, input.ndim
    wanted = flatten_sizes(axes, "permute", given, "dims")
    order = tuple(axis_of(axis, rank, "permute") for axis in wanted)
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
@known_again
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    rank = input.ndim
    a, b = axis_of(dim0, rank, "transpose"), axis_of(dim1, rank, "transpose")
    order = list(range(rank))
    if rank:
        order[a], order[b] = order[b], order[a]
    return permute(input, tuple(order))


@operator(method=True)
@known_again
def expand(input: Tensor, *sizes: Any, **given: Any) -> Tensor:
    """Axes of size 1 repeated, new axes in front; -1 keeps a size. Nothing is copied."""
    source, have = input, _sizes(input)
    want = flatten_sizes(sizes, "expand", given, "size")
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
    axes, op = reduce.repeated_axes(shape, grad.shape)
    total = reduction.summed_by(grad, axes, op) if axes else grad
    return reshape(total, shape) if tuple(total.shape) != tuple(shape) else total


@operator(method=True)
@known_again
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Axes of size 1 removed: all, or those named that have size 1."""
    rank = input.ndim
    named = range(rank) if dim is None else [axis_of(a, rank, "squeeze") for a in (
        dim if isinstance(dim, tuple | list) else (dim,))]  # fmt: skip
    if len(set(named)) < len(named):
        raise ValueError(f"an axis appears twice in {dim}", op="squeeze")
    shape = input.shape
    return reshaped(input, tuple(plain_size(n) for a, n in enumerate(shape) if a not in named or n != 1),
                     "squeeze", copy=False)  # fmt: skip


@operator(method=True)
@known_again
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """An axis of size 1 inserted."""
    axis = axis_of(dim, input.ndim + 1, "unsqueeze")
    shape = list(_sizes(input))
    shape.insert(axis, 1)
    return reshaped(input, tuple(shape), "unsqueeze", copy=False)


@operator(method=True)
@known_again
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim made one."""
    rank, shape = input.ndim, _sizes(input)
    if rank == 0:
        return reshaped(input, (1,), "flatten", copy=True)
    start, end = axis_of(start_dim, rank, "flatten"), axis_of(end_dim, rank, "flatten")
    if start > end:
        raise ShapeError(f"start_dim {start} comes after end_dim {end}", op="flatten")
    if start == end:
        return input
    return reshaped(input, (*shape[:start], dims.product(shape[start : end + 1]), *shape[end + 1 :]), "flatten", True)


@operator(method=True)
@known_again
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of an axis from `start` on, which may count from the end."""
    axis = _own_axis(input, dim, "narrow")
    if isinstance(start, Tensor):
        if start.ndim or start.dtype.kind not in ("int", "uint"):
            raise ValueError(f"start must be a zero-dim tensor of integers, it is {type_text(start)}", op="narrow")
        start = int(start)
    first, size = start, input.shape[axis]
    if not length >= 0:
        raise ValueError(f"length must not be negative, found {length}", op="narrow")
    if not -size <= first <= size:
        raise IndexError(f"start {first} is outside {-size}..{size}, axis {axis} of {type_text(input)}", op="narrow")
    first = first + size if first < 0 else first
    if not first + length <= size:
        raise ShapeError(f"elements {first} to {first + length - 1} are not all within axis {axis} of "
                         f"{type_text(input)}", op="narrow")  # fmt: skip
    return sliced(input, {axis: (first, length, 1)})


@operator(method=True)
@known_again
def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """One place of an axis; the axis is gone."""
    axis = _own_axis(input, dim, "select")
    size = input.shape[axis]
    place = int(index) if isinstance(index, Tensor) else index
    if not -size <= place < size:
        raise IndexError(f"index {place} is outside {-size}..{size - 1}, axis {axis} of {type_text(input)}",
                         op="select")  # fmt: skip
    part = sliced(input, {axis: (place + size if place < 0 else place, 1, 1)})
    shape = _sizes(part)
    return reshaped(part, shape[:axis] + shape[axis + 1 :], "select", copy=False)


def unbind_first(input: Tensor) -> tuple[Tensor, ...]:
    """Views of all places of the first axis."""
    return tuple(select(input, 0, place) for place in range(int(input.shape[0])))


def _own_axis(input: Tensor, dim: int, op: str) -> int:
    if input.ndim == 0:
        raise IndexError("a zero-dim tensor has no axis", op=op)
    return axis_of(dim, input.ndim, op)


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


def walked(source: Tensor, shape: Sequence[Any], starts: Sequence[Any], steps: Sequence[Sequence[Any]]) -> Tensor:
    """The view that has the element source[starts[0] + steps[0][0] * i + steps[0][1] * j + ..., ...] at [i, j, ...]."""
    have = _sizes(source)
    sizes, first = tuple(map(plain_size, shape)), tuple(map(plain_size, starts))
    rows = tuple(tuple(map(plain_size, row)) for row in steps)

    def eager() -> tuple[Any, Any, int]:
        strides = source._spec.strides
        offset = sum(start * stride for start, stride in zip(first, strides, strict=True))
        return sizes, affine_strides(strides, rows, len(sizes)), 0 if 0 in sizes else offset  # type: ignore[return-value]

    attrs = {"shape": sizes, "starts": first, "steps": rows}
    return _view(source, affine.affine, attrs, eager, lambda g: spread(g, have, first, rows))


@operator(method=True)
def detach(input: Tensor) -> Tensor:
    """The same memory, cut off from gradients."""
    if STATE.trace is not None:
        made = STATE.trace.view(input, control.stop_gradient)
        made._requires_grad = False
        return made
    assert input._buffer is not None
    return make(input._buffer, input._spec, input._ptr)
