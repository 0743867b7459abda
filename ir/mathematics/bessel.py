"""Bessel functions of the first and second kind, of order 0 and 1; f32 is computed in f64.

Up to 8 polynomials in x^2, beyond an amplitude and a phase, both nearly constant. Errors are some 1e-15 of the
amplitude sqrt(2 / (pi x)) (at most 1), not of the values, which have zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, select, unary
from brasa.ir.mathematics.floating import INFINITY, in_double, magnitude, no_less, no_more, polynomial, turned_by
from brasa.ir.mathematics.logarithm import log
from brasa.ir.mathematics.trigonometry import sin_and_cos

# In x^2 / 32 - 1, for x <= 8: J0(x), J1(x) / x, Y0(x) - 2/pi log(x) J0(x), (Y1(x) - 2/pi (log(x) J1(x) - 1/x)) / x;
# absolute errors 2^-68.6, 2^-70.8, 2^-67.4, 2^-69.6.
_J0 = (
    0.04582966485981377, 0.9303012472958572, -0.6484692830871837, -0.808088807669687, 1.0383794611437211,
    -0.507468045847102, 0.14598884856759264, -0.02847271861086957, 0.004058078989140991, -0.00044354592247272803,
    3.847319785594432e-05, -2.7177491450123613e-06, 1.5956109104554615e-07, -7.915407750360949e-09,
    3.3634475784852226e-10, -1.2384630336187794e-11, 4.0037633646145936e-13, -1.1383853313832867e-14,
)  # fmt: skip
_J1 = (
    -0.05814382795599107, 0.08105866038589796, 0.15151665143806634, -0.2595948652859303, 0.15858376432721938,
    -0.054745818212847276, 0.012456814392255438, -0.002029039494570245, 0.0002494945813909099,
    -2.404574866086981e-05, 1.8684525371950864e-06, -1.196708164420811e-07, 6.431268798328913e-09,
    -2.9430378855297205e-10, 1.1610590175016035e-11, -3.9908085408307365e-13, 1.209554816562579e-14,
    -3.238659238827488e-16,
)  # fmt: skip
_Y0 = (
    -0.382250654459425, -0.8284358903604587, 1.6470964788745466, 0.14412632369302442, -1.0775477338215995,
    0.6721770783431723, -0.21895747096171628, 0.04636704768134709, -0.00702574105727097, 0.0008061586060550782,
    -7.279541882454104e-05, 5.321318633709024e-06, -3.2185078445948607e-07, 1.6391065296359704e-08,
    -7.130461464587664e-10, 2.6818205321692326e-11, -8.840112291111948e-13, 2.5584172449006302e-14,
)  # fmt: skip
_Y1 = (
    0.07075985882118005, -0.24337743079193114, 0.023367571720993584, 0.23507209206669755, -0.19639839859930425,
    0.07854786922242545, -0.019628756833099423, 0.0034224907399180455, -0.00044381734351149876,
    4.467433012914448e-05, -3.6009998743578126e-06, 2.380492991359329e-07, -1.3153322551130339e-08,
    6.169742620547379e-10, -2.4887509901473927e-11, 8.728806012292632e-13, -2.695139005959264e-14,
    7.340030988809349e-16,
)  # fmt: skip

# In 1 / x^2, for x >= 8: P and x Q with J(x) = sqrt(2 / (pi x)) (P cos(phase) - Q sin(phase)), and Y(x) the same with
# P sin(phase) + Q cos(phase), where phase = x - pi/4 (order 0) or x - 3 pi/4 (order 1);
# errors 2^-60.5, 2^-57.3, 2^-60.4, 2^-57.2.
_P0 = (
    1.0, -0.0703124999999833, 0.11215209953514926, -0.5725012902314892, 6.073920563453988, -109.9484229638336,
    3012.2224208869247, -111945.30376818398, 4882508.5191205265, -210798300.00255474, 7716185099.002737,
    -209352282290.56387, 3607813012515.125, -29108789527906.66,
)  # fmt: skip
_Q0 = (
    -0.125, 0.07324218749984782, -0.22710800102932915, 1.7277262996438563, -24.379406023386988, 550.6955223565908,
    -18014.414255607455, 767154.7736515801, -36749973.25670591, 1682236943.3430276, -63788179559.78321,
    1768714779693.493, -30912159758929.324, 251807838883539.2,
)  # fmt: skip
_P1 = (
    1.0, 0.11718749999998239, -0.14419555656230887, 0.6765924505098158, -6.883786205123861, 121.52545076387314,
    -3275.0147445454745, 120382.42450514135, -5214514.596915661, 224232002.7698717, -8189119082.818903,
    221882405333.53082, -3820498095726.794, 30807371261118.125,
)  # fmt: skip
_Q1 = (
    0.375, -0.10253906249983968, 0.27757644581737634, -1.9935304670919143, 27.24764444523843, -603.1702048402275,
    19462.422144351538, -821231.5154903366, 39115841.03062512, -1784566921.8587787, 67537841846.90711,
    -1870512312649.4375, 32667146408404.105, -265971254870458.88,
)  # fmt: skip


def _small(x: Expr, coefficients: Sequence[float]) -> Expr:
    bounded = no_more(x, 8.0)
    return polynomial(fma(bounded * bounded, 1 / 32, const(-1, float64)), coefficients)


def _large(x: Expr, p: Sequence[float], q: Sequence[float], order: int, second_kind: bool) -> Expr:
    """By cos(x - pi/4) = (cos(x) + sin(x)) / sqrt(2) and its like."""
    bounded = no_less(x, 8.0)
    inverse = 1 / bounded
    square = inverse * inverse
    sine, cosine = sin_and_cos(bounded)
    both, apart = sine + cosine, sine - cosine
    phase_cosine, phase_sine = (both, apart) if order == 0 else (apart, -both)
    along, across = polynomial(square, p), polynomial(square, q) * inverse
    wave = along * phase_sine + across * phase_cosine if second_kind else along * phase_cosine - across * phase_sine
    return select(x < INFINITY, wave * unary("sqrt", inverse * (1 / math.pi)), const(0, float64))


@in_double
def bessel_j0(x: Expr) -> Expr:
    """The Bessel function of the first kind of order 0."""
    size = magnitude(x)
    return select(size <= 8, _small(size, _J0), select(eq(x, x), _large(size, _P0, _Q0, 0, False), x))


@in_double
def bessel_j1(x: Expr) -> Expr:
    """The Bessel function of the first kind of order 1."""
    size = magnitude(x)
    value = select(size <= 8, size * _small(size, _J1), select(eq(x, x), _large(size, _P1, _Q1, 1, False), x))
    return turned_by(x, value)


@in_double
def bessel_y0(x: Expr) -> Expr:
    """The Bessel function of the second kind of order 0: -infinity at 0, NaN below."""
    bounded = no_more(x, 8.0)
    small = _small(x, _Y0) + (2 / math.pi) * log(bounded) * _small(x, _J0)
    return _second_kind(x, small, _large(x, _P0, _Q0, 0, True))


@in_double
def bessel_y1(x: Expr) -> Expr:
    """The Bessel function of the second kind of order 1: -infinity at 0, NaN below."""
    bounded = no_more(x, 8.0)
    small = bounded * (_small(x, _Y1) + (2 / math.pi) * log(bounded) * _small(x, _J1)) - (2 / math.pi) / bounded
    return _second_kind(x, small, _large(x, _P1, _Q1, 1, True))


def _second_kind(x: Expr, small: Expr, large: Expr) -> Expr:
    result = select(eq(x, 0), const(-INFINITY, float64), select(x < 8, small, select(eq(x, x), large, x)))
    return select(x < 0, const(math.nan, float64), result)
