// program main(x: f32[a,b,c,d]) {
//   region(in x, out result0; b, (((c*d+4095)//4096)*a+15)//16, ((c*d+4095)//4096)*a, (c*d+4095)//4096, (c*d+15)//16, c*d, b*c*d, (c*d+4095)//4096-1, a, a-1)
//   return result0: f32[b]
// }

typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

template <class I> __device__ inline I least(I a, I b) { return b < a ? b : a; }

// b blocks of 256 threads
extern "C" __global__ void __launch_bounds__(256) region_kernel(
    const float* x, float* out, i64 b, i64 c_d_4095_4096_a_15_16 /* ((((c*d+4095)//4096)*a+15)//16) */,
    i64 c_d_4095_4096_a /* (((c*d+4095)//4096)*a) */, i64 c_d_4095_4096 /* ((c*d+4095)//4096) */,
    i64 c_d_15_16 /* ((c*d+15)//16) */, i64 c_d /* c*d */, i64 b_c_d /* b*c*d */,
    i64 c_d_4095_4096_1 /* ((c*d+4095)//4096-1) */, i64 a, i64 a_1 /* (a-1) */
) {
  __shared__ float partial[256];
  const i64 block = blockIdx.x;
  const i64 slot = threadIdx.x / 16;
  const i64 lane = threadIdx.x % 16;
  const i64 place = block;
  float total = 0.0f;
  float total_2 = 0.0f;
  float total_3 = 0.0f;
  for (i64 round = 0; round < c_d_4095_4096_a_15_16; ++round) {
    float sum = 0.0f;
    if (slot + round * 16 < c_d_4095_4096_a) {
      const i64 unit = slot + round * 16;
      for (i64 step = 0; step < least<i64>(256, c_d_15_16 - unit % c_d_4095_4096 * 256); ++step) {
        if (lane + unit % c_d_4095_4096 * 4096 + step * 16 < c_d) {
          const i64 v1 = place * c_d + lane + unit / c_d_4095_4096 * b_c_d + unit % c_d_4095_4096 * 4096;
          sum = __fadd_rn(sum, x[v1 + step * 16]);
        }
      }
    }
    partial[slot * 16 + lane] = sum;
    __syncthreads();
    for (i64 level = 0; level < 4; ++level) {
      if (lane < 8 >> level) {
        const i64 v2 = slot * 16 + lane;
        partial[v2] = __fadd_rn(partial[v2], partial[v2 + (8 >> level)]);
      }
      __syncthreads();
    }
    for (i64 other = 0; other < 16; ++other) {
      if (round * 16 + other < c_d_4095_4096_a) {
        const i64 unit_2 = round * 16 + other;
        total = __fadd_rn(total, partial[other * 16]);
        if (unit_2 % c_d_4095_4096 == c_d_4095_4096_1) {
          total_2 = __fadd_rn(total_2, total);
          const i64 v3 = unit_2 / c_d_4095_4096 % a;
          if (v3 == a_1 || v3 % 256 == 255) {
            total_3 = __fadd_rn(total_3, total_2);
            total_2 = 0.0f;
          }
          total = 0.0f;
        }
      }
    }
    __syncthreads();
  }
  const float sum_2 = total_3;
  if (slot * 16 + lane == 0) {
    out[place] = sum_2;
  }
}
