/* Models as layers of models: applied, shared, frozen, copied, written and read, and what is refused. */
#include "check.h"

/* One Dense layer "d" without bias whose two weights are given: y = a x0 + b x1. */
static martlet_model *weighted(const char *name, float a, float b) {
  martlet_model *m;
  martlet_node x, y;
  const int64_t two = 2;
  const float weights[2] = {a, b};
  martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
  options.use_bias = 0;
  options.name = "d";
  REQUIRE(martlet_model_create(name, 1, &m));
  REQUIRE(martlet_input(m, "x", 1, &two, &x));
  REQUIRE(martlet_dense(m, x, 1, &options, &y));
  REQUIRE(martlet_model_build(m, 1, &y));
  REQUIRE(martlet_model_set_weight(m, "d", "kernel", weights, 2));
  return m;
}

/* base(left) - base(right), the base's weights shared. */
static martlet_model *siamese(martlet_model *base) {
  martlet_model *m;
  martlet_node left, right, a, b, difference;
  const int64_t two = 2;
  REQUIRE(martlet_model_create("siamese", 1, &m));
  REQUIRE(martlet_input(m, "left", 1, &two, &left));
  REQUIRE(martlet_input(m, "right", 1, &two, &right));
  EXPECT_OK(martlet_submodel(m, base, 1, &left, NULL, 1, &a));
  EXPECT_OK(martlet_share_submodel(m, "base", 1, &right, 0, 1, &b));
  REQUIRE(martlet_subtract(m, a, b, "difference", &difference));
  REQUIRE(martlet_model_build(m, 1, &difference));
  return m;
}

static float predicted(martlet_model *m, const float *left, const float *right) {
  const int64_t shape[] = {1, 2};
  const martlet_array inputs[] = {{left, shape, 2, MARTLET_FLOAT32}, {right, shape, 2, MARTLET_FLOAT32}};
  float y = -1;
  EXPECT_OK(martlet_predict(m, inputs, 2, &y, 1));
  return y;
}

static void applied_and_shared(void) {
  const float left[] = {1, 2}, right[] = {3, 5};
  martlet_model *base = weighted("base", 10, 1), *m = siamese(base), *copy, *loaded;
  CHECK(predicted(m, left, right) == 12 - 35, "the weights are those of the base, in both places");

  const char *name = NULL, *class_name = NULL;
  int32_t count = 0, trainable = -1;
  EXPECT_OK(martlet_model_submodel_count(m, &count));
  CHECK(count == 1, "one submodel");
  EXPECT_OK(martlet_model_submodel(m, 0, &name, &class_name));
  CHECK(strcmp(name, "base") == 0 && strcmp(class_name, "Sequential") == 0, "it is called base");
  EXPECT(martlet_model_submodel(m, 1, &name, NULL), MARTLET_INVALID_ARGUMENT, "index is 1");
  EXPECT_OK(martlet_model_layer(m, 2, &name, &class_name));
  CHECK(strcmp(name, "base/x") == 0 && strcmp(class_name, "InputLayer") == 0, "its input is a layer of the model");

  /* The model has weights of its own. */
  const float other[] = {1, 1};
  EXPECT_OK(martlet_model_set_weight(m, "base/d", "kernel", other, 2));
  CHECK(predicted(m, left, right) == 3 - 8, "a weight is named by the path of its layer");
  float weights[2] = {0, 0};
  EXPECT_OK(martlet_model_get_weight(base, "d", "kernel", weights, 2));
  CHECK(weights[0] == 10, "the base has kept its own");

  EXPECT_OK(martlet_model_trainable(m, "base", &trainable));
  CHECK(trainable == 1, "it is trained");
  EXPECT_OK(martlet_model_set_trainable(m, "base", 0));
  EXPECT_OK(martlet_model_trainable(m, "base/d", &trainable));
  CHECK(trainable == 0, "its layers are frozen with it");
  EXPECT_OK(martlet_model_trainable(m, "base", &trainable));
  CHECK(trainable == 0, "and so is it");

  EXPECT(martlet_model_remove_layer(m, "base"), MARTLET_NOT_FOUND, "'base' is a submodel of model");

  EXPECT_OK(martlet_model_copy_submodel(m, "base", &copy));
  EXPECT_OK(martlet_model_get_weight(copy, "d", "kernel", weights, 2));
  CHECK(weights[0] == 1, "a copy has the weights of now");
  EXPECT(martlet_model_copy_submodel(m, "none", &copy), MARTLET_NOT_FOUND, "no submodel 'none'");
  martlet_model_destroy(copy);

  EXPECT_OK(martlet_model_save(m, "siamese.h5"));
  EXPECT_OK(martlet_model_load("siamese.h5", &loaded));
  CHECK(predicted(loaded, left, right) == 3 - 8, "a file keeps it");
  EXPECT_OK(martlet_model_trainable(loaded, "base", &trainable));
  CHECK(trainable == 0, "frozen as it was");
  remove("siamese.h5");
  martlet_model_destroy(loaded);
  martlet_model_destroy(m);
  martlet_model_destroy(base);
}

