/* The course of a program: calls out of order, handles used after a failed call, what a callback may do, where stopped
 * training stands, the history, and any order of destruction. */
#include "check.h"

static void calls_out_of_order(void) {
  martlet_model *m;
  martlet_trainer *trainer;
  martlet_node x;
  const char *text;
  float x_row[4] = {0}, y_row[3];
  const int64_t shape[] = {4}, row_shape[] = {1, 4};
  const martlet_array row = check_array(x_row, 2, row_shape, MARTLET_FLOAT32);
  REQUIRE(martlet_model_create("order", 0, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &x));
  EXPECT(martlet_model_summary(m, &text), MARTLET_INVALID_STATE, "built");
  EXPECT(martlet_predict(m, &row, 1, y_row, 3), MARTLET_INVALID_STATE, "built");
  EXPECT(martlet_trainer_create(m, NULL, &trainer), MARTLET_INVALID_STATE, "built");
  EXPECT(martlet_model_save(m, "never.h5"), MARTLET_INVALID_STATE, "built");
  REQUIRE(martlet_dense(m, x, 3, NULL, &x));
  REQUIRE(martlet_model_build(m, 1, &x));
  EXPECT(martlet_dense(m, x, 3, NULL, &x), MARTLET_INVALID_STATE, "built");
  EXPECT(martlet_model_build(m, 1, &x), MARTLET_INVALID_STATE, "built");
  martlet_model_destroy(m);
}

static void a_handle_after_a_failed_call(void) {
  martlet_model *m = small_model(5), *twin = small_model(5);
  martlet_dataset *data = small_dataset(), *wrong;
  martlet_trainer *trainer, *trainer_of_twin;
  const float wide[10] = {0};
  const int32_t labels[] = {0, 1};
  const int64_t shape[] = {2, 5}, rows[] = {2};
  const martlet_array xs = check_array(wide, 2, shape, MARTLET_FLOAT32), ys = check_array(labels, 1, rows, MARTLET_INT32);
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  options.batch_size = 2;
  REQUIRE(martlet_dataset_create(&xs, &ys, 0, &wrong));
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  REQUIRE(martlet_trainer_create(twin, NULL, &trainer_of_twin));
  REQUIRE(martlet_trainer_fit(trainer_of_twin, data, NULL, &options, NULL, NULL));

  EXPECT_INVALID(martlet_trainer_fit(trainer, wrong, NULL, &options, NULL, NULL), "[5]");
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, wrong, &options, NULL, NULL), "[5]");
  EXPECT_INVALID(martlet_model_set_weight(m, "hidden", "kernel", wide, 10), "32");
  int64_t length;
  REQUIRE(martlet_trainer_history_length(trainer, &length));
  CHECK(length == 0, "failed fits leave no history");
  EXPECT_OK(martlet_trainer_fit(trainer, data, NULL, &options, NULL, NULL));
  float a[32], b[32];
  REQUIRE(martlet_model_get_weight(m, "hidden", "kernel", a, 32));
  REQUIRE(martlet_model_get_weight(twin, "hidden", "kernel", b, 32));
  CHECK(memcmp(a, b, sizeof a) == 0, "failed calls before it change no bit of a training");

  /* A trainer keeps its model, a dataset its arrays: any order of destruction. */
  martlet_model_destroy(m);
  EXPECT_OK(martlet_trainer_fit(trainer, data, NULL, &options, NULL, NULL));
  martlet_dataset *part;
  REQUIRE(martlet_dataset_rows(data, 0, 30, &part));
  martlet_dataset_destroy(data);
  EXPECT_OK(martlet_trainer_fit(trainer, part, NULL, &options, NULL, NULL));
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(part);
  martlet_dataset_destroy(wrong);
  martlet_trainer_destroy(trainer_of_twin);
  martlet_model_destroy(twin);
}

static void labels_out_of_range(void) {
  martlet_model *m = small_model(1);
  martlet_trainer *trainer;
  martlet_dataset *data;
  float x[SMALL_ROWS * 4], before[32], after[32];
  int32_t y[SMALL_ROWS];
  const int64_t x_shape[] = {SMALL_ROWS, 4}, y_shape[] = {SMALL_ROWS};
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  small_data(x, y);
  y[41] = 7;
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 1, y_shape, MARTLET_INT32);
  REQUIRE(martlet_dataset_create(&xs, &ys, 0, &data));
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  REQUIRE(martlet_model_get_weight(m, "hidden", "kernel", before, 32));
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL), "41");
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL), "7");
  REQUIRE(martlet_model_get_weight(m, "hidden", "kernel", after, 32));
  CHECK(memcmp(before, after, sizeof before) == 0, "nothing was trained on data with a bad label");

  y[41] = 2; /* borrowed: the dataset sees it */
  options.batch_size = SMALL_ROWS + 1;
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, NULL, &options, NULL, NULL), "batch_size");
  x[123] = NAN;
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL), "x");
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

/* --- Callbacks ------------------------------------------------------------------------------------------- */

