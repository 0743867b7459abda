"""Angles and distances: atan, atan2, asin and acos by odd polynomials of reduced arguments, hypot by a root."""

from __future__ import annotations

import math

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, bitcast, cast, const, eq, fma, maximum, minimum, ne, select, unary
from brasa.ir.mathematics.floating import INFINITY, format_of, magnitude, polynomial, with_sign_of

# (atan(r) / r - 1) / r^2 in r^2 for |r| <= 7/16; relative error of atan 2^-29.5 (f32) and 2^-62.2 (f64).
_ATAN = {
    float32: (-0.33333302, 0.19997658, -0.14228143, 0.10480728, -0.057950895),
    float64: (
        -0.3333333333333331, 0.1999999999999225, -0.14285714284751955, 0.11111111051081599, -0.09090906891251883,
        0.07692256200834735, -0.06665858842375477, 0.05873638134598717, -0.05197922896390656, 0.044251389969433466,
        -0.03175356888932728, 0.013545403867565975,
    ),
}  # fmt: skip

# (asin(x) / x - 1) / x^2 in x^2 for |x| <= 1/2; relative error of asin 2^-27.6 and 2^-59.9.
_ASIN = {
    float32: (0.16666752, 0.074952886, 0.045471583, 0.024173679, 0.04217585),
    float64: (
        0.1666666666666676, 0.0749999999997073, 0.04464285717466928, 0.030381942705387514, 0.02237221504727622,
        0.01735161105231484, 0.013980831049364616, 0.011398832811905254, 0.010780669345538372, 0.0037049202622887888,
        0.021710904167493425, -0.021003767720093477, 0.032631471395352295,
    ),
}  # fmt: skip

# pi as a sum of two numbers of each format.
_PI_PARTS = {float32: (3.1415927410125732, -8.7422776573475858e-08), float64: (math.pi, 1.2246467991473532e-16)}

# atan of the points about which arguments are reduced, as sums of two numbers: those of 1/2, 1, 3/2 and infinity.
_POINTS = {
    float32: (
        (0.46364760398864746, 5.012158244332477e-09), (0.78539818525314331, -2.1855694143368965e-08),
        (0.98279374837875366, -2.5042729457902852e-08), (1.5707963705062866, -4.3711388286737929e-08),
    ),
    float64: (
        (0.4636476090008061, 2.2698777452961687e-17), (0.7853981633974483, 3.061616997868383e-17),
        (0.982793723247329, 1.3903311031230998e-17), (1.5707963267948966, 6.123233995736766e-17),
    ),
}  # fmt: skip


def atan(x: Expr) -> Expr:
    """The angle whose tangent is x."""
    return with_sign_of(x, _angle(magnitude(x), const(1, x.dtype)))


def _angle(y: Expr, x: Expr) -> Expr:
    """atan(y / x) for y >= 0 and x > 0: that of the nearest of five points, and that of a quotient of at most 7/16."""
    high, low = const(0, x.dtype), const(0, x.dtype)
    numerator, denominator = y, x
    steps = ((7 / 16, y - x * 0.5, x + y * 0.5), (11 / 16, y - x, y + x), (19 / 16, y - x * 1.5, x + y * 1.5))
    for (bound, above, below), (point, rest) in zip((*steps, (39 / 16, -x, y)), _POINTS[x.dtype], strict=True):
        beyond = y >= x * bound
        numerator, denominator = select(beyond, above, numerator), select(beyond, below, denominator)
        high, low = select(beyond, const(point, x.dtype), high), select(beyond, const(rest, x.dtype), low)
    r = numerator / denominator
    square = r * r
    return high + (r + fma(r * square, polynomial(square, _ATAN[x.dtype]), low))


def atan2(y: Expr, x: Expr) -> Expr:
    """The angle of the point (x, y), in -pi..pi; zeros of both signs and infinities are as C says."""
    tall, wide = magnitude(y), magnitude(x)
    one = const(1, x.dtype)
    corner = eq(tall, INFINITY) & eq(wide, INFINITY)
    tall = select(corner, one, tall)
    wide = select(corner | (eq(tall, 0) & eq(wide, 0)), one, wide)
    form = format_of(x)
    huge, tiny = 2.0 ** (form.bias - 2), 2.0 ** (3 + 2 * form.fraction_bits - form.bias)
    scale = select((tall > huge) | (wide > huge), const(0.125, x.dtype), one)
    scale = select((tall < tiny) & (wide < tiny), const(2.0 ** (form.fraction_bits + 2), x.dtype), scale)
    angle = _angle(tall * scale, wide * scale)
    pi, pi_low = _PI_PARTS[x.dtype]
    behind = bitcast(x, form.integer) < 0
    angle = select(behind, (pi - angle) + pi_low, angle)
    return select(ne(x, x) | ne(y, y), x + y, with_sign_of(y, angle))


def _half_angle(x: Expr) -> tuple[Expr, Expr]:
    """acos(x) / 2 = asin(sqrt((1 - x) / 2)) for x in 1/2..1 as a root and a small rest."""
    z = (1 - x) * 0.5
    root = unary("sqrt", z)
    lost = fma(-root, root, z) / select(eq(root, 0), const(1, x.dtype), root + root)
    return root, fma(root * z, polynomial(z, _ASIN[x.dtype]), lost)


def asin(x: Expr) -> Expr:
    """The angle whose sine is x, NaN beyond 1."""
    size = magnitude(x)
    square = size * size
    small = fma(size * square, polynomial(square, _ASIN[x.dtype]), size)
    root, rest = _half_angle(size)
    quarter, quarter_low = (part / 2 for part in _PI_PARTS[x.dtype])
    high = quarter - 2 * root
    lost = (quarter - high) - 2 * root
    large = high + (lost + (quarter_low - 2 * rest))
    return with_sign_of(x, select(size < 0.5, small, large))


def acos(x: Expr) -> Expr:
    """The angle whose cosine is x, NaN beyond 1."""
    size = magnitude(x)
    square = x * x
    pi, pi_low = _PI_PARTS[x.dtype]
    quarter, quarter_low = pi / 2, pi_low / 2
    high = quarter - x
    lost = (quarter - high) - x
    small = high + (lost + (quarter_low - x * square * polynomial(square, _ASIN[x.dtype])))
    root, rest = _half_angle(size)
    ahead = 2 * (root + rest)
    turned = pi - 2 * root
    lost = (pi - turned) - 2 * root
    behind = turned + (lost + (pi_low - 2 * rest))
    return select(size < 0.5, small, select(x > 0, ahead, behind))


def hypot(x: Expr, y: Expr) -> Expr:
    """sqrt(x**2 + y**2), without overflow or underflow in between; infinite where one is, even if the other is NaN."""
    if x.dtype is float32:
        return cast(hypot(cast(x, float64), cast(y, float64)), float32)
    tall, wide = magnitude(x), magnitude(y)
    larger, smaller = maximum(tall, wide), minimum(tall, wide)
    one = const(1, x.dtype)
    up, down = const(2.0**600, x.dtype), const(2.0**-600, x.dtype)
    scale = select(larger > 2.0**500, down, select(larger < 2.0**-400, up, one))
    back = select(larger > 2.0**500, up, select(larger < 2.0**-400, down, one))
    first, second = larger * scale, smaller * scale
    result = unary("sqrt", fma(first, first, second * second)) * back
    return select(eq(tall, INFINITY) | eq(wide, INFINITY), const(INFINITY, x.dtype), result)
