/* Transfer learning: a network that knows some classes learns others from few images.
 *
 *     transfer_learning MODEL.h5                         on images that are made here
 *     transfer_learning MODEL.h5 SOURCE.h5 TARGET.h5     on those that transfer_learning.py --write has written
 *
 * A small residual network is trained on the many images of SOURCE.h5 and saved as a Keras file. That is loaded, its head
 * cut off and the rest frozen. What the rest computes of the few images of TARGET.h5 is written to a file once, and a new
 * head is trained on it. Then both are put together, fine-tuned at a lower rate, and saved as MODEL.h5. The same network
 * trained from scratch on the few images is what it must beat. Any Keras file can stand in the place of the first.
 */
#include <inttypes.h>
#include <martlet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CLASSES 5

static void check(martlet_status status) {
  if (status != MARTLET_OK) {
    fprintf(stderr, "%s: %s\n", martlet_status_name(status), martlet_last_error());
    exit(1);
  }
}

/* ----- Data ----- */

typedef struct {
  martlet_dataset *training, *test;
} sets;

static sets open_sets(const char *path) {
  sets s;
  check(martlet_dataset_open(path, "x_train", "y_train", &s.training));
  check(martlet_dataset_open(path, "x_test", "y_test", &s.test));
  return s;
}

static double uniform(uint64_t *state) { /* of a linear congruential generator */
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 40) / (1 << 24);
}

