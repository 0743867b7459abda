"""The logarithm of the gamma function and its derivative; f32 is computed in f64.

Between, arguments are moved by whole numbers; beyond, Stirling's series; below 0, reflection.
"""

from __future__ import annotations

import math

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, ne, select, unary
from brasa.ir.mathematics.floating import INFINITY, in_double, magnitude, no_less, polynomial, with_sign_of
from brasa.ir.mathematics.logarithm import log

# lgamma(2 + d) / d in d for |d| <= 1/2; relative error 2^-62.5.
_NEAR_TWO = (
    0.42278433509846713, 0.3224670334241132, -0.06735230105319814, 0.020580808427784925, -0.007385551028668398,
    0.0028905103307136208, -0.0011927539119909376, 0.000509669525689333, -0.00022315475095265776,
    9.945749515879887e-05, -4.49263487118494e-05, 2.0507409374531607e-05, -9.438474901276612e-06,
    4.373501251698077e-06, -2.0448563461065236e-06, 9.610615541076025e-07, -4.304914875131891e-07,
    1.9665765265038747e-07, -1.3400808406901283e-07, 6.917172673425108e-08,
)  # fmt: skip

# x * (lgamma(x) - Stirling's formula) in 1 / x^2 for x >= 6.5; relative error 2^-58.1.
_STIRLING = (
    0.08333333333333333, -0.002777777777776311, 0.0007936507923233316, -0.0005952376360459248,
    0.0008416723389062479, -0.0019101474020384623, 0.006015712540823491, -0.01781405216098444,
)  # fmt: skip

# sin(pi r) / r in r^2 for |r| <= 1/2, cos(pi r) for |r| <= 1/4; relative errors 2^-61.8, 2^-64.6.
_SINPI = (
    3.141592653589793, -5.167712780049969, 2.550164039877294, -0.5992645293187376, 0.08214588656988271,
    -0.007370430478671038, 0.00046629968831037266, -2.1903184213668205e-05, 7.694714657452184e-07,
)  # fmt: skip
_COSPI = (
    1.0, -4.934802200544679, 4.058712126416745, -1.3352627688517167, 0.235330630181733, -0.025806885438403863,
    0.0019294632503055748, -0.00010355608317595492,
)  # fmt: skip

# digamma(x) / (x - root) in 2 x - 3 for x in 1..2; relative error 2^-56.0.
_ROOT, _ROOT_LOW = 1.4616321449683622, 9.549995429965697e-17
_DIGAMMA = (
    0.951055876031833, -0.2118137106407303, 0.06013562106019349, -0.018550615381736274, 0.0059367952784360675,
    -0.0019350666648339618, 0.0006368880282902528, -0.00021074841165279247, 6.995020502962782e-05,
    -2.325824104258213e-05, 7.741156177103367e-06, -2.578098788845074e-06, 8.591340269470716e-07,
    -2.863061946329604e-07, 9.500699936506769e-08, -3.1641968065223015e-08, 1.103901568239547e-08,
    -3.6981620290457315e-09, 8.659170930871898e-10, -2.803506423648103e-10, 2.478367795502686e-10,
    -8.418993346173882e-11,
)  # fmt: skip

# x^2 * (log(x) - 1 / (2 x) - digamma(x)) in 1 / x^2 for x >= 6; relative error 2^-56.9.
_DIGAMMA_TAIL = (
    0.08333333333333333, -0.00833333333332971, 0.003968253964681897, -0.004166665306637745, 0.007575496499919593,
    -0.021064306600192196, 0.08146570962027212, -0.36850617600842295, 1.2449826002967732,
)  # fmt: skip


@in_double
def lgamma(x: Expr) -> Expr:
    """log(|gamma(x)|): infinite at 0, -1, -2, ..."""
    size = magnitude(x)
    positive = _of_positive(size)
    r = size - unary("round", size)
    sine = magnitude(r * polynomial(r * r, _SINPI))
    reflected = log(math.pi / (size * sine)) - positive
    tiny = -log(size)
    result = select(x < 0, select(size < 1e-20, tiny, reflected), select(size < 1e-20, tiny, positive))
    return select(eq(size, INFINITY) | (eq(unary("floor", x), x) & (x <= 0)), const(INFINITY, float64), result)


def stirling_rest(x: Expr) -> Expr:
    """What Stirling's formula is short of lgamma(x), for x >= 6.5."""
    inverse = 1 / x
    return inverse * polynomial(inverse * inverse, _STIRLING)


def _of_positive(x: Expr) -> Expr:
    large = no_less(x, 6.5)
    stirling = fma(large - 0.5, log(large) - 1, stirling_rest(large))
    stirling = stirling + 0.4189385332046727  # log(2 pi) / 2 - 1 / 2
    one = const(1, float64)
    d, product = x - 2, one
    for count in range(1, 5):  # x in count + 1.5 .. count + 2.5
        beyond = x >= count + 1.5
        product = select(beyond, product * (x - count), product)
        d = select(beyond, x - (count + 2), d)
    below = x < 1.5
    d = select(below, select(x < 0.5, x, x - 1), d)
    product = select(below, select(x < 0.5, 1 / (x * (x + 1)), 1 / x), product)
    small = fma(d, polynomial(d, _NEAR_TWO), log(product))
    return select(x < 6.5, small, stirling)


@in_double
def digamma(x: Expr) -> Expr:
    """The derivative of lgamma: infinite at 0, NaN at -1, -2, ..."""
    mirrored = select(x < 0, 1 - x, x)
    value = _digamma_of_positive(mirrored)
    whole = unary("round", x)
    r = x - whole
    size = magnitude(r)
    swapped = 0.5 - size
    near = size <= 0.25
    sine = select(near, size * polynomial(size * size, _SINPI), polynomial(swapped * swapped, _COSPI))
    cosine = select(near, polynomial(size * size, _COSPI), swapped * polynomial(swapped * swapped, _SINPI))
    cotangent = with_sign_of(r, cosine / sine)
    result = select(x < 0, value - math.pi * cotangent, value)
    result = select(eq(x, 0), with_sign_of(x, const(INFINITY, float64)) * -1.0, result)
    return select((x < 0) & eq(whole, x), const(math.nan, float64), result)


def _digamma_of_positive(x: Expr) -> Expr:
    large = no_less(x, 6.0)
    inverse = 1 / large
    tail = inverse * fma(inverse, polynomial(inverse * inverse, _DIGAMMA_TAIL), const(0.5, float64))
    beyond = log(large) - tail
    argument = select(x < 1, x + 1, x)
    total = select(x < 1, -1 / select(eq(x, 0), const(1, float64), x), const(0, float64))
    for count in range(1, 5):
        moves = x >= count + 1
        total = select(moves, total + 1 / select(moves, x - count, const(1, float64)), total)
        argument = select(moves, x - count, argument)
    value = ((argument - _ROOT) - _ROOT_LOW) * polynomial(2 * argument - 3, _DIGAMMA)
    return select(ne(x, x), x, select(x < 6, value + total, beyond))
