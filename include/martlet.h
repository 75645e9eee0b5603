/* martlet.h: neural-network training inside your program.
 *
 * This file is the whole public interface of libmartlet. It is C99 and C++; it needs only <stdint.h>.
 *
 * The course of a program: build or load a model, make or open a dataset, train with a trainer, save,
 * predict. The sections below follow that order.
 *
 * Conventions, true for every function:
 *
 * Status     A call that can fail returns martlet_status: MARTLET_OK (0) or one of the codes below, which are
 *            never renumbered. Results go to trailing out_ pointers and are untouched on failure, as is the
 *            state of every handle: after a failed call a handle can be used as before it.
 * Messages   martlet_last_error() says what was expected and what came, for the calling thread's last failure.
 * Handles    martlet_model, martlet_dataset and martlet_trainer are opaque. What _create, _open or _load
 *            returned, the matching _destroy frees; _destroy accepts NULL. A trainer keeps its model alive,
 *            so the order of destruction is free.
 * Strings    UTF-8, NUL-terminated. Strings passed in are copied. Strings passed out belong to the handle
 *            and live until the next call on it that can change them, as each function states.
 * Arrays     Row-major (C order), first dimension N = rows (samples). Read only during the call, except the
 *            arrays a dataset borrows.
 * Threads    One thread at a time per handle; different handles in different threads at the same time. Two
 *            exceptions: martlet_predict may run on one model from many threads at once, and
 *            martlet_trainer_interrupt may be called from any thread and from a signal handler. A second
 *            thread that uses a busy handle gets MARTLET_BUSY. Errors are thread-local.
 * Fork       After fork() the child may go on using the library, if no other thread was inside a call of it at that
 *            moment; it makes its own threads.
 * Memory     Memory whose size is decided by an argument, by data or by a file is allocated checked and gives
 *            MARTLET_OUT_OF_MEMORY. Exhaustion of memory inside the Swift runtime (small objects) ends the
 *            process; no library written in Swift can prevent that.
 * Numbers    float32 inside. The floating-point environment is set on entry and restored on return. The same
 *            seed gives the same bits for any thread count on one instruction set.
 * Bounds     Nothing passed in and nothing in a file makes the library trap, abort, exit or print. Pointers
 *            cannot be checked: one that is neither NULL nor valid is undefined behaviour, as in any C API.
 *
 * Unless a function says otherwise: a NULL or misaligned pointer where one is needed, a name that is not UTF-8, or a
 * value out of its range is MARTLET_INVALID_ARGUMENT. Options structs start with struct_size: a program compiled against
 * a newer header may pass a larger one if what this library does not know is zero.
 *
 * Shape letters: N batch, I features in, O features out, C classes, H height, W width.
 */
#ifndef MARTLET_H
#define MARTLET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------
 * Version
 * --------------------------------------------------------------------------------------------------------- */

#define MARTLET_VERSION_MAJOR 0
#define MARTLET_VERSION_MINOR 1
#define MARTLET_VERSION_PATCH 0
#define MARTLET_VERSION_STRING "0.1.0"

/** Version of the library that is running, as major * 1000000 + minor * 1000 + patch. Cannot fail. */
int32_t martlet_version(void);

/** Version of the library that is running, as text such as "0.1.0". Static string. Cannot fail. */
const char *martlet_version_string(void);

/** Instruction set the kernels were chosen for: "avx512", "avx2" or "baseline". Chosen once, at the first call of
 * the library; the environment variable MARTLET_INSTRUCTION_SET can name a lower one than the processor has.
 * Static string. Cannot fail. */
const char *martlet_instruction_set(void);

/* ------------------------------------------------------------------------------------------------------------
 * Status and last error
 * --------------------------------------------------------------------------------------------------------- */

typedef int32_t martlet_status;

#define MARTLET_OK 0
#define MARTLET_INVALID_ARGUMENT 1 /* an argument is NULL, out of range or does not fit the model or the data */
#define MARTLET_INVALID_STATE 2    /* the call is out of order, such as training a model that is not built */
#define MARTLET_BUSY 3             /* another thread, or the call that runs this callback, is using the handle */
#define MARTLET_OUT_OF_MEMORY 4    /* memory for weights, data or buffers could not be had */
#define MARTLET_NOT_FOUND 5        /* no file, HDF5 object, layer or weight of that name */
#define MARTLET_IO_ERROR 6         /* reading or writing failed: permission, full disk, damaged storage */
#define MARTLET_FORMAT_ERROR 7     /* the file is not what it should be: not HDF5, truncated, inconsistent */
#define MARTLET_UNSUPPORTED 8      /* the file asks for a layer, option or type this version does not have */
#define MARTLET_STOPPED 9          /* the progress callback returned non-zero */
#define MARTLET_INTERRUPTED 10     /* martlet_trainer_interrupt was called */
#define MARTLET_NOT_FINITE 11      /* the loss became NaN or infinite; the update of that step was not applied */
#define MARTLET_INTERNAL_ERROR 12  /* a bug in the library; please report the message */

