/* NULL for every pointer argument of every function, and values out of range: the status, and the argument's name in the
 * message. Nothing is written to a result on failure. */
#include "check.h"

static martlet_model *model;
static martlet_dataset *dataset;
static martlet_trainer *trainer;
static char marker;

static void status_and_version(void) {
  CHECK(martlet_version() == MARTLET_VERSION_MAJOR * 1000000 + MARTLET_VERSION_MINOR * 1000 + MARTLET_VERSION_PATCH,
        "martlet_version is the header's");
  CHECK(strcmp(martlet_version_string(), MARTLET_VERSION_STRING) == 0, "martlet_version_string is the header's");
  CHECK(strcmp(martlet_status_name(MARTLET_OK), "MARTLET_OK") == 0, "name of MARTLET_OK");
  CHECK(strcmp(martlet_status_name(MARTLET_INTERNAL_ERROR), "MARTLET_INTERNAL_ERROR") == 0, "name of the last status");
  CHECK(strcmp(martlet_status_name(-1), "MARTLET_UNKNOWN_STATUS") == 0, "name of status -1");
  CHECK(strcmp(martlet_status_name(13), "MARTLET_UNKNOWN_STATUS") == 0, "name of status 13");
  CHECK(strcmp(martlet_status_name(INT32_MIN), "MARTLET_UNKNOWN_STATUS") == 0, "name of the smallest status");
  const char *set = martlet_instruction_set();
  CHECK(strcmp(set, "avx512") == 0 || strcmp(set, "avx2") == 0 || strcmp(set, "baseline") == 0 ||
            strcmp(set, "neon") == 0,
        "martlet_instruction_set is one of four");
}

static void threads(void) {
  const int32_t before = martlet_threads();
  CHECK(before >= 1, "there is at least one thread");
  EXPECT_INVALID(martlet_set_threads(-1), "count");
  EXPECT_INVALID(martlet_set_threads(1025), "count");
  CHECK(martlet_threads() == before, "a refused thread count changes nothing");
  EXPECT_OK(martlet_set_threads(3));
  CHECK(martlet_threads() == 3, "the thread count is what was set");
  EXPECT_OK(martlet_set_threads(0));
  CHECK(martlet_threads() >= 1, "0 threads is the default, at least 1");
}

static void null_model_functions(void) {
  martlet_model *made = (martlet_model *)&marker;
  EXPECT_INVALID(martlet_model_create("m", 0, NULL), "out_model");
  EXPECT_INVALID(martlet_model_create("a/b", 0, &made), "name");
  EXPECT_INVALID(martlet_model_create("\xff\xfe", 0, &made), "name");
  EXPECT_INVALID(martlet_model_load(NULL, &made), "path");
  EXPECT_INVALID(martlet_model_load("m.h5", NULL), "out_model");
  CHECK(made == (martlet_model *)&marker, "a failed call leaves out_model alone");
  EXPECT_INVALID(martlet_model_build(NULL, 1, NULL), "model");

  const char *text = &marker;
  int32_t number = 77;
  int64_t count = 77, shape[MARTLET_MAX_RANK];
  float values[32];
  EXPECT_INVALID(martlet_model_summary(NULL, &text), "model");
  EXPECT_INVALID(martlet_model_summary(model, NULL), "out_text");
  martlet_cost cost = {sizeof cost, 0, 0, 0, 0, 0, 0};
  EXPECT_INVALID(martlet_model_cost(NULL, 1, &cost), "model");
  EXPECT_INVALID(martlet_model_cost(model, 0, &cost), "batch_size is 0");
  EXPECT_INVALID(martlet_model_cost(model, 1, NULL), "out_cost");
  EXPECT(martlet_model_cost(model, INT64_MAX, &cost), MARTLET_OUT_OF_MEMORY, "more than memory can hold");
  CHECK(cost.weight_bytes == 0, "a failed martlet_model_cost leaves out_cost alone");
  cost.struct_size = 0;
  EXPECT_INVALID(martlet_model_cost(model, 1, &cost), "out_cost has struct_size 0");
  EXPECT_INVALID(martlet_model_parameter_count(NULL, &count, &count), "model");
  EXPECT_OK(martlet_model_parameter_count(model, NULL, NULL));
  EXPECT_INVALID(martlet_model_input_shape(NULL, 0, &number, shape), "model");
  EXPECT_INVALID(martlet_model_input_shape(model, 0, NULL, shape), "out_rank");
  EXPECT_INVALID(martlet_model_input_shape(model, 0, &number, NULL), "out_shape");
  EXPECT_INVALID(martlet_model_input_shape(model, 1, &number, shape), "index");
  EXPECT_INVALID(martlet_model_input_shape(model, -1, &number, shape), "index");
  EXPECT_INVALID(martlet_model_output_shape(NULL, 0, &number, shape), "model");
  EXPECT_INVALID(martlet_model_output_shape(model, 0, NULL, shape), "out_rank");
  EXPECT_INVALID(martlet_model_output_shape(model, 0, &number, NULL), "out_shape");
  EXPECT_INVALID(martlet_model_output_shape(model, INT32_MAX, &number, shape), "index");
  EXPECT_INVALID(martlet_model_layer_count(NULL, &number), "model");
  EXPECT_INVALID(martlet_model_layer_count(model, NULL), "out_count");
  EXPECT_INVALID(martlet_model_layer(NULL, 0, &text, &text), "model");
  EXPECT_INVALID(martlet_model_layer(model, 3, &text, &text), "index");
  EXPECT_INVALID(martlet_model_layer(model, INT32_MIN, &text, &text), "index");
  EXPECT_OK(martlet_model_layer(model, 0, NULL, NULL));
  EXPECT_INVALID(martlet_model_weight_count(NULL, "hidden", &number), "model");
  EXPECT_INVALID(martlet_model_weight_count(model, NULL, &number), "layer");
  EXPECT_INVALID(martlet_model_weight_count(model, "hidden", NULL), "out_count");
  EXPECT(martlet_model_weight_count(model, "hiden", &number), MARTLET_NOT_FOUND, "hiden");
  EXPECT_INVALID(martlet_model_weight(NULL, "hidden", 0, NULL, NULL, NULL), "model");
  EXPECT_INVALID(martlet_model_weight(model, NULL, 0, NULL, NULL, NULL), "layer");
  EXPECT_INVALID(martlet_model_weight(model, "hidden", 2, NULL, NULL, NULL), "index");
  EXPECT_INVALID(martlet_model_weight(model, "hidden", -1, NULL, NULL, NULL), "index");
  EXPECT_OK(martlet_model_weight(model, "hidden", 1, NULL, NULL, NULL));
  EXPECT(martlet_model_weight(model, "none", 0, NULL, NULL, NULL), MARTLET_NOT_FOUND, "none");
  CHECK(text == &marker && number == 77 && count == 77, "failed calls leave their results alone");

  EXPECT_INVALID(martlet_model_get_weight(NULL, "hidden", "kernel", values, 32), "model");
  EXPECT_INVALID(martlet_model_get_weight(model, NULL, "kernel", values, 32), "layer");
  EXPECT_INVALID(martlet_model_get_weight(model, "hidden", NULL, values, 32), "weight");
  EXPECT_INVALID(martlet_model_get_weight(model, "hidden", "kernel", NULL, 32), "out_values");
  EXPECT_INVALID(martlet_model_get_weight(model, "hidden", "kernel", values, 31), "32");
  EXPECT_INVALID(martlet_model_get_weight(model, "hidden", "kernel", values, -1), "32");
  EXPECT(martlet_model_get_weight(model, "hidden", "gamma", values, 32), MARTLET_NOT_FOUND, "gamma");
  EXPECT_INVALID(martlet_model_set_weight(NULL, "hidden", "kernel", values, 32), "model");
  EXPECT_INVALID(martlet_model_set_weight(model, NULL, "kernel", values, 32), "layer");
  EXPECT_INVALID(martlet_model_set_weight(model, "hidden", NULL, values, 32), "weight");
  EXPECT_INVALID(martlet_model_set_weight(model, "hidden", "kernel", NULL, 32), "values");
  EXPECT_INVALID(martlet_model_set_weight(model, "hidden", "kernel", values, INT64_MAX), "32");
  REQUIRE(martlet_model_get_weight(model, "hidden", "kernel", values, 32));
  values[7] = NAN;
  EXPECT_INVALID(martlet_model_set_weight(model, "hidden", "kernel", values, 32), "values");

  const char *names[] = {"a", "b", NULL};
  EXPECT_INVALID(martlet_model_set_class_names(NULL, 0, NULL), "model");
  EXPECT_INVALID(martlet_model_set_class_names(model, 3, NULL), "names");
  EXPECT_INVALID(martlet_model_set_class_names(model, 3, names), "names");
  EXPECT_INVALID(martlet_model_set_class_names(model, 2, names), "count");
  EXPECT_INVALID(martlet_model_set_class_names(model, -1, names), "count");
  EXPECT_INVALID(martlet_model_class_count(NULL, &number), "model");
  EXPECT_INVALID(martlet_model_class_count(model, NULL), "out_count");
  EXPECT_INVALID(martlet_model_class_name(NULL, 0, &text), "model");
  EXPECT_INVALID(martlet_model_class_name(model, 0, &text), "index");
  EXPECT_INVALID(martlet_model_class_name(model, 0, NULL), "out_name");
  EXPECT_INVALID(martlet_model_save(NULL, "m.h5"), "model");
  EXPECT_INVALID(martlet_model_save(model, NULL), "path");
}