static void refused(void) {
  martlet_model *base = weighted("base", 1, 1), *m;
  martlet_node x, wide, y = -7, more[2] = {-7, -7};
  const int64_t two = 2, three = 3;
  martlet_submodel_options options = MARTLET_SUBMODEL_OPTIONS_INIT;
  REQUIRE(martlet_model_create("m", 1, &m));
  REQUIRE(martlet_input(m, "x", 1, &two, &x));
  REQUIRE(martlet_input(m, "wide", 1, &three, &wide));
  EXPECT(martlet_submodel(m, NULL, 1, &x, NULL, 1, &y), MARTLET_INVALID_ARGUMENT, "submodel is NULL");
  EXPECT(martlet_submodel(m, m, 1, &x, NULL, 1, &y), MARTLET_INVALID_ARGUMENT, "submodel is model 'm' itself");
  EXPECT(martlet_submodel(m, base, 1, NULL, NULL, 1, &y), MARTLET_INVALID_ARGUMENT, "inputs is NULL");
  EXPECT(martlet_submodel(m, base, 0, &x, NULL, 1, &y), MARTLET_INVALID_ARGUMENT, "input_count is 0");
  EXPECT(martlet_submodel(m, base, 1, &x, NULL, 1, NULL), MARTLET_INVALID_ARGUMENT, "out_nodes is NULL");
  EXPECT(martlet_submodel(m, base, 1, &x, NULL, 2, more), MARTLET_INVALID_ARGUMENT,
         "output_count is 2; submodel 'base' has 1 output");
  EXPECT(martlet_submodel(m, base, 1, &wide, NULL, 1, &y), MARTLET_INVALID_ARGUMENT,
         "submodel 'base' takes 1 inputs, of rows [2]; it is given [3]");
  const martlet_node unknown = 99;
  EXPECT(martlet_submodel(m, base, 1, &unknown, NULL, 1, &y), MARTLET_INVALID_ARGUMENT, "input node 99");
  options.name = "x";
  EXPECT(martlet_submodel(m, base, 1, &x, &options, 1, &y), MARTLET_INVALID_ARGUMENT, "a layer named 'x' already");
  options.name = "a/b";
  EXPECT(martlet_submodel(m, base, 1, &x, &options, 1, &y), MARTLET_INVALID_ARGUMENT, "layer name 'a/b'");
  options.name = NULL;
  options.inference = 2;
  EXPECT(martlet_submodel(m, base, 1, &x, &options, 1, &y), MARTLET_INVALID_ARGUMENT, "inference is 2");
  options.inference = 0;
  options.struct_size = 4;
  EXPECT(martlet_submodel(m, base, 1, &x, &options, 1, &y), MARTLET_INVALID_ARGUMENT, "struct_size");
  CHECK(y == -7 && more[0] == -7, "nothing was written");
  EXPECT(martlet_share_submodel(m, "base", 1, &x, 0, 1, &y), MARTLET_NOT_FOUND, "no submodel 'base'");

  EXPECT_OK(martlet_submodel(m, base, 1, &x, NULL, 1, &y));
  EXPECT_OK(martlet_submodel(m, base, 1, &x, NULL, 1, &more[0]));
  EXPECT_OK(martlet_share_submodel(m, "base_1", 1, &x, 0, 1, &more[1]));
  martlet_model *other = weighted("My Base", 1, 1);
  EXPECT_OK(martlet_submodel(m, other, 1, &x, NULL, 1, &more[1]));
  EXPECT_OK(martlet_share_submodel(m, "My Base", 1, &x, 0, 1, &more[1]));
  martlet_model_destroy(other);
  EXPECT(martlet_share_submodel(m, "base", 1, &wide, 0, 1, &more[1]), MARTLET_INVALID_ARGUMENT, "it is given [3]");
  EXPECT(martlet_share_submodel(m, "base", 1, &x, 3, 1, &more[1]), MARTLET_INVALID_ARGUMENT, "inference is 3");
  EXPECT(martlet_share_submodel(m, NULL, 1, &x, 0, 1, &more[1]), MARTLET_INVALID_ARGUMENT, "name is NULL");
  EXPECT(martlet_share(m, y, 1, &x, &more[1]), MARTLET_INVALID_ARGUMENT, "martlet_share_submodel");
  EXPECT(martlet_model_copy_submodel(m, "base", &base), MARTLET_INVALID_STATE, "is not built");
  martlet_model_destroy(m);
  martlet_model_destroy(base);
}

