/* Copies of models, and changes of their layers: what stays, what is said when a change cannot be made, and trainers of the
 * layers before. */
#include "check.h"

static const int64_t shape[] = {1, 4};
static const float row[4] = {1, 2, 3, 4};

enum { ROOM = 16 };

/* All outputs for the row; the rest is zero. */
static void predict(martlet_model *m, float *y) {
  const martlet_array x = check_array(row, 2, shape, MARTLET_FLOAT32);
  int32_t outputs, rank;
  int64_t sizes[MARTLET_MAX_RANK], count = 0;
  REQUIRE(martlet_model_output_count(m, &outputs));
  for (int32_t i = 0; i < outputs; i++) {
    REQUIRE(martlet_model_output_shape(m, i, &rank, sizes));
    count += sizes[0];
  }
  memset(y, 0, ROOM * sizeof *y);
  REQUIRE(martlet_predict(m, &x, 1, y, count));
}

static const char *layers_of(martlet_model *m) {
  static char text[1024];
  int32_t count;
  const char *name;
  text[0] = '\0';
  REQUIRE(martlet_model_layer_count(m, &count));
  for (int32_t i = 0; i < count; i++) {
    REQUIRE(martlet_model_layer(m, i, &name, NULL));
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", name);
  }
  return text;
}

static int equal(martlet_model *m, martlet_model *other) {
  float y[ROOM], z[ROOM];
  predict(m, y), predict(other, z);
  return memcmp(y, z, sizeof y) == 0;
}

static void copies(void) {
  martlet_model *m = small_model(5), *same = small_model(6), *copy, *clone;
  const char *names[] = {"a", "b", "c"};
  float bias[3] = {1, 2, 3};
  int32_t classes;
  REQUIRE(martlet_model_set_weight(m, "output", "bias", bias, 3));
  REQUIRE(martlet_model_set_class_names(m, 3, names));
  EXPECT_OK(martlet_model_copy(m, &copy));
  CHECK(equal(m, copy), "a copy predicts the same bits");
  REQUIRE(martlet_model_class_count(copy, &classes));
  CHECK(classes == 3, "a copy has the class names");
  bias[0] = 9;
  REQUIRE(martlet_model_set_weight(copy, "output", "bias", bias, 3));
  CHECK(!equal(m, copy), "a copy has weights of its own");
  EXPECT_OK(martlet_model_clone(m, 6, &clone));
  CHECK(equal(same, clone), "a clone has the weights of its seed");
  CHECK(strcmp(layers_of(clone), "input hidden output ") == 0, "a clone has the same layers");
  martlet_model_destroy(copy);
  martlet_model_destroy(clone);
  martlet_model_destroy(same);
  martlet_model_destroy(m);

  copy = clone = (martlet_model *)&m;
  EXPECT_INVALID(martlet_model_copy(NULL, &copy), "model");
  REQUIRE(martlet_model_create("unbuilt", 1, &m));
  EXPECT_INVALID(martlet_model_copy(m, NULL), "out_copy");
  EXPECT_INVALID(martlet_model_clone(m, 1, NULL), "out_clone");
  EXPECT(martlet_model_copy(m, &copy), MARTLET_INVALID_STATE, "not built");
  EXPECT(martlet_model_clone(m, 1, &clone), MARTLET_INVALID_STATE, "not built");
  CHECK(copy == (martlet_model *)&m && clone == copy, "the failed calls left their results alone");
  martlet_model_destroy(m);
}

static void names(void) {
  martlet_model *m = small_model(5), *before;
  REQUIRE(martlet_model_copy(m, &before));
  EXPECT_OK(martlet_model_rename_layer(m, "hidden", "first"));
  CHECK(strcmp(layers_of(m), "input first output ") == 0 && equal(m, before), "a layer has another name");
  EXPECT(martlet_model_rename_layer(m, "hidden", "x"), MARTLET_NOT_FOUND, "no layer 'hidden'");
  EXPECT_INVALID(martlet_model_rename_layer(m, "first", "output"), "'output'");
  EXPECT_INVALID(martlet_model_rename_layer(m, "first", "a/b"), "'a/b'");
  EXPECT_INVALID(martlet_model_rename_layer(m, "first", NULL), "name is NULL");
  EXPECT_INVALID(martlet_model_rename_layer(m, NULL, "x"), "layer is NULL");
  EXPECT_OK(martlet_model_rename_layer(m, "first", "first"));
  CHECK(strcmp(layers_of(m), "input first output ") == 0 && equal(m, before), "the failed calls changed nothing");
  martlet_model_destroy(before);
  martlet_model_destroy(m);
}

/* x -> wide [4, 8] -> drop -> narrow [8, 4] -> sum of narrow and x, called "sum" -> head, which is the second output;
 * the first is sum. */
