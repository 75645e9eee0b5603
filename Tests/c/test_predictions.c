/* Prediction in double, and for datasets and the files of it, by hand. HDF5 is read back by
 * Tests/python/test_predictions.py. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <sys/mman.h>

#include "check.h"

/* y = x on [C], as a layer with weights, so that the largest output is the largest input. */
static martlet_model *identity_model(int64_t size) {
  martlet_model *m;
  martlet_node x;
  martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
  options.kernel_initializer.kind = MARTLET_IDENTITY;
  options.kernel_initializer.value = 1;
  options.name = "same";
  REQUIRE(martlet_model_create("identity", 1, &m));
  REQUIRE(martlet_input(m, "in", 1, &size, &x));
  REQUIRE(martlet_dense(m, x, size, &options, &x));
  REQUIRE(martlet_model_build(m, 1, &x));
  return m;
}

static martlet_dataset *dataset_of(const void *data, int32_t rank, const int64_t *shape, int32_t type) {
  martlet_dataset *d;
  const martlet_array x = check_array(data, rank, shape, type);
  REQUIRE(martlet_dataset_create(&x, NULL, 1, &d));
  return d;
}

static int file_is(const char *path, const char *text) {
  char content[400] = {0};
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 0;
  const size_t count = fread(content, 1, sizeof content - 1, file);
  fclose(file);
  return count == strlen(text) && memcmp(content, text, count) == 0;
}

/* y = exp(x) on one number, then the identity. */
static void in_double(martlet_model *identity) {
  const double thirds[] = {1 / 3.0, -1e300, 1e-300, 1 / 7.0, 0, 2};
  const int64_t shape[] = {2, 3}, column[] = {6, 1}, wide[] = {2, 2, 3};
  martlet_array x = check_array(thirds, 2, shape, MARTLET_FLOAT64);
  double y[6] = {0};
  EXPECT_OK(martlet_predict_double(identity, &x, 1, y, 6));
  CHECK(memcmp(y, thirds, sizeof y) == 0, "doubles pass through without being rounded to floats");

  martlet_model *m;
  martlet_node node;
  REQUIRE(martlet_model_create("exp", 1, &m));
  EXPECT(martlet_predict_double(m, &x, 1, y, 6), MARTLET_INVALID_STATE, "not built");
  REQUIRE(martlet_input(m, NULL, 1, column + 1, &node));
  REQUIRE(martlet_activation(m, node, MARTLET_EXPONENTIAL, 0, NULL, &node));
  REQUIRE(martlet_model_build(m, 1, &node));
  const double exponents[] = {0, 1, -1, 1 / 3.0, 1e-9, 700};
  x = check_array(exponents, 2, column, MARTLET_FLOAT64);
  EXPECT_OK(martlet_predict_double(m, &x, 1, y, 6));
  int right = 1;
  /* Libraries of C round exp to one unit in the last place, 2.2e-16, each. */
  for (int i = 0; i < 6; i++) right = right && fabs(y[i] / exp(exponents[i]) - 1) <= 4.5e-16;
  CHECK(right, "exp in double");
  const int32_t whole[] = {16777217, 1, 2, 3, 4, 5};
  x = check_array(whole, 2, shape, MARTLET_INT32);
  EXPECT_OK(martlet_predict_double(identity, &x, 1, y, 6));
  CHECK(y[0] == 16777217 && y[5] == 5, "integers keep the digits that a float has no room for");

  const double before = y[0];
  const double spoilt[] = {1, 2, 3, 4, NAN, 6};
  x = check_array(spoilt, 2, shape, MARTLET_FLOAT64);
  EXPECT_INVALID(martlet_predict_double(identity, &x, 1, y, 6), "x has a value that is NaN or infinite in row 1");
  EXPECT_INVALID(martlet_predict_double(NULL, &x, 1, y, 6), "model");
  EXPECT_INVALID(martlet_predict_double(identity, NULL, 1, y, 6), "x");
  EXPECT_INVALID(martlet_predict_double(identity, &x, 0, y, 6), "x_count is 0; model");
  EXPECT_INVALID(martlet_predict_double(identity, &x, 1, NULL, 6), "out_y");
  EXPECT_INVALID(martlet_predict_double(identity, &x, 1, (double *)((char *)y + 1), 6), "out_y is not aligned");
  EXPECT_INVALID(martlet_predict_double(identity, &x, 1, y, 5), "y_count is 5; it must be 6, for 2 rows of shape [3]");
  x = check_array(spoilt, 3, wide, MARTLET_FLOAT64);
  EXPECT_INVALID(martlet_predict_double(identity, &x, 1, y, 12), "x has shape [2, 2, 3]");
  CHECK(y[0] == before, "a failed prediction in double writes nothing");
  martlet_model_destroy(m);
}

