/* Threads, fork and signals: concurrent prediction, a handle in use, errors per thread, interruption, the child of a
 * fork, and the same bits for any number of threads. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"

enum { INPUTS = 256, HIDDEN = 384, CLASSES = 10, ROWS = 512 }; /* large enough that the work is shared out */

static float pixels[ROWS * INPUTS];
static int32_t labels[ROWS];

static martlet_model *wide_model(void) {
  martlet_model *m;
  martlet_node x;
  const int64_t shape[] = {INPUTS};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_RELU;
  hidden.kernel_regularizer.l2 = 1e-5f;
  output.activation = MARTLET_SOFTMAX;
  output.name = "output";
  REQUIRE(martlet_model_create("wide", 11, &m));
  REQUIRE(martlet_input(m, NULL, 1, shape, &x));
  REQUIRE(martlet_dense(m, x, HIDDEN, &hidden, &x));
  REQUIRE(martlet_dropout(m, x, 0.3, NULL, &x));
  REQUIRE(martlet_dense(m, x, HIDDEN, &hidden, &x));
  REQUIRE(martlet_dense(m, x, CLASSES, &output, &x));
  REQUIRE(martlet_model_build(m, 1, &x));
  return m;
}

static martlet_dataset *wide_data(void) {
  static const int64_t x_shape[] = {ROWS, INPUTS}, y_shape[] = {ROWS};
  martlet_dataset *data;
  uint32_t state = 99;
  for (int i = 0; i < ROWS; i++) {
    labels[i] = i % CLASSES;
    for (int j = 0; j < INPUTS; j++) {
      state = state * 1664525u + 1013904223u;
      pixels[i * INPUTS + j] = (float)(state >> 8) / 16777216.0f + (j % CLASSES == labels[i] ? 0.3f : 0.0f);
    }
  }
  const martlet_array xs = check_array(pixels, 2, x_shape, MARTLET_FLOAT32);
  const martlet_array ys = check_array(labels, 1, y_shape, MARTLET_INT32);
  REQUIRE(martlet_dataset_create(&xs, &ys, 0, &data));
  return data;
}