/* Five patterns of a width, in noise: `count` images of 16 x 16 pixels as bytes. */
static martlet_dataset *generated(int64_t count, double frequency, uint64_t seed) {
  enum { SIDE = 16 };
  const double turn = 6.283185307179586;
  uint8_t *x = malloc((size_t)count * SIDE * SIDE * 3);
  int32_t *y = malloc((size_t)count * sizeof *y);
  if (x == NULL || y == NULL) exit(1);
  for (int64_t n = 0; n < count; n++) {
    const int32_t kind = y[n] = (int32_t)(n % CLASSES);
    const double p = turn * uniform(&seed), q = turn * uniform(&seed);
    for (int64_t i = 0; i < SIDE; i++)
      for (int64_t j = 0; j < SIDE; j++) {
        const double f = frequency, down = (double)i, across = (double)j;
        const double pattern = kind == 0   ? sin(f * across + p)
                               : kind == 1 ? sin(f * down + p)
                               : kind == 2 ? sin(f * across + p) * sin(f * down + q)
                               : kind == 3 ? sin(f * hypot(across - 7.5, down - 7.5) + p)
                                           : sin(f * (across + down) + p) * sin(f * (across - down) + q);
        for (int64_t c = 0; c < 3; c++) {
          double noise = 0; /* of variance 1 */
          for (int k = 0; k < 12; k++) noise += uniform(&seed) - 0.5;
          const double value = 128 + 40 * pattern + 130 * noise;
          x[((n * SIDE + i) * SIDE + j) * 3 + c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
      }
  }
  const int64_t images[] = {count, SIDE, SIDE, 3}, labels[] = {count};
  const martlet_array inputs = {x, images, 4, MARTLET_UINT8}, targets = {y, labels, 1, MARTLET_INT32};
  martlet_dataset *data;
  check(martlet_dataset_create(&inputs, &targets, 1, &data)); /* 1: it has copies */
  free(x);
  free(y);
  return data;
}

static void close_sets(sets s) {
  martlet_dataset_destroy(s.training);
  martlet_dataset_destroy(s.test);
}

/* ----- Networks ----- */

static martlet_node convolved(martlet_model *m, martlet_node x, int64_t filters, int64_t side, int64_t stride,
                              int32_t activates) {
  martlet_conv_options options = MARTLET_CONV_OPTIONS_INIT;
  options.padding = MARTLET_SAME;
  options.strides[0] = options.strides[1] = stride;
  options.use_bias = 0;
  martlet_batch_normalization_options normalization = MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT;
  normalization.momentum = 0.9; /* few images make few steps: the moving statistics must follow them fast */
  check(martlet_conv2d(m, x, filters, side, side, &options, &x));
  check(martlet_batch_normalization(m, x, &normalization, &x));
  if (activates) check(martlet_activation(m, x, MARTLET_RELU, 0, NULL, &x));
  return x;
}

/* Three stages of a residual block each, down to 64 numbers, "features", and a classifier. */
static martlet_model *residual_network(const int64_t *shape, uint64_t seed) {
  martlet_model *m;
  martlet_node x;
  check(martlet_model_create("residual", seed, &m));
  check(martlet_input(m, "image", 3, shape, &x));
  check(martlet_rescaling(m, x, 1 / 127.5, -1, NULL, &x));
  x = convolved(m, x, 16, 3, 1, 1);
  for (int64_t filters = 16; filters <= 64; filters *= 2) {
    const int64_t stride = filters == 16 ? 1 : 2;
    martlet_node branches[2] = {x, 0};
    if (stride == 2) branches[0] = convolved(m, x, filters, 1, 2, 0);
    branches[1] = convolved(m, convolved(m, x, filters, 3, stride, 1), filters, 3, 1, 0);
    check(martlet_add(m, 2, branches, NULL, &x));
    check(martlet_activation(m, x, MARTLET_RELU, 0, NULL, &x));
  }
  martlet_dense_options classes = MARTLET_DENSE_OPTIONS_INIT;
  classes.activation = MARTLET_SOFTMAX;
  classes.name = "classes";
  check(martlet_global_average_pooling(m, x, 0, "features", &x));
  check(martlet_dense(m, x, CLASSES, &classes, &x));
  check(martlet_model_build(m, 1, &x));
  return m;
}

/* Models one after the other. Augmented, a random half of the images is mirrored in training, and all are moved a little. */
static martlet_model *chain(const char *name, const int64_t *shape, martlet_model *first, martlet_model *second,
                            int32_t augmented) {
  const double tenth[] = {-0.1, 0.1};
  martlet_model *m, *parts[] = {first, second};
  martlet_submodel_options options = MARTLET_SUBMODEL_OPTIONS_INIT;
  martlet_node x;
  options.inference = second != NULL; /* statistics of a base that is kept stay as they are */
  check(martlet_model_create(name, 1, &m));
  check(martlet_input(m, "image", 3, shape, &x));
  if (augmented) {
    check(martlet_random_flip(m, x, MARTLET_FLIP_HORIZONTAL, NULL, &x));
    check(martlet_random_translation(m, x, tenth, tenth, NULL, &x));
  }
  for (int i = 0; i < 2; i++)
    if (parts[i] != NULL) check(martlet_submodel(m, parts[i], 1, &x, &options, 1, &x));
  check(martlet_model_build(m, 1, &x));
  return m;
}

static void train(martlet_model *m, martlet_dataset *data, double rate, int64_t epochs, int64_t batch) {
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  martlet_trainer *trainer;
  options.optimizer = MARTLET_ADAM;
  options.learning_rate = rate;
  fit.epochs = epochs;
  fit.batch_size = batch;
  check(martlet_trainer_create(m, &options, &trainer));
  check(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  martlet_trainer_destroy(trainer);
}

static double accuracy(martlet_model *m, martlet_dataset *data) {
  martlet_trainer *trainer;
  martlet_metrics metrics;
  check(martlet_trainer_create(m, NULL, &trainer));
  check(martlet_trainer_evaluate(trainer, data, NULL, NULL, &metrics));
  martlet_trainer_destroy(trainer);
  return 100 * metrics.accuracy;
}

/* A new head on the part of a Keras file up to its layer "features", trained on what that computes of the few images;
 * then all of it at a lower rate. */
static martlet_model *transferred(const char *file, const int64_t *shape, sets few, double *frozen) {
  martlet_model *known, *base, *head, *model;
  martlet_dataset *features;
  check(martlet_model_load(file, &known));
  check(martlet_model_cut(known, "features", &base, NULL));
  check(martlet_model_set_trainable(base, NULL, 0));
  check(martlet_write_features(base, few.training, "features.h5"));
  check(martlet_dataset_open("features.h5", "x", "y", &features));

  int32_t rank;
  int64_t row[MARTLET_MAX_RANK];
  martlet_node x;
  martlet_dense_options classes = MARTLET_DENSE_OPTIONS_INIT;
  classes.activation = MARTLET_SOFTMAX;
  check(martlet_dataset_x_shape(features, 0, &rank, row));
  check(martlet_model_create("head", 1, &head));
  check(martlet_input(head, NULL, rank, row, &x));
  check(martlet_dense(head, x, CLASSES, &classes, &x));
  check(martlet_model_build(head, 1, &x));
  train(head, features, 0.01, 60, 25);

  model = chain("transferred", shape, base, head, 0);
  *frozen = accuracy(model, few.test);
  check(martlet_model_set_trainable(model, NULL, 1));
  train(model, few.training, 0.0003, 20, 25);
  martlet_dataset_destroy(features);
  remove("features.h5");
  martlet_model_destroy(head);
  martlet_model_destroy(base);
  martlet_model_destroy(known);
  return model;
}

/* ----- */

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: transfer_learning MODEL.h5 [SOURCE.h5 TARGET.h5]\n");
    return 2;
  }
  sets many, few;
  if (argc == 4) {
    many = open_sets(argv[2]);
    few = open_sets(argv[3]);
  } else {
    many.training = generated(2000, 0.8, 1), many.test = generated(500, 0.8, 2);
    few.training = generated(25, 1.3, 3), few.test = generated(500, 1.3, 4);
  }
  int32_t rank;
  int64_t shape[MARTLET_MAX_RANK], count;
  check(martlet_dataset_x_shape(many.training, 0, &rank, shape));
  check(martlet_dataset_length(few.training, &count));

  martlet_model *network = residual_network(shape, 1), *training = chain("training", shape, network, NULL, 1), *known;
  train(training, many.training, 0.002, argc == 4 ? 12 : 6, 64);
  check(martlet_model_copy_submodel(training, "residual", &known));
  check(martlet_model_save(known, "base.h5"));
  printf("many images: accuracy %.2f%%\n", accuracy(known, many.test));

  martlet_model *fresh = residual_network(shape, 2), *scratch = chain("scratch", shape, fresh, NULL, 1);
  train(scratch, few.training, 0.002, 60, 25);
  printf("%" PRId64 " images of other classes, from scratch: accuracy %.2f%%\n", count, accuracy(scratch, few.test));

  double frozen;
  martlet_model *model = transferred("base.h5", shape, few, &frozen);
  printf("a new head on the frozen network: accuracy %.2f%%\n", frozen);
  printf("fine-tuned: accuracy %.2f%%\n", accuracy(model, few.test));
  check(martlet_model_save(model, argv[1]));

  remove("base.h5");
  martlet_model_destroy(model);
  martlet_model_destroy(scratch);
  martlet_model_destroy(fresh);
  martlet_model_destroy(known);
  martlet_model_destroy(training);
  martlet_model_destroy(network);
  close_sets(few);
  close_sets(many);
  return 0;
}