/* Every kind with every member out of its range; `value` is read by some kinds only. */
static void initializers(martlet_model *m, martlet_node x) {
  static const struct {
    martlet_initializer initializer;
    const char *message;
  } bad[] = {
      {{15, 0, 0, 0, 0, 0, 0}, "kernel_initializer.kind is 15, which is none of MARTLET_GLOROT_UNIFORM to MARTLET_IDENT"},
      {{-1, 0, 0, 0, 0, 0, 0}, "kernel_initializer.kind is -1"},
      {{MARTLET_RANDOM_NORMAL, 0, 0, -1, 0, 0, 0}, "kernel_initializer.value is -1.0; it must be finite and >= 0"},
      {{MARTLET_RANDOM_NORMAL, 0, 0, 1, NAN, 0, 0}, "kernel_initializer.mean is nan; it must be finite"},
      {{MARTLET_TRUNCATED_NORMAL, 0, 0, NAN, 0, 0, 0}, "kernel_initializer.value is nan"},
      {{MARTLET_TRUNCATED_NORMAL, 0, 0, 1, INFINITY, 0, 0}, "kernel_initializer.mean is inf"},
      {{MARTLET_CONSTANT, 0, 0, INFINITY, 0, 0, 0}, "kernel_initializer.value is inf; it must be finite"},
      {{MARTLET_RANDOM_UNIFORM, 0, 0, 0, 0, NAN, 1}, "kernel_initializer.minimum is nan"},
      {{MARTLET_RANDOM_UNIFORM, 0, 0, 0, 0, 1, 0}, "kernel_initializer.maximum is 0.0; it must be finite and >= 1.0"},
      {{MARTLET_RANDOM_UNIFORM, 0, 0, 0, 0, -3e38f, 3e38f}, "kernel_initializer.maximum - kernel_initializer.minimum"},
      {{MARTLET_VARIANCE_SCALING, 0, 0, 0, 0, 0, 0}, "kernel_initializer.value is 0; the scale must not be 0"},
      {{MARTLET_VARIANCE_SCALING, 0, 0, -2, 0, 0, 0}, "kernel_initializer.value is -2.0; it must be finite and >= 0"},
      {{MARTLET_VARIANCE_SCALING, 3, 0, 1, 0, 0, 0}, "kernel_initializer.mode is 3, which is none of MARTLET_FAN_IN to"},
      {{MARTLET_VARIANCE_SCALING, 0, -1, 1, 0, 0, 0}, "kernel_initializer.distribution is -1"},
      {{MARTLET_ORTHOGONAL, 0, 0, 0, 0, 0, 0}, "kernel_initializer.value is 0; the gain must not be 0"},
      {{MARTLET_IDENTITY, 0, 0, NAN, 0, 0, 0}, "kernel_initializer.value is nan"},
  };
  martlet_node y;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
    options.kernel_initializer = bad[i].initializer;
    EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), bad[i].message);
  }
  martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
  options.bias_initializer.kind = MARTLET_CONSTANT;
  options.bias_initializer.value = NAN;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "bias_initializer.value");
  options.bias_initializer.kind = MARTLET_ORTHOGONAL;
  options.bias_initializer.value = 1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "the orthogonal initializer of weight 'bias' needs 2 dimensions");
  options.bias_initializer.kind = MARTLET_IDENTITY;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "the identity initializer of weight 'bias' needs 2 dimensions");
}

