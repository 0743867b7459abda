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
extern "C" __global__ void __launch_bounds__(64) polynomial_kernel(
    const float* x0, float* out, i64 n
) {
  const i64 block = blockIdx.x;
  const i64 thread = threadIdx.x;
  const i64 i = block * 64 + thread;
  if (i < n) {
    const float v1 = x0[i];
    const float v2 = maximum(__fmul_rn(v1, v1), -2.5f);
    const float v3 = maximum(__fmul_rn(v2, v1), -2.5f);
    const float v4 = maximum(__fmul_rn(v3, v1), -2.5f);
    const float v5 = maximum(__fmul_rn(v4, v1), -2.5f);
    const float v6 = maximum(__fmul_rn(v5, v1), -2.5f);
    const float v7 = maximum(__fmul_rn(v6, v1), -2.5f);
    const float v8 = maximum(__fmul_rn(v7, v1), -2.5f);
    const float v9 = maximum(__fmul_rn(v8, v1), -2.5f);
    const float v10 = maximum(__fmul_rn(v9, v1), -2.5f);
    const float v11 = maximum(__fmul_rn(v10, v1), -2.5f);
    const float v12 = maximum(__fmul_rn(v11, v1), -2.5f);
    const float v13 = __fmaf_rn(v4, 0.2f, __fmaf_rn(v3, 0.25f, __fmaf_rn(v2, 0.33333334f, v1)));
    const float v14 = __fmaf_rn(v7, 0.125f, __fmaf_rn(v6, 0.14285715f, __fmaf_rn(v5, 0.16666667f, v13)));
    const float v15 = __fmaf_rn(v10, 0.09090909f, __fmaf_rn(v9, 0.1f, __fmaf_rn(v8, 0.11111111f, v14)));
    const float v16 = __fmaf_rn(v12, 0.07692308f, __fmaf_rn(v11, 0.083333336f, v15));
    out[i] = __fmaf_rn(maximum(__fmul_rn(v12, v1), -2.5f), 0.071428575f, v16);
  }
}

// (n + 63) // 64 blocks of 64 threads
extern "C" __global__ void __launch_bounds__(64) reverse_tiles_kernel(
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

// 2 * ((rows + 1) // 2) blocks of 1 threads
extern "C" __global__ void __launch_bounds__(1) sums_of_rows_kernel(
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
    }
    float_[row] = total;
    large[row] = 1.0f < total;
  }
}

// n blocks of 8 threads
extern "C" __global__ void __launch_bounds__(8) prefixes_kernel(
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

// n blocks of 1 threads
extern "C" __global__ void __launch_bounds__(1) distances_kernel(
    const i64* x, i64* out, i64 n
) {
  const i64 i = blockIdx.x;
  const i64 thread = threadIdx.x;
  if (x[i] < 5) {
    out[i] = i64(u64(5) - u64(x[i]));
  } else {
    out[i] = i64(u64(x[i]) - u64(5));
  }
}
