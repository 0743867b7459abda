"""sin, cos and tan: reduction to a quarter turn, exact for every argument, then a polynomial.

The reduction is Payne and Hanek's ("Radian reduction for trigonometric functions", SIGNUM 1983) in floating point: x is
multiplied by pieces of 1 / (2 pi), and of each product only the fraction counts. Of the pieces only those matter whose
products are neither whole turns nor negligible; which these are depends on the exponent of x.
"""

from __future__ import annotations

import math

from brasa.ir.dtype import float32, float64, int64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, select, unary
from brasa.ir.mathematics.floating import (
    INFINITY,
    format_of,
    magnitude,
    polynomial,
    split_product,
    split_sum,
    turned_by,
)

_INVERSE_TURN_BITS = 1280
_INVERSE_TURN = int(
    "28be60db9391054a7f09d5f47d4d377036d8a5664f10e4107f9458eaf7aef1586dc91b8e909374b801924bba827464873f87"
    "7ac72c4a69cfba208d7d4baed1213a671c09ad17df904e64758e60d4ce7d272117e2ef7e4a0ec7fe25fff7816603fbcbc462"
    "d6829b47db4d9fb3c9f2c26dd3d18fd9a797fa8b5d49eeb1faf97c5ecf41ce7de294a4ba9afed7ec47e357421580cc11bf1e"
    "daeafc33ef0826bd0d87",
    16,
)  # 2**1280 / (2 pi), rounded down
_TURN, _TURN_LOW = 6.283185307179586, 2.4492935982947064e-16

# (sin(x) / x - 1) / x^2 and (cos(x) - 1 + x^2 / 2) / x^4 in x^2 for |x| <= pi / 4; relative errors of sin 2^-27.9 and
# 2^-57.9, of cos 2^-33.0 and 2^-63.9 (f32 and f64).
_SIN = {
    float32: (-0.16666655, 0.008332187, -0.00019517897),
    float64: (
        -0.1666666666666663, 0.00833333333332187, -0.0001984126982939998, 2.7557313557778156e-06,
        -2.5050738031770627e-08, 1.5895675062723272e-10,
    ),
}  # fmt: skip
_COS = {
    float32: (0.041666646, -0.001388731, 2.4432335e-05),
    float64: (
        0.041666666666666595, -0.0013888888888873312, 2.4801587288968937e-05, -2.755731420422126e-07,
        2.087570329031706e-09, -1.1358624225671076e-11,
    ),
}  # fmt: skip


def sin(x: Expr) -> Expr:
    """Sine."""
    quarters, angle = _quarters_and_angle(magnitude(x))
    return turned_by(x, _sine(quarters, angle))


def cos(x: Expr) -> Expr:
    """Cosine."""
    quarters, angle = _quarters_and_angle(magnitude(x))
    return _sine(quarters + 1, angle)


def sin_and_cos(x: Expr) -> tuple[Expr, Expr]:
    """Both, of x without sign, by one reduction."""
    quarters, angle = _quarters_and_angle(x)
    return _sine(quarters, angle), _sine(quarters + 1, angle)


def tan(x: Expr) -> Expr:
    """Tangent: the quotient of sine and cosine, both with what their rounding lost."""
    size = magnitude(x)
    if x.dtype is float32:
        quarters, angle = _reduce_single(cast(size, float64))
        return turned_by(x, cast(_tangent(quarters, angle, const(0, float64)), float32))
    quarters, angle, low = _reduce_double(size)
    small = size < 0.78
    zero = const(0, float64)
    angle = select(small, size, select(size < INFINITY, angle, const(math.nan, float64)))
    return turned_by(x, _tangent(select(small, zero, quarters), angle, select(small, zero, low)))


def _tangent(quarters: Expr, angle: Expr, low: Expr) -> Expr:
    """tan(angle + low + quarters * pi / 2), in f64."""
    square, square_low = split_product(angle, angle)
    bend = fma(angle * square, polynomial(square, _SIN[float64]), low)
    sine = angle + bend
    sine_low = bend - (sine - angle)
    start = fma(square, -0.5, const(1, float64))
    rest = fma(square * square, polynomial(square, _COS[float64]), -fma(square_low, 0.5, angle * low))
    cosine = start + rest
    cosine_low = (rest - (cosine - start)) + fma(square, -0.5, 1 - start)
    even = eq(bitcast(quarters + format_of(angle).shifter, int64) & 1, 0)
    above, above_low = select(even, sine, -cosine), select(even, sine_low, -cosine_low)
    below, below_low = select(even, cosine, sine), select(even, cosine_low, sine_low)
    quotient = above / below
    return quotient + (fma(-quotient, below, above) + fma(-quotient, below_low, above_low)) / below


