/* Loads every file of a folder; each gives a model or an error.
 *
 *     load_models make FILE.h5       saves a graph of layers of many kinds, for mutate_models.py to damage; with the
 *                                    ending .weights.h5, its weights alone
 *     load_models load FOLDER        loads 0.h5, 1.h5, ... in child processes
 *
 * Every file is loaded from the disk and from memory, with the same outcome, and as a file of weights. A model that loads is used as well: it predicts
 * and takes a training step. When a child dies, or takes longer than any
 * file should (20 s; they take milliseconds), its file is named and the next child goes on after it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "../c/check.h"

enum { BATCH = 100, SECONDS = 20 };

static martlet_model *make(void) {
  martlet_model *m;
  martlet_node x, nodes[2];
  const int64_t shape[] = {4, 4};
  const float mean[] = {1, 2, 3, 4}, variance[] = {1, 2, 3, 4};
  const double scale[] = {1, 2, 3, 4};
  const char *names[] = {"zero", "one", "two"};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_RELU;
  hidden.kernel_regularizer.l2 = 1e-3f;
  output.activation = MARTLET_SOFTMAX;
  REQUIRE(martlet_model_create("fuzz", 1, &m));
  REQUIRE(martlet_input(m, NULL, 2, shape, &x));
  REQUIRE(martlet_rescaling(m, x, 0.5, 1, NULL, &x));
  REQUIRE(martlet_channel_rescaling(m, x, 1, scale, 4, scale, NULL, &x));
  REQUIRE(martlet_normalization(m, x, 4, mean, variance, NULL, &x));
  REQUIRE(martlet_flatten(m, x, NULL, &x));
  REQUIRE(martlet_dense(m, x, 6, &hidden, &x));
  REQUIRE(martlet_dense(m, x, 6, &hidden, &nodes[0]));
  REQUIRE(martlet_share(m, nodes[0], 1, &nodes[0], &nodes[1]));
  REQUIRE(martlet_add(m, 2, nodes, NULL, &nodes[1]));
  REQUIRE(martlet_concatenate(m, 2, nodes, -1, NULL, &x));
  REQUIRE(martlet_dropout(m, x, 0.2, NULL, &x));
  REQUIRE(martlet_activation(m, x, MARTLET_LEAKY_RELU, 0.1f, NULL, &x));
  REQUIRE(martlet_dense(m, x, 3, &output, &x));
  REQUIRE(martlet_model_build(m, 1, &x));
  REQUIRE(martlet_model_set_class_names(m, 3, names));
  return m;
}

/* A trainer with every kind of state that a file may hold. */
static martlet_trainer *trainer_of(martlet_model *m) {
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.optimizer = MARTLET_NADAM, options.accumulation_steps = 2, options.ema_momentum = 0.5;
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  return trainer;
}

/* One row of zeros through the model, forwards and backwards. Models that the mutation made large are left alone. */
static void use(martlet_model *model) {
  enum { ROOM = 1 << 16 };
  static float x[ROOM], y[ROOM];
  int64_t shape[MARTLET_MAX_RANK + 1], row[MARTLET_MAX_RANK], inputs = 1, outputs = 1, parameters;
  int32_t x_rank, y_rank;
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_loss loss = MARTLET_LOSS_INIT;
  loss.kind = MARTLET_NO_LOSS;
  options.losses = &loss, options.loss_count = 1;
  if (martlet_model_input_shape(model, 0, &x_rank, &shape[1]) != MARTLET_OK ||
      martlet_model_output_shape(model, 0, &y_rank, row) != MARTLET_OK ||
      martlet_model_parameter_count(model, &parameters, NULL) != MARTLET_OK || parameters > ROOM) {
    return;
  }
  for (int32_t i = 1; i <= x_rank; i++) inputs = inputs > ROOM ? inputs : inputs * shape[i];
  for (int32_t i = 0; i < y_rank; i++) outputs = outputs > ROOM ? outputs : outputs * row[i];
  if (inputs > ROOM || outputs > ROOM || x_rank + 1 > MARTLET_MAX_RANK) return;
  shape[0] = 1;
  const martlet_array array = check_array(x, x_rank + 1, shape, MARTLET_FLOAT32);
  martlet_predict(model, &array, 1, y, outputs);
  if (martlet_trainer_create(model, &options, &trainer) != MARTLET_OK) return;
  if (martlet_trainer_forward(trainer, &array, 1, y, outputs) == MARTLET_OK) {
    memset(y, 0, sizeof y);
    if (martlet_trainer_backward(trainer, y, outputs) == MARTLET_OK) martlet_trainer_apply(trainer);
  }
  martlet_trainer_destroy(trainer);
}