/** Name of a status, such as "MARTLET_OK"; "MARTLET_UNKNOWN_STATUS" for a number that is none. Static string. */
const char *martlet_status_name(martlet_status status);

/** Message of the calling thread's most recent failed call; "" before the first. One line, without a line end.
 * Borrowed; valid until the next call of the library in this thread. */
const char *martlet_last_error(void);

/* ------------------------------------------------------------------------------------------------------------
 * Threads
 * --------------------------------------------------------------------------------------------------------- */

/** Set how many threads one call may compute with, the calling thread included.
 *
 * @param count 1 to 1024, or 0 for the default: the processors this process may use, by affinity and cgroup quota.
 *              With 1 the library never starts a thread.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT.
 * Threads: any; takes effect at the next call. Results do not depend on it, bit for bit. */
martlet_status martlet_set_threads(int32_t count);

/** How many threads one call may compute with, the calling thread included; at least 1. Cannot fail. */
int32_t martlet_threads(void);

/* ------------------------------------------------------------------------------------------------------------
 * Arrays
 * --------------------------------------------------------------------------------------------------------- */

#define MARTLET_MAX_RANK 8

/* Element types. Integers become floats of the same value; float64 is rounded to float32. */
#define MARTLET_UINT8 1
#define MARTLET_INT32 2
#define MARTLET_INT64 3
#define MARTLET_FLOAT32 4
#define MARTLET_FLOAT64 5

/** A row-major array that the caller owns: [N, ...]. */
typedef struct martlet_array {
  const void *data;     /* the elements; may be NULL only if some dimension is 0 */
  const int64_t *shape; /* rank dimensions, each >= 0; the first is the number of rows N */
  int32_t rank;         /* 1 to MARTLET_MAX_RANK */
  int32_t type;         /* MARTLET_UINT8 ... MARTLET_FLOAT64 */
} martlet_array;

/* ------------------------------------------------------------------------------------------------------------
 * Models: building
 * --------------------------------------------------------------------------------------------------------- */

/** A directed acyclic graph of layers with their weights. */
typedef struct martlet_model martlet_model;

/** One result of one layer while a model is being built: a number that belongs to that model. Every builder takes
 * the node(s) it reads and gives the node it makes, so any graph can be built. */
typedef int32_t martlet_node;

/** Make an empty model.
 *
 * @param name Name in files and summaries; NULL for "model". 1 to 255 bytes, no '/' and no control character.
 * @param seed Seed of the weight initialisers. Same seed, same layers: same weights.
 * @param out_model The model; free it with martlet_model_destroy.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT.
 *
 *   martlet_model *m; martlet_node x;
 *   const int64_t shape[] = {784};
 *   martlet_model_create("mnist", 42, &m);
 *   martlet_input(m, NULL, 1, shape, &x);
 *   martlet_dense(m, x, 10, NULL, &x);
 *   martlet_model_build(m, 1, &x); */
martlet_status martlet_model_create(const char *name, uint64_t seed, martlet_model **out_model);

/** Free a model. NULL is accepted. A trainer of this model goes on working until it is destroyed itself. */
void martlet_model_destroy(martlet_model *model);

/* Activations. */
#define MARTLET_LINEAR 0     /* y = x */
#define MARTLET_RELU 1       /* y = max(x, 0) */
#define MARTLET_LEAKY_RELU 2 /* y = x for x > 0, slope * x otherwise (Keras' slope: 0.2) */
#define MARTLET_SIGMOID 3    /* y = 1 / (1 + exp(-x)) */
#define MARTLET_TANH 4       /* y = tanh(x) */
#define MARTLET_SOFTMAX 5    /* y_j = exp(x_j) / sum_k exp(x_k) over the last axis, computed after subtracting max(x) */

/* Initialisers of weights. fan_in = I, fan_out = O for a Dense kernel. */
#define MARTLET_GLOROT_UNIFORM 0 /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010 */
#define MARTLET_GLOROT_NORMAL 1  /* truncated normal, stddev sqrt(2 / (fan_in + fan_out)) after truncation */
#define MARTLET_HE_UNIFORM 2     /* U(-l, l), l = sqrt(6 / fan_in); He et al. 2015 */
#define MARTLET_HE_NORMAL 3      /* truncated normal, stddev sqrt(2 / fan_in) after truncation */
#define MARTLET_RANDOM_NORMAL 4  /* N(0, value^2); value is the standard deviation */
#define MARTLET_ZEROS 5          /* 0 */
#define MARTLET_CONSTANT 6       /* value */

