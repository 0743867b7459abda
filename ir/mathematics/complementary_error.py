"""erfc and erfcx, the inverse of erf, and the quantiles of the normal distribution; f32 is computed in f64."""

from __future__ import annotations

import math

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, select, unary
from brasa.ir.mathematics.error_function import erf
from brasa.ir.mathematics.exponential import exp_parts
from brasa.ir.mathematics.floating import (
    INFINITY,
    in_double,
    magnitude,
    no_more,
    polynomial,
    split_product,
    with_sign_of,
)
from brasa.ir.mathematics.logarithm import log

# (1 + 2 x) erfcx(x) in (x - 3) / (x + 3), for x >= 0; relative error 2^-57.2.
_SCALED = (
    1.2530080582697296, -0.1356211061245812, -0.04756229435344871, 0.12964515870276255, -0.11927366341541082,
    0.06830802734392459, -0.023770514916691847, 0.002529391816750954, 0.0018886903401668387, -0.0007798322769091299,
    -0.00010515969099189383, 0.00012509937280625453, 4.949089833091004e-06, -2.0100623624924972e-05,
    -7.305663440058735e-07, 3.4725136438376633e-06, 3.553340375043956e-07, -6.167640666926834e-07,
    -1.4001803669188685e-07, 1.0195283086264603e-07, 4.0752328265880676e-08, -1.3360444650882993e-08,
    -8.096104104105132e-09, 9.946638242001233e-10, 8.186890106359588e-10,
)  # fmt: skip

# erfinv(x) / x in x^2 for |x| <= 1/2; relative error 2^-61.8.
_INVERSE = (
    0.886226925452758, 0.2320136665346541, 0.12755617530571262, 0.0865521292282317, 0.06495961855387149,
    0.05173125248980887, 0.04283742084872441, 0.03645457699394841, 0.031818346681096954, 0.026930636110119605,
    0.031098802471048126, -0.002095226235618543, 0.08862373631867189, -0.09822816130523464, 0.12107967055817931,
)  # fmt: skip

# For s = sqrt(-log(u)), y / s where erfc(y) = u: in (s - 3) / (s + 3) for s <= 6.15, in (s - 13) / (s + 13) beyond;
# relative errors 2^-57.6, 2^-63.3.
_TAIL_NEAR = (
    0.9049203326464282, 0.27366457722620197, -0.33896931095554844, 0.27865891226936224, -0.1784835292689042,
    0.06947038101025792, 0.02013781496218806, -0.0777635665236898, 0.09887979794688256, -0.08865645103976467,
    0.05683052626252624, -0.01621802242682267, -0.02135523274516726, 0.04667719299800101, -0.05564593638616217,
    0.04879873540022999, -0.02661399292870829, -0.0018492582602640845, -0.0015655380106878774,
    -0.016413469899532532, 0.1628689239834194, 0.012661326759836179, -0.3817276718143412, -0.490118493512487,
    0.36921417825291036, 1.1124174337350663, 0.5448387964733781,
)  # fmt: skip
_TAIL_FAR = (
    0.9906935103802187, 0.03136954051420812, -0.05109075901874861, 0.06316562979470962, -0.07151310134566675,
    0.07689110929343247, -0.08007015092007341, 0.08138389791276449, -0.08118008920320141, 0.07966875192826549,
    -0.07707071798325177, 0.07354738951038177, -0.06926721656450636, 0.0643643152913996, -0.05897187335984829,
    0.05323602267890109, -0.04733107443813378, 0.04109204205966392, -0.03426943223575277, 0.028573451525759352,
    -0.02534587423918636, 0.018746826624854277, -0.006613166085572529,
)  # fmt: skip


def _scaled(x: Expr) -> Expr:
    """erfcx(x) for x >= 0."""
    bounded = no_more(x, 1e300)
    return polynomial((bounded - 3) / (bounded + 3), _SCALED) / fma(bounded, 2.0, const(1, float64))


@in_double
def erfcx(x: Expr) -> Expr:
    """exp(x**2) * erfc(x)."""
    size = magnitude(x)
    tail = _scaled(size)
    bounded = no_more(size, 27.0)
    square, rest = split_product(bounded, bounded)
    high, low, power = exp_parts(square)
    grown = (high + fma(rest, high, low)) * power * power * 2
    return select(
        x < 0,
        select(size > 26.7, const(INFINITY, float64), grown - tail),
        select(x > 1e300, (1 / math.sqrt(math.pi)) / x, tail),
    )


@in_double
def erfc(x: Expr) -> Expr:
    """1 - erf(x), without cancellation for large x."""
    size = magnitude(x)
    bounded = no_more(size, 28.0)
    square, rest = split_product(bounded, bounded)
    high, low, power = exp_parts(-square)
    low = fma(-rest, high, low)
    factor = _scaled(bounded)
    tail = fma(low, factor, high * factor) * power * power
    return select(size < 0.5, 1 - erf(x), select(x < 0, 2 - tail, tail))


@in_double
def erfinv(x: Expr) -> Expr:
    """The inverse of erf: infinite at 1 and -1, NaN beyond."""
    size = magnitude(x)
    square = x * x
    outside = with_sign_of(x, _complement_inverse(1 - size))
    result = select(size < 0.5, x * polynomial(square, _INVERSE), outside)
    return select(eq(size, 1), with_sign_of(x, const(INFINITY, float64)), result)


@in_double
def ndtri(x: Expr) -> Expr:
    """The number below which a normal variable lies with probability x; NaN outside 0..1."""
    centered = x - 0.5
    near = magnitude(centered) <= 0.25
    middle = 2 * centered * polynomial(4 * (centered * centered), _INVERSE)
    smaller = select(x > 0.5, 1 - x, x)
    outer = _complement_inverse(2 * smaller)
    result = select(near, middle, select(x < 0.5, -outer, outer)) * math.sqrt(2)
    return select(eq(x, 0), const(-INFINITY, float64), select(eq(x, 1), const(INFINITY, float64), result))


def _complement_inverse(u: Expr) -> Expr:
    """y with erfc(y) = u, for u in 0..1/2; NaN below 0."""
    s = unary("sqrt", -log(u))
    near = polynomial((s - 3) / (s + 3), _TAIL_NEAR)
    far = polynomial((s - 13) / (s + 13), _TAIL_FAR)
    return s * select(s < 6.15, near, far)
