// program main(x: f32[b,n,k], y: f32[b,m,k], bias: f32[m]) {
//   dot(in x, in y, in bias, out result0; b, (n+15)//16, (m+15)//16, max((k+4095)//4096, 1), k, n, n-1, k*n, m, m-1, k*m, m*n, m*16, m*4)
//   return result0: f32[b,n,m]
// }

typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

template <class I> __device__ inline I least(I a, I b) { return b < a ? b : a; }

// b * ((n+15)//16) * ((m+15)//16) blocks of 256 threads
extern "C" __global__ void __launch_bounds__(256) dot_kernel(
    const float* x, const float* y, const float* bias, float* out, i64 b, i64 n_15_16 /* ((n+15)//16) */,
    i64 m_15_16 /* ((m+15)//16) */, i64 max_k_4095_4096_1 /* (max((k+4095)//4096, 1)) */, i64 k, i64 n,
    i64 n_1 /* (n-1) */, i64 k_n /* k*n */, i64 m, i64 m_1 /* (m-1) */, i64 k_m /* k*m */, i64 m_n /* m*n */,
    i64 m_16 /* m*16 */, i64 m_4 /* m*4 */
) {
  __shared__ float left_slab[544];
  __shared__ float right_slab[544];
  __shared__ float lane_sums[4096];
  const i64 batch = blockIdx.x / (n_15_16 * m_15_16);
  const i64 tile_row = blockIdx.x / m_15_16 % n_15_16;
  const i64 tile_column = blockIdx.x % m_15_16;
  const i64 row = threadIdx.x / 64;
  const i64 column = threadIdx.x / 16 % 4;
  const i64 lane = threadIdx.x % 16;
  float total = -0.0f;
  for (i64 chunk = 0; chunk < max_k_4095_4096_1; ++chunk) {
    float part[4][4] = {};
    for (i64 slab = 0; slab < ((least<i64>(4096, k - chunk * 4096) + 15) / 16 * 16 + 31) / 32; ++slab) {
      #pragma unroll
      for (i64 piece = 0; piece < 2; ++piece) {
        const i64 at0 = row * 2 + (column * 16 + lane) / 32 + piece * 8;
        const i64 at1 = (column * 16 + lane) % 32;
        if (slab * 32 + at1 < least<i64>(4096, k - chunk * 4096)) {
          const i64 v1 = batch * k_n + chunk * 4096 + slab * 32 + least<i64>(tile_row * 16 + at0, n_1) * k;
          left_slab[at0 + at1 * 17] = x[v1 + at1];
        }
      }
      #pragma unroll
      for (i64 piece_2 = 0; piece_2 < 2; ++piece_2) {
        const i64 at0_2 = row * 2 + (column * 16 + lane) / 32 + piece_2 * 8;
        const i64 at1_2 = (column * 16 + lane) % 32;
        if (slab * 32 + at1_2 < least<i64>(4096, k - chunk * 4096)) {
          const i64 v2 = least<i64>(tile_column * 16 + at0_2, m_1) * k;
          right_slab[at0_2 + at1_2 * 17] = y[batch * k_m + chunk * 4096 + slab * 32 + v2 + at1_2];
        }
      }
      __syncthreads();
      for (i64 round = 0; round < least<i64>(2, (least<i64>(4096, k - chunk * 4096) + 15) / 16 - slab * 2); ++round) {
        if (lane + slab * 32 + round * 16 < least<i64>(4096, k - chunk * 4096)) {
          float left[4] = {};
          float right[4] = {};
          #pragma unroll
          for (i64 i_2 = 0; i_2 < 4; ++i_2) {
            left[i_2] = left_slab[row + lane * 17 + round * 272 + i_2 * 4];
          }
          #pragma unroll
          for (i64 i_3 = 0; i_3 < 4; ++i_3) {
            right[i_3] = right_slab[column + lane * 17 + round * 272 + i_3 * 4];
          }
          #pragma unroll
          for (i64 i_4 = 0; i_4 < 4; ++i_4) {
            #pragma unroll
            for (i64 j = 0; j < 4; ++j) {
              part[i_4][j] = __fmaf_rn(left[i_4], right[j], part[i_4][j]);
            }
          }
        }
      }
      __syncthreads();
    }
    #pragma unroll
    for (i64 i_5 = 0; i_5 < 4; ++i_5) {
      #pragma unroll
      for (i64 j_2 = 0; j_2 < 4; ++j_2) {
        lane_sums[row * 256 + column * 16 + lane + i_5 * 1024 + j_2 * 64] = part[i_5][j_2];
      }
    }
    __syncthreads();
    for (i64 level = 0; level < 4; ++level) {
      if (lane < 8 >> level) {
        #pragma unroll
        for (i64 i_6 = 0; i_6 < 4; ++i_6) {
          #pragma unroll
          for (i64 j_3 = 0; j_3 < 4; ++j_3) {
            const i64 v3 = row * 256 + column * 16 + lane + i_6 * 1024 + j_3 * 64;
            lane_sums[v3] = __fadd_rn(lane_sums[v3], lane_sums[v3 + (8 >> level)]);
          }
        }
      }
      __syncthreads();
    }
    float sum = lane_sums[row * 1024 + column * 256 + lane * 16];
    total = __fadd_rn(total, sum);
  }
  if (tile_row * 16 + row * 4 + column < n && tile_column * 16 + lane < m) {
    const i64 v4 = batch * m_n + tile_row * m_16 + tile_column * 16 + row * m_4 + column * m + lane;
    out[v4] = __fadd_rn(total, bias[tile_column * 16 + lane]);
  }
}
