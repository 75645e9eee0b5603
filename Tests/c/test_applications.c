/* Networks of keras.applications: sizes and ends, weights from files, preprocessing, and wrong arguments. Their layers
 * are held against Keras in Tests/python/test_applications.py. */
#include "check.h"

typedef martlet_status (*create)(const martlet_application_options *, martlet_model **);

static int64_t parameters(martlet_model *m, int64_t *trainable) {
  int64_t total = -1;
  REQUIRE(martlet_model_parameter_count(m, &total, trainable));
  return total;
}

static int has_input(martlet_model *m, int64_t height, int64_t width, int64_t channels) {
  int32_t rank;
  int64_t shape[MARTLET_MAX_RANK];
  REQUIRE(martlet_model_input_shape(m, 0, &rank, shape));
  return rank == 3 && shape[0] == height && shape[1] == width && shape[2] == channels;
}

/* Totals are those that Keras counts. */
static void defaults(void) {
  static const struct {
    create make;
    const char *name;
    int64_t side, total, trainable;
    int32_t layers;
  } networks[] = {
      {martlet_resnet50_create, "resnet50", 224, 25636712, 25583592, 177},
      {martlet_xception_create, "xception", 299, 22910480, 22855952, 134},
      {martlet_vgg16_create, "vgg16", 224, 138357544, 138357544, 23},
      {martlet_mobilenetv2_create, "mobilenetv2_1.00_224", 224, 3538984, 3504872, 156},
  };
  for (int i = 0; i < 4; i++) {
    martlet_model *m;
    const char *name;
    int64_t trainable;
    int32_t layers;
    EXPECT_OK(networks[i].make(NULL, &m));
    REQUIRE(martlet_model_name(m, &name));
    REQUIRE(martlet_model_layer_count(m, &layers));
    CHECK(strcmp(name, networks[i].name) == 0 && layers == networks[i].layers, networks[i].name);
    CHECK(parameters(m, &trainable) == networks[i].total && trainable == networks[i].trainable, "as many parameters");
    CHECK(has_input(m, networks[i].side, networks[i].side, 3), "images of the default size");
    martlet_model_destroy(m);
  }
}

static void ends(void) {
  martlet_model *m;
  int32_t rank;
  int64_t shape[MARTLET_MAX_RANK];
  martlet_application_options o = MARTLET_APPLICATION_OPTIONS_INIT;
  CHECK(o.struct_size == sizeof o, "the initialiser has the struct's size");
  o.include_top = 0, o.height = 64, o.width = 96, o.channels = 1, o.alpha = 0.5, o.name = "half";
  REQUIRE(martlet_mobilenetv2_create(&o, &m));
  REQUIRE(martlet_model_output_shape(m, 0, &rank, shape));
  CHECK(has_input(m, 64, 96, 1), "images of another size");
  CHECK(rank == 3 && shape[0] == 2 && shape[1] == 3 && shape[2] == 1280, "no end");
  martlet_model_destroy(m);
  o.pooling = MARTLET_POOLING_MAX;
  REQUIRE(martlet_mobilenetv2_create(&o, &m));
  REQUIRE(martlet_model_output_shape(m, 0, &rank, shape));
  CHECK(rank == 1 && shape[0] == 1280, "a pooling at the end");
  martlet_model_destroy(m);
  o.include_top = 1, o.classes = 11;
  REQUIRE(martlet_mobilenetv2_create(&o, &m));
  REQUIRE(martlet_model_output_shape(m, 0, &rank, shape));
  CHECK(rank == 1 && shape[0] == 11, "a classifier at the end");
  martlet_model_destroy(m);
}