/** How a weight array starts. The truncated normals are cut at two standard deviations, as Keras does. */
typedef struct martlet_initializer {
  int32_t kind; /* MARTLET_GLOROT_UNIFORM ... MARTLET_CONSTANT */
  float value;  /* standard deviation of RANDOM_NORMAL (>= 0), value of CONSTANT; finite; otherwise ignored */
} martlet_initializer;

/** Penalty added to the loss for one weight array W: l1 * sum |W| + l2 * sum W^2 (Keras' L1L2). Both finite, >= 0. */
typedef struct martlet_regularizer {
  float l1;
  float l2;
} martlet_regularizer;

/** Add an input.
 *
 * @param name Layer name, unique in the model; NULL for "input", "input_1", ... 1 to 255 bytes, no '/' and no
 *             control character. The same holds for the name of every layer, whose default is its Keras class in
 *             snake case.
 * @param rank Dimensions of one row, without N: 1 to MARTLET_MAX_RANK - 1.
 * @param shape rank dimensions of one row, each >= 1. Images are [H, W, channels].
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (the model is built already), MARTLET_BUSY. The
 *         same codes hold for every builder below. */
martlet_status martlet_input(martlet_model *model, const char *name, int32_t rank, const int64_t *shape,
                             martlet_node *out_node);

/** Options of martlet_dense. Start from MARTLET_DENSE_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_dense_options {
  uint32_t struct_size;
  int32_t activation;                     /* MARTLET_LINEAR (default) ... MARTLET_SOFTMAX; leaky ReLU has slope 0.2 */
  int32_t use_bias;                       /* 0 or 1; default 1 */
  martlet_initializer kernel_initializer; /* default MARTLET_GLOROT_UNIFORM */
  martlet_initializer bias_initializer;   /* default MARTLET_ZEROS */
  martlet_regularizer kernel_regularizer; /* default none */
  martlet_regularizer bias_regularizer;   /* default none */
  const char *name;                       /* layer name; default NULL */
} martlet_dense_options;

#define MARTLET_DENSE_OPTIONS_INIT                                                                                     \
  {(uint32_t)sizeof(martlet_dense_options), MARTLET_LINEAR, 1, {MARTLET_GLOROT_UNIFORM, 0.0f},                         \
   {MARTLET_ZEROS, 0.0f}, {0.0f, 0.0f}, {0.0f, 0.0f}, 0}

/** Add a fully connected layer: Y = activation(X W + b), with X [N, ..., I], W [I, O], b [O], Y [N, ..., O].
 * Weights are named "kernel" and "bias".
 *
 * @param units O, 1 or more.
 * @param options NULL for the defaults.
 * 2 N I O flops forward. */
martlet_status martlet_dense(martlet_model *model, martlet_node input, int64_t units,
                             const martlet_dense_options *options, martlet_node *out_node);

/** Add an element-wise activation (softmax: over the last axis).
 *
 * @param activation MARTLET_LINEAR ... MARTLET_SOFTMAX.
 * @param slope Slope of MARTLET_LEAKY_RELU for x < 0, finite, >= 0; ignored by the others.
 * @param name Layer name or NULL. */
martlet_status martlet_activation(martlet_model *model, martlet_node input, int32_t activation, float slope,
                                  const char *name, martlet_node *out_node);

/** Add dropout: in training each element is zero with probability rate, otherwise multiplied by 1 / (1 - rate);
 * in prediction and evaluation y = x. Srivastava et al. 2014, in the inverted form.
 *
 * @param rate 0 <= rate < 1. The mask depends on the trainer's seed, the step, the layer and the position only.
 * @param name Layer name or NULL. */
martlet_status martlet_dropout(martlet_model *model, martlet_node input, double rate, const char *name,
                               martlet_node *out_node);

/** Add a reshape of each row [d1, d2, ...] to one dimension [d1 * d2 * ...]. Costs nothing.
 *
 * @param name Layer name or NULL. */
martlet_status martlet_flatten(martlet_model *model, martlet_node input, const char *name, martlet_node *out_node);

/** Add y = x * scale + offset, such as scale 1/255 for 8-bit images.
 *
 * @param scale, offset Finite.
 * @param name Layer name or NULL. */
martlet_status martlet_rescaling(martlet_model *model, martlet_node input, double scale, double offset,
                                 const char *name, martlet_node *out_node);

/** Add y = (x - mean) / max(sqrt(variance), 1e-7) with fixed statistics, as Keras' Normalization does.
 * martlet_dataset_statistics computes them.
 *
 * @param count How many statistics there are: 1 (one for all), the size of the last axis (one per channel), or all
 *              elements of a row (a mean image).
 * @param mean count values, finite.
 * @param variance count values, finite and >= 0; NULL subtracts the mean only.
 * @param name Layer name or NULL. */
martlet_status martlet_normalization(martlet_model *model, martlet_node input, int64_t count, const float *mean,
                                     const float *variance, const char *name, martlet_node *out_node);