static void builders(void) {
  martlet_model *m;
  martlet_node x = -77, y = -77;
  const int64_t shape[] = {4}, zero[] = {0}, huge[] = {INT64_MAX, INT64_MAX, 2, 2, 2, 2, 2};
  float mean[] = {0, 0, 0, 0}, variance[] = {1, 1, -1, 1};
  REQUIRE(martlet_model_create(NULL, 0, &m));
  EXPECT_INVALID(martlet_input(NULL, NULL, 1, shape, &x), "model");
  EXPECT_INVALID(martlet_input(m, NULL, 1, NULL, &x), "shape");
  EXPECT_INVALID(martlet_input(m, NULL, 1, shape, NULL), "out_node");
  EXPECT_INVALID(martlet_input(m, NULL, 0, shape, &x), "rank");
  EXPECT_INVALID(martlet_input(m, NULL, MARTLET_MAX_RANK, huge, &x), "rank");
  EXPECT_INVALID(martlet_input(m, NULL, INT32_MIN, shape, &x), "rank");
  EXPECT_INVALID(martlet_input(m, NULL, 1, zero, &x), "shape");
  EXPECT_INVALID(martlet_input(m, NULL, 7, huge, &x), "shape");
  EXPECT_INVALID(martlet_input(m, "a/b", 1, shape, &x), "name");
  EXPECT_INVALID(martlet_input(m, "\xc3\x28", 1, shape, &x), "name");
  char name[300];
  memset(name, 'n', sizeof name);
  name[256] = 0;
  EXPECT_INVALID(martlet_input(m, name, 1, shape, &x), "name");
  CHECK(x == -77, "a failed builder leaves out_node alone");
  name[255] = 0;
  EXPECT_OK(martlet_input(m, name, 1, shape, &x));
  EXPECT_INVALID(martlet_input(m, name, 1, shape, &y), "name");

  EXPECT_INVALID(martlet_dense(NULL, x, 3, NULL, &y), "model");
  EXPECT_INVALID(martlet_dense(m, x, 3, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_dense(m, -1, 3, NULL, &y), "input");
  EXPECT_INVALID(martlet_dense(m, x + 1, 3, NULL, &y), "input");
  EXPECT_INVALID(martlet_dense(m, INT32_MAX, 3, NULL, &y), "input");
  EXPECT_INVALID(martlet_dense(m, x, 0, NULL, &y), "units");
  EXPECT_INVALID(martlet_dense(m, x, -3, NULL, &y), "units");
  martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
  options.activation = MARTLET_HARD_SWISH + 1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "activation");
  options.activation = -1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "activation");
  options.activation = MARTLET_RELU;
  options.use_bias = 2;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "use_bias");
  options.use_bias = 1;
  initializers(m, x);
  options.kernel_regularizer.l2 = -1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "kernel_regularizer");
  options.kernel_regularizer.l2 = 0;
  options.bias_regularizer.l1 = NAN;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "bias_regularizer");
  options.bias_regularizer.l1 = 0;
  options.kernel_constraint.kind = 4;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "kernel_constraint.kind is 4, which is none of MARTLET_NO_CONST");
  options.kernel_constraint.kind = MARTLET_MAX_NORM;
  options.kernel_constraint.value = -1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "kernel_constraint.value is -1.0; it must be finite and >= 0");
  options.kernel_constraint.value = 1;
  options.kernel_constraint.last_axis = 2;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "the constraint of weight 'kernel' is over axes 0 to 2");
  options.kernel_constraint.first_axis = INT32_MIN;
  options.kernel_constraint.last_axis = INT32_MAX;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "the constraint of weight 'kernel' is over axes -2147483648");
  options.kernel_constraint.kind = MARTLET_NO_CONSTRAINT;
  options.bias_constraint.kind = MARTLET_UNIT_NORM;
  options.bias_constraint.first_axis = options.bias_constraint.last_axis = 1;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "the constraint of weight 'bias' is over axis 1");
  options.bias_constraint.kind = MARTLET_NO_CONSTRAINT;
  options.struct_size = 0;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "struct_size");
  options.struct_size = UINT32_MAX;
  EXPECT_INVALID(martlet_dense(m, x, 3, &options, &y), "struct_size");

  EXPECT_INVALID(martlet_activation(NULL, x, MARTLET_RELU, 0, NULL, &y), "model");
  EXPECT_INVALID(martlet_activation(m, x, MARTLET_RELU, 0, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_activation(m, 99, MARTLET_RELU, 0, NULL, &y), "input");
  EXPECT_INVALID(martlet_activation(m, x, -1, 0, NULL, &y), "activation");
  EXPECT_INVALID(martlet_activation(m, x, MARTLET_LEAKY_RELU, -1, NULL, &y), "alpha");
  EXPECT_INVALID(martlet_activation(m, x, MARTLET_LEAKY_RELU, NAN, NULL, &y), "alpha");
  EXPECT_INVALID(martlet_activation(m, x, MARTLET_ELU, -1, NULL, &y), "alpha is -1");
  EXPECT_INVALID(martlet_activation(m, x, MARTLET_HARD_SWISH + 1, 0, NULL, &y), "activation is 16");
  EXPECT_INVALID(martlet_relu(NULL, x, INFINITY, 0, 0, NULL, &y), "model");
  EXPECT_INVALID(martlet_relu(m, 99, INFINITY, 0, 0, NULL, &y), "input");
  EXPECT_INVALID(martlet_relu(m, x, INFINITY, 0, 0, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_relu(m, x, -1, 0, 0, NULL, &y), "max_value is -1.0; it must be >= 0");
  EXPECT_INVALID(martlet_relu(m, x, NAN, 0, 0, NULL, &y), "max_value is nan");
  EXPECT_INVALID(martlet_relu(m, x, 6, -1, 0, NULL, &y), "negative_slope is -1.0");
  EXPECT_INVALID(martlet_relu(m, x, 6, 0, INFINITY, NULL, &y), "threshold is inf");
  EXPECT_INVALID(martlet_dropout(NULL, x, 0.5, NULL, &y), "model");
  EXPECT_INVALID(martlet_dropout(m, x, 0.5, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_dropout(m, -5, 0.5, NULL, &y), "input");
  EXPECT_INVALID(martlet_dropout(m, x, 1.0, NULL, &y), "rate");
  EXPECT_INVALID(martlet_dropout(m, x, -0.1, NULL, &y), "rate");
  EXPECT_INVALID(martlet_dropout(m, x, NAN, NULL, &y), "rate");
  const int64_t two[] = {2, 2}, open_shape[] = {-1, -1};
  const int32_t order[] = {1, 2};
  EXPECT_INVALID(martlet_reshape(NULL, x, 2, two, NULL, &y), "model");
  EXPECT_INVALID(martlet_reshape(m, 99, 2, two, NULL, &y), "input");
  EXPECT_INVALID(martlet_reshape(m, x, 0, two, NULL, &y), "rank is 0; it must be 1 to 7");
  EXPECT_INVALID(martlet_reshape(m, x, MARTLET_MAX_RANK, huge, NULL, &y), "rank is 8");
  EXPECT_INVALID(martlet_reshape(m, x, 2, NULL, NULL, &y), "shape is NULL");
  EXPECT_INVALID(martlet_reshape(m, x, 2, two, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_reshape(m, x, 1, zero, NULL, &y), "Reshape has the target shape [0]");
  EXPECT_INVALID(martlet_reshape(m, x, 2, open_shape, NULL, &y), "one may be -1");
  EXPECT_INVALID(martlet_reshape(m, x, 7, huge, NULL, &y), "too large");
  EXPECT_INVALID(martlet_softmax(NULL, x, 1, order, NULL, &y), "model");
  EXPECT_INVALID(martlet_softmax(m, 99, 1, order, NULL, &y), "input");
  EXPECT_INVALID(martlet_softmax(m, x, 0, order, NULL, &y), "axis_count is 0");
  EXPECT_INVALID(martlet_softmax(m, x, 9, order, NULL, &y), "axis_count is 9");
  EXPECT_INVALID(martlet_softmax(m, x, 1, NULL, NULL, &y), "axes is NULL");
  EXPECT_INVALID(martlet_softmax(m, x, 1, order, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_permute(NULL, x, 2, order, NULL, &y), "model");
  EXPECT_INVALID(martlet_permute(m, 99, 2, order, NULL, &y), "input");
  EXPECT_INVALID(martlet_permute(m, x, -1, order, NULL, &y), "rank is -1");
  EXPECT_INVALID(martlet_permute(m, x, 2, NULL, NULL, &y), "dims is NULL");
  EXPECT_INVALID(martlet_permute(m, x, 2, order, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_permute(m, x, 2, order, NULL, &y), "Permute has the order [1, 2]");
  EXPECT_INVALID(martlet_permute(m, x, 1, order + 1, NULL, &y), "Permute has the order [2]");
  EXPECT_INVALID(martlet_gaussian_noise(NULL, x, 0.5, NULL, &y), "model");
  EXPECT_INVALID(martlet_gaussian_noise(m, 99, 0.5, NULL, &y), "input");
  EXPECT_INVALID(martlet_gaussian_noise(m, x, 0.5, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_gaussian_noise(m, x, -0.5, NULL, &y), "stddev is -0.5; it must be finite and >= 0");
  EXPECT_INVALID(martlet_gaussian_noise(m, x, NAN, NULL, &y), "stddev is nan");
  EXPECT_INVALID(martlet_gaussian_noise(m, x, 1e300, NULL, &y), "stddev is 1e+300; it must be finite as a 32-bit float");
  EXPECT_INVALID(martlet_activity_regularization(NULL, x, 0, 0, NULL, &y), "model");
  EXPECT_INVALID(martlet_activity_regularization(m, 99, 0, 0, NULL, &y), "input");
  EXPECT_INVALID(martlet_activity_regularization(m, x, 0, 0, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_activity_regularization(m, x, -1, 0, NULL, &y), "l1 is -1.0; it must be finite and >= 0");
  EXPECT_INVALID(martlet_activity_regularization(m, x, 0, INFINITY, NULL, &y), "l2 is inf");
  EXPECT_INVALID(martlet_flatten(NULL, x, NULL, &y), "model");
  EXPECT_INVALID(martlet_flatten(m, x, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_flatten(m, INT32_MIN, NULL, &y), "input");
  EXPECT_INVALID(martlet_rescaling(NULL, x, 1, 0, NULL, &y), "model");
  EXPECT_INVALID(martlet_rescaling(m, x, 1, 0, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_rescaling(m, 7, 1, 0, NULL, &y), "input");
  EXPECT_INVALID(martlet_rescaling(m, x, INFINITY, 0, NULL, &y), "scale");
  EXPECT_INVALID(martlet_rescaling(m, x, 1, NAN, NULL, &y), "offset");
  const double scale[] = {1, 2, 3, INFINITY}, offset[] = {1e300, 0};
  EXPECT_INVALID(martlet_channel_rescaling(NULL, x, 1, scale, 1, scale, NULL, &y), "model");
  EXPECT_INVALID(martlet_channel_rescaling(m, 7, 1, scale, 1, scale, NULL, &y), "input");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 1, scale, 1, scale, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 1, NULL, 1, scale, NULL, &y), "scale is NULL");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 1, scale, 1, NULL, NULL, &y), "offset is NULL");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 3, scale, 1, scale, NULL, &y), "scale_count is 3; rows of shape [4]");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 1, scale, 0, scale, NULL, &y), "offset_count is 0; rows of shape [4]");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, INT64_MAX, scale, 1, scale, NULL, &y), "scale_count is 92233720368");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 4, scale, 1, scale, NULL, &y), "scale[3] is inf");
  EXPECT_INVALID(martlet_channel_rescaling(m, x, 1, scale, 1, offset, NULL, &y), "offset[0] is 1e+300");
  EXPECT_INVALID(martlet_normalization(NULL, x, 1, mean, NULL, NULL, &y), "model");
  EXPECT_INVALID(martlet_normalization(m, x, 1, mean, NULL, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_normalization(m, x, 1, NULL, NULL, NULL, &y), "mean");
  EXPECT_INVALID(martlet_normalization(m, 7, 1, mean, NULL, NULL, &y), "input");
  EXPECT_INVALID(martlet_normalization(m, x, 3, mean, NULL, NULL, &y), "count");
  EXPECT_INVALID(martlet_normalization(m, x, 0, mean, NULL, NULL, &y), "count");
  EXPECT_INVALID(martlet_normalization(m, x, INT64_MAX, mean, NULL, NULL, &y), "count");
  EXPECT_INVALID(martlet_normalization(m, x, 4, mean, variance, NULL, &y), "variance");
  mean[2] = NAN;
  EXPECT_INVALID(martlet_normalization(m, x, 4, mean, NULL, NULL, &y), "mean");
  CHECK(y == -77, "the failed builders left out_node alone");

  const martlet_node both[] = {x, x}, strange[] = {x, 12345};
  EXPECT_INVALID(martlet_add(NULL, 2, both, NULL, &y), "model");
  EXPECT_INVALID(martlet_add(m, 2, both, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_add(m, 2, NULL, NULL, &y), "inputs");
  EXPECT_INVALID(martlet_add(m, 0, both, NULL, &y), "input_count is 0");
  EXPECT_INVALID(martlet_add(m, INT32_MAX, both, NULL, &y), "input_count is 2147483647");
  EXPECT_INVALID(martlet_add(m, 1, both, NULL, &y), "Add takes 2 or more inputs, 1 were given");
  EXPECT_INVALID(martlet_add(m, 2, strange, NULL, &y), "node 12345");
  EXPECT_INVALID(martlet_multiply(m, 1, both, NULL, &y), "Multiply");
  EXPECT_INVALID(martlet_average(m, 1, both, NULL, &y), "Average");
  EXPECT_INVALID(martlet_maximum(m, 1, both, NULL, &y), "Maximum");
  EXPECT_INVALID(martlet_subtract(m, x, -1, NULL, &y), "node -1");
  EXPECT_INVALID(martlet_subtract(m, x, x, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_concatenate(m, 2, both, 0, NULL, &y), "axis 0");
  EXPECT_INVALID(martlet_concatenate(m, 2, both, 9, NULL, &y), "axis 9");
  EXPECT_INVALID(martlet_concatenate(m, 2, NULL, 1, NULL, &y), "inputs");
  EXPECT_INVALID(martlet_share(m, 9, 1, &x, &y), "node is 9");
  EXPECT_INVALID(martlet_share(m, x, 1, &x, &y), "is an input");
  EXPECT_INVALID(martlet_share(m, x, 1, &x, NULL), "out_node");
  EXPECT_INVALID(martlet_share(m, x, -1, &x, &y), "input_count is -1");
  CHECK(y == -77, "the failed merges left out_node alone");

  const martlet_node unknown[] = {12345};
  EXPECT_INVALID(martlet_model_build(m, 1, NULL), "outputs");
  EXPECT_INVALID(martlet_model_build(m, 0, &x), "output_count");
  EXPECT_INVALID(martlet_model_build(m, -1, &x), "output_count");
  EXPECT_INVALID(martlet_model_build(m, 1, unknown), "outputs");
  REQUIRE(martlet_dense(m, x, 3, NULL, &y));
  EXPECT_INVALID(martlet_model_build(m, 1, &x), "dense");
  const martlet_node twice[] = {y, y};
  EXPECT_INVALID(martlet_model_build(m, 2, twice), "given twice");
  EXPECT_OK(martlet_model_build(m, 1, &y));
  martlet_model_destroy(m);
  martlet_model_destroy(NULL);
}

static void dataset_functions(void) {
  const float x[8] = {0}, nan_x[8] = {0, 0, NAN};
  const int32_t y[2] = {0, 1};
  const int64_t shape[] = {2, 4}, rows[] = {2}, three[] = {3}, none[] = {0, 4}, negative[] = {-1, 4};
  const int64_t huge[] = {INT64_MAX, INT64_MAX}, large[] = {INT64_MAX / 8, 4};
  martlet_array xs = check_array(x, 2, shape, MARTLET_FLOAT32), ys = check_array(y, 1, rows, MARTLET_INT32), bad = xs;
  martlet_dataset *made = (martlet_dataset *)&marker, *other = made;
  EXPECT_INVALID(martlet_dataset_create(NULL, NULL, 0, &made), "x and y are both NULL");
  EXPECT_INVALID(martlet_dataset_create(&xs, &ys, 0, NULL), "out_dataset");
  EXPECT_INVALID(martlet_dataset_create(&xs, &ys, 2, &made), "copy");
  bad.data = NULL;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "x");
  bad = xs, bad.shape = NULL;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "x");
  bad = xs, bad.rank = 0;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "rank");
  bad.rank = MARTLET_MAX_RANK + 1;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "rank");
  bad = xs, bad.type = 0;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "type");
  bad.type = 6;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "type");
  bad = xs, bad.shape = none;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "x");
  bad.shape = negative;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "x");
  bad.shape = huge;
  EXPECT_INVALID(martlet_dataset_create(&bad, &ys, 0, &made), "x");
  bad.shape = large;
  EXPECT_INVALID(martlet_dataset_create(&bad, NULL, 1, &made), "x");
  bad = ys, bad.shape = three;
  EXPECT_INVALID(martlet_dataset_create(&xs, &bad, 0, &made), "y");
  EXPECT_INVALID(martlet_dataset_open(NULL, "x", "y", &made), "path");
  EXPECT_INVALID(martlet_dataset_open("d.h5", NULL, NULL, &made), "x_name and y_name are both NULL");
  EXPECT_INVALID(martlet_dataset_open("d.h5", "x", "y", NULL), "out_dataset");
  EXPECT_INVALID(martlet_dataset_rows(NULL, 0, 1, &made), "dataset");
  EXPECT_INVALID(martlet_dataset_rows(dataset, 0, 1, NULL), "out_dataset");
  EXPECT_INVALID(martlet_dataset_rows(dataset, 1, 1, &made), "begin");
  EXPECT_INVALID(martlet_dataset_rows(dataset, -1, 1, &made), "begin");
  EXPECT_INVALID(martlet_dataset_rows(dataset, 0, SMALL_ROWS + 1, &made), "end");
  EXPECT_INVALID(martlet_dataset_rows(dataset, INT64_MIN, INT64_MAX, &made), "begin");
  EXPECT_INVALID(martlet_dataset_split(NULL, 0.5, 0, 0, &made, &other), "dataset");
  EXPECT_INVALID(martlet_dataset_split(dataset, 0.5, 0, 0, NULL, &other), "out_first");
  EXPECT_INVALID(martlet_dataset_split(dataset, 0.5, 0, 0, &made, NULL), "out_second");
  EXPECT_INVALID(martlet_dataset_split(dataset, 0.5, 0, 0, &made, &made), "out_first and out_second");
  EXPECT_INVALID(martlet_dataset_split(dataset, 0, 0, 0, &made, &other), "fraction");
  EXPECT_INVALID(martlet_dataset_split(dataset, 1, 0, 0, &made, &other), "fraction");
  EXPECT_INVALID(martlet_dataset_split(dataset, NAN, 0, 0, &made, &other), "fraction");
  EXPECT_INVALID(martlet_dataset_split(dataset, 1e-9, 0, 0, &made, &other), "fraction");
  EXPECT_INVALID(martlet_dataset_split(dataset, 0.5, 2, 0, &made, &other), "shuffle");
  CHECK(made == (martlet_dataset *)&marker && other == made, "the failed calls left out_dataset alone");

  int32_t rank = 77;
  int64_t length = 77, row[MARTLET_MAX_RANK];
  const char *name = &marker, *names[] = {"a", NULL};
  EXPECT_INVALID(martlet_dataset_length(NULL, &length), "dataset");
  EXPECT_INVALID(martlet_dataset_length(dataset, NULL), "out_length");
  EXPECT_INVALID(martlet_dataset_x_count(NULL, &rank), "dataset");
  EXPECT_INVALID(martlet_dataset_x_count(dataset, NULL), "out_count");
  EXPECT_INVALID(martlet_dataset_y_count(NULL, &rank), "dataset");
  EXPECT_INVALID(martlet_dataset_y_count(dataset, NULL), "out_count");
  EXPECT_INVALID(martlet_dataset_x_shape(NULL, 0, &rank, row), "dataset");
  EXPECT_INVALID(martlet_dataset_x_shape(dataset, 0, NULL, row), "out_rank");
  EXPECT_INVALID(martlet_dataset_x_shape(dataset, 0, &rank, NULL), "out_shape");
  EXPECT_INVALID(martlet_dataset_x_shape(dataset, 1, &rank, row), "index is 1; there are 1 x");
  EXPECT_INVALID(martlet_dataset_x_shape(dataset, INT32_MIN, &rank, row), "index");
  EXPECT_INVALID(martlet_dataset_y_shape(NULL, 0, &rank, row), "dataset");
  EXPECT_INVALID(martlet_dataset_y_shape(dataset, 0, NULL, row), "out_rank");
  EXPECT_INVALID(martlet_dataset_y_shape(dataset, 0, &rank, NULL), "out_shape");
  EXPECT_INVALID(martlet_dataset_y_shape(dataset, -1, &rank, row), "index");
  EXPECT_INVALID(martlet_dataset_set_scaling(NULL, 1, 0), "dataset");
  EXPECT_INVALID(martlet_dataset_set_scaling(dataset, NAN, 0), "scale");
  EXPECT_INVALID(martlet_dataset_set_scaling(dataset, 1, INFINITY), "offset");
  float mean[4] = {77}, variance[4];
  EXPECT_INVALID(martlet_dataset_statistics(NULL, 1, mean, variance), "dataset");
  EXPECT_INVALID(martlet_dataset_statistics(dataset, 0, mean, variance), "count");
  EXPECT_INVALID(martlet_dataset_statistics(dataset, 3, mean, variance), "count");
  EXPECT_OK(martlet_dataset_statistics(dataset, 1, NULL, NULL));
  EXPECT_INVALID(martlet_dataset_set_class_names(NULL, 1, names), "dataset");
  EXPECT_INVALID(martlet_dataset_set_class_names(dataset, 1, NULL), "names");
  EXPECT_INVALID(martlet_dataset_set_class_names(dataset, 2, names), "names");
  EXPECT_INVALID(martlet_dataset_set_class_names(dataset, -1, names), "count");
  EXPECT_INVALID(martlet_dataset_class_count(NULL, &rank), "dataset");
  EXPECT_INVALID(martlet_dataset_class_count(dataset, NULL), "out_count");
  EXPECT_INVALID(martlet_dataset_class_name(NULL, 0, &name), "dataset");
  EXPECT_INVALID(martlet_dataset_class_name(dataset, 0, &name), "index");
  EXPECT_INVALID(martlet_dataset_class_name(dataset, 0, NULL), "out_name");
  CHECK(rank == 77 && length == 77 && name == &marker && mean[0] == 77, "the failed calls left their results alone");

  martlet_dataset *not_finite;
  martlet_metrics metrics;
  xs.data = nan_x;
  REQUIRE(martlet_dataset_create(&xs, &ys, 0, &not_finite));
  EXPECT_INVALID(martlet_trainer_evaluate(trainer, not_finite, NULL, NULL, &metrics), "x");
  martlet_dataset_destroy(not_finite);
  REQUIRE(martlet_dataset_create(&xs, NULL, 0, &not_finite));
  EXPECT(martlet_dataset_y_shape(not_finite, 0, &rank, row), MARTLET_NOT_FOUND, "y");
  martlet_fit_options two_rows = MARTLET_FIT_OPTIONS_INIT;
  two_rows.batch_size = 2;
  EXPECT_INVALID(martlet_trainer_fit(trainer, not_finite, NULL, &two_rows, NULL, NULL), "y");
  martlet_dataset_destroy(not_finite);
  martlet_dataset_destroy(NULL);
}

