typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// NaN wins, and -0 < +0: floats that compare equal differ in the sign of zero at most.
__device__ inline float maximum(float a, float b) {
  return a < b ? b : b < a ? a : a != b ? a + b : __int_as_float(__float_as_int(a) & __float_as_int(b));
}
__device__ inline double maximum(double a, double b) {
  return a < b ? b : b < a ? a : a != b ? a + b
    : __longlong_as_double(__double_as_longlong(a) & __double_as_longlong(b));
}

// (n + 63) // 64 blocks of 64 threads
extern "C" __global__ void __launch_bounds__(64) polynomial(
    const float* x0, float* out, i64 n
) {
  const i64 block = blockIdx.x;
  const i64 thread = threadIdx.x;
  const i64 i = block * 64 + thread;
  if (i < n) {
    const float t1 = x0[i];
    const float t2 = maximum(__fmul_rn(t1, t1), -2.5f);
    const float t3 = maximum(__fmul_rn(t2, t1), -2.5f);
    const float t4 = maximum(__fmul_rn(t3, t1), -2.5f);
    const float t5 = maximum(__fmul_rn(t4, t1), -2.5f);
    const float t6 = maximum(__fmul_rn(t5, t1), -2.5f);
    const float t7 = maximum(__fmul_rn(t6, t1), -2.5f);
    const float t8 = maximum(__fmul_rn(t7, t1), -2.5f);
    const float t9 = maximum(__fmul_rn(t8, t1), -2.5f);
    const float t10 = maximum(__fmul_rn(t9, t1), -2.5f);
    const float t11 = maximum(__fmul_rn(t10, t1), -2.5f);
    const float t12 = maximum(__fmul_rn(t11, t1), -2.5f);
    const float t13 = __fmaf_rn(t5, 0.16666667f, __fmaf_rn(t4, 0.2f, __fmaf_rn(t3, 0.25f, __fmaf_rn(t2, 0.33333334f, t1))));
    const float t14 = __fmaf_rn(t9, 0.1f, __fmaf_rn(t8, 0.11111111f, __fmaf_rn(t7, 0.125f, __fmaf_rn(t6, 0.14285715f, t13))));
    const float t15 = __fmaf_rn(t12, 0.07692308f, __fmaf_rn(t11, 0.083333336f, __fmaf_rn(t10, 0.09090909f, t14)));
    out[i] = __fmaf_rn(maximum(__fmul_rn(t12, t1), -2.5f), 0.071428575f, t15);
  }
}

// (n + 63) // 64 blocks of 64 threads
extern "C" __global__ void __launch_bounds__(64) reverse_tiles(
    const float* x, float* out, i64 n
) {
  __shared__ float tile[64];
  const i64 block = blockIdx.x;
  const i64 begin = block * 64;
  const i64 row = threadIdx.x / 16;
  const i64 column = threadIdx.x % 16;
  const i64 place = row * 16 + column;
  tile[place] = begin + place < n ? x[begin + place] : 0.0f;
  __syncthreads();
  if (begin + place < n) out[begin + place] = tile[63 - place];
}

// (rows + 1) // 2 * 2 blocks of 1 threads
extern "C" __global__ void __launch_bounds__(1) sums_of_rows(
    i64* checks, const float* x, float* float_, u8* large, i64 rows, i64 n
) {
  const i64 pair = blockIdx.x / 2;
  const i64 half = blockIdx.x % 2;
  const i64 thread = threadIdx.x;
  const i64 row = pair * 2 + half;
  if (row < rows) {
    if (!(0.0f <= x[row * n * 4])) atomicMin(&checks[1], row);
    float chains[4];
    chains[0] = 0.0f;
    chains[1] = 0.0f;
    chains[2] = 0.0f;
    chains[3] = 0.0f;
    for (i64 k = 0; k < n; ++k) {
      #pragma unroll
      for (i64 chain = 0; chain < 4; ++chain) {
        const float value = x[(row * n + k) * 4 + chain];
        chains[chain] = __fmaf_rn(value, value, chains[chain]);
      }
    }
    float total = __fadd_rn(__fadd_rn(chains[0], chains[1]), __fadd_rn(chains[2], chains[3]));
    if (row % 2 == 1) {
      total = -total;
    } else {
      total = __fmul_rn(total, 1.0f);
    }
    float_[row] = total;
    large[row] = 1.0f < total;
  }
}

// n blocks of 8 threads
extern "C" __global__ void __launch_bounds__(8) prefixes(
    const i64* x, i64* out, i64 n
) {
  i64 own[8];
  const i64 block = blockIdx.x;
  const i64 thread = threadIdx.x;
  i64 total = 0;
  for (i64 i = 0; i < 8; ++i) {
    total = i64(u64(total) + u64(x[i]));
    own[i] = total;
  }
  out[block * 8 + thread] = own[thread];
}
