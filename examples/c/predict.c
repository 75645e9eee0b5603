/* Predicts with a model file.
 *
 *     predict MODEL.h5 < ROWS.csv
 *
 * Each line of the input is one row: the numbers of one input of the model, separated by commas or spaces. Each line of
 * the output has the class name (or number) and the outputs of all classes, separated by commas.
 */
#include <martlet.h>
#include <stdio.h>
#include <stdlib.h>

static void check(martlet_status status) {
  if (status != MARTLET_OK) {
    fprintf(stderr, "%s: %s\n", martlet_status_name(status), martlet_last_error());
    exit(1);
  }
}

static int64_t product(const int64_t *shape, int32_t rank) {
  int64_t count = 1;
  for (int32_t i = 0; i < rank; i++) count *= shape[i];
  return count;
}

/* All numbers of stdin. */
static float *read_numbers(int64_t *count) {
  size_t used = 0, room = 1024;
  float *values = malloc(room * sizeof *values);
  while (values != NULL && scanf("%f%*[, \t\r\n]", &values[used]) == 1) {
    if (++used == room) values = realloc(values, (room *= 2) * sizeof *values);
  }
  if (values == NULL || !feof(stdin)) {
    fprintf(stderr, "the input is not all numbers\n");
    exit(1);
  }
  *count = (int64_t)used;
  return values;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: predict MODEL.h5 < ROWS.csv\n");
    return 2;
  }
  martlet_model *model;
  check(martlet_model_load(argv[1], &model));

  /* Dimension 0 is the number of rows, the others are those of the model's input. */
  int64_t x_shape[MARTLET_MAX_RANK], y_shape[MARTLET_MAX_RANK], count;
  int32_t x_rank, y_rank, classes;
  check(martlet_model_input_shape(model, 0, &x_rank, &x_shape[1]));
  check(martlet_model_output_shape(model, 0, &y_rank, y_shape));
  check(martlet_model_class_count(model, &classes));
  const int64_t row = product(&x_shape[1], x_rank), outputs = product(y_shape, y_rank);

  float *x = read_numbers(&count);
  const int64_t rows = count / row;
  if (rows == 0 || rows * row != count) {
    fprintf(stderr, "the model takes rows of %ld numbers; the input has %ld numbers\n", (long)row, (long)count);
    return 1;
  }
  x_shape[0] = rows;
  const martlet_array array = {x, x_shape, x_rank + 1, MARTLET_FLOAT32};
  float *y = malloc((size_t)(rows * outputs) * sizeof *y);
  if (y == NULL) return 1;
  check(martlet_predict(model, &array, 1, y, rows * outputs));

  for (int64_t i = 0; i < rows; i++) {
    const float *p = &y[i * outputs];
    int32_t best = 0;
    for (int32_t j = 1; j < outputs; j++) {
      if (p[j] > p[best]) best = j;
    }
    const char *name;
    if (classes > 0) {
      check(martlet_model_class_name(model, best, &name));
      printf("%s", name);
    } else {
      printf("%d", (int)best);
    }
    for (int64_t j = 0; j < outputs; j++) printf(",%.9g", p[j]); /* 9 digits name a float exactly */
    printf("\n");
  }
  free(y);
  free(x);
  martlet_model_destroy(model);
  return 0;
}