/* The base's layer is put in the place of another, and the other way round, as its file is loaded. */
static void replaced(void) {
  martlet_model *base = weighted("base", 10, 1), *m = siamese(base), *loaded = NULL;
  const float left[] = {1, 2}, right[] = {3, 5};
  const char *layer = "difference", *json = "{\"class_name\": \"Add\", \"config\": {}}";
  REQUIRE(martlet_model_save(m, "replaced.h5"));
  EXPECT_OK(martlet_model_load_replacing("replaced.h5", 1, &layer, &json, &loaded));
  CHECK(predicted(loaded, left, right) == 12 + 35, "the sum in the place of the difference");
  martlet_model_destroy(loaded);
  const char *names[] = {"difference", "base/x"}, *texts[] = {json, NULL};
  loaded = NULL;
  EXPECT(martlet_model_load_replacing("replaced.h5", 2, names, texts, &loaded), MARTLET_INVALID_ARGUMENT,
         "json[1] is NULL");
  const char *code = "{\"class_name\": \"Lambda\", \"config\": {}}";
  EXPECT(martlet_model_load_replacing("replaced.h5", 1, &layer, &code, &loaded), MARTLET_UNSUPPORTED, "holds code");
  texts[1] = json;
  names[1] = "base/y";
  EXPECT(martlet_model_load_replacing("replaced.h5", 2, names, texts, &loaded), MARTLET_NOT_FOUND,
         "has no layer 'y' to replace");
  EXPECT(martlet_model_load_replacing("replaced.h5", 0, names, texts, &loaded), MARTLET_INVALID_ARGUMENT, "count is 0");
  EXPECT(martlet_model_load_replacing("replaced.h5", 1, NULL, texts, &loaded), MARTLET_INVALID_ARGUMENT,
         "layers is NULL");
  EXPECT(martlet_model_load_replacing("replaced.h5", 1, names, NULL, &loaded), MARTLET_INVALID_ARGUMENT,
         "json is NULL");
  EXPECT(martlet_model_load_replacing(NULL, 1, names, texts, &loaded), MARTLET_INVALID_ARGUMENT, "path is NULL");
  EXPECT(martlet_model_load_replacing("replaced.h5", 1, names, texts, NULL), MARTLET_INVALID_ARGUMENT,
         "out_model is NULL");
  EXPECT(martlet_model_load_replacing("no.h5", 1, names, texts, &loaded), MARTLET_NOT_FOUND, "no.h5");
  CHECK(loaded == NULL, "nothing was loaded");
  remove("replaced.h5");
  martlet_model_destroy(m);
  martlet_model_destroy(base);
}

