"""Airy's function Ai: a polynomial about 0, oscillation below, decay above; f32 is computed in f64."""

from __future__ import annotations

import math

from brasa.ir.dtype import float64
from brasa.ir.kernel import Expr, const, eq, fma, select, unary
from brasa.ir.mathematics.exponential import exp
from brasa.ir.mathematics.floating import INFINITY, in_double, magnitude, no_less, no_more, polynomial
from brasa.ir.mathematics.trigonometry import sin_and_cos

# Ai(x) in (x + 1) / 3.5 for x in -4.5..2.5; absolute error 2^-55.9.
_AIRY = (
    0.5355608832923521, -0.035561984908257745, -3.2803104101656584, 3.8996345310475378, 3.2215902017991085,
    -9.420691592054474, 4.257745018216204, 6.036408378564382, -8.144098722814528, 1.5084002103535643,
    3.9841802055037556, -3.342328519106094, 0.12020039777962728, 1.3574696567224043, -0.795465920218308,
    -0.054645260959341184, 0.28310835878673996, -0.1229257704716664, -0.018990607961321623, 0.03989170816219151,
    -0.013256474396899469, -0.003096266608445711, 0.004052131733474259, -0.0010559002886197724,
    -0.0003287341878239103, 0.00031831152286346286, -6.490261493795988e-05, -3.048992511270991e-05,
    1.9992465683596903e-05, -7.392567591064578e-07, -2.15135373400775e-06, 2.9836808243855043e-07,
    8.635448081985219e-08,
)  # fmt: skip

# With z = 2/3 |x|^(3/2): 2 sqrt(pi) x^(1/4) e^z Ai(x) in 5 / z - 1 for z >= 2.5; relative error 2^-57.1.
_DECAY = (
    0.9873595007342237, -0.011579551868628432, 0.0009106792163383556, -0.00012194053790323595,
    2.1882274729133673e-05, -4.765056736050076e-06, 1.1940326954618932e-06, -3.333074145913539e-07,
    1.014337656891752e-07, -3.3133900554964524e-08, 1.1486587380281802e-08, -4.225973744251904e-09,
    1.6324226934215574e-09, -5.840021305444908e-10, 2.1341833061514323e-10, -1.7420809721244463e-10,
    9.909247605116816e-11, 2.2334455103406852e-11, -2.122486841881744e-11, -1.982492492919531e-11,
    1.169429642618302e-11,
)  # fmt: skip

# P and z Q in 2 (6.25 / z)^2 - 1 for z >= 6.25, with sqrt(pi) |x|^(1/4) Ai(x) = P sin(z + pi/4) - Q cos(z + pi/4);
# errors 2^-57.4, 2^-54.3.
_P = (
    0.9995335932850499, -0.00045799108850355636, 7.977549199339855e-06, -3.968765650331688e-07,
    3.551503408817698e-08, -4.658695390349425e-09, 8.005879924982848e-10, -1.6809494477397392e-10,
    4.1178463418862334e-11, -1.175602740839487e-11, 3.7601587430510605e-12, -8.547620566221167e-13,
    2.008835404616097e-13, -3.4782697357166554e-13, 1.7161115574708595e-13,
)  # fmt: skip
_Q = (
    0.06897557650146999, -0.0004527922404728956, 1.4880422297961497e-05, -1.0528647793580255e-06,
    1.1908000171445971e-07, -1.852553588969797e-08, 3.6315223826971495e-09, -8.471055563500154e-10,
    2.2621089564379368e-10, -7.038489857363057e-11, 2.434115351320935e-11, -5.146596129803953e-12,
    1.0158897116924163e-12, -2.7367286587798996e-12, 1.4224974308789586e-12,
)  # fmt: skip


@in_double
def airy_ai(x: Expr) -> Expr:
    """Airy's function; below -4.5 errors are some 1e-15 of the amplitude, and as z grows, those of z."""
    near = no_less(no_more(x, 2.5), -4.5)
    middle = polynomial((near + 1) * (1 / 3.5), _AIRY)
    size = no_less(no_more(magnitude(x), 1e30), 2.5)
    root = unary("sqrt", size)
    z = size * root * (2 / 3)
    fourth = unary("sqrt", root)
    decay = polynomial(5 / no_less(z, 2.5) - 1, _DECAY) * exp(-z) / (fourth * (2 * math.sqrt(math.pi)))
    wide = no_less(z, 6.25)
    u = 6.25 / wide
    t = fma(u * u, 2.0, const(-1, float64))
    sine, cosine = sin_and_cos(wide)
    along, across = polynomial(t, _P), polynomial(t, _Q) / wide
    wave = (along * (sine + cosine) - across * (cosine - sine)) / (fourth * math.sqrt(2 * math.pi))
    result = select(x > 2.5, decay, select(x < -4.5, wave, middle))
    result = select(eq(x, INFINITY) | eq(x, -INFINITY), const(0, float64), result)
    return select(eq(x, x), result, x)
