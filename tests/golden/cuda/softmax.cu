// program main(x: f32[n,m]) {
//   softmax(in x, out result0, out result1; n, ((m+4095)//4096+15)//16, (m+4095)//4096, (m+15)//16, m, (m+255)//256)
//   return result0: f32[n,m], result1: f32[n]
// }

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

template <class I> __device__ inline I least(I a, I b) { return b < a ? b : a; }

// n blocks of 256 threads
extern "C" __global__ void __launch_bounds__(256) softmax_kernel(
    const float* x, float* out_2, float* out, i64 n, i64 m_4095_4096_15_16 /* (((m+4095)//4096+15)//16) */,
    i64 m_4095_4096 /* ((m+4095)//4096) */, i64 m_15_16 /* ((m+15)//16) */, i64 m, i64 m_255_256 /* ((m+255)//256) */
) {
  __shared__ float partial[256];
  __shared__ float partial_2[256];
  const i64 block = blockIdx.x;
  const i64 slot = threadIdx.x / 16;
  const i64 lane = threadIdx.x % 16;
  const i64 place = block;
  float total = __int_as_float(0xff800000);
  for (i64 round = 0; round < m_4095_4096_15_16; ++round) {
    float max = __int_as_float(0xff800000);
    if (slot + round * 16 < m_4095_4096) {
      const i64 unit = slot + round * 16;
      for (i64 step = 0; step < least<i64>(256, m_15_16 - unit * 256); ++step) {
        if (lane + unit * 4096 + step * 16 < m) {
          max = maximum(max, x[place * m + lane + unit * 4096 + step * 16]);
        }
      }
    }
    partial[slot * 16 + lane] = max;
    __syncthreads();
    for (i64 level = 0; level < 4; ++level) {
      if (lane < 8 >> level) {
        const i64 v1 = slot * 16 + lane;
        partial[v1] = maximum(partial[v1], partial[v1 + (8 >> level)]);
      }
      __syncthreads();
    }
    for (i64 other = 0; other < 16; ++other) {
      if (round * 16 + other < m_4095_4096) {
        const i64 unit_2 = round * 16 + other;
        total = maximum(total, partial[other * 16]);
      }
    }
    __syncthreads();
  }
  const float max_2 = total;
  float total_2 = 0.0f;
  for (i64 round_2 = 0; round_2 < m_4095_4096_15_16; ++round_2) {
    float sum = 0.0f;
    if (slot + round_2 * 16 < m_4095_4096) {
      const i64 unit_3 = slot + round_2 * 16;
      for (i64 step_2 = 0; step_2 < least<i64>(256, m_15_16 - unit_3 * 256); ++step_2) {
        if (lane + unit_3 * 4096 + step_2 * 16 < m) {
          const float sub = __fsub_rn(x[place * m + lane + unit_3 * 4096 + step_2 * 16], max_2);
          const float t = 100.0f < sub ? 100.0f : sub;
          const float t_2 = t < -105.0f ? -105.0f : t;
          const float t_3 = __fmaf_rn(t_2, 0.7213475f, 1.2583039e+07f);
          const float t_4 = __fsub_rn(t_3, 1.2583039e+07f);
          const float t_5 = __fmaf_rn(t_4, 3.8093084e-09f, __fmaf_rn(t_4, -1.3862944f, t_2));
          const float t_6 = __int_as_float(i32(u32(__float_as_int(t_3)) << 23));
          const float v2 = __fmaf_rn(__fmaf_rn(0.00019630221f, t_5, 0.0014105444f), t_5, 0.008335967f);
          const float v3 = __fmaf_rn(__fmaf_rn(__fmaf_rn(v2, t_5, 0.0416612f), t_5, 0.16666616f), t_5, 0.50000036f);
          const float v4 = __fmul_rn(__fmul_rn(__fmaf_rn(__fmaf_rn(v3, t_5, 1.0f), t_5, 1.0f), t_6), t_6);
          sum = __fadd_rn(sum, v4);
        }
      }
    }
    partial_2[slot * 16 + lane] = sum;
    __syncthreads();
    for (i64 level_2 = 0; level_2 < 4; ++level_2) {
      if (lane < 8 >> level_2) {
        const i64 v5 = slot * 16 + lane;
        partial_2[v5] = __fadd_rn(partial_2[v5], partial_2[v5 + (8 >> level_2)]);
      }
      __syncthreads();
    }
    for (i64 other_2 = 0; other_2 < 16; ++other_2) {
      if (round_2 * 16 + other_2 < m_4095_4096) {
        const i64 unit_4 = round_2 * 16 + other_2;
        total_2 = __fadd_rn(total_2, partial_2[other_2 * 16]);
      }
    }
    __syncthreads();
  }
  const float sum_2 = total_2;
  const float div = __fdiv_rn(1.0f, sum_2);
  if (slot * 16 + lane == 0) {
    out[place] = sum_2;
  }
  for (i64 step_3 = 0; step_3 < m_255_256; ++step_3) {
    if (slot * 16 + lane + step_3 * 256 < m) {
      const i64 element = slot * 16 + lane + step_3 * 256;
      const float sub_2 = __fsub_rn(x[place * m + element], max_2);
      const float t_7 = 100.0f < sub_2 ? 100.0f : sub_2;
      const float t_8 = t_7 < -105.0f ? -105.0f : t_7;
      const float t_9 = __fmaf_rn(t_8, 0.7213475f, 1.2583039e+07f);
      const float t_10 = __fsub_rn(t_9, 1.2583039e+07f);
      const float t_11 = __fmaf_rn(t_10, 3.8093084e-09f, __fmaf_rn(t_10, -1.3862944f, t_8));
      const float t_12 = __int_as_float(i32(u32(__float_as_int(t_9)) << 23));
      const float v6 = __fmaf_rn(__fmaf_rn(0.00019630221f, t_11, 0.0014105444f), t_11, 0.008335967f);
      const float v7 = __fmaf_rn(__fmaf_rn(__fmaf_rn(v6, t_11, 0.0416612f), t_11, 0.16666616f), t_11, 0.50000036f);
      const float v8 = __fmul_rn(__fmul_rn(__fmaf_rn(__fmaf_rn(v7, t_11, 1.0f), t_11, 1.0f), t_12), t_12);
      out_2[place * m + element] = __fmul_rn(v8, div);
    }
  }
}