/* The part before a layer and the rest, and the features of the first. */
static void cut(void) {
  const float left[] = {1, 2};
  martlet_model *base = weighted("base", 10, 1), *m = siamese(base), *lower = NULL, *upper = NULL;
  EXPECT(martlet_model_cut(m, "base", &lower, &upper), MARTLET_INVALID_ARGUMENT, "applied 2 times and has 1 results");
  EXPECT(martlet_model_cut(m, "difference", &lower, &upper), MARTLET_INVALID_ARGUMENT, "it has an output before");
  EXPECT(martlet_model_cut(m, "none", &lower, &upper), MARTLET_NOT_FOUND, "no layer 'none'");
  EXPECT(martlet_model_cut(m, NULL, &lower, &upper), MARTLET_INVALID_ARGUMENT, "layer is NULL");
  CHECK(lower == NULL && upper == NULL, "nothing was made");

  martlet_model *whole;
  martlet_node x, y;
  const int64_t two = 2;
  martlet_dense_options head = MARTLET_DENSE_OPTIONS_INIT;
  head.kernel_initializer.kind = MARTLET_ONES;
  REQUIRE(martlet_model_create("whole", 1, &whole));
  REQUIRE(martlet_input(whole, "x", 1, &two, &x));
  REQUIRE(martlet_submodel(whole, base, 1, &x, NULL, 1, &y));
  REQUIRE(martlet_dense(whole, y, 1, &head, &y));
  REQUIRE(martlet_model_build(whole, 1, &y));
  EXPECT_OK(martlet_model_cut(whole, "base", &lower, NULL));
  EXPECT_OK(martlet_model_cut(whole, "base", NULL, &upper));
  const int64_t shape[] = {2, 2}, feature_shape[] = {1, 1}, labels_shape[] = {2};
  const float rows[] = {1, 2, 3, 5};
  const int32_t labels[] = {7, 9};
  const martlet_array features = {rows, shape, 2, MARTLET_FLOAT32};
  const martlet_array targets = {labels, labels_shape, 1, MARTLET_INT32};
  martlet_dataset *data, *read;
  REQUIRE(martlet_dataset_create(&features, &targets, 0, &data));
  EXPECT(martlet_write_features(lower, data, "features.h5"), MARTLET_INVALID_ARGUMENT, "is trained");
  EXPECT_OK(martlet_model_set_trainable(lower, NULL, 0));
  EXPECT(martlet_write_features(lower, data, NULL), MARTLET_INVALID_ARGUMENT, "path is NULL");
  EXPECT(martlet_write_features(lower, NULL, "features.h5"), MARTLET_INVALID_ARGUMENT, "dataset is NULL");
  EXPECT_OK(martlet_write_features(lower, data, "features.h5"));
  EXPECT_OK(martlet_dataset_open("features.h5", "x", "y", &read));
  float out[2] = {0, 0};
  EXPECT_OK(martlet_predict_dataset(upper, read, out, 2));
  CHECK(out[0] == 12 && out[1] == 35, "the head goes on with the features");
  const martlet_array one = {left, feature_shape, 2, MARTLET_FLOAT32};
  EXPECT_OK(martlet_predict(upper, &one, 1, out, 1));
  CHECK(out[0] == 1, "its input has the shape of the features");
  remove("features.h5");
  martlet_dataset_destroy(read);
  martlet_dataset_destroy(data);
  martlet_model_destroy(upper);
  martlet_model_destroy(lower);
  martlet_model_destroy(whole);
  martlet_model_destroy(m);
  martlet_model_destroy(base);
}

/* 16 inside one another: each keeps its path, and a text keeps them all. */
static void deep(void) {
  martlet_model *m = weighted("a", 2, 3);
  const int64_t two = 2;
  for (int depth = 0; depth < 16; depth++) {
    martlet_model *outer;
    martlet_node x, y;
    REQUIRE(martlet_model_create("a", 1, &outer));
    REQUIRE(martlet_input(outer, "x", 1, &two, &x));
    REQUIRE(martlet_submodel(outer, m, 1, &x, NULL, 1, &y));
    REQUIRE(martlet_model_build(outer, 1, &y));
    martlet_model_destroy(m);
    m = outer;
  }
  int32_t count = 0;
  const char *json = NULL;
  EXPECT_OK(martlet_model_submodel_count(m, &count));
  CHECK(count == 16, "sixteen submodels");
  EXPECT_OK(martlet_model_to_json(m, &json));
  martlet_model *again;
  EXPECT_OK(martlet_model_from_json(json, 1, &again));
  EXPECT_OK(martlet_model_submodel_count(again, &count));
  CHECK(count == 16, "as text, too");
  martlet_model_destroy(again);

  martlet_model *outer;
  martlet_node x, y;
  REQUIRE(martlet_model_create("a", 1, &outer));
  REQUIRE(martlet_input(outer, "x", 1, &two, &x));
  EXPECT(martlet_submodel(outer, m, 1, &x, NULL, 1, &y), MARTLET_UNSUPPORTED, "makes 17 submodels inside one another");
  martlet_model_destroy(outer);
  martlet_model_destroy(m);
}

int main(void) {
  applied_and_shared();
  refused();
  replaced();
  cut();
  deep();
  return check_end();
}