/** Finish a model: check the graph, order its layers and initialise the weights. After this no layer can be added.
 *
 * @param output_count 1 in this version.
 * @param outputs The nodes that are the model's results.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (an unknown node; a layer that no output needs), MARTLET_INVALID_STATE
 *         (already built), MARTLET_OUT_OF_MEMORY, MARTLET_UNSUPPORTED, MARTLET_BUSY. */
martlet_status martlet_model_build(martlet_model *model, int32_t output_count, const martlet_node *outputs);

/* ------------------------------------------------------------------------------------------------------------
 * Models: looking inside
 * --------------------------------------------------------------------------------------------------------- */

/** Name of the model. Borrowed; valid as long as the model. Also before it is built. */
martlet_status martlet_model_name(martlet_model *model, const char **out_name);

/** Table of layers, output shapes and parameters, as text with line ends.
 *
 * @param out_text Borrowed; valid until the next martlet_model_summary on this model or its destruction.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_BUSY. The same codes hold for
 *         the functions of this section. */
martlet_status martlet_model_summary(martlet_model *model, const char **out_text);

/** Number of weights, and of those that training changes. Either pointer may be NULL. */
martlet_status martlet_model_parameter_count(martlet_model *model, int64_t *out_total, int64_t *out_trainable);

/** Shape of one input row. out_shape receives *out_rank dimensions, so give it MARTLET_MAX_RANK elements.
 *
 * @param index 0 for the first input. */
martlet_status martlet_model_input_shape(martlet_model *model, int32_t index, int32_t *out_rank, int64_t *out_shape);

/** Shape of one output row, like martlet_model_input_shape. */
martlet_status martlet_model_output_shape(martlet_model *model, int32_t index, int32_t *out_rank,
                                          int64_t *out_shape);

/** Number of layers, in topological order, inputs included. */
martlet_status martlet_model_layer_count(martlet_model *model, int32_t *out_count);

/** Name and Keras class of layer index. Either pointer may be NULL. Borrowed; valid as long as the model. */
martlet_status martlet_model_layer(martlet_model *model, int32_t index, const char **out_name,
                                   const char **out_class);

/** Number of weight arrays of a layer, in Keras' order (Dense: kernel, bias).
 *
 * @return also MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_weight_count(martlet_model *model, const char *layer, int32_t *out_count);

/** Name and shape of one weight array of a layer. The out_ pointers may be NULL; out_shape needs MARTLET_MAX_RANK
 * elements. The name is borrowed and valid as long as the model.
 *
 * @return also MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_weight(martlet_model *model, const char *layer, int32_t index, const char **out_name,
                                    int32_t *out_rank, int64_t *out_shape);

/** Copy one weight array out.
 *
 * @param layer, weight Names, such as "dense" and "kernel".
 * @param out_values count floats, row-major in Keras' layout, written.
 * @param count Must be the number of elements of the array.
 * @return also MARTLET_NOT_FOUND (no such layer or weight). */
martlet_status martlet_model_get_weight(martlet_model *model, const char *layer, const char *weight,
                                        float *out_values, int64_t count);

/** Copy one weight array in, like martlet_model_get_weight. All values must be finite. */
martlet_status martlet_model_set_weight(martlet_model *model, const char *layer, const char *weight,
                                        const float *values, int64_t count);

/** Name the C classes of the output; kept in the model file.
 *
 * @param count Size of the last axis of the output, or 0 for none.
 * @param names count strings, each at most 255 bytes. */
martlet_status martlet_model_set_class_names(martlet_model *model, int32_t count, const char *const *names);

/** Number of class names; 0 if there are none. */
martlet_status martlet_model_class_count(martlet_model *model, int32_t *out_count);

/** Class name index. Borrowed; valid until the names are set again or the model is destroyed. */
martlet_status martlet_model_class_name(martlet_model *model, int32_t index, const char **out_name);

/* ------------------------------------------------------------------------------------------------------------
 * Models: files
 * --------------------------------------------------------------------------------------------------------- */

/** Save a model as a Keras HDF5 file (docs/file-format.md), which keras.models.load_model and h5py open.
 *
 * The file appears whole or not at all: an existing one is replaced only after the new one is on the disk. Same
 * model, same bytes.
 * @param path File name, by convention ending in ".h5".
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_NOT_FOUND (no such folder),
 *         MARTLET_IO_ERROR, MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_model_save(martlet_model *model, const char *path);

/** Load a model from a Keras HDF5 file: one of martlet_model_save or of Keras 2 or 3 (model.save("m.h5")).
 *
 * @param out_model A built model; free it with martlet_model_destroy.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_NOT_FOUND (no such file), MARTLET_IO_ERROR, MARTLET_FORMAT_ERROR,
 *         MARTLET_UNSUPPORTED (a layer or option this version does not have, named), MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_model_load(const char *path, martlet_model **out_model);

/* ------------------------------------------------------------------------------------------------------------
 * Prediction
 * --------------------------------------------------------------------------------------------------------- */

