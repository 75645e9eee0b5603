/* martlet_model_check_gradients: every activation and loss, graphs, and wrong arguments. */
#include "check.h"

enum { ROWS = 6, FEATURES = 5, CLASSES = 3 };
static float x[ROWS * FEATURES], one_hot[ROWS * CLASSES], numbers[ROWS * CLASSES];
static int32_t labels[ROWS];
static const int64_t x_shape[] = {ROWS, FEATURES}, y_shape[] = {ROWS, CLASSES}, label_shape[] = {ROWS};

static martlet_dataset *data(const void *y, int32_t rank, int32_t type) {
  martlet_dataset *made;
  martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32);
  martlet_array ys = check_array(y, rank, rank == 1 ? label_shape : y_shape, type);
  REQUIRE(martlet_dataset_create(&xs, &ys, 1, &made));
  return made;
}

/* Two branches that merge, a shared layer, and an output of this activation. */
static martlet_model *graph(int32_t hidden_activation, int32_t output_activation, float stddev) {
  martlet_model *m;
  martlet_node in, both[2], node;
  const int64_t features = FEATURES;
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = hidden_activation;
  hidden.kernel_regularizer.l2 = 1e-3f;
  output.activation = output_activation;
  if (stddev > 0) {
    hidden.kernel_initializer.kind = output.kernel_initializer.kind = MARTLET_RANDOM_NORMAL;
    hidden.kernel_initializer.value = output.kernel_initializer.value = stddev;
  }
  REQUIRE(martlet_model_create("graph", 3, &m));
  REQUIRE(martlet_input(m, NULL, 1, &features, &in));
  REQUIRE(martlet_dense(m, in, FEATURES, &hidden, &both[0]));
  REQUIRE(martlet_share(m, both[0], 1, &both[0], &both[1]));
  REQUIRE(martlet_add(m, 2, both, NULL, &node));
  REQUIRE(martlet_dropout(m, node, 0.2, NULL, &node));
  REQUIRE(martlet_dense(m, node, CLASSES, &output, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  return m;
}

static double checked(martlet_model *m, martlet_dataset *d, const martlet_loss *loss, martlet_gradient_check *check) {
  martlet_gradient_check_options options = MARTLET_GRADIENT_CHECK_OPTIONS_INIT;
  options.losses = loss;
  options.loss_count = 1;
  options.sample = 0;
  memset(check, 0, sizeof *check);
  check->struct_size = sizeof *check;
  EXPECT_OK(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, check));
  return check->largest_error;
}

static void activations_and_losses(void) {
  martlet_gradient_check check;
  char name[80];
  martlet_dataset *numbers_data = data(numbers, 2, MARTLET_FLOAT32), *one_hot_data = data(one_hot, 2, MARTLET_FLOAT32);
  martlet_dataset *label_data = data(labels, 1, MARTLET_INT32);
  for (int32_t activation = MARTLET_LINEAR; activation <= MARTLET_HARD_SWISH; activation++) {
    martlet_model *m = graph(activation, MARTLET_LINEAR, 0);
    martlet_loss loss = MARTLET_LOSS_INIT;
    loss.kind = MARTLET_MEAN_SQUARED_ERROR;
    snprintf(name, sizeof name, "gradients of activation %d", (int)activation);
    if (!CHECK(checked(m, numbers_data, &loss, &check) <= 1e-5 && check.weight_count == 48 && check.array_count == 4,
               name)) {
      printf("#   %g at %s/%s[%d]\n", check.largest_error, check.layer, check.weight, (int)check.element);
    }
    martlet_model_destroy(m);
  }
  for (int32_t kind = 0; kind <= MARTLET_BINARY_FOCAL_CROSSENTROPY; kind++) {
    if (kind == MARTLET_NO_LOSS) continue;
    const int about_probabilities = kind != MARTLET_CATEGORICAL_HINGE && kind != MARTLET_COSINE_SIMILARITY;
    martlet_model *m = graph(MARTLET_TANH, about_probabilities ? MARTLET_SIGMOID : MARTLET_LINEAR, 0);
    martlet_loss loss = MARTLET_LOSS_INIT;
    loss.kind = kind;
    loss.weight = 0.7;
    martlet_dataset *d = kind == MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY ? label_data : one_hot_data;
    snprintf(name, sizeof name, "gradients of loss %d", (int)kind);
    if (!CHECK(checked(m, d, &loss, &check) <= 1e-5, name)) {
      printf("#   %g at %s/%s[%d]: %g and %g\n", check.largest_error, check.layer, check.weight, (int)check.element,
             check.analytic, check.numeric);
    }
    martlet_model_destroy(m);
  }
  martlet_dataset_destroy(numbers_data), martlet_dataset_destroy(one_hot_data), martlet_dataset_destroy(label_data);
}

/* Layers without weights of their own, between two that have some; noise and penalty are part of the loss. */
static void layers_between(void) {
  martlet_model *m;
  martlet_node node;
  martlet_gradient_check check;
  martlet_loss loss = MARTLET_LOSS_INIT;
  const int64_t features = FEATURES, matrix[] = {2, -1};
  const int32_t transposed[] = {2, 1};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_TANH;
  output.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_model_create("between", 3, &m));
  REQUIRE(martlet_input(m, NULL, 1, &features, &node));
  REQUIRE(martlet_dense(m, node, 6, &hidden, &node));
  REQUIRE(martlet_activity_regularization(m, node, 0.01f, 0.02f, NULL, &node));
  REQUIRE(martlet_reshape(m, node, 2, matrix, NULL, &node));
  REQUIRE(martlet_permute(m, node, 2, transposed, NULL, &node));
  REQUIRE(martlet_dense(m, node, 4, &hidden, &node));
  REQUIRE(martlet_gaussian_noise(m, node, 0.3, NULL, &node));
  REQUIRE(martlet_flatten(m, node, NULL, &node));
  REQUIRE(martlet_dense(m, node, CLASSES, &output, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  martlet_dataset *d = data(labels, 1, MARTLET_INT32);
  if (!CHECK(checked(m, d, &loss, &check) <= 1e-5, "gradients through reshape, permute, noise and penalty")) {
    printf("#   %g at %s/%s[%d]\n", check.largest_error, check.layer, check.weight, (int)check.element);
  }
  martlet_model_destroy(m);
  martlet_dataset_destroy(d);
}

/* With small weights all classes are equally likely: |loss - ln C| <= 2 max |logit|, and a logit is below 0.01 here. */
static void the_first_loss_is_the_logarithm_of_the_classes(void) {
  martlet_dataset *d = data(labels, 1, MARTLET_INT32);
  martlet_model *m = graph(MARTLET_RELU, MARTLET_SOFTMAX, 1e-2f);
  martlet_gradient_check check;
  martlet_loss loss = MARTLET_LOSS_INIT;
  checked(m, d, &loss, &check);
  CHECK(fabs(check.loss - log(CLASSES)) < 0.02, "the first loss of a fresh network of C classes is ln C");
  martlet_model_destroy(m);
  martlet_dataset_destroy(d);
}

typedef struct watch {
  martlet_model *model;
  int64_t to_do;
  martlet_status asked;
} watch;

static int32_t stop_at_once(const martlet_progress *progress, void *payload) {
  watch *w = payload;
  const char *text;
  w->to_do = progress->batches;
  w->asked = martlet_model_to_json(w->model, &text);
  return 1;
}

static void arguments(void) {
  martlet_dataset *d = data(labels, 1, MARTLET_INT32), *wrong = data(numbers, 2, MARTLET_FLOAT32);
  martlet_model *m = graph(MARTLET_RELU, MARTLET_SOFTMAX, 0);
  martlet_gradient_check check = {0};
  martlet_gradient_check_options options = MARTLET_GRADIENT_CHECK_OPTIONS_INIT;
  double errors[48];
  EXPECT_INVALID(martlet_model_check_gradients(m, d, NULL, NULL, NULL, NULL, 0, &check), "out_check has struct_size 0");
  check.struct_size = sizeof check;
  EXPECT_INVALID(martlet_model_check_gradients(NULL, d, NULL, NULL, NULL, NULL, 0, &check), "model");
  EXPECT_INVALID(martlet_model_check_gradients(m, NULL, NULL, NULL, NULL, NULL, 0, &check), "dataset");
  EXPECT_INVALID(martlet_model_check_gradients(m, d, NULL, NULL, NULL, NULL, 0, NULL), "out_check");
  EXPECT_INVALID(martlet_model_check_gradients(m, d, NULL, NULL, NULL, errors, 47, &check),
                 "error_count is 47; model 'graph' has 48 weights");
  EXPECT_INVALID(martlet_model_check_gradients(m, wrong, NULL, NULL, NULL, NULL, 0, &check), "expects integer labels");
  options.sample = -1;
  EXPECT_INVALID(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, &check), "sample is -1");
  options.sample = 0, options.step = 1;
  EXPECT_INVALID(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, &check), "step is 1.0");
  options.step = NAN;
  EXPECT_INVALID(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, &check), "step is nan");
  options.step = 1e-5, options.loss_count = 2;
  EXPECT_INVALID(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, &check), "loss_count is 2");
  CHECK(check.weight_count == 0 && check.layer == NULL, "a failed check leaves out_check alone");

  options.loss_count = 0, options.sample = 2;
  EXPECT_OK(martlet_model_check_gradients(m, d, &options, NULL, NULL, errors, 48, &check));
  int finite = 0;
  for (int i = 0; i < 48; i++) finite += isfinite(errors[i]) != 0;
  CHECK(check.weight_count == 8 && finite == 8, "two weights of each of four arrays are checked");
  martlet_model_destroy(m);

  /* Large enough to be asked: 2 passes for each of 60,000 weights take longer than 100 ms on any machine. */
  martlet_node node;
  const int64_t features = FEATURES;
  REQUIRE(martlet_model_create(NULL, 3, &m));
  REQUIRE(martlet_input(m, NULL, 1, &features, &node));
  REQUIRE(martlet_dense(m, node, 10000, NULL, &node));
  REQUIRE(martlet_dense(m, node, CLASSES, NULL, &node));
  EXPECT(martlet_model_check_gradients(m, d, NULL, NULL, NULL, NULL, 0, &check), MARTLET_INVALID_STATE, "not built");
  REQUIRE(martlet_model_build(m, 1, &node));
  options.sample = 0;
  watch w = {m, 0, MARTLET_INTERNAL_ERROR};
  EXPECT(martlet_model_check_gradients(m, d, &options, stop_at_once, &w, NULL, 0, &check), MARTLET_STOPPED,
         "stopped the check");
  CHECK(w.asked == MARTLET_OK, "the callback may ask for the model's JSON");
  CHECK(w.to_do == 5 * 10000 + 10000 + 3 * 10000 + 3, "the callback is told how many weights there are");
  martlet_model_destroy(m);
  martlet_dataset_destroy(d), martlet_dataset_destroy(wrong);
}

int main(void) {
  for (int i = 0; i < ROWS * FEATURES; i++) x[i] = (float)(i * 7919 % 100) / 50 - 0.99f;
  for (int i = 0; i < ROWS * CLASSES; i++) numbers[i] = (float)(i * 104729 % 100) / 100;
  for (int i = 0; i < ROWS; i++) labels[i] = i % CLASSES, one_hot[i * CLASSES + i % CLASSES] = 1;
  activations_and_losses();
  layers_between();
  the_first_loss_is_the_logarithm_of_the_classes();
  arguments();
  return check_end();
}
