"""exp, expm1 and tanh: x = n ln2 + r, a polynomial in r, and 2**n from the bits of n.

The reduction in two steps is that of Cody and Waite ("Software manual for the elementary functions", 1980).
"""

from __future__ import annotations

from brasa.ir.dtype import float32, float64
from brasa.ir.kernel import Expr, const, fma, select
from brasa.ir.mathematics.floating import (
    LN2,
    LN2_LOW,
    magnitude,
    nearest_power,
    no_less,
    no_more,
    polynomial,
    with_sign_of,
)

# ln2 as a sum of two numbers of each format, the second at half the last place of the first.
_LN2_PARTS = {float32: (0.693147182464599609375, -1.904654299957768e-09), float64: (LN2, LN2_LOW)}

# e^r for |r| <= ln2; relative error 2^-26.0 (f32) and 2^-56.5 (f64). All polynomials in this folder are minimax fits.
_EXP = {
    float32: (1.0, 1.0, 0.50000036, 0.16666616, 0.0416612, 0.008335967, 0.0014105444, 0.00019630221),
    float64: (
        1.0, 1.0, 0.4999999999999993, 0.16666666666666938, 0.04166666666670215, 0.008333333333269717,
        0.0013888888883569124, 0.00019841269892918113, 2.4801590833890644e-05, 2.7557300606812956e-06,
        2.7556157186401664e-07, 2.5055039843521894e-08, 2.1062398967098713e-09, 1.5935238741005453e-10,
    ),
}  # fmt: skip

# Beyond these, e^x is zero or infinite; within them, the powers of two below stay normal numbers.
_EXP_RANGE = {float32: (-105.0, 100.0), float64: (-750.0, 720.0)}


def exp(x: Expr) -> Expr:
    """e**x."""
    low, high = _EXP_RANGE[x.dtype]
    bounded = no_less(no_more(x, high), low)
    return exp_of_sum(bounded, const(0, x.dtype))


def exp_of_sum(x: Expr, rest: Expr) -> Expr:
    """e**(x + rest) for x within the range of exp and a small rest.

    x = 2 n ln2 + r with |r| <= ln2. Scaling twice by 2**n, not once by 4**n, costs two more terms in the polynomial
    and nothing else: no power overflows, and a subnormal result is rounded once.
    """
    high, low = _LN2_PARTS[x.dtype]
    n, power = nearest_power(x, 0.5 / LN2)
    r = fma(n, -2 * high, x)
    r = fma(n, -2 * low, r) if rest.op == "const" else r + fma(n, -2 * low, rest)
    return polynomial(r, _EXP[x.dtype]) * power * power


def exp_parts(x: Expr) -> tuple[Expr, Expr, Expr]:
    """high, low and a power of two with e**x = (high + low) * power**2 to some 2^-57, for f64 in the range of exp."""
    high, low = _LN2_PARTS[float64]
    n, power = nearest_power(x, 0.5 / LN2)
    coarse, fine = fma(n, -2 * high, x), n * (-2 * low)
    r = coarse + fine
    r_low = (coarse - r) + fine
    start = 1 + r
    start_low = (r - (start - 1)) + r_low * start
    rest = fma(r * r, polynomial(r, _EXP[float64][2:]), start_low)
    total = start + rest
    return total, rest - (total - start), power


# (2^r - 1) / r for |r| <= 1; relative error of 2^r: 2^-26.3 (f32) and 2^-67.5 (f64).
_EXP2 = {
    float32: (0.69314724, 0.24022673, 0.055503786, 0.009616692, 0.0013339613, 0.00015656176, 1.5028463e-05),
    float64: (
        0.6931471805599453, 0.24022650695910072, 0.055504108664821576, 0.009618129107628468, 0.0013333558146428595,
        0.0001540353039338935, 1.5252733803986952e-05, 1.321548678693195e-06, 1.0178086026831141e-07,
        7.054912331031151e-09, 4.4455360635657684e-10, 2.567757597962894e-11, 1.3692811762846305e-12,
        6.8325270528765e-14, 3.109656299722762e-15,
    ),
}  # fmt: skip
_EXP2_RANGE = {float32: (-152.0, 130.0), float64: (-1078.0, 1030.0)}