static void zipped_datasets(void) {
  const float x[4] = {1, 2, 3, 4}, weights[6] = {1, 0, 2, 1, 1, 1};
  const int32_t y[2] = {0, 1};
  const int64_t x_shape[] = {2, 2}, rows[] = {2}, three[] = {3}, wide[] = {2, 3};
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32), ys = check_array(y, 1, rows, MARTLET_INT32);
  martlet_array w = check_array(weights, 1, rows, MARTLET_FLOAT32), bad = w;
  martlet_dataset *inputs, *targets, *other, *zipped = (martlet_dataset *)&marker;
  REQUIRE(martlet_dataset_create(&xs, NULL, 0, &inputs));
  REQUIRE(martlet_dataset_create(NULL, &ys, 1, &targets));
  REQUIRE(martlet_dataset_rows(targets, 0, 1, &other));

  martlet_dataset *parts[] = {inputs, targets, inputs}, *unequal[] = {inputs, other}, *hole[] = {inputs, NULL};
  EXPECT_INVALID(martlet_dataset_zip(NULL, 1, &zipped), "datasets");
  EXPECT_INVALID(martlet_dataset_zip(parts, 0, &zipped), "count");
  EXPECT_INVALID(martlet_dataset_zip(parts, INT32_MIN, &zipped), "count");
  EXPECT_INVALID(martlet_dataset_zip(parts, 3, NULL), "out_dataset");
  EXPECT_INVALID(martlet_dataset_zip(hole, 2, &zipped), "datasets[1] is NULL");
  EXPECT_INVALID(martlet_dataset_zip(unequal, 2, &zipped), "datasets[1] has 1 rows and datasets[0] has 2");
  CHECK(zipped == (martlet_dataset *)&marker, "the failed calls left out_dataset alone");

  EXPECT_INVALID(martlet_dataset_set_sample_weights(NULL, &w, 0), "dataset");
  EXPECT_INVALID(martlet_dataset_set_sample_weights(inputs, &w, 2), "copy");
  bad.shape = three;
  EXPECT_INVALID(martlet_dataset_set_sample_weights(inputs, &bad, 1), "weights has shape [3]");
  bad.shape = wide, bad.rank = 2;
  EXPECT_INVALID(martlet_dataset_set_sample_weights(inputs, &bad, 1), "weights has shape [2, 3]");
  bad = w, bad.type = 9;
  EXPECT_INVALID(martlet_dataset_set_sample_weights(inputs, &bad, 1), "the type of weights");
  EXPECT_OK(martlet_dataset_set_sample_weights(inputs, &w, 1));
  EXPECT_INVALID(martlet_dataset_zip(parts, 3, &zipped), "datasets[0] and datasets[2] both have sample weights");
  EXPECT_OK(martlet_dataset_set_sample_weights(inputs, NULL, 0));

  int32_t count = 77, rank = 77;
  int64_t shape[MARTLET_MAX_RANK];
  EXPECT(martlet_dataset_x_shape(targets, 0, &rank, shape), MARTLET_NOT_FOUND, "no x");
  EXPECT(martlet_dataset_y_shape(inputs, 0, &rank, shape), MARTLET_NOT_FOUND, "no y");
  EXPECT(martlet_dataset_set_scaling(targets, 1, 0), MARTLET_INVALID_STATE, "the dataset has 0 x");
  REQUIRE(martlet_dataset_set_scaling(inputs, 2, 0));
  EXPECT_OK(martlet_dataset_zip(parts, 3, &zipped));
  EXPECT_OK(martlet_dataset_x_count(zipped, &count));
  CHECK(count == 2, "the x of all");
  EXPECT_OK(martlet_dataset_y_count(zipped, &count));
  CHECK(count == 1, "the y of all");
  EXPECT_OK(martlet_dataset_x_shape(zipped, 1, &rank, shape));
  CHECK(rank == 1 && shape[0] == 2, "the shape of the second x");
  EXPECT_INVALID(martlet_dataset_x_shape(zipped, 2, &rank, shape), "there are 2 x");
  EXPECT(martlet_dataset_set_scaling(zipped, 1, 0), MARTLET_INVALID_STATE, "the dataset has 2 x");
  EXPECT(martlet_dataset_statistics(zipped, 1, NULL, NULL), MARTLET_INVALID_STATE, "the dataset has 2 x");

  martlet_metrics metrics;
  EXPECT_INVALID(martlet_trainer_evaluate(trainer, zipped, NULL, NULL, &metrics), "the dataset has 2 x");
  EXPECT_INVALID(martlet_trainer_evaluate(trainer, targets, NULL, NULL, &metrics), "the dataset has 0 x");
  martlet_dataset_destroy(zipped);
  martlet_dataset_destroy(other);
  martlet_dataset_destroy(inputs);
  martlet_dataset_destroy(targets);
}

