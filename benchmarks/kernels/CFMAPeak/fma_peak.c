/* See fma_peak.h. 8 to 10 chains hide the latency of every FMA unit so far; 16 registers of accumulators would spill
 * with AVX2 and SSE, so those have 12 and 8 chains. */
#include "fma_peak.h"

enum { CHAINS_512 = 16, CHAINS_256 = 12, CHAINS_128 = 12 };

double fma_peak_flops(long rounds, int lanes) {
  const int chains = lanes == 16 ? CHAINS_512 : lanes == 8 ? CHAINS_256 : CHAINS_128;
  return 2.0 * (double)rounds * chains * lanes;
}

#define PEAK(NAME, TARGET, VECTOR, CHAINS, SET, MULTIPLY_ADD)            \
  __attribute__((target(TARGET))) float NAME(long rounds) {              \
    VECTOR chain[CHAINS];                                                \
    const VECTOR x = SET(0.999f), y = SET(1e-3f);                        \
    for (int i = 0; i < CHAINS; i++) chain[i] = SET((float)i);           \
    for (long k = 0; k < rounds; k++) {                                  \
      _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++)          \
        chain[i] = MULTIPLY_ADD(chain[i], x, y);                         \
    }                                                                    \
    float sum = 0;                                                       \
    for (int i = 0; i < CHAINS; i++) sum += ((const float *)&chain[i])[0]; \
    return sum;                                                          \
  }

#if defined(__x86_64__)
#include <immintrin.h>
#define MULTIPLY_THEN_ADD(A, X, Y) _mm_add_ps(_mm_mul_ps(A, X), Y)
PEAK(fma_peak_avx512, "avx512f", __m512, CHAINS_512, _mm512_set1_ps, _mm512_fmadd_ps)
PEAK(fma_peak_avx2, "avx2,fma", __m256, CHAINS_256, _mm256_set1_ps, _mm256_fmadd_ps)
PEAK(fma_peak_of_four, "sse2", __m128, CHAINS_128, _mm_set1_ps, MULTIPLY_THEN_ADD)
#elif defined(__aarch64__)
#include <arm_neon.h>
#define MULTIPLY_ADD_LAST(A, X, Y) vfmaq_f32(Y, A, X)
PEAK(fma_peak_of_four, "+simd", float32x4_t, CHAINS_128, vdupq_n_f32, MULTIPLY_ADD_LAST)
#endif
