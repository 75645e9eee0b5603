/* What Swift has no word for: the question which instructions the processor and the operating system offer, the
 * prefetch, and the square root of a vector. Everything is static inline, so there is nothing to link. */
#ifndef MARTLET_CPU_H
#define MARTLET_CPU_H

#include <stdbool.h>
#include <stdint.h>

/** Ask for the cache line at `address`, which will be written. Never faults. */
static inline void martlet_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/* Square roots of all lanes, each correctly rounded: one instruction. (Swift's `squareRoot()` goes lane by lane.) A
 * vector exists where the instruction set has registers for it. */
#define MARTLET_SQUARE_ROOT(LANES)                                                                        \
  typedef float martlet_float##LANES __attribute__((ext_vector_type(LANES)));                              \
  static inline __attribute__((always_inline)) martlet_float##LANES martlet_square_root##LANES(            \
      martlet_float##LANES x) {                                                                            \
    return __builtin_elementwise_sqrt(x);                                                                  \
  }

#if defined(__AVX512F__)
MARTLET_SQUARE_ROOT(16)
#elif defined(__AVX__)
MARTLET_SQUARE_ROOT(8)
#else
MARTLET_SQUARE_ROOT(4)
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