/** Compute the model's output for any number of rows; they are batched inside.
 *
 * @param x [N, ...], the row shape of the model's input (a row of the same number of elements is not enough).
 * @param out_y [N, ...] floats, written.
 * @param y_count Number of floats out_y has room for; must be N times the elements of an output row.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (wrong shape or type; NaN or infinite x), MARTLET_INVALID_STATE (not
 *         built), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY (the model is being trained or changed). N = 0 is an error.
 * Threads: any number at once on one model. The result of a row does not depend on the other rows. */
martlet_status martlet_predict(martlet_model *model, const martlet_array *x, float *out_y, int64_t y_count);

/* ------------------------------------------------------------------------------------------------------------
 * Datasets
 * --------------------------------------------------------------------------------------------------------- */

/** Inputs x [N, ...] with targets y: integer labels [N] (or [N, 1]), or numbers [N, O] (one-hot labels, regression).
 * Datasets that were made from one another share the arrays; each has its own handle. */
typedef struct martlet_dataset martlet_dataset;

/** Make a dataset of arrays in memory.
 *
 * @param x Inputs [N, ...], N >= 1. Values are checked when they are used: NaN and infinities are an error.
 * @param y Targets, [N] or [N, ...]; NULL for none.
 * @param copy 0: the data (not shape) is borrowed and must stay alive and unchanged until this dataset and all made
 *             from it are destroyed. 1: it is copied.
 * @param out_dataset Free it with martlet_dataset_destroy.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_dataset_create(const martlet_array *x, const martlet_array *y, int32_t copy,
                                      martlet_dataset **out_dataset);

/** Read a dataset from an HDF5 file.
 *
 * Any integer or float type of 8 to 64 bits is read; chunked and gzip-compressed storage too. Attributes that
 * martlet.convert writes are used when present: on x "scale" and "offset" (see martlet_dataset_set_scaling), on y
 * "class_names".
 * @param path File name.
 * @param x_name Path of the inputs in the file, such as "x_train".
 * @param y_name Path of the targets; NULL for none.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_NOT_FOUND (no such file or object), MARTLET_IO_ERROR,
 *         MARTLET_FORMAT_ERROR, MARTLET_UNSUPPORTED (element type, filter, external storage), MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_dataset_open(const char *path, const char *x_name, const char *y_name,
                                    martlet_dataset **out_dataset);

/** Free a dataset. NULL is accepted. */
void martlet_dataset_destroy(martlet_dataset *dataset);

/** Rows begin <= row < end of a dataset, as a dataset of its own that shares the arrays.
 *
 * @param begin, end 0 <= begin < end <= N. */
martlet_status martlet_dataset_rows(martlet_dataset *dataset, int64_t begin, int64_t end,
                                    martlet_dataset **out_dataset);

/** Split a dataset in two, which share the arrays: the last round(N * fraction) rows, and those before.
 *
 * @param fraction 0 < fraction < 1, such that neither part is empty.
 * @param shuffle 1: the rows are put in a random order first; 0: the order is kept.
 * @param seed Seed of that order.
 * @param out_first, out_second Both are set, or neither. Free both. */
martlet_status martlet_dataset_split(martlet_dataset *dataset, double fraction, int32_t shuffle, uint64_t seed,
                                     martlet_dataset **out_first, martlet_dataset **out_second);

/** Number of rows N. */
martlet_status martlet_dataset_length(martlet_dataset *dataset, int64_t *out_length);

/** Shape of one row of x. out_shape needs MARTLET_MAX_RANK elements. */
martlet_status martlet_dataset_x_shape(martlet_dataset *dataset, int32_t *out_rank, int64_t *out_shape);

/** Shape of one row of y; rank 0 for labels [N].
 *
 * @return also MARTLET_NOT_FOUND (the dataset has no y). */
martlet_status martlet_dataset_y_shape(martlet_dataset *dataset, int32_t *out_rank, int64_t *out_shape);

/** Feed x * scale + offset instead of x, such as scale 1/255 for 8-bit images. Replaces an earlier setting.
 *
 * @param scale, offset Finite. */
martlet_status martlet_dataset_set_scaling(martlet_dataset *dataset, double scale, double offset);

/** Mean and variance of x (after scaling) over all rows, in double; population variance, as NumPy's default.
 *
 * @param count 1 (over everything), the size of the last axis, or all elements of a row (mean image).
 * @param out_mean count floats, or NULL.
 * @param out_variance count floats, or NULL.
 * One pass over the data. */
martlet_status martlet_dataset_statistics(martlet_dataset *dataset, int64_t count, float *out_mean,
                                          float *out_variance);

