/* Models that are no chains: branches that merge, a shared layer, two inputs and two outputs, computed by hand. */
#include "check.h"

/* Every weight of a layer becomes value, so that sums can be done in the head. */
static void set_all(martlet_model *m, const char *layer, const char *weight, float value, int64_t count) {
  float values[16];
  for (int64_t i = 0; i < count; i++) values[i] = value;
  REQUIRE(martlet_model_set_weight(m, layer, weight, values, count));
}

static void two_inputs_and_two_outputs(void) {
  martlet_model *m;
  martlet_node left, right, nodes[2], a, b, sum, joined;
  const int64_t two = 2, three = 3;
  martlet_dense_options named = MARTLET_DENSE_OPTIONS_INIT;
  REQUIRE(martlet_model_create("graph", 1, &m));
  REQUIRE(martlet_input(m, "left", 1, &two, &left));
  REQUIRE(martlet_input(m, "right", 1, &three, &right));
  named.name = "to_two";
  REQUIRE(martlet_dense(m, right, 2, &named, &b));
  nodes[0] = left, nodes[1] = b;
  REQUIRE(martlet_add(m, 2, nodes, NULL, &sum));
  nodes[0] = sum, nodes[1] = right;
  REQUIRE(martlet_concatenate(m, 2, nodes, -1, NULL, &joined));
  named.name = "head";
  REQUIRE(martlet_dense(m, joined, 1, &named, &a));
  nodes[0] = a, nodes[1] = sum;
  REQUIRE(martlet_model_build(m, 2, nodes));

  int32_t count = 0, rank = 0;
  int64_t shape[MARTLET_MAX_RANK];
  EXPECT_OK(martlet_model_input_count(m, &count));
  CHECK(count == 2, "two inputs");
  EXPECT_OK(martlet_model_output_count(m, &count));
  CHECK(count == 2, "two outputs");
  EXPECT_OK(martlet_model_input_shape(m, 1, &rank, shape));
  CHECK(rank == 1 && shape[0] == 3, "the second input has 3 features");
  EXPECT_OK(martlet_model_output_shape(m, 1, &rank, shape));
  CHECK(rank == 1 && shape[0] == 2, "the second output has 2 features");
  EXPECT(martlet_model_output_shape(m, 2, &rank, shape), MARTLET_INVALID_ARGUMENT, "index is 2");
  EXPECT(martlet_model_input_count(m, NULL), MARTLET_INVALID_ARGUMENT, "out_count");
  EXPECT(martlet_model_output_count(m, NULL), MARTLET_INVALID_ARGUMENT, "out_count");

  set_all(m, "to_two", "kernel", 2, 6);
  set_all(m, "to_two", "bias", 1, 2);
  set_all(m, "head", "kernel", 1, 5);
  set_all(m, "head", "bias", 0, 1);
  const float l[] = {1, 2, 3, 4}, r[] = {1, 1, 1, 0, 0, 2};
  const int64_t l_shape[] = {2, 2}, r_shape[] = {2, 3}, one_row[] = {1, 3};
  martlet_array x[] = {check_array(l, 2, l_shape, MARTLET_FLOAT32), check_array(r, 2, r_shape, MARTLET_FLOAT32)};
  float y[6] = {0};
  /* Row 0: to_two = 2 * 3 + 1 = 7, sum = (8, 9), head = 8 + 9 + 3 = 20. Row 1: to_two = 5, sum = (8, 9), head = 19. */
  EXPECT_OK(martlet_predict(m, x, 2, y, 6));
  const float expected[] = {20, 19, 8, 9, 8, 9};
  CHECK(memcmp(y, expected, sizeof y) == 0, "both outputs are as computed by hand, one after the other");

  EXPECT(martlet_predict(m, x, 1, y, 6), MARTLET_INVALID_ARGUMENT, "x_count is 1; model 'graph' has 2 inputs");
  EXPECT(martlet_predict(m, x, 2, y, 2), MARTLET_INVALID_ARGUMENT, "y_count is 2; it must be 6, for 2 rows of shape [1]");
  x[1] = check_array(r, 2, one_row, MARTLET_FLOAT32);
  EXPECT(martlet_predict(m, x, 2, y, 6), MARTLET_INVALID_ARGUMENT, "x[1] has 1 rows and x[0] has 2");
  x[1] = x[0];
  EXPECT(martlet_predict(m, x, 2, y, 6), MARTLET_INVALID_ARGUMENT, "x[1] has shape [2, 2]; model 'graph' expects [N, 3]");
  const float bad[] = {1, 1, 1, 0, NAN, 2};
  x[1] = check_array(bad, 2, r_shape, MARTLET_FLOAT32);
  EXPECT(martlet_predict(m, x, 2, y, 6), MARTLET_INVALID_ARGUMENT,
         "x[1] has a value that is NaN, infinite or too large for float32 in row 1");
  CHECK(memcmp(y, expected, sizeof y) == 0, "a failed prediction writes nothing");
  martlet_model_destroy(m);
}

