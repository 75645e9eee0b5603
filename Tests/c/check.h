/* The test harness of the C tests: one line "ok - name" or "not ok - name" per check, a summary as exit status.
 *
 * A program calls CHECK and EXPECT any number of times and ends with `return check_end();`. After a failed check it goes
 * on, so that one run shows all failures. REQUIRE is for what the rest of the program stands on.
 */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "martlet.h"

static int check_failures;

static inline int check_report(int good, const char *name, const char *file, int line) {
  if (good) {
    printf("ok - %s\n", name);
  } else {
    printf("not ok - %s (%s:%d)\n", name, file, line);
    check_failures++;
  }
  fflush(stdout);
  return good;
}

/* CHECK(condition, name) */
#define CHECK(condition, name) check_report((condition) ? 1 : 0, name, __FILE__, __LINE__)

static inline void check_skip(const char *name, const char *reason) {
  printf("ok - %s # SKIP %s\n", name, reason);
  fflush(stdout);
}

/* Whether a call returned this status and, if it should fail, left a one-line message that has this text. */
static inline int check_status(martlet_status status, martlet_status expected, const char *text, const char *call,
                               const char *file, int line) {
  const char *message = martlet_last_error();
  const int good = status == expected &&
                   (expected == MARTLET_OK || (strstr(message, text) != NULL && strchr(message, '\n') == NULL &&
                                               message[0] != '\0'));
  check_report(good, call, file, line);
  if (!good) {
    printf("#   expected %s with \"%s\", received %s with \"%s\"\n", martlet_status_name(expected), text,
           martlet_status_name(status), status == MARTLET_OK ? "" : message);
    fflush(stdout);
  }
  return good;
}

/* EXPECT(call, status, text): the call returns the status; the message of a failure contains the text. */
#define EXPECT(call, status, text) check_status((call), (status), (text), #call, __FILE__, __LINE__)
#define EXPECT_OK(call) EXPECT(call, MARTLET_OK, "")
#define EXPECT_INVALID(call, text) EXPECT(call, MARTLET_INVALID_ARGUMENT, text)

/* Prepares what is tested; if that fails the program has nothing to say. Silent when it goes well. */
#define REQUIRE(call)                                                                                                  \
  do {                                                                                                                 \
    const martlet_status require_status = (call);                                                                     \
    if (require_status != MARTLET_OK) {                                                                                \
      printf("not ok - %s: %s: %s (%s:%d)\n", #call, martlet_status_name(require_status), martlet_last_error(),       \
             __FILE__, __LINE__);                                                                                      \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static inline int check_end(void) { return check_failures == 0 ? 0 : 1; }

/* --- Small models and data that several tests use. --------------------------------------------------------- */

static inline martlet_array check_array(const void *data, int32_t rank, const int64_t *shape, int32_t type) {
  martlet_array array;
  array.data = data;
  array.shape = shape;
  array.rank = rank;
  array.type = type;
  return array;
}

/* Input [4], Dense "hidden" with 8 ReLU, Dense "output" with 3 softmax. */
static inline martlet_model *small_model(uint64_t seed) {
  martlet_model *model;
  martlet_node x;
  const int64_t shape[] = {4};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_RELU;
  hidden.name = "hidden";
  output.activation = MARTLET_SOFTMAX;
  output.name = "output";
  REQUIRE(martlet_model_create("small", seed, &model));
  REQUIRE(martlet_input(model, NULL, 1, shape, &x));
  REQUIRE(martlet_dense(model, x, 8, &hidden, &x));
  REQUIRE(martlet_dense(model, x, 3, &output, &x));
  REQUIRE(martlet_model_build(model, 1, &x));
  return model;
}

enum { SMALL_ROWS = 60 };

/* Three clusters on the axes, one class each: rows of 4 numbers and labels. */
static inline void small_data(float *x, int32_t *y) {
  uint32_t state = 12345;
  for (int i = 0; i < SMALL_ROWS; i++) {
    y[i] = i % 3;
    for (int j = 0; j < 4; j++) {
      state = state * 1664525u + 1013904223u;
      x[i * 4 + j] = (j == y[i] ? 1.0f : 0.0f) + (float)(state >> 8) / 16777216.0f * 0.5f;
    }
  }
}

/* A dataset of its own copy of small_data. */
static inline martlet_dataset *small_dataset(void) {
  static const int64_t x_shape[] = {SMALL_ROWS, 4}, y_shape[] = {SMALL_ROWS};
  float x[SMALL_ROWS * 4];
  int32_t y[SMALL_ROWS];
  martlet_dataset *dataset;
  small_data(x, y);
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 1, y_shape, MARTLET_INT32);
  REQUIRE(martlet_dataset_create(&xs, &ys, 1, &dataset));
  return dataset;
}

#endif
