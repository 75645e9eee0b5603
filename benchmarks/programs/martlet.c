/* Martlet as a C program uses it, for the comparison: `martlet FOLDER THREADS`.
 *
 * Answers the requests `training`, `predict` and `run` as benchmarks/worker.py describes them. FOLDER has the weights,
 * or the model file, and the rows and labels that benchmarks/workloads.py and models.py have written for the network.
 * The first thing that fails ends the program with the line "error REASON". */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <martlet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_LAYERS = 64, REQUEST_LENGTH = 1024 };

static const double MOMENTUM = 0.9;

static const char *folder;

/* What `run` repeats: training steps if there is a trainer, predictions of the same rows otherwise. */
static struct {
  martlet_model *model;
  martlet_trainer *trainer;
  int64_t inputs, classes, rows, batch; /* elements of a row, and of its result; rows in memory, and of a step */
  int32_t rank;
  int64_t shape[MARTLET_MAX_RANK]; /* of a batch; the number of its rows comes first */
  float *x, *y;
  int32_t *labels;
} prepared;

static void fail(const char *reason) {
  printf("error %s\n", reason);
  exit(1);
}

static void check(martlet_status status) {
  if (status != MARTLET_OK) fail(martlet_last_error());
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The first `count` elements of FOLDER/NETWORK.SUFFIX, of four bytes each. */
static void *read_elements(const char *network, const char *suffix, int64_t count) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.%s", folder, network, suffix);
  FILE *file = fopen(path, "rb");
  void *elements = malloc((size_t)count * 4);
  if (file == NULL || elements == NULL || fread(elements, 4, (size_t)count, file) != (size_t)count) fail(path);
  fclose(file);
  return elements;
}

static void release(void) {
  martlet_trainer_destroy(prepared.trainer);
  martlet_model_destroy(prepared.model);
  free(prepared.x), free(prepared.y), free(prepared.labels);
  memset(&prepared, 0, sizeof prepared);
}

/* 784-360-10: dense layers with ReLU between them and softmax at the end, with the weights of the file. */
static void make_dense_model(const char *network, float l2) {
  int64_t sizes[MAX_LAYERS + 1], weights = 0;
  int count = 0;
  for (const char *word = network; word != NULL; word = strchr(word, '-')) {
    if (*word == '-') word++;
    if (count > MAX_LAYERS) fail("too many layers");
    sizes[count++] = atoll(word);
  }
  for (int i = 1; i < count; i++) weights += (sizes[i - 1] + 1) * sizes[i];
  float *values = read_elements(network, "weights", weights), *next = values;

  martlet_node node;
  char name[32];
  check(martlet_model_create(network, 0, &prepared.model));
  check(martlet_input(prepared.model, NULL, 1, &sizes[0], &node));
  for (int i = 1; i < count; i++) {
    martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
    options.activation = i + 1 < count ? MARTLET_RELU : MARTLET_SOFTMAX;
    options.kernel_initializer.kind = MARTLET_ZEROS;
    options.kernel_regularizer.l2 = l2;
    options.name = name;
    snprintf(name, sizeof name, "layer%d", i);
    check(martlet_dense(prepared.model, node, sizes[i], &options, &node));
  }
  check(martlet_model_build(prepared.model, 1, &node));
  for (int i = 1; i < count; i++) {
    const int64_t kernel = sizes[i - 1] * sizes[i];
    snprintf(name, sizeof name, "layer%d", i);
    check(martlet_model_set_weight(prepared.model, name, "kernel", next, kernel));
    check(martlet_model_set_weight(prepared.model, name, "bias", next + kernel, sizes[i]));
    next += kernel + sizes[i];
  }
  free(values);
}

