/* Layers over images and sequences: gradients, files, and wrong arguments. */
#include "check.h"

enum { ROWS = 5, SIDE = 6, CHANNELS = 2, CLASSES = 3 };
static float x[ROWS * SIDE * SIDE * CHANNELS];
static int32_t labels[ROWS];

/* What changes images at random, of images with 4 x 4 pixels or more. */
static martlet_node augmented(martlet_model *m, martlet_node node) {
  const double some[] = {-0.25, 0.5}, more[] = {0.25, 0.75};
  const float values[] = {-1, 1};
  martlet_random_transform_options turns = MARTLET_RANDOM_TRANSFORM_OPTIONS_INIT;
  martlet_random_erasing_options boxes = MARTLET_RANDOM_ERASING_OPTIONS_INIT;
  turns.fill_mode = MARTLET_FILL_CONSTANT;
  turns.fill_value = 0.5f;
  boxes.fill_count = 1;
  boxes.name = "boxes";
  REQUIRE(martlet_random_flip(m, node, MARTLET_FLIP_VERTICAL, NULL, &node));
  REQUIRE(martlet_random_translation(m, node, some, more, NULL, &node));
  REQUIRE(martlet_random_rotation(m, node, some, &turns, &node));
  REQUIRE(martlet_random_zoom(m, node, some, NULL, &turns, &node));
  REQUIRE(martlet_random_contrast(m, node, more, values, NULL, &node));
  REQUIRE(martlet_random_erasing(m, node, &boxes, &node));
  REQUIRE(martlet_random_crop(m, node, 4, 4, NULL, &node));
  return node;
}