/* Sets one member, expects its name in the message, and sets it back. */
#define REFUSED(options, member, value, call)                                                                          \
  do {                                                                                                                 \
    (options).member = (value);                                                                                        \
    check_status(call, MARTLET_INVALID_ARGUMENT, #member, #options "." #member " = " #value " is refused", __FILE__,   \
                 __LINE__);                                                                                            \
    options = options##_saved;                                                                                         \
  } while (0)
#define TRAINER_REFUSED(member, value)                                                                                 \
  REFUSED(trainer_options, member, value, martlet_trainer_create(model, &trainer_options, &made))
#define FIT_REFUSED(member, value)                                                                                     \
  REFUSED(fit_options, member, value, martlet_trainer_fit(trainer, dataset, NULL, &fit_options, NULL, NULL))

#define LOSS_REFUSED(member, value)                                                                                    \
  REFUSED(loss, member, value, martlet_trainer_create(model, &trainer_options, &made))

static void losses(void) {
  martlet_trainer *made = (martlet_trainer *)&marker;
  martlet_trainer_options trainer_options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_loss loss = MARTLET_LOSS_INIT;
  const martlet_loss loss_saved = loss;
  const float weights[] = {1, 2, 0}, bad_weights[] = {1, -2, NAN};
  trainer_options.loss_count = 1;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses is NULL");
  trainer_options.losses = &loss;
  LOSS_REFUSED(struct_size, 3);
  LOSS_REFUSED(struct_size, UINT32_MAX);
  LOSS_REFUSED(kind, -1);
  LOSS_REFUSED(kind, 14);
  LOSS_REFUSED(from_logits, 2);
  LOSS_REFUSED(apply_class_balancing, -1);
  LOSS_REFUSED(weight, -1.0);
  LOSS_REFUSED(weight, (double)INFINITY);
  LOSS_REFUSED(label_smoothing, 1.5);
  LOSS_REFUSED(label_smoothing, (double)NAN);
  LOSS_REFUSED(delta, 0.0);
  LOSS_REFUSED(gamma, -1.0);
  LOSS_REFUSED(alpha, (double)NAN);
  LOSS_REFUSED(class_count, 3); /* no weights */
  loss.class_weights = weights;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses[0].class_count is 0");
  loss.class_count = 2;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "this output has 3 classes");
  loss.class_count = 3, loss.class_weights = bad_weights;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses[0].class_weights[1] is -2.0");
  loss.kind = MARTLET_NO_LOSS, loss.class_weights = weights;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "no loss to multiply");
  CHECK(made == (martlet_trainer *)&marker, "the refused losses left out_trainer alone");
  for (loss.kind = 0; loss.kind <= MARTLET_BINARY_FOCAL_CROSSENTROPY; loss.kind++) {
    const int is_cross_entropy = loss.kind == MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY ||
                                 loss.kind == MARTLET_CATEGORICAL_CROSSENTROPY ||
                                 loss.kind == MARTLET_BINARY_CROSSENTROPY ||
                                 loss.kind >= MARTLET_CATEGORICAL_FOCAL_CROSSENTROPY;
    if (loss.kind == MARTLET_NO_LOSS) continue;
    loss.label_smoothing = 0.1, loss.from_logits = 0;
    if (is_cross_entropy) {
      EXPECT_OK(martlet_trainer_create(model, &trainer_options, &made));
      martlet_trainer_destroy(made);
    } else {
      EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses[0].label_smoothing is 0.1, which");
    }
    loss.label_smoothing = 0, loss.from_logits = 1;
    if (is_cross_entropy) {
      EXPECT_OK(martlet_trainer_create(model, &trainer_options, &made));
      martlet_trainer_destroy(made);
    } else {
      EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses[0].from_logits is 1, which loss '");
    }
    loss.apply_class_balancing = 1, loss.from_logits = 0;
    if (loss.kind == MARTLET_BINARY_FOCAL_CROSSENTROPY) {
      EXPECT_OK(martlet_trainer_create(model, &trainer_options, &made));
      martlet_trainer_destroy(made);
    } else {
      EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "losses[0].apply_class_balancing is 1, which");
    }
    loss.apply_class_balancing = 0;
  }
}

