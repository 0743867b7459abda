"""Where elements lie: strides of views, for eager tensors and for graph nodes by the same rules.

A stride is counted in elements; None stands for one that is only known at run time. Computed values are row-major.
Axes of size 1 are never walked along, so their stride counts as whatever fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from brasa.ir import dim
from brasa.ir.dim import Size
from brasa.ir.graph import Kind, Node

Strides: TypeAlias = "tuple[Size | None, ...]"


def row_major(shape: Sequence[Size]) -> tuple[Size, ...]:
    """The strides of a tensor whose last axis is contiguous."""
    strides: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step = step * (size if size != 0 else 1)
    return tuple(strides)


def is_row_major(shape: Sequence[Size], strides: Strides) -> bool:
    """Whether elements lie in row-major order without gaps."""
    return (
        all(size == 1 or have == want for size, have, want in zip(shape, strides, row_major(shape), strict=True))
        or 0 in shape
    )


def matching_runs(source: tuple[Size, ...], result: tuple[Size, ...]) -> list[tuple[list[int], list[int]]]:
    """Cuts two shapes of equal size into the shortest runs of axes with provably equal products."""
    runs: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) or j < len(result):
        ins, outs = [i] if i < len(source) else [], [j] if j < len(result) else []
        i, j = i + len(ins), j + len(outs)
        while (a := dim.product(source[k] for k in ins)) != (b := dim.product(result[k] for k in outs)):
            more_in = i < len(source) and (j >= len(result) or _goes_into(a, b))
            if more_in:
                ins.append(i)
                i += 1
            elif j < len(result):
                outs.append(j)
                j += 1
            else:
                break
        runs.append((ins, outs))
    return runs


def _goes_into(a: Size, b: Size) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return dim.divide_exactly(b, a) is not None if isinstance(a, int) or len(a.terms) == 1 else False


def reshaped_strides(
    shape: tuple[Size, ...], strides: Strides, new_shape: tuple[Size, ...], decides: bool = False
) -> Strides | None:  # fmt: skip
    """The strides under which the same memory has another shape of equal size; None when a copy is needed.

    Where that hangs on a named size being 1, the solver in force decides, so that a trace does what eager mode does.
    decides: so it does where it hangs on how sizes and strides go together, as after steps of two.
    """
    if is_row_major(shape, strides):
        return row_major(new_shape)
    found = _reshaped_strides(shape, strides, new_shape, decides)
    if found is None:
        wanted = row_major(shape)
        if all(n == 1 or (a is not None and dim.equal(a, b)) for n, a, b in zip(shape, strides, wanted, strict=True)):
            return row_major(new_shape)
        ones = [size for size in shape if isinstance(size, dim.Dim) and dim.equal(size, 1)]
        if ones:
            symbols = {name: dim.symbol(name) for size in ones for name in dim.symbols(size)}
            fixed = {name: n for name, size in symbols.items() if (n := dim.constant(size)) is not None}
            sizes, new = (tuple(dim.substitute(size, fixed) for size in each) for each in (shape, new_shape))
            steps = tuple(None if step is None else dim.substitute(step, fixed) for step in strides)
            return _reshaped_strides(sizes, steps, new, decides)
    return found


def _reshaped_strides(
    shape: tuple[Size, ...], strides: Strides, new_shape: tuple[Size, ...], decides: bool
) -> Strides | None:  # fmt: skip
    kept = [axis for axis, size in enumerate(shape) if size != 1]
    old_shape, old = tuple(shape[axis] for axis in kept), [strides[axis] for axis in kept]
    wanted = [axis for axis, size in enumerate(new_shape) if size != 1]
    result: list[Size | None] = [1] * len(new_shape)
    for ins, outs in matching_runs(old_shape, tuple(new_shape[axis] for axis in wanted)):
        for left, right in zip(ins, ins[1:], strict=False):
            step, outer = old[right], old[left]
            if step is None or outer is None:
                return None
            if outer != step * old_shape[right] and not (decides and dim.equal(outer, step * old_shape[right])):
                return None
        step = old[ins[-1]] if ins else 1
        for position in reversed(outs):
            result[wanted[position]] = step
            step = None if step is None else step * new_shape[wanted[position]]
    return tuple(result)


def expanded_strides(shape: Sequence[Size], strides: Strides, new_shape: Sequence[Size]) -> Strides:
    """The strides after broadcasting, right-aligned: axes that are added or repeated have stride 0.

    Where that hangs on a named size being 1, the solver in force decides, as for reshapes.
    """
    missing = len(new_shape) - len(shape)
    kept = [
        stride if dim.equal(have, want) else 0
        for have, want, stride in zip(shape, new_shape[missing:], strides, strict=True)
    ]
    return (*[0] * missing, *kept)


def affine_strides(strides: Strides, steps: Sequence[Sequence[Size]], rank: int) -> Strides:
    """The strides of an affine view: what one step along each of its axes walks in memory."""
    result: list[Size | None] = []
    for axis in range(rank):
        total: Size | None = 0
        for row, stride in zip(steps, strides, strict=True):
            if row[axis] != 0:
                total = None if total is None or stride is None else total + row[axis] * stride
        result.append(total)
    return tuple(result)


def is_view(node: Node) -> bool:
    """Whether the node's value lies, in eager mode, where its operand does."""
    return node.op.kind in (Kind.VIEW, Kind.COMPLEX) or node.op.name == "bitcast"


