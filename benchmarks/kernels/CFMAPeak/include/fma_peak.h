/* The speed of a loop of independent multiply-adds in registers: what no matrix product can exceed on this core. In C,
 * because Swift cannot compile one function for another instruction set than its module's. */
#ifndef MARTLET_FMA_PEAK_H
#define MARTLET_FMA_PEAK_H

/** Flops done by `fma_peak_*` for `rounds`: 16 chains of `lanes` multiply-adds. */
double fma_peak_flops(long rounds, int lanes);

/** Run the loop with vectors of 16 (AVX-512), 8 (AVX2 and FMA) or 4 floats (SSE2, multiply then add; NEON). The result
 * depends on all chains, so that none is left out. */
#if defined(__x86_64__)
float fma_peak_avx512(long rounds);
float fma_peak_avx2(long rounds);
#endif
float fma_peak_of_four(long rounds);

#endif