struct visit {
  martlet_model *model;
  martlet_trainer *trainer;
  martlet_dataset *data;
  int batches, epochs, stop_at;
};

static int32_t visit(const martlet_progress *p, void *payload) {
  struct visit *v = payload;
  if (p->event == MARTLET_BATCH_END) {
    v->batches++;
    return v->stop_at > 0 && v->batches == v->stop_at;
  }
  if (v->epochs++ > 0) return 0;
  CHECK(p->struct_size == sizeof *p, "progress says its size");
  CHECK(p->epoch == 0 && p->epochs == 3 && p->batch == 4 && p->batches == 4 && p->iteration == 4, "progress counts");
  CHECK(p->samples == SMALL_ROWS && p->learning_rate == 0.01, "progress has samples and learning rate");
  CHECK(isfinite(p->training.loss) && isfinite(p->validation.loss), "an epoch ends with validation");
  CHECK(p->training.loss == p->training.data_loss + p->training.regularization_loss, "the loss is the sum of its parts");

  float x[4] = {0}, y[3], weights[32] = {0};
  const int64_t shape[] = {1, 4};
  const martlet_array row = check_array(x, 2, shape, MARTLET_FLOAT32);
  const char *text;
  martlet_trainer *second;
  martlet_metrics metrics;
  double rate;
  int64_t length;
  EXPECT_OK(martlet_predict(v->model, &row, 1, y, 3));
  EXPECT_OK(martlet_model_summary(v->model, &text));
  EXPECT_OK(martlet_model_get_weight(v->model, "hidden", "kernel", weights, 32));
  EXPECT_OK(martlet_trainer_learning_rate(v->trainer, &rate));
  EXPECT_OK(martlet_trainer_set_learning_rate(v->trainer, 0.02));
  EXPECT_OK(martlet_trainer_history_length(v->trainer, &length));
  EXPECT(martlet_trainer_fit(v->trainer, v->data, NULL, NULL, NULL, NULL), MARTLET_BUSY, "trainer");
  EXPECT(martlet_trainer_evaluate(v->trainer, v->data, NULL, NULL, &metrics), MARTLET_BUSY, "trainer");
  EXPECT(martlet_trainer_train_step(v->trainer, &row, 1, &row, 1, NULL, NULL), MARTLET_BUSY, "trainer");
  EXPECT(martlet_model_set_weight(v->model, "hidden", "kernel", weights, 32), MARTLET_BUSY, "model");
  EXPECT(martlet_trainer_create(v->model, NULL, &second), MARTLET_BUSY, "model");
  EXPECT(martlet_dataset_set_scaling(v->data, 2, 0), MARTLET_BUSY, "dataset");
  return 0;
}

static void callbacks(void) {
  struct visit v = {small_model(3), NULL, small_dataset(), 0, 0, 0};
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  options.batch_size = 15;
  options.epochs = 3;
  options.every_batch = 1;
  REQUIRE(martlet_trainer_create(v.model, NULL, &v.trainer));
  EXPECT_OK(martlet_trainer_fit(v.trainer, v.data, v.data, &options, visit, &v));
  CHECK(v.epochs == 3 && v.batches >= 9, "the callback sees every epoch, and batches when asked for");

  int64_t length;
  martlet_progress p;
  p.struct_size = (uint32_t)sizeof p;
  REQUIRE(martlet_trainer_history_length(v.trainer, &length));
  CHECK(length == 3, "the history has an entry per epoch");
  EXPECT_OK(martlet_trainer_history(v.trainer, 2, &p));
  CHECK(p.epoch == 2 && p.event == MARTLET_EPOCH_END && p.learning_rate == 0.02, "the history keeps the learning rate");
  EXPECT_INVALID(martlet_trainer_history(v.trainer, 3, &p), "index");
  struct {
    uint32_t struct_size;
    int32_t event;
    int64_t epoch, guard;
  } smaller = {16, 0, 0, 77}; /* a program built with an earlier header has room for less */
  EXPECT_OK(martlet_trainer_history(v.trainer, 1, (martlet_progress *)(void *)&smaller));
  CHECK(smaller.epoch == 1 && smaller.guard == 77, "a smaller progress is filled as far as it goes");
  struct {
    martlet_progress known;
    double later[4]; /* a program built with a later header has room for more */
  } larger;
  memset(&larger, 0, sizeof larger);
  larger.known.struct_size = (uint32_t)sizeof larger;
  EXPECT_OK(martlet_trainer_history(v.trainer, 1, &larger.known));
  CHECK(larger.known.epoch == 1 && larger.later[0] == 0, "a larger progress is filled as far as the library knows it");

  v.batches = 0;
  v.stop_at = 2;
  EXPECT(martlet_trainer_fit(v.trainer, v.data, NULL, &options, visit, &v), MARTLET_STOPPED, "callback");
  CHECK(v.batches == 2, "training stops after the batch whose callback said so");
  v.stop_at = 0;
  EXPECT_OK(martlet_trainer_fit(v.trainer, v.data, NULL, &options, visit, &v));
  martlet_trainer_destroy(v.trainer);
  martlet_dataset_destroy(v.data);
  martlet_model_destroy(v.model);
}