static martlet_model *graph(void) {
  martlet_model *m;
  martlet_node x, h, both[2], ends[2];
  const int64_t four = 4;
  martlet_dense_options named = MARTLET_DENSE_OPTIONS_INIT;
  REQUIRE(martlet_model_create("graph", 3, &m));
  REQUIRE(martlet_input(m, "x", 1, &four, &x));
  named.name = "wide";
  REQUIRE(martlet_dense(m, x, 8, &named, &h));
  REQUIRE(martlet_dropout(m, h, 0.5, "drop", &h));
  named.name = "narrow";
  REQUIRE(martlet_dense(m, h, 4, &named, &h));
  both[0] = h, both[1] = x;
  REQUIRE(martlet_add(m, 2, both, "sum", &ends[0]));
  named.name = "head";
  REQUIRE(martlet_dense(m, ends[0], 3, &named, &ends[1]));
  REQUIRE(martlet_model_build(m, 2, ends));
  return m;
}

static void removal(void) {
  martlet_model *m = graph(), *before;
  int32_t count, rank;
  int64_t sizes[MARTLET_MAX_RANK];
  REQUIRE(martlet_model_copy(m, &before));
  EXPECT_OK(martlet_model_remove_layer(m, "drop"));
  CHECK(strcmp(layers_of(m), "x wide narrow sum head ") == 0 && equal(m, before), "without a dropout the rest is the same");
  EXPECT_INVALID(martlet_model_remove_layer(m, "wide"),
                 "weight 'kernel' of layer 'narrow' has shape [8, 4]; after the change it would need [4, 4]");
  EXPECT_INVALID(martlet_model_remove_layer(m, "narrow"), "layer 'sum': Add takes inputs of one shape");
  EXPECT_INVALID(martlet_model_remove_layer(m, "sum"), "layer 'sum' (Add) reads 2 inputs");
  EXPECT_INVALID(martlet_model_remove_layer(m, "x"), "layer 'x' (InputLayer) reads 0 inputs");
  EXPECT_INVALID(martlet_model_remove_layer(m, "head"), "without layer 'head', 'sum' would be an output twice");
  EXPECT(martlet_model_remove_layer(m, "drop"), MARTLET_NOT_FOUND, "no layer 'drop'");
  EXPECT_INVALID(martlet_model_remove_layer(m, NULL), "layer is NULL");
  CHECK(strcmp(layers_of(m), "x wide narrow sum head ") == 0 && equal(m, before), "the failed calls changed nothing");
  martlet_model_destroy(before);
  martlet_model_destroy(m);

  /* An output that goes: what it read is the output. */
  const char *names[] = {"a", "b", "c"};
  m = small_model(5);
  REQUIRE(martlet_model_set_class_names(m, 3, names));
  EXPECT_OK(martlet_model_remove_layer(m, "output"));
  REQUIRE(martlet_model_output_shape(m, 0, &rank, sizes));
  REQUIRE(martlet_model_class_count(m, &count));
  CHECK(sizes[0] == 8 && count == 0, "the hidden layer is the output, without the class names of the other");
  martlet_model_destroy(m);
}

