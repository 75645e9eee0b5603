/* A training loop of one's own: the engine computes output and gradients, the loss is this program's.
 *
 * Fits y = sin(x) on [-pi, pi] with the Huber loss, written here to show how a loss of one's own is used (the library
 * has it, too): quadratic for small errors, linear for large ones, so that outliers (every 50th sample here) do not pull
 * the curve away. Shows the gradients and clips them by their norm.
 */
#include <martlet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 256, HIDDEN = 32, STEPS = 2000 };

static void check(martlet_status status) {
  if (status != MARTLET_OK) {
    fprintf(stderr, "%s: %s\n", martlet_status_name(status), martlet_last_error());
    exit(1);
  }
}

/* Mean Huber loss, and its gradient by the predictions: dL/dp = clamp(p - t, -delta, delta) / N. */
static double huber(const float *predicted, const float *target, float *gradient) {
  const double delta = 0.1;
  double loss = 0;
  for (int i = 0; i < ROWS; i++) {
    const double error = predicted[i] - target[i], size = fabs(error);
    loss += size <= delta ? 0.5 * error * error : delta * (size - 0.5 * delta);
    gradient[i] = (float)(fmax(-delta, fmin(delta, error)) / ROWS);
  }
  return loss / ROWS;
}

/* Scales one gradient array so that its norm is at most limit; returns the norm before. */
static double clip(martlet_trainer *trainer, const char *layer, const char *weight, int64_t count, double limit) {
  float values[HIDDEN];
  double squares = 0;
  check(martlet_trainer_get_gradient(trainer, layer, weight, values, count));
  for (int64_t i = 0; i < count; i++) squares += (double)values[i] * values[i];
  const double norm = sqrt(squares);
  if (norm > limit) {
    for (int64_t i = 0; i < count; i++) values[i] = (float)(values[i] * limit / norm);
    check(martlet_trainer_set_gradient(trainer, layer, weight, values, count));
  }
  return norm;
}

int main(void) {
  const double pi = 3.14159265358979323846;
  static float x[ROWS], target[ROWS], predicted[ROWS], gradient[ROWS];
  for (int i = 0; i < ROWS; i++) {
    x[i] = (float)(pi * (2.0 * i / (ROWS - 1) - 1));
    target[i] = (float)sin(x[i]) + (i % 50 == 25 ? 3.0f : 0.0f);
  }

  martlet_model *model;
  martlet_node node;
  const int64_t row[] = {1}, shape[] = {ROWS, 1};
  const martlet_array inputs = {x, shape, 2, MARTLET_FLOAT32};
  martlet_dense_options hidden = MARTLET_DENSE_OPTIONS_INIT, output = MARTLET_DENSE_OPTIONS_INIT;
  hidden.activation = MARTLET_TANH;
  hidden.name = "hidden";
  output.name = "output";
  check(martlet_model_create("sine", 1, &model));
  check(martlet_input(model, NULL, 1, row, &node));
  check(martlet_dense(model, node, HIDDEN, &hidden, &node));
  check(martlet_dense(model, node, 1, &output, &node));
  check(martlet_model_build(model, 1, &node));

  martlet_trainer_options options = MARTLET_TRAINER_OPTIONS_INIT;
  martlet_loss own = MARTLET_LOSS_INIT;
  own.kind = MARTLET_NO_LOSS;
  options.losses = &own, options.loss_count = 1;
  options.optimizer = MARTLET_ADAM;
  options.learning_rate = 0.01;
  martlet_trainer *trainer;
  check(martlet_trainer_create(model, &options, &trainer));

  for (int step = 0; step <= STEPS; step++) {
    check(martlet_trainer_forward(trainer, &inputs, 1, predicted, ROWS));
    const double loss = huber(predicted, target, gradient);
    check(martlet_trainer_backward(trainer, gradient, ROWS));
    const double norm = clip(trainer, "output", "kernel", HIDDEN, 0.05);
    check(martlet_trainer_apply(trainer));
    if (step % 400 == 0) printf("step %4d  loss %.5f  gradient norm of output/kernel %.5f\n", step, loss, norm);
    if (step == STEPS / 2) check(martlet_trainer_set_learning_rate(trainer, 0.001));
  }

  double worst = 0;
  check(martlet_predict(model, &inputs, 1, predicted, ROWS));
  for (int i = 0; i < ROWS; i++) worst = fmax(worst, fabs(predicted[i] - sin(x[i])));
  printf("largest distance from sin(x): %.3f\n", worst);
  martlet_trainer_destroy(trainer);
  martlet_model_destroy(model);
  return worst < 0.1 ? 0 : 1;
}
