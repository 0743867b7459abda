"""One tensor to several: consecutive parts of an axis, or its places one by one. All of them are views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brasa.ir.errors import IndexError, ShapeError, ValueError
from brasa.tensors.tensor import Tensor, type_text
from brasa.tensors.views import narrow, select
from brasa.tracing.operators import operator
from brasa.tracing.primitive import axis_of

__all__ = [
    "chunk", "dsplit", "hsplit", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip


def _axis(input: Tensor, dim: int, op: str) -> int:
    if input.ndim == 0:
        raise ShapeError("a zero-dim tensor has no axis to split", op=op)
    return axis_of(dim, input.ndim, op)


def _parts(input: Tensor, axis: int, lengths: Sequence[int]) -> tuple[Tensor, ...]:
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple(narrow(input, axis, start, length) for start, length in zip(starts, lengths, strict=True))


@operator(method=True)
def split(tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Any:
    """Views of consecutive parts of an axis: of equal size (the last may be smaller), or of the given sizes."""
    given = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(given, tuple | list):
        return split_with_sizes(tensor, given, dim)
    axis = _axis(tensor, dim, "split")
    size, length = int(tensor.shape[axis]), int(given)
    if length < 0 or (length == 0 and size != 0):
        raise ValueError(f"an axis of {size} cannot be split into parts of {length}", op="split")
    whole = size // length if length else 1
    rest = [size - whole * length] if length and size % length else []
    return _parts(tensor, axis, [length] * whole + rest or [0])


@operator(method=True)
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of an axis, of the given sizes."""
    axis = _axis(input, dim, "split_with_sizes")
    size, parts = int(input.shape[axis]), [int(part) for part in split_sizes]
    if sum(parts) != size or any(part < 0 for part in parts):
        raise ShapeError(f"sections {parts} do not add up to {size}, axis {axis} of {type_text(input)}",
                         op="split_with_sizes")  # fmt: skip
    return _parts(input, axis, parts)


@operator(method=True)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` consecutive parts of an axis, all but the last of equal size."""
    axis = _axis(input, dim, "chunk")
    if chunks <= 0:
        raise ValueError(f"the number of chunks must be positive, found {chunks}", op="chunk")
    size = int(input.shape[axis])
    return _parts(input, axis, [0] * chunks) if size == 0 else split(input, -(-size // chunks), axis)


@operator(method=True)
def unsafe_split(tensor: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """split under the name of the form that lets a part be written without the others."""
    return split(tensor, split_size, dim)


@operator(method=True)
def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """split_with_sizes under the name of the form that lets a part be written without the others."""
    return split_with_sizes(input, split_sizes, dim)


@operator(method=True)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """chunk under the name of the form that lets a part be written without the others."""
    return chunk(input, chunks, dim)


@operator(method=True)
def tensor_split(
    input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views of parts of an axis: as many as asked for, sizes differing by at most one, or cut at the given places."""
    given = next((x for x in (indices_or_sections, indices, sections) if x is not None), None)
    axis = _axis(input, dim, "tensor_split")
    size = int(input.shape[axis])
    if isinstance(given, Tensor):
        if given.ndim > 1 or given.dtype.name != "i64":
            raise ValueError(f"expects int64 places along at most one axis, found {type_text(given)}",
                             op="tensor_split")  # fmt: skip
        given = given.tolist()
    if isinstance(given, tuple | list):
        cuts = [0, *(slice(None, int(place)).indices(size)[1] for place in given), size]
        return tuple(
            narrow(input, axis, min(a, size), max(0, b - a)) for a, b in zip(cuts, cuts[1:], strict=False)
        )  # fmt: skip
    if given is None or given <= 0:
        raise ValueError(f"the number of sections must be positive, found {given}", op="tensor_split")
    least, more = divmod(size, int(given))
    return _parts(input, axis, [least + 1] * more + [least] * (int(given) - more))


def _by_name(name: str, least: int, along: int, words: str) -> Any:
    def cut(input: Tensor, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None) -> Any:
        given = next((x for x in (indices_or_sections, indices, sections) if x is not None), None)
        if input.ndim < least:
            raise ShapeError(f"expects at least {least} axes, {type_text(input)} has {input.ndim}", op=name)
        axis = 0 if name == "hsplit" and input.ndim == 1 else along
        if isinstance(given, int) and (given <= 0 or int(input.shape[axis]) % given):
            raise ShapeError(f"axis {axis} of {type_text(input)} does not split into {given} equal parts", op=name)
        return tensor_split(input, given, axis)

    cut.__name__ = cut.__qualname__ = name
    cut.__doc__ = f"tensor_split {words}, into equal parts or at the given places."
    return operator(method=True)(cut)


hsplit = _by_name("hsplit", 1, 1, "along the second axis (the only one of a vector)")
vsplit = _by_name("vsplit", 2, 0, "along the first axis")
dsplit = _by_name("dsplit", 3, 2, "along the third axis")


@operator(method=True)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all places of an axis, which is gone from them."""
    if input.ndim == 0:
        raise IndexError("a zero-dim tensor has no axis", op="unbind")
    axis = axis_of(dim, input.ndim, "unbind")
    return tuple(select(input, axis, place) for place in range(int(input.shape[axis])))
