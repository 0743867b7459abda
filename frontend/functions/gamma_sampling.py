"""Random numbers of the gamma and of Dirichlet's distributions, whose gradients are those of fixed quantiles.

A number x of distribution function F(x; a) at a fixed F moves with a by -(dF/da) / (dF/dx) (Figurnov, Mohamed, Mnih,
"Implicit reparameterization gradients", 2018). dF/da is an integral over one tail, from the number to where the density
ends; both are taken over the density at the number, so that nothing overflows, and of the tails the lighter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brasa._state import STATE
from brasa.functions import pointwise as p
from brasa.functions.distributions import columns, first_accepted
from brasa.functions.normalizing import softmax
from brasa.functions.random_bits import Draws, draws_like
from brasa.functions.reduction import sum as summed
from brasa.ir.dtype import float64, int64
from brasa.ir.errors import DTypeError
from brasa.ir.ops.source import iota
from brasa.ir.types import TensorType
from brasa.random import Generator, next_draw
from brasa.tensors.tensor import Tensor
from brasa.tracing.arguments import require_tensors
from brasa.tracing.function import function
from brasa.tracing.primitive import Number, cast, current, reshape, type_of

_NODES, _FIRST, _STEP = 64, -3.0, 0.125  # of the integral, in the variable u below
_TINY = 1e-300


def _logarithm(input: Tensor, seed: Number, call: Number) -> Tensor:
    """The logarithm of gamma numbers, by Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).

    Those of concentrations below 1 are of the next one, times a power of a uniform number: so small that only their
    logarithm is a number.
    """
    (a,), single = columns(input), cast(input, float64)
    d = p.sub(p.where(p.lt(a, 1.0), p.add(a, 1.0), a), 1 / 3)
    c = p.rsqrt(p.mul(d, 9.0))

    def attempt(draws: Draws) -> tuple[Tensor, Tensor]:
        x, u = draws.normal(float64), draws.uniform(float64)
        root = p.add(p.mul(x, c), 1.0)
        cube = p.mul(p.mul(root, root), root)
        inside = p.gt(cube, 0)
        log = p.log(p.where(inside, cube, 1.0))
        bound = p.add(p.mul(p.mul(x, x), 0.5), p.mul(d, p.add(p.sub(1.0, cube), log)))
        return p.add(log, p.log(d)), p.logical_and(inside, p.lt(p.log(p.sub(1.0, u)), bound))

    draws = draws_like(input, seed, call)
    power = p.div(draws.exponential(float64), p.where(p.lt(single, 1.0), single, 1.0))
    made = first_accepted(draws, attempt, p.log(single))
    return p.where(p.lt(single, 1.0), p.sub(made, power), made)


@function
def _standard_gamma(input: Tensor, seed: Number, call: Number) -> Tensor:
    return cast(p.exp(_logarithm(input, seed, call)), type_of(input).dtype)


@function
def _dirichlet(input: Tensor, seed: Number, call: Number) -> Tensor:
    return cast(softmax(_logarithm(input, seed, call), -1), type_of(input).dtype)


def _half_line(scale: Tensor, integrand: Callable[[Tensor], Tensor]) -> Tensor:
    """The integral from 0 on of what falls exponentially at about this scale; operands have an axis more, of one.

    The trapezoidal rule in u of s = scale * exp(u - exp(-u)) (Takahasi and Mori, "Double exponential formulas for
    numerical integration", 1974).
    """
    kind = type_of(scale)
    places = current().apply(iota, axis=kind.rank - 1, type=TensorType((*kind.shape[:-1], _NODES), int64, kind.device))
    u = p.add(p.mul(cast(current().fresh(places), float64), _STEP), _FIRST)
    shrunk = p.exp(p.neg(u))
    s = p.mul(p.exp(p.sub(u, shrunk)), scale)
    weight = p.mul(p.mul(s, p.add(shrunk, 1.0)), _STEP)
    return summed(p.mul(integrand(s), weight), -1)


@function
def gamma_slope(sample: Tensor, concentration: Tensor) -> Tensor:
    """How numbers of gamma distributions of scale 1 move with the concentration, at fixed quantiles; in one shape."""
    x, a = columns(sample, concentration)
    x = p.maximum(x, _TINY)
    level = p.sub(p.log(x), p.digamma(a))
    below = p.lt(x, p.maximum(a, 1.0))
    scale = p.reciprocal(p.where(p.lt(a, 1.0), p.where(below, a, p.add(p.sub(x, a), p.sqrt(x))),
                                 p.add(p.abs(p.sub(x, a)), p.sqrt(x))))  # fmt: skip

    def integrand(s: Tensor) -> Tensor:
        """Of t = x exp(-s) below, of t = x exp(s) above: log(t) - digamma(a) times the density's ratio."""
        move = p.where(below, p.neg(s), s)
        ratio = p.exp(p.sub(p.mul(a, move), p.mul(x, p.expm1(move))))
        return p.mul(p.where(below, p.neg(p.add(level, move)), p.add(level, move)), ratio)

    return cast(p.mul(reshape(x, type_of(sample).shape), _half_line(scale, integrand)), type_of(sample).dtype)


@function
def beta_slope(sample: Tensor, concentration: Tensor, other: Tensor) -> Tensor:
    """How numbers x of beta distributions move with the first concentration, at fixed quantiles, over 1 - x."""
    x, a, b = columns(sample, concentration, other)
    x = p.minimum(p.maximum(x, _TINY), 1 - 2.0**-53)
    y = p.sub(1.0, x)
    expected = p.sub(p.digamma(a), p.digamma(p.add(a, b)))
    below = p.lt(p.mul(x, p.add(a, b)), a)
    near, far = p.where(below, x, y), p.where(below, y, x)
    rate, odds = p.where(below, a, b), p.div(near, far)
    bend = p.sub(p.where(below, b, a), 1.0)
    bent = p.mul(p.maximum(bend, 0.0), odds)
    scale = p.reciprocal(p.add(p.maximum(p.sub(rate, bent), 0.0), p.sqrt(p.div(bent, far))))

    def integrand(s: Tensor) -> Tensor:
        """Of t = x exp(-s) below, of 1 - t = (1 - x) exp(-s) above: log(t) - expected times the density's ratio."""
        ratio = p.exp(p.sub(p.mul(bend, p.log1p(p.neg(p.mul(odds, p.expm1(p.neg(s)))))), p.mul(rate, s)))
        low = p.sub(p.add(expected, s), p.log(x))
        high = p.sub(p.log1p(p.neg(p.mul(y, p.exp(p.neg(s))))), expected)
        return p.mul(p.where(below, low, high), ratio)

    moved = p.div(_half_line(scale, integrand), reshape(p.div(y, near), type_of(sample).shape))
    return cast(moved, type_of(sample).dtype)


def _wants_gradient(input: Tensor, op: str) -> bool:
    require_tensors(op, input=input)
    if input.dtype.kind != "float":
        raise DTypeError(f"concentrations must be floats, not {input.dtype.name}", op=op)
    return STATE.grad_enabled and input.requires_grad


def standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers from gamma distributions of scale 1 whose concentrations the input holds; gradients go through them."""
    moves = _wants_gradient(input, "standard_gamma")
    fixed: Any = input.detach()
    row = fixed.reshape(-1)  # so that one compiled form does for all shapes
    numbers: Any = _standard_gamma(row, *next_draw(generator))
    sample = numbers.reshape(fixed.shape)
    return sample + gamma_slope(numbers, row).reshape(fixed.shape) * (input - fixed) if moves else sample


def dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers that sum to 1 along the last dim, from Dirichlet's distributions of these concentrations.

    Gradients go through them: each number alone has a beta distribution, and the others share what it takes.
    """
    moves = _wants_gradient(input, "dirichlet")
    fixed: Any = input.detach()
    rows = fixed.reshape(-1, fixed.shape[-1])
    sample: Any = _dirichlet(rows, *next_draw(generator)).reshape(fixed.shape)
    if not moves:
        return sample
    others = fixed.sum(-1, True) - fixed
    slope: Any = beta_slope(*(each.reshape(-1) for each in (sample, fixed, others)))
    taken = slope.reshape(fixed.shape) * (input - fixed)
    return sample + taken - sample * taken.sum(-1, True)