/* Every loss trains on targets of its form, and refuses others. */
static void targets_of_losses(void) {
  static const float one_hot[6] = {0, 1, 0, 1, 0, 0};
  static const int32_t label[2] = {1, 0};
  const float x[8] = {1, 2, 3, 4, 4, 3, 2, 1};
  const int64_t x_shape[] = {2, 4}, wide[] = {2, 3}, narrow[] = {2};
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32);
  const martlet_array numbers = check_array(one_hot, 2, wide, MARTLET_FLOAT32);
  const martlet_array labels = check_array(label, 1, narrow, MARTLET_INT32);
  martlet_loss loss = MARTLET_LOSS_INIT;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.losses = &loss, options.loss_count = 1, options.learning_rate = 0;
  for (loss.kind = 0; loss.kind <= MARTLET_BINARY_FOCAL_CROSSENTROPY; loss.kind++) {
    if (loss.kind == MARTLET_NO_LOSS) continue;
    const int takes_labels = loss.kind == MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY ||
                             loss.kind == MARTLET_CATEGORICAL_HINGE ||
                             loss.kind == MARTLET_CATEGORICAL_FOCAL_CROSSENTROPY;
    const int takes_numbers = loss.kind != MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY;
    martlet_trainer *t;
    martlet_metrics of_numbers, of_labels;
    REQUIRE(martlet_trainer_create(model, &options, &t));
    if (takes_numbers) {
      EXPECT_OK(martlet_trainer_train_step(t, &xs, 1, &numbers, 1, NULL, &of_numbers));
      CHECK(isfinite(of_numbers.loss), "the loss of numbers is finite");
    } else {
      EXPECT_INVALID(martlet_trainer_train_step(t, &xs, 1, &numbers, 1, NULL, NULL), "expects integer labels");
    }
    if (takes_labels) {
      EXPECT_OK(martlet_trainer_train_step(t, &xs, 1, &labels, 1, NULL, &of_labels));
      CHECK(!takes_numbers || of_labels.loss == of_numbers.loss, "labels mean the same as one-hot targets");
    } else {
      EXPECT_INVALID(martlet_trainer_train_step(t, &xs, 1, &labels, 1, NULL, NULL), "expects rows of shape [3]");
    }
    martlet_trainer_destroy(t);
  }
}

/* The accuracy of the small model's 3 outputs, which are those of a softmax, by loss and choice. */
static void kinds_of_accuracy(void) {
  static const float one_hot[6] = {0, 1, 0, 1, 0, 0};
  const float x[8] = {1, 2, 3, 4, 4, 3, 2, 1};
  const int64_t x_shape[] = {2, 4}, wide[] = {2, 3};
  const martlet_array xs = check_array(x, 2, x_shape, MARTLET_FLOAT32);
  const martlet_array ys = check_array(one_hot, 2, wide, MARTLET_FLOAT32);
  float p[6];
  REQUIRE(martlet_predict(model, &xs, 1, p, 6));
  double rows = 0, elements = 0;
  for (int row = 0; row < 2; row++) {
    int best = 0;
    for (int i = 0; i < 3; i++) {
      if (p[row * 3 + i] > p[row * 3 + best]) best = i;
      elements += (p[row * 3 + i] > 0.5f) == (one_hot[row * 3 + i] > 0.5f);
    }
    rows += one_hot[row * 3 + best] == 1;
  }
  static const struct { int32_t kind, accuracy, counts; } cases[] = {
      {MARTLET_CATEGORICAL_CROSSENTROPY, MARTLET_ACCURACY_OF_LOSS, 1},
      {MARTLET_MEAN_SQUARED_ERROR, MARTLET_ACCURACY_OF_LOSS, 0},
      {MARTLET_MEAN_SQUARED_ERROR, MARTLET_ACCURACY_CATEGORICAL, 1},
      {MARTLET_MEAN_SQUARED_ERROR, MARTLET_ACCURACY_BINARY, 2},
      {MARTLET_BINARY_CROSSENTROPY, MARTLET_ACCURACY_OF_LOSS, 2},
      {MARTLET_BINARY_CROSSENTROPY, MARTLET_ACCURACY_CATEGORICAL, 1},
  };
  martlet_loss loss = MARTLET_LOSS_INIT;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.losses = &loss, options.loss_count = 1, options.learning_rate = 0;
  martlet_trainer *t;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    martlet_metrics metrics;
    loss.kind = cases[i].kind, loss.accuracy = cases[i].accuracy;
    REQUIRE(martlet_trainer_create(model, &options, &t));
    EXPECT_OK(martlet_trainer_train_step(t, &xs, 1, &ys, 1, NULL, &metrics));
    CHECK(cases[i].counts == 0 ? isnan(metrics.accuracy)
                               : metrics.accuracy == (cases[i].counts == 1 ? rows / 2 : elements / 6),
          "the accuracy counts what it is asked to");
    martlet_trainer_destroy(t);
  }
  loss.accuracy = 3;
  EXPECT_INVALID(martlet_trainer_create(model, &options, &t), "losses[0].accuracy is 3");
  loss.kind = MARTLET_CATEGORICAL_HINGE, loss.accuracy = MARTLET_ACCURACY_BINARY;
  EXPECT_INVALID(martlet_trainer_create(model, &options, &t), "which loss 'categorical_hinge' does not have");
  loss.kind = MARTLET_NO_LOSS, loss.accuracy = MARTLET_ACCURACY_CATEGORICAL;
  EXPECT_INVALID(martlet_trainer_create(model, &options, &t), "needs a loss and at least 2 outputs");
}

