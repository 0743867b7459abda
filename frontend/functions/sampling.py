"""Random tensors: uniform, normal and whole numbers, permutations, and choices by given probabilities."""

from __future__ import annotations

import math
from typing import Any

from brasa._state import DEFAULTS
from brasa.functions import extremes, pointwise, reduction
from brasa.functions.complex import view_as_complex
from brasa.functions.neural.precision import wide
from brasa.functions.random_bits import Draws, draws_like
from brasa.ir.dtype import DType, float64, int64, real_dtype
from brasa.ir.errors import ArgumentError, DTypeError, ShapeError, ValueError
from brasa.ir.ops import move, order
from brasa.random import Generator, next_draw
from brasa.tensors.creation import sizes_of
from brasa.tensors.devices import device_name
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import (
    Number,
    apply,
    broadcast_shapes,
    carrier,
    cast,
    common_dtype,
    expand,
    required,
    reshape,
    resolved,
    type_of,
)
from brasa.tracing.sizes import SymbolicSize

__all__ = [
    "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm",
]  # fmt: skip


@function
def uniform_from(like: Tensor, seed: Number, call: Number, low: Number, high: Number) -> Tensor:
    """Uniform numbers in [low, high) in the shape and dtype of a carrier."""
    kind = type_of(like).dtype
    fraction = draws_like(like, seed, call).uniform(wide(kind))
    return cast(pointwise.add(pointwise.mul(fraction, pointwise.sub(high, low)), low), kind)


@function
def normal_from(like: Tensor, seed: Number, call: Number, mean: Number, std: Number) -> Tensor:
    """Normal numbers in the shape and dtype of a carrier."""
    kind = type_of(like).dtype
    value = draws_like(like, seed, call).normal(wide(kind))
    return cast(pointwise.add(pointwise.mul(value, std), mean), kind)


@function
def _normal_around(mean: Number, std: Number, seed: Number, call: Number) -> Tensor:
    kind = common_dtype(mean, std)
    given = [x for x in (mean, std) if isinstance(x, Tensor)]
    shape = resolved(broadcast_shapes([type_of(x).shape for x in given]))
    value = Draws(seed, call, shape).normal(wide(kind))
    if isinstance(std, Tensor):
        std = pointwise.where(required(pointwise.ge(std, 0), "a standard deviation is negative"), std, 0)
    return cast(pointwise.add(pointwise.mul(value, std), mean), kind)


@function
def _integers(like: Tensor, seed: Number, call: Number, low: Number, count: Number) -> Tensor:
    whole = pointwise.remainder(draws_like(like, seed, call).integer(), count)
    return cast(pointwise.add(whole, low), type_of(like).dtype)


@function
def chances(like: Tensor, p: Number, seed: Number, call: Number) -> Tensor:
    """1 with probability p, else 0, in the shape and dtype of a carrier."""
    kind = wide(common_dtype(p))
    draw = draws_like(like, seed, call).uniform(kind if kind.kind == "float" else DEFAULTS.dtype)
    chance = pointwise.logical_and(pointwise.ge(p, 0), pointwise.le(p, 1))
    chosen = pointwise.logical_and(pointwise.lt(draw, p), required(chance, "a probability is not in 0..1"))
    return cast(chosen, type_of(like).dtype)


def _made(value: Tensor, requires_grad: bool) -> Tensor:
    return value.requires_grad_() if requires_grad else value


