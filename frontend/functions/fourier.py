"""Discrete Fourier transforms along one or several axes, of complex, real and Hermitian signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brasa.functions.arithmetic import mul
from brasa.functions.arranging import roll
from brasa.functions.comparison import where
from brasa.ir.dim import Size, at_most, equal, floor_divide, product, solving
from brasa.ir.dtype import DType, complex_dtype, float64, real_dtype
from brasa.ir.errors import BrasaError, DTypeError, IndexError, ShapeError
from brasa.ir.ops import complex as complex_ops
from brasa.ir.ops import elementwise as ops
from brasa.ir.ops import fourier as fourier_ops
from brasa.ir.ops import move
from brasa.tensors.ranges import arange
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import apply, axis_of, cast, constant, current, expand, floating, type_of

__all__: list[str] = []

_FORWARD = {None: "", "backward": "", "ortho": "root", "forward": "whole"}
_INVERSE = {None: "whole", "backward": "whole", "ortho": "root", "forward": ""}


# What transforms are made of, on traced tensors


def _resized(x: Tensor, axis: int, size: Size | None) -> Tensor:
    """The first `size` elements of an axis, with zeros behind where there are fewer."""
    shape = type_of(x).shape
    with solving(current().scope):
        if size is None or equal(shape[axis], size):
            return x
        shorter = at_most(size, shape[axis])
    if shorter:
        sizes = tuple(size if a == axis else n for a, n in enumerate(shape))
        return apply(move.slice_, x, starts=(0,) * len(shape), sizes=sizes, steps=(1,) * len(shape))
    behind = tuple(size - n if a == axis else 0 for a, n in enumerate(shape))
    return apply(move.pad, x, constant(0, type_of(x).dtype), low=(0,) * len(shape), high=behind)


def _divided(x: Tensor, count: Size, by: str) -> Tensor:
    """x over the number of elements, or over its root."""
    if not by:
        return x
    type = type_of(x)
    part = real_dtype(type.dtype)
    number = constant(count, float64)
    scale = cast(apply(ops.div, constant(1, float64), apply(ops.sqrt, number) if by == "root" else number), part)
    if not type.dtype.is_complex:
        return apply(ops.mul, x, expand(scale, type.shape))
    scaled = apply(ops.mul, apply(complex_ops.view_as_real, x), expand(scale, (*type.shape, 2)))
    return apply(complex_ops.view_as_complex, scaled)


def _sizes_along(x: Tensor, axes: Sequence[int]) -> Size:
    return product(type_of(x).shape[axis] for axis in axes)


def _all_fourier(x: Tensor, axes: Sequence[int], inverse: bool) -> Tensor:
    op = fourier_ops.inverse_fourier if inverse else fourier_ops.fourier
    return apply(op, x, axes=tuple(sorted(axes))) if axes else x


@function
def _complex_transform(input: Tensor, sizes: Any, axes: Any, inverse: bool, by: str) -> Tensor:
    x = cast(input, complex_dtype(floating(input)))
    for axis, size in zip(axes, sizes, strict=True):
        x = _resized(x, axis, size)
    return _divided(_all_fourier(x, axes, inverse), _sizes_along(x, axes), by)


@function
def _real_transform(input: Tensor, sizes: Any, axes: Any, inverse: bool, by: str) -> Tensor:
    """Half of the frequencies along the last of the axes; with `inverse` all exponents are turned round."""
    x = cast(input, floating(input))
    for axis, size in zip(axes, sizes, strict=True):
        x = _resized(x, axis, size)
    half = apply(fourier_ops.half_fourier, x, axis=axes[-1])
    half = apply(ops.conj, half) if inverse else half
    return _divided(_all_fourier(half, axes[:-1], inverse), _sizes_along(x, axes), by)


@function
def _to_real_transform(input: Tensor, sizes: Any, axes: Any, inverse: bool, by: str) -> Tensor:
    """Back from half of the frequencies along the last of the axes; without `inverse` exponents are turned round."""
    x = cast(input, complex_dtype(floating(input)))
    for axis, size in zip(axes[:-1], sizes[:-1], strict=True):
        x = _resized(x, axis, size)
    last = axes[-1]
    count = sizes[-1] if sizes[-1] is not None else 2 * (type_of(x).shape[last] - 1)
    x = _resized(x, last, floor_divide(count, 2) + 1)
    others = _all_fourier(x, axes[:-1], inverse)
    others = others if inverse else apply(ops.conj, others)
    made = apply(fourier_ops.from_half_fourier, others, axis=last, size=count)
    return _divided(made, _sizes_along(made, axes), by)


# Arguments


def _checked(input: Tensor, kind: str, norm: str | None, op: str) -> None:
    if norm not in _FORWARD:
        raise BrasaError(f'norm is "{norm}", not "backward", "ortho" or "forward"', op=op)
    if input.dtype.kind == "float" and input.dtype.bits < 32:
        raise DTypeError(f"is not defined for {input.dtype.name}", op=op)
    if kind == "real" and input.dtype.is_complex:
        raise DTypeError(f"takes a real tensor, this one is {input.dtype.name}", op=op)


def _size(n: Any, op: str) -> int | None:
    if n is None:
        return None
    if int(n) < 1:
        raise ShapeError(f"cannot transform {int(n)} elements", op=op)
    return int(n)


def _axes_and_sizes(input: Tensor, s: Any, dim: Any, op: str) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    """The axes and, where given, the sizes along them; -1 stands for the size that there is."""
    rank = input.ndim
    given = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is None:
        count = rank if given is None else len(given)
        if count > rank:
            raise ShapeError(f"{count} sizes are more than the {rank} axes", op=op)
        axes = tuple(range(rank - count, rank))
    else:
        named = [dim] if isinstance(dim, int) else dim
        axes = tuple(axis_of(axis, rank, op) for axis in named)
    if len(set(axes)) != len(axes):
        raise BrasaError(f"a dim appears twice in {list(axes)}", op=op)
    if given is None:
        return axes, (None,) * len(axes)
    if len(given) != len(axes):
        raise BrasaError(f"{len(given)} sizes for {len(axes)} dims", op=op)
    return axes, tuple(None if size == -1 else _size(size, op) for size in given)


def _check_not_empty(input: Tensor, axes: Sequence[int], sizes: Sequence[int | None], op: str) -> None:
    for axis, size in zip(axes, sizes, strict=True):
        if size is None and input.ndim and not input.shape[axis] >= 1:
            raise ShapeError(f"cannot transform {input.shape[axis]} elements", op=op)


Transform = Callable[..., Tensor]


def _named(call: Transform, name: str, doc: str) -> Transform:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return operator(out=True, namespace="fft")(call)


def _transforms(
    name: str, transform: Transform, kind: str, inverse: bool, doc: str
) -> tuple[Transform, Transform, Transform]:
    """A transform along one axis, along the last two, and along several."""
    table = _INVERSE if inverse else _FORWARD

    def several(input: Tensor, s: Any, dim: Any, norm: str | None, op: str) -> Tensor:
        _checked(input, kind, norm, op)
        axes, sizes = _axes_and_sizes(input, s, dim, op)
        if axes and not input.ndim:
            raise IndexError(f"dim {axes[0]} of a zero-dim tensor does not exist", op=op)
        if not axes and transform is not _complex_transform:
            raise BrasaError("needs at least one axis", op=op)
        half = kind == "half"
        _check_not_empty(input, axes[:-1] if half else axes, sizes[:-1] if half else sizes, op)
        if half and sizes[-1] is None and not input.shape[axes[-1]] >= 2:
            raise ShapeError(f"cannot transform to {2 * (int(input.shape[axes[-1]]) - 1)} elements", op=op)
        return transform(input, sizes, axes, inverse, table[norm])

    def one(input: Tensor, n: Any = None, dim: int = -1, norm: str | None = None) -> Tensor:
        return several(input, None if n is None else (_size(n, name),), dim, norm, name)

    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return several(input, s, dim, norm, f"{name}2")

    def many(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        return several(input, s, dim, norm, f"{name}n")

    return (
        _named(one, name, f"{doc}, along one axis cut or filled with zeros to n elements."),
        _named(two, f"{name}2", f"{doc}, along two axes."),
        _named(many, f"{name}n", f"{doc}, along several axes."),
    )


fft, fft2, fftn = _transforms("fft", _complex_transform, "", False, "The discrete Fourier transform")
ifft, ifft2, ifftn = _transforms("ifft", _complex_transform, "", True, "The inverse discrete Fourier transform")
rfft, rfft2, rfftn = _transforms(
    "rfft", _real_transform, "real", False, "The Fourier transform of a real signal, half of its frequencies"
)
irfft, irfft2, irfftn = _transforms(
    "irfft", _to_real_transform, "half", True, "The real signal with these frequencies, half of them given"
)
hfft, hfft2, hfftn = _transforms(
    "hfft", _to_real_transform, "half", False, "The real Fourier transform of a Hermitian signal, half of it given"
)
ihfft, ihfft2, ihfftn = _transforms(
    "ihfft", _real_transform, "real", True, "Half of the Hermitian signal with these real frequencies"
)


# Frequencies


def _shifted(input: Tensor, dim: Any, more: int) -> Tensor:
    axes = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    return roll(input, [(input.shape[axis] + more) // 2 for axis in axes], axes) if axes else input


@operator(namespace="fft")
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The frequency 0 moved to the middle."""
    return _shifted(input, dim, 0)


@operator(namespace="fft")
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The frequency 0 moved from the middle to the front."""
    return _shifted(input, dim, 1)


@operator(out=True, namespace="fft")
def fftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of `fft` for n samples d apart: 0, 1, ..., then the negative ones, over n * d."""
    places = arange(n, dtype=dtype or floating(1.0), device=device)
    signed = where(places < (n + 1) // 2, places, places - n)  # type: ignore[operator]
    return mul(signed, 1.0 / (n * d)).requires_grad_(requires_grad)


@operator(out=True, namespace="fft")
def rfftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of `rfft` for n samples d apart: 0, 1, ... n // 2 over n * d."""
    places = arange(n // 2 + 1, dtype=dtype or floating(1.0), device=device)
    return mul(places, 1.0 / (n * d)).requires_grad_(requires_grad)