static void a_shared_layer(void) {
  martlet_model *m;
  martlet_node left, right, wide, a, b, none = -77, y;
  const int64_t two = 2, three = 3;
  const char *summary;
  int64_t total;
  REQUIRE(martlet_model_create("shared", 1, &m));
  REQUIRE(martlet_input(m, "left", 1, &two, &left));
  REQUIRE(martlet_input(m, "right", 1, &two, &right));
  REQUIRE(martlet_input(m, "wide", 1, &three, &wide));
  REQUIRE(martlet_dense(m, left, 1, NULL, &a));
  EXPECT(martlet_share(m, a, 1, &wide, &none), MARTLET_INVALID_ARGUMENT,
         "layer 'dense': its weight 'kernel' has shape [2, 1]; these inputs need [3, 1]");
  CHECK(none == -77, "a failed share leaves out_node alone");
  EXPECT_OK(martlet_share(m, a, 1, &right, &b));
  EXPECT_OK(martlet_subtract(m, a, b, NULL, &y));
  EXPECT(martlet_model_build(m, 1, &y), MARTLET_INVALID_ARGUMENT, "layer 'wide' does not lead to an output");
  martlet_node outputs[] = {y, wide};
  EXPECT_OK(martlet_model_build(m, 2, outputs));
  EXPECT_OK(martlet_model_parameter_count(m, &total, NULL));
  CHECK(total == 3, "a shared layer has its weights once");
  EXPECT_OK(martlet_model_summary(m, &summary));
  CHECK(strstr(summary, "shared") != NULL && strstr(summary, "Reads") != NULL, "the summary shows what is read");
  set_all(m, "dense", "kernel", 3, 2);
  const float l[] = {1, 2}, r[] = {5, 1}, w[] = {7, 8, 9};
  const int64_t shape[] = {1, 2}, wide_shape[] = {1, 3};
  martlet_array x[] = {check_array(l, 2, shape, MARTLET_FLOAT32), check_array(r, 2, shape, MARTLET_FLOAT32),
                       check_array(w, 2, wide_shape, MARTLET_FLOAT32)};
  float out[4];
  const float expected[] = {-9, 7, 8, 9}; /* 3 (1 + 2) - 3 (5 + 1), and the third input as it is */
  EXPECT_OK(martlet_predict(m, x, 3, out, 4));
  CHECK(memcmp(out, expected, sizeof out) == 0, "the shared layer computes with the same weights twice");
  martlet_model_destroy(m);
}

/* As many layers and nodes as a file may have, without names; and one more. */
static void the_largest_model(void) {
  martlet_model *m;
  martlet_node node, end = -77;
  const int64_t one = 1;
  REQUIRE(martlet_model_create("large", 1, &m));
  REQUIRE(martlet_input(m, NULL, 1, &one, &node));
  martlet_status status = MARTLET_OK;
  for (int i = 1; i < 4096 && status == MARTLET_OK; i++) status = martlet_flatten(m, node, NULL, &node);
  CHECK(status == MARTLET_OK && node == 4095, "a model may have 4096 layers");
  EXPECT(martlet_flatten(m, node, NULL, &end), MARTLET_UNSUPPORTED, "model 'large' has 4096 layers");
  for (int i = 4096; i < 65536 && status == MARTLET_OK; i++) status = martlet_share(m, node, 1, &node, &node);
  CHECK(status == MARTLET_OK && node == 65535, "a model may have 65536 nodes");
  EXPECT(martlet_share(m, node, 1, &node, &end), MARTLET_UNSUPPORTED, "model 'large' has 65536 nodes");
  CHECK(end == -77, "a refused layer leaves out_node alone");
  martlet_model_destroy(m);
}

int main(void) {
  the_largest_model();
  two_inputs_and_two_outputs();
  a_shared_layer();
  return check_end();
}