@operator(out=True)
def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1); of complex numbers, both parts."""
    shape = sizes_of(sizes if size is None else (size,), "rand")
    if dtype is not None and dtype.is_complex:
        pairs = carrier((*shape, 2), real_dtype(dtype), device_name(device))
        return _made(view_as_complex(uniform_from(pairs, *next_draw(generator), 0.0, 1.0)), requires_grad)
    like = carrier(shape, float_dtype(dtype, "rand"), device_name(device))
    return _made(uniform_from(like, *next_draw(generator), 0.0, 1.0), requires_grad)


@operator(out=True)
def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers from the normal distribution with mean 0 and variance 1: of complex numbers, 1/2 for each part."""
    shape = sizes_of(sizes if size is None else (size,), "randn")
    if dtype is not None and dtype.is_complex:
        pairs = carrier((*shape, 2), real_dtype(dtype), device_name(device))
        return _made(view_as_complex(normal_from(pairs, *next_draw(generator), 0.0, math.sqrt(0.5))), requires_grad)
    like = carrier(shape, float_dtype(dtype, "randn"), device_name(device))
    return _made(normal_from(like, *next_draw(generator), 0.0, 1.0), requires_grad)


def float_dtype(dtype: DType | None, op: str) -> DType:
    """The dtype, or the default one; DTypeError when it is none of floats."""
    kind = dtype or DEFAULTS.dtype
    if kind.kind != "float":
        raise DTypeError(f"random numbers of {kind.name} are not defined", op=op)
    return kind


@operator(out=True)
def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Whole numbers from low (default 0) to high - 1, each as likely; remainders of 63 random bits."""
    if isinstance(high, tuple | list):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise ArgumentError("needs a size", op="randint")
    like = carrier(sizes_of((size,), "randint"), dtype or int64, device_name(device))
    return _made(whole_numbers(like, low, high, generator, "randint"), requires_grad)


def whole_numbers(like: Tensor, low: Any, high: Any, generator: Generator | None, op: str) -> Tensor:
    """Whole numbers from low to high - 1 in the shape and dtype of a carrier."""
    low, high = (bound if isinstance(bound, SymbolicSize) else int(bound) for bound in (low, high))
    if high <= low:
        raise ValueError(f"no number is at least {low} and below {high}", op=op)
    return _integers(like, *next_draw(generator), low, min(high - low, (1 << 63) - 1))  # type: ignore[no-any-return]


@operator()
def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """rand in the shape and dtype of another tensor."""
    require_tensors("rand_like", input=input)
    return rand(*input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


@operator()
def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """randn in the shape and dtype of another tensor."""
    require_tensors("randn_like", input=input)
    return randn(*input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


@operator()
def randint_like(
    input: Tensor, low: Any, high: Any = None, *, generator: Generator | None = None, dtype: DType | None = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """randint in the shape and dtype of another tensor: below a number, or from one to below another."""
    require_tensors("randint_like", input=input)
    low, high = (0, low) if high is None else (low, high)
    like = carrier(input.shape, dtype or input.dtype, str(device or input.device))
    return _made(whole_numbers(like, low, high, generator, "randint_like"), requires_grad)


@function
def _permutation(like: Tensor, seed: Number, call: Number) -> Tensor:
    keys = draws_like(like, seed, call).integer()
    return cast(apply(order.argsort, keys, axis=0, descending=False), type_of(like).dtype)


@operator(out=True)
def randperm(
    n: int, *, generator: Generator | None = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The numbers 0..n-1 in random order: the order of n random numbers."""
    if n < 0:
        raise ValueError(f"n must not be negative, it is {n}", op="randperm")
    like = carrier((n,), dtype or int64, device_name(device))
    return _made(_permutation(like, *next_draw(generator)), requires_grad)


