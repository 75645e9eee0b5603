/* After the first training step with the largest batch no step allocates, and predictions of as many rows as one before
 * allocate the two lists of their arguments only. The functions below take the place of the C
 * library's for the whole process, because the dynamic linker looks in the program first; they count and pass on. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static long allocations;
static void count(void) { __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void *realloc(void *block, size_t size) {
  count();
  return __libc_realloc(block, size);
}
void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **block, size_t alignment, size_t size) {
  count();
  *block = __libc_memalign(alignment, size);
  return *block == NULL ? ENOMEM : 0;
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  count();
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

enum { ROWS = 96 };
static float x[ROWS * 64];
static int32_t y[ROWS];
static float weights[ROWS];

static martlet_status step(martlet_trainer *trainer, int64_t rows) {
  const int64_t x_shape[] = {rows, 64}, y_shape[] = {rows};
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 1, y_shape, MARTLET_INT32);
  martlet_metrics metrics;
  return martlet_trainer_train_step(trainer, &xs, 1, &ys, 1, NULL, &metrics);
}

/* The same rows for two inputs, labels and numbers for two outputs, weights for all. */
static martlet_status step_of_several(martlet_trainer *trainer, int64_t rows) {
  const int64_t x_shape[] = {rows, 64}, y_shape[] = {rows};
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 1, y_shape, MARTLET_INT32);
  const martlet_array inputs[] = {xs, xs}, targets[] = {ys, ys};
  martlet_metrics metrics;
  martlet_status status = martlet_trainer_train_step(trainer, inputs, 2, targets, 2, weights, &metrics);
  if (status == MARTLET_OK) status = martlet_trainer_output_metrics(trainer, 1, &metrics, NULL);
  return status;
}

/* Fifty steps with batches of different sizes after a first one with the largest. */
static void count_steps(martlet_trainer *trainer, martlet_status (*one_step)(martlet_trainer *, int64_t),
                        const char *name) {
  const long before_the_first = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
  REQUIRE(one_step(trainer, ROWS));
  const long before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
  martlet_status status = MARTLET_OK;
  for (int i = 0; i < 50 && status == MARTLET_OK; i++) status = one_step(trainer, i % 3 == 0 ? ROWS : 1 + i % ROWS);
  const long after = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
  CHECK(status == MARTLET_OK, "fifty steps");
  if (!CHECK(after == before, name)) printf("#   %ld allocations in 50 steps\n", after - before);
  CHECK(before > before_the_first, "the count sees the allocations of the first step");
}

