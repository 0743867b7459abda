"""Random numbers of many distributions in the shape and dtype of a tensor: what its in-place samplers write."""

from __future__ import annotations

import math
from typing import Any

from brasa.functions import pointwise
from brasa.functions.neural.precision import wide
from brasa.functions.random_bits import draws_like
from brasa.functions.sampling import chances, float_dtype, normal_from, uniform_from, whole_numbers
from brasa.ir.dtype import DType, float32, float64
from brasa.ir.errors import ValueError
from brasa.random import Generator, next_draw
from brasa.tensors.inplace import in_place
from brasa.tensors.tensor import Tensor
from brasa.tracing.function import function
from brasa.tracing.primitive import Number, carrier, cast, type_of


def uniform(input: Tensor, low: float = 0.0, high: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [low, high) in the shape and dtype of the input."""
    float_dtype(input.dtype, "uniform_")
    if low > high:
        raise ValueError(f"no number is at least {low} and below {high}", op="uniform_")
    like = _carrier(input)
    return uniform_from(like, *next_draw(generator), float(low), float(high))  # type: ignore[no-any-return]


def normal(input: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers in the shape and dtype of the input."""
    float_dtype(input.dtype, "normal_")
    if std < 0:
        raise ValueError(f"std must not be negative, it is {std}", op="normal_")
    like = _carrier(input)
    return normal_from(like, *next_draw(generator), float(mean), float(std))  # type: ignore[no-any-return]


def random(
    input: Tensor, low: int | None = None, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Whole numbers below one number or from one to below another; without them, all that the dtype has from 0 on."""
    first, end = (0, low) if high is None else (low or 0, high)
    return whole_numbers(_carrier(input), first, _count(input.dtype) if end is None else end, generator, "random_")


def _count(dtype: DType) -> int:
    """How many whole numbers from 0 on a dtype holds; a float one, all of them up to there."""
    if dtype.kind == "bool":
        return 2
    if dtype.kind == "float":
        return 1 + (1 << {"bf16": 8, "f16": 11, "f32": 24, "f64": 53}[dtype.name])
    return 1 << (dtype.bits - (dtype.kind == "int"))


def bernoulli(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """1 with probability p, a number or a tensor of them, else 0."""
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise ValueError(f"p must be in 0..1, it is {p}", op="bernoulli_")
    return chances(_carrier(input), p, *next_draw(generator))  # type: ignore[no-any-return]


@function
def _exponential(like: Tensor, seed: Number, call: Number, rate: Number) -> Tensor:
    kind = type_of(like).dtype
    return cast(pointwise.div(draws_like(like, seed, call).exponential(wide(kind)), rate), kind)


def exponential(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Exponential numbers of rate lambd."""
    float_dtype(input.dtype, "exponential_")
    if not lambd > 0:
        raise ValueError(f"lambd must be positive, it is {lambd}", op="exponential_")
    return _exponential(_carrier(input), *next_draw(generator), float(lambd))  # type: ignore[no-any-return]


@function
def _cauchy(like: Tensor, seed: Number, call: Number, median: Number, sigma: Number) -> Tensor:
    kind = type_of(like).dtype
    angle = pointwise.mul(pointwise.sub(draws_like(like, seed, call).uniform(wide(kind)), 0.5), math.pi)
    ratio = pointwise.div(pointwise.sin(angle), pointwise.cos(angle))
    return cast(pointwise.add(pointwise.mul(ratio, sigma), median), kind)


def cauchy(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers of the Cauchy distribution."""
    float_dtype(input.dtype, "cauchy_")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, it is {sigma}", op="cauchy_")
    return _cauchy(_carrier(input), *next_draw(generator), float(median), float(sigma))  # type: ignore[no-any-return]


@function
def _geometric(like: Tensor, seed: Number, call: Number, p: Number) -> Tensor:
    kind = type_of(like).dtype
    inner = float64 if kind.bits == 64 else float32
    time = draws_like(like, seed, call).exponential(inner)
    count = pointwise.ceil(pointwise.div(time, pointwise.neg(pointwise.log1p(pointwise.neg(p)))))
    return cast(pointwise.clamp(count, min=1), kind)


def geometric(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """How many trials of probability p it takes until one succeeds: 1 or more."""
    if not 0 < p < 1:
        raise ValueError(f"p must be between 0 and 1, it is {p}", op="geometric_")
    return _geometric(_carrier(input), *next_draw(generator), float(p))  # type: ignore[no-any-return]


@function
def _log_normal(like: Tensor, seed: Number, call: Number, mean: Number, std: Number) -> Tensor:
    kind = type_of(like).dtype
    value = draws_like(like, seed, call).normal(wide(kind))
    return cast(pointwise.exp(pointwise.add(pointwise.mul(value, std), mean)), kind)


def log_normal(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Numbers whose logarithms are normal with this mean and standard deviation."""
    float_dtype(input.dtype, "log_normal_")
    if not std > 0:
        raise ValueError(f"std must be positive, it is {std}", op="log_normal_")
    return _log_normal(_carrier(input), *next_draw(generator), float(mean), float(std))  # type: ignore[no-any-return]


def _carrier(input: Tensor) -> Tensor:
    return carrier(input.shape, input.dtype, str(input.device))


FILLS = {
    f"{fill.__name__}_": in_place(fill, f"{fill.__name__}_", overwrites=True)
    for fill in (bernoulli, cauchy, exponential, geometric, log_normal, normal, random, uniform)
}
