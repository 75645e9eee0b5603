/* Files: round trip, foreign, damaged and hostile ones (made by make_files.py), saving to a full disk or where it is not
 * allowed, and what a failed save leaves behind. The argument is a folder of this test's own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

/* The call fails, with any status but OK, and its message has the text. */
#define EXPECT_FAILURE(call, text)                                                                                     \
  do {                                                                                                                 \
    const martlet_status failure_status = (call);                                                                      \
    if (!CHECK(failure_status != MARTLET_OK && failure_status != MARTLET_INTERNAL_ERROR &&                             \
                 strstr(martlet_last_error(), text) != NULL, #call))                                                   \
      printf("#   %s: %s\n", martlet_status_name(failure_status), martlet_last_error());                               \
  } while (0)

static martlet_model *none;

static int files_in(const char *folder) {
  int count = 0;
  DIR *entries = opendir(folder);
  if (entries == NULL) return -1;
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}

static long read_file(const char *path, char *bytes, long room) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  const long count = (long)fread(bytes, 1, (size_t)room, file);
  fclose(file);
  return count;
}

static void round_trip(void) {
  static char first[1 << 18], second[1 << 18];
  martlet_model *m = small_model(8), *loaded;
  const char *names[] = {"Rot", "Grün", "青"}, *name, *summary, *summary_loaded;
  const int64_t shape[] = {2, 4};
  float x[8] = {1, 2, 3, 4, -1, 0, 0.5f, 9}, y[6], y_loaded[6];
  const martlet_array array = check_array(x, 2, shape, MARTLET_FLOAT32);
  int32_t classes;
  REQUIRE(martlet_model_set_class_names(m, 3, names));
  EXPECT_OK(martlet_model_save(m, "saved.h5"));
  EXPECT_OK(martlet_model_load("saved.h5", &loaded));
  REQUIRE(martlet_predict(m, &array, 1, y, 6));
  REQUIRE(martlet_predict(loaded, &array, 1, y_loaded, 6));
  CHECK(memcmp(y, y_loaded, sizeof y) == 0, "a loaded model predicts the same bits");
  REQUIRE(martlet_model_class_count(loaded, &classes));
  REQUIRE(martlet_model_class_name(loaded, 2, &name));
  CHECK(classes == 3 && strcmp(name, "青") == 0, "class names survive");
  REQUIRE(martlet_model_summary(m, &summary));
  REQUIRE(martlet_model_summary(loaded, &summary_loaded));
  CHECK(strcmp(summary, summary_loaded) == 0, "the summary is the same");
  EXPECT_OK(martlet_model_save(loaded, "again.h5"));
  const long size = read_file("saved.h5", first, sizeof first), size_again = read_file("again.h5", second, sizeof second);
  CHECK(size > 0 && size == size_again && memcmp(first, second, (size_t)size) == 0, "same model, same bytes");

  /* Replacing a file keeps its permissions, and a symbolic link stays one. */
  struct stat info;
  chmod("saved.h5", 0640);
  if (symlink("saved.h5", "link.h5") != 0) exit(1);
  EXPECT_OK(martlet_model_save(m, "link.h5"));
  CHECK(lstat("link.h5", &info) == 0 && S_ISLNK(info.st_mode), "saving through a symbolic link keeps the link");
  CHECK(stat("saved.h5", &info) == 0 && (info.st_mode & 0777) == 0640, "replacing a file keeps its permissions");
  martlet_model_destroy(loaded);
  martlet_model_destroy(m);

  int32_t rank;
  int64_t row[MARTLET_MAX_RANK];
  EXPECT_OK(martlet_model_load("keras.h5", &m));
  REQUIRE(martlet_model_input_shape(m, 0, &rank, row));
  CHECK(rank == 1 && row[0] == 6, "a model made by Keras loads");
  martlet_model_destroy(m);

  int32_t inputs, outputs;
  EXPECT_OK(martlet_model_load("keras_graph.h5", &m));
  REQUIRE(martlet_model_input_count(m, &inputs));
  REQUIRE(martlet_model_output_count(m, &outputs));
  REQUIRE(martlet_model_output_shape(m, 1, &rank, row));
  CHECK(inputs == 2 && outputs == 2 && row[0] == 8, "a graph made by Keras, with a shared layer, loads");
  martlet_model_destroy(m);
}

static void memory(void) {
  static char file[1 << 18];
  static unsigned char bytes[1 << 18];
  martlet_model *m = small_model(8), *loaded, *unbuilt;
  const int64_t shape[] = {2, 4};
  const float x[8] = {1, 2, 3, 4, -1, 0, 0.5f, 9};
  float y[6], y_loaded[6];
  const martlet_array array = check_array(x, 2, shape, MARTLET_FLOAT32);
  int64_t count = 0, again = 7;
  EXPECT_OK(martlet_model_save_memory(m, NULL, 0, &count));
  memset(bytes, 0xAA, sizeof bytes);
  EXPECT_OK(martlet_model_save_memory(m, bytes, (int64_t)sizeof bytes, &again));
  CHECK(count == again && bytes[count] == 0xAA, "as many bytes are written as were announced");
  REQUIRE(martlet_model_save(m, "memory.h5"));
  CHECK(read_file("memory.h5", file, sizeof file) == (long)count && memcmp(file, bytes, (size_t)count) == 0,
        "the bytes in memory are those of the file");
  EXPECT_OK(martlet_model_load_memory(bytes, count, &loaded));
  REQUIRE(martlet_predict(m, &array, 1, y, 6));
  REQUIRE(martlet_predict(loaded, &array, 1, y_loaded, 6));
  CHECK(memcmp(y, y_loaded, sizeof y) == 0, "a model from memory predicts the same bits");
  martlet_model_destroy(loaded);

  loaded = (martlet_model *)&loaded;
  again = 7;
  EXPECT_INVALID(martlet_model_save_memory(m, bytes, count - 1, &again), "room is");
  EXPECT_INVALID(martlet_model_save_memory(m, bytes, -1, &again), "room is -1");
  EXPECT_INVALID(martlet_model_save_memory(m, NULL, 0, NULL), "out_count");
  EXPECT_INVALID(martlet_model_save_memory(NULL, NULL, 0, &again), "model");
  REQUIRE(martlet_model_create("unbuilt", 1, &unbuilt));
  EXPECT(martlet_model_save_memory(unbuilt, NULL, 0, &again), MARTLET_INVALID_STATE, "not built");
  CHECK(again == 7, "the failed calls left out_count alone");
  EXPECT_INVALID(martlet_model_load_memory(NULL, count, &loaded), "bytes is NULL");
  EXPECT_INVALID(martlet_model_load_memory(bytes, 0, &loaded), "count is 0");
  EXPECT_INVALID(martlet_model_load_memory(bytes, count, NULL), "out_model");
  EXPECT(martlet_model_load_memory(bytes, count / 2, &loaded), MARTLET_FORMAT_ERROR, "'bytes'");
  EXPECT(martlet_model_load_memory("text", 4, &loaded), MARTLET_FORMAT_ERROR, "'bytes' is not an HDF5 file");
  /* Bytes 48 to 55 are the address of what a driver keeps: a wrong one is refused alike from memory and from the disk. */
  bytes[49] ^= 0x7F;
  FILE *damaged = fopen("driver.h5", "wb");
  CHECK(damaged != NULL && fwrite(bytes, 1, (size_t)count, damaged) == (size_t)count && fclose(damaged) == 0,
        "a damaged file is written");
  EXPECT(martlet_model_load_memory(bytes, count, &loaded), MARTLET_FORMAT_ERROR, "'bytes' is damaged: the head names");
  EXPECT(martlet_model_load("driver.h5", &loaded), MARTLET_FORMAT_ERROR, "'driver.h5' is damaged: the head names");
  bytes[49] ^= 0x7F;
  CHECK(loaded == (martlet_model *)&loaded, "the failed loads left out_model alone");
  martlet_model_destroy(unbuilt);
  martlet_model_destroy(m);
}

static void weights(void) {
  martlet_model *m = small_model(8), *other = small_model(9), *unbuilt;
  const int64_t shape[] = {1, 4};
  const float x[4] = {1, 2, 3, 4};
  float y[3], y_other[3], before[3];
  const martlet_array array = check_array(x, 2, shape, MARTLET_FLOAT32);
  REQUIRE(martlet_predict(m, &array, 1, y, 3));
  REQUIRE(martlet_predict(other, &array, 1, before, 3));
  const char *const names[] = {"w.h5", "w.weights.h5"};
  for (int i = 0; i < 4; i++) {
    EXPECT_OK(martlet_model_save_weights(m, names[i / 2]));
    EXPECT_OK(martlet_model_load_weights(other, names[i / 2], i % 2, 0, NULL));
    REQUIRE(martlet_predict(other, &array, 1, y_other, 3));
    CHECK(memcmp(y, y_other, sizeof y) == 0, "weights come back, in either layout, by order and by name");
    martlet_model_destroy(other);
    other = small_model(9);
  }
  EXPECT(martlet_model_load_weights(other, "missing.h5", 0, 0, NULL), MARTLET_NOT_FOUND, "missing.h5");
  EXPECT(martlet_model_load_weights(other, "foreign.h5", 0, 0, NULL), MARTLET_FORMAT_ERROR, "it holds 'temperatures'");
  EXPECT(martlet_model_load_weights(other, "zip.keras", 0, 0, NULL), MARTLET_FORMAT_ERROR,
         "'zip.keras' is a damaged zip archive");
  EXPECT(martlet_model_load_weights(other, "keras.h5", 0, 0, NULL), MARTLET_FORMAT_ERROR,
         "has shape [6, 5]; expected [4, 8], that of 'kernel' of layer 'hidden'");
  EXPECT(martlet_model_load_weights(other, "good.h5", 0, 0, NULL), MARTLET_FORMAT_ERROR,
         "holds 1 layers with weights ('d'); model 'small' has 2 ('hidden', 'output')");
  EXPECT(martlet_model_load_weights(other, "good.h5", 1, 0, NULL), MARTLET_FORMAT_ERROR, "it names 'd', 'x'");
  int32_t skipped = -1;
  const char *name, *reason;
  EXPECT_OK(martlet_model_load_weights(other, "keras.h5", 0, 1, &skipped));
  CHECK(skipped == 2, "both layers have other shapes");
  EXPECT_OK(martlet_model_skipped_layer(other, 0, &name, NULL));
  CHECK(strcmp(name, "hidden") == 0, "the first layer is named");
  EXPECT_OK(martlet_model_skipped_layer(other, 1, &name, &reason));
  CHECK(strcmp(name, "output") == 0 && strstr(reason, "expected [8, 3], that of 'kernel' of layer 'output'"),
        "so is the second, with the reason");
  EXPECT_INVALID(martlet_model_skipped_layer(other, 2, &name, &reason), "index is 2; there are 2 layers that were");
  EXPECT_INVALID(martlet_model_skipped_layer(NULL, 0, &name, &reason), "model");
  EXPECT_INVALID(martlet_model_load_weights(other, "w.h5", 2, 0, NULL), "by_name is 2");
  EXPECT_INVALID(martlet_model_load_weights(other, "w.h5", 0, -1, NULL), "skip_mismatch is -1");
  EXPECT_INVALID(martlet_model_load_weights(other, "", 0, 0, NULL), "path");
  EXPECT_INVALID(martlet_model_save_weights(other, NULL), "path");
  EXPECT(martlet_model_save_weights(other, "no/such/w.h5"), MARTLET_NOT_FOUND, "no/such/w.h5");
  REQUIRE(martlet_model_create("unbuilt", 1, &unbuilt));
  EXPECT(martlet_model_load_weights(unbuilt, "w.h5", 0, 0, NULL), MARTLET_INVALID_STATE, "not built");
  EXPECT(martlet_model_save_weights(unbuilt, "w.h5"), MARTLET_INVALID_STATE, "not built");
  REQUIRE(martlet_predict(other, &array, 1, y_other, 3));
  CHECK(memcmp(before, y_other, sizeof before) == 0, "the failed loads left the weights alone");
  martlet_model_destroy(unbuilt);
  martlet_model_destroy(other);
  martlet_model_destroy(m);
}

static void json(void) {
  martlet_model *m = small_model(8), *again = (martlet_model *)&m, *unbuilt;
  const char *text = NULL, *same = NULL;
  const int64_t shape[] = {1, 4};
  const float x[4] = {1, 2, 3, 4};
  float y[3], y_again[3];
  const martlet_array array = check_array(x, 2, shape, MARTLET_FLOAT32);
  EXPECT_INVALID(martlet_model_to_json(m, NULL), "out_text");
  REQUIRE(martlet_model_create("unbuilt", 1, &unbuilt));
  EXPECT(martlet_model_to_json(unbuilt, &text), MARTLET_INVALID_STATE, "not built");
  EXPECT_INVALID(martlet_model_from_json(NULL, 8, &again), "text is NULL");
  EXPECT(martlet_model_from_json("{", 8, &again), MARTLET_FORMAT_ERROR, "text: not JSON");
  CHECK(text == NULL && again == (martlet_model *)&m, "the failed calls left their results alone");
  EXPECT_OK(martlet_model_to_json(m, &text));
  CHECK(strstr(text, "\"class_name\":\"Sequential\"") != NULL && strchr(text, '\n') == NULL, "the layers as JSON");
  EXPECT_INVALID(martlet_model_from_json(text, 8, NULL), "out_model");
  EXPECT_OK(martlet_model_from_json(text, 8, &again));
  EXPECT_OK(martlet_model_to_json(again, &same));
  CHECK(strcmp(text, same) == 0, "the layers of a model from JSON are the same");
  REQUIRE(martlet_predict(m, &array, 1, y, 3));
  REQUIRE(martlet_predict(again, &array, 1, y_again, 3));
  CHECK(memcmp(y, y_again, sizeof y) == 0, "the same layers and seed give the same weights");
  martlet_model_destroy(unbuilt);
  martlet_model_destroy(again);
  martlet_model_destroy(m);
}

/* Training that was saved and loaded gives the bits of one without a break. */
static void training_state(void) {
  static char first[1 << 18], second[1 << 18];
  martlet_model *m = small_model(5), *loaded, *other;
  martlet_dataset *data = small_dataset();
  martlet_trainer *trainer, *resumed, *plain, *trainers[2];
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  const char *text = "?";
  options.optimizer = MARTLET_NADAM, options.learning_rate = 0.01, options.accumulation_steps = 2;
  options.ema_momentum = 0.5;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, NULL, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_set_learning_rate(trainer, 0.02));
  EXPECT_OK(martlet_model_training_config(m, &text));
  CHECK(text[0] == '\0', "a model that came from no file has no training_config");
  EXPECT_OK(martlet_trainer_save(trainer, "trained.h5", "[\"accuracy\"]"));

  REQUIRE(martlet_model_load("trained.h5", &loaded));
  EXPECT_OK(martlet_model_training_config(loaded, &text));
  CHECK(strstr(text, "\"metrics\":[\"accuracy\"]") && strstr(text, "\"class_name\":\"Nadam\""),
        "a loaded model has the training_config of its file");
  REQUIRE(martlet_trainer_create(loaded, &options, &resumed));
  EXPECT_OK(martlet_trainer_load_state(resumed, "trained.h5"));
  double rate = 0;
  REQUIRE(martlet_trainer_learning_rate(resumed, &rate));
  CHECK(rate == 0.02, "the learning rate is restored as it was");
  trainers[0] = trainer, trainers[1] = resumed;
  for (int i = 0; i < 2; i++) REQUIRE(martlet_trainer_fit(trainers[i], data, NULL, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_save(trainer, "one.h5", NULL));
  REQUIRE(martlet_trainer_save(resumed, "two.h5", NULL));
  const long size = read_file("one.h5", first, sizeof first), again = read_file("two.h5", second, sizeof second);
  CHECK(size > 0 && size == again && memcmp(first, second, (size_t)size) == 0,
        "training goes on as if it had not been interrupted");

  EXPECT_INVALID(martlet_trainer_save(NULL, "x.h5", NULL), "trainer");
  EXPECT_INVALID(martlet_trainer_save(trainer, NULL, NULL), "path");
  EXPECT_INVALID(martlet_trainer_save(trainer, "x.h5", "accuracy"), "metrics must be a list");
  EXPECT(martlet_trainer_save(trainer, "absent/x.h5", NULL), MARTLET_NOT_FOUND, "absent");
  EXPECT_INVALID(martlet_trainer_load_state(NULL, "trained.h5"), "trainer");
  EXPECT_INVALID(martlet_trainer_load_state(trainer, NULL), "path");
  EXPECT(martlet_trainer_load_state(trainer, "absent.h5"), MARTLET_NOT_FOUND, "absent.h5");
  EXPECT(martlet_trainer_load_state(trainer, "good.h5"), MARTLET_FORMAT_ERROR, "no group 'optimizer_weights'");
  REQUIRE(martlet_trainer_create(m, NULL, &plain));
  EXPECT(martlet_trainer_load_state(plain, "trained.h5"), MARTLET_FORMAT_ERROR,
         "holds the state of an optimiser Nadam; the trainer's is SGD");
  EXPECT_INVALID(martlet_model_training_config(NULL, &text), "model");
  EXPECT_INVALID(martlet_model_training_config(m, NULL), "out_text");
  REQUIRE(martlet_model_create("unbuilt", 1, &other));
  EXPECT(martlet_model_training_config(other, &text), MARTLET_INVALID_STATE, "not built");
  martlet_model_destroy(other);
  martlet_trainer_destroy(plain);
  martlet_trainer_destroy(resumed);
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(loaded);
  martlet_model_destroy(m);
}

static void model_files(void) {
  none = (martlet_model *)&none;
  EXPECT(martlet_model_load("missing.h5", &none), MARTLET_NOT_FOUND, "missing.h5");
  EXPECT(martlet_model_load("no/such/folder.h5", &none), MARTLET_NOT_FOUND, "no/such/folder.h5");
  EXPECT_INVALID(martlet_model_load("", &none), "path");
  EXPECT_FAILURE(martlet_model_load("folder.h5", &none), "folder.h5");
  EXPECT(martlet_model_load("empty.h5", &none), MARTLET_FORMAT_ERROR, "empty.h5");
  EXPECT(martlet_model_load("not_hdf5.h5", &none), MARTLET_FORMAT_ERROR, "not_hdf5.h5");
  EXPECT(martlet_model_load("signature_only.h5", &none), MARTLET_FORMAT_ERROR, "signature_only.h5");
  EXPECT(martlet_model_load("truncated.h5", &none), MARTLET_FORMAT_ERROR, "truncated.h5");
  EXPECT(martlet_model_load("foreign.h5", &none), MARTLET_FORMAT_ERROR, "model_config");
  EXPECT(martlet_model_load("foreign.h5", &none), MARTLET_FORMAT_ERROR, "it holds 'temperatures'");
  EXPECT(martlet_model_load("zip.keras", &none), MARTLET_FORMAT_ERROR, "it has no list of members");
  EXPECT(martlet_model_load("not_json.h5", &none), MARTLET_FORMAT_ERROR, "not_json.h5");
  EXPECT(martlet_model_load("nan_in_json.h5", &none), MARTLET_FORMAT_ERROR, "nan_in_json.h5");
  EXPECT(martlet_model_load("lambda.h5", &none), MARTLET_UNSUPPORTED, "Lambda");
  EXPECT(martlet_model_load("unknown_layer.h5", &none), MARTLET_UNSUPPORTED, "Quantum");
  EXPECT_FAILURE(martlet_model_load("huge_units.h5", &none), "huge_units.h5");
  EXPECT(martlet_model_load("negative_units.h5", &none), MARTLET_FORMAT_ERROR, "units");
  EXPECT(martlet_model_load("wrong_shape.h5", &none), MARTLET_FORMAT_ERROR, "[4, 2]");
  EXPECT(martlet_model_load("missing_weight.h5", &none), MARTLET_FORMAT_ERROR, "d/bias:0");
  EXPECT(martlet_model_load("nan_weight.h5", &none), MARTLET_FORMAT_ERROR, "kernel");
  EXPECT_FAILURE(martlet_model_load("string_weight.h5", &none), "kernel");
  CHECK(none == (martlet_model *)&none, "the failed loads left out_model alone");
}

static void *load_deep(void *statuses) {
  ((martlet_status *)statuses)[0] = martlet_model_load("deep.h5", &none);
  ((martlet_status *)statuses)[1] = martlet_model_load("deep_objects.h5", &none);
  ((martlet_status *)statuses)[2] = martlet_model_load("good.h5", &none);
  if (((martlet_status *)statuses)[2] == MARTLET_OK) martlet_model_destroy(none);
  return NULL;
}

static void small_stack(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  martlet_status statuses[3] = {-1, -1, -1};
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 512 * 1024);
  pthread_create(&thread, &attributes, load_deep, statuses);
  pthread_join(thread, NULL);
  CHECK(statuses[0] == MARTLET_FORMAT_ERROR, "a million nested brackets, on a stack of 512 KB");
  CHECK(statuses[1] == MARTLET_FORMAT_ERROR, "200,000 nested objects, on a stack of 512 KB");
  CHECK(statuses[2] == MARTLET_OK, "a good model, on a stack of 512 KB");
}

