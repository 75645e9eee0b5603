/* Trains a classifier on an HDF5 dataset and saves it as a Keras model file.
 *
 *     train DATA.h5 MODEL.h5 HISTORY.csv
 *
 * DATA.h5 holds x_train, y_train (integer labels), x_test and y_test. The network is Normalization, Flatten, and two
 * Dense layers with Dropout between. Because its first layer holds mean and variance of the training data, the model
 * takes raw pixels.
 */
#include <inttypes.h>
#include <martlet.h>
#include <stdio.h>
#include <stdlib.h>

/* Every call that can fail returns a status; the message says what was expected and what came. */
static void check(martlet_status status) {
  if (status != MARTLET_OK) {
    fprintf(stderr, "%s: %s\n", martlet_status_name(status), martlet_last_error());
    exit(1);
  }
}

/* Called after each epoch (and every 100 ms in long ones). Returning non-zero would stop the training. */
static int32_t show(const martlet_progress *p, void *history) {
  if (p->event != MARTLET_EPOCH_END) return 0;
  printf("epoch %2" PRId64 "/%" PRId64 "  loss %.4f  accuracy %.4f  val_loss %.4f  val_accuracy %.4f  %.3f s  "
         "%.0f samples/s\n",
         p->epoch + 1, p->epochs, p->training.loss, p->training.accuracy, p->validation.loss, p->validation.accuracy,
         p->seconds, p->samples_per_second);
  fflush(stdout);
  fprintf(history, "%" PRId64 ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", p->epoch, p->training.accuracy, p->training.loss,
          p->validation.accuracy, p->validation.loss, p->seconds, p->samples_per_second);
  return 0;
}

/* Shape, statistics and class names come from the data. */
static martlet_model *make_model(martlet_dataset *data) {
  int32_t rank, classes;
  int64_t shape[MARTLET_MAX_RANK];
  check(martlet_dataset_x_shape(data, 0, &rank, shape));
  check(martlet_dataset_class_count(data, &classes));
  if (classes == 0) {
    fprintf(stderr, "the dataset names no classes\n");
    exit(1);
  }
  float mean, variance;
  check(martlet_dataset_statistics(data, 1, &mean, &variance));

  martlet_model *model;
  martlet_node x;
  check(martlet_model_create("classifier", 42, &model));
  check(martlet_input(model, NULL, rank, shape, &x));
  check(martlet_normalization(model, x, 1, &mean, &variance, NULL, &x));
  check(martlet_flatten(model, x, NULL, &x));
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_RELU;
  output.activation = MARTLET_SOFTMAX;
  check(martlet_dense(model, x, 512, &hidden, &x));
  check(martlet_dropout(model, x, 0.5, NULL, &x));
  check(martlet_dense(model, x, classes, &output, &x));
  check(martlet_model_build(model, 1, &x));

  const char **names = malloc((size_t)classes * sizeof *names);
  if (names == NULL) exit(1);
  for (int32_t i = 0; i < classes; i++) check(martlet_dataset_class_name(data, i, &names[i]));
  check(martlet_model_set_class_names(model, classes, names));
  free(names);
  return model;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: train DATA.h5 MODEL.h5 HISTORY.csv\n");
    return 2;
  }
  martlet_dataset *data, *training, *validation, *test;
  check(martlet_dataset_open(argv[1], "x_train", "y_train", &data));
  check(martlet_dataset_open(argv[1], "x_test", "y_test", &test));
  /* The file suggests a scale for the pixels; the model's own first layer does that here. */
  check(martlet_dataset_set_scaling(data, 1, 0));
  check(martlet_dataset_set_scaling(test, 1, 0));
  check(martlet_dataset_split(data, 0.1, 1, 7, &training, &validation));

  martlet_model *model = make_model(training);
  const char *summary;
  check(martlet_model_summary(model, &summary));
  printf("martlet %s, %s, %d threads\n%s\n", martlet_version_string(), martlet_instruction_set(), (int)martlet_threads(),
         summary);

  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  options.optimizer = MARTLET_ADAM;
  options.learning_rate = 0.001;
  martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
  fit.epochs = 40;
  fit.monitor = MARTLET_MONITOR_VALIDATION_LOSS; /* stop when the validation loss has not fallen for 10 epochs */
  fit.patience = 10;
  fit.restore_best = 1;
  martlet_trainer *trainer;
  check(martlet_trainer_create(model, &options, &trainer));

  FILE *history = fopen(argv[3], "w");
  if (history == NULL) {
    perror(argv[3]);
    return 1;
  }
  fprintf(history, "epoch,accuracy,loss,val_accuracy,val_loss,seconds,samples_per_second\n");
  check(martlet_trainer_fit(trainer, training, validation, &fit, show, history));
  fclose(history);

  martlet_metrics metrics;
  check(martlet_trainer_evaluate(trainer, test, NULL, NULL, &metrics));
  printf("test loss %.4f, test accuracy %.4f\n", metrics.loss, metrics.accuracy);
  check(martlet_model_save(model, argv[2]));

  martlet_trainer_destroy(trainer);
  martlet_model_destroy(model);
  martlet_dataset_destroy(validation);
  martlet_dataset_destroy(training);
  martlet_dataset_destroy(test);
  martlet_dataset_destroy(data);
  return 0;
}
