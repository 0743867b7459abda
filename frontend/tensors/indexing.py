"""x[...] and x[...] = value: integers, slices, None and Ellipsis give views; boolean and integer tensors gather."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

import numpy as np

from brasa._state import STATE, trace_at_hand
from brasa.functions import comparison, placing
from brasa.functions.nonzero import nonzero, positions
from brasa.functions.placing import Spot
from brasa.ir import dim
from brasa.ir.dtype import bool_, int64
from brasa.ir.errors import IndexError, ValueError
from brasa.ir.graph import Node
from brasa.ir.ops import move
from brasa.ir.ops.view import reshape
from brasa.tensors import views
from brasa.tensors.creation import full, tensor
from brasa.tensors.inplace import FEW, assign
from brasa.tensors.known_views import again
from brasa.tensors.spec import spec_of
from brasa.tensors.tensor import Tensor, make_view, type_text
from brasa.tracing.arguments import require_tensors
from brasa.tracing.casting import cast
from brasa.tracing.operators import operator
from brasa.tracing.sizes import SymbolicSize
from brasa.tracing.splicing import copied

if TYPE_CHECKING:
    from brasa.tracing.cell import Cell
    from brasa.tracing.trace import Trace

__all__ = ["index_put", "where"]


class Entry(NamedTuple):
    """A tensor in a key: integers for one axis, or a mask over several.

    alone: a single place, whose axis is gone from the result wherever the other tensors' axes go.
    """

    axis: int
    index: Tensor
    alone: bool = False

    @property
    def is_mask(self) -> bool:
        return self.index.dtype is bool_

    @property
    def count(self) -> int:
        """How many axes it stands for."""
        return self.index.ndim if self.is_mask else 1


class Part(NamedTuple):
    """What tensors have picked in a trace, each a place: in eager mode a view.

    lying: what lies as it does; whole: the cell that it is a part of, seen through a path; places: by the axis of each;
    root: what it is a view of.
    """

    lying: Node
    whole: Cell
    path: tuple[Any, ...]
    places: dict[int, Node]
    root: ref[Tensor]


def get_item(source: Tensor, key: Any) -> Tensor:
    """The elements that the key names."""
    if key.__class__ is int and STATE.trace is source._cell is None and not source._requires_grad and source._spec.rank:
        return _row(source, key)
    if trace_at_hand() is source._cell is None:
        if key.__class__ is Tensor and key._cell is None and key._spec.dtype is int64 and key._spec.rank:
            if source._spec.rank:
                return placing.read_rows(source, key)
        elif (plain := _plain(key)) is not None:
            return again(_got, source, plain, (key,))
    return _got(source, key)


def _plain(key: Any) -> Any:
    """What stands for a key of ints, slices, None and Ellipsis; None for any other."""
    made: list[Any] = []
    for part in key if key.__class__ is tuple else (key,):
        kind = part.__class__
        if kind is slice:
            for end in (part.start, part.stop, part.step):
                if end is not None and end.__class__ is not int:
                    return None
            made.append((part.start, part.stop, part.step))
        elif kind is int or part is None or part is Ellipsis:
            made.append(part)
        else:
            return None
    return tuple(made)


def _got(source: Tensor, key: Any) -> Tensor:
    result, entries = parse(source, key)
    if entries:
        is_part = all(entry.alone for entry in entries)
        found = (placing.pick if is_part else placing.read)(result, *_placed(entries, result))
        trace, cell = STATE.trace, found._cell
        if trace is not None and cell is not None and is_part:
            root = source._base
            places = {entry.axis: copied(trace, trace.node_of(entry.index)) for entry in entries}  # as it is now
            lying = _lying_part(trace, result, tuple(places))
            trace.parts[cell] = Part(
                lying, trace.cell_of(result), result._path, places, ref(source if root is None else root)
            )
            given = ref(found), ref(source), _in_nodes(trace, key)
            trace.picked.setdefault(cell, []).append(partial(_write_back, *given))
            trace.picked.setdefault(trace.cell_of(source), []).append(partial(_read_again, *given))
        return found
    return result if result is not source else views.sliced(source, {})


def _lying_part(trace: Trace, source: Tensor, axes: tuple[int, ...]) -> Node:
    """What lies as a part without these axes: the first of the parts."""
    node = trace.node_of(source)

    def make() -> Node:
        shape = node.tensor.shape
        sizes = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
        with dim.solving(trace.scope):
            whole = trace.lying(node, source)
            part = move.slice_(whole, starts=(0,) * len(shape), sizes=sizes, steps=(1,) * len(shape))
            return reshape(part, shape=tuple(size for axis, size in enumerate(shape) if axis not in axes))

    return trace.step(("part", node, axes), make)


def _row(source: Tensor, place: int) -> Tensor:
    """One place of the first axis: the commonest key has a way of its own, without all that others need."""
    spec = source._spec
    size = spec.shape[0]
    if not -size <= place < size:
        return views.select(source, 0, place)  # which says so
    offset = place % size * spec.strides[0] if spec.numel else 0
    row = spec_of(spec.dtype, spec.shape[1:], spec.strides[1:], spec.device)
    return make_view(source, row, source._ptr + offset * spec.dtype.itemsize)


def _in_nodes(trace: Trace, key: Any) -> tuple[Any, ...]:
    """The parts of a key, with nodes in the place of tensors, so that it keeps none of them alive."""
    parts = key if isinstance(key, tuple) else (key,)
    return tuple([trace.node_of(part) if isinstance(part, Tensor) else part for part in parts])


def _of_nodes(trace: Trace, key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([trace.fresh(part) if isinstance(part, Node) else part for part in key])


def _write_back(part: ref[Tensor], whole: ref[Tensor], key: tuple[Any, ...], trace: Trace) -> bool:
    """Write the part that tensors have picked, which in eager mode is a view, to the whole, if somebody has both."""
    value, target = part(), whole()
    if value is None or target is None:
        return False
    set_item(target, _of_nodes(trace, key), value)
    return True


def _read_again(part: ref[Tensor], whole: ref[Tensor], key: tuple[Any, ...], trace: Trace) -> bool:
    """Let such a part show what has been written to the whole."""
    shown, source = part(), whole()
    if source is None or shown is None or shown._cell is None:
        return False
    now, cell = get_item(source, _of_nodes(trace, key)), shown._cell
    cell.node, cell.version, cell.plain = trace.node_of(now), cell.version + 1, None
    if now._requires_grad:
        trace.follow(shown)
    return True


def set_item(target: Tensor, key: Any, value: Any) -> None:
    """Write to the elements that the key names."""
    is_plain = trace_at_hand() is target._cell is None and _plain(key) is not None
    part, entries = (get_item(target, key), []) if is_plain else parse(target, key)
    # As many numbers as the part has are written faster than one is spread, while they are few.
    value = _as_value(value, target, tuple(part.shape) if is_plain and part._spec.nbytes <= FEW else ())
    if not entries:
        while value.ndim > part.ndim and value.shape[0] == 1:
            value = value[0]  # type: ignore[index]
        assign(part, value, "setitem", overwrites=True)
        return
    assign(part, _written(part, entries, value, accumulate=False), "setitem")


def _as_value(value: Any, target: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What is to be written, in the target's dtype; a number is given the shape."""
    if isinstance(value, bool | int | float):
        return full(shape, value, dtype=target.dtype, device=target.device)
    made = value if isinstance(value, Tensor) else tensor(value, dtype=target.dtype)
    return cast(made, target.dtype)