/* Every layer over images and sequences. */
static martlet_model *network(void) {
  martlet_model *m;
  martlet_node node, both[2];
  const int64_t shape[] = {SIDE, SIDE, CHANNELS}, sequence[] = {-1, 3};
  martlet_conv_options plain = MARTLET_CONV_OPTIONS_INIT, same = MARTLET_CONV_OPTIONS_INIT;
  martlet_conv_options causal = MARTLET_CONV_OPTIONS_INIT, strides = MARTLET_CONV_OPTIONS_INIT;
  martlet_batch_normalization_options normalization = MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT;
  martlet_pooling_options overlapping = MARTLET_POOLING_OPTIONS_INIT;
  martlet_dense_options output = MARTLET_DENSE_OPTIONS_INIT;
  plain.activation = same.activation = MARTLET_TANH;
  same.padding = causal.padding = overlapping.padding = MARTLET_SAME;
  same.groups = 2;
  same.depth_multiplier = 2;
  same.kernel_regularizer.l2 = 1e-3f;
  causal.padding = MARTLET_CAUSAL;
  causal.dilation[0] = 2;
  strides.strides[0] = strides.strides[1] = 2;
  strides.name = "up";
  normalization.epsilon = 0.1;
  normalization.momentum = 0.5;
  overlapping.strides[0] = 1;
  output.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_model_create("images", 3, &m));
  REQUIRE(martlet_input(m, NULL, 3, shape, &node));
  REQUIRE(martlet_random_flip(m, node, MARTLET_FLIP_HORIZONTAL, NULL, &node));
  REQUIRE(martlet_zero_padding2d(m, node, 1, 0, 0, 2, NULL, &node));
  REQUIRE(martlet_cropping2d(m, node, 0, 1, 1, 1, NULL, &node));
  REQUIRE(martlet_conv2d(m, node, 4, 3, 2, &plain, &node));
  REQUIRE(martlet_batch_normalization(m, node, &normalization, &node));
  REQUIRE(martlet_conv2d(m, node, 4, 3, 3, &same, &both[0]));
  both[0] = augmented(m, both[0]);
  REQUIRE(martlet_max_pooling2d(m, both[0], 2, 2, NULL, &node));
  REQUIRE(martlet_conv2d_transpose(m, node, 3, 2, 2, &strides, &node));
  REQUIRE(martlet_depthwise_conv2d(m, node, 2, 2, &same, &node));
  REQUIRE(martlet_group_normalization(m, node, 2, NULL, &node));
  REQUIRE(martlet_spatial_dropout(m, node, 0.25, NULL, &node));
  REQUIRE(martlet_up_sampling2d(m, node, 2, 1, MARTLET_NEAREST, NULL, &node));
  REQUIRE(martlet_resizing(m, node, 5, 4, MARTLET_BILINEAR, NULL, &node));
  REQUIRE(martlet_average_pooling2d(m, node, 2, 1, &overlapping, &node));
  REQUIRE(martlet_separable_conv2d(m, node, 3, 2, 2, &same, &node));
  REQUIRE(martlet_reshape(m, node, 2, sequence, NULL, &node));
  REQUIRE(martlet_conv1d(m, node, 4, 2, &causal, &node));
  REQUIRE(martlet_layer_normalization(m, node, NULL, &node));
  REQUIRE(martlet_prelu(m, node, NULL, &node));
  REQUIRE(martlet_max_pooling1d(m, node, 2, NULL, &node));
  REQUIRE(martlet_average_pooling1d(m, node, 2, NULL, &node));
  REQUIRE(martlet_global_max_pooling(m, node, 0, NULL, &both[1]));
  REQUIRE(martlet_global_average_pooling(m, both[0], 0, NULL, &both[0]));
  REQUIRE(martlet_add(m, 2, both, NULL, &node));
  REQUIRE(martlet_dense(m, node, CLASSES, &output, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  return m;
}

static martlet_dataset *data(void) {
  martlet_dataset *made;
  const int64_t x_shape[] = {ROWS, SIDE, SIDE, CHANNELS}, label_shape[] = {ROWS};
  martlet_array xs = check_array(x, 4, x_shape, MARTLET_FLOAT32);
  martlet_array ys = check_array(labels, 1, label_shape, MARTLET_INT32);
  REQUIRE(martlet_dataset_create(&xs, &ys, 1, &made));
  return made;
}

static void gradients(void) {
  martlet_model *m = network();
  martlet_dataset *d = data();
  martlet_gradient_check_options options = MARTLET_GRADIENT_CHECK_OPTIONS_INIT;
  martlet_gradient_check check = {.struct_size = sizeof check};
  options.sample = 0;
  EXPECT_OK(martlet_model_check_gradients(m, d, &options, NULL, NULL, NULL, 0, &check));
  if (!CHECK(check.largest_error <= 1e-5, "gradients of a network of all layers over images")) {
    printf("#   %g at %s/%s[%d]\n", check.largest_error, check.layer, check.weight, (int)check.element);
  }
  martlet_model_destroy(m), martlet_dataset_destroy(d);
}

static void predictions(martlet_model *m, float *y) {
  const int64_t shape[] = {ROWS, SIDE, SIDE, CHANNELS};
  martlet_array xs = check_array(x, 4, shape, MARTLET_FLOAT32);
  EXPECT_OK(martlet_predict(m, &xs, 1, y, ROWS * CLASSES));
}

/* Trained weights and moving statistics go through a file; the same bits for any number of threads. */
static void files(void) {
  float y[3][ROWS * CLASSES];
  for (int run = 0; run < 2; run++) {
    martlet_model *m = network(), *again;
    martlet_dataset *d = data();
    martlet_trainer *trainer;
    martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
    int64_t count;
    REQUIRE(martlet_set_threads(run == 0 ? 1 : 3));
    REQUIRE(martlet_trainer_create(m, NULL, &trainer));
    fit.epochs = 3;
    fit.batch_size = 2;
    EXPECT_OK(martlet_trainer_fit(trainer, d, NULL, &fit, NULL, NULL));
    predictions(m, y[run]);
    REQUIRE(martlet_model_save_memory(m, NULL, 0, &count));
    void *bytes = malloc((size_t)count);
    REQUIRE(martlet_model_save_memory(m, bytes, count, &count));
    EXPECT_OK(martlet_model_load_memory(bytes, count, &again));
    predictions(again, y[2]);
    CHECK(memcmp(y[run], y[2], sizeof y[2]) == 0, "a network over images predicts the same after saving and loading");
    free(bytes);
    martlet_trainer_destroy(trainer), martlet_dataset_destroy(d);
    martlet_model_destroy(m), martlet_model_destroy(again);
  }
  CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0, "a network over images trains to the same bits on one thread and three");
}