/* The file's bytes in a block of exactly their size, so that a read beyond it is found where memory is checked. */
static martlet_status load_memory(const char *path, martlet_model **model) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) _exit(3);
  const long count = ftell(file);
  void *bytes = malloc(count > 0 ? (size_t)count : 1);
  rewind(file);
  if (bytes == NULL || fread(bytes, 1, (size_t)count, file) != (size_t)count) _exit(3);
  fclose(file);
  const martlet_status status = martlet_model_load_memory(bytes, count, model);
  free(bytes);
  return status;
}

/* Loads files begin ..< end; tells the parent through the pipe which one it is at. */
static void load_batch(int begin, int end, int pipe, int counts[2]) {
  martlet_model *weights = make();
  martlet_trainer *trainer = trainer_of(weights);
  for (int i = begin; i < end; i++) {
    char path[64];
    martlet_model *model;
    snprintf(path, sizeof path, "%d.h5", i);
    counts[0] = i;
    if (write(pipe, counts, 2 * sizeof(int)) < 0) _exit(3);
    alarm(SECONDS);
    const martlet_status status = martlet_model_load(path, &model);
    if (status == MARTLET_OK) {
      counts[1]++;
      use(model);
      martlet_model_destroy(model);
    } else if (martlet_last_error()[0] == '\0' || status == MARTLET_INTERNAL_ERROR) {
      _exit(4);
    }
    const int has_weights = martlet_model_load_weights(weights, path, i & 1, i >> 1 & 1, NULL) == MARTLET_OK;
    const int has_state = martlet_trainer_load_state(trainer, path) == MARTLET_OK;
    counts[1] += status != MARTLET_OK && (has_weights || has_state);
    const martlet_status in_memory = load_memory(path, &model);
    if (in_memory == MARTLET_OK) martlet_model_destroy(model);
    if ((in_memory == MARTLET_OK) != (status == MARTLET_OK)) _exit(5);
  }
  if (write(pipe, counts, 2 * sizeof(int)) < 0) _exit(3);
  exit(0);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "make") == 0) {
    martlet_model *m = make();
    if (strstr(argv[2], ".weights.h5") != NULL) {
      REQUIRE(martlet_model_save_weights(m, argv[2]));
    } else {
      martlet_trainer *trainer = trainer_of(m);
      REQUIRE(martlet_trainer_save(trainer, argv[2], "[]"));
      martlet_trainer_destroy(trainer);
    }
    martlet_model_destroy(m);
    return 0;
  }
  if (argc != 3 || strcmp(argv[1], "load") != 0 || chdir(argv[2]) != 0) return 2;

  int total = 0, loaded = 0;
  char path[64];
  while (snprintf(path, sizeof path, "%d.h5", total) > 0 && access(path, R_OK) == 0) total++;
  for (int begin = 0, next; begin < total; begin = next) {
    const int end = begin + BATCH < total ? begin + BATCH : total;
    int ends[2], counts[2] = {begin, 0}, status = -1;
    char name[160];
    if (pipe(ends) != 0) return 1;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      load_batch(begin, end, ends[1], counts);
    }
    close(ends[1]);
    while (read(ends[0], counts, sizeof counts) == (ssize_t)sizeof counts) continue;
    close(ends[0]);
    waitpid(pid, &status, 0);
    loaded += counts[1];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      next = end;
      snprintf(name, sizeof name, "mutated model files %d to %d load or give an error", begin, end - 1);
      CHECK(1, name);
    } else {
      next = counts[0] + 1;
      snprintf(name, sizeof name, "mutated model file %d.h5: %s", counts[0],
               WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no message, an internal error, or not the same from memory");
      CHECK(0, name);
    }
  }
  /* Both happen, or the mutations are too weak or too strong to say anything. */
  CHECK(total > 0 && loaded > total / 100 && loaded < total, "some of the mutated files load and some do not");
  printf("# %d of %d files load\n", loaded, total);
  return check_end();
}