static void dataset_files(void) {
  martlet_dataset *data = (martlet_dataset *)&none;
  EXPECT(martlet_dataset_open("missing.h5", "x", "y", &data), MARTLET_NOT_FOUND, "missing.h5");
  EXPECT(martlet_dataset_open("not_hdf5.h5", "x", "y", &data), MARTLET_FORMAT_ERROR, "not_hdf5.h5");
  EXPECT(martlet_dataset_open("truncated.h5", "x", "y", &data), MARTLET_FORMAT_ERROR, "truncated.h5");
  EXPECT(martlet_dataset_open("data.h5", "nothing", "y", &data), MARTLET_NOT_FOUND,
         "'data.h5' has no dataset 'nothing': it holds 'big_endian', 'claims_much', ");
  EXPECT(martlet_dataset_open("data.h5", "nothing", "y", &data), MARTLET_NOT_FOUND, "'scalar' and 5 more");
  EXPECT(martlet_dataset_open("good.h5", "/model_weights/d/e", "y", &data), MARTLET_NOT_FOUND,
         "no dataset '/model_weights/d/e': of '/model_weights/d', it holds 'd'");
  EXPECT(martlet_dataset_open("data.h5", "x/y", "y", &data), MARTLET_NOT_FOUND, "of '/x', it is not a group");
  EXPECT(martlet_dataset_open("data.h5", "x", "nothing", &data), MARTLET_NOT_FOUND, "nothing");
  EXPECT(martlet_dataset_open("data.h5", "loop", NULL, &data), MARTLET_UNSUPPORTED, "loop");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "group", "y", &data), "group");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "/", "y", &data), "/");
  EXPECT_INVALID(martlet_dataset_open("data.h5", "", "y", &data), "x_name");
  EXPECT(martlet_dataset_open("data.h5", "outside", NULL, &data), MARTLET_UNSUPPORTED, "outside");
  EXPECT(martlet_dataset_open("data.h5", "external", "y", &data), MARTLET_UNSUPPORTED, "external");
  EXPECT(martlet_dataset_open("data.h5", "virtual", "y", &data), MARTLET_UNSUPPORTED, "virtual");
  EXPECT(martlet_dataset_open("data.h5", "text", NULL, &data), MARTLET_UNSUPPORTED, "text");
  EXPECT(martlet_dataset_open("data.h5", "compound", NULL, &data), MARTLET_UNSUPPORTED, "compound");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "claims_much", NULL, &data), "claims_much");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "no_rows", NULL, &data), "no_rows");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "scalar", NULL, &data), "scalar");
  EXPECT_FAILURE(martlet_dataset_open("data.h5", "x", "short_y", &data), "49");
  CHECK(data == (martlet_dataset *)&none, "the failed opens left out_dataset alone");

  int32_t classes;
  const char *name;
  float mean, scaled;
  EXPECT_OK(martlet_dataset_open("data.h5", "/x", "y", &data));
  REQUIRE(martlet_dataset_class_count(data, &classes));
  REQUIRE(martlet_dataset_class_name(data, 1, &name));
  CHECK(classes == 3 && strcmp(name, "green") == 0, "class names of a dataset");
  REQUIRE(martlet_dataset_statistics(data, 1, &scaled, NULL));
  martlet_dataset_destroy(data);
  EXPECT_OK(martlet_dataset_open("data.h5", "big_endian", NULL, &data));
  REQUIRE(martlet_dataset_statistics(data, 1, &mean, NULL));
  /* Both means are double sums rounded once to float: relative error at most 2^-24 each, and 1/255 is a double. */
  CHECK(fabs(scaled * 255.0 - mean) <= mean * 2e-7, "the scale attribute is applied; big-endian data are read");
  martlet_dataset_destroy(data);
}