static int thread_count(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

/* Weights of the last layer and the training loss after two epochs of Adam. */
static void train(int32_t threads, float *weights, double *loss) {
  martlet_model *m = wide_model();
  martlet_dataset *data = wide_data();
  martlet_trainer *trainer;
  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_metrics metrics;
  options.optimizer = MARTLET_ADAM;
  options.learning_rate = 0.001;
  options.seed = 3;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  fit.epochs = 2;
  fit.batch_size = 200; /* the last batch is smaller */
  REQUIRE(martlet_set_threads(threads));
  REQUIRE(martlet_trainer_create(m, &options, &trainer));
  REQUIRE(martlet_trainer_fit(trainer, data, data, &fit, NULL, NULL));
  REQUIRE(martlet_trainer_evaluate(trainer, data, NULL, NULL, &metrics));
  REQUIRE(martlet_model_get_weight(m, "output", "kernel", weights, HIDDEN * CLASSES));
  *loss = metrics.loss;
  martlet_trainer_destroy(trainer);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

static void same_bits(void) {
  static float one[HIDDEN * CLASSES], other[HIDDEN * CLASSES];
  double loss, other_loss;
  train(1, one, &loss);
  CHECK(thread_count() == 1, "with one thread the library starts none");
  for (int32_t threads = 2; threads <= 4; threads += 2) {
    train(threads, other, &other_loss);
    CHECK(memcmp(one, other, sizeof one) == 0 && loss == other_loss,
          threads == 2 ? "2 threads train the same bits as 1" : "4 threads train the same bits as 1");
  }
  train(4, other, &other_loss);
  CHECK(memcmp(one, other, sizeof one) == 0, "a second run trains the same bits");
}

/* --- Concurrent prediction -------------------------------------------------------------------------------- */

struct predicting {
  martlet_model *model;
  const float *expected;
  int wrong;
};

static void *predict_often(void *payload) {
  struct predicting *p = payload;
  float *y = malloc(sizeof(float) * ROWS * CLASSES);
  for (int round = 0; round < 20; round++) {
    const int64_t rows = 1 + (round * 37) % ROWS, shape[] = {rows, INPUTS};
    const martlet_array x = check_array(pixels, 2, shape, MARTLET_FLOAT32);
    p->wrong += martlet_predict(p->model, &x, 1, y, rows * CLASSES) != MARTLET_OK ||
                memcmp(y, p->expected, sizeof(float) * (size_t)rows * CLASSES) != 0;
  }
  free(y);
  return NULL;
}

static void concurrent_prediction(void) {
  static float expected[ROWS * CLASSES];
  static const int64_t shape[] = {ROWS, INPUTS};
  const martlet_array x = check_array(pixels, 2, shape, MARTLET_FLOAT32);
  martlet_model *m = wide_model();
  pthread_t threads[4];
  struct predicting work[4];
  int wrong = 0;
  REQUIRE(martlet_predict(m, &x, 1, expected, ROWS * CLASSES));
  for (int i = 0; i < 4; i++) {
    work[i] = (struct predicting){m, expected, 0};
    pthread_create(&threads[i], NULL, predict_often, &work[i]);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    wrong += work[i].wrong;
  }
  CHECK(wrong == 0, "four threads predict with one model; a row does not depend on the others");
  martlet_model_destroy(m);
}

/* --- Errors per thread -------------------------------------------------------------------------------------- */

static void *fail_here(void *message) {
  const char *before = martlet_last_error();
  const int empty = before[0] == '\0';
  martlet_model_load(NULL, NULL);
  strncpy(message, martlet_last_error(), 199);
  return empty ? message : NULL;
}

static void errors_per_thread(void) {
  char mine[200] = "", theirs[200] = "";
  pthread_t thread;
  void *empty_before;
  martlet_set_threads(-5);
  strncpy(mine, martlet_last_error(), 199);
  pthread_create(&thread, NULL, fail_here, theirs);
  pthread_join(thread, &empty_before);
  CHECK(empty_before != NULL, "a new thread has no last error");
  CHECK(strcmp(mine, martlet_last_error()) == 0, "a failure in another thread leaves this thread's message");
  CHECK(strcmp(mine, theirs) != 0 && theirs[0] != '\0', "each thread has its own message");
}

/* --- Interruption ---------------------------------------------------------------------------------------- */

static martlet_trainer *running;
static int started[2], answered[2]; /* pipes: the training runs, the other thread has tried */

static int32_t announce(const martlet_progress *p, void *payload) {
  char byte = 1;
  if (p->iteration != 3) return 0;
  if (write(started[1], &byte, 1) != 1 || read(answered[0], &byte, 1) != 1) return 1;
  (void)payload;
  return 0;
}

static void *interfere(void *result) {
  martlet_status *statuses = result;
  char byte;
  martlet_metrics metrics;
  martlet_dataset *data = wide_data();
  if (read(started[0], &byte, 1) != 1) return NULL;
  statuses[0] = martlet_trainer_evaluate(running, data, NULL, NULL, &metrics);
  statuses[1] = martlet_trainer_apply(running);
  martlet_trainer_interrupt(running);
  if (write(answered[1], &byte, 1) != 1) statuses[0] = -1;
  martlet_dataset_destroy(data);
  return NULL;
}

static void on_alarm(int number) {
  (void)number;
  martlet_trainer_interrupt(running);
}

static void interruption(void) {
  martlet_model *m = wide_model();
  martlet_dataset *data = wide_data();
  martlet_fit_options options = MARTLET_FIT_OPTIONS_INIT;
  martlet_status statuses[2] = {-1, -1};
  pthread_t thread;
  int64_t length;
  options.epochs = 1000000; /* ends by interruption only */
  options.every_batch = 1;
  REQUIRE(martlet_trainer_create(m, NULL, &running));
  if (pipe(started) != 0 || pipe(answered) != 0) exit(1);
  pthread_create(&thread, NULL, interfere, statuses);
  EXPECT(martlet_trainer_fit(running, data, NULL, &options, announce, NULL), MARTLET_INTERRUPTED, "interrupt");
  pthread_join(thread, NULL);
  CHECK(statuses[0] == MARTLET_BUSY && statuses[1] == MARTLET_BUSY, "a trainer in use is busy for another thread");
  REQUIRE(martlet_trainer_history_length(running, &length));
  CHECK(length == 0, "an interruption within the first epoch leaves no history");

  signal(SIGALRM, on_alarm);
  const struct itimerval timer = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  EXPECT(martlet_trainer_fit(running, data, NULL, &options, NULL, NULL), MARTLET_INTERRUPTED, "interrupt");
  signal(SIGALRM, SIG_DFL);

  martlet_trainer_interrupt(running);
  EXPECT(martlet_trainer_fit(running, data, NULL, &options, NULL, NULL), MARTLET_INTERRUPTED, "interrupt");
  martlet_trainer_destroy(running);
  options.epochs = 1;
  REQUIRE(martlet_trainer_create(m, NULL, &running));
  martlet_trainer_interrupt(running);
  EXPECT(martlet_trainer_fit(running, data, NULL, &options, NULL, NULL), MARTLET_INTERRUPTED, "interrupt");
  EXPECT_OK(martlet_trainer_fit(running, data, NULL, &options, NULL, NULL)); /* the flag is used up */
  martlet_trainer_destroy(running);
  martlet_dataset_destroy(data);
  martlet_model_destroy(m);
}

/* --- Fork ------------------------------------------------------------------------------------------------ */

static void after_fork(void) {
  static float parent[HIDDEN * CLASSES], child[HIDDEN * CLASSES];
  double loss, child_loss;
  train(4, parent, &loss); /* the pool lives */
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60); /* a child that waits for threads it does not have would hang */
    train(4, child, &child_loss);
    _exit(memcmp(parent, child, sizeof parent) == 0 && loss == child_loss ? 0 : 1);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child of a fork trains the same bits");
  train(4, child, &child_loss);
  CHECK(memcmp(parent, child, sizeof parent) == 0, "and the parent goes on");
}

int main(void) {
  same_bits();
  concurrent_prediction();
  errors_per_thread();
  interruption();
  after_fork();
  return check_end();
}