/** Name the classes that integer labels 0, 1, ... stand for. See martlet_model_set_class_names. */
martlet_status martlet_dataset_set_class_names(martlet_dataset *dataset, int32_t count, const char *const *names);

/** Number of class names; 0 if there are none. */
martlet_status martlet_dataset_class_count(martlet_dataset *dataset, int32_t *out_count);

/** Class name index. Borrowed; valid until the names are set again or the dataset is destroyed. */
martlet_status martlet_dataset_class_name(martlet_dataset *dataset, int32_t index, const char **out_name);

/* ------------------------------------------------------------------------------------------------------------
 * Training
 * --------------------------------------------------------------------------------------------------------- */

/** Optimiser, loss and loop for one model. */
typedef struct martlet_trainer martlet_trainer;

/* Losses. N rows; the mean over the rows is what is minimised. p = predicted, t = target. */
#define MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY 0 /* -log p[label]; integer labels */
#define MARTLET_CATEGORICAL_CROSSENTROPY 1        /* -sum_j t_j log p_j; t [N, C] */
#define MARTLET_MEAN_SQUARED_ERROR 2              /* mean_j (p_j - t_j)^2; t [N, O] */
#define MARTLET_BINARY_CROSSENTROPY 3             /* mean_j -(t_j log p_j + (1 - t_j) log(1 - p_j)); t [N, O] or [N] */
#define MARTLET_CATEGORICAL_HINGE 4               /* max(0, 1 + max_{j != c} s_j - s_c), the max at least 0, as Keras; labels or one-hot t */
#define MARTLET_NO_LOSS 5                         /* the caller computes the loss: martlet_trainer_forward, _backward */

/* Optimisers, with Keras' formulas. g = gradient of the loss with its regularisation. */
#define MARTLET_SGD 0  /* w -= lr g;  with momentum: m = momentum m - lr g, w += m;  Nesterov: w += momentum m - lr g */
#define MARTLET_ADAM 1 /* m += (1 - beta_1)(g - m), v += (1 - beta_2)(g^2 - v), w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon) */

/* What early stopping watches. */
#define MARTLET_MONITOR_NONE 0
#define MARTLET_MONITOR_VALIDATION_LOSS 1
#define MARTLET_MONITOR_VALIDATION_ACCURACY 2
#define MARTLET_MONITOR_LOSS 3
#define MARTLET_MONITOR_ACCURACY 4

/** Options of a trainer: what is minimised, and how. Start from MARTLET_TRAINER_OPTIONS_INIT. */
typedef struct martlet_trainer_options {
  uint32_t struct_size;
  int32_t loss;         /* MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY ...; that one is the default */
  int32_t from_logits;  /* cross-entropies: 1 if the output is not yet a probability. Default 0. Where the output layer
                           is a softmax (or a sigmoid, for binary), its input is used either way: stable */
  int32_t optimizer;    /* MARTLET_SGD (default) or MARTLET_ADAM */
  double learning_rate; /* finite, >= 0; default 0.01 (Keras: SGD 0.01, Adam 0.001) */
  double learning_rate_decay; /* the rate is multiplied by this after each epoch; > 0, finite; default 1 */
  double momentum;      /* SGD: 0 <= momentum <= 1; default 0 */
  double beta_1;        /* Adam: 0 <= beta_1 < 1; default 0.9 */
  double beta_2;        /* Adam: 0 <= beta_2 < 1; default 0.999 */
  double epsilon;       /* Adam: > 0; default 1e-7 */
  uint64_t seed;        /* of shuffling and dropout; default 0 */
  int32_t nesterov;     /* SGD: 1 for Nesterov's form; default 0 */
  int32_t top_k;        /* k of top-k accuracy, >= 1; default 5 */
} martlet_trainer_options;

#define MARTLET_TRAINER_OPTIONS_INIT                                                                                   \
  {(uint32_t)sizeof(martlet_trainer_options), MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY, 0, MARTLET_SGD, 0.01, 1.0, 0.0, \
   0.9, 0.999, 1e-7, 0, 0, 5}

/** Options of one call of martlet_trainer_fit. Start from MARTLET_FIT_OPTIONS_INIT. */
typedef struct martlet_fit_options {
  uint32_t struct_size;
  int32_t shuffle;      /* 1 (default): a new random order every epoch; 0: the order of the data */
  int64_t batch_size;   /* rows per step, at most the rows of the data; 0 for all rows (full batch); default 32 */
  int64_t epochs;       /* passes over the data; >= 1; default 1 */
  int64_t iterations;   /* end after this many steps, if that is earlier; 0 (default) for no such bound */
  int32_t drop_last;    /* 1: rows that do not fill a batch are left out of an epoch; default 0 */
  int32_t stop_on_nan;  /* 1 (default): a loss that is NaN or infinite ends with MARTLET_NOT_FINITE; 0: that step is
                           left out and training goes on */
  int32_t monitor;      /* early stopping: MARTLET_MONITOR_NONE (default) ... */
  int32_t restore_best; /* early stopping: 1: end with the weights of the best epoch; default 0 */
  int64_t patience;     /* early stopping: epochs without improvement before stopping, >= 0; default 0 */
  double min_delta;     /* early stopping: a change of no more than this is no improvement, >= 0; default 0 */
  int32_t every_batch;  /* 1: call back after every batch; 0 (default): at most every 100 ms, and after every epoch */
} martlet_fit_options;