static void several(int32_t threads, const char *name) {
  martlet_model *m;
  martlet_node a, b, both[2], outputs[2];
  const int64_t shape[] = {64};
  const float class_weights[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, classes = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_RELU;
  classes.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_set_threads(threads));
  REQUIRE(martlet_model_create(NULL, 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &a));
  REQUIRE(martlet_input(m, NULL, 1, shape, &b));
  both[0] = a, both[1] = b;
  REQUIRE(martlet_concatenate(m, 2, both, -1, NULL, &a));
  REQUIRE(martlet_dense(m, a, 100, &hidden, &a));
  REQUIRE(martlet_dense(m, a, 10, &classes, &outputs[0]));
  REQUIRE(martlet_dense(m, a, 1, NULL, &outputs[1]));
  REQUIRE(martlet_model_build(m, 2, outputs));
  martlet_loss losses[2] = {MARTLET_LOSS_INIT, MARTLET_LOSS_INIT};
  losses[0].class_weights = class_weights, losses[0].class_count = 10;
  losses[1].kind = MARTLET_MEAN_SQUARED_ERROR, losses[1].weight = 0.1;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.losses = losses, options.loss_count = 2;
  options.learning_rate = 0.001;
  martlet_trainer *trainer;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  count_steps(trainer, step_of_several, name);
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

static martlet_trainer_options with_optimizer(int32_t optimizer) {
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.optimizer = optimizer;
  options.learning_rate = 0.001;
  return options;
}

static void steps(int32_t threads, martlet_trainer_options options, const char *name) {
  martlet_model *m;
  martlet_node node;
  const int64_t shape[] = {64};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_GELU; /* keeps its input in training */
  hidden.kernel_regularizer.l2 = 1e-4f;
  hidden.kernel_constraint.kind = MARTLET_MAX_NORM;
  hidden.kernel_constraint.value = 2;
  hidden.bias_constraint.kind = MARTLET_UNIT_NORM;
  output.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_set_threads(threads));
  REQUIRE(martlet_model_create(NULL, 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &node));
  REQUIRE(martlet_dense(m, node, 300, &hidden, &node));
  REQUIRE(martlet_dropout(m, node, 0.25, NULL, &node));
  const int64_t rows_of_20[] = {-1, 20};
  const int32_t transposed[] = {2, 1};
  REQUIRE(martlet_reshape(m, node, 2, rows_of_20, NULL, &node));
  REQUIRE(martlet_permute(m, node, 2, transposed, NULL, &node));
  REQUIRE(martlet_flatten(m, node, NULL, &node));
  REQUIRE(martlet_gaussian_noise(m, node, 0.1, NULL, &node));
  REQUIRE(martlet_activity_regularization(m, node, 0.001f, 0.001f, NULL, &node));
  REQUIRE(martlet_dense(m, node, 300, &hidden, &node));
  REQUIRE(martlet_activation(m, node, MARTLET_LEAKY_RELU, 0.2f, NULL, &node));
  REQUIRE(martlet_dense(m, node, 10, &output, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  martlet_trainer *trainer;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  count_steps(trainer, step, name);
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

/* The layers over images, of rows of 4 x 4 pixels with 4 channels. */
static void images(int32_t threads, const char *name) {
  martlet_model *m;
  martlet_node node, other;
  const int64_t shape[] = {64}, image[] = {4, 4, 4};
  martlet_conv_options same = MARTLET_CONV_OPTIONS_INIT, groups = MARTLET_CONV_OPTIONS_INIT;
  martlet_pooling_options overlapping = MARTLET_POOLING_OPTIONS_INIT;
  martlet_dense_options output = MARTLET_DENSE_OPTIONS_INIT;
  same.padding = groups.padding = overlapping.padding = MARTLET_SAME;
  same.activation = MARTLET_RELU;
  groups.activation = MARTLET_GELU; /* keeps its input in training */
  groups.groups = 2;
  overlapping.strides[0] = overlapping.strides[1] = 1;
  output.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_set_threads(threads));
  REQUIRE(martlet_model_create(NULL, 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &node));
  REQUIRE(martlet_reshape(m, node, 3, image, NULL, &node));
  const double some[] = {0, 0.5};
  REQUIRE(martlet_random_flip(m, node, MARTLET_FLIP_HORIZONTAL, NULL, &node));
  REQUIRE(martlet_conv2d(m, node, 40, 3, 3, &same, &node));
  REQUIRE(martlet_random_rotation(m, node, some, NULL, &node));
  REQUIRE(martlet_random_contrast(m, node, some, NULL, NULL, &node));
  REQUIRE(martlet_random_erasing(m, node, NULL, &node));
  REQUIRE(martlet_batch_normalization(m, node, NULL, &node));
  REQUIRE(martlet_conv2d(m, node, 40, 3, 3, &groups, &node));
  REQUIRE(martlet_max_pooling2d(m, node, 2, 2, &overlapping, &node));
  REQUIRE(martlet_depthwise_conv2d(m, node, 3, 3, &same, &other));
  martlet_node both[] = {node, other};
  REQUIRE(martlet_add(m, 2, both, NULL, &node));
  REQUIRE(martlet_separable_conv2d(m, node, 20, 3, 3, &same, &node));
  REQUIRE(martlet_average_pooling2d(m, node, 2, 2, NULL, &node));
  REQUIRE(martlet_conv2d_transpose(m, node, 20, 3, 3, &same, &node));
  REQUIRE(martlet_global_average_pooling(m, node, 0, NULL, &node));
  REQUIRE(martlet_dense(m, node, 10, &output, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  martlet_trainer *trainer;
  martlet_trainer_options options = with_optimizer(MARTLET_ADAM);
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  count_steps(trainer, step, name);
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

/* Convolutions by tiles, whose kernels are transformed once: fifty predictions of each batch after a first one, when a
 * weight has changed. */
static void predictions(int32_t threads, const char *name) {
  martlet_model *m;
  martlet_node node;
  const int64_t shape[] = {64}, image[] = {8, 8, 1};
  martlet_conv_options same = MARTLET_CONV_OPTIONS_INIT;
  same.padding = MARTLET_SAME;
  same.activation = MARTLET_RELU;
  REQUIRE(martlet_set_threads(threads));
  REQUIRE(martlet_model_create(NULL, 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &node));
  REQUIRE(martlet_reshape(m, node, 3, image, NULL, &node));
  REQUIRE(martlet_conv2d(m, node, 32, 3, 3, &same, &node));
  REQUIRE(martlet_conv2d(m, node, 32, 3, 3, &same, &node));
  REQUIRE(martlet_batch_normalization(m, node, NULL, &node));
  REQUIRE(martlet_conv2d(m, node, 48, 3, 3, &same, &node));
  REQUIRE(martlet_global_average_pooling(m, node, 0, NULL, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  static float outputs[2][ROWS * 48], bias[32];
  for (int64_t rows = 1; rows <= ROWS; rows += ROWS - 1) {
    const int64_t x_shape[] = {rows, 64};
    const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32);
    const long before_the_first = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    REQUIRE(martlet_predict(m, &xs, 1, outputs[0], rows * 48));
    for (int i = 0; i < 32; i++) bias[i] += 0.5f;
    REQUIRE(martlet_model_set_weight(m, "conv2d_1", "bias", bias, 32));
    const long before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    martlet_status status = MARTLET_OK;
    for (int i = 0; i < 50 && status == MARTLET_OK; i++) status = martlet_predict(m, &xs, 1, outputs[1], rows * 48);
    const long after = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    CHECK(status == MARTLET_OK, "fifty predictions");
    if (!CHECK(after - before <= 2 * 50, name)) printf("#   %ld allocations in 50 predictions\n", after - before);
    CHECK(before > before_the_first, "the count sees the allocations of the first prediction");
    CHECK(outputs[0][0] != outputs[1][0], "predictions follow the weights");
  }
  martlet_model_destroy(m);
}

int main(void) {
  for (int i = 0; i < ROWS * 64; i++) x[i] = (float)(i * 7919 % 1000) / 1000;
  for (int i = 0; i < ROWS; i++) y[i] = i % 10, weights[i] = (float)(i % 4);
  martlet_trainer_options momentum = with_optimizer(MARTLET_SGD), all = with_optimizer(MARTLET_NADAM), norm = momentum;
  momentum.momentum = 0.9;
  steps(1, momentum, "no allocation in a step with momentum, 1 thread");
  steps(1, with_optimizer(MARTLET_ADAM), "no allocation in a step with Adam, 1 thread");
  steps(4, with_optimizer(MARTLET_ADAM), "no allocation in a step with Adam, 4 threads");
  all.global_clip_norm = 0.1, all.accumulation_steps = 2, all.ema_momentum = 0.9, all.weight_decay = 0.01;
  all.ema_overwrite_frequency = 2;
  steps(1, all, "no allocation in a step with Nadam, clipping, accumulation and an average, 1 thread");
  steps(4, all, "no allocation in a step with Nadam, clipping, accumulation and an average, 4 threads");
  norm.clip_norm = 0.1;
  steps(1, norm, "no allocation in a step with clipping by norm, 1 thread");
  images(1, "no allocation in a step of a convolutional network, 1 thread");
  images(4, "no allocation in a step of a convolutional network, 4 threads");
  several(1, "no allocation in a step with several inputs and outputs and weights, 1 thread");
  several(4, "no allocation in a step with several inputs and outputs and weights, 4 threads");
  predictions(1, "two lists in a prediction by a convolutional network, 1 thread");
  predictions(4, "two lists in a prediction by a convolutional network, 4 threads");
  return check_end();
}
