// program main(x: f32[b,n,k], y: f32[b,k,m], bias: f32[m]) {
//   chain(in x, in y, in bias, out result0; b, (n+63)//64, (m+63)//64, max((k+511)//512, 1), k, n, n-1, k*n, m, m-1, k*m, m*512, m*16, m*n, m*64)
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

// b * ((n+63)//64) * ((m+63)//64) blocks of 256 threads
extern "C" __global__ void __launch_bounds__(256) chain_kernel(
    const float* x, const float* y, const float* bias, float* out, i64 b, i64 n_63_64 /* ((n+63)//64) */,
    i64 m_63_64 /* ((m+63)//64) */, i64 max_k_511_512_1 /* (max((k+511)//512, 1)) */, i64 k, i64 n,
    i64 n_1 /* (n-1) */, i64 k_n /* k*n */, i64 m, i64 m_1 /* (m-1) */, i64 k_m /* k*m */, i64 m_512 /* m*512 */,
    i64 m_16 /* m*16 */, i64 m_n /* m*n */, i64 m_64 /* m*64 */
) {
  __shared__ float left_slab[1040];
  __shared__ float right_slab[1040];
  const i64 batch = blockIdx.x / (n_63_64 * m_63_64);
  const i64 tile_row = blockIdx.x / m_63_64 % n_63_64;
  const i64 tile_column = blockIdx.x % m_63_64;
  const i64 row = threadIdx.x / 16;
  const i64 column = threadIdx.x % 16;
  float total[4][4];
  #pragma unroll
  for (i64 i = 0; i < 4; ++i) {
    #pragma unroll
    for (i64 v = 0; v < 4; ++v) {
      total[i][v] = -0.0f;
    }
  }
  for (i64 chunk = 0; chunk < max_k_511_512_1; ++chunk) {
    float part[4][4] = {};
    for (i64 slab = 0; slab < (least<i64>(512, k - chunk * 512) + 15) / 16; ++slab) {
      #pragma unroll
      for (i64 piece = 0; piece < 4; ++piece) {
        const i64 at0 = row + piece * 16;
        const i64 at1 = column;
        if (slab * 16 + at1 < least<i64>(512, k - chunk * 512)) {
          const i64 v1 = batch * k_n + chunk * 512 + slab * 16 + least<i64>(tile_row * 64 + at0, n_1) * k;
          left_slab[at0 + at1 * 65] = x[v1 + at1];
        }
      }
      #pragma unroll
      for (i64 piece_2 = 0; piece_2 < 4; ++piece_2) {
        const i64 at0_2 = (row * 16 + column) / 64 + piece_2 * 4;
        const i64 at1_2 = (row * 16 + column) % 64;
        if (slab * 16 + at0_2 < least<i64>(512, k - chunk * 512)) {
          const i64 v2 = batch * k_m + chunk * m_512 + slab * m_16 + at0_2 * m;
          right_slab[at0_2 * 65 + at1_2] = y[v2 + least<i64>(tile_column * 64 + at1_2, m_1)];
        }
      }
      __syncthreads();
      for (i64 round = 0; round < least<i64>(16, least<i64>(512, k - chunk * 512) - slab * 16); ++round) {
        float left[4] = {};
        float right[4] = {};
        #pragma unroll
        for (i64 i_3 = 0; i_3 < 4; ++i_3) {
          left[i_3] = left_slab[row + round * 65 + i_3 * 16];
        }
        #pragma unroll
        for (i64 i_4 = 0; i_4 < 4; ++i_4) {
          right[i_4] = right_slab[column + round * 65 + i_4 * 16];
        }
        #pragma unroll
        for (i64 i_5 = 0; i_5 < 4; ++i_5) {
          #pragma unroll
          for (i64 j = 0; j < 4; ++j) {
            part[i_5][j] = __fmaf_rn(left[i_5], right[j], part[i_5][j]);
          }
        }
      }
      __syncthreads();
    }
    #pragma unroll
    for (i64 i_6 = 0; i_6 < 4; ++i_6) {
      #pragma unroll
      for (i64 j_2 = 0; j_2 < 4; ++j_2) {
        total[i_6][j_2] = __fadd_rn(total[i_6][j_2], part[i_6][j_2]);
      }
    }
  }
  #pragma unroll
  for (i64 i_7 = 0; i_7 < 4; ++i_7) {
    #pragma unroll
    for (i64 j_3 = 0; j_3 < 4; ++j_3) {
      if (tile_row * 64 + row + i_7 * 16 < n && tile_column * 64 + column + j_3 * 16 < m) {
        const i64 v3 = batch * m_n + tile_row * m_64 + tile_column * 64 + row * m + column + i_7 * m_16;
        const float v4 = __fadd_rn(total[i_7][j_3], bias[tile_column * 64 + column + j_3 * 16]);
        out[v3 + j_3 * 16] = v4;
      }
    }
  }
}