static void rows_of_a_dataset(martlet_model *m) {
  const uint8_t pixels[] = {0, 2, 4, 8, 6, 2, 1, 1, 3};
  const int64_t shape[] = {3, 3}, other[] = {3, 1, 3};
  martlet_dataset *d = dataset_of(pixels, 2, shape, MARTLET_UINT8), *last, *wrong;
  REQUIRE(martlet_dataset_set_scaling(d, 0.5, 1));
  float y[9] = {0};
  EXPECT_OK(martlet_predict_dataset(m, d, y, 9));
  const float expected[] = {1, 2, 3, 5, 4, 2, 1.5f, 1.5f, 2.5f};
  CHECK(memcmp(y, expected, sizeof y) == 0, "the rows are scaled as the dataset says");
  REQUIRE(martlet_dataset_rows(d, 1, 3, &last));
  EXPECT_OK(martlet_predict_dataset(m, last, y, 6));
  CHECK(memcmp(y, expected + 3, 6 * sizeof *y) == 0, "a part of the rows is predicted");

  memcpy(y, expected, sizeof y);
  wrong = dataset_of(pixels, 3, other, MARTLET_UINT8);
  EXPECT_INVALID(martlet_predict_dataset(m, wrong, y, 9), "x has rows of shape [1, 3]; the model expects [3]");
  martlet_dataset_destroy(wrong);
  const float spoilt[] = {1, 2, 3, 4, INFINITY, 6};
  const int64_t two[] = {2, 3};
  wrong = dataset_of(spoilt, 2, two, MARTLET_FLOAT32);
  EXPECT_INVALID(martlet_predict_dataset(m, wrong, y, 6),
                 "x has a value that is NaN, infinite or too large for float32 in row 1");
  martlet_dataset_destroy(wrong);
  EXPECT_INVALID(martlet_predict_dataset(NULL, d, y, 9), "model");
  EXPECT_INVALID(martlet_predict_dataset(m, NULL, y, 9), "dataset");
  EXPECT_INVALID(martlet_predict_dataset(m, d, NULL, 9), "out_y");
  EXPECT_INVALID(martlet_predict_dataset(m, d, y, 8), "y_count is 8; it must be 9, for 3 rows of shape [3]");
  CHECK(memcmp(y, expected, sizeof y) == 0, "a failed prediction writes nothing");
  martlet_dataset_destroy(last);
  martlet_dataset_destroy(d);
}

static void files(martlet_model *m) {
  const float x[] = {0, 2, 1, 3, 1, 3, 0, 0, 1};
  const int64_t shape[] = {3, 3};
  martlet_dataset *d = dataset_of(x, 2, shape, MARTLET_FLOAT32);
  EXPECT_OK(martlet_write_predictions(m, d, 0, "predictions.csv", 0));
  CHECK(file_is("predictions.csv", "Id,Category\n0,1\n1,0\n2,2\n"), "CSV with numbers; the first of equals counts");
  const char *const names[] = {"cat", "say \"moo\", cow", "dog"};
  REQUIRE(martlet_model_set_class_names(m, 3, names));
  EXPECT_OK(martlet_write_predictions(m, d, 0, "predictions.csv", 10));
  CHECK(file_is("predictions.csv", "Id,Category\n10,\"say \"\"moo\"\", cow\"\n11,cat\n12,dog\n"),
        "CSV with class names, in quotes where they need them");
  EXPECT_OK(martlet_write_predictions(m, d, 0, "predictions.h5", 0));
  EXPECT_OK(martlet_write_predictions(m, d, 0, "predictions.HDF5", 0));
  CHECK(access("predictions.h5", R_OK) == 0 && access("predictions.HDF5", R_OK) == 0, "HDF5 files are there");

  EXPECT_INVALID(martlet_write_predictions(m, d, 0, "predictions.txt", 0), "it must end in .csv, .h5 or .hdf5");
  EXPECT_INVALID(martlet_write_predictions(m, d, 0, "csv", 0), "path is 'csv'");
  EXPECT_INVALID(martlet_write_predictions(m, d, 0, "a.csv/b", 0), "path is 'a.csv/b'");
  EXPECT(martlet_write_predictions(m, d, 0, "nowhere/a.csv", 0), MARTLET_NOT_FOUND, "nowhere/a.csv");
  EXPECT_INVALID(martlet_write_predictions(m, d, 0, "a.csv", INT64_MAX - 1), "first_id is 9223372036854775806");
  EXPECT_INVALID(martlet_write_predictions(m, d, 1, "a.csv", 0), "output is 1; there are 1 outputs");
  EXPECT_INVALID(martlet_write_predictions(m, d, -1, "a.csv", 0), "output is -1");
  EXPECT_INVALID(martlet_write_predictions(NULL, d, 0, "a.csv", 0), "model");
  EXPECT_INVALID(martlet_write_predictions(m, NULL, 0, "a.csv", 0), "dataset");
  EXPECT_INVALID(martlet_write_predictions(m, d, 0, NULL, 0), "path");
  EXPECT_INVALID(martlet_write_predictions(m, d, 0, "", 0), "path is empty");
  CHECK(access("a.csv", F_OK) != 0, "what failed has written no file");
  martlet_dataset_destroy(d);
}