/* --- Saving where it cannot be done ------------------------------------------------------------------------ */

/* Runs a test in a child, which may change limits, user or mounts; its exit status must be 0. */
static void in_child(void (*body)(void)) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    check_failures = 0;
    body();
    exit(check_end()); /* not _exit: the handlers of libhdf5 run, which crash if a file was left half closed */
  }
  int status = -1;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status)) CHECK(0, "the process exits cleanly after a failed save");
  check_failures += WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

static void limited_file_size(void) {
  static char before[1 << 18], after[1 << 18];
  const struct rlimit limit = {4096, 4096};
  martlet_model *m = small_model(1);
  const long size = read_file("saved.h5", before, sizeof before);
  const int files = files_in(".");
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT(martlet_model_save(m, "saved.h5"), MARTLET_IO_ERROR, "saved.h5");
  EXPECT(martlet_model_save(m, "new.h5"), MARTLET_IO_ERROR, "new.h5");
  CHECK(read_file("saved.h5", after, sizeof after) == size && memcmp(before, after, (size_t)size) == 0,
        "a failed save leaves the old file");
  CHECK(files_in(".") == files, "a failed save leaves nothing behind");
  martlet_model_destroy(m);
}

static void full_disk(void) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", "folder.h5", "tmpfs", 0, "size=8k") != 0) {
    check_skip("saving to a full disk", "may not mount a file system");
    return;
  }
  martlet_model *m = small_model(1);
  EXPECT(martlet_model_save(m, "folder.h5/m.h5"), MARTLET_IO_ERROR, "m.h5");
  CHECK(files_in("folder.h5") == 2, "nothing is left on the full disk");
  EXPECT_OK(martlet_model_save(m, "elsewhere.h5"));
  martlet_model_destroy(m);
}