#define MARTLET_FIT_OPTIONS_INIT                                                                                       \
  {(uint32_t)sizeof(martlet_fit_options), 1, 32, 1, 0, 0, 1, MARTLET_MONITOR_NONE, 0, 0, 0.0, 0}

/** Averages over the rows seen. What does not apply is NaN: accuracies for regression, validation without data. */
typedef struct martlet_metrics {
  double loss;                /* data_loss + regularization_loss */
  double data_loss;
  double regularization_loss;
  double accuracy;            /* share of rows whose largest output is the label; binary: share of outputs on the right side of 0.5 */
  double top_k_accuracy;      /* share of rows whose label is among the k largest outputs */
} martlet_metrics;

#define MARTLET_BATCH_END 1 /* within an epoch; training holds the averages so far, validation is NaN */
#define MARTLET_EPOCH_END 2 /* an epoch is complete, validation included */
#define MARTLET_EVALUATION 3 /* within martlet_trainer_evaluate */

/** What a progress callback is told, and what the history keeps of each epoch (event MARTLET_EPOCH_END). */
typedef struct martlet_progress {
  uint32_t struct_size;       /* set by the library: what it fills in */
  int32_t event;              /* MARTLET_BATCH_END, MARTLET_EPOCH_END or MARTLET_EVALUATION */
  int64_t epoch;              /* 0 for the first epoch of this trainer, counted over all calls of fit */
  int64_t epochs;             /* where this call of fit ends, in the same count */
  int64_t batch;              /* batches done in this epoch */
  int64_t batches;            /* batches in this epoch */
  int64_t iteration;          /* steps done by this trainer since its creation */
  int64_t samples;            /* rows seen in this epoch */
  double seconds;             /* since the epoch began, validation included at its end */
  double samples_per_second;  /* of training, validation not counted */
  double learning_rate;       /* used in this epoch */
  martlet_metrics training;
  martlet_metrics validation;
} martlet_progress;

/** Progress callback. Runs in the thread that called fit or evaluate, which waits. Returning non-zero stops the call after
 * this batch: it returns MARTLET_STOPPED, and weights are kept.
 *
 * May call, for the handles in use: martlet_predict, the functions that look inside a model or dataset,
 * martlet_model_save, martlet_trainer_learning_rate, _set_learning_rate, _history and _interrupt. Anything else on them is MARTLET_BUSY. */
typedef int32_t (*martlet_progress_callback)(const martlet_progress *progress, void *payload);

/** Make a trainer for a built model.
 *
 * @param options NULL for the defaults.
 * @param out_trainer Free it with martlet_trainer_destroy.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (an option out of range; a loss that does not fit the output),
 *         MARTLET_INVALID_STATE (not built), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_trainer_create(martlet_model *model, const martlet_trainer_options *options,
                                      martlet_trainer **out_trainer);

/** Free a trainer. NULL is accepted. The model and its weights stay. */
void martlet_trainer_destroy(martlet_trainer *trainer);

/** Train for options->epochs more epochs (or options->iterations steps).
 *
 * Each step: L = mean over the batch of the data loss + regularisation; W <- W - update(dL/dW). Rows come in the order
 * of the seeded shuffle; the last, smaller batch counts by its rows.
 * @param training Inputs and targets that fit model and loss.
 * @param validation Evaluated after each epoch; NULL for none. Must not be NULL if a validation metric is monitored.
 * @param options NULL for the defaults.
 * @param callback NULL for none. payload is handed to it.
 * @return MARTLET_OK, also after early stopping; MARTLET_STOPPED; MARTLET_INTERRUPTED; MARTLET_NOT_FINITE (message: epoch
 *         and step; the weights are those before that step); MARTLET_INVALID_ARGUMENT (data that do not fit, a label out
 *         of range with its row, NaN input, an option out of range, batch_size larger than the data); MARTLET_INVALID_STATE (trainer with
 *         MARTLET_NO_LOSS); MARTLET_OUT_OF_MEMORY; MARTLET_BUSY. In all but the first four nothing was trained.
 *         Calling again goes on with the optimiser's state. */