/* Layer sizes begin with a digit; other names are those of model files. */
static void make_model(const char *network, float l2) {
  if (isdigit((unsigned char)network[0])) {
    make_dense_model(network, l2);
  } else {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.h5", folder, network);
    check(martlet_model_load(path, &prepared.model));
  }
  int32_t rank;
  int64_t result[MARTLET_MAX_RANK];
  check(martlet_model_input_shape(prepared.model, 0, &prepared.rank, prepared.shape + 1));
  check(martlet_model_output_shape(prepared.model, 0, &rank, result));
  prepared.inputs = prepared.classes = 1;
  for (int i = 1; i <= prepared.rank; i++) prepared.inputs *= prepared.shape[i];
  for (int i = 0; i < rank; i++) prepared.classes *= result[i];
  prepared.rank++;
}

/* `count` rows in memory from `row` on. */
static martlet_array rows_from(int64_t row, int64_t count) {
  prepared.shape[0] = count;
  return (martlet_array){prepared.x + row * prepared.inputs, prepared.shape, prepared.rank, MARTLET_FLOAT32};
}

static void predict(void) {
  const martlet_array x = rows_from(0, prepared.rows);
  check(martlet_predict(prepared.model, &x, 1, prepared.y, prepared.rows * prepared.classes));
}

/* One step on the batch that starts at `row`; its loss. */
static double train(int64_t row) {
  const martlet_array x = rows_from(row, prepared.batch);
  const martlet_array y = {prepared.labels + row, prepared.shape, 1, MARTLET_INT32};
  martlet_metrics metrics;
  check(martlet_trainer_train_step(prepared.trainer, &x, 1, &y, 1, NULL, &metrics));
  return metrics.loss;
}

static void repeat(int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (prepared.trainer == NULL) {
      predict();
    } else {
      train(i * prepared.batch % prepared.rows);
    }
  }
}

static void answer_predict(const char *network, int64_t rows) {
  make_model(network, 0);
  prepared.rows = rows;
  prepared.x = read_elements(network, "inputs", rows * prepared.inputs);
  prepared.y = malloc((size_t)(rows * prepared.classes) * sizeof(float));
  if (prepared.y == NULL) fail("out of memory");
  predict();
  printf("ok");
  for (int64_t j = 0; j < prepared.classes; j++) printf(" %.9g", prepared.y[j]);
}

static void answer_training(const char *network, const char *optimizer, double rate, int64_t batch, int64_t rows,
                            float l2, int steps) {
  make_model(network, l2);
  prepared.rows = rows, prepared.batch = batch;
  prepared.x = read_elements(network, "inputs", rows * prepared.inputs);
  prepared.labels = read_elements(network, "labels", rows);
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.optimizer = strcmp(optimizer, "adam") == 0 ? MARTLET_ADAM : MARTLET_SGD;
  options.momentum = strcmp(optimizer, "momentum") == 0 ? MOMENTUM : 0;
  options.learning_rate = rate;
  check(martlet_trainer_create(prepared.model, &options, &prepared.trainer));
  printf("ok");
  for (int i = 0; i < steps; i++) printf(" %.17g", train(0));
}

static void answer_run(int64_t count) {
  if (prepared.model == NULL) fail("nothing is prepared");
  repeat(count / 10 + 1);
  const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  repeat(count);
  printf("ok %.9g %.9g", seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv) {
  char request[REQUEST_LENGTH], network[REQUEST_LENGTH], optimizer[REQUEST_LENGTH];
  long long count, batch;
  double rate;
  float l2;
  int steps;
  if (argc != 3) fail("usage: martlet FOLDER THREADS");
  folder = argv[1];
  check(martlet_set_threads(atoi(argv[2])));
  printf("ok Martlet %s, %s, from C\n", martlet_version_string(), martlet_instruction_set());
  fflush(stdout);
  while (fgets(request, sizeof request, stdin) != NULL) {
    if (sscanf(request, "run %lld", &count) == 1) {
      answer_run(count);
    } else if (sscanf(request, "predict %s %lld", network, &count) == 2) {
      release();
      answer_predict(network, count);
    } else if (sscanf(request, "training %s %s %lf %lld %lld %f %d", network, optimizer, &rate, &batch, &count, &l2,
                      &steps) == 7) {
      release();
      answer_training(network, optimizer, rate, batch, count, l2, steps);
    } else {
      fail("unknown request");
    }
    printf("\n");
    fflush(stdout);
  }
  release();
  return 0;
}