@operator(method=True, in_place=True)
def index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """The input with values written, or added, at the places that the tensors name together, one for each axis.

    None stands for a whole axis, a boolean tensor for the places where it holds.
    """
    if not isinstance(indices, tuple | list):
        raise IndexError(f"indices must be a tuple of tensors, not {type(indices).__name__}", op="index_put")
    require_tensors("index_put", **{f"indices[{i}]": each for i, each in enumerate(indices) if each is not None})
    require_tensors("index_put", values=values)
    if values.dtype is not input.dtype:
        raise IndexError(f"values are {values.dtype.name}, the input is {input.dtype.name}", op="index_put")
    entries, axis = [], 0
    for index in indices:
        if index is None:
            axis += 1
            continue
        entries.append(Entry(axis, _checked_index(index)))
        _check_mask(input, entries[-1])
        axis += entries[-1].count
    if axis > input.ndim:
        raise IndexError(f"{axis} indices for a tensor with {input.ndim} axes", op="index_put")
    return _written(input, entries, values, accumulate) if entries else input.clone()  # type: ignore[attr-defined, no-any-return]


@operator(out=True)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; with the condition alone, the indices where it holds by axes."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    return comparison.where(condition, input, other)


def _written(part: Tensor, entries: list[Entry], value: Tensor, accumulate: bool) -> Tensor:
    """The part with the value at the places that the entries name."""
    spread = _spread_over_mask(part, entries, value)
    if spread is None:
        places, spots, before = _placed(entries, part)
        return placing.write(part, places, value, spots, before, accumulate)
    return comparison.where(entries[0].index.reshape(spread[1]), part + spread[0] if accumulate else spread[0], part)  # type: ignore[attr-defined]


def _spread_over_mask(part: Tensor, entries: list[Entry], value: Tensor) -> tuple[Tensor, tuple[Any, ...]] | None:
    """For one mask and the same value wherever it holds: the value and the mask's shape, fit to be broadcast."""
    mask = entries[0]
    if len(entries) > 1 or not mask.is_mask:
        return None
    behind = part.ndim - mask.axis - mask.count
    if value.ndim > behind and not (value.ndim <= part.ndim and value.shape[value.ndim - 1 - behind] == 1):
        return None
    if value.ndim > behind:
        shape, axis = tuple(value.shape), value.ndim - 1 - behind
        value = value.reshape(shape[:axis] + (1,) * mask.count + shape[axis + 1 :])  # type: ignore[attr-defined]
    return value, tuple(mask.index.shape) + (1,) * behind