/* How many weights of the model differ from those before. */
static int changed(martlet_model *m, float *before) {
  int count = 0, at = 0;
  static const char *const arrays[][2] = {{"conv", "kernel"}, {"norm", "gamma"}, {"norm", "moving_mean"}, {"head", "kernel"}};
  static const int64_t counts[] = {3 * 3 * CHANNELS * 2, 2, 2, 2 * CLASSES};
  for (int i = 0; i < 4; i++) {
    float now[64];
    REQUIRE(martlet_model_get_weight(m, arrays[i][0], arrays[i][1], now, counts[i]));
    for (int64_t j = 0; j < counts[i]; j++, at++) count += now[j] != before[at], before[at] = now[j];
  }
  return count;
}

/* The body of a network frozen, then the whole of it trained, by one trainer. */
static void frozen_layers(void) {
  martlet_model *m;
  martlet_node node;
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  const int64_t shape[] = {SIDE, SIDE, CHANNELS};
  int32_t trainable = -1;
  int64_t total, trained;
  float before[64];
  martlet_conv_options conv = MARTLET_CONV_OPTIONS_INIT;
  martlet_batch_normalization_options norm = MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT;
  martlet_dense_options head = MARTLET_DENSE_OPTIONS_INIT;
  conv.name = "conv", norm.name = "norm", head.name = "head", head.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_model_create(NULL, 3, &m));
  REQUIRE(martlet_input(m, "in", 3, shape, &node));
  REQUIRE(martlet_conv2d(m, node, 2, 3, 3, &conv, &node));
  REQUIRE(martlet_batch_normalization(m, node, &norm, &node));
  EXPECT(martlet_model_set_trainable(m, NULL, 0), MARTLET_INVALID_STATE, "not built");
  REQUIRE(martlet_global_average_pooling(m, node, 0, NULL, &node));
  REQUIRE(martlet_dense(m, node, CLASSES, &head, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  martlet_dataset *d = data();
  options.optimizer = MARTLET_ADAM;
  fit.epochs = 1, fit.batch_size = ROWS;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  EXPECT_OK(martlet_model_set_trainable(m, NULL, 0));
  EXPECT_OK(martlet_model_set_trainable(m, "head", 1));
  EXPECT_OK(martlet_model_trainable(m, "conv", &trainable));
  CHECK(trainable == 0, "a frozen layer says so");
  EXPECT_OK(martlet_model_parameter_count(m, &total, &trained));
  CHECK(trained == 3 * CLASSES && total == 9 * CHANNELS * 2 + 2 + 8 + 3 * CLASSES, "only the head is counted as trained");
  changed(m, before);
  EXPECT_OK(martlet_trainer_fit(trainer, d, NULL, &fit, NULL, NULL));
  CHECK(changed(m, before) == 2 * CLASSES, "training changes the head alone where the rest is frozen");
  EXPECT_OK(martlet_model_set_trainable(m, "norm", 1));
  EXPECT_OK(martlet_trainer_fit(trainer, d, NULL, &fit, NULL, NULL));
  CHECK(changed(m, before) == 4 + 2 * CLASSES, "and with it what is unfrozen, moving statistics among it");
  EXPECT_OK(martlet_model_set_trainable(m, NULL, 1));
  EXPECT_OK(martlet_trainer_fit(trainer, d, NULL, &fit, NULL, NULL));
  CHECK(changed(m, before) == 9 * CHANNELS * 2 + 4 + 2 * CLASSES, "and in the end all");
  EXPECT(martlet_model_set_trainable(m, "tail", 1), MARTLET_NOT_FOUND, "no layer 'tail'");
  EXPECT(martlet_model_trainable(m, "tail", &trainable), MARTLET_NOT_FOUND, "no layer 'tail'");
  EXPECT_INVALID(martlet_model_set_trainable(m, "head", 2), "trainable");
  EXPECT_INVALID(martlet_model_set_trainable(NULL, "head", 1), "model");
  EXPECT_INVALID(martlet_model_trainable(m, NULL, &trainable), "layer");
  EXPECT_INVALID(martlet_model_trainable(m, "head", NULL), "out_trainable");
  martlet_trainer_destroy(trainer), martlet_dataset_destroy(d), martlet_model_destroy(m);
}

static void wrong_arguments(void) {
  martlet_model *m;
  martlet_node image, sequence, y = -7;
  const int64_t image_shape[] = {5, 6, 4}, sequence_shape[] = {9, 4};
  REQUIRE(martlet_model_create(NULL, 3, &m));
  REQUIRE(martlet_input(m, "image", 3, image_shape, &image));
  REQUIRE(martlet_input(m, "sequence", 2, sequence_shape, &sequence));
  martlet_conv_options o = MARTLET_CONV_OPTIONS_INIT;
  EXPECT_INVALID(martlet_conv2d(NULL, image, 2, 3, 3, &o, &y), "model");
  EXPECT_INVALID(martlet_conv2d(m, 99, 2, 3, 3, &o, &y), "input");
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, 3, &o, NULL), "out_node");
  EXPECT_INVALID(martlet_conv2d(m, image, 0, 3, 3, &o, &y), "filters is 0");
  EXPECT_INVALID(martlet_conv2d(m, image, INT64_MAX, 3, 3, &o, &y), "too large");
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 0, 3, &o, &y), "kernel_height is 0; it must be 1 to 16777216");
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, INT64_MIN, &o, &y), "kernel_width is -9223372036854775808");
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 6, 3, &o, &y), "the window covers 6 elements of an axis that has 5");
  EXPECT_INVALID(martlet_conv2d(m, sequence, 2, 3, 3, &o, &y), "[height, width, channels], not [9, 4]");
  o.padding = MARTLET_CAUSAL;
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, 3, &o, &y), "padding is 2; it must be MARTLET_VALID or MARTLET_SAME");
  EXPECT_OK(martlet_conv1d(m, sequence, 2, 3, &o, &y));
  y = -7;
  o.padding = -1;
  EXPECT_INVALID(martlet_conv1d(m, sequence, 2, 3, &o, &y), "padding is -1");
  o.padding = MARTLET_SAME;
  o.strides[1] = 0;
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, 3, &o, &y), "strides[1] is 0");
  o.strides[1] = INT64_MAX;
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, 3, &o, &y), "strides[1] is 9223372036854775807");
  o.strides[1] = 1 << 24;
  o.dilation[0] = 0;
  EXPECT_INVALID(martlet_conv2d(m, image, 2, 3, 3, &o, &y), "dilation[0] is 0");
  o.dilation[0] = 1 << 24;
  EXPECT_OK(martlet_conv2d(m, image, 2, 1 << 20, 3, &o, &y)); /* all of it but one row lies in the padding */
  y = -7;
  o.groups = 3;
  EXPECT_INVALID(martlet_conv2d(m, image, 3, 3, 3, &o, &y), "3 groups, which must divide its 3 filters and the 4 channels");
  o.groups = 0;
  EXPECT_INVALID(martlet_conv2d(m, image, 3, 3, 3, &o, &y), "groups is 0");
  o.groups = 1;
  o.depth_multiplier = 0;
  EXPECT_INVALID(martlet_depthwise_conv2d(m, image, 3, 3, &o, &y), "depth_multiplier is 0");
  o.depth_multiplier = 1;
  o.use_bias = 2;
  EXPECT_INVALID(martlet_separable_conv2d(m, image, 2, 3, 3, &o, &y), "use_bias");
  o.use_bias = 1;
  o.pointwise_initializer.kind = 99;
  EXPECT_INVALID(martlet_separable_conv2d(m, image, 2, 3, 3, &o, &y), "pointwise_initializer");
  o.pointwise_initializer.kind = MARTLET_ZEROS;
  o.activation = 99;
  EXPECT_INVALID(martlet_conv2d_transpose(m, image, 2, 3, 3, &o, &y), "activation is 99");
  o.struct_size = 1;
  EXPECT_INVALID(martlet_conv2d_transpose(m, image, 2, 3, 3, &o, &y), "struct_size");
  EXPECT_INVALID(martlet_conv1d(m, image, 2, 3, NULL, &y), "Conv1D takes rows of shape [length, channels]");
  EXPECT_INVALID(martlet_depthwise_conv2d(m, sequence, 3, 3, NULL, &y), "DepthwiseConv2D takes rows of shape");
  EXPECT_INVALID(martlet_separable_conv2d(m, sequence, 2, 3, 3, NULL, &y), "'separable_conv2d': SeparableConv2D takes rows of shape");
  EXPECT_INVALID(martlet_conv2d_transpose(m, sequence, 2, 3, 3, NULL, &y), "Conv2DTranspose takes rows of shape");

  martlet_node end;
  martlet_pooling_options p = MARTLET_POOLING_OPTIONS_INIT;
  EXPECT_INVALID(martlet_max_pooling2d(NULL, image, 2, 2, &p, &y), "model");
  EXPECT_INVALID(martlet_max_pooling2d(m, 99, 2, 2, &p, &y), "input");
  EXPECT_INVALID(martlet_average_pooling2d(m, image, 2, 2, &p, NULL), "out_node");
  EXPECT_INVALID(martlet_average_pooling2d(m, image, 0, 2, &p, &y), "pool_height is 0");
  EXPECT_INVALID(martlet_max_pooling2d(m, image, 2, 7, &p, &y), "the window covers 7 elements of an axis that has 6");
  EXPECT_INVALID(martlet_max_pooling1d(m, image, 2, &p, &y), "MaxPooling1D takes rows of shape [length, channels]");
  EXPECT_INVALID(martlet_average_pooling1d(m, sequence, -2, &p, &y), "pool_size is -2");
  p.padding = MARTLET_CAUSAL;
  EXPECT_INVALID(martlet_max_pooling1d(m, sequence, 2, &p, &y), "padding is 2");
  p.padding = MARTLET_SAME;
  p.strides[0] = -1;
  EXPECT_INVALID(martlet_average_pooling2d(m, image, 2, 2, &p, &y), "strides[0] is -1");
  martlet_pooling_options wide = MARTLET_POOLING_OPTIONS_INIT;
  wide.padding = MARTLET_SAME, wide.strides[0] = wide.strides[1] = 1;
  p.struct_size = 0;
  EXPECT_INVALID(martlet_average_pooling2d(m, image, 2, 2, &p, &y), "struct_size");
  EXPECT_OK(martlet_max_pooling2d(m, image, 1 << 24, 1 << 24, &wide, &end)); /* most of it in the padding */
  EXPECT_INVALID(martlet_global_max_pooling(m, 99, 0, NULL, &y), "input");
  EXPECT_INVALID(martlet_global_max_pooling(m, image, 2, NULL, &y), "keepdims");
  EXPECT_INVALID(martlet_global_average_pooling(m, image, 0, NULL, NULL), "out_node");
  EXPECT_OK(martlet_global_average_pooling(m, image, 0, NULL, &y));
  EXPECT_INVALID(martlet_global_average_pooling(m, y, 0, NULL, &y), "GlobalAveragePooling2D takes rows of shape");
  y = -7;

  EXPECT_INVALID(martlet_zero_padding2d(m, 99, 1, 1, 1, 1, NULL, &y), "input");
  EXPECT_INVALID(martlet_zero_padding2d(m, image, 1, -1, 1, 1, NULL, &y), "bottom is -1; it must be 0 to 16777216");
  EXPECT_INVALID(martlet_zero_padding2d(m, image, 1, 1, 1, INT64_MAX, NULL, &y), "right is 9223372036854775807");
  EXPECT_INVALID(martlet_cropping2d(m, image, 2, 3, 0, 0, NULL, &y), "Cropping2D takes 5 rows and 0 columns");
  EXPECT_INVALID(martlet_cropping2d(m, image, 0, 0, 0, 0, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_resizing(m, image, 0, 4, MARTLET_NEAREST, NULL, &y), "height is 0; it must be 1 to 16777216");
  EXPECT_INVALID(martlet_resizing(m, image, 4, 4, 2, NULL, &y), "interpolation is 2");
  EXPECT_INVALID(martlet_resizing(m, sequence, 4, 4, MARTLET_BILINEAR, NULL, &y), "Resizing takes rows of shape");
  EXPECT_INVALID(martlet_up_sampling2d(m, image, 2, -2, MARTLET_NEAREST, NULL, &y), "width_factor is -2");
  EXPECT_INVALID(martlet_up_sampling2d(NULL, image, 2, 2, MARTLET_NEAREST, NULL, &y), "model");

  EXPECT_INVALID(martlet_spatial_dropout(m, image, 1, NULL, &y), "rate is 1.0; it must be >= 0 and < 1");
  EXPECT_INVALID(martlet_spatial_dropout(m, 99, 0.5, NULL, &y), "input");
  EXPECT_INVALID(martlet_spatial_dropout(m, image, 0.5, NULL, NULL), "out_node");

  const double factor[] = {-0.5, 0.5}, descending[] = {0.5, -0.5}, beyond[] = {-0.5, 1.5};
  const float empty[] = {1, 0}, infinite[] = {0, INFINITY};
  martlet_random_transform_options t = MARTLET_RANDOM_TRANSFORM_OPTIONS_INIT;
  martlet_random_erasing_options e = MARTLET_RANDOM_ERASING_OPTIONS_INIT;
  EXPECT_INVALID(martlet_random_flip(NULL, image, MARTLET_FLIP_VERTICAL, NULL, &y), "model");
  EXPECT_INVALID(martlet_random_flip(m, image, 0, NULL, &y), "mode is 0; it must be one of the MARTLET_FLIP_");
  EXPECT_INVALID(martlet_random_flip(m, sequence, MARTLET_FLIP_VERTICAL, NULL, &y), "RandomFlip takes rows of shape");
  EXPECT_INVALID(martlet_random_flip(m, image, MARTLET_FLIP_VERTICAL, NULL, NULL), "out_node");
  EXPECT_INVALID(martlet_random_translation(m, image, NULL, factor, &t, &y), "height_factor is NULL");
  EXPECT_INVALID(martlet_random_translation(m, image, factor, descending, &t, &y), "width_factor is from 0.5 to -0.5");
  EXPECT_INVALID(martlet_random_rotation(m, image, beyond, &t, &y), "must be an ascending pair within -1.0 to 1.0");
  EXPECT_INVALID(martlet_random_rotation(m, 99, factor, &t, &y), "input");
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, beyond, &t, &y), "width_factor is from -0.5 to 1.5");
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, NULL, &t, NULL), "out_node");
  t.fill_mode = 4;
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, NULL, &t, &y), "fill_mode is 4");
  t.fill_mode = MARTLET_FILL_WRAP, t.interpolation = 2;
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, NULL, &t, &y), "interpolation is 2");
  t.interpolation = MARTLET_NEAREST, t.fill_value = NAN;
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, NULL, &t, &y), "fill_value is nan");
  t.struct_size = 1;
  EXPECT_INVALID(martlet_random_zoom(m, image, factor, NULL, &t, &y), "struct_size");
  EXPECT_INVALID(martlet_random_crop(m, image, 6, 6, NULL, &y), "RandomCrop takes windows of 6 x 6 pixels from images");
  EXPECT_INVALID(martlet_random_crop(m, image, 0, 6, NULL, &y), "height is 0; it must be 1 to 16777216");
  EXPECT_INVALID(martlet_random_contrast(m, image, factor, NULL, NULL, &y), "factor is from -0.5 to 0.5");
  const double positive[] = {0, 1};
  EXPECT_INVALID(martlet_random_contrast(m, image, positive, empty, NULL, &y), "value_range is from 1.0 to 0.0");
  EXPECT_INVALID(martlet_random_contrast(m, image, positive, infinite, NULL, &y), "value_range is from 0.0 to inf");
  EXPECT_INVALID(martlet_random_erasing(m, 99, &e, &y), "input");
  e.fill_count = 2;
  EXPECT_INVALID(martlet_random_erasing(m, image, &e, &y), "fill_count is 2; it must be 0, 1 or 3");
  e.fill_count = 3;
  EXPECT_INVALID(martlet_random_erasing(m, image, &e, &y), "RandomErasing has 3 fill values");
  e.fill_value[1] = INFINITY;
  EXPECT_INVALID(martlet_random_erasing(m, image, &e, &y), "fill_value[1] is inf");
  e.scale[1] = 2;
  EXPECT_INVALID(martlet_random_erasing(m, image, &e, &y), "scale is from 0.02 to 2.0");

  martlet_row_normalization_options r = MARTLET_ROW_NORMALIZATION_OPTIONS_INIT;
  EXPECT_INVALID(martlet_layer_normalization(m, 99, &r, &y), "input");
  EXPECT_INVALID(martlet_layer_normalization(m, image, &r, NULL), "out_node");
  EXPECT_INVALID(martlet_group_normalization(m, image, 3, &r, &y), "3 groups, which must divide the 4 channels");
  EXPECT_INVALID(martlet_group_normalization(m, image, -2, &r, &y), "groups is -2");
  r.epsilon = -1;
  EXPECT_INVALID(martlet_group_normalization(m, image, -1, &r, &y), "epsilon is -1.0; it must be > 0");
  r.epsilon = 1, r.scale = 2;
  EXPECT_INVALID(martlet_layer_normalization(m, image, &r, &y), "scale");

  martlet_node large;
  const int64_t large_shape[] = {1 << 13, 1 << 12};
  REQUIRE(martlet_input(m, "large", 2, large_shape, &large));
  EXPECT(martlet_prelu(m, large, NULL, &y), MARTLET_UNSUPPORTED, "PReLU has 33554432 alphas");
  martlet_prelu_options a = MARTLET_PRELU_OPTIONS_INIT;
  EXPECT_INVALID(martlet_prelu(m, 99, &a, &y), "input");
  EXPECT_INVALID(martlet_prelu(m, image, &a, NULL), "out_node");
  a.shared_axes = -1;
  EXPECT_INVALID(martlet_prelu(m, image, &a, &y), "shared_axes is -1");
  a.shared_axes = 1;
  EXPECT_INVALID(martlet_prelu(m, image, &a, &y), "PReLU shares alpha along 1 axes; rows of shape [5, 6, 4] take 0 or 2");

  martlet_batch_normalization_options b = MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT;
  EXPECT_INVALID(martlet_batch_normalization(NULL, image, &b, &y), "model");
  EXPECT_INVALID(martlet_batch_normalization(m, 99, &b, &y), "input");
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, NULL), "out_node");
  b.momentum = 1.01;
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, &y), "momentum is 1.01; it must be 0 to 1");
  b.momentum = NAN;
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, &y), "momentum is nan");
  b.momentum = 0.9;
  b.epsilon = 0;
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, &y), "epsilon is 0.0; it must be > 0 and finite as a float");
  b.epsilon = 1e-3;
  b.center = 3;
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, &y), "center");
  b.center = 1;
  b.moving_variance_initializer.kind = MARTLET_IDENTITY;
  b.moving_variance_initializer.value = 1;
  EXPECT_INVALID(martlet_batch_normalization(m, image, &b, &y), "identity initializer of weight 'moving_variance'");
  CHECK(y == -7, "a layer that is refused leaves its node as it was");
  float pixels[2 * 5 * 6 * 4], greatest[2 * 5 * 6 * 4];
  const int64_t pixel_shape[] = {2, 5, 6, 4};
  martlet_model *windows;
  REQUIRE(martlet_model_create(NULL, 3, &windows));
  REQUIRE(martlet_input(windows, "image", 3, image_shape, &image));
  REQUIRE(martlet_max_pooling2d(windows, image, 1 << 24, 1 << 24, &wide, &end));
  REQUIRE(martlet_model_build(windows, 1, &end));
  for (int i = 0; i < 240; i++) pixels[i] = (float)(i * 37 % 240);
  martlet_array array = check_array(pixels, 4, pixel_shape, MARTLET_FLOAT32);
  EXPECT_OK(martlet_predict(windows, &array, 1, greatest, 240));
  int same = 1;
  for (int i = 0; i < 240; i++) {
    float expected = -1;
    for (int j = i / 120 * 120 + i % 4; j < i / 120 * 120 + 120; j += 4) expected = fmaxf(expected, pixels[j]);
    same &= greatest[i] == expected;
  }
  CHECK(same, "a window of 2^48 places sees the whole image");
  martlet_model_destroy(windows);
  martlet_model_destroy(m);
}

int main(void) {
  for (int i = 0; i < ROWS * SIDE * SIDE * CHANNELS; i++) x[i] = (float)(i * 7919 % 1000) / 500 - 1;
  for (int i = 0; i < ROWS; i++) labels[i] = i % CLASSES;
  gradients();
  files();
  frozen_layers();
  wrong_arguments();
  return check_end();
}
