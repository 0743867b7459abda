"""What the text of every CUDA module begins with: names of types, and the scalar functions that CUDA lacks."""

from __future__ import annotations

from collections.abc import Set

_TYPES = """\
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
"""

_HEADERS = {"half": "cuda_fp16.h", "bfloat16": "cuda_bf16.h"}  # by what their names contain

_FUNCTIONS = {
    "minimum": """
// NaN wins, and -0 < +0: floats that compare equal differ in the sign of zero at most.
__device__ inline float minimum(float a, float b) {
  return a < b ? a : b < a ? b : a != b ? a + b : __int_as_float(__float_as_int(a) | __float_as_int(b));
}
__device__ inline double minimum(double a, double b) {
  return a < b ? a : b < a ? b : a != b ? a + b
    : __longlong_as_double(__double_as_longlong(a) | __double_as_longlong(b));
}
""",
    "maximum": """
// NaN wins, and -0 < +0: floats that compare equal differ in the sign of zero at most.
__device__ inline float maximum(float a, float b) {
  return a < b ? b : b < a ? a : a != b ? a + b : __int_as_float(__float_as_int(a) & __float_as_int(b));
}
__device__ inline double maximum(double a, double b) {
  return a < b ? b : b < a ? a : a != b ? a + b
    : __longlong_as_double(__double_as_longlong(a) & __double_as_longlong(b));
}
""",
    "least": """
template <class I> __device__ inline I least(I a, I b) { return b < a ? b : a; }
""",
    "greatest": """
template <class I> __device__ inline I greatest(I a, I b) { return a < b ? b : a; }
""",
    "quotient": """
// Any divisor, also 0 and the -1 that makes the least integer overflow.
template <class I> __device__ inline I quotient(I a, I b) {
  return b == I(0) ? I(0) : I(-1) < I(0) && b == I(-1) ? I(0 - u64(a)) : I(a / b);
}
""",
    "modulo": """
// Any divisor, also 0 and the -1 that makes the least integer overflow.
template <class I> __device__ inline I modulo(I a, I b) {
  return b == I(0) || (I(-1) < I(0) && b == I(-1)) ? I(0) : I(a % b);
}
""",
    "shl": """
// Counts beyond the width shift everything out.
template <class I, class N> __device__ inline I shl(I a, N count) {
  return u64(count) < 8 * sizeof(I) ? I(u64(a) << u64(count)) : I(0);
}
""",
    "shr": """
// Counts beyond the width shift everything out.
template <class I, class N> __device__ inline I shr(I a, N count) {
  return u64(count) < 8 * sizeof(I) ? I(a >> u64(count)) : a < I(0) ? I(-1) : I(0);
}
""",
    "absolute": """
template <class I> __device__ inline I absolute(I x) { return x < 0 ? I(0 - u64(x)) : x; }
""",
    "saturate": """
// Float to integer: toward zero, and at most the nearest integer that there is; NaN gives 0.
template <class I, class F> __device__ inline I saturate(F x) {
  const bool is_signed = I(-1) < I(0);
  const I high = I(~u64(0) >> (64 - 8 * sizeof(I) + is_signed)), low = I(~high);
  const F end = F(u64(1) << (8 * sizeof(I) - 1)) * (is_signed ? 1 : 2);
  return x != x ? I(0) : x < F(low) ? low : x >= end ? high : I(x);
}
""",
}


def prelude(used: Set[str]) -> str:
    """The text that a module which uses these types and functions begins with."""
    intrinsics = [name for name in used if name.startswith("__")]
    headers = [
        f"#include <{header}>\n" for part, header in _HEADERS.items() if any(part in name for name in intrinsics)
    ]
    functions = [text for name, text in _FUNCTIONS.items() if name in used]
    return "".join([*headers, _TYPES, *functions])