/* A file of weights fits with and without preprocessing; a file that does not fit leaves nothing behind. */
static void weights(const char *folder) {
  martlet_model *m, *again, *prepared, *other = NULL;
  char path[4096], absent[4096];
  int64_t trainable, all;
  float kernel[9], bias[3];
  static const float exchange[9] = {0, 0, 1, 0, 1, 0, 1, 0, 0}, means[3] = {-103.939f, -116.779f, -123.68f};
  snprintf(path, sizeof path, "%s/vgg16.h5", folder);
  snprintf(absent, sizeof absent, "%s/absent.h5", folder);
  martlet_application_options o = MARTLET_APPLICATION_OPTIONS_INIT;
  o.include_top = 0, o.pooling = MARTLET_POOLING_AVERAGE, o.height = o.width = 32, o.seed = 5;
  REQUIRE(martlet_vgg16_create(&o, &m));
  REQUIRE(martlet_model_save_weights(m, path));
  o.seed = 6, o.weights = path;
  EXPECT_OK(martlet_vgg16_create(&o, &again));
  o.preprocessing = 1;
  EXPECT_OK(martlet_vgg16_create(&o, &prepared));
  all = parameters(m, &trainable);
  CHECK(parameters(prepared, &trainable) == all + 12 && trainable == all, "the preprocessing is not trained");
  EXPECT_OK(martlet_model_get_weight(prepared, "preprocessing", "kernel", kernel, 9));
  EXPECT_OK(martlet_model_get_weight(prepared, "preprocessing", "bias", bias, 3));
  CHECK(memcmp(kernel, exchange, sizeof kernel) == 0 && memcmp(bias, means, sizeof bias) == 0, "exchange and means");

  static uint8_t pixels[2 * 32 * 32 * 3];
  static float prepared_by_hand[2 * 32 * 32 * 3];
  float y[3][2 * 512];
  const int64_t shape[] = {2, 32, 32, 3};
  for (int i = 0; i < 2 * 32 * 32 * 3; i++) pixels[i] = (uint8_t)(i * 37 % 256);
  for (int i = 0; i < 2 * 32 * 32 * 3; i++) prepared_by_hand[i] = (float)pixels[i / 3 * 3 + 2 - i % 3] + means[i % 3];
  martlet_array by_hand = check_array(prepared_by_hand, 4, shape, MARTLET_FLOAT32);
  martlet_array images = check_array(pixels, 4, shape, MARTLET_UINT8);
  REQUIRE(martlet_predict(m, &by_hand, 1, y[0], 2 * 512));
  REQUIRE(martlet_predict(again, &by_hand, 1, y[1], 2 * 512));
  REQUIRE(martlet_predict(prepared, &images, 1, y[2], 2 * 512));
  CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0, "a network with the weights of a file predicts as the one they are of");
  CHECK(memcmp(y[0], y[2], sizeof y[0]) == 0, "a network that prepares its images predicts the same, bit by bit");

  EXPECT(martlet_resnet50_create(&o, &other), MARTLET_FORMAT_ERROR, "holds 13 layers with weights");
  o.include_top = 1;
  EXPECT(martlet_vgg16_create(&o, &other), MARTLET_FORMAT_ERROR, "model 'vgg16' has 16");
  o.classifier_activation = MARTLET_RELU;
  EXPECT_INVALID(martlet_vgg16_create(&o, &other), "classifier_activation must be MARTLET_SOFTMAX or MARTLET_LINEAR");
  o.classifier_activation = MARTLET_SOFTMAX, o.weights = absent;
  EXPECT(martlet_vgg16_create(&o, &other), MARTLET_NOT_FOUND, "absent.h5");
  o.weights = "";
  EXPECT_INVALID(martlet_vgg16_create(&o, &other), "weights is empty");
  CHECK(other == NULL, "a network that is not made leaves its pointer as it was");
  martlet_model_destroy(m), martlet_model_destroy(again), martlet_model_destroy(prepared);
}

static void wrong_arguments(void) {
  static const create networks[] = {
      martlet_resnet50_create, martlet_xception_create, martlet_vgg16_create, martlet_mobilenetv2_create};
  const martlet_application_options good = MARTLET_APPLICATION_OPTIONS_INIT;
  martlet_model *m = NULL;
  for (int i = 0; i < 4; i++) {
    martlet_application_options o = good;
    EXPECT_INVALID(networks[i](&o, NULL), "out_model");
    o.struct_size = 8;
    EXPECT_INVALID(networks[i](&o, &m), "struct_size");
    o = good, o.include_top = 2;
    EXPECT_INVALID(networks[i](&o, &m), "include_top is 2; it must be 0 or 1");
    o = good, o.pooling = 3;
    EXPECT_INVALID(networks[i](&o, &m), "pooling is 3; it must be MARTLET_POOLING_NONE");
    o = good, o.classifier_activation = 99;
    EXPECT_INVALID(networks[i](&o, &m), "classifier_activation is 99");
    o = good, o.preprocessing = -1;
    EXPECT_INVALID(networks[i](&o, &m), "preprocessing is -1");
    o = good, o.classes = 0;
    EXPECT_INVALID(networks[i](&o, &m), "classes is 0; it must be 1 or more");
    o = good, o.classes = INT64_MAX;
    EXPECT_INVALID(networks[i](&o, &m), "too large");
    o = good, o.height = -1;
    EXPECT_INVALID(networks[i](&o, &m), "height is -1");
    o = good, o.width = 31;
    EXPECT_INVALID(networks[i](&o, &m), "and width 31");
    o = good, o.height = INT64_MAX, o.width = INT64_MAX;
    EXPECT_INVALID(networks[i](&o, &m), "too large");
    o = good, o.channels = 0;
    EXPECT_INVALID(networks[i](&o, &m), "channels is 0");
    o = good, o.alpha = 0;
    EXPECT_INVALID(networks[i](&o, &m), "alpha is 0.0; it must be above 0 and at most 100");
    o.alpha = NAN;
    EXPECT_INVALID(networks[i](&o, &m), "alpha is nan");
    o.alpha = 1e300;
    EXPECT_INVALID(networks[i](&o, &m), "alpha is 1e+300");
    o = good, o.name = "a/b";
    EXPECT_INVALID(networks[i](&o, &m), "model name 'a/b'");
  }
  martlet_application_options gray = good;
  gray.channels = 1, gray.preprocessing = 1;
  EXPECT_INVALID(martlet_resnet50_create(&gray, &m), "takes images of 3 channels, red, green and blue; channels is 1");
  EXPECT_INVALID(martlet_vgg16_create(&gray, &m), "channels is 1");
  CHECK(m == NULL, "wrong arguments leave the pointer as it was");
  EXPECT_OK(martlet_mobilenetv2_create(&gray, &m)); /* scales whatever channels there are */
  martlet_model_destroy(m);
}

int main(int count, char **arguments) {
  defaults();
  ends();
  weights(count > 1 ? arguments[1] : ".");
  wrong_arguments();
  return check_end();
}
