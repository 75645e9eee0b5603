/* What Swift has no word for: the question which instructions the processor and the operating system offer, prefetches,
 * and a few operations on vectors. Everything is static inline, so there is nothing to link. */
#ifndef MARTLET_CPU_H
#define MARTLET_CPU_H

#include <stdbool.h>
#include <stdint.h>

/** Ask for the cache line at `address`, which will be written. Never faults. */
static inline void martlet_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/** Ask for the cache line at `address`, which will be read soon. Never faults. */
static inline void martlet_prefetch_near(const void *address) { __builtin_prefetch(address); }

/** Ask for the cache line at `address` to come to the L2 cache, to be read later. Never faults. */
static inline void martlet_prefetch_far(const void *address) { __builtin_prefetch(address, 0, 2); }

/* Vectors of LANES floats: loads and stores of any alignment, halves, square roots of all lanes, each correctly
 * rounded, and the transpose of 4 lines of LANES elements into LANES lines of 4. Swift's own loads, stores and halves
 * are generic functions, which an optimiser may leave as calls; its `squareRoot()` goes lane by lane; it has no
 * shuffles. A vector exists where the instruction set has registers for it.
 *
 * The shuffles work on each quarter, 4 lanes, alike: low (a0 b0 a1 b1), high (a2 b2 a3 b3), low_pairs (a0 a1 b0 b1),
 * high_pairs (a2 a3 b2 b3). */
#define MARTLET_INLINE static inline __attribute__((always_inline))
#define MARTLET_SHUFFLE(LANES, NAME, ...)                                                                              \
  MARTLET_INLINE martlet_float##LANES martlet_##NAME##LANES(martlet_float##LANES a, martlet_float##LANES b) {          \
    return __builtin_shufflevector(a, b, __VA_ARGS__);                                                                 \
  }
#define MARTLET_VECTOR(LANES)                                                                                          \
  typedef float martlet_float##LANES __attribute__((ext_vector_type(LANES)));                                          \
  typedef martlet_float##LANES martlet_unaligned_float##LANES __attribute__((aligned(4)));                             \
  MARTLET_INLINE martlet_float##LANES martlet_load##LANES(const float *p) {                                            \
    return *(const martlet_unaligned_float##LANES *)p;                                                                 \
  }                                                                                                                    \
  MARTLET_INLINE void martlet_store##LANES(martlet_float##LANES x, float *p) {                                         \
    *(martlet_unaligned_float##LANES *)p = x;                                                                          \
  }                                                                                                                    \
  MARTLET_INLINE martlet_float##LANES martlet_square_root##LANES(martlet_float##LANES x) {                             \
    return __builtin_elementwise_sqrt(x);                                                                              \
  }
#define MARTLET_HALVES(LANES, HALF, LOW, HIGH)                                                                         \
  MARTLET_INLINE martlet_float##HALF martlet_low_half##LANES(martlet_float##LANES a) {                                 \
    return __builtin_shufflevector(a, a, MARTLET_UNPACK LOW);                                                          \
  }                                                                                                                    \
  MARTLET_INLINE martlet_float##HALF martlet_high_half##LANES(martlet_float##LANES a) {                                \
    return __builtin_shufflevector(a, a, MARTLET_UNPACK HIGH);                                                         \
  }
#define MARTLET_UNPACK(...) __VA_ARGS__
#define MARTLET_TRANSPOSE(LANES)                                                                                       \
  MARTLET_INLINE void martlet_transpose##LANES(const float *from, intptr_t from_stride, float *to,                     \
                                               intptr_t to_stride) {                                                   \
    const martlet_float##LANES a = martlet_load##LANES(from), b = martlet_load##LANES(from + from_stride);             \
    const martlet_float##LANES c = martlet_load##LANES(from + 2 * from_stride);                                        \
    const martlet_float##LANES d = martlet_load##LANES(from + 3 * from_stride);                                        \
    const martlet_float##LANES low_ab = martlet_low##LANES(a, b), high_ab = martlet_high##LANES(a, b);                 \
    const martlet_float##LANES low_cd = martlet_low##LANES(c, d), high_cd = martlet_high##LANES(c, d);                 \
    /* Quarter q of element j has what becomes line 4 q + j. */                                                        \
    const martlet_float##LANES lines[4] = {                                                                            \
        martlet_low_pairs##LANES(low_ab, low_cd), martlet_high_pairs##LANES(low_ab, low_cd),                           \
        martlet_low_pairs##LANES(high_ab, high_cd), martlet_high_pairs##LANES(high_ab, high_cd)};                      \
    for (int q = 0; q < LANES / 4; q++)                                                                                \
      for (int j = 0; j < 4; j++)                                                                                      \
        martlet_store4(((const martlet_float4 *)&lines[j])[q], to + (4 * q + j) * to_stride);                          \
  }