/* A model with inputs [2] and [3] and outputs of 3 classes, one number and 2 numbers without a loss. */
static void several_outputs(void) {
  martlet_model *m;
  martlet_trainer *t;
  martlet_node a, b, both[2], out[3];
  const int64_t two[] = {2}, three[] = {3};
  martlet_dense_options softmax = MARTLET_DENSE_OPTIONS_INIT;
  softmax.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_model_create("ends", 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, two, &a));
  REQUIRE(martlet_input(m, NULL, 1, three, &b));
  both[0] = a, both[1] = b;
  REQUIRE(martlet_concatenate(m, 2, both, -1, NULL, &a));
  REQUIRE(martlet_dense(m, a, 3, &softmax, &out[0]));
  REQUIRE(martlet_dense(m, a, 1, NULL, &out[1]));
  REQUIRE(martlet_dense(m, a, 2, NULL, &out[2]));
  REQUIRE(martlet_model_build(m, 3, out));

  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_loss losses[3] = {MARTLET_LOSS_INIT, MARTLET_LOSS_INIT, MARTLET_LOSS_INIT};
  options.losses = losses, options.loss_count = 2;
  EXPECT_INVALID(martlet_trainer_create(m, &options, &t), "loss_count is 2; it must be 0, 1 or the number of outputs");
  options.loss_count = 0;
  EXPECT_INVALID(martlet_trainer_create(m, &options, &t), "needs at least 2 classes; rows of output 1 have shape [1]");
  options.loss_count = 3;
  losses[1].kind = MARTLET_MEAN_SQUARED_ERROR, losses[1].weight = 0.5, losses[1].label_smoothing = 0.1;
  losses[2].kind = MARTLET_NO_LOSS;
  EXPECT_INVALID(martlet_trainer_create(m, &options, &t), "losses[1].label_smoothing is 0.1");
  losses[1].label_smoothing = 0, losses[1].struct_size += 8;
  EXPECT_INVALID(martlet_trainer_create(m, &options, &t), "losses[1] has struct_size");
  losses[1].struct_size -= 8;
  EXPECT_OK(martlet_trainer_create(m, &options, &t));

  enum { N = 4 };
  float x0[N * 2] = {1, 2, 3, 4, 5, 6, 7, 8}, x1[N * 3] = {0}, number[N] = {0, 1, 2, 3}, w[N] = {1, 0, 2, 1};
  int32_t label[N] = {0, 1, 2, 0};
  const int64_t n_two[] = {N, 2}, n_three[] = {N, 3}, n[] = {N}, fewer[] = {N - 1, 3}, short_n[] = {N - 1};
  martlet_array x[] = {check_array(x0, 2, n_two, MARTLET_FLOAT32), check_array(x1, 2, n_three, MARTLET_FLOAT32)};
  martlet_array y[] = {check_array(label, 1, n, MARTLET_INT32), check_array(number, 1, n, MARTLET_FLOAT32)};
  martlet_metrics metrics, one, none;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 1, y, 2, NULL, NULL), "x_count is 1; model 'ends' has 2 inputs");
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 3, NULL, NULL), "y_count is 3; model 'ends' has 2 outputs");
  EXPECT_INVALID(martlet_trainer_train_step(t, x, INT32_MIN, y, 2, NULL, NULL), "x_count");
  EXPECT_INVALID(martlet_trainer_train_step(t, NULL, 2, y, 2, NULL, NULL), "x is NULL");
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, NULL, 2, NULL, NULL), "y is NULL");
  x[1].shape = fewer;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "x[0] has 4 rows and x[1] has 3");
  x[1].shape = n_two;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "x[1] has shape [4, 2]");
  x[1].shape = n_three, y[1].shape = short_n;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "x[0] has 4 rows and y[1] has 3");
  y[1].shape = n, y[0].type = MARTLET_FLOAT32;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "y[0] has rows of shape [] and type float32");
  y[0].type = MARTLET_INT32, label[3] = 3;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "y[0] has label 3 in row 3");
  label[3] = 0, number[2] = NAN;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL), "y[1] has a value that is NaN");
  number[2] = 2, x1[4] = INFINITY;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, NULL, NULL),
                 "x[1] has a value that is NaN, infinite or too large for float32 in row 1");
  x1[4] = 0, w[2] = -1;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, w, NULL), "sample_weights[2] is -1.0");
  w[2] = NAN;
  EXPECT_INVALID(martlet_trainer_train_step(t, x, 2, y, 2, w, NULL), "sample_weights[2] is nan");
  w[2] = 2;
  EXPECT_OK(martlet_trainer_train_step(t, x, 2, y, 2, w, &metrics));
  EXPECT_INVALID(martlet_trainer_output_metrics(NULL, 0, &one, &none), "trainer");
  EXPECT_INVALID(martlet_trainer_output_metrics(t, 3, &one, &none), "output is 3; there are 3 outputs");
  EXPECT_INVALID(martlet_trainer_output_metrics(t, -1, &one, &none), "output");
  EXPECT_OK(martlet_trainer_output_metrics(t, 2, NULL, NULL));
  EXPECT_OK(martlet_trainer_output_metrics(t, 2, &one, &none));
  CHECK(isnan(one.data_loss) && isnan(none.loss), "an output without a loss has none");
  double total = 0;
  for (int32_t i = 0; i < 2; i++) {
    EXPECT_OK(martlet_trainer_output_metrics(t, i, &one, &none));
    CHECK(isnan(none.loss) && one.loss == one.data_loss, "a step has no validation; an output no regularisation");
    total += losses[i].weight * one.data_loss;
  }
  CHECK(metrics.loss == total && isnan(metrics.accuracy), "the total is the weighted sum, without an accuracy");

  float out_y[N * 6];
  EXPECT_INVALID(martlet_trainer_forward(t, x, 1, out_y, N * 6), "x_count is 1");
  EXPECT_INVALID(martlet_trainer_forward(t, x, 2, out_y, N * 3), "y_count is 12; it must be 24");
  EXPECT_OK(martlet_trainer_forward(t, x, 2, out_y, N * 6));
  EXPECT_INVALID(martlet_trainer_backward(t, out_y, N), "dy_count");
  out_y[N * 3 + 2] = NAN;
  EXPECT_INVALID(martlet_trainer_backward(t, out_y, N * 6), "the part of dy for output 1 has a value");
  out_y[N * 3 + 2] = 0;
  EXPECT_OK(martlet_trainer_backward(t, out_y, N * 6));
  EXPECT_OK(martlet_trainer_apply(t));

  martlet_dataset *parts[3], *data, *one_y;
  REQUIRE(martlet_dataset_create(&x[0], &y[0], 0, &parts[0]));
  REQUIRE(martlet_dataset_create(&x[1], NULL, 0, &parts[1]));
  REQUIRE(martlet_dataset_create(NULL, &y[1], 0, &parts[2]));
  REQUIRE(martlet_dataset_zip(parts, 3, &data));
  REQUIRE(martlet_dataset_zip(parts, 2, &one_y));
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  fit.batch_size = 2;
  EXPECT_INVALID(martlet_trainer_fit(t, one_y, NULL, &fit, NULL, NULL), "the dataset has 1 y; the model has 2 outputs");
  EXPECT_INVALID(martlet_trainer_fit(t, parts[0], NULL, &fit, NULL, NULL), "the dataset has 1 x; the model has 2 inputs");
  fit.monitor = MARTLET_MONITOR_ACCURACY;
  EXPECT_INVALID(martlet_trainer_fit(t, data, NULL, &fit, NULL, NULL), "which is that of one output");
  fit.monitor = MARTLET_MONITOR_NONE;
  martlet_array weights = check_array(w, 1, n, MARTLET_FLOAT32);
  REQUIRE(martlet_dataset_set_sample_weights(data, &weights, 0));
  w[1] = -1;
  EXPECT_INVALID(martlet_trainer_fit(t, data, NULL, &fit, NULL, NULL), "weights has -1.0 in row 1; it must be >= 0");
  w[1] = INFINITY;
  EXPECT_INVALID(martlet_trainer_evaluate(t, data, NULL, NULL, &metrics),
                 "weights has a value that is NaN, infinite or too large for float32");
  w[1] = 0;
  EXPECT_OK(martlet_trainer_fit(t, data, data, &fit, NULL, NULL));
  EXPECT_INVALID(martlet_trainer_history_output(NULL, 0, 0, &one, &none), "trainer");
  EXPECT_INVALID(martlet_trainer_history_output(t, 1, 0, &one, &none), "index");
  EXPECT_INVALID(martlet_trainer_history_output(t, 0, 3, &one, &none), "output");
  EXPECT_OK(martlet_trainer_history_output(t, 0, 0, &one, &none));
  CHECK(one.accuracy >= 0 && none.accuracy >= 0, "an output of classes has an accuracy");
  EXPECT_OK(martlet_trainer_history_output(t, 0, 1, &one, NULL));
  CHECK(isnan(one.accuracy) && one.loss > 0, "an output of numbers has a loss only");

  martlet_dataset_destroy(data);
  martlet_dataset_destroy(one_y);
  for (int i = 0; i < 3; i++) martlet_dataset_destroy(parts[i]);
  martlet_trainer_destroy(t);
  martlet_model_destroy(m);
}

static void options_of_training(void) {
  martlet_trainer *made = (martlet_trainer *)&marker;
  martlet_trainer_options trainer_options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_fit_options fit_options = MARTLET_FIT_OPTIONS_INIT;
  const martlet_trainer_options trainer_options_saved = trainer_options;
  const martlet_fit_options fit_options_saved = fit_options;
  EXPECT_INVALID(martlet_trainer_create(NULL, NULL, &made), "model");
  EXPECT_INVALID(martlet_trainer_create(model, NULL, NULL), "out_trainer");
  TRAINER_REFUSED(struct_size, 3);
  TRAINER_REFUSED(struct_size, UINT32_MAX);
  TRAINER_REFUSED(loss_count, -1);
  TRAINER_REFUSED(loss_count, 2);
  TRAINER_REFUSED(loss_count, INT32_MAX);
  TRAINER_REFUSED(optimizer, MARTLET_LION + 1);
  TRAINER_REFUSED(learning_rate, -0.1);
  TRAINER_REFUSED(learning_rate, (double)INFINITY);
  TRAINER_REFUSED(learning_rate, 1e39); /* infinite as a float */
  TRAINER_REFUSED(epsilon, 1e39);
  TRAINER_REFUSED(clip_norm, 1e39);
  TRAINER_REFUSED(learning_rate_decay, 0.0);
  TRAINER_REFUSED(learning_rate_decay, (double)NAN);
  TRAINER_REFUSED(momentum, 1.5);
  TRAINER_REFUSED(nesterov, -1);
  TRAINER_REFUSED(beta_1, 1.0);
  TRAINER_REFUSED(beta_2, -0.5);
  TRAINER_REFUSED(epsilon, 0.0);
  TRAINER_REFUSED(amsgrad, 2);
  TRAINER_REFUSED(centered, -1);
  TRAINER_REFUSED(accumulation_steps, 0);
  TRAINER_REFUSED(rho, 1.0);
  TRAINER_REFUSED(weight_decay, -0.1);
  TRAINER_REFUSED(weight_decay, (double)INFINITY);
  TRAINER_REFUSED(initial_accumulator_value, -1.0);
  TRAINER_REFUSED(clip_value, -1.0);
  TRAINER_REFUSED(clip_norm, (double)NAN);
  TRAINER_REFUSED(global_clip_norm, (double)INFINITY);
  TRAINER_REFUSED(ema_momentum, 1.5);
  TRAINER_REFUSED(ema_overwrite_frequency, -1);
  TRAINER_REFUSED(top_k, 0);
  trainer_options.clip_value = trainer_options.clip_norm = 1;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made),
                 "clip_value (1.0) and clip_norm (1.0) are set; gradients are clipped in at most one way");
  trainer_options = trainer_options_saved;
  trainer_options.ema_overwrite_frequency = 3;
  EXPECT_INVALID(martlet_trainer_create(model, &trainer_options, &made), "ema_overwrite_frequency is 3, but ema_momentum is 0");
  trainer_options = trainer_options_saved;
  CHECK(made == (martlet_trainer *)&marker, "the refused options left out_trainer alone");
  FIT_REFUSED(struct_size, 0);
  FIT_REFUSED(struct_size, UINT32_MAX);
  FIT_REFUSED(shuffle, 2);
  FIT_REFUSED(batch_size, -1);
  FIT_REFUSED(epochs, 0);
  FIT_REFUSED(epochs, INT64_MIN);
  FIT_REFUSED(iterations, -1);
  FIT_REFUSED(drop_last, 2);
  FIT_REFUSED(stop_on_nan, 5);
  FIT_REFUSED(monitor, 5);
  FIT_REFUSED(restore_best, 2);
  FIT_REFUSED(patience, -1);
  FIT_REFUSED(min_delta, -1.0);
  FIT_REFUSED(every_batch, 2);

  /* A program compiled with a later header: what this library does not know must be zero. */
  struct {
    martlet_fit_options known;
    double later;
  } larger;
  memset(&larger, 0, sizeof larger);
  larger.known = fit_options;
  larger.known.struct_size = (uint32_t)sizeof larger;
  EXPECT_OK(martlet_trainer_fit(trainer, dataset, NULL, &larger.known, NULL, NULL));
  larger.later = 1;
  EXPECT_INVALID(martlet_trainer_fit(trainer, dataset, NULL, &larger.known, NULL, NULL), "struct_size");
}

