"""Random numbers that are sampled by rejection: counts of Poisson's and the binomial distribution, von Mises' angles.

Every element makes the same few attempts and takes the first that is accepted, so that no loop depends on a value. One
element in a hundred million has none that is, and takes the distribution's middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brasa.functions import pointwise as p
from brasa.functions import reduction
from brasa.functions.random_bits import Draws, draws_like
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import DTypeError
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.random import Generator, next_draw
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.operators import operator
from brasa.tracing.primitive import Number, broadcast_shapes, cast, current, expand, reshape, resolved, type_of

__all__ = ["binomial", "poisson"]

_ATTEMPTS, _TURNS = 8, 24
_STEPS = 48  # of an inversion; a count of mean 10 is above that once in 10**18 times
_FEW = 10.0  # mean from which on a count is sampled by rejection


def columns(*values: Tensor) -> list[Tensor]:
    """The values as float64 in one shape, with an axis of one more: for the attempts."""
    shape = resolved(broadcast_shapes([type_of(value).shape for value in values]))
    return [reshape(expand(cast(value, float64), shape), (*shape, 1)) for value in values]


def first_accepted(
    draws: Draws, attempt: Callable[[Draws], tuple[Tensor, Tensor]], otherwise: Tensor, count: int = _ATTEMPTS
) -> Tensor:
    """The value of the first attempt that is accepted: an attempt gives a value, and whether it is.

    All attempts are made at once, along a last axis, so that there is one to compile.
    """
    like, axis = draws.type, draws.type.rank
    tries = Draws(*draws.key, (*like.shape, count), like.device)
    tries.count = draws.count
    value, accepted = attempt(tries)
    draws.count = tries.count
    kind = TensorType((*like.shape, count), int64, like.device)
    waits = p.where(accepted, current().fresh(current().apply(iota, axis=axis, type=kind)), count)
    wait = reduction.amin(waits, -1, True)
    chosen = p.logical_and(accepted, p.eq(waits, wait))
    made = reduction.sum(p.where(chosen, value, 0.0), -1)
    return p.where(p.lt(reshape(wait, like.shape), count), made, otherwise)


def _by_inversion(share: Tensor, first: Tensor, ratio: Callable[[int], Tensor]) -> Tensor:
    """The count at which the distribution function reaches the share, from each chance's ratio to the last."""
    chance, reached, count = first, first, p.mul(share, 0.0)
    for k in range(_STEPS):
        count = p.add(count, cast(p.ge(share, reached), float64))
        chance = p.mul(chance, ratio(k))
        reached = p.add(reached, chance)
    return count