martlet_status martlet_trainer_fit(martlet_trainer *trainer, martlet_dataset *training, martlet_dataset *validation,
                                   const martlet_fit_options *options, martlet_progress_callback callback,
                                   void *payload);

/** Compute loss and metrics over a dataset, as in prediction (no dropout); batched inside.
 *
 * @param dataset Inputs and targets that fit model and loss.
 * @param callback NULL for none. Called at most every 100 ms with event MARTLET_EVALUATION: validation holds the averages
 *                 so far, training is NaN. payload is handed to it.
 * @return MARTLET_OK, MARTLET_STOPPED, MARTLET_INTERRUPTED, MARTLET_INVALID_ARGUMENT (as martlet_trainer_fit),
 *         MARTLET_INVALID_STATE (MARTLET_NO_LOSS), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_trainer_evaluate(martlet_trainer *trainer, martlet_dataset *dataset,
                                        martlet_progress_callback callback, void *payload,
                                        martlet_metrics *out_metrics);

/** Ask the call that runs on this trainer to stop after the current batch. Any thread, or a signal handler: it stores
 * one atomic flag. If no call is running, the next fit stops at once. Cannot fail; NULL is accepted. */
void martlet_trainer_interrupt(martlet_trainer *trainer);

/** Number of complete epochs since the trainer was made. */
martlet_status martlet_trainer_history_length(martlet_trainer *trainer, int64_t *out_length);

/** What epoch index ended with.
 *
 * @param out_progress Set struct_size to sizeof(martlet_progress) before the call; that many bytes are filled. */
martlet_status martlet_trainer_history(martlet_trainer *trainer, int64_t index, martlet_progress *out_progress);

/** The epoch (0-based) whose monitored value was the best so far; -1 without early stopping or before an epoch. */
martlet_status martlet_trainer_best_epoch(martlet_trainer *trainer, int64_t *out_epoch);

/** Learning rate of the next step. */
martlet_status martlet_trainer_learning_rate(martlet_trainer *trainer, double *out_learning_rate);

/** Set the learning rate of the following steps; learning_rate_decay goes on from it.
 *
 * @param learning_rate Finite, >= 0. */
martlet_status martlet_trainer_set_learning_rate(martlet_trainer *trainer, double learning_rate);

/* ------------------------------------------------------------------------------------------------------------
 * Training, step by step
 * --------------------------------------------------------------------------------------------------------- */

/** One step on one batch: forward, loss, gradients, update.
 *
 * @param x [N, ...], y targets, N >= 1 rows of any number.
 * @param out_metrics Of this batch, before the update; NULL if not wanted.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (MARTLET_NO_LOSS), MARTLET_NOT_FINITE (not updated),
 *         MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. After the first step with the largest N, no memory is allocated. */
martlet_status martlet_trainer_train_step(martlet_trainer *trainer, const martlet_array *x, const martlet_array *y,
                                          martlet_metrics *out_metrics);

/** Forward pass in training mode (dropout active), for a loss of the caller's own. Keeps what _backward needs.
 *
 * @param x [N, ...].
 * @param out_y [N, ...], y_count floats, written: the model's output.
 * @return as martlet_predict. */
martlet_status martlet_trainer_forward(martlet_trainer *trainer, const martlet_array *x, float *out_y,
                                       int64_t y_count);

/** Gradients of all weights from the gradient of the loss by the output, for the last martlet_trainer_forward.
 * Regularisation is added. They are kept until the next _forward or _train_step, not applied.
 *
 * @param dy [N, ...], dy_count floats: dL/dy, with any 1/N already in it. Finite.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (no forward before), MARTLET_OUT_OF_MEMORY,
 *         MARTLET_BUSY. */
martlet_status martlet_trainer_backward(martlet_trainer *trainer, const float *dy, int64_t dy_count);

/** Copy one gradient array out, after martlet_trainer_backward; shape and order as martlet_model_get_weight.
 *
 * @return also MARTLET_INVALID_STATE (no backward before), MARTLET_NOT_FOUND. */
martlet_status martlet_trainer_get_gradient(martlet_trainer *trainer, const char *layer, const char *weight,
                                            float *out_values, int64_t count);

/** Replace one gradient array before martlet_trainer_apply, for clipping or averaging of the caller's own. Finite. */
martlet_status martlet_trainer_set_gradient(martlet_trainer *trainer, const char *layer, const char *weight,
                                            const float *values, int64_t count);

/** Update the weights with the gradients of martlet_trainer_backward; they are used up.
 *
 * @return MARTLET_OK, MARTLET_INVALID_STATE (no gradients), MARTLET_NOT_FINITE (a gradient is NaN or infinite: nothing was
 *         updated), MARTLET_BUSY. */
martlet_status martlet_trainer_apply(martlet_trainer *trainer);

#ifdef __cplusplus
}
#endif

#endif /* MARTLET_H */