static void other_outputs(void) {
  martlet_model *m;
  martlet_node in, ends[2];
  const int64_t matrix[] = {2, 3};
  martlet_dense_options one = MARTLET_DENSE_OPTIONS_INIT;
  one.kernel_initializer.kind = MARTLET_ONES;
  REQUIRE(martlet_model_create("two", 1, &m));
  REQUIRE(martlet_input(m, NULL, 2, matrix, &in));
  REQUIRE(martlet_activation(m, in, MARTLET_RELU, 0, "rows", &ends[0]));
  REQUIRE(martlet_flatten(m, in, NULL, &ends[1]));
  one.name = "yes";
  REQUIRE(martlet_dense(m, ends[1], 1, &one, &ends[1]));
  REQUIRE(martlet_model_build(m, 2, ends));
  const float x[] = {0, 2, 1, 3, 1, 3, 0, 0, 0.5f, 0, 0, -1};
  const int64_t shape[] = {2, 2, 3};
  martlet_dataset *d = dataset_of(x, 3, shape, MARTLET_FLOAT32);
  EXPECT(martlet_write_predictions(m, d, 0, "two.csv", 0), MARTLET_UNSUPPORTED, "rows of shape [2, 3]; write HDF5");
  EXPECT_OK(martlet_write_predictions(m, d, 1, "two.csv", 0));
  CHECK(file_is("two.csv", "Id,Category\n0,1\n1,0\n"), "one output is class 1 above 0.5");
  EXPECT_OK(martlet_write_predictions(m, d, 0, "two.h5", 0));

  const char *name = NULL;
  EXPECT_OK(martlet_model_output_name(m, 1, &name));
  CHECK(strcmp(name, "yes") == 0, "an output has the name of its layer");
  EXPECT_OK(martlet_model_input_name(m, 0, &name));
  CHECK(strcmp(name, "input") == 0, "an input has the name of its layer");
  EXPECT_INVALID(martlet_model_output_name(m, 2, &name), "index is 2; there are 2 outputs");
  EXPECT_INVALID(martlet_model_input_name(m, 1, &name), "index is 1; there are 1 inputs");
  EXPECT_INVALID(martlet_model_input_name(m, 0, NULL), "out_name");
  EXPECT_INVALID(martlet_model_output_name(m, 0, NULL), "out_name");
  EXPECT_INVALID(martlet_model_input_name(NULL, 0, &name), "model");
  EXPECT_INVALID(martlet_model_output_name(NULL, 0, &name), "model");
  martlet_dataset_destroy(d);
  martlet_model_destroy(m);
}

static void not_built(void) {
  martlet_model *m;
  const float x[] = {1, 2, 3};
  const int64_t shape[] = {1, 3};
  const char *name;
  float y[3];
  martlet_dataset *d = dataset_of(x, 2, shape, MARTLET_FLOAT32);
  REQUIRE(martlet_model_create(NULL, 1, &m));
  EXPECT(martlet_predict_dataset(m, d, y, 3), MARTLET_INVALID_STATE, "not built");
  EXPECT(martlet_write_predictions(m, d, 0, "a.csv", 0), MARTLET_INVALID_STATE, "not built");
  EXPECT(martlet_model_input_name(m, 0, &name), MARTLET_INVALID_STATE, "not built");
  EXPECT(martlet_model_output_name(m, 0, &name), MARTLET_INVALID_STATE, "not built");
  martlet_dataset_destroy(d);
  martlet_model_destroy(m);
}

/* Rows of floats are read where they lie, doubles are converted: the same bits every time, in predictions and in
 * training, and the caller's rows stay as they are. */