def _hat(draws: Draws, a: Tensor, b: Tensor, middle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A count from below a hat function, its distance from the hat's edge, and a uniform number to compare."""
    u, v = p.sub(draws.uniform(float64), 0.5), draws.uniform(float64)
    edge = p.sub(0.5, p.abs(u))
    slope = p.add(p.div(p.mul(a, 2.0), p.maximum(edge, 1e-30)), b)
    return p.floor(p.add(p.mul(slope, u), middle)), edge, v


@function
def _poisson(input: Tensor, seed: Number, call: Number) -> Tensor:
    """Few by inversion, many by Hörmann's rejection ("The transformed rejection method for generating Poisson random
    variables", 1993)."""
    rate = cast(input, float64)
    draws = draws_like(input, seed, call)
    little = p.minimum(rate, _FEW)
    few = _by_inversion(draws.uniform(float64), p.exp(p.neg(little)), lambda k: p.div(little, k + 1.0))
    (much,) = columns(p.maximum(rate, _FEW))
    logs = p.log(much)
    b = p.add(p.mul(p.sqrt(much), 2.53), 0.931)
    a = p.add(p.mul(b, 0.02483), -0.059)
    scale = p.add(p.div(1.1328, p.sub(b, 3.4)), 1.1239)
    quick = p.sub(0.9277, p.div(3.6224, p.sub(b, 2.0)))

    def attempt(draws: Draws) -> tuple[Tensor, Tensor]:
        count, edge, v = _hat(draws, a, b, p.add(much, 0.43))
        whole = p.maximum(count, 0.0)
        height = p.sub(p.add(p.log(v), p.log(scale)), p.log(p.add(p.div(a, p.mul(edge, edge)), b)))
        below = p.le(height, p.sub(p.sub(p.mul(whole, logs), much), p.lgamma(p.add(whole, 1.0))))
        fits = p.logical_and(p.ge(count, 0), p.logical_or(p.ge(edge, 0.013), p.le(v, edge)))
        sure = p.logical_and(p.ge(edge, 0.07), p.le(v, quick))
        return whole, p.logical_or(sure, p.logical_and(fits, below))

    many = first_accepted(draws, attempt, p.floor(rate))
    return cast(p.where(p.lt(rate, _FEW), few, many), type_of(input).dtype)


@operator(out=True)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts from Poisson's distribution whose means the input holds."""
    require_tensors("poisson", input=input)
    if input.dtype.kind != "float":
        raise DTypeError(f"means must be floats, not {input.dtype.name}", op="poisson")
    row: Any = input.detach().reshape(-1)  # type: ignore[attr-defined]
    return _poisson(row, *next_draw(generator)).reshape(input.shape)  # type: ignore[attr-defined, no-any-return]


def _many_successes(draws: Draws, count: Tensor, prob: Tensor) -> Tensor:
    """Hörmann's rejection, for probabilities up to 1/2 and means from ten on."""
    n, low = columns(count, prob)
    high, mean = p.sub(1.0, low), p.mul(n, low)
    spread = p.sqrt(p.mul(p.maximum(mean, _FEW), high))
    b = p.add(p.mul(spread, 2.53), 1.15)
    a = p.add(p.add(p.mul(b, 0.0248), -0.0873), p.mul(low, 0.01))
    quick = p.sub(0.92, p.div(4.2, b))
    scale = p.mul(p.add(p.div(5.1, b), 2.83), spread)
    middle = p.floor(p.mul(p.add(n, 1.0), low))
    top = p.add(p.lgamma(p.add(middle, 1.0)), p.lgamma(p.add(p.sub(n, middle), 1.0)))

    def attempt(draws: Draws) -> tuple[Tensor, Tensor]:
        found, edge, v = _hat(draws, a, b, p.add(mean, 0.5))
        whole = p.minimum(p.maximum(found, 0.0), n)
        height = p.log(p.div(p.mul(v, scale), p.add(p.div(a, p.mul(edge, edge)), b)))
        logs = p.add(p.lgamma(p.add(whole, 1.0)), p.lgamma(p.add(p.sub(n, whole), 1.0)))
        below = p.le(height, p.add(p.sub(top, logs), p.mul(p.sub(whole, middle), p.log(p.div(low, high)))))
        sure = p.logical_and(p.ge(edge, 0.07), p.le(v, quick))
        return whole, p.logical_and(p.eq(found, whole), p.logical_or(sure, below))

    return first_accepted(draws, attempt, reshape(middle, type_of(count).shape))


@function
def _binomial(count: Tensor, prob: Tensor, seed: Number, call: Number) -> Tensor:
    """Few by inversion, many by Hörmann's rejection ("The generation of binomial random variates", 1993)."""
    shape = resolved(broadcast_shapes([type_of(count).shape, type_of(prob).shape]))
    n, chance = (expand(cast(x, float64), shape) for x in (count, prob))
    draws = Draws(seed, call, shape)
    turned = p.gt(chance, 0.5)
    low = p.where(turned, p.sub(1.0, chance), chance)
    mean = p.mul(n, low)
    none = p.exp(p.mul(n, p.log1p(p.neg(low))))
    odds = p.div(low, p.sub(1.0, low))
    few = _by_inversion(
        draws.uniform(float64), none, lambda k: p.mul(p.div(p.maximum(p.sub(n, k), 0.0), k + 1.0), odds)
    )
    made = p.where(p.lt(mean, _FEW), p.minimum(few, n), _many_successes(draws, n, low))
    return cast(p.where(turned, p.sub(n, made), made), type_of(count).dtype)


@operator(out=True)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`."""
    require_tensors("binomial", count=count, prob=prob)
    for x in (count, prob):
        if x.dtype.kind != "float":
            raise DTypeError(f"expects floats, not {x.dtype.name}", op="binomial")
    return _binomial(count.detach(), prob.detach(), *next_draw(generator))  # type: ignore[attr-defined, no-any-return]


@function
def _von_mises(concentration: Tensor, seed: Number, call: Number) -> Tensor:
    """Best and Fisher's rejection ("Efficient simulation of the von Mises distribution", 1979), which accepts two
    attempts in three at worst."""
    (k,) = columns(concentration)
    root = p.add(p.sqrt(p.add(p.mul(p.mul(k, k), 4.0), 1.0)), 1.0)
    lean = p.where(p.lt(k, 1e-4), p.mul(k, 0.5), p.div(p.sub(root, p.sqrt(p.mul(root, 2.0))), p.mul(k, 2.0)))
    wide = p.div(p.add(p.mul(lean, lean), 1.0), p.mul(lean, 2.0))

    def attempt(draws: Draws) -> tuple[Tensor, Tensor]:
        turned = p.cos(p.mul(draws.uniform(float64), math.pi))
        cosine = p.div(p.add(p.mul(wide, turned), 1.0), p.add(wide, turned))
        gap = p.mul(k, p.sub(wide, cosine))
        height = p.sub(1.0, draws.uniform(float64))
        sure = p.gt(p.mul(gap, p.sub(2.0, gap)), height)
        angle = p.acos(p.clamp(cosine, -1.0, 1.0))
        angle = p.where(p.ge(draws.uniform(float64), 0.5), angle, p.neg(angle))
        return angle, p.logical_or(sure, p.ge(p.add(p.sub(p.log(p.div(gap, height)), gap), 1.0), 0))

    nowhere = p.mul(cast(concentration, float64), 0.0)
    angle = first_accepted(draws_like(concentration, seed, call), attempt, nowhere, _TURNS)
    return cast(angle, type_of(concentration).dtype)


def von_mises(concentration: Tensor, generator: Generator | None = None) -> Tensor:
    """Angles around 0 of von Mises' distribution with these concentrations."""
    row: Any = concentration.reshape(-1)  # type: ignore[attr-defined]
    return _von_mises(row, *next_draw(generator)).reshape(concentration.shape)  # type: ignore[attr-defined, no-any-return]