@operator(out=True)
def normal(
    mean: Tensor | float = 0.0, std: Tensor | float = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: DType | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers with the means and standard deviations that tensors hold; of two numbers, in a given size."""
    if not isinstance(mean, Tensor | int | float) or not isinstance(std, Tensor | int | float):
        raise ArgumentError(f"mean and std must be tensors or numbers, they are {type(mean).__name__} and "
                            f"{type(std).__name__}", op="normal")  # fmt: skip
    if not isinstance(std, Tensor) and std < 0:
        raise ValueError(f"std must not be negative, it is {std}", op="normal")
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        for x in (mean, std):
            if isinstance(x, Tensor) and x.dtype.kind != "float":
                raise DTypeError(f"normal numbers of {x.dtype.name} are not defined", op="normal")
        return _normal_around(mean, std, *next_draw(generator))  # type: ignore[no-any-return]
    if size is None:
        raise ArgumentError("needs a size where mean and std are numbers", op="normal")
    like = carrier(sizes_of((size,), "normal"), float_dtype(dtype, "normal"), device_name(device))
    return _made(normal_from(like, *next_draw(generator), float(mean), float(std)), requires_grad)


@operator(method=True, out=True)
def bernoulli(input: Tensor, p: Tensor | float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of input is, or with probability p, else 0."""
    require_tensors("bernoulli", input=input)
    if p is None:
        if input.dtype.kind != "float":
            raise DTypeError(f"probabilities must be floats, not {input.dtype.name}", op="bernoulli")
        return chances(input, input, *next_draw(generator))  # type: ignore[no-any-return]
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise ValueError(f"p must be in 0..1, it is {p}", op="bernoulli")
    return chances(carrier(input.shape, input.dtype, str(input.device)), p, *next_draw(generator))  # type: ignore[no-any-return]


@function
def _race(input: Tensor, seed: Number, call: Number, count: int, replacement: bool) -> Tensor:
    """Choices by races of exponential times, each at its probability's rate: the fastest is chosen with it.

    With replacement a race for each choice; without, the first `count` of one race.
    """
    kind = float64 if type_of(input).dtype is float64 else wide(type_of(input).dtype)
    rows, width = type_of(input).shape
    races = count if replacement else 1
    shape = (rows, races, width)
    values = cast(input, kind)
    sound = pointwise.logical_and(pointwise.ge(values, 0), pointwise.lt(values, float("inf")))
    sound = required(sound, "a probability is infinite, NaN or below 0")
    runs = pointwise.logical_and(pointwise.gt(values, 0), sound)
    starters = reduction.sum(runs, 1, True)
    least = 1 if replacement else count
    fact = "no probability is above 0" if least == 1 else f"fewer than {count} probabilities are above 0"
    enough = required(pointwise.ge(starters, least), fact)
    runs = expand(reshape(pointwise.logical_and(runs, enough), (rows, 1, width)), shape)
    chance = expand(reshape(values, (rows, 1, width)), shape)
    time = Draws(seed, call, shape, type_of(input).device).exponential(kind)
    arrival = pointwise.where(runs, pointwise.div(time, pointwise.where(runs, chance, 1)), float("inf"))
    if races == count:
        return extremes.argmin(arrival, 2)
    places = apply(order.argsort, reshape(arrival, (rows, width)), axis=1, descending=False)
    return apply(move.slice_, places, starts=(0, 0), sizes=(rows, count), steps=(1, 1))


@operator(method=True, out=True)
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Places of input[n] or input[m, n], chosen as likely as its elements are great; int64 [..., num_samples]."""
    require_tensors("multinomial", input=input)
    if input.dtype.kind != "float":
        raise DTypeError(f"probabilities must be floats, not {input.dtype.name}", op="multinomial")
    if input.ndim not in (1, 2):
        raise ShapeError(f"input must have 1 or 2 axes, it has {input.ndim}", op="multinomial")
    if num_samples <= 0:
        raise ValueError(f"num_samples must be positive, it is {num_samples}", op="multinomial")
    if not replacement and num_samples > input.shape[-1]:
        raise ValueError(f"{num_samples} of {input.shape[-1]} cannot be chosen without replacement", op="multinomial")
    rows: Any = input if input.ndim == 2 else input.unsqueeze(0)  # type: ignore[attr-defined]
    places: Any = _race(rows, *next_draw(generator), num_samples, bool(replacement))
    return places if input.ndim == 2 else places.squeeze(0)  # type: ignore[no-any-return]
