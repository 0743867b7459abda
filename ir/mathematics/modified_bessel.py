"""Modified Bessel functions of order 0 and 1, and the same scaled by an exponential; f32 is computed in f64."""

from __future__ import annotations

import math
from collections.abc import Sequence

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, select, unary
from brasa.ir.mathematics.exponential import exp
from brasa.ir.mathematics.floating import INFINITY, in_double, magnitude, no_less, no_more, polynomial, with_sign_of
from brasa.ir.mathematics.logarithm import log

# In x / 4 - 1, for x <= 8: e^-x I0(x), e^-x I1(x) / x; in 16 / x - 1 beyond, times sqrt(x); relative errors
# 2^-58.9, 2^-57.6, 2^-55.5, 2^-55.5.
_I0E_SMALL = (
    0.2070019212239867, -0.11300432688620547, 0.09451562853995112, -0.08904344136076074, 0.08734341617551733,
    -0.08496338091611406, 0.07927522590731792, -0.06954119561818696, 0.056777032017777465, -0.04298594944343495,
    0.030177912040673036, -0.019682654771963088, 0.011960077812502657, -0.006792399484868295, 0.0036171267906981515,
    -0.0018118880747573878, 0.0008563144156221296, -0.0003828991115949291, 0.0001624069397487141,
    -6.55135580654907e-05, 2.5200448780021936e-05, -9.245890570422942e-06, 3.2309325368415515e-06,
    -1.0930217130832223e-06, 3.6670173069222285e-07, -1.1135411175663906e-07, 2.6552812826814515e-08,
    -8.503684737094168e-09, 4.428769561301496e-09, -1.0755434446205124e-09,
)  # fmt: skip
_I1E_SMALL = (
    0.044687709875608835, -0.06112433802966629, 0.0680575999095117, -0.06848260620582587, 0.06376740371339987,
    -0.055280039227031286, 0.0446745726214567, -0.03367135552038841, 0.02368601695484884, -0.015571309250852376,
    0.009583962175173122, -0.005534567805467541, 0.0030057622862046476, -0.0015388747320237905,
    0.0007445128374738387, -0.00034117556067901725, 0.0001484199811499733, -6.142449667808049e-05,
    2.423602071281262e-05, -9.135362441277765e-06, 3.2910506041912864e-06, -1.1337687416790926e-06,
    3.783865303283966e-07, -1.2362929211361486e-07, 3.665579090960362e-08, -9.194990935542877e-09,
    3.0559370577719553e-09, -1.3851276942968052e-09, 3.0639080158776405e-10,
)  # fmt: skip
_I0E_LARGE = (
    0.4021765094450081, 0.0033605519836678453, 0.00013621607439018207, 1.1143033792390452e-05,
    1.4838476517645773e-06, 2.973598204387184e-07, 8.872055184865851e-08, 3.932630950563883e-08,
    2.156458983327278e-08, 7.551553721598222e-09, -6.8415927778843124e-09, -1.3396026032809642e-08,
    -5.060618979900677e-09, 7.518607623842753e-09, 6.60216628257784e-09, -3.4473236494281415e-09,
    -4.6259584445805454e-09, 1.4541373545409752e-09, 2.2344312586712546e-09, -5.250523602219954e-10,
    -6.791282230743146e-10, 1.340866006734547e-10, 9.652245871975227e-11, -1.6992837491184213e-11,
)  # fmt: skip
_I1E_LARGE = (
    0.38939845902587233, -0.009749577193235725, -0.0002192357638320599, -1.5038547201591731e-05,
    -1.8349102225006422e-06, -3.483855495022648e-07, -1.0001116528462594e-07, -4.3129496656756334e-08,
    -2.339083573306233e-08, -8.425633608496622e-09, 6.832360145604149e-09, 1.4025534860333465e-08,
    5.6159875230293044e-09, -7.619574883560983e-09, -7.0260736294311505e-09, 3.3870182823809674e-09,
    4.8612595347556135e-09, -1.3947885173413953e-09, -2.334740192223889e-09, 4.986575678722365e-10,
    7.075931279731648e-10, -1.277268083436395e-10, -1.0041122324095524e-10, 1.6355943092603935e-11,
)  # fmt: skip