static void replacement(void) {
  martlet_model *m = graph(), *before;
  int32_t count = -1, rank = -1;
  int64_t sizes[MARTLET_MAX_RANK];
  float head[12], kept[32], now[32];
  EXPECT_OK(martlet_model_layer_input_count(m, "sum", &count));
  EXPECT_OK(martlet_model_layer_input_shape(m, "narrow", 0, &rank, sizes));
  CHECK(count == 2 && rank == 1 && sizes[0] == 8, "what layers read");
  EXPECT(martlet_model_layer_input_shape(m, "narrow", 1, &rank, sizes), MARTLET_INVALID_ARGUMENT,
         "index is 1; there are 1 inputs of layer 'narrow'");
  EXPECT(martlet_model_layer_input_count(m, "nobody", &count), MARTLET_NOT_FOUND, "no layer 'nobody'");
  EXPECT_INVALID(martlet_model_layer_input_count(m, "sum", NULL), "out_count");

  REQUIRE(martlet_model_get_weight(m, "wide", "kernel", kept, 32));
  EXPECT_OK(martlet_model_replace_layer(m, "head", "{\"class_name\": \"Dense\", \"config\": {\"units\": 5}}"));
  REQUIRE(martlet_model_output_shape(m, 1, &rank, sizes));
  REQUIRE(martlet_model_get_weight(m, "wide", "kernel", now, 32));
  CHECK(sizes[0] == 5 && memcmp(kept, now, sizeof kept) == 0, "a new head; the other layers keep their weights");
  EXPECT_OK(martlet_model_replace_layer(
    m, "head", "{\"class_name\": \"Dense\", \"config\": {\"name\": \"top\", \"units\": 3, \"kernel_initializer\": \"ones\"}}"));
  REQUIRE(martlet_model_get_weight(m, "top", "kernel", head, 12));
  CHECK(head[0] == 1 && head[11] == 1 && strcmp(layers_of(m), "x wide drop narrow sum top ") == 0,
        "the new layer has weights and a name of its own");
  EXPECT_OK(martlet_model_replace_layer(m, "sum", "{\"class_name\": \"Maximum\", \"config\": {}}"));

  REQUIRE(martlet_model_copy(m, &before));
#define REPLACE(layer, json) martlet_model_replace_layer(m, layer, json)
  EXPECT_INVALID(REPLACE("wide", "{\"class_name\": \"Dense\", \"config\": {\"units\": 7}}"),
                 "weight 'kernel' of layer 'narrow' has shape [8, 4]; after the change it would need [7, 4]");
  EXPECT_INVALID(REPLACE("drop", "{\"class_name\": \"Flatten\", \"config\": {\"name\": \"top\"}}"), "'top' already");
  EXPECT_INVALID(REPLACE("sum", "{\"class_name\": \"Flatten\", \"config\": {}}"), "Flatten takes 1 input, 2 were given");
  EXPECT_INVALID(REPLACE("x", "{\"class_name\": \"Flatten\", \"config\": {}}"), "'x' (InputLayer) cannot be replaced");
  EXPECT(REPLACE("top", "{\"class_name\": \"MyLayer\", \"config\": {}}"), MARTLET_UNSUPPORTED,
         "json: layer 'top' is of class 'MyLayer'");
  EXPECT(REPLACE("top", "{\"class_name\": \"Normalization\", \"config\": {}}"), MARTLET_UNSUPPORTED, "its statistics");
  EXPECT(REPLACE("top", "{\"class_name\": \"Dense\", \"config\": {}}"), MARTLET_FORMAT_ERROR, "no 'units'");
  EXPECT(REPLACE("top", "{\"class_name\": \"Dense\"}"), MARTLET_FORMAT_ERROR, "json: a layer has no 'class_name' or");
  EXPECT(REPLACE("top", "[[["), MARTLET_FORMAT_ERROR, "json: not JSON");
  EXPECT(REPLACE("nobody", "{}"), MARTLET_NOT_FOUND, "no layer 'nobody'");
  EXPECT_INVALID(REPLACE("top", NULL), "json is NULL");
  CHECK(equal(m, before) && strcmp(layers_of(m), "x wide drop narrow sum top ") == 0, "the failed calls changed nothing");
  martlet_model_destroy(before);
  martlet_model_destroy(m);
}

static void trainers(void) {
  static const char changed[] = "the layers of model 'small' have changed since this trainer was made";
  martlet_model *m = small_model(5);
  martlet_dataset *data = small_dataset();
  martlet_trainer *trainer;
  martlet_metrics metrics;
  float y[3], dy[3] = {0}, gradient[3];
  int64_t epochs = 0;
  const martlet_array x = check_array(row, 2, shape, MARTLET_FLOAT32);
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  EXPECT_OK(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL));
  EXPECT_OK(martlet_trainer_forward(trainer, &x, 1, y, 3));
  EXPECT_OK(martlet_trainer_backward(trainer, dy, 3));
  EXPECT(martlet_model_remove_layer(m, "nobody"), MARTLET_NOT_FOUND, "nobody");
  EXPECT_OK(martlet_trainer_get_gradient(trainer, "output", "bias", gradient, 3));
  REQUIRE(martlet_model_rename_layer(m, "output", "top"));
  EXPECT(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_evaluate(trainer, data, NULL, NULL, &metrics), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_forward(trainer, &x, 1, y, 3), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_backward(trainer, dy, 3), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_get_gradient(trainer, "output", "bias", gradient, 3), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_set_gradient(trainer, "output", "bias", gradient, 3), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_apply(trainer), MARTLET_INVALID_STATE, changed);
  EXPECT(martlet_trainer_load_state(trainer, "absent.h5"), MARTLET_INVALID_STATE, changed);
  EXPECT_OK(martlet_trainer_history_length(trainer, &epochs));
  CHECK(epochs == 1, "the history of the layers before is there still");
  martlet_trainer_destroy(trainer);
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  EXPECT_OK(martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL));
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

/* In a callback a model can be copied, but not changed. */
static int32_t change_inside(const martlet_progress *progress, void *model) {
  martlet_model *copy = NULL;
  (void)progress;
  EXPECT(martlet_model_rename_layer(model, "hidden", "h"), MARTLET_BUSY, "in use");
  EXPECT(martlet_model_remove_layer(model, "hidden"), MARTLET_BUSY, "in use");
  EXPECT(martlet_model_replace_layer(model, "hidden", "{}"), MARTLET_BUSY, "in use");
  EXPECT_OK(martlet_model_copy(model, &copy));
  martlet_model_destroy(copy);
  return 1;
}

static void callbacks(void) {
  martlet_model *m = small_model(5);
  martlet_dataset *data = small_dataset();
  martlet_trainer *trainer;
  REQUIRE(martlet_trainer_create(m, NULL, &trainer));
  EXPECT(martlet_trainer_fit(trainer, data, NULL, NULL, change_inside, m), MARTLET_STOPPED, "");
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

int main(void) {
  copies();
  names();
  removal();
  replacement();
  trainers();
  callbacks();
  return check_end();
}
