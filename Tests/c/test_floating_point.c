/* The host's floating-point environment changes no bit of a training and is restored after every call: rounding mode on
 * all machines, flush-to-zero and denormals-are-zero on x86-64. The library computes with 0 for subnormal numbers. */
#include <fenv.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <float.h>

#include "check.h"

enum { KERNEL = 32, OUTPUT = 24, BIAS = 3, ALL = KERNEL + OUTPUT + BIAS };

static martlet_dataset *data; /* made before the environment changes: this program's own sums would change, too */
static float subnormal_weights[KERNEL];

/* Weights after some steps. The kernels start subnormal, so that they stay 0 only if such numbers are taken for it; the
 * bias sees rounding. */
static void train(float *weights) {
  martlet_model *m = small_model(2);
  martlet_trainer *trainer;
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  REQUIRE(martlet_model_set_weight(m, "hidden", "kernel", subnormal_weights, KERNEL));
  REQUIRE(martlet_model_set_weight(m, "output", "kernel", subnormal_weights, OUTPUT));
  options.epochs = 3;
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &options, NULL, NULL));
  REQUIRE(martlet_model_get_weight(m, "hidden", "kernel", weights, KERNEL));
  REQUIRE(martlet_model_get_weight(m, "output", "kernel", weights + KERNEL, OUTPUT));
  REQUIRE(martlet_model_get_weight(m, "output", "bias", weights + KERNEL + OUTPUT, BIAS));
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

/* What a host's callback computes, and in which environment. */
static struct {
  volatile float least;
  float half;
  int rounding;
} host = {FLT_MIN, 0, -1};

static int32_t compute(const martlet_progress *progress, void *payload) {
  (void)progress, (void)payload;
  host.half = host.least / 2;
  host.rounding = fegetround();
  return 0;
}

/* Callbacks run in the environment that a program starts in, whatever that of the caller is: with subnormal numbers. */
static void callbacks(void) {
  martlet_model *m = small_model(2);
  martlet_trainer *trainer;
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  host.half = 0, host.rounding = -1;
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &options, compute, NULL));
  CHECK(host.half == FLT_MIN / 2 && host.rounding == FE_TONEAREST, "a callback computes as the host's programs do");
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

int main(void) {
  float plain[ALL], other[ALL];
  int nonzero = 0;
  data = small_dataset();
  for (int i = 0; i < KERNEL; i++) subnormal_weights[i] = (float)((i % 7 - 3) * 1e-39);
  train(plain);
  for (int i = 0; i < KERNEL + OUTPUT; i++) nonzero += plain[i] != 0;
  CHECK(nonzero == 0, "subnormal weights are taken for 0");
  for (int i = KERNEL + OUTPUT; i < ALL; i++) nonzero += plain[i] != 0;
  CHECK(nonzero == BIAS, "the test trains a bias");

  const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  int same = 1, kept = 1;
  for (int i = 0; i < 3; i++) {
    fesetround(modes[i]);
    train(other);
    kept = kept && fegetround() == modes[i];
    fesetround(FE_TONEAREST);
    same = same && memcmp(plain, other, sizeof plain) == 0;
  }
  CHECK(same, "the host's rounding mode changes no bit");
  CHECK(kept, "the host's rounding mode is restored");
  fesetround(FE_UPWARD);
  callbacks();
  fesetround(FE_TONEAREST);

#if defined(__x86_64__)
  const unsigned int before = _mm_getcsr(), flushing = before | 0x8040; /* FTZ and DAZ */
  _mm_setcsr(flushing);
  train(other);
  const unsigned int after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(memcmp(plain, other, sizeof plain) == 0, "the host's flush-to-zero changes no bit");
  CHECK((after & 0x8040) == 0x8040, "the host's flush-to-zero is restored");
  _mm_setcsr(flushing);
  callbacks();
  _mm_setcsr(before);

  _mm_setcsr(flushing);
  const martlet_status status = martlet_set_threads(-1); /* also after a failure */
  const unsigned int after_failure = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(status == MARTLET_INVALID_ARGUMENT && (after_failure & 0x8040) == 0x8040, "and after a failed call");
#else
  check_skip("the host's flush-to-zero changes no bit", "not x86-64");
#endif
  martlet_dataset_destroy(data);
  return check_end();
}