# In x^2, for x <= 2: I0(x), I1(x) / x, K0(x) + log(x) I0(x), (K1(x) - log(x) I1(x) - 1/x) / x; in 4 / x - 1 beyond:
# sqrt(x) e^x K0(x) and the same of K1; relative errors of the last two 2^-59.1, 2^-59.1.
_I0 = (
    1.0, 0.25, 0.015624999999999953, 0.00043402777777793746, 6.78168402750604e-06, 6.781684054143302e-08,
    4.709501249080708e-10, 2.402863504138201e-12, 9.37380826114314e-15, 3.042166225874485e-17,
)  # fmt: skip
_I1 = (
    0.5, 0.0625, 0.0026041666666666644, 5.42534722222302e-05, 6.781684027644803e-07, 5.651403369156754e-09,
    3.3639298363025823e-11, 1.5017808728767985e-13, 5.208806197821504e-16, 1.5149565809618517e-18,
)  # fmt: skip
_K0 = (
    0.11593151565841245, 0.27898287891460316, 0.025248929932162503, 0.0008460350907088314, 1.4914719298272844e-05,
    1.6271056196865182e-07, 1.2084256429415526e-09, 6.508880947265519e-12, 2.655909941202658e-14,
    8.983188322513824e-17,
)  # fmt: skip
_K1 = (
    -0.3079657578292062, -0.08537071972865078, -0.004642182766471551, -0.00011253607036633362,
    -1.5592887701584258e-06, -1.4030163742702526e-08, -8.871893818950432e-11, -4.161880026661733e-13,
    -1.5048446531253454e-15, -4.5460960474468616e-18,
)  # fmt: skip
_K0E_LARGE = (
    1.2185953385133905, -0.031071461824889516, 0.003032891810273621, -0.00047976905676627886, 9.95605475013118e-05,
    -2.4735204560311096e-05, 7.0022441334384585e-06, -2.191177801442936e-06, 7.42794706137329e-07,
    -2.689065365451507e-07, 1.0287135735172038e-07, -4.133958756979728e-08, 1.734669581310366e-08,
    -7.285448014887834e-09, 3.098302320886518e-09, -1.932546325617274e-09, 1.1719058058280326e-09,
    1.8066660211635404e-10, -3.6239112432840847e-10, -5.55369840400821e-10, 4.677448403231304e-10,
    2.2188365594889032e-10, -1.877770274997834e-10, -6.919320401147766e-11, 4.950842884517449e-11,
)  # fmt: skip
_K1E_LARGE = (
    1.363151890371342, 0.10334973775386523, -0.00556672988007268, 0.00073572415490805, -0.00013959021965369954,
    3.2843865560861385e-05, -8.961205689501306e-06, 2.730041402311359e-06, -9.067251394906443e-07,
    3.2298139993321663e-07, -1.2193870012913988e-07, 4.8461105361568544e-08, -2.0153534772578404e-08,
    8.411599992104079e-09, -3.5344909130398085e-09, 2.1719892657324937e-09, -1.346006769206062e-09,
    -1.7559052612445027e-10, 4.2956924269840913e-10, 6.012815895403184e-10, -5.369848259257714e-10,
    -2.3875183675103226e-10, 2.142726658390834e-10, 7.504185049207678e-11, -5.55987571860292e-11,
)  # fmt: skip


def _scaled(x: Expr, small: Sequence[float], large: Sequence[float], odd: bool) -> Expr:
    """e^-x times I0 or I1, for x >= 0."""
    near = no_more(x, 8.0)
    low = polynomial(fma(near, 0.25, const(-1, float64)), small)
    far = no_less(x, 8.0)
    high = polynomial(16 / far - 1, large) / unary("sqrt", far)
    return select(x < 8, near * low if odd else low, high)


def _grown(x: Expr, scaled: Expr) -> Expr:
    """scaled times e^x, which alone might overflow."""
    half = exp(x * 0.5)
    return select(eq(x, INFINITY), x, scaled * half * half)


@in_double
def i0e(x: Expr) -> Expr:
    """exp(-|x|) I0(x)."""
    return _scaled(magnitude(x), _I0E_SMALL, _I0E_LARGE, odd=False)


@in_double
def i0(x: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 0."""
    return _grown(magnitude(x), i0e(x))


@in_double
def i1e(x: Expr) -> Expr:
    """exp(-|x|) I1(x)."""
    return with_sign_of(x, _scaled(magnitude(x), _I1E_SMALL, _I1E_LARGE, odd=True))


@in_double
def i1(x: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 1."""
    size = magnitude(x)
    return with_sign_of(x, _grown(size, _scaled(size, _I1E_SMALL, _I1E_LARGE, odd=True)))


def _second_kind(x: Expr, small: Expr, large: Sequence[float], scaled: bool) -> Expr:
    """From what it is up to 2, and sqrt(x) e^x times it beyond."""
    near, far = no_more(x, 2.0), no_less(x, 2.0)
    beyond = polynomial(4 / far - 1, large) / unary("sqrt", far)
    if scaled:
        small = small * exp(near)
    else:
        beyond = beyond * exp(-far)
    result = select(eq(x, 0), const(INFINITY, float64), select(x <= 2, small, beyond))
    return select(x < 0, const(math.nan, float64), result)


def _k0_small(x: Expr) -> Expr:
    near = no_more(x, 2.0)
    square = near * near
    return polynomial(square, _K0) - log(near) * polynomial(square, _I0)


def _k1_small(x: Expr) -> Expr:
    near = no_more(x, 2.0)
    square = near * near
    return 1 / near + near * fma(log(near), polynomial(square, _I1), polynomial(square, _K1))


@in_double
def k0(x: Expr) -> Expr:
    """The modified Bessel function of the second kind of order 0: infinite at 0, NaN below."""
    return _second_kind(x, _k0_small(x), _K0E_LARGE, scaled=False)


@in_double
def k1(x: Expr) -> Expr:
    """The modified Bessel function of the second kind of order 1: infinite at 0, NaN below."""
    return _second_kind(x, _k1_small(x), _K1E_LARGE, scaled=False)


@in_double
def k0e(x: Expr) -> Expr:
    """exp(x) K0(x)."""
    return _second_kind(x, _k0_small(x), _K0E_LARGE, scaled=True)


@in_double
def k1e(x: Expr) -> Expr:
    """exp(x) K1(x)."""
    return _second_kind(x, _k1_small(x), _K1E_LARGE, scaled=True)