static void trainer_functions(void) {
  martlet_metrics metrics;
  martlet_progress progress;
  int64_t number = 77;
  double rate = 77;
  float y[6] = {0}, x[8] = {0};
  const int64_t shape[] = {2, 4}, wrong[] = {2, 5}, rank_three[] = {2, 2, 2}, labels_shape[] = {2}, none[] = {0, 4};
  int32_t labels[] = {0, 3};
  martlet_array xs = check_array(x, 2, shape, MARTLET_FLOAT32), ys = check_array(labels, 1, labels_shape, MARTLET_INT32);
  martlet_array bad = check_array(x, 2, wrong, MARTLET_FLOAT32);

  EXPECT_INVALID(martlet_trainer_fit(NULL, dataset, NULL, NULL, NULL, NULL), "trainer");
  EXPECT_INVALID(martlet_trainer_fit(trainer, NULL, NULL, NULL, NULL, NULL), "training");
  EXPECT_INVALID(martlet_trainer_evaluate(NULL, dataset, NULL, NULL, &metrics), "trainer");
  EXPECT_INVALID(martlet_trainer_evaluate(trainer, NULL, NULL, NULL, &metrics), "dataset");
  EXPECT_INVALID(martlet_trainer_evaluate(trainer, dataset, NULL, NULL, NULL), "out_metrics");
  martlet_trainer_interrupt(NULL);
  EXPECT_INVALID(martlet_trainer_history_length(NULL, &number), "trainer");
  EXPECT_INVALID(martlet_trainer_history_length(trainer, NULL), "out_length");
  progress.struct_size = (uint32_t)sizeof progress;
  EXPECT_INVALID(martlet_trainer_history(NULL, 0, &progress), "trainer");
  EXPECT_INVALID(martlet_trainer_history(trainer, 0, NULL), "out_progress");
  EXPECT_INVALID(martlet_trainer_history(trainer, 0, &progress), "index");
  EXPECT_INVALID(martlet_trainer_history(trainer, -1, &progress), "index");
  EXPECT_INVALID(martlet_trainer_best_epoch(NULL, &number), "trainer");
  EXPECT_INVALID(martlet_trainer_best_epoch(trainer, NULL), "out_epoch");
  EXPECT_INVALID(martlet_trainer_learning_rate(NULL, &rate), "trainer");
  EXPECT_INVALID(martlet_trainer_learning_rate(trainer, NULL), "out_learning_rate");
  EXPECT_INVALID(martlet_trainer_set_learning_rate(NULL, 1), "trainer");
  EXPECT_INVALID(martlet_trainer_set_learning_rate(trainer, -1), "learning_rate");
  EXPECT_INVALID(martlet_trainer_set_learning_rate(trainer, 1e39),
                 "learning_rate is 1e+39; it must be finite as a 32-bit float");
  EXPECT_INVALID(martlet_trainer_set_learning_rate(trainer, NAN), "learning_rate");
  CHECK(number == 77 && rate == 77, "the failed calls left their results alone");

  EXPECT_INVALID(martlet_trainer_train_step(NULL, &xs, 1, &ys, 1, NULL, NULL), "trainer");
  EXPECT_INVALID(martlet_trainer_train_step(trainer, NULL, 1, &ys, 1, NULL, NULL), "x");
  EXPECT_INVALID(martlet_trainer_train_step(trainer, &xs, 1, NULL, 1, NULL, NULL), "y");
  EXPECT_INVALID(martlet_trainer_train_step(trainer, &xs, 1, &ys, 1, NULL, NULL), "3"); /* the label */
  labels[1] = -1;
  EXPECT_INVALID(martlet_trainer_train_step(trainer, &xs, 1, &ys, 1, NULL, NULL), "-1");
  labels[1] = 1;
  EXPECT_INVALID(martlet_trainer_train_step(trainer, &bad, 1, &ys, 1, NULL, NULL), "x has shape [2, 5]");
  EXPECT_INVALID(martlet_trainer_forward(NULL, &xs, 1, y, 6), "trainer");
  EXPECT_INVALID(martlet_trainer_forward(trainer, NULL, 1, y, 6), "x");
  EXPECT_INVALID(martlet_trainer_forward(trainer, &xs, 1, NULL, 6), "out_y");
  EXPECT_INVALID(martlet_trainer_forward(trainer, &xs, 1, y, 5), "y_count");
  EXPECT_INVALID(martlet_trainer_backward(NULL, y, 6), "trainer");
  EXPECT(martlet_trainer_backward(trainer, y, 6), MARTLET_INVALID_STATE, "forward");
  EXPECT_INVALID(martlet_trainer_get_gradient(NULL, "hidden", "kernel", y, 6), "trainer");
  EXPECT(martlet_trainer_get_gradient(trainer, "hidden", "bias", x, 8), MARTLET_INVALID_STATE, "backward");
  EXPECT(martlet_trainer_apply(trainer), MARTLET_INVALID_STATE, "gradient");
  EXPECT_INVALID(martlet_trainer_apply(NULL), "trainer");
  EXPECT(martlet_trainer_use_average(trainer), MARTLET_INVALID_STATE, "ema_momentum is 0");
  EXPECT_INVALID(martlet_trainer_use_average(NULL), "trainer");
  REQUIRE(martlet_trainer_forward(trainer, &xs, 1, y, 6));
  EXPECT_INVALID(martlet_trainer_backward(trainer, NULL, 6), "dy");
  EXPECT_INVALID(martlet_trainer_backward(trainer, y, 5), "dy_count");
  y[0] = NAN;
  EXPECT_INVALID(martlet_trainer_backward(trainer, y, 6), "dy");
  y[0] = 0;
  REQUIRE(martlet_trainer_backward(trainer, y, 6));
  EXPECT_INVALID(martlet_trainer_get_gradient(trainer, NULL, "bias", x, 8), "layer");
  EXPECT_INVALID(martlet_trainer_get_gradient(trainer, "hidden", NULL, x, 8), "weight");
  EXPECT_INVALID(martlet_trainer_get_gradient(trainer, "hidden", "bias", NULL, 8), "out_values");
  EXPECT_INVALID(martlet_trainer_get_gradient(trainer, "hidden", "bias", x, 7), "8");
  EXPECT(martlet_trainer_get_gradient(trainer, "input", "bias", x, 8), MARTLET_NOT_FOUND, "bias");
  EXPECT_INVALID(martlet_trainer_set_gradient(NULL, "hidden", "bias", x, 8), "trainer");
  EXPECT_INVALID(martlet_trainer_set_gradient(trainer, NULL, "bias", x, 8), "layer");
  EXPECT_INVALID(martlet_trainer_set_gradient(trainer, "hidden", NULL, x, 8), "weight");
  EXPECT_INVALID(martlet_trainer_set_gradient(trainer, "hidden", "bias", NULL, 8), "values");
  EXPECT_INVALID(martlet_trainer_set_gradient(trainer, "hidden", "bias", x, 9), "8");
  EXPECT_OK(martlet_trainer_apply(trainer));

  float out[6] = {77};
  EXPECT_INVALID(martlet_predict(NULL, &xs, 1, out, 6), "model");
  EXPECT_INVALID(martlet_predict(model, NULL, 1, out, 6), "x");
  EXPECT_INVALID(martlet_predict(model, &xs, 1, NULL, 6), "out_y");
  EXPECT_INVALID(martlet_predict(model, &xs, 1, out, 7), "y_count");
  EXPECT_INVALID(martlet_predict(model, &xs, 0, out, 6), "x_count is 0; model");
  EXPECT_INVALID(martlet_predict(model, &xs, 2, out, 6), "x_count is 2; model");
  EXPECT_INVALID(martlet_predict(model, &xs, 1, out, -6), "y_count");
  EXPECT_INVALID(martlet_predict(model, &bad, 1, out, 6), "x has shape [2, 5]");
  bad = check_array(x, 3, rank_three, MARTLET_FLOAT32);
  EXPECT_INVALID(martlet_predict(model, &bad, 1, out, 6), "x has shape [2, 2, 2]");
  bad = check_array(x, 2, none, MARTLET_FLOAT32);
  EXPECT_INVALID(martlet_predict(model, &bad, 1, out, 0), "x");
  x[3] = INFINITY;
  EXPECT_INVALID(martlet_predict(model, &xs, 1, out, 6), "x");
  CHECK(out[0] == 77, "the failed predictions wrote nothing");
  martlet_trainer_destroy(NULL);
}

int main(void) {
  status_and_version();
  CHECK(martlet_last_error()[0] == '\0', "the error message is empty before the first failure");
  threads();
  model = small_model(1);
  dataset = small_dataset();
  REQUIRE(martlet_trainer_create(model, NULL, &trainer));
  null_model_functions();
  builders();
  dataset_functions();
  zipped_datasets();
  trainer_functions();
  options_of_training();
  losses();
  targets_of_losses();
  kinds_of_accuracy();
  several_outputs();
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(dataset);
  martlet_model_destroy(model);
  return check_end();
}
