/* What a trainer tells of each layer: figures computed again here from weights, gradients and outputs. */
#include "check.h"

enum { ROWS = 8, FEATURES = 3, UNITS = 4 };
static float x[ROWS * FEATURES], y[ROWS * 2];
static const int64_t x_shape[] = {ROWS, FEATURES}, y_shape[] = {ROWS, 2};
static const martlet_layer_statistics empty = {sizeof empty, -1, 0, 0, 0, 0, 0, 0};

static double norm(const float *values, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += (double)values[i] * values[i];
  return sqrt(sum);
}

/* Close as double sums of the same floats are: the order of the sums differs, nothing else. */
static int close_to(double a, double b) { return fabs(a - b) <= 1e-6 * fabs(b); }

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) return 2;
  martlet_model *m, *twin;
  martlet_trainer *trainer, *twin_trainer;
  martlet_dataset *data;
  martlet_node node;
  martlet_layer_statistics s = empty;
  const int64_t features = FEATURES;
  martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
  for (int i = 0; i < ROWS * FEATURES; i++) x[i] = (float)(i * 7919 % 100) / 50 - 1;
  for (int i = 0; i < ROWS * 2; i++) y[i] = (float)(i % 3);

  for (int i = 0; i < 2; i++) {
    martlet_model **each = i == 0 ? &m : &twin;
    REQUIRE(martlet_model_create("watched", 5, each));
    REQUIRE(martlet_input(*each, "x", 1, &features, &node));
    options.activation = MARTLET_RELU, options.name = "hidden";
    REQUIRE(martlet_dense(*each, node, UNITS, &options, &node));
    REQUIRE(martlet_activation(*each, node, MARTLET_TANH, 0, "tanh", &node));
    options.activation = MARTLET_LINEAR, options.name = "out";
    REQUIRE(martlet_dense(*each, node, 2, &options, &node));
    REQUIRE(martlet_model_build(*each, 1, &node));
    /* Unit 0 never fires, and unit 1 always saturates the tanh. */
    float bias[UNITS] = {-1000, 1000, 0.3f, 0};
    REQUIRE(martlet_model_set_weight(*each, "hidden", "bias", bias, UNITS));
  }
  martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 2, y_shape, MARTLET_FLOAT32);
  REQUIRE(martlet_dataset_create(&xs, &ys, 0, &data));
  martlet_loss loss = MARTLET_LOSS_INIT;
  loss.kind = MARTLET_MEAN_SQUARED_ERROR;
  martlet_trainer_options training = MARTLET_TRAINER_OPTIONS_INIT;
  training.losses = &loss, training.loss_count = 1;
  REQUIRE(martlet_trainer_create(m, &training, &trainer));
  REQUIRE(martlet_trainer_create(twin, &training, &twin_trainer));
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  fit.batch_size = 0, fit.shuffle = 0, fit.epochs = 1;
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  fit.layer_statistics = 2;
  EXPECT(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL), MARTLET_INVALID_ARGUMENT, "layer_statistics");
  fit.layer_statistics = 1;
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));

  /* The twin does the same two steps by hand, and looks at the second. */
  float out[ROWS * 2], dy[ROWS * 2], kernel[2][UNITS * 2], bias[2][2], gradient[UNITS * 2], bias_gradient[2];
  for (int step = 0; step < 2; step++) {
    REQUIRE(martlet_trainer_forward(twin_trainer, &xs, 1, out, ROWS * 2));
    for (int i = 0; i < ROWS * 2; i++) dy[i] = 2 * (out[i] - y[i]) / (ROWS * 2);
    REQUIRE(martlet_trainer_backward(twin_trainer, dy, ROWS * 2));
    REQUIRE(martlet_trainer_get_gradient(twin_trainer, "out", "kernel", gradient, UNITS * 2));
    REQUIRE(martlet_trainer_get_gradient(twin_trainer, "out", "bias", bias_gradient, 2));
    REQUIRE(martlet_model_get_weight(twin, "out", "kernel", kernel[0], UNITS * 2));
    REQUIRE(martlet_model_get_weight(twin, "out", "bias", bias[0], 2));
    REQUIRE(martlet_trainer_apply(twin_trainer));
    REQUIRE(martlet_model_get_weight(twin, "out", "kernel", kernel[1], UNITS * 2));
    REQUIRE(martlet_model_get_weight(twin, "out", "bias", bias[1], 2));
  }
  double mean = 0, squares = 0;
  for (int i = 0; i < ROWS * 2; i++) mean += (double)out[i] / (ROWS * 2);
  for (int i = 0; i < ROWS * 2; i++) squares += (out[i] - mean) * (out[i] - mean);
  float change[UNITS * 2], bias_change[2];
  for (int i = 0; i < UNITS * 2; i++) change[i] = kernel[1][i] - kernel[0][i];
  for (int i = 0; i < 2; i++) bias_change[i] = bias[1][i] - bias[0][i];

  EXPECT_OK(martlet_trainer_layer_statistics(trainer, 1, "out", &s));
  CHECK(s.trainable == 1 && s.struct_size == sizeof s, "the layer is trained, and the whole struct is filled");
  CHECK(close_to(s.activation_mean, mean), "mean of the output");
  CHECK(close_to(s.activation_deviation, sqrt(squares / (ROWS * 2))), "deviation of the output");
  CHECK(close_to(s.gradient_norm, hypot(norm(gradient, UNITS * 2), norm(bias_gradient, 2))), "norm of the gradient");
  CHECK(close_to(s.update_ratio, hypot(norm(change, UNITS * 2), norm(bias_change, 2)) /
                                     hypot(norm(kernel[0], UNITS * 2), norm(bias[0], 2))),
        "size of the update");
  CHECK(isnan(s.dead_share) && isnan(s.saturated_share), "a linear layer neither dies nor saturates");
  EXPECT_OK(martlet_trainer_layer_statistics(trainer, 1, "hidden", &s));
  CHECK(s.dead_share == 0.25 && isnan(s.saturated_share), "one unit of four is dead");
  EXPECT_OK(martlet_trainer_layer_statistics(trainer, 1, "tanh", &s));
  CHECK(s.saturated_share >= 0.25 && s.saturated_share < 1 && isnan(s.dead_share), "at least one of four saturates");
  CHECK(isnan(s.gradient_norm) && isnan(s.update_ratio) && s.trainable == 0, "a layer without weights");

  s = empty;
  EXPECT(martlet_trainer_layer_statistics(trainer, 0, "out", &s), MARTLET_NOT_FOUND, "epoch 0 was trained without");
  EXPECT(martlet_trainer_layer_statistics(trainer, 1, "none", &s), MARTLET_NOT_FOUND, "no layer 'none'");
  EXPECT_INVALID(martlet_trainer_layer_statistics(trainer, 2, "out", &s), "index is 2");
  EXPECT_INVALID(martlet_trainer_layer_statistics(trainer, -1, "out", &s), "index is -1");
  EXPECT_INVALID(martlet_trainer_layer_statistics(NULL, 1, "out", &s), "trainer");
  EXPECT_INVALID(martlet_trainer_layer_statistics(trainer, 1, NULL, &s), "layer");
  EXPECT_INVALID(martlet_trainer_layer_statistics(trainer, 1, "out", NULL), "out_statistics");
  CHECK(s.trainable == -1, "a failed call leaves out_statistics alone");

  /* A file keeps the history and the figures; a trainer that goes on from it has them. */
  martlet_model *loaded;
  martlet_trainer *resumed;
  martlet_progress epoch = {0}, epoch_loaded = {0};
  martlet_layer_statistics again = empty, before_saving = empty;
  int64_t epochs = 0;
  epoch.struct_size = epoch_loaded.struct_size = sizeof epoch;
  REQUIRE(martlet_trainer_save(trainer, "watched.h5", NULL));
  REQUIRE(martlet_model_load("watched.h5", &loaded));
  REQUIRE(martlet_trainer_create(loaded, &training, &resumed));
  EXPECT_OK(martlet_trainer_load_state(resumed, "watched.h5"));
  EXPECT_OK(martlet_trainer_history_length(resumed, &epochs));
  CHECK(epochs == 2, "both epochs are in the file");
  EXPECT_OK(martlet_trainer_history(trainer, 1, &epoch));
  EXPECT_OK(martlet_trainer_history(resumed, 1, &epoch_loaded));
  CHECK(epoch.training.loss == epoch_loaded.training.loss && epoch.iteration == epoch_loaded.iteration &&
            isnan(epoch_loaded.seconds) && epoch.samples == epoch_loaded.samples &&
            epoch.learning_rate == epoch_loaded.learning_rate && isnan(epoch_loaded.validation.loss),
        "an epoch is as it was");
  EXPECT_OK(martlet_trainer_layer_statistics(trainer, 1, "out", &before_saving));
  EXPECT_OK(martlet_trainer_layer_statistics(resumed, 1, "out", &again));
  CHECK(again.gradient_norm == before_saving.gradient_norm && again.update_ratio == before_saving.update_ratio &&
            again.activation_mean == before_saving.activation_mean && isnan(again.dead_share),
        "the figures of a layer are as they were");
  EXPECT(martlet_trainer_layer_statistics(resumed, 1, "none", &again), MARTLET_NOT_FOUND, "no layer 'none'");
  martlet_trainer_destroy(resumed);
  martlet_model_destroy(loaded);

  /* Looking does not touch: both trainers have the same weights. */
  float watched[UNITS * 2];
  REQUIRE(martlet_model_get_weight(m, "out", "kernel", watched, UNITS * 2));
  CHECK(memcmp(watched, kernel[1], sizeof watched) == 0, "statistics change no bit of training");
  martlet_trainer_destroy(trainer), martlet_trainer_destroy(twin_trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m), martlet_model_destroy(twin);
  return check_end();
}