/** 8 floats at p in double, which Swift would convert one by one. */
typedef double martlet_double8 __attribute__((ext_vector_type(8)));
typedef float martlet_eight_floats __attribute__((ext_vector_type(8), aligned(4)));
MARTLET_INLINE martlet_double8 martlet_load_double8(const float *p) {
  return __builtin_convertvector(*(const martlet_eight_floats *)p, martlet_double8);
}

MARTLET_VECTOR(4)
MARTLET_SHUFFLE(4, low, 0, 4, 1, 5)
MARTLET_SHUFFLE(4, high, 2, 6, 3, 7)
MARTLET_SHUFFLE(4, low_pairs, 0, 1, 4, 5)
MARTLET_SHUFFLE(4, high_pairs, 2, 3, 6, 7)
MARTLET_TRANSPOSE(4)

/** Four bytes at p as floats. */
MARTLET_INLINE martlet_float4 martlet_load_bytes4(const uint8_t *p) {
  typedef uint8_t bytes __attribute__((ext_vector_type(4), aligned(1)));
  return __builtin_convertvector(*(const bytes *)p, martlet_float4);
}

#if defined(__AVX__)
MARTLET_VECTOR(8)
MARTLET_SHUFFLE(8, low, 0, 8, 1, 9, 4, 12, 5, 13)
MARTLET_SHUFFLE(8, high, 2, 10, 3, 11, 6, 14, 7, 15)
MARTLET_SHUFFLE(8, low_pairs, 0, 1, 8, 9, 4, 5, 12, 13)
MARTLET_SHUFFLE(8, high_pairs, 2, 3, 10, 11, 6, 7, 14, 15)
MARTLET_TRANSPOSE(8)
MARTLET_HALVES(8, 4, (0, 1, 2, 3), (4, 5, 6, 7))
#endif
#if defined(__AVX512F__)
MARTLET_VECTOR(16)
MARTLET_SHUFFLE(16, low, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
MARTLET_SHUFFLE(16, high, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
MARTLET_SHUFFLE(16, low_pairs, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
MARTLET_SHUFFLE(16, high_pairs, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
MARTLET_TRANSPOSE(16)
MARTLET_HALVES(16, 8, (0, 1, 2, 3, 4, 5, 6, 7), (8, 9, 10, 11, 12, 13, 14, 15))

/** Write the first `lanes` <= 16 lanes to p. */
MARTLET_INLINE void martlet_store_part16(martlet_float16 x, float *p, intptr_t lanes) {
  __builtin_ia32_storeups512_mask(p, x, (unsigned short)((1u << lanes) - 1));
}

/** The first `lanes` <= 16 bytes at p as floats, zero in the other lanes; memory beyond them is not touched. */
MARTLET_INLINE martlet_float16 martlet_load_bytes16(const uint8_t *p, intptr_t lanes) {
  typedef uint8_t bytes __attribute__((ext_vector_type(16), aligned(1)));
  typedef char mask_bytes __attribute__((vector_size(16)));
  const bytes b = (bytes)__builtin_ia32_loaddquqi128_mask((const mask_bytes *)p, (mask_bytes){0},
                                                         (unsigned short)((1u << lanes) - 1));
  return __builtin_convertvector(b, martlet_float16);
}

/** Four lines of 16 elements as four vectors: quarter q of vector j has element 4 q + j of each line. */
MARTLET_INLINE void martlet_quarters16(const float *from, intptr_t from_stride, martlet_float16 to[4]) {
  const martlet_float16 a = martlet_load16(from), b = martlet_load16(from + from_stride);
  const martlet_float16 c = martlet_load16(from + 2 * from_stride), d = martlet_load16(from + 3 * from_stride);
  const martlet_float16 low_ab = martlet_low16(a, b), high_ab = martlet_high16(a, b);
  const martlet_float16 low_cd = martlet_low16(c, d), high_cd = martlet_high16(c, d);
  to[0] = martlet_low_pairs16(low_ab, low_cd), to[1] = martlet_high_pairs16(low_ab, low_cd);
  to[2] = martlet_low_pairs16(high_ab, high_cd), to[3] = martlet_high_pairs16(high_ab, high_cd);
}

/* Quarters P and Q of A, then R and S of B. */
#define MARTLET_QUARTERS(A, B, P, Q, R, S)                                                                             \
  __builtin_shufflevector(A, B, 4 * P, 4 * P + 1, 4 * P + 2, 4 * P + 3, 4 * Q, 4 * Q + 1, 4 * Q + 2, 4 * Q + 3,        \
                          16 + 4 * R, 17 + 4 * R, 18 + 4 * R, 19 + 4 * R, 16 + 4 * S, 17 + 4 * S, 18 + 4 * S,          \
                          19 + 4 * S)

/** 12 lines of 16 elements become 16 adjacent lines of 12. */
MARTLET_INLINE void martlet_transpose12x16(const float *from, intptr_t from_stride, float *to) {
  martlet_float16 groups[3][4];
  for (int g = 0; g < 3; g++) martlet_quarters16(from + 4 * g * from_stride, from_stride, groups[g]);
  for (int j = 0; j < 4; j++) {
    const martlet_float16 front = MARTLET_QUARTERS(groups[0][j], groups[1][j], 0, 1, 0, 1);
    const martlet_float16 back = MARTLET_QUARTERS(groups[0][j], groups[1][j], 2, 3, 2, 3);
    martlet_store_part16(MARTLET_QUARTERS(front, groups[2][j], 0, 2, 0, 0), to + 12 * j, 12);
    martlet_store_part16(MARTLET_QUARTERS(front, groups[2][j], 1, 3, 1, 1), to + 12 * (j + 4), 12);
    martlet_store_part16(MARTLET_QUARTERS(back, groups[2][j], 0, 2, 2, 2), to + 12 * (j + 8), 12);
    martlet_store_part16(MARTLET_QUARTERS(back, groups[2][j], 1, 3, 3, 3), to + 12 * (j + 12), 12);
  }
}

/** 16 lines of 16 elements become as many. */
MARTLET_INLINE void martlet_transpose16x16(const float *from, intptr_t from_stride, float *to, intptr_t to_stride) {
  martlet_float16 groups[4][4];
  for (int g = 0; g < 4; g++) martlet_quarters16(from + 4 * g * from_stride, from_stride, groups[g]);
  for (int j = 0; j < 4; j++) {
    const martlet_float16 front_ab = MARTLET_QUARTERS(groups[0][j], groups[1][j], 0, 1, 0, 1);
    const martlet_float16 front_cd = MARTLET_QUARTERS(groups[2][j], groups[3][j], 0, 1, 0, 1);
    const martlet_float16 back_ab = MARTLET_QUARTERS(groups[0][j], groups[1][j], 2, 3, 2, 3);
    const martlet_float16 back_cd = MARTLET_QUARTERS(groups[2][j], groups[3][j], 2, 3, 2, 3);
    martlet_store16(MARTLET_QUARTERS(front_ab, front_cd, 0, 2, 0, 2), to + j * to_stride);
    martlet_store16(MARTLET_QUARTERS(front_ab, front_cd, 1, 3, 1, 3), to + (j + 4) * to_stride);
    martlet_store16(MARTLET_QUARTERS(back_ab, back_cd, 0, 2, 0, 2), to + (j + 8) * to_stride);
    martlet_store16(MARTLET_QUARTERS(back_ab, back_cd, 1, 3, 1, 3), to + (j + 12) * to_stride);
  }
}
#undef MARTLET_QUARTERS

/** The first `lanes` <= 16 floats at p, zero in the other lanes; memory beyond them is not touched. */
MARTLET_INLINE martlet_float16 martlet_load_part16(const float *p, intptr_t lanes) {
  return __builtin_ia32_loadups512_mask(p, (martlet_float16)(0.0f), (unsigned short)((1u << lanes) - 1));
}
#endif

#if defined(__x86_64__)
#include <cpuid.h>

/** Whether the operating system saves all of these register states (bits of XCR0). */
static inline bool martlet_saves_registers(uint32_t states) {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & states) == states;
}

static inline bool martlet_has_bits(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

/** x86-64-v3: AVX, AVX2, BMI1, BMI2, F16C, FMA, LZCNT, MOVBE and the operating system's support of their registers. */
static inline bool martlet_cpu_is_v3(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  if (!martlet_has_bits(c, bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C)) return false;
  if (!martlet_saves_registers(0x6)) return false; /* xmm, ymm */
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if (!martlet_has_bits(b, bit_BMI | bit_AVX2 | bit_BMI2)) return false;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d)) return false;
  return martlet_has_bits(c, bit_LZCNT);
}

/** x86-64-v4: v3 and AVX-512 F, BW, CD, DQ, VL. */
static inline bool martlet_cpu_is_v4(void) {
  uint32_t a, b, c, d;
  if (!martlet_cpu_is_v3() || !martlet_saves_registers(0xe6)) return false; /* xmm, ymm, masks, zmm */
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return martlet_has_bits(b, bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL);
}
#else
static inline bool martlet_cpu_is_v3(void) { return false; }
static inline bool martlet_cpu_is_v4(void) { return false; }
#endif

#endif /* MARTLET_CPU_H */