static void not_allowed(void) {
  martlet_model *m = small_model(1);
  if (mkdir("locked", 0555) != 0 || chmod(".", 0755) != 0) exit(1);
  if (geteuid() == 0 && setuid(65534) != 0) exit(1); /* root may write anywhere */
  if (access("locked", X_OK) != 0) {
    check_skip("saving to a read-only folder", "the test folder is closed to other users");
  } else {
    EXPECT(martlet_model_save(m, "locked/m.h5"), MARTLET_IO_ERROR, "locked/m.h5");
  }
  martlet_model_destroy(m);
}

static void unreachable(void) {
  martlet_model *m = small_model(1);
  EXPECT(martlet_model_save(m, "no/such/m.h5"), MARTLET_NOT_FOUND, "no/such/m.h5");
  EXPECT_FAILURE(martlet_model_save(m, "saved.h5/m.h5"), "saved.h5/m.h5");
  EXPECT_FAILURE(martlet_model_save(m, "folder.h5"), "folder.h5");
  EXPECT_INVALID(martlet_model_save(m, ""), "path");
  EXPECT_INVALID(martlet_model_save(m, "\xff.h5"), "path");
  EXPECT_OK(martlet_model_save(m, "new.h5"));
  martlet_model_destroy(m);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) return 2;
  umask(022);
  round_trip();
  memory();
  weights();
  json();
  training_state();
  model_files();
  small_stack();
  dataset_files();
  in_child(limited_file_size);
  in_child(full_disk);
  in_child(not_allowed);
  unreachable();
  return check_end();
}