static void rows_in_place(void) {
  enum { COLUMNS = 1100, MANY = 300 };
  static float x[MANY * COLUMNS], copy[MANY * COLUMNS], y[3][MANY * 3];
  static float moved[MANY * COLUMNS + 1]; /* by one float, so that no row begins where a vector does */
  static double doubles[MANY * COLUMNS];
  static int32_t labels[MANY];
  for (int i = 0; i < MANY * COLUMNS; i++) {
    doubles[i] = moved[i + 1] = copy[i] = x[i] = (float)(i * 7 % 23) / 23 - 0.5f;
  }
  for (int rows = 3; rows <= MANY; rows += MANY - 3) {
    const int64_t shape[] = {rows, COLUMNS}, size = COLUMNS, label_shape[] = {rows};
    const martlet_array targets = check_array(labels, 1, label_shape, MARTLET_INT32);
    const martlet_array given[] = {check_array(x, 2, shape, MARTLET_FLOAT32),
                                   check_array(moved + 1, 2, shape, MARTLET_FLOAT32),
                                   check_array(doubles, 2, shape, MARTLET_FLOAT64)};
    for (int i = 0; i < 3; i++) {
      martlet_model *m;
      martlet_trainer *trainer;
      martlet_node node;
      martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
      options.activation = MARTLET_SOFTMAX;
      REQUIRE(martlet_model_create("anywhere", 1, &m));
      REQUIRE(martlet_input(m, NULL, 1, &size, &node));
      REQUIRE(martlet_dense(m, node, 3, &options, &node));
      REQUIRE(martlet_model_build(m, 1, &node));
      REQUIRE(martlet_trainer_create(m, NULL, &trainer));
      for (int step = 0; step < 3; step++) {
        EXPECT_OK(martlet_trainer_train_step(trainer, &given[i], 1, &targets, 1, NULL, NULL));
        EXPECT_OK(martlet_predict(m, &given[i], 1, y[i], (int64_t)rows * 3));
      }
      martlet_trainer_destroy(trainer);
      martlet_model_destroy(m);
    }
    const size_t size_of_y = (size_t)rows * 3 * sizeof(float);
    CHECK(memcmp(y[0], y[1], size_of_y) == 0, "rows at another address give the same bits");
    CHECK(memcmp(y[0], y[2], size_of_y) == 0, "rows that are converted give the same bits");
    CHECK(memcmp(x, copy, sizeof copy) == 0, "training and prediction leave the rows as they are");
  }
}

/* Rows that end where readable memory ends, and that may not be written: nothing beyond them is read, nothing in them
 * changed, whatever the number of columns. */
static void rows_at_the_end_of_memory(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
  char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    CHECK(0, "mmap");
    return;
  }
  const int32_t types[] = {MARTLET_FLOAT32, MARTLET_UINT8};
  const size_t sizes[] = {sizeof(float), 1};
  for (size_t i = 0; i < size / sizeof(float); i++) ((float *)memory)[i] = (float)(i % 7) - 3;
  mprotect(memory, size, PROT_READ);
  mprotect(memory + size, page, PROT_NONE);
  static float y[13 * 70];
  static int32_t labels[13];
  int failures = 0;
  for (int64_t columns = 1; columns <= 70; columns += columns < 20 ? 1 : 7) {
    for (int64_t rows = 1; rows <= 13; rows += 6) {
      const int64_t shape[] = {rows, columns}, label_shape[] = {rows};
      const martlet_array targets = check_array(labels, 1, label_shape, MARTLET_INT32);
      for (int i = 0; i < 4; i++) { /* a product reads the rows, or an activation does */
        const int first = i % 2, type = i / 2;
        const martlet_array x =
            check_array(memory + size - (size_t)(rows * columns) * sizes[type], 2, shape, types[type]);
        martlet_model *m;
        martlet_trainer *trainer;
        martlet_node node;
        martlet_dense_options options = MARTLET_DENSE_OPTIONS_INIT;
        options.activation = MARTLET_SOFTMAX;
        REQUIRE(martlet_model_create("end", 1, &m));
        REQUIRE(martlet_input(m, NULL, 1, &columns, &node));
        if (first == 1) REQUIRE(martlet_activation(m, node, MARTLET_TANH, 0, NULL, &node));
        REQUIRE(martlet_dense(m, node, 3, &options, &node));
        REQUIRE(martlet_model_build(m, 1, &node));
        REQUIRE(martlet_trainer_create(m, NULL, &trainer));
        failures += martlet_trainer_train_step(trainer, &x, 1, &targets, 1, NULL, NULL) != MARTLET_OK;
        failures += martlet_predict(m, &x, 1, y, rows * 3) != MARTLET_OK;
        martlet_trainer_destroy(trainer);
        martlet_model_destroy(m);
      }
    }
  }
  CHECK(failures == 0, "rows at the end of readable memory are read, and nothing beyond");
  munmap(memory, size + page);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) return 2;
  martlet_model *m = identity_model(3);
  in_double(m);
  rows_of_a_dataset(m);
  files(m);
  other_outputs();
  not_built();
  rows_in_place();
  rows_at_the_end_of_memory();
  martlet_model_destroy(m);
  return check_end();
}