def strides_of(node: Node) -> Strides:
    """The strides that the node's value has in eager mode: views keep their operand's memory, the rest is row-major."""
    type = node.tensor
    match node.op.name:
        case "input":
            marks = node.attrs.get("strides")
            known: dict[str, Size | None] = {"0": 0, "1": 1, "s": None}
            return tuple(known[mark] for mark in marks) if marks else row_major(type.shape)
        case "stop_gradient" | "bitcast":
            return strides_of(node.operands[0])
        case "permute":
            inner = strides_of(node.operands[0])
            return tuple(inner[axis] for axis in node.attrs["axes"])
        case "expand":
            operand = node.operands[0]
            return expanded_strides(operand.tensor.shape, strides_of(operand), type.shape)
        case "slice":
            inner = strides_of(node.operands[0])
            return tuple(
                None if stride is None else stride * step
                for stride, step in zip(inner, node.attrs["steps"], strict=True)
            )
        case "affine":
            return affine_strides(strides_of(node.operands[0]), node.attrs["steps"], len(type.shape))
        case "reshape":
            operand = node.operands[0]
            before, after = (tuple(map(dim.resolved, each.shape)) for each in (operand.tensor, type))
            strides = (None if stride is None else dim.resolved(stride) for stride in strides_of(operand))
            found = reshaped_strides(before, tuple(strides), after)
            return found if found is not None else row_major(after)
        case "view_as_real":
            return parts_strides(strides_of(node.operands[0]))
        case "view_as_complex":
            return complex_strides(strides_of(node.operands[0]))
    return row_major(type.shape)


def parts_strides(strides: Strides) -> Strides:
    """The strides of complex numbers seen as real ones, the two parts of each along a last axis."""
    return (*(None if stride is None else stride * 2 for stride in strides), 1)


def complex_strides(strides: Strides) -> Strides:
    """The strides of pairs of real numbers along the last axis seen as complex ones."""
    return tuple(None if stride is None else dim.divide_exactly(stride, 2) for stride in strides[:-1])


def stride_marks(shape: Sequence[Size], strides: Strides) -> tuple[str, ...]:
    """The layout class of an input: () for row-major, else "0", "1" or "s" per axis."""
    if is_row_major(shape, strides):
        return ()
    return tuple(
        "1" if size == 1 else {0: "0", 1: "1"}.get(stride, "s") if isinstance(stride, int) else "s"
        for size, stride in zip(shape, strides, strict=True)
    )