def _placed(entries: Sequence[Entry], source: Tensor) -> tuple[list[Tensor], tuple[Spot, ...], int]:
    """What `placing` takes: tensors of places, the axes that they name, and how many other axes come first.

    As NumPy has it, the tensors' axes stand where the axes that they name stood if these are neighbours, else first.
    """
    named = {axis for entry in entries for axis in range(entry.axis, entry.axis + entry.count)}
    ahead = {sum(a not in named for a in range(entry.axis)) for entry in entries if not entry.alone}
    if not ahead:
        ahead = {sum(a not in named for a in range(entries[0].axis))}
    places = [positions(entry.index) if entry.is_mask else entry.index for entry in entries]
    spots = tuple(Spot(entry.axis, entry.count) for entry in entries)
    return places, spots, ahead.pop() if len(ahead) == 1 else 0


# Keys


def parse(source: Tensor, key: Any) -> tuple[Tensor, list[Entry]]:
    """The view that the plain parts of a key give, and its tensors with the axes of that view."""
    parts = [_normal(part) for part in (key if isinstance(key, tuple) else (key,))]
    used = sum(_axes_used(part) for part in parts)
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("an index can have one Ellipsis only", op="getitem")
    if used > source.ndim:
        raise IndexError(f"{used} indices for a tensor with {source.ndim} axes", op="getitem")
    place = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[place : place + 1] = [slice(None)] * (source.ndim - used)
    result, axis = source, 0
    entries: list[Entry] = []
    for part in parts:
        if part is None or isinstance(part, bool):
            result = views.unsqueeze(result, axis)
        if isinstance(part, bool):  # a new axis with all of what there is, or nothing of it
            entries.append(Entry(axis, tensor(np.zeros(int(part), np.int64))))
            axis += 1
        elif isinstance(part, Tensor):
            entries.append(Entry(axis, part, alone=part.ndim == 0))
            _check_mask(result, entries[-1])
            axis += entries[-1].count
        elif part is None or isinstance(part, slice):
            result = result if part is None else _slice(result, axis, part)
            axis += 1
        else:
            result = views.select(result, axis, part)
    return result, entries


def _axes_used(part: Any) -> int:
    if isinstance(part, Tensor):
        return part.ndim if part.dtype is bool_ else 1
    return int(not (part is None or part is Ellipsis or isinstance(part, bool)))


def _normal(part: Any) -> Any:
    """A part of a key as an int, a slice, None, Ellipsis, a bool, or a tensor of integers or of a mask."""
    if part is None or part is Ellipsis or isinstance(part, slice | SymbolicSize):
        return part
    if isinstance(part, bool | np.bool_):
        return bool(part)
    if isinstance(part, list | tuple | range | np.ndarray):
        made = tensor(part)
        return _checked_index(made if made.numel() else tensor(np.zeros(tuple(made.shape), np.int64)))
    if isinstance(part, Tensor):
        index = _checked_index(part)
        if index.ndim == 0 and (index.dtype is bool_ or STATE.trace is None):
            return index.item()
        return index
    if hasattr(part, "__index__"):
        return int(part)
    raise IndexError(f"an index must be an int, a slice, None, Ellipsis or a tensor of them, "
                     f"not {type(part).__name__}", op="getitem")  # fmt: skip


def _checked_index(index: Tensor) -> Tensor:
    """The index itself; one of bytes is a mask, as in PyTorch."""
    if index.dtype.kind not in ("bool", "int", "uint"):
        raise IndexError(f"an index tensor must hold integers or bools, not {index.dtype.name}", op="getitem")
    if index.dtype.kind == "bool":
        return index
    return cast(index, bool_ if index.dtype.kind == "uint" else int64)


def _check_mask(source: Tensor, entry: Entry) -> None:
    if not entry.is_mask:
        return
    for number, size in enumerate(entry.index.shape):
        if size != source.shape[entry.axis + number]:
            other = source.shape[entry.axis + number]
            raise IndexError(f"the mask {type_text(entry.index)} does not fit {type_text(source)}: {size} is not "
                             f"{other}, axis {entry.axis + number}", op="getitem")  # fmt: skip


def _slice(source: Tensor, axis: int, part: slice) -> Tensor:
    if part.start is None and part.stop is None and part.step in (None, 1):
        return source
    size = source.shape[axis]
    step = 1 if part.step is None else int(part.step)
    if step <= 0:
        raise ValueError("the step of a slice must be positive", op="getitem", hint="use flip")
    if isinstance(size, SymbolicSize):
        start, stop = _bound(part.start, 0, size), _bound(part.stop, size, size)
    else:
        start, stop, _ = part.indices(int(size))
    length = (stop - start + step - 1) // step if stop > start else 0
    return views.sliced(source, {axis: (start, length, step)})


def _bound(value: Any, default: Any, size: Any) -> Any:
    """One end of a slice within 0..size, decided by guards where sizes are symbolic."""
    if value is None:
        return default
    if value < 0:
        value = value + size
        return value if value >= 0 else 0
    return value if value <= size else size