def exp2(x: Expr) -> Expr:
    """2**x: the nearest even integer apart, scaled by half of it twice, as in exp."""
    low, high = _EXP2_RANGE[x.dtype]
    bounded = no_less(no_more(x, high), low)
    n, power = nearest_power(bounded, 0.5)
    r = bounded - (n + n)
    return fma(r, polynomial(r, _EXP2[x.dtype]), const(1, x.dtype)) * power * power


# (e^r - 1 - r) / r^2 for |r| <= 0.525; relative error of e^r - 1: 2^-27.6 (f32) and 2^-60.0 (f64).
_EXPM1_LIMIT = 0.525
_EXPM1 = {
    float32: (0.50000006, 0.16666667, 0.04166501, 0.008333259, 0.0014008582, 0.00019933262),
    float64: (
        0.5, 0.16666666666666669, 0.041666666666667435, 0.00833333333333226, 0.001388888888856382,
        0.00019841269843094694, 2.480158777980263e-05, 2.7557317978426654e-06, 2.7557000728839174e-07,
        2.5052431283325672e-08, 2.097519820711297e-09, 1.6057188374911472e-10,
    ),
}  # fmt: skip
_EXPM1_RANGE = {float32: (-30.0, 89.0), float64: (-60.0, 710.0)}


def expm1(x: Expr) -> Expr:
    """e**x - 1, without cancellation near 0."""
    low, high = _EXPM1_RANGE[x.dtype]
    bounded = no_less(no_more(x, high), low)
    ln2_high, ln2_low = _LN2_PARTS[x.dtype]
    n, half_power = nearest_power(bounded, 1 / LN2, exponent_offset=-1)
    small = magnitude(x) < _EXPM1_LIMIT
    r = select(small, x, fma(n, -ln2_low, fma(n, -ln2_high, bounded)))
    of_r = fma(r * r, polynomial(r, _EXPM1[x.dtype]), r)
    half = fma(half_power, of_r, half_power - 0.5)
    return with_sign_of(x, select(small, of_r, half + half))


# e^2r for |r| <= ln2 / 4; relative error 2^-28.3 (f32) and 2^-56.7 (f64).
_EXP_TWICE = {
    float32: (1.0, 2.0, 1.9999998, 1.3333217, 0.66669226, 0.26779771, 0.08845285),
    float64: (
        1.0, 2.0, 2.0000000000000044, 1.3333333333333133, 0.6666666666644664, 0.26666666667176603,
        0.08888888924085633, 0.0253968249737532, 0.0063491821675836025, 0.0014109482181369243,
        0.000282934669715109, 5.1202876300419146e-05,
    ),
}  # fmt: skip

# (tanh(x) / x - 1) / x^2 in x^2 for |x| <= 0.55, where tanh reaches 1/2; relative error 2^-24.7 and 2^-55.5.
_TANH_LIMIT = 0.55
_TANH = {
    float32: (-0.33332947, 0.13320728, -0.052671857, 0.016437512),
    float64: (
        -0.33333333333332305, 0.13333333333167674, -0.053968253875645855, 0.02186948596567496,
        -0.008863194393518957, 0.0035917188788938755, -0.001453212990975549, 0.0005791265105901519,
        -0.00021028612686625447, 5.101073933178416e-05,
    ),
}  # fmt: skip


def tanh(x: Expr) -> Expr:
    """Hyperbolic tangent: an odd polynomial near 0, else 1 - 2 / (e**2|x| + 1)."""
    size = magnitude(x)
    square = size * size
    small = fma(square * polynomial(square, _TANH[x.dtype]), size, size)
    bounded = no_more(size, 10.0 if x.dtype is float32 else 20.0)
    high, low = _LN2_PARTS[x.dtype]
    n, power = nearest_power(bounded, 2 / LN2)
    r = fma(n, -low / 2, fma(n, -high / 2, bounded))
    large = 1 - 2 / fma(power, polynomial(r, _EXP_TWICE[x.dtype]), const(1, x.dtype))
    return with_sign_of(x, select(size < _TANH_LIMIT, small, large))