static void bounds_of_training(void) {
  martlet_model *m = small_model(4);
  martlet_dataset *data = small_dataset();
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_loss loss = MARTLET_LOSS_INIT;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  int64_t length, best;
  double rate;
  options.learning_rate = 0.5;
  options.learning_rate_decay = 0.5;
  fit.epochs = 4;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_learning_rate(trainer, &rate));
  CHECK(rate == 0.5 / 16, "the learning rate decays once per epoch");
  REQUIRE(martlet_trainer_best_epoch(trainer, &best));
  CHECK(best == -1, "no best epoch without early stopping");

  fit.iterations = 5;
  fit.epochs = 100;
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_history_length(trainer, &length));
  CHECK(length >= 6 && length <= 7, "iterations bound a training: 60 rows in batches of 32 are two per epoch");
  martlet_trainer_destroy(trainer);

  fit = (martlet_fit_options)MARTLET_FIT_OPTIONS_INIT;
  fit.epochs = 50;
  fit.monitor = MARTLET_MONITOR_LOSS;
  fit.patience = 3;
  fit.shuffle = 0;
  options.learning_rate = 0; /* nothing improves after the first epoch */
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  EXPECT_OK(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_history_length(trainer, &length));
  REQUIRE(martlet_trainer_best_epoch(trainer, &best));
  CHECK(length == 4 && best == 0, "early stopping waits for its patience");
  fit.monitor = MARTLET_MONITOR_VALIDATION_LOSS;
  EXPECT_INVALID(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL), "validation");
  martlet_trainer_destroy(trainer);

  fit = (martlet_fit_options)MARTLET_FIT_OPTIONS_INIT;
  fit.epochs = 20;
  options.learning_rate = 1e38; /* the weights overflow at once */
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  EXPECT(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL), MARTLET_NOT_FINITE, "epoch");
  martlet_trainer_destroy(trainer);

  loss.kind = MARTLET_NO_LOSS;
  options.losses = &loss, options.loss_count = 1;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  EXPECT(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL), MARTLET_INVALID_STATE, "loss");
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

static void learns(void) {
  martlet_model *m = small_model(9);
  martlet_dataset *data = small_dataset();
  martlet_trainer *trainer;
  martlet_metrics metrics;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  options.optimizer = MARTLET_ADAM;
  options.learning_rate = 0.01;
  fit.epochs = 100;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  EXPECT_OK(martlet_trainer_evaluate(trainer, data, NULL, NULL, &metrics));
  /* The classes are a unit apart and spread over half a unit, so a linear boundary separates them. */
  CHECK(metrics.accuracy == 1 && metrics.top_k_accuracy == 1, "separable classes are learned");
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

/* The sum of accumulated gradients overflows: the gradients of that step are gone, those of the steps before are kept. */
static void accumulated_overflow(void) {
  martlet_model *m = small_model(3);
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  float x_row[4] = {1, 2, 3, 4}, y_row[3], dy[3] = {0}, huge[3] = {3e38f, 3e38f, 3e38f}, before[3], after[3];
  const int64_t row_shape[] = {1, 4};
  const martlet_array row = check_array(x_row, 2, row_shape, MARTLET_FLOAT32);
  options.accumulation_steps = 2, options.optimizer = MARTLET_SGD, options.learning_rate = 1;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  REQUIRE(martlet_model_get_weight(m, "output", "bias", before, 3));
  for (int step = 0; step < 2; step++) {
    REQUIRE(martlet_trainer_forward(trainer, &row, 1, y_row, 3));
    REQUIRE(martlet_trainer_backward(trainer, dy, 3));
    REQUIRE(martlet_trainer_set_gradient(trainer, "output", "bias", huge, 3));
    if (step == 0) EXPECT_OK(martlet_trainer_apply(trainer));
  }
  EXPECT(martlet_trainer_apply(trainer), MARTLET_NOT_FINITE, "bias");
  EXPECT(martlet_trainer_apply(trainer), MARTLET_INVALID_STATE, "gradients");
  REQUIRE(martlet_model_get_weight(m, "output", "bias", after, 3));
  CHECK(memcmp(before, after, sizeof before) == 0, "a sum that overflows updates nothing");

  REQUIRE(martlet_trainer_forward(trainer, &row, 1, y_row, 3));
  REQUIRE(martlet_trainer_backward(trainer, dy, 3));
  EXPECT_OK(martlet_trainer_apply(trainer));
  REQUIRE(martlet_model_get_weight(m, "output", "bias", after, 3));
  CHECK(after[0] == before[0] - 1.5e38f, "the mean has the first step's gradient once");
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(m);
}

int main(void) {
  calls_out_of_order();
  a_handle_after_a_failed_call();
  labels_out_of_range();
  callbacks();
  bounds_of_training();
  learns();
  accumulated_overflow();
  return check_end();
}
