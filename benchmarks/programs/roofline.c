/* What the processors can do at most: `roofline THREADS`, compiled for the processor it runs on.
 *
 * Answers `run` as benchmarks/worker.py describes it, and in place of that file's other requests:
 *
 *     fma            ok FLOPS   of one repetition: independent multiply-adds in registers
 *     triad BYTES    ok BYTES   a = b + s c over three arrays of BYTES altogether, each byte counted once (STREAM)
 *     read BYTES     ok BYTES   the sum of one array: the least that streaming weights takes
 *
 * Each thread works on a part of its own, which stays where its first pass has brought it. */
#define _POSIX_C_SOURCE 200809L
#include "fma_peak.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 256, FMA_ROUNDS = 20000, REQUEST_LENGTH = 256, LANES = 16, SUMS = 8 };

static struct {
  char kind[REQUEST_LENGTH];
  size_t count; /* floats of each array */
  float *a, *b, *c;
} work;

static long repetitions;
static int thread_count;
static pthread_barrier_t barrier;
static double wall_seconds, cpu_seconds;
static volatile float sink;

static void fail(const char *reason) {
  printf("error %s\n", reason);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int has_avx512(void) { return __builtin_cpu_supports("avx512f") != 0; }

static void triad(float *restrict a, const float *restrict b, const float *restrict c, size_t count) {
  for (size_t i = 0; i < count; i++) a[i] = b[i] + 3.0f * c[i];
}

/* Enough sums at once that additions keep up with the loads. */
static float sum(const float *a, size_t count) {
  typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));
  vector sums[SUMS] = {{0}};
  float total = 0;
  size_t i = 0;
  for (; i + SUMS * LANES <= count; i += SUMS * LANES) {
    for (int j = 0; j < SUMS; j++) sums[j] += *(const vector *)(a + i + LANES * j);
  }
  for (int j = 1; j < SUMS; j++) sums[0] += sums[j];
  for (int j = 0; j < LANES; j++) total += sums[0][j];
  for (; i < count; i++) total += a[i];
  return total;
}

static void repeat(size_t thread, long count) {
  const size_t part = work.count / (size_t)thread_count, first = thread * part;
  for (long i = 0; i < count; i++) {
    if (work.kind[0] == 'f') sink = has_avx512() ? fma_peak_avx512(FMA_ROUNDS) : fma_peak_avx2(FMA_ROUNDS);
    if (work.kind[0] == 't') triad(work.a + first, work.b + first, work.c + first, part);
    if (work.kind[0] == 'r') sink = sum(work.a + first, part);
    __asm__ volatile("" ::: "memory"); /* or the compiler might do it once only */
  }
}

static void *run(void *argument) {
  const size_t thread = (size_t)argument;
  repeat(thread, repetitions / 10 + 1);
  pthread_barrier_wait(&barrier);
  const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  repeat(thread, repetitions);
  pthread_barrier_wait(&barrier);
  if (thread == 0) {
    wall_seconds = seconds(CLOCK_MONOTONIC) - wall;
    cpu_seconds = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  }
  return NULL;
}

static void answer_run(long count) {
  pthread_t threads[MAX_THREADS];
  repetitions = count;
  for (int i = 1; i < thread_count; i++) {
    if (pthread_create(&threads[i], NULL, run, (void *)(size_t)i) != 0) fail("cannot start a thread");
  }
  run(NULL);
  for (int i = 1; i < thread_count; i++) pthread_join(threads[i], NULL);
  printf("ok %.9g %.9g\n", wall_seconds, cpu_seconds);
}

static void prepare(const char *kind, size_t bytes) {
  const size_t arrays = strcmp(kind, "triad") == 0 ? 3 : 1;
  free(work.a);
  strcpy(work.kind, kind);
  work.count = bytes / sizeof(float) / arrays / (size_t)(LANES * thread_count) * (size_t)(LANES * thread_count);
  work.a = aligned_alloc(64, bytes + 64);
  if (work.a == NULL) fail("out of memory");
  memset(work.a, 0, bytes);
  work.b = work.a + work.count, work.c = work.b + work.count;
  printf("ok %.17g\n", (double)(arrays * work.count * sizeof(float)));
}

int main(int argc, char **argv) {
  char request[REQUEST_LENGTH], kind[REQUEST_LENGTH];
  long long number;
  if (argc != 2 || (thread_count = atoi(argv[1])) < 1 || thread_count > MAX_THREADS) fail("usage: roofline THREADS");
  pthread_barrier_init(&barrier, NULL, (unsigned)thread_count);
  printf("ok %s\n", has_avx512() ? "AVX-512" : "AVX2");
  fflush(stdout);
  while (fgets(request, sizeof request, stdin) != NULL) {
    if (sscanf(request, "run %lld", &number) == 1) {
      answer_run((long)number);
    } else if (strcmp(request, "fma\n") == 0) {
      strcpy(work.kind, "fma");
      printf("ok %.17g\n", thread_count * fma_peak_flops(FMA_ROUNDS, has_avx512() ? 16 : 8));
    } else if (sscanf(request, "%s %lld", kind, &number) == 2 && (!strcmp(kind, "triad") || !strcmp(kind, "read"))) {
      prepare(kind, (size_t)number);
    } else {
      fail("unknown request");
    }
    fflush(stdout);
  }
  free(work.a);
  return 0;
}