def _sine(quarters: Expr, angle: Expr) -> Expr:
    """sin(angle + quarters * pi / 2) for |angle| <= pi / 4 and an integer held in the low bits of a float."""
    form = format_of(angle)
    square = angle * angle
    sine = fma(angle * square, polynomial(square, _SIN[angle.dtype]), angle)
    cosine = fma(square * square, polynomial(square, _COS[angle.dtype]), fma(square, -0.5, const(1, angle.dtype)))
    bits = bitcast(quarters + form.shifter, form.integer)
    result = select(eq(bits & 1, 0), sine, cosine)
    return bitcast(bitcast(result, form.integer) ^ (bits >> 1 << (form.integer.bits - 1)), angle.dtype)


def _quarters_and_angle(x: Expr) -> tuple[Expr, Expr]:
    """n and r with x = n pi / 2 + r modulo a turn, |r| <= pi / 4, for x without sign."""
    if x.dtype is float32:
        quarters, angle = _reduce_single(cast(x, float64))
        return cast(quarters, float32), cast(angle, float32)
    quarters, angle, _ = _reduce_double(x)
    small = x < 0.78
    angle = select(x < INFINITY, angle, const(math.nan, float64))
    return select(small, const(0, float64), quarters), select(small, x, angle)


def _piece(index: int, bits: int) -> int:
    """The number made of `bits` bits of 1 / (2 pi), after `index` such numbers."""
    return (_INVERSE_TURN >> (_INVERSE_TURN_BITS - bits * (index + 1))) & ((1 << bits) - 1)


def _fraction(x: Expr) -> Expr:
    return x - unary("round", x)


_SINGLE_BITS = 29  # with the 24 bits of an f32 a product is exact in f64


def _reduce_single(x: Expr) -> tuple[Expr, Expr]:
    """As _quarters_and_angle, for f64 that were f32: five pieces, from the first bit on or, for large x, two later."""
    pieces = [_piece(i, _SINGLE_BITS) * 2.0 ** (-_SINGLE_BITS * (i + 1)) for i in range(7)]
    large = x >= 2.0**84
    chosen = [select(large, const(pieces[i + 2], float64), pieces[i]) for i in range(5)]
    products = [x * piece for piece in chosen]
    parts = [*map(_fraction, products[:3]), *products[3:]]
    quarters = unary("round", (parts[0] + parts[1] + parts[2] + parts[3]) * 4)
    turns = fma(quarters, -0.25, parts[0])
    for part in parts[1:]:
        turns = turns + part
    return quarters, turns * _TURN


_DOUBLE_BITS = 51


def _reduce_double(x: Expr) -> tuple[Expr, Expr, Expr]:
    """As _quarters_and_angle, and what the angle is short of.

    Five pieces from 51 i bits on, where i is about 1/51 of the exponent of x's last bit.
    """
    exponent = (bitcast(x, int64) >> 52) - (1023 + 52)
    step = (select(exponent < 0, const(0, int64), exponent) * 5) >> 8  # 256 / 5 = 51.2
    pieces = [const(_piece(i, _DOUBLE_BITS) * 2.0**-_DOUBLE_BITS, float64) for i in range(23)]
    for bit in (16, 8, 4, 2, 1):
        keep = eq(step & bit, 0)
        later = pieces[bit:]
        moved = [select(keep, here, there) for here, there in zip(pieces, later, strict=False)]
        pieces = [*moved, *pieces[len(moved) :]][: 4 + bit]
    scaled = bitcast(bitcast(x, int64) - ((step * _DOUBLE_BITS) << 52), float64)
    parts = []
    for place, piece in enumerate(pieces[:5]):
        product, rest = split_product(scaled * 2.0 ** (-_DOUBLE_BITS * place), piece)
        parts += [_fraction(product), _fraction(rest)]
    quarters = unary("round", (parts[0] + (parts[1] + parts[2]) + (parts[3] + parts[4])) * 4)
    turns, low = quarters * -0.25, const(0, float64)
    for part in parts[:7]:
        turns, lost = split_sum(turns, part)
        low = low + lost
    for part in parts[7:]:
        low = low + part
    rest = fma(turns, _TURN_LOW, low * _TURN)
    angle = fma(turns, _TURN, rest)
    return quarters, angle, fma(turns, _TURN, -angle) + rest
