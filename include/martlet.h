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
 *            never renumbered. Results go to trailing out_ pointers. Unless a function says otherwise, a failed
 *            call has changed neither them nor any handle, and the handle can be used as before.
 * Messages   martlet_last_error() says what was expected and what came, for the calling thread's last failure.
 * Checks     The library checks every argument itself. MARTLET_INVALID_ARGUMENT is a NULL or misaligned pointer
 *            where one is needed, a string that is not UTF-8, or a value out of the range stated for it.
 * Handles    martlet_model, martlet_dataset and martlet_trainer are opaque. What _create, _open or _load
 *            returned, the matching _destroy frees; _destroy accepts NULL. A trainer keeps its model alive,
 *            so the order of destruction is free.
 * Strings    UTF-8, NUL-terminated, at most 4096 bytes. Strings passed in are copied. Strings passed out belong
 *            to the handle and live until the next call on it that can change them, as each function states.
 * Arrays     Row-major (C order), first dimension N = rows (samples). Read only during the call, except the
 *            arrays a dataset borrows.
 * Options    Structs that start with struct_size only grow. Start from their _INIT macro. A program compiled
 *            against a newer header may pass a larger one if what this library does not know is zero.
 * Threads    One thread at a time per handle; different handles in different threads at the same time. Two
 *            exceptions: martlet_predict and martlet_predict_double may run on one model from many threads at
 *            once, and martlet_trainer_interrupt may be called from any thread and from a signal handler. A second
 *            thread gets MARTLET_BUSY where a handle cannot be shared safely. Errors are thread-local.
 * Fork       After fork() the child may go on using the library, if no other thread was inside a call of it at that
 *            moment; it makes its own threads.
 * Memory     Memory whose size is decided by an argument, by data or by a file is allocated checked and gives
 *            MARTLET_OUT_OF_MEMORY. Exhaustion of memory inside the Swift runtime (small objects) ends the
 *            process; no library written in Swift can prevent that.
 * Numbers    float32 inside, but for martlet_predict_double and martlet_model_check_gradients. The floating-point
 *            environment is set on entry and restored on return. While the library computes, subnormal numbers,
 *            those below 2^-126 (in double 2^-1022), are taken for 0, so that a step takes as long whatever its data
 *            are; what nothing is computed from stays as it is. The same seed gives the same bits for any thread
 *            count on one instruction set.
 * Bounds     Nothing passed in and nothing in a file makes the library trap, abort, exit or print. Pointers
 *            cannot be checked: one that is neither NULL nor valid is undefined behaviour, as in any C API.
 *
 * Each function is described in the same order: what it does, with the formula; parameters with shape and range;
 * status codes; ownership; threads, where the rule above is not all; cost, where it matters; an example, for entry
 * points. A section begins with the codes that its functions share, which they call "the section's codes".
 * MARTLET_INTERNAL_ERROR, which would be a bug, is not listed.
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
 * Version. Nothing here can fail.
 * --------------------------------------------------------------------------------------------------------- */

#define MARTLET_VERSION_MAJOR 0
#define MARTLET_VERSION_MINOR 1
#define MARTLET_VERSION_PATCH 0
#define MARTLET_VERSION_STRING "0.1.0"

/** Version of the library that is running, which may be another than that of this header.
 *
 * @return major * 1000000 + minor * 1000 + patch. */
int32_t martlet_version(void);

/** Version of the library that is running, as text.
 *
 * @return Text such as "0.1.0". Static string. */
const char *martlet_version_string(void);

/** Instruction set of the kernels. Chosen once, when first needed: the best the processor has, or a lower one that the
 * environment variable MARTLET_INSTRUCTION_SET names, in letters of any case. A name that is none of those below, or
 * that of a set which the processor lacks, is ignored: what this function returns tells.
 *
 * @return "avx512", "avx2", "baseline"; on arm64 "neon". Static string. */
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
#define MARTLET_NOT_FOUND 5        /* no file, HDF5 object, layer or weight of that name; no x or y */
#define MARTLET_IO_ERROR 6         /* reading or writing failed: permission, full disk, damaged storage */
#define MARTLET_FORMAT_ERROR 7     /* the file is not what it should be: not HDF5, truncated, inconsistent */
#define MARTLET_UNSUPPORTED 8      /* a file or call asks for a layer, option or type this version does not have */
#define MARTLET_STOPPED 9          /* the progress callback returned non-zero */
#define MARTLET_INTERRUPTED 10     /* martlet_trainer_interrupt was called */
#define MARTLET_NOT_FINITE 11      /* a loss or gradient is NaN or infinite; the update of that step was not applied */
#define MARTLET_INTERNAL_ERROR 12  /* a bug in the library; please report the message */

/** Name of a status.
 *
 * @param status Any number.
 * @return Text such as "MARTLET_OK"; "MARTLET_UNKNOWN_STATUS" for a number that is none. Static string. */
const char *martlet_status_name(martlet_status status);

/** Message of the calling thread's most recent failed call. A call that succeeds leaves it.
 *
 * @return One line without a line end; "" before the first failure. Borrowed; valid until the next call of the library
 *         in this thread. */
const char *martlet_last_error(void);

/* ------------------------------------------------------------------------------------------------------------
 * Threads
 * --------------------------------------------------------------------------------------------------------- */

/** Set how many threads one call may compute with, the calling thread included.
 *
 * @param count 1 to 1024, or 0 for the default: the processors this process may use, by affinity and cgroup quota.
 *              With 1 the library never starts a thread.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT.
 *
 * Threads: any; takes effect at the next call. Results do not depend on it, bit for bit. */
martlet_status martlet_set_threads(int32_t count);

/** How many threads one call may compute with.
 *
 * @return At least 1, the calling thread included. Cannot fail.
 *
 * Threads: any. */
int32_t martlet_threads(void);

/* ------------------------------------------------------------------------------------------------------------
 * Arrays
 * --------------------------------------------------------------------------------------------------------- */

#define MARTLET_MAX_RANK 8

/* Element types. Integers become floats of the same value, rounded if it has more than 24 bits; float64 is rounded to
 * float32. martlet_predict_double computes with them as doubles. */
#define MARTLET_UINT8 1
#define MARTLET_INT32 2
#define MARTLET_INT64 3
#define MARTLET_FLOAT32 4
#define MARTLET_FLOAT64 5

/** A row-major array that the caller owns: [N, ...]. */
typedef struct martlet_array {
  const void *data;     /* the elements, aligned to their type; not NULL */
  const int64_t *shape; /* rank dimensions, each >= 1; the first is the number of rows N */
  int32_t rank;         /* 1 to MARTLET_MAX_RANK */
  int32_t type;         /* MARTLET_UINT8 ... MARTLET_FLOAT64 */
} martlet_array;

/* ------------------------------------------------------------------------------------------------------------
 * Models: building
 *
 * The section's codes: MARTLET_OK; MARTLET_INVALID_ARGUMENT; MARTLET_INVALID_STATE, the model is built already;
 * MARTLET_BUSY.
 *
 * Names of layers are unique in the model and have 1 to 255 bytes, no '/' and no control character, and are not ".".
 * NULL stands for the Keras class in snake case, numbered from the second on: "dense", "dense_1"; "input" for an input.
 * A model has at most 4096 layers and 65536 nodes, as a file: one more is MARTLET_UNSUPPORTED.
 * --------------------------------------------------------------------------------------------------------- */

/** A directed acyclic graph of layers with their weights. It has one or more inputs, in the order in which they were
 * added, and one or more outputs. A layer can be applied more than once: see martlet_share.
 *
 * Threads: one at a time per model, but any number in martlet_predict and martlet_predict_double. */
typedef struct martlet_model martlet_model;

/** One result of one layer while a model is being built: a number that belongs to that model. Every builder takes
 * the node it reads and gives the node it makes. */
typedef int32_t martlet_node;

/** Make an empty model.
 *
 * @param name Name in files and summaries, made as a layer's; NULL for "model".
 * @param seed Seed of the weight initialisers. Same seed, same layers: same weights.
 * @param out_model The model.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_model_destroy.
 *
 *   martlet_model *m; martlet_node x; const int64_t shape[] = {784};
 *   martlet_model_create("mnist", 42, &m);
 *   martlet_input(m, NULL, 1, shape, &x), martlet_dense(m, x, 10, NULL, &x), martlet_model_build(m, 1, &x); */
martlet_status martlet_model_create(const char *name, uint64_t seed, martlet_model **out_model);

/** Free a model. A trainer of this model goes on working until it is destroyed itself.
 *
 * @param model The model; NULL is accepted. */
void martlet_model_destroy(martlet_model *model);

/* Activations. */
#define MARTLET_LINEAR 0        /* y = x */
#define MARTLET_RELU 1          /* y = max(x, 0) */
#define MARTLET_LEAKY_RELU 2    /* y = x for x > 0, alpha * x otherwise (Keras' alpha: 0.2) */
#define MARTLET_SIGMOID 3       /* y = 1 / (1 + exp(-x)) */
#define MARTLET_TANH 4          /* y = tanh(x) */
#define MARTLET_SOFTMAX 5       /* y_j = exp(x_j) / sum_k exp(x_k) over the last axis, after subtracting max(x) */
#define MARTLET_ELU 6           /* y = x for x > 0, alpha * (exp(x) - 1) otherwise (Keras' alpha: 1) */
#define MARTLET_SELU 7          /* y = 1.0507 * ELU(x) with alpha 1.67326; Klambauer et al. 2017 */
#define MARTLET_SOFTPLUS 8      /* y = log(1 + exp(x)) */
#define MARTLET_SILU 9          /* y = x / (1 + exp(-x)); also called swish */
#define MARTLET_GELU 10         /* y = x / 2 * (1 + erf(x / sqrt(2))) */
#define MARTLET_GELU_TANH 11    /* y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))); Keras opens files with it
                                   only with custom_objects (docs/file-format.md) */
#define MARTLET_HARD_SIGMOID 12 /* y = min(max(x / 6 + 1 / 2, 0), 1), as in Keras 3 */
#define MARTLET_EXPONENTIAL 13  /* y = exp(x) */
#define MARTLET_RELU6 14        /* y = min(max(x, 0), 6) */
#define MARTLET_HARD_SWISH 15   /* y = x * min(max(x / 6 + 1 / 2, 0), 1) */

/* Initialisers of weights, as Keras'. fan_in and fan_out of a kernel are the sizes of its last two axes, for a Dense
 * kernel I and O, each times the sizes of the axes before; of a bias both are O. A truncated normal is drawn again
 * where it is more than two standard deviations from its mean. */
#define MARTLET_GLOROT_UNIFORM 0    /* U(-l, l), l = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010 */
#define MARTLET_GLOROT_NORMAL 1     /* truncated normal, stddev sqrt(2 / (fan_in + fan_out)) after truncation */
#define MARTLET_HE_UNIFORM 2        /* U(-l, l), l = sqrt(6 / fan_in); He et al. 2015 */
#define MARTLET_HE_NORMAL 3         /* truncated normal, stddev sqrt(2 / fan_in) after truncation */
#define MARTLET_RANDOM_NORMAL 4     /* N(mean, value^2) */
#define MARTLET_ZEROS 5             /* 0 */
#define MARTLET_CONSTANT 6          /* value */
#define MARTLET_ONES 7              /* 1 */
#define MARTLET_RANDOM_UNIFORM 8    /* U(minimum, maximum) */
#define MARTLET_TRUNCATED_NORMAL 9  /* truncated N(mean, value^2); value is the stddev before truncation */
#define MARTLET_VARIANCE_SCALING 10 /* mean 0, variance value / fan; fan by mode, shape by distribution */
#define MARTLET_LECUN_UNIFORM 11    /* U(-l, l), l = sqrt(3 / fan_in); LeCun et al. 1998 */
#define MARTLET_LECUN_NORMAL 12     /* truncated normal, stddev sqrt(1 / fan_in) after truncation */
#define MARTLET_ORTHOGONAL 13       /* value * Q, Q uniformly random with orthonormal columns (rows, if fewer), of the
                                       array as a matrix whose columns are its last axis; Saxe et al. 2014 */
#define MARTLET_IDENTITY 14         /* value * the identity matrix */

/* The fan of MARTLET_VARIANCE_SCALING. */
#define MARTLET_FAN_IN 0
#define MARTLET_FAN_OUT 1
#define MARTLET_FAN_AVG 2 /* (fan_in + fan_out) / 2 */

/* The distribution of MARTLET_VARIANCE_SCALING. */
#define MARTLET_DISTRIBUTION_TRUNCATED_NORMAL 0
#define MARTLET_DISTRIBUTION_UNTRUNCATED_NORMAL 1
#define MARTLET_DISTRIBUTION_UNIFORM 2

/** How a weight array starts. Members that the kind does not speak of are ignored. */
typedef struct martlet_initializer {
  int32_t kind;         /* MARTLET_GLOROT_UNIFORM ... MARTLET_IDENTITY */
  int32_t mode;         /* VARIANCE_SCALING: MARTLET_FAN_IN (0), MARTLET_FAN_OUT or MARTLET_FAN_AVG */
  int32_t distribution; /* VARIANCE_SCALING: MARTLET_DISTRIBUTION_TRUNCATED_NORMAL (0) ... */
  float value;          /* CONSTANT: the value, finite. RANDOM_NORMAL, TRUNCATED_NORMAL: standard deviation, finite,
                           >= 0. VARIANCE_SCALING: scale, finite, > 0. ORTHOGONAL (arrays of 2 dimensions or more),
                           IDENTITY (of 2): gain, finite, not 0 */
  float mean;           /* RANDOM_NORMAL, TRUNCATED_NORMAL: finite */
  float minimum;        /* RANDOM_UNIFORM: minimum <= maximum, both and their difference finite */
  float maximum;
} martlet_initializer;

/** Penalty added to the loss for one weight array W: l1 * sum |W| + l2 * sum W^2 (Keras' L1L2). Both finite, >= 0. */
typedef struct martlet_regularizer {
  float l1;
  float l2;
} martlet_regularizer;

/* Constraints of weights, with Keras' formulas; |w| = sqrt(sum w^2) over the constraint's axes. */
#define MARTLET_NO_CONSTRAINT 0
#define MARTLET_MAX_NORM 1  /* w = w * min(|w|, value) / (|w| + 1e-7) */
#define MARTLET_NON_NEG 2   /* w = max(w, 0) */
#define MARTLET_UNIT_NORM 3 /* w = w / (|w| + 1e-7) */

/** What a weight array is held to after every update. Axes 0 to 0, Keras' default, are for a Dense kernel [I, O] the
 * weights into each unit. */
typedef struct martlet_constraint {
  int32_t kind;       /* MARTLET_NO_CONSTRAINT (default) ... MARTLET_UNIT_NORM */
  float value;        /* MAX_NORM: the greatest norm, finite, >= 0 */
  int32_t first_axis; /* MAX_NORM, UNIT_NORM: norms are over the axes first_axis to last_axis; -1 is the last axis */
  int32_t last_axis;
} martlet_constraint;

/** Add an input.
 *
 * @param model Model, not built yet.
 * @param name Layer name or NULL.
 * @param rank Dimensions of one row, without N: 1 to MARTLET_MAX_RANK - 1.
 * @param shape rank dimensions of one row, each >= 1. Images are [H, W, channels].
 * @param out_node The input.
 * @return The section's codes. */
martlet_status martlet_input(martlet_model *model, const char *name, int32_t rank, const int64_t *shape,
                             martlet_node *out_node);

/** Options of martlet_dense. Start from MARTLET_DENSE_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_dense_options {
  uint32_t struct_size;
  int32_t activation;                     /* MARTLET_LINEAR (default) ... _HARD_SWISH, with Keras' alpha */
  int32_t use_bias;                       /* 0 or 1; default 1 */
  martlet_initializer kernel_initializer; /* default MARTLET_GLOROT_UNIFORM */
  martlet_initializer bias_initializer;   /* default MARTLET_ZEROS */
  martlet_regularizer kernel_regularizer; /* default none */
  martlet_regularizer bias_regularizer;   /* default none */
  martlet_constraint kernel_constraint;   /* default none */
  martlet_constraint bias_constraint;     /* default none */
  const char *name;                       /* layer name; default NULL */
} martlet_dense_options;

#define MARTLET_DENSE_OPTIONS_INIT                                                                                     \
  {(uint32_t)sizeof(martlet_dense_options), MARTLET_LINEAR, 1,                                                         \
   {MARTLET_GLOROT_UNIFORM, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f},              \
   {0.0f, 0.0f}, {0.0f, 0.0f}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 0}

/** Add a fully connected layer: Y = activation(X W + b), with X [N, ..., I], W [I, O], b [O], Y [N, ..., O].
 * Weights are named "kernel" and "bias".
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param units O, 1 or more.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes.
 *
 * Cost: 2 N I O flops forward, up to twice that backward. */
martlet_status martlet_dense(martlet_model *model, martlet_node input, int64_t units,
                             const martlet_dense_options *options, martlet_node *out_node);

/* Padding of convolutions and poolings: where a window may stop. */
#define MARTLET_VALID 0  /* inside its input only */
#define MARTLET_SAME 1   /* at ceil(size / stride) places; of the zeros around, one more comes after if they are odd */
#define MARTLET_CAUSAL 2 /* of sequences: zeros before, so that no output sees what comes after it */

/** Options of convolutions. Start from MARTLET_CONV_OPTIONS_INIT, which is Keras' defaults. Of the pairs the first is
 * down, the second across; of sequences only the first counts. Sizes are 1 to 2^24. */
typedef struct martlet_conv_options {
  uint32_t struct_size;
  int32_t padding;                        /* MARTLET_VALID (default), _SAME; of sequences _CAUSAL too */
  int64_t strides[2];                     /* steps of the window; default 1 */
  int64_t dilation[2];                    /* places from one element of the window to the next; default 1. Keras opens
                                             no file with both strides and dilation above 1 */
  int64_t groups;                         /* of channels, each with filters of its own: of martlet_conv2d and
                                             martlet_conv1d; default 1 */
  int32_t activation;                     /* MARTLET_LINEAR (default) ... _HARD_SWISH, with Keras' alpha */
  int32_t use_bias;                       /* 0 or 1; default 1 */
  martlet_initializer kernel_initializer; /* default MARTLET_GLOROT_UNIFORM */
  martlet_initializer bias_initializer;   /* default MARTLET_ZEROS */
  martlet_regularizer kernel_regularizer; /* default none */
  martlet_regularizer bias_regularizer;   /* default none */
  martlet_constraint kernel_constraint;   /* default none */
  martlet_constraint bias_constraint;     /* default none */
  int64_t depth_multiplier;               /* kernels for each channel: of martlet_depthwise_conv2d and
                                             martlet_separable_conv2d; default 1 */
  martlet_initializer pointwise_initializer; /* of the second kernel of martlet_separable_conv2d; default
                                                MARTLET_GLOROT_UNIFORM */
  martlet_regularizer pointwise_regularizer; /* default none */
  martlet_constraint pointwise_constraint;   /* default none */
  const char *name;                          /* layer name; default NULL */
} martlet_conv_options;

#define MARTLET_CONV_OPTIONS_INIT                                                                                      \
  {(uint32_t)sizeof(martlet_conv_options), MARTLET_VALID, {1, 1}, {1, 1}, 1, MARTLET_LINEAR, 1,                        \
   {MARTLET_GLOROT_UNIFORM, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f},              \
   {0.0f, 0.0f}, {0.0f, 0.0f}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 1,            \
   {MARTLET_GLOROT_UNIFORM, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {0.0f, 0.0f}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 0}

/** Add a convolution of images, with stride s, dilation d and padding p:
 *
 *   Y[n, y, x, o] = activation(b[o] + sum over i, j, c of X[n, y s + i d - p, x s + j d - p, c] W[i, j, c, o])
 *
 * X [N, H, W, C], W [KH, KW, C / groups, O], b [O], Y [N, H', W', O]; H' = floor((H - (KH - 1) d - 1) / s) + 1 with
 * MARTLET_VALID, ceil(H / s) with MARTLET_SAME. Outputs of a group read the channels of that group. Weights are named
 * "kernel" and "bias".
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param filters O, a multiple of the groups.
 * @param kernel_height, kernel_width KH and KW.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: a window that is larger than its input; groups that do
 *         not divide filters and channels).
 *
 * Cost: 2 N H' W' KH KW C O / groups flops forward, up to twice that backward. No patches are written to memory. */
martlet_status martlet_conv2d(martlet_model *model, martlet_node input, int64_t filters, int64_t kernel_height,
                              int64_t kernel_width, const martlet_conv_options *options, martlet_node *out_node);

/** Add a convolution of sequences, as martlet_conv2d does of images: X [N, L, C], W [K, C / groups, O], Y [N, L', O].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [L, C].
 * @param filters O, a multiple of the groups.
 * @param kernel_size K.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_conv2d. */
martlet_status martlet_conv1d(martlet_model *model, martlet_node input, int64_t filters, int64_t kernel_size,
                              const martlet_conv_options *options, martlet_node *out_node);

/** Add a depthwise convolution of images: each channel is convolved with depth_multiplier kernels of its own, M,
 *
 *   Y[n, y, x, c M + m] = activation(b[c M + m] + sum over i, j of X[n, y s + i d - p, x s + j d - p, c] W[i, j, c, m])
 *
 * X [N, H, W, C], W [KH, KW, C, M], b [C M], Y [N, H', W', C M]; the rest as in martlet_conv2d. Weights are named
 * "kernel" and "bias".
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param kernel_height, kernel_width KH and KW.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_conv2d. */
martlet_status martlet_depthwise_conv2d(martlet_model *model, martlet_node input, int64_t kernel_height,
                                        int64_t kernel_width, const martlet_conv_options *options,
                                        martlet_node *out_node);

/** Add a depthwise convolution without bias and activation, and a mixture of the channels of its result T for each
 * pixel: Y = activation(T P + b), with P [1, 1, C M, O], b [O], Y [N, H', W', O]; Chollet 2017. Weights are named
 * "depthwise_kernel", whose options are those of the kernel, "pointwise_kernel" and "bias".
 *
 * @param model Model, not built yet.
 * @param input Node to read, of rows [H, W, C].
 * @param filters O.
 * @param kernel_height, kernel_width KH and KW.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_conv2d. */
martlet_status martlet_separable_conv2d(martlet_model *model, martlet_node input, int64_t filters,
                                        int64_t kernel_height, int64_t kernel_width,
                                        const martlet_conv_options *options, martlet_node *out_node);

/** Add a transposed convolution of images, also called deconvolution: each element of X [N, H, W, C] adds its multiple
 * of the kernel W [KH, KW, O, C] to Y [N, H', W', O], at distances of the strides s; then Y = activation(Y + b). H' =
 * H s with MARTLET_SAME, H s + max((KH - 1) d + 1 - s, 0) with MARTLET_VALID. Weights are named "kernel" and "bias".
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param filters O.
 * @param kernel_height, kernel_width KH and KW.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_conv2d. */
martlet_status martlet_conv2d_transpose(martlet_model *model, martlet_node input, int64_t filters,
                                        int64_t kernel_height, int64_t kernel_width,
                                        const martlet_conv_options *options, martlet_node *out_node);

/** Options of poolings. Start from MARTLET_POOLING_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_pooling_options {
  uint32_t struct_size;
  int32_t padding;    /* MARTLET_VALID (default) or MARTLET_SAME; zeros around do not count */
  int64_t strides[2]; /* steps of the window, down and across; of sequences only the first counts; 1 to 2^24, or 0
                         (default): its size */
  const char *name;   /* layer name; default NULL */
} martlet_pooling_options;

#define MARTLET_POOLING_OPTIONS_INIT {(uint32_t)sizeof(martlet_pooling_options), MARTLET_VALID, {0, 0}, 0}

/** Add the greatest element of each channel in each window of images: X [N, H, W, C], Y [N, H', W', C], with H' and W'
 * as of martlet_conv2d. Of equal elements, the first in a window gets the gradient.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param pool_height, pool_width Size of the window, 1 to 2^24.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: a window that is larger than its input). */
martlet_status martlet_max_pooling2d(martlet_model *model, martlet_node input, int64_t pool_height, int64_t pool_width,
                                     const martlet_pooling_options *options, martlet_node *out_node);

/** Add the average element of each channel in each window of images, as martlet_max_pooling2d adds the greatest.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param pool_height, pool_width Size of the window, 1 to 2^24.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_max_pooling2d. */
martlet_status martlet_average_pooling2d(martlet_model *model, martlet_node input, int64_t pool_height,
                                         int64_t pool_width, const martlet_pooling_options *options,
                                         martlet_node *out_node);

/** Add the greatest element of each channel in each window of sequences: X [N, L, C], Y [N, L', C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [L, C].
 * @param pool_size Size of the window, 1 to 2^24.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_max_pooling2d. */
martlet_status martlet_max_pooling1d(martlet_model *model, martlet_node input, int64_t pool_size,
                                     const martlet_pooling_options *options, martlet_node *out_node);

/** Add the average element of each channel in each window of sequences, as martlet_max_pooling1d adds the greatest.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [L, C].
 * @param pool_size Size of the window, 1 to 2^24.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return As of martlet_max_pooling2d. */
martlet_status martlet_average_pooling1d(martlet_model *model, martlet_node input, int64_t pool_size,
                                         const martlet_pooling_options *options, martlet_node *out_node);

/** Add the greatest element of each channel of a whole image or sequence: X [N, H, W, C] or [N, L, C], Y [N, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param keepdims 1 to keep the axes with size 1: Y [N, 1, 1, C] or [N, 1, C]; else 0.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_global_max_pooling(martlet_model *model, martlet_node input, int32_t keepdims, const char *name,
                                          martlet_node *out_node);

/** Add the average element of each channel of a whole image or sequence: X [N, H, W, C] or [N, L, C], Y [N, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param keepdims 1 to keep the axes with size 1: Y [N, 1, 1, C] or [N, 1, C]; else 0.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_global_average_pooling(martlet_model *model, martlet_node input, int32_t keepdims,
                                              const char *name, martlet_node *out_node);

/** Add zeros around images: X [N, H, W, C], Y [N, top + H + bottom, left + W + right, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param top, bottom Rows to add, 0 to 2^24.
 * @param left, right Columns to add, 0 to 2^24.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_zero_padding2d(martlet_model *model, martlet_node input, int64_t top, int64_t bottom,
                                      int64_t left, int64_t right, const char *name, martlet_node *out_node);

/** Take rows and columns from the borders of images: X [N, H, W, C], Y [N, H - top - bottom, W - left - right, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param top, bottom Rows to take away, 0 to 2^24, together less than H.
 * @param left, right Columns to take away, 0 to 2^24, together less than W.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_cropping2d(martlet_model *model, martlet_node input, int64_t top, int64_t bottom, int64_t left,
                                  int64_t right, const char *name, martlet_node *out_node);

/* How images are brought to another size. Element i of n lies at (i + 1/2) size / n - 1/2 of an axis of the image. */
#define MARTLET_NEAREST 0  /* the pixel that this lies in */
#define MARTLET_BILINEAR 1 /* the two pixels beside it on each axis, by their nearness; at the borders, the last one */

/** Add images in a given size: X [N, H, W, C], Y [N, height, width, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param height, width 1 to 2^24.
 * @param interpolation MARTLET_NEAREST or MARTLET_BILINEAR (Keras' default).
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_resizing(martlet_model *model, martlet_node input, int64_t height, int64_t width,
                                int32_t interpolation, const char *name, martlet_node *out_node);

/** Add images so many times as high and as wide: X [N, H, W, C], Y [N, H height_factor, W width_factor, C].
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param height_factor, width_factor 1 to 2^24.
 * @param interpolation MARTLET_NEAREST (Keras' default) or MARTLET_BILINEAR.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_up_sampling2d(martlet_model *model, martlet_node input, int64_t height_factor,
                                     int64_t width_factor, int32_t interpolation, const char *name,
                                     martlet_node *out_node);

/* Images changed at random in training, so that a model meets no image twice; in prediction and evaluation they stay as
 * they are. What is drawn for an image depends on the trainer's seed, the step, the layer and the position in the batch
 * only. A factor is a pair, its lower and its upper bound, between which it is drawn uniformly for each image; where
 * Keras takes one number v, that is the pair -v and v, or 0 and v of martlet_random_contrast and
 * martlet_random_erasing. These functions copy what they are passed. */

#define MARTLET_FLIP_HORIZONTAL 1              /* left to right */
#define MARTLET_FLIP_VERTICAL 2                /* top to bottom */
#define MARTLET_FLIP_HORIZONTAL_AND_VERTICAL 3 /* both at once: half a turn, as in Keras 3 */

/** Add flips of images: X [N, H, W, C], Y of the same shape; half of the images, drawn at random, are flipped.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param mode A MARTLET_FLIP_ constant; Keras' default is MARTLET_FLIP_HORIZONTAL_AND_VERTICAL.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_random_flip(martlet_model *model, martlet_node input, int32_t mode, const char *name,
                                   martlet_node *out_node);

/* What is seen beyond the borders of an image, on each axis. */
#define MARTLET_FILL_CONSTANT 0 /* k k k k | a b c d | k k k k, with k the fill_value */
#define MARTLET_FILL_NEAREST 1  /* a a a a | a b c d | d d d d */
#define MARTLET_FILL_REFLECT 2  /* d c b a | a b c d | d c b a */
#define MARTLET_FILL_WRAP 3     /* a b c d | a b c d | a b c d */

/** Options of the functions below. Start from MARTLET_RANDOM_TRANSFORM_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_random_transform_options {
  uint32_t struct_size;
  int32_t fill_mode;     /* a MARTLET_FILL_ constant; default MARTLET_FILL_REFLECT */
  int32_t interpolation; /* MARTLET_BILINEAR (default) or MARTLET_NEAREST */
  float fill_value;      /* of MARTLET_FILL_CONSTANT; finite; default 0 */
  const char *name;      /* layer name; default NULL */
} martlet_random_transform_options;

#define MARTLET_RANDOM_TRANSFORM_OPTIONS_INIT                                                                          \
  {(uint32_t)sizeof(martlet_random_transform_options), MARTLET_FILL_REFLECT, MARTLET_BILINEAR, 0.0f, 0}

/** Add translations of images: pixel (i, j) of Y is what X has at row i - H h and column j - W w, with h and w drawn
 * from the two factors.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param height_factor [2] -1 <= lower <= upper <= 1; above 0, images move down.
 * @param width_factor [2] -1 <= lower <= upper <= 1; above 0, images move to the right.
 * @param options NULL for the defaults.
 * @param out_node Y, of the shape of X.
 * @return The section's codes. */
martlet_status martlet_random_translation(martlet_model *model, martlet_node input, const double *height_factor,
                                          const double *width_factor,
                                          const martlet_random_transform_options *options, martlet_node *out_node);

/** Add rotations of images about their middle (r, c): with the angle t = 2 pi f, f drawn from the factor, pixel (i, j)
 * of Y is what X has at row r + (j - c) sin t + (i - r) cos t and column c + (j - c) cos t - (i - r) sin t.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param factor [2] -1 <= lower <= upper <= 1, in turns; above 0, counterclockwise.
 * @param options NULL for the defaults.
 * @param out_node Y, of the shape of X.
 * @return The section's codes. */
martlet_status martlet_random_rotation(martlet_model *model, martlet_node input, const double *factor,
                                       const martlet_random_transform_options *options, martlet_node *out_node);

/** Add magnifications of images about their middle (r, c): pixel (i, j) of Y is what X has at row r + (i - r) (1 + h)
 * and column c + (j - c) (1 + w), with h and w drawn from the two factors.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param height_factor [2] -1 <= lower <= upper <= 1; below 0, images become larger. Keras opens files with a lower
 *   bound above -1, or with -1 and 1.
 * @param width_factor [2] The same for the width; NULL: w = h, which keeps proportions.
 * @param options NULL for the defaults.
 * @param out_node Y, of the shape of X.
 * @return The section's codes. */
martlet_status martlet_random_zoom(martlet_model *model, martlet_node input, const double *height_factor,
                                   const double *width_factor, const martlet_random_transform_options *options,
                                   martlet_node *out_node);

/** Add windows of images: X [N, H, W, C], Y [N, height, width, C]; in training each image has a window of its own,
 * anywhere. In prediction and evaluation Y is the largest window in the middle of X with the proportions of the result,
 * brought to its size as by martlet_resizing with MARTLET_BILINEAR. (So Keras' documentation has it; Keras 3.15 crops
 * the images of a batch all at one place, and leaves them as they are in prediction, in their own size.)
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param height, width Of the windows, 1 to 2^24, at most H and W: smaller images are not enlarged.
 * @param name Layer name or NULL.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_random_crop(martlet_model *model, martlet_node input, int64_t height, int64_t width,
                                   const char *name, martlet_node *out_node);

/** Add changes of contrast: y = min(max((x - m) (1 + f) + m, low), high), with m the mean of a channel of the image and
 * f drawn from -lower to upper.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param factor [2] 0 <= lower <= upper <= 1. (Keras takes one number v as 0 and v: it only adds contrast.)
 * @param value_range [2] low <= high, finite: what the values of pixels may be; NULL: 0 and 255, Keras' default.
 * @param name Layer name or NULL.
 * @param out_node Y, of the shape of X.
 * @return The section's codes. */
martlet_status martlet_random_contrast(martlet_model *model, martlet_node input, const double *factor,
                                       const float *value_range, const char *name, martlet_node *out_node);

/** Options of martlet_random_erasing. Start from MARTLET_RANDOM_ERASING_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_random_erasing_options {
  uint32_t struct_size;
  int32_t fill_count;   /* 0 (default): normal noise, times high; 1: one fill value; 3: one for each of 3 channels */
  double factor[2];     /* the probability is drawn from it; 0 <= lower <= upper <= 1; default 0 and 1 */
  double scale[2];      /* 0 <= lower <= upper <= 1; default 0.02 and 0.33 */
  float fill_value[3];  /* finite; as many count as fill_count says; default 0 */
  float value_range[2]; /* low <= high, finite; what boxes are filled with is held between them; default 0 and 255 */
  const char *name;     /* layer name; default NULL */
} martlet_random_erasing_options;

#define MARTLET_RANDOM_ERASING_OPTIONS_INIT                                                                            \
  {(uint32_t)sizeof(martlet_random_erasing_options), 0, {0.0, 1.0}, {0.02, 0.33}, {0.0f, 0.0f, 0.0f}, {0.0f, 255.0f}, 0}

/** Add boxes that hide a part of an image: Y is X but in a box, which an image has with a probability that is drawn
 * from the factor; Zhong et al. 2017. The box is sqrt(s) H high and sqrt(t) W wide, s and t drawn from the scale, and
 * lies anywhere in the image.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X, of rows [H, W, C].
 * @param options NULL for the defaults.
 * @param out_node Y, of the shape of X.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: 3 fill values for images without 3 channels). */
martlet_status martlet_random_erasing(martlet_model *model, martlet_node input,
                                      const martlet_random_erasing_options *options, martlet_node *out_node);

/** Options of martlet_batch_normalization. Start from MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT, which is Keras'
 * defaults. */
typedef struct martlet_batch_normalization_options {
  uint32_t struct_size;
  int32_t center;                                  /* 1 (default): beta; 0: none */
  int32_t scale;                                   /* 1 (default): gamma; 0: none */
  double momentum;                                 /* of the moving statistics, 0 to 1; default 0.99 */
  double epsilon;                                  /* > 0, finite as a float; default 1e-3 */
  martlet_initializer beta_initializer;            /* default MARTLET_ZEROS */
  martlet_initializer gamma_initializer;           /* default MARTLET_ONES */
  martlet_initializer moving_mean_initializer;     /* default MARTLET_ZEROS */
  martlet_initializer moving_variance_initializer; /* default MARTLET_ONES */
  martlet_regularizer beta_regularizer;            /* default none */
  martlet_regularizer gamma_regularizer;           /* default none */
  martlet_constraint beta_constraint;              /* default none */
  martlet_constraint gamma_constraint;             /* default none */
  const char *name;                                /* layer name; default NULL */
} martlet_batch_normalization_options;

#define MARTLET_BATCH_NORMALIZATION_OPTIONS_INIT                                                                       \
  {(uint32_t)sizeof(martlet_batch_normalization_options), 1, 1, 0.99, 1e-3,                                            \
   {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {MARTLET_ONES, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f},                        \
   {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {MARTLET_ONES, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f},                        \
   {0.0f, 0.0f}, {0.0f, 0.0f}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 0}

/** Add a batch normalisation of the last axis: Y = gamma (X - mean) / sqrt(variance + epsilon) + beta for each channel,
 * X and Y [N, ..., C]; Ioffe and Szegedy 2015. In training mean and variance are those of the batch over all other axes
 * (the variance divided by their number of elements), and moving = momentum moving + (1 - momentum) batch, with the
 * update of the weights; in prediction and evaluation, and in a frozen layer, they are the moving ones. Weights are
 * named "gamma", "beta", "moving_mean" and "moving_variance"; the latter two are not trained.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_batch_normalization(martlet_model *model, martlet_node input,
                                           const martlet_batch_normalization_options *options,
                                           martlet_node *out_node);

/** Options of martlet_layer_normalization and martlet_group_normalization. Start from
 * MARTLET_ROW_NORMALIZATION_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_row_normalization_options {
  uint32_t struct_size;
  int32_t center;                       /* 1 (default): beta; 0: none */
  int32_t scale;                        /* 1 (default): gamma; 0: none */
  double epsilon;                       /* > 0, finite as a float; default 1e-3 */
  martlet_initializer beta_initializer;  /* default MARTLET_ZEROS */
  martlet_initializer gamma_initializer; /* default MARTLET_ONES */
  martlet_regularizer beta_regularizer;  /* default none */
  martlet_regularizer gamma_regularizer; /* default none */
  martlet_constraint beta_constraint;    /* default none */
  martlet_constraint gamma_constraint;   /* default none */
  const char *name;                      /* layer name; default NULL */
} martlet_row_normalization_options;

#define MARTLET_ROW_NORMALIZATION_OPTIONS_INIT                                                                         \
  {(uint32_t)sizeof(martlet_row_normalization_options), 1, 1, 1e-3,                                                    \
   {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {MARTLET_ONES, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f},                        \
   {0.0f, 0.0f}, {0.0f, 0.0f}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 0}

/** Add a layer normalisation: Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, with mean and variance over the
 * last axis, X and Y [N, ..., C], gamma and beta [C]; Ba et al. 2016. Weights are named "gamma" and "beta".
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes. */
martlet_status martlet_layer_normalization(martlet_model *model, martlet_node input,
                                           const martlet_row_normalization_options *options, martlet_node *out_node);

/** Add a group normalisation: as martlet_layer_normalization, with mean and variance over all axes of a row but the
 * last, and over those of the C channels that are in one group; Wu and He 2018.
 *
 * @param model Model, not built yet.
 * @param input Node to read, X.
 * @param groups Divides C; -1: a group for each channel.
 * @param options NULL for the defaults.
 * @param out_node Y.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: groups that do not divide the channels). */
martlet_status martlet_group_normalization(martlet_model *model, martlet_node input, int64_t groups,
                                           const martlet_row_normalization_options *options, martlet_node *out_node);

/** Add an activation, element-wise but for softmax, which is over the last axis.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param activation MARTLET_LINEAR ... MARTLET_HARD_SWISH.
 * @param alpha Slope of MARTLET_LEAKY_RELU for x < 0, alpha of MARTLET_ELU; finite, >= 0; ignored by the others.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_activation(martlet_model *model, martlet_node input, int32_t activation, float alpha,
                                  const char *name, martlet_node *out_node);

/** Add a ReLU with limits: y = max_value for x >= max_value, x from threshold to there, and negative_slope *
 * (x - threshold) below. Without any, infinity, 0 and 0, it is MARTLET_RELU.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param max_value >= 0; infinity for none.
 * @param negative_slope Finite, >= 0.
 * @param threshold Finite, >= 0.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_relu(martlet_model *model, martlet_node input, float max_value, float negative_slope,
                            float threshold, const char *name, martlet_node *out_node);

/** Options of martlet_prelu. Start from MARTLET_PRELU_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_prelu_options {
  uint32_t struct_size;
  int32_t shared_axes;                   /* 0 (default): each element of a row has its alpha; or as many axes as a row
                                            has but the last, 2 for images: each channel has its own */
  martlet_initializer alpha_initializer; /* default MARTLET_ZEROS */
  martlet_regularizer alpha_regularizer; /* default none */
  martlet_constraint alpha_constraint;   /* default none */
  const char *name;                      /* layer name; default NULL */
} martlet_prelu_options;

#define MARTLET_PRELU_OPTIONS_INIT                                                                                     \
  {(uint32_t)sizeof(martlet_prelu_options), 0, {MARTLET_ZEROS, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f}, {0.0f, 0.0f},            \
   {MARTLET_NO_CONSTRAINT, 0.0f, 0, 0}, 0}

/** Add a ReLU whose slope below 0 is trained: y = x for x > 0, alpha x otherwise; He et al. 2015. The weight is named
 * "alpha", of the shape of a row, or [1, ..., C]; at most 2^24 elements.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param options NULL for the defaults.
 * @param out_node Node of the same shape.
 * @return The section's codes; MARTLET_UNSUPPORTED (more alphas). */
martlet_status martlet_prelu(martlet_model *model, martlet_node input, const martlet_prelu_options *options,
                             martlet_node *out_node);

/** Add a softmax over some axes of the rows: y = exp(x) / sum exp(x), as martlet_activation adds it over the last one.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param axis_count Number of axes, 1 to the rank of the rows.
 * @param axes [axis_count] axes that are neighbours, as in Keras: 1 is the first dimension of a row, -1 the last.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_softmax(martlet_model *model, martlet_node input, int32_t axis_count, const int32_t *axes,
                               const char *name, martlet_node *out_node);

/** Add dropout: in training each element is zero with probability rate, otherwise multiplied by 1 / (1 - rate);
 * in prediction and evaluation y = x. Srivastava et al. 2014, in the inverted form. The mask depends on the trainer's
 * seed, the step, the layer and the position only.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param rate 0 <= rate < 1.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_dropout(martlet_model *model, martlet_node input, double rate, const char *name,
                               martlet_node *out_node);

/** Add dropout of whole channels: as martlet_dropout, but in a row all elements of a channel share their fate; Tompson
 * et al. 2015 (Keras' SpatialDropout2D and 1D).
 *
 * @param model Model, not built yet.
 * @param input Node to read, of rows [H, W, C] or [L, C].
 * @param rate 0 <= rate < 1.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_spatial_dropout(martlet_model *model, martlet_node input, double rate, const char *name,
                                       martlet_node *out_node);

/** Add noise: in training y = x + N(0, stddev^2); in prediction and evaluation y = x. The noise depends on the
 * trainer's seed, the step and the element, on nothing else.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param stddev Standard deviation, finite, >= 0. Keras 3 opens files with up to 1.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_gaussian_noise(martlet_model *model, martlet_node input, double stddev, const char *name,
                                      martlet_node *out_node);

/** Add a penalty on activations: y = x, and in training and evaluation (l1 * sum |x| + l2 * sum x^2) / N is added to
 * the regularisation loss, N being the rows of the batch (as in Keras 3).
 *
 * @param model Model, not built yet.
 * @param input Node to read, x.
 * @param l1 Finite, >= 0.
 * @param l2 Finite, >= 0.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_activity_regularization(martlet_model *model, martlet_node input, float l1, float l2,
                                               const char *name, martlet_node *out_node);

/** Add a reshape of each row [d1, d2, ...] to one dimension [d1 * d2 * ...].
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param name Layer name or NULL.
 * @param out_node Node of rank 1.
 * @return The section's codes.
 *
 * Cost: none, nothing is copied. */
martlet_status martlet_flatten(martlet_model *model, martlet_node input, const char *name, martlet_node *out_node);

/** Add a reshape of each row to other dimensions, its elements in the same order.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param rank Dimensions of an output row, without N: 1 to MARTLET_MAX_RANK - 1.
 * @param shape rank dimensions, each >= 1; one may be -1: what the others leave.
 * @param name Layer name or NULL.
 * @param out_node Node of rows of that shape.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: another number of elements than the input's rows have).
 *
 * Cost: none, nothing is copied. */
martlet_status martlet_reshape(martlet_model *model, martlet_node input, int32_t rank, const int64_t *shape,
                               const char *name, martlet_node *out_node);

/** Add a permutation of the dimensions of a row: dimension k of an output row is dimension dims[k] of an input row,
 * such as {3, 1, 2} from [H, W, channels] to [channels, H, W].
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param rank Dimensions of a row, those of the input's.
 * @param dims 1 to rank, each once; dimensions of a row are counted from 1, as in Keras.
 * @param name Layer name or NULL.
 * @param out_node Node of the permuted rows.
 * @return The section's codes.
 *
 * Cost: each element is copied, once for most orders of up to three dimensions. */
martlet_status martlet_permute(martlet_model *model, martlet_node input, int32_t rank, const int32_t *dims,
                               const char *name, martlet_node *out_node);

/** Add y = x * scale + offset, such as scale 1/255 for 8-bit images.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param scale, offset Finite.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes. */
martlet_status martlet_rescaling(martlet_model *model, martlet_node input, double scale, double offset,
                                 const char *name, martlet_node *out_node);

/** Add y = x * scale + offset with numbers for each channel, an element of the last axis, such as the negative means
 * of red, green and blue as offsets.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param scale_count 1 (one for all) or the size of the last axis, at most 2^24.
 * @param scale [scale_count], finite as float32; copied.
 * @param offset_count 1 or the size of the last axis, at most 2^24.
 * @param offset [offset_count], finite as float32; copied.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes; MARTLET_UNSUPPORTED (more numbers).
 *
 *   const double one = 1, means[] = {-123.68, -116.779, -103.939};
 *   martlet_channel_rescaling(m, x, 1, &one, 3, means, NULL, &x); */
martlet_status martlet_channel_rescaling(martlet_model *model, martlet_node input, int64_t scale_count,
                                         const double *scale, int64_t offset_count, const double *offset,
                                         const char *name, martlet_node *out_node);

/** Add y = (x - mean) / max(sqrt(variance), 1e-7) with fixed statistics, as Keras' Normalization does.
 * martlet_dataset_statistics computes them.
 *
 * @param model Model, not built yet.
 * @param input Node to read.
 * @param count How many statistics there are: 1 (one for all), the size of the last axis (one per channel), or all
 *              elements of a row (a mean image); at most 2^24.
 * @param mean [count], finite; copied.
 * @param variance [count], finite and >= 0; copied. NULL subtracts the mean only.
 * @param name Layer name or NULL.
 * @param out_node Node of the same shape.
 * @return The section's codes; MARTLET_UNSUPPORTED (more statistics). */
martlet_status martlet_normalization(martlet_model *model, martlet_node input, int64_t count, const float *mean,
                                     const float *variance, const char *name, martlet_node *out_node);

/** Add y = x1 + x2 + ..., such as the end of a residual block. For this and the next layers: axes of size 1, before the
 * last one, of images [H, W, C] and sequences [L, C] are spread over those of the others.
 *
 * @param model Model, not built yet.
 * @param input_count Number of inputs, 2 or more.
 * @param inputs [input_count] nodes of one shape.
 * @param name Layer name or NULL.
 * @param out_node Node of that shape.
 * @return The section's codes.
 *
 *   martlet_node both[] = {x, f};
 *   martlet_dense(m, x, 64, NULL, &both[1]), martlet_add(m, 2, both, NULL, &y); */
martlet_status martlet_add(martlet_model *model, int32_t input_count, const martlet_node *inputs, const char *name,
                           martlet_node *out_node);

/** Add y = a - b.
 *
 * @param model Model, not built yet.
 * @param a, b Nodes of one shape.
 * @param name Layer name or NULL.
 * @param out_node Node of that shape.
 * @return The section's codes. */
martlet_status martlet_subtract(martlet_model *model, martlet_node a, martlet_node b, const char *name,
                                martlet_node *out_node);

/** Add y = x1 x2 ..., element by element.
 *
 * @param model Model, not built yet.
 * @param input_count Number of inputs, 2 or more.
 * @param inputs [input_count] nodes of one shape.
 * @param name Layer name or NULL.
 * @param out_node Node of that shape.
 * @return The section's codes. */
martlet_status martlet_multiply(martlet_model *model, int32_t input_count, const martlet_node *inputs, const char *name,
                                martlet_node *out_node);

/** Add y = (x1 + x2 + ...) / input_count.
 *
 * @param model Model, not built yet.
 * @param input_count Number of inputs, 2 or more.
 * @param inputs [input_count] nodes of one shape.
 * @param name Layer name or NULL.
 * @param out_node Node of that shape.
 * @return The section's codes. */
martlet_status martlet_average(martlet_model *model, int32_t input_count, const martlet_node *inputs, const char *name,
                               martlet_node *out_node);

/** Add y = max(x1, x2, ...), element by element. Where inputs are equal, the first of them gets the gradient.
 *
 * @param model Model, not built yet.
 * @param input_count Number of inputs, 2 or more.
 * @param inputs [input_count] nodes of one shape.
 * @param name Layer name or NULL.
 * @param out_node Node of that shape.
 * @return The section's codes. */
martlet_status martlet_maximum(martlet_model *model, int32_t input_count, const martlet_node *inputs, const char *name,
                               martlet_node *out_node);

/** Join nodes along one axis.
 *
 * @param model Model, not built yet.
 * @param input_count Number of inputs, 2 or more.
 * @param inputs [input_count] nodes that differ in that axis only.
 * @param axis As in Keras: 1 is the first dimension of a row, -1 the last.
 * @param name Layer name or NULL.
 * @param out_node Node whose size in that axis is the sum of theirs.
 * @return The section's codes. */
martlet_status martlet_concatenate(martlet_model *model, int32_t input_count, const martlet_node *inputs, int32_t axis,
                                   const char *name, martlet_node *out_node);

/** Apply a layer once more, with the same weights, to other nodes. Its gradient is the sum over all applications.
 *
 * @param model Model, not built yet.
 * @param node A result of the layer.
 * @param input_count Number of nodes that the layer reads.
 * @param inputs [input_count] nodes to read, of shapes that fit the weights.
 * @param out_node The new result.
 * @return The section's codes.
 *
 *   martlet_dense(m, left, 16, NULL, &a), martlet_share(m, a, 1, &right, &b); */
martlet_status martlet_share(martlet_model *model, martlet_node node, int32_t input_count, const martlet_node *inputs,
                             martlet_node *out_node);

/** Options of models as layers. Start from MARTLET_SUBMODEL_OPTIONS_INIT. */
typedef struct martlet_submodel_options {
  uint32_t struct_size;
  int32_t inference; /* 1: its layers do in training what they do in prediction, as with Keras' training=False: batch
                        normalisation runs on its moving statistics even where it is trained; 0 (default) */
  const char *name;  /* default NULL: the submodel's own name, numbered if it is in use */
} martlet_submodel_options;

#define MARTLET_SUBMODEL_OPTIONS_INIT {(uint32_t)sizeof(martlet_submodel_options), 0, 0}

/** Apply a model as a layer. Its layers become layers of the model that is being built, with copies of its weights as
 * they are now, and "NAME/" before their names: "base/conv1". Wherever a layer is named, a layer so named is meant;
 * martlet_model_set_trainable takes NAME for all of them. In Keras' files it is a model in the model. Submodels may
 * have submodels, 16 inside one another at most.
 *
 * @param model Model, not built yet.
 * @param submodel Another model, built, which stays as it is.
 * @param input_count Number of the submodel's inputs.
 * @param inputs [input_count] nodes to read, of the rows that the submodel takes.
 * @param options NULL for the defaults.
 * @param output_count Number of the submodel's outputs.
 * @param out_nodes [output_count] nodes of its outputs.
 * @return The section's codes (MARTLET_INVALID_STATE also: the submodel is not built); MARTLET_OUT_OF_MEMORY;
 *         MARTLET_UNSUPPORTED (more layers, nodes or submodels than there may be).
 *
 *   martlet_resizing(m, image, 224, 224, ...), martlet_submodel(m, base, 1, &image, NULL, 1, &features); */
martlet_status martlet_submodel(martlet_model *model, martlet_model *submodel, int32_t input_count,
                                const martlet_node *inputs, const martlet_submodel_options *options,
                                int32_t output_count, martlet_node *out_nodes);

/** Apply a submodel once more, with the same weights, to other nodes.
 *
 * @param model Model, not built yet.
 * @param name Name of the submodel.
 * @param input_count Number of its inputs.
 * @param inputs [input_count] nodes to read.
 * @param inference As in martlet_submodel_options, for this application.
 * @param output_count Number of its outputs.
 * @param out_nodes [output_count] the new nodes.
 * @return The section's codes; MARTLET_NOT_FOUND (no such submodel). */
martlet_status martlet_share_submodel(martlet_model *model, const char *name, int32_t input_count,
                                      const martlet_node *inputs, int32_t inference, int32_t output_count,
                                      martlet_node *out_nodes);

/** Finish a model: check the graph and initialise the weights. After this no layer can be added.
 *
 * @param model Model, not built yet.
 * @param output_count Number of outputs, 1 or more.
 * @param outputs [output_count], the nodes that are the model's results, in this order, each once. Every layer must
 *                lead to one.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_model_build(martlet_model *model, int32_t output_count, const martlet_node *outputs);

/* ------------------------------------------------------------------------------------------------------------
 * Models: applications
 *
 * Networks for images as keras.applications makes them: the same layers, in the same order, with Keras' names, settings
 * and initialisers. docs/applications.md has their sizes, and the files of trained weights that Keras publishes.
 *
 * The section's codes: MARTLET_OK; MARTLET_INVALID_ARGUMENT; MARTLET_OUT_OF_MEMORY; if the options name a file of
 * weights, also MARTLET_NOT_FOUND (no such file), MARTLET_IO_ERROR, MARTLET_FORMAT_ERROR (also: weights that do not
 * fit, as those of another network or of one with another end), MARTLET_UNSUPPORTED.
 * --------------------------------------------------------------------------------------------------------- */

/* What comes after the last layer of a network without its classifier, over the whole image. */
#define MARTLET_POOLING_NONE 0    /* nothing: Y [N, H', W', C] */
#define MARTLET_POOLING_AVERAGE 1 /* the average of each channel: Y [N, C] */
#define MARTLET_POOLING_MAX 2     /* the greatest element of each channel: Y [N, C] */

/** Options of applications. Start from MARTLET_APPLICATION_OPTIONS_INIT, which is Keras' defaults. */
typedef struct martlet_application_options {
  uint32_t struct_size;
  int32_t include_top;           /* 1 (default): the network ends with its classifier; 0: before it */
  int32_t pooling;               /* without classifier: MARTLET_POOLING_NONE (default) ...; with it ignored */
  int32_t classifier_activation; /* MARTLET_SOFTMAX (default), MARTLET_LINEAR for logits, or without weights any other
                                    activation */
  int32_t preprocessing;         /* 1: the layer after the input, "preprocessing", makes of red, green and blue from 0
                                    to 255 what published weights expect; default 0. The file of weights is one of the
                                    network without it */
  int64_t classes;               /* units of the classifier, >= 1; default 1000 */
  int64_t height, width;         /* H and W, at least the network's minimum; 0 (default): its own size */
  int64_t channels;              /* >= 1; default 3. Published weights are for 3 */
  double alpha;                  /* what MobileNetV2's numbers of channels are multiplied by, above 0 and at most 100;
                                    the others do not use it; default 1 */
  uint64_t seed;                 /* of the weight initialisers, as in martlet_model_create; default 0 */
  const char *weights;           /* a file of weights as martlet_model_load_weights takes by order, such as one of those
                                    that Keras publishes; default NULL: new weights */
  const char *name;              /* of the model; default NULL: Keras' name, such as "resnet50" */
} martlet_application_options;

#define MARTLET_APPLICATION_OPTIONS_INIT                                                                               \
  {(uint32_t)sizeof(martlet_application_options), 1, MARTLET_POOLING_NONE, MARTLET_SOFTMAX, 0, 1000, 0, 0, 3, 1, 0, 0, \
   0}

/** Make ResNet50 (He et al. 2016): X [N, H, W, C] with H, W >= 32, 224 by default.
 *
 * Preprocessing: blue - 103.939, green - 116.779, red - 123.68, by a frozen Conv2D of pixels that exchanges the
 * channels and subtracts the means (its weights "kernel" and "bias"). It gives the bits of Keras' preprocess_input, for
 * products with 0 and 1 and sums with 0 are exact. It takes 3 channels. martlet_model_clone and
 * martlet_model_from_json, which make new weights, make them for this layer too; martlet_model_copy and files keep
 * them.
 *
 * @param options NULL for the defaults.
 * @param out_model The model, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy.
 *
 *   martlet_application_options o = MARTLET_APPLICATION_OPTIONS_INIT;
 *   o.include_top = 0, o.pooling = MARTLET_POOLING_AVERAGE, o.preprocessing = 1;
 *   o.weights = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5";
 *   martlet_resnet50_create(&o, &m); */
martlet_status martlet_resnet50_create(const martlet_application_options *options, martlet_model **out_model);

/** Make Xception (Chollet 2017): X [N, H, W, C] with H, W >= 71, 299 by default.
 *
 * Preprocessing: each channel / 127.5 - 1 by a Rescaling layer; within 2^-21 of Keras' preprocess_input, which divides
 * where the layer multiplies.
 *
 * @param options NULL for the defaults.
 * @param out_model The model, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_xception_create(const martlet_application_options *options, martlet_model **out_model);

/** Make VGG16 (Simonyan and Zisserman 2015): X [N, H, W, C] with H, W >= 32, 224 by default. Preprocessing as of
 * martlet_resnet50_create.
 *
 * @param options NULL for the defaults.
 * @param out_model The model, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_vgg16_create(const martlet_application_options *options, martlet_model **out_model);

/** Make MobileNetV2 (Sandler et al. 2018): X [N, H, W, C] with H, W >= 32, 224 by default. Numbers of channels are
 * multiplied by alpha and rounded to multiples of 8. Preprocessing as of martlet_xception_create.
 *
 * @param options NULL for the defaults.
 * @param out_model The model, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_mobilenetv2_create(const martlet_application_options *options, martlet_model **out_model);

/* ------------------------------------------------------------------------------------------------------------
 * Models: looking inside
 *
 * The section's codes: MARTLET_OK; MARTLET_INVALID_ARGUMENT; MARTLET_INVALID_STATE, the model is not built;
 * MARTLET_BUSY. Every pointer for a shape needs room for MARTLET_MAX_RANK dimensions.
 * --------------------------------------------------------------------------------------------------------- */

/** Name of the model.
 *
 * @param model Model, built or not.
 * @param out_name Name.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_BUSY.
 *
 * Ownership: borrowed; valid as long as the model. */
martlet_status martlet_model_name(martlet_model *model, const char **out_name);

/** Table of layers, output shapes and parameters, with totals, flops for a row and memory for a batch of 32, for
 * people.
 *
 * @param model Model.
 * @param out_text Lines, each with its line end.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the layers change or are frozen, or the model is destroyed. */
martlet_status martlet_model_summary(martlet_model *model, const char **out_text);

/** What a model costs to run. Weights are counted apart from the memory for a batch. */
typedef struct martlet_cost {
  uint32_t struct_size;      /* set by the caller; the bytes that are filled */
  int32_t array_count;       /* weight arrays */
  int64_t weight_bytes;
  int64_t prediction_bytes;  /* values of the layers in a batch, as far as they live at the same time; also what
                                predictions keep of kernels of 3 x 3, and their scratch on one thread */
  int64_t training_bytes;    /* values, their gradients and those of the weights; also transforms of kernels of 3 x 3,
                                and scratch on one thread; not the optimiser's state */
  int64_t prediction_flops;  /* for one row: multiplications and additions of the matrix products */
  int64_t training_flops;    /* for one row: forward and backward */
} martlet_cost;

/** Memory for a batch and arithmetic for a row, as the plans of this version need them.
 *
 * @param model Model.
 * @param batch_size Rows of a batch, 1 or more.
 * @param out_cost Set struct_size to sizeof(martlet_cost) before the call; that many bytes are filled.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY (a batch that no memory could hold). */
martlet_status martlet_model_cost(martlet_model *model, int64_t batch_size, martlet_cost *out_cost);

/** Number of weights, and of those that training changes.
 *
 * @param model Model.
 * @param out_total All weights; NULL if not wanted.
 * @param out_trainable Those that training changes; NULL if not wanted.
 * @return The section's codes. */
martlet_status martlet_model_parameter_count(martlet_model *model, int64_t *out_total, int64_t *out_trainable);

/** Whether training changes the weights of a layer.
 *
 * @param model Model.
 * @param layer Name of a layer or submodel.
 * @param out_trainable 1 (as layers are made) or 0, frozen: of a submodel, all its layers with weights. A layer without
 *                      weights may be either.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_trainable(martlet_model *model, const char *layer, int32_t *out_trainable);

/** Have the weights of a layer trained, or freeze them: from the next step of any trainer on. Below the first layer
 * that is trained no gradients are computed and no activations kept; a frozen batch normalisation runs on its moving
 * statistics and leaves them. A trainer keeps what its optimiser has of frozen weights.
 *
 * @param model Model, not used by a call.
 * @param layer Name of a layer, or of a submodel for all its layers; NULL for all.
 * @param trainable 1 or 0.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_set_trainable(martlet_model *model, const char *layer, int32_t trainable);

/** Number of inputs.
 *
 * @param model Model.
 * @param out_count Inputs, 1 or more.
 * @return The section's codes. */
martlet_status martlet_model_input_count(martlet_model *model, int32_t *out_count);

/** Number of outputs.
 *
 * @param model Model.
 * @param out_count Outputs, 1 or more.
 * @return The section's codes. */
martlet_status martlet_model_output_count(martlet_model *model, int32_t *out_count);

/** Name of an input, which is that of its layer.
 *
 * @param model Model.
 * @param index 0 to the number of inputs - 1.
 * @param out_name Name.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_input_name(martlet_model *model, int32_t index, const char **out_name);

/** Name of an output, which is that of the layer that makes it. Where a layer that is applied more than once makes more
 * than one output, these have the same name.
 *
 * @param model Model.
 * @param index 0 to the number of outputs - 1.
 * @param out_name Name.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_output_name(martlet_model *model, int32_t index, const char **out_name);

/** Shape of one row of an input.
 *
 * @param model Model.
 * @param index 0 to the number of inputs - 1.
 * @param out_rank Number of dimensions, without N.
 * @param out_shape *out_rank dimensions.
 * @return The section's codes. */
martlet_status martlet_model_input_shape(martlet_model *model, int32_t index, int32_t *out_rank, int64_t *out_shape);

/** Shape of one row of an output.
 *
 * @param model Model.
 * @param index 0 to the number of outputs - 1.
 * @param out_rank Number of dimensions, without N.
 * @param out_shape *out_rank dimensions.
 * @return The section's codes. */
martlet_status martlet_model_output_shape(martlet_model *model, int32_t index, int32_t *out_rank,
                                          int64_t *out_shape);

/** Number of layers, inputs included.
 *
 * @param model Model.
 * @param out_count Layers.
 * @return The section's codes. */
martlet_status martlet_model_layer_count(martlet_model *model, int32_t *out_count);

/** Name and Keras class of one layer.
 *
 * @param model Model.
 * @param index 0 to the number of layers - 1, in topological order.
 * @param out_name Layer name; NULL if not wanted.
 * @param out_class Class such as "Dense"; NULL if not wanted.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_layer(martlet_model *model, int32_t index, const char **out_name,
                                   const char **out_class);

/** Number of submodels, those inside others included: martlet_submodel, and models in the models of Keras' files.
 *
 * @param model Model.
 * @param out_count Submodels.
 * @return The section's codes. */
martlet_status martlet_model_submodel_count(martlet_model *model, int32_t *out_count);

/** Name and Keras class of one submodel.
 *
 * @param model Model.
 * @param index 0 to the number of submodels - 1; each comes before those inside it.
 * @param out_name Its name, "outer/inner" for one inside another; NULL if not wanted.
 * @param out_class "Sequential" or "Functional"; NULL if not wanted.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_submodel(martlet_model *model, int32_t index, const char **out_name,
                                      const char **out_class);

/** Number of inputs that a layer reads.
 *
 * @param model Model.
 * @param layer Layer name.
 * @param out_count Inputs; 0 for an input layer.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_layer_input_count(martlet_model *model, const char *layer, int32_t *out_count);

/** Shape of one row of what a layer reads; of a shared layer, what it reads first.
 *
 * @param model Model.
 * @param layer Layer name.
 * @param index 0 to the number of its inputs - 1.
 * @param out_rank Number of dimensions, without N.
 * @param out_shape *out_rank dimensions.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_layer_input_shape(martlet_model *model, const char *layer, int32_t index,
                                               int32_t *out_rank, int64_t *out_shape);

/** Number of weight arrays of a layer.
 *
 * @param model Model.
 * @param layer Layer name.
 * @param out_count Weight arrays; 0 for a layer without.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_weight_count(martlet_model *model, const char *layer, int32_t *out_count);

/** Name and shape of one weight array of a layer.
 *
 * @param model Model.
 * @param layer Layer name.
 * @param index 0 to the number of arrays - 1, in Keras' order (Dense: kernel, bias).
 * @param out_name Name of the array; NULL if not wanted.
 * @param out_rank Number of dimensions; NULL if not wanted.
 * @param out_shape *out_rank dimensions; NULL if not wanted.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer).
 *
 * Ownership: the name is borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_weight(martlet_model *model, const char *layer, int32_t index, const char **out_name,
                                    int32_t *out_rank, int64_t *out_shape);

/** Copy one weight array out.
 *
 * @param model Model.
 * @param layer Layer name, such as "dense".
 * @param weight Name of the array, such as "kernel".
 * @param out_values [count], row-major in Keras' layout, written.
 * @param count Number of elements of the array, no more and no less.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer or weight). */
martlet_status martlet_model_get_weight(martlet_model *model, const char *layer, const char *weight,
                                        float *out_values, int64_t count);

/** Copy one weight array in.
 *
 * @param model Model.
 * @param layer Layer name, such as "dense".
 * @param weight Name of the array, such as "kernel".
 * @param values [count], row-major in Keras' layout, finite.
 * @param count Number of elements of the array, no more and no less.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer or weight). */
martlet_status martlet_model_set_weight(martlet_model *model, const char *layer, const char *weight,
                                        const float *values, int64_t count);

/** Name the C classes of the (first) output; kept in the model file.
 *
 * @param model Model.
 * @param count Size of the last axis of that output, or 0 for none; at most 2^20.
 * @param names [count] strings, each at most 255 bytes; copied.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY, MARTLET_UNSUPPORTED (more names). */
martlet_status martlet_model_set_class_names(martlet_model *model, int32_t count, const char *const *names);

/** Number of class names.
 *
 * @param model Model.
 * @param out_count Names; 0 if there are none.
 * @return The section's codes. */
martlet_status martlet_model_class_count(martlet_model *model, int32_t *out_count);

/** One class name.
 *
 * @param model Model.
 * @param index 0 to the number of names - 1.
 * @param out_name Name.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the names are set again or the model is destroyed. */
martlet_status martlet_model_class_name(martlet_model *model, int32_t index, const char **out_name);

/* ------------------------------------------------------------------------------------------------------------
 * Models: copies and changes
 *
 * The section's codes: MARTLET_OK; MARTLET_INVALID_ARGUMENT; MARTLET_INVALID_STATE, the model is not built;
 * MARTLET_OUT_OF_MEMORY; MARTLET_BUSY.
 *
 * A change infers all shapes again. Every layer that stays keeps its weights: a change after which a weight array would
 * need another shape is MARTLET_INVALID_ARGUMENT, and nothing has changed. What the functions that look inside the
 * model have passed out is no longer valid after a change, and trainers that were made before it answer
 * MARTLET_INVALID_STATE.
 * --------------------------------------------------------------------------------------------------------- */

/** Copy a model: layers, weights, seed and class names.
 *
 * @param model Model, built.
 * @param out_copy The copy, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy. Both go their own ways. */
martlet_status martlet_model_copy(martlet_model *model, martlet_model **out_copy);

/** Make a model of the same layers and class names, with weights initialised anew.
 *
 * @param model Model, built.
 * @param seed Seed of the weight initialisers, as in martlet_model_create.
 * @param out_clone The new model, built.
 * @return The section's codes.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_model_clone(martlet_model *model, uint64_t seed, martlet_model **out_clone);

/** Copy a submodel: a model of its own, with its layers and weights, such as one that computes features.
 *
 * @param model Model, built.
 * @param name Name of the submodel.
 * @param out_copy The copy, built.
 * @return The section's codes; MARTLET_NOT_FOUND (no such submodel).
 *
 * Ownership: free it with martlet_model_destroy. Both go their own ways. */
martlet_status martlet_model_copy_submodel(martlet_model *model, const char *name, martlet_model **out_copy);

/** Cut a model in two after a layer or submodel, through whose one result all that follows goes: to take off its head,
 * or to compute its features once. Both parts have copies of their weights.
 *
 * @param model Model, built, which stays as it is.
 * @param layer Name of a layer or submodel that is applied once.
 * @param out_lower The part whose output is the layer's result; NULL if not wanted.
 * @param out_upper The rest, named NAME_head after the model, which has an input of the layer's name in its place;
 *                  NULL if not wanted.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: an output that is no later than the layer, a layer after
 *         it that reads one before it, a layer that is applied on both sides); MARTLET_NOT_FOUND (no such layer).
 *
 * Ownership: free both with martlet_model_destroy.
 *
 *   martlet_model_cut(network, "avg_pool", &base, NULL); */
martlet_status martlet_model_cut(martlet_model *model, const char *layer, martlet_model **out_lower,
                                 martlet_model **out_upper);

/** Give a layer another name.
 *
 * @param model Model, built.
 * @param layer Layer name.
 * @param name New name, made as in martlet_input; of a layer in a submodel, without the submodel's.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_rename_layer(martlet_model *model, const char *layer, const char *name);

/** Remove a layer: what read it reads its input, and where it was an output of the model its input becomes one. Class
 * names go if their number is no longer that of the output.
 *
 * @param model Model, built.
 * @param layer Name of a layer that reads one input.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer). */
martlet_status martlet_model_remove_layer(martlet_model *model, const char *layer);

/** Put another layer in the place of one. It starts with new weights. Class names go if their number is no longer that
 * of the output.
 *
 * @param model Model, built.
 * @param layer Layer name.
 * @param json The new layer in Keras' JSON, as martlet_model_to_json has it among "layers": its class and
 *             configuration. Without a "name" it has that of the old one.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer); MARTLET_FORMAT_ERROR and MARTLET_UNSUPPORTED as in
 *         martlet_model_from_json.
 *
 *   martlet_model_replace_layer(m, "head", "{\"class_name\": \"Dense\", \"config\": {\"units\": 5}}"); */
martlet_status martlet_model_replace_layer(martlet_model *model, const char *layer, const char *json);

/* ------------------------------------------------------------------------------------------------------------
 * Models: files
 * --------------------------------------------------------------------------------------------------------- */

/** Save a model as a Keras HDF5 file (docs/file-format.md), which keras.models.load_model and h5py open: layers,
 * weights, seed and class names. Same model, same bytes.
 *
 * The file appears whole or not at all: an existing one is replaced only after the new one is on the disk, with the
 * same permissions. A symbolic link is followed.
 *
 * @param model Model, built.
 * @param path File name, by convention ending in ".h5".
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_NOT_FOUND (no such folder),
 *         MARTLET_IO_ERROR, MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_model_save(martlet_model *model, const char *path);

/** Load a model from a Keras HDF5 file: one of martlet_model_save or of Keras 2 or 3 (model.save("m.h5")), or from one
 * of Keras 3's .keras archives.
 *
 * @param path File name.
 * @param out_model The model, built.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_NOT_FOUND (no such file), MARTLET_IO_ERROR,
 *         MARTLET_FORMAT_ERROR, MARTLET_UNSUPPORTED (a layer or option this version does not have, named; a file of
 *         weights only: martlet_model_load_weights; an archive that is packed), MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_model_destroy.
 *
 *   martlet_model *m;
 *   if (martlet_model_load("digits.h5", &m) != MARTLET_OK) fprintf(stderr, "%s\n", martlet_last_error());
 *   martlet_model_destroy(m); */
martlet_status martlet_model_load(const char *path, martlet_model **out_model);

/** Load a model with other layers in the place of some of its file's, such as Keras' Lambda, which holds code. Each
 * reads what the layer in the file reads, and has its name. One with weights finds them where those of the old one are.
 *
 * @param path File name.
 * @param count How many layers to replace, 1 to 4096.
 * @param layers [count] their names; of a layer in a submodel "SUBMODEL/NAME".
 * @param json [count] the new layers in Keras' JSON, as in martlet_model_replace_layer.
 * @param out_model The model, built.
 * @return As of martlet_model_load; MARTLET_NOT_FOUND also: the file has no such layer.
 *
 * Ownership: free it with martlet_model_destroy.
 *
 *   const char *layer = "lambda";
 *   const char *json = "{\"class_name\": \"Resizing\", \"config\": {\"height\": 224, \"width\": 224}}";
 *   martlet_model_load_replacing("xception.h5", 1, &layer, &json, &m); */
martlet_status martlet_model_load_replacing(const char *path, int32_t count, const char *const *layers,
                                            const char *const *json, martlet_model **out_model);

/** Write the bytes of a model's file, those that martlet_model_save would write, to memory. Layers and class names
 * decide how many they are; training does not change it.
 *
 * @param model Model, built.
 * @param out_bytes Where the bytes go; NULL to ask for their number only.
 * @param room Bytes that out_bytes has room for, at least those of the file; ignored if it is NULL.
 * @param out_count Bytes of the file.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (also: too little room), MARTLET_INVALID_STATE (not built),
 *         MARTLET_OUT_OF_MEMORY, MARTLET_BUSY.
 *
 * Cost: every call builds the whole file.
 *
 *   int64_t count;
 *   martlet_model_save_memory(m, NULL, 0, &count);
 *   void *bytes = malloc((size_t)count);
 *   martlet_model_save_memory(m, bytes, count, &count); */
martlet_status martlet_model_save_memory(martlet_model *model, void *out_bytes, int64_t room, int64_t *out_count);

/** Load a model from the bytes of a file, as martlet_model_load does from the file itself. Messages call it 'bytes'.
 *
 * @param bytes [count], the whole file; read during the call only.
 * @param count Bytes, 1 or more.
 * @param out_model The model, built.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_FORMAT_ERROR, MARTLET_UNSUPPORTED, MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_model_load_memory(const void *bytes, int64_t count, martlet_model **out_model);

/** Save the weights alone, without the layers, as Keras' save_weights does. As martlet_model_save, the file appears
 * whole or not at all.
 *
 * @param model Model, built.
 * @param path File name. One that ends in ".weights.h5" gets the layout of Keras 3, any other that of Keras 2.
 * @return As martlet_model_save. */
martlet_status martlet_model_save_weights(martlet_model *model, const char *path);

/** Replace the weights of a model by those of a file: one of martlet_model_save_weights, one of save_weights of Keras 1
 * to 3, or that of a whole model. All that are asked for are read and checked before the first is replaced.
 *
 * By order, the layers with weights are as many in the file as in the model, and they are paired in Keras' order:
 * falling distance from the outputs, which for a chain is its order. By name, layers are paired that have the same
 * name; the others keep their weights, and at least one must be found.
 *
 * @param model Model, built.
 * @param path File name.
 * @param by_name 1: by name; 0: by order.
 * @param skip_mismatch 1: a layer with weights of other shapes than those of the file, or another number of them, keeps
 *                      its own; 0: it is an error.
 * @param out_skipped How many layers kept theirs for that; NULL if it does not matter. martlet_model_skipped_layer
 *                    tells which.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_NOT_FOUND (no such file),
 *         MARTLET_IO_ERROR, MARTLET_FORMAT_ERROR (also: weights that do not fit, with layer, expected and found),
 *         MARTLET_UNSUPPORTED, MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_model_load_weights(martlet_model *model, const char *path, int32_t by_name,
                                          int32_t skip_mismatch, int32_t *out_skipped);

/** A layer that kept its weights in the last martlet_model_load_weights that succeeded, as those of the file did not
 * fit.
 *
 * @param model Model, built.
 * @param index 0 to *out_skipped - 1.
 * @param out_name Name of the layer; NULL if it does not matter.
 * @param out_reason What does not fit, with file, array, expected and found; NULL if it does not matter.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_BUSY.
 *
 * Ownership: borrowed; valid until weights are loaded again, the layers change or the model is destroyed. */
martlet_status martlet_model_skipped_layer(martlet_model *model, int32_t index, const char **out_name,
                                           const char **out_reason);

/** What the file that a model came from says about its training: Keras' training_config, JSON with optimiser, losses
 * and metrics.
 *
 * @param model Model, built.
 * @param out_text The text; empty if the file said nothing, or there was none.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_BUSY.
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_training_config(martlet_model *model, const char **out_text);

/** The layers of a model as JSON, without the weights: what Keras' model.to_json() gives, in the form of Keras 2, which
 * model_from_json of Keras 2 and 3 read.
 *
 * @param model Model, built.
 * @param out_text One line.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built), MARTLET_UNSUPPORTED (a layer that
 *         Keras cannot have, named), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY (also: while another thread predicts).
 *
 * Ownership: borrowed; valid until the layers change or the model is destroyed. */
martlet_status martlet_model_to_json(martlet_model *model, const char **out_text);

/** Make a model of the layers in a JSON text: one of martlet_model_to_json or of model.to_json() of Keras 2 or 3.
 *
 * @param text Text of at most 16 MiB. It is checked as the one in a file is. Messages call it 'text'.
 * @param seed Seed of the weight initialisers, as in martlet_model_create.
 * @param out_model The model, built.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_FORMAT_ERROR, MARTLET_UNSUPPORTED (a layer or option this
 *         version does not have, named), MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_model_destroy. */
martlet_status martlet_model_from_json(const char *text, uint64_t seed, martlet_model **out_model);

/* ------------------------------------------------------------------------------------------------------------
 * Prediction
 * --------------------------------------------------------------------------------------------------------- */

/** Compute the model's outputs for any number of rows; they are batched inside. The result of a row does not depend on
 * the other rows. Where sums of finite numbers overflow, it holds infinities or NaN.
 *
 * @param model Model, built.
 * @param x [x_count] arrays, one for each input: [N, ...], N >= 1 the same for all, rows of exactly the shape of that
 *          input, finite as float32.
 * @param x_count Number of the model's inputs.
 * @param out_y The outputs one after the other, each [N, ...]; written. It must not overlap x.
 * @param y_count Floats out_y has room for: N times the elements of one row of all outputs, no more and no less.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (wrong shape or type; x that is not finite), MARTLET_INVALID_STATE (not
 *         built), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY (the model is being trained or changed).
 *
 * Threads: any number at once on one model.
 *
 *   const int64_t shape[] = {2, 784};
 *   martlet_array x = {pixels, shape, 2, MARTLET_FLOAT32};
 *   float y[2 * 10];
 *   martlet_predict(m, &x, 1, y, 2 * 10); */
martlet_status martlet_predict(martlet_model *model, const martlet_array *x, int32_t x_count, float *out_y,
                               int64_t y_count);

/** Compute the model's outputs as martlet_predict does, but in double from the first input to the last output: through
 * plain loops, with the model's weights, which are float32. For checks of formulas and of what rounding costs: the
 * outputs differ from exact ones by some 1e-16 of the largest terms in their sums, those of martlet_predict by 1e-7.
 *
 * @param model Model, built.
 * @param x [x_count] arrays as in martlet_predict, but finite as doubles.
 * @param x_count Number of the model's inputs.
 * @param out_y The outputs one after the other, each [N, ...]; written.
 * @param y_count Doubles out_y has room for, as in martlet_predict.
 * @return As martlet_predict.
 *
 * Threads: any number at once on one model.
 *
 * Cost: slow, 100 times the time of martlet_predict and more; a copy of the weights in double. */
martlet_status martlet_predict_double(martlet_model *model, const martlet_array *x, int32_t x_count, double *out_y,
                                      int64_t y_count);

/* ------------------------------------------------------------------------------------------------------------
 * Datasets
 *
 * The section's codes: MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_BUSY. Every pointer for a shape needs room for
 * MARTLET_MAX_RANK dimensions.
 * --------------------------------------------------------------------------------------------------------- */

/** Inputs x [N, ...] with targets y: integer labels [N] (or [N, 1]), or numbers [N, O] (one-hot labels, regression).
 * martlet_dataset_zip makes one with several x and y, for models with several inputs and outputs. Datasets that were
 * made from one another share the arrays; each has its own handle, scaling, sample weights and class names, which start
 * as those of the one it was made from.
 *
 * Threads: one at a time per dataset. */
typedef struct martlet_dataset martlet_dataset;

/** Make a dataset of arrays in memory. Values are checked when they are used: NaN and infinities are an error then.
 *
 * @param x Inputs [N, ...], N >= 1; NULL for none, if there is y.
 * @param y Targets, [N] or [N, ...]; NULL for none, if there is x.
 * @param copy 0: the data are borrowed. 1: they are copied. The shapes are copied either way.
 * @param out_dataset The dataset.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_dataset_destroy. Borrowed data must stay alive and unchanged until this dataset and
 * all made from it are destroyed.
 *
 *   const int64_t x_shape[] = {1797, 64}, y_shape[] = {1797};
 *   martlet_array x = {pixels, x_shape, 2, MARTLET_UINT8}, y = {labels, y_shape, 1, MARTLET_INT32};
 *   martlet_dataset_create(&x, &y, 0, &data); */
martlet_status martlet_dataset_create(const martlet_array *x, const martlet_array *y, int32_t copy,
                                      martlet_dataset **out_dataset);

/** Read a dataset from an HDF5 file into memory.
 *
 * Integers of 8 to 64 bits and floats of 16 to 64 are read, contiguous or in chunks, with the filters gzip, shuffle,
 * fletcher32 and szip. Links are not followed. Attributes that martlet.convert writes are used when present: on x
 * "scale" and "offset" (see martlet_dataset_set_scaling), on y "class_names". The scaling belongs to the dataset, not
 * to a model that is trained on it: rows to predict must be scaled alike, or the model must scale (martlet_rescaling).
 *
 * @param path File name.
 * @param x_name Path of the inputs in the file, such as "x_train"; NULL for none, if there is y_name.
 * @param y_name Path of the targets; NULL for none, if there is x_name.
 * @param out_dataset The dataset.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (also: no rows, or not as many of y as of x), MARTLET_NOT_FOUND (no such
 *         file or object), MARTLET_IO_ERROR, MARTLET_FORMAT_ERROR, MARTLET_UNSUPPORTED (element type, filter, link,
 *         external or virtual storage), MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_dataset_destroy. The file is closed on return. */
martlet_status martlet_dataset_open(const char *path, const char *x_name, const char *y_name,
                                    martlet_dataset **out_dataset);

/** Put datasets side by side: the x of all in their order, then the y of all in their order. Row i of the new one is
 * row i of each. Each x keeps its scaling; class names are those of the first that has some.
 *
 * @param datasets [count] datasets with the same number of rows; at most one of them has sample weights, which stay.
 * @param count 1 or more.
 * @param out_dataset The dataset.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_dataset_destroy. The arrays are shared, not copied.
 *
 *   martlet_dataset *parts[] = {images_and_labels, ages}, *both;
 *   martlet_dataset_zip(parts, 2, &both); */
martlet_status martlet_dataset_zip(martlet_dataset *const *datasets, int32_t count, martlet_dataset **out_dataset);

/** Free a dataset. Others that share its arrays stay.
 *
 * @param dataset The dataset; NULL is accepted. */
void martlet_dataset_destroy(martlet_dataset *dataset);

/** Rows begin <= row < end of a dataset, as a dataset of its own.
 *
 * @param dataset Dataset of N rows.
 * @param begin, end 0 <= begin < end <= N.
 * @param out_dataset The rows.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_dataset_destroy. The arrays are shared, not copied. */
martlet_status martlet_dataset_rows(martlet_dataset *dataset, int64_t begin, int64_t end,
                                    martlet_dataset **out_dataset);

/** Split a dataset in two: the last round(N * fraction) rows, and those before.
 *
 * @param dataset Dataset of N rows.
 * @param fraction 0 < fraction < 1, such that neither part is empty.
 * @param shuffle 1: the rows are put in a random order first; 0: the order is kept.
 * @param seed Seed of that order.
 * @param out_first The rows before, such as those to train with.
 * @param out_second The last round(N * fraction) rows, such as those to validate with.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: both are set, or neither. Free both with martlet_dataset_destroy. The arrays are shared, not copied. */
martlet_status martlet_dataset_split(martlet_dataset *dataset, double fraction, int32_t shuffle, uint64_t seed,
                                     martlet_dataset **out_first, martlet_dataset **out_second);

/** Number of rows.
 *
 * @param dataset Dataset.
 * @param out_length N.
 * @return The section's codes. */
martlet_status martlet_dataset_length(martlet_dataset *dataset, int64_t *out_length);

/** Number of x, which are the inputs of a model in its order.
 *
 * @param dataset Dataset.
 * @param out_count Arrays; 0 for a dataset of targets only.
 * @return The section's codes. */
martlet_status martlet_dataset_x_count(martlet_dataset *dataset, int32_t *out_count);

/** Number of y, which are the targets of a model's outputs in its order.
 *
 * @param dataset Dataset.
 * @param out_count Arrays; 0 for a dataset of inputs only.
 * @return The section's codes. */
martlet_status martlet_dataset_y_count(martlet_dataset *dataset, int32_t *out_count);

/** Shape of one row of an x.
 *
 * @param dataset Dataset.
 * @param index 0 to the number of x - 1.
 * @param out_rank Number of dimensions, without N.
 * @param out_shape *out_rank dimensions.
 * @return The section's codes; MARTLET_NOT_FOUND (the dataset has no x). */
martlet_status martlet_dataset_x_shape(martlet_dataset *dataset, int32_t index, int32_t *out_rank,
                                       int64_t *out_shape);

/** Shape of one row of a y.
 *
 * @param dataset Dataset.
 * @param index 0 to the number of y - 1.
 * @param out_rank Number of dimensions, without N; 0 for labels [N].
 * @param out_shape *out_rank dimensions.
 * @return The section's codes; MARTLET_NOT_FOUND (the dataset has no y). */
martlet_status martlet_dataset_y_shape(martlet_dataset *dataset, int32_t index, int32_t *out_rank,
                                       int64_t *out_shape);

/** Multiply the loss of each row by a weight of its own; the sum over a batch is divided by its rows all the same, as
 * Keras does. Metrics other than losses do not change. Replaces an earlier setting.
 *
 * @param dataset Dataset of N rows, which are its own: those of datasets made from this one follow their rows.
 * @param weights [N] or [N, 1], finite and >= 0 (checked when used); NULL for none.
 * @param copy 0: the data are borrowed, as those of martlet_dataset_create. 1: they are copied.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_dataset_set_sample_weights(martlet_dataset *dataset, const martlet_array *weights,
                                                  int32_t copy);

/** Feed x * scale + offset instead of x, such as scale 1/255 for 8-bit images. Replaces an earlier setting. The model
 * knows nothing of it: rows for martlet_predict must be scaled alike. With martlet_rescaling the model does it itself.
 *
 * @param dataset Dataset with one x.
 * @param scale, offset Finite as float32.
 * @return The section's codes; MARTLET_INVALID_STATE (not one x: scale before zipping). */
martlet_status martlet_dataset_set_scaling(martlet_dataset *dataset, double scale, double offset);

/** Mean and variance of x (after scaling) over all rows, in double; population variance, as NumPy's default.
 *
 * @param dataset Dataset with one x. A value that is NaN or infinite is MARTLET_INVALID_ARGUMENT.
 * @param count 1 (over everything), the size of the last axis (per channel), or all elements of a row (mean image).
 * @param out_mean [count], written; NULL if not wanted.
 * @param out_variance [count], written; NULL if not wanted.
 * @return The section's codes; MARTLET_INVALID_STATE (not one x); MARTLET_OUT_OF_MEMORY.
 *
 * Cost: one pass over the data. */
martlet_status martlet_dataset_statistics(martlet_dataset *dataset, int64_t count, float *out_mean,
                                          float *out_variance);

/** Name the classes that integer labels 0, 1, ... stand for.
 *
 * @param dataset Dataset.
 * @param count Number of names, or 0 for none; at most 2^20.
 * @param names [count] strings, each at most 255 bytes; copied.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY, MARTLET_UNSUPPORTED (more names). */
martlet_status martlet_dataset_set_class_names(martlet_dataset *dataset, int32_t count, const char *const *names);

/** Number of class names.
 *
 * @param dataset Dataset.
 * @param out_count Names; 0 if there are none.
 * @return The section's codes. */
martlet_status martlet_dataset_class_count(martlet_dataset *dataset, int32_t *out_count);

/** One class name.
 *
 * @param dataset Dataset.
 * @param index 0 to the number of names - 1.
 * @param out_name Name.
 * @return The section's codes.
 *
 * Ownership: borrowed; valid until the names are set again or the dataset is destroyed. */
martlet_status martlet_dataset_class_name(martlet_dataset *dataset, int32_t index, const char **out_name);

/* ------------------------------------------------------------------------------------------------------------
 * Prediction for datasets
 * --------------------------------------------------------------------------------------------------------- */

/** Compute the model's outputs for the rows of a dataset, scaled as the dataset is. Its y are not used.
 *
 * @param model Model, built.
 * @param dataset N rows with an x for each input of the model, finite.
 * @param out_y The outputs one after the other, each [N, ...]; written.
 * @param y_count Floats out_y has room for: N times the elements of one row of all outputs, no more and no less.
 * @return As martlet_predict.
 *
 * Threads: any number at once on one model, each with its own dataset. */
martlet_status martlet_predict_dataset(martlet_model *model, martlet_dataset *dataset, float *out_y, int64_t y_count);

/** Predict the classes of the rows of a dataset and write them to a file, which appears whole or not at all.
 *
 * The class of a row is the index of its largest output; with an output of one element, 1 where that is above 0.5. By
 * the ending of its name the file is
 * - .csv: a line "Id,Category", then for each row its number and its class: the class name, if the model has names and
 *   the output is its first, else the index.
 * - .h5 or .hdf5: "predictions" [N, ...], float32, and "labels" [N] (one for each vector along the last axis), int64,
 *   with the attribute class_names if there are names.
 *
 * @param model Model, built.
 * @param dataset N rows with an x for each input of the model, finite.
 * @param output Index of the output, 0 to the number of outputs - 1.
 * @param path File name with one of these endings; an existing file is replaced, as martlet_model_save does.
 * @param first_id Number of the first row in CSV, such as 0 or 1.
 * @return As martlet_predict; MARTLET_INVALID_ARGUMENT also: another ending; MARTLET_UNSUPPORTED (CSV of rows with more
 *         than one vector); MARTLET_NOT_FOUND (no such folder); MARTLET_IO_ERROR.
 *
 * Threads: as martlet_predict_dataset.
 *
 *   martlet_dataset_open("test.h5", "x", NULL, &test);
 *   martlet_write_predictions(m, test, 0, "submission.csv", 1); */
martlet_status martlet_write_predictions(martlet_model *model, martlet_dataset *dataset, int32_t output,
                                         const char *path, int64_t first_id);

/** Compute the output of a frozen network for a dataset once, and write it as a dataset: an HDF5 file, which appears
 * whole or not at all, with "x" [N, ...], the output as float32, and "y", the dataset's targets, if it has some. A
 * head that is trained on it need not go through the network in every epoch. Sample weights are not written.
 *
 * @param model Model, built, with one output; all its layers with weights are frozen, and none is random in training.
 * @param dataset N rows with an x for each input of the model, and one y or none.
 * @param path File name; an existing file is replaced, as martlet_model_save does.
 * @return As martlet_predict; MARTLET_INVALID_ARGUMENT also: a layer that is random in training, as dropout is, or one
 *         that is not frozen, named; MARTLET_UNSUPPORTED (whole numbers of 2^24 and more in y); MARTLET_NOT_FOUND (no
 *         such folder); MARTLET_IO_ERROR.
 *
 * Threads: as martlet_predict_dataset. Memory: the features of all rows, twice.
 *
 *   martlet_write_features(base, train, "features.h5");
 *   martlet_dataset_open("features.h5", "x", "y", &features); */
martlet_status martlet_write_features(martlet_model *model, martlet_dataset *dataset, const char *path);

/* ------------------------------------------------------------------------------------------------------------
 * Training
 *
 * The section's codes: MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_BUSY.
 * --------------------------------------------------------------------------------------------------------- */

/** Optimiser, loss and loop for one model, which it keeps alive.
 *
 * Threads: one at a time per trainer, which uses its model too; martlet_trainer_interrupt from any. */
typedef struct martlet_trainer martlet_trainer;

/* Losses, as Keras'. N rows; the mean over the rows is what is minimised. p = predicted, t = target, d = p - t. With
 * O = 1, t may be [N]. Outputs [N, ..., O] have a loss for each vector along the last axis. Where a cross-entropy,
 * focal or not, is not computed from logits, p is first divided by its sum (classes only) and kept between 1e-7 and
 * 1 - 1e-7. */
#define MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY 0 /* -log p[label]; integer labels [N] or [N, 1], 0 to C - 1 */
#define MARTLET_CATEGORICAL_CROSSENTROPY 1        /* -sum_j t_j log p_j; t [N, C] */
#define MARTLET_MEAN_SQUARED_ERROR 2              /* mean_j d_j^2; t [N, O], as all below that say nothing else */
#define MARTLET_BINARY_CROSSENTROPY 3             /* mean_j -(t_j log p_j + (1 - t_j) log(1 - p_j)) */
#define MARTLET_CATEGORICAL_HINGE 4               /* max(0, 1 + max(0, max_{j != c} p_j) - p_c); labels or one-hot */
#define MARTLET_NO_LOSS 5                         /* this output is not trained and has no targets; if no output has a
                                                     loss, the caller computes it: martlet_trainer_forward, _backward */
#define MARTLET_MEAN_ABSOLUTE_ERROR 6             /* mean_j |d_j| */
#define MARTLET_HUBER 7                           /* mean_j d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2 */
#define MARTLET_LOG_COSH 8                        /* mean_j log cosh d_j */
#define MARTLET_POISSON 9                         /* mean_j p_j - t_j log(p_j + 1e-7) */
#define MARTLET_KL_DIVERGENCE 10                  /* sum_j t_j log(t_j / p_j), both kept between 1e-7 and 1 */
#define MARTLET_COSINE_SIMILARITY 11              /* -sum_j t_j p_j / (|t| |p|) */
#define MARTLET_CATEGORICAL_FOCAL_CROSSENTROPY 12 /* -alpha sum_j (1 - p_j)^gamma t_j log p_j; t [N, C] or labels;
                                                     Lin et al. 2017 */
#define MARTLET_BINARY_FOCAL_CROSSENTROPY 13      /* mean_j (1 - q)^gamma times the binary cross-entropy,
                                                     q = t p + (1 - t)(1 - p) */

/* What the accuracy of an output counts. */
#define MARTLET_ACCURACY_OF_LOSS 0     /* what the loss is about: binary cross-entropies BINARY, other losses of classes
                                          CATEGORICAL, the rest nothing */
#define MARTLET_ACCURACY_CATEGORICAL 1 /* rows whose largest output is the label, or where the largest target is; not
                                          with O = 1 */
#define MARTLET_ACCURACY_BINARY 2      /* outputs on the target's side of 0.5 (logits: 0); not for losses of classes */

/** The loss of one output. Start from MARTLET_LOSS_INIT, which is Keras' defaults. All members are checked;
 * from_logits, label_smoothing and apply_class_balancing must be 0 for a loss that does not have them. */
typedef struct martlet_loss {
  uint32_t struct_size;
  int32_t kind;               /* MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY ...; that one is the default */
  int32_t from_logits;        /* cross-entropies: 1 if the output is not yet a probability. Default 0. Where the output
                                 layer is a softmax (or a sigmoid, for binary), its input is used either way: stable */
  int32_t apply_class_balancing; /* binary focal: 1 to multiply by t alpha + (1 - t)(1 - alpha); default 0 */
  double weight;              /* factor of this loss in the total; finite, >= 0; default 1 */
  double label_smoothing;     /* s of cross-entropies, 0 to 1; default 0. t (1 - s) + s / C is used for t, C classes; in
                                 binary ones t (1 - s) + s / 2 */
  double delta;               /* Huber: where the parabola becomes a line; > 0, finite; default 1 */
  double gamma;               /* focal: exponent; >= 0, finite; default 2 */
  double alpha;               /* focal: factor; >= 0, finite; default 0.25 */
  const float *class_weights; /* [class_count], finite, >= 0: in training (not in evaluation, as in Keras) the loss of a
                                 row is multiplied by the weight of its class: the label, the largest t, or with O = 1
                                 whether t > 0.5. Copied. Default NULL: none */
  int32_t class_count;        /* of class_weights: the size of the output's last axis, or 2 if that is 1; default 0 */
  int32_t accuracy;           /* MARTLET_ACCURACY_OF_LOSS (default) ... */
} martlet_loss;

#define MARTLET_LOSS_INIT                                                                                              \
  {(uint32_t)sizeof(martlet_loss), MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY, 0, 0, 1.0, 0.0, 1.0, 2.0, 0.25, 0, 0, 0}

/* Optimisers, with the formulas and defaults of Keras 3. lr = learning rate, t = updates including this one,
 * g = gradient of the loss with its regularisation, after clipping. Before each formula, w -= weight_decay lr w.
 *
 *                    learning_rate  weight_decay  also: with their defaults
 *   MARTLET_SGD      0.01           0             momentum 0, nesterov 0
 *   MARTLET_ADAM     0.001          0             beta_1 0.9, beta_2 0.999, epsilon 1e-7, amsgrad 0
 *   MARTLET_ADAMW    0.001          0.004         as MARTLET_ADAM
 *   MARTLET_ADAMAX   0.001          0             beta_1 0.9, beta_2 0.999, epsilon 1e-7
 *   MARTLET_NADAM    0.001          0             beta_1 0.9, beta_2 0.999, epsilon 1e-7
 *   MARTLET_RMSPROP  0.001          0             rho 0.9, momentum 0, epsilon 1e-7, centered 0
 *   MARTLET_ADAGRAD  0.001          0             initial_accumulator_value 0.1, epsilon 1e-7
 *   MARTLET_ADADELTA 0.001          0             rho 0.95, epsilon 1e-7
 *   MARTLET_LION     0.001          0             beta_1 0.9, beta_2 0.99 */
#define MARTLET_SGD 0      /* w -= lr g;  with momentum: m = momentum m - lr g, w += m;
                              Nesterov: w += momentum m - lr g */
#define MARTLET_ADAM 1     /* m += (1 - beta_1)(g - m), v += (1 - beta_2)(g^2 - v),
                              w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon);
                              amsgrad: with the largest v so far in place of v below the root */
#define MARTLET_ADAMW 2    /* MARTLET_ADAM with weight decay */
#define MARTLET_ADAMAX 3   /* m as Adam, u = max(beta_2 u, |g|), w -= lr / (1 - beta_1^t) m / (u + epsilon) */
#define MARTLET_NADAM 4    /* m, v as Adam; u_t = beta_1 (1 - 0.96^t / 2), p_t = u_1 u_2 ... u_t;
                              w -= lr (u_(t+1) m / (1 - p_(t+1)) + (1 - u_t) g / (1 - p_t))
                                   / (sqrt(v / (1 - beta_2^t)) + epsilon) */
#define MARTLET_RMSPROP 5  /* v = rho v + (1 - rho) g^2, d = lr g / sqrt(v + epsilon), w -= d;  with momentum:
                              m = momentum m + d, w -= m;  centered: a = rho a + (1 - rho) g, v - a^2 below the root */
#define MARTLET_ADAGRAD 6  /* v += g^2, w -= lr g / sqrt(v + epsilon); v begins as initial_accumulator_value */
#define MARTLET_ADADELTA 7 /* v as RMSprop, d = g sqrt(x + epsilon) / sqrt(v + epsilon), x = rho x + (1 - rho) d^2,
                              w -= lr d */
#define MARTLET_LION 8     /* w -= lr sign(beta_1 m + (1 - beta_1) g), m = beta_2 m + (1 - beta_2) g */

/* What stands in an option for the default of the chosen optimiser: a number that no option can have. */
#define MARTLET_DEFAULT (-1e300)

/* What early stopping watches. */
#define MARTLET_MONITOR_NONE 0
#define MARTLET_MONITOR_VALIDATION_LOSS 1
#define MARTLET_MONITOR_VALIDATION_ACCURACY 2
#define MARTLET_MONITOR_LOSS 3
#define MARTLET_MONITOR_ACCURACY 4

/** Options of a trainer: what is minimised, and how. Start from MARTLET_TRAINER_OPTIONS_INIT. All are checked, those of
 * the other optimisers too.
 *
 * A step goes in Keras' order: the gradients of accumulation_steps steps are averaged, clipped, weights decay, the
 * optimiser updates them, the moving average takes them in, constraints hold. At most one of the three clippings. */
typedef struct martlet_trainer_options {
  uint32_t struct_size;
  int32_t optimizer;          /* MARTLET_SGD (default) ... MARTLET_LION */
  const martlet_loss *losses; /* [loss_count], which all have the same struct_size; copied; default NULL */
  int32_t loss_count;         /* 0 (default): MARTLET_LOSS_INIT for every output; 1: losses[0] for every output; else
                                 one for each output. The total is sum_i weight_i * loss_i + regularisation */
  int32_t top_k;              /* k of top-k accuracy, >= 1; default 5 */
  double learning_rate;       /* >= 0, finite as a float; default MARTLET_DEFAULT: see the table of optimisers */
  double learning_rate_decay; /* the rate is multiplied by this after each epoch of fit; > 0, finite; default 1 */
  double momentum;            /* SGD, RMSprop: 0 <= momentum <= 1; default 0 */
  double beta_1;              /* Adam's family, Lion: 0 <= beta_1 < 1; default 0.9 */
  double beta_2;              /* Adam's family, Lion: 0 <= beta_2 < 1; default MARTLET_DEFAULT */
  double epsilon;             /* all but SGD and Lion: >= 2^-126, finite as a float; default 1e-7 */
  uint64_t seed;              /* of shuffling and dropout; default 0 */
  int32_t nesterov;           /* SGD: 1 for Nesterov's form; default 0 */
  int32_t amsgrad;            /* Adam, AdamW: 1 for the largest v so far; default 0 */
  int32_t centered;           /* RMSprop: 1 for the variance of the gradient; default 0 */
  int32_t accumulation_steps; /* steps whose mean gradient makes one update, >= 1; default 1 */
  double rho;                 /* RMSprop, Adadelta: 0 <= rho < 1; default MARTLET_DEFAULT */
  double weight_decay;        /* >= 0, finite as a float; default MARTLET_DEFAULT */
  double initial_accumulator_value; /* Adagrad: >= 0, finite as a float; default 0.1 */
  double clip_value;          /* each gradient is held between -clip_value and clip_value; 0 (default): no clipping */
  double clip_norm;           /* L2 norm that the gradient of a weight array is scaled down to; 0 (default): none */
  double global_clip_norm;    /* L2 norm that all gradients together are scaled down to; 0 (default): none */
  double ema_momentum;        /* 0 < ema_momentum <= 1: keep a moving average of the weights after each step, a =
                                 ema_momentum a + (1 - ema_momentum) w, and give the weights its values when fit ends
                                 (not if it fails or is interrupted); 0 (default): none */
  int64_t ema_overwrite_frequency; /* give the weights the values of the average after every so many updates, too;
                                 0 (default): never */
} martlet_trainer_options;

#define MARTLET_TRAINER_OPTIONS_INIT                                                                                   \
  {(uint32_t)sizeof(martlet_trainer_options), MARTLET_SGD, 0, 0, 5, MARTLET_DEFAULT, 1.0, 0.0, 0.9, MARTLET_DEFAULT,   \
   1e-7, 0, 0, 0, 0, 1, MARTLET_DEFAULT, MARTLET_DEFAULT, 0.1, 0.0, 0.0, 0.0, 0.0, 0}

/** Options of one call of martlet_trainer_fit. Start from MARTLET_FIT_OPTIONS_INIT. Early stopping works as Keras'. */
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
  int32_t restore_best; /* early stopping: 1: a call that ends with MARTLET_OK leaves the weights of its best epoch;
                           default 0 */
  int64_t patience;     /* early stopping: end after this many epochs without improvement, >= 0 (0: as 1); default 0 */
  double min_delta;     /* early stopping: a change of no more than this is no improvement, finite, >= 0; default 0 */
  int32_t every_batch;  /* 1: call back after every batch; 0 (default): at most every 100 ms, and after every epoch */
  int32_t layer_statistics; /* 1: look at the last step of each epoch layer by layer, which costs one more step and the
                           memory of its values: martlet_trainer_layer_statistics; default 0 */
} martlet_fit_options;

#define MARTLET_FIT_OPTIONS_INIT                                                                                       \
  {(uint32_t)sizeof(martlet_fit_options), 1, 32, 1, 0, 0, 1, MARTLET_MONITOR_NONE, 0, 0, 0.0, 0, 0}

/** Averages over the rows seen. What does not apply is NaN: accuracies for regression and of several outputs together,
 * validation without data. Weights of rows and classes change the losses only. */
typedef struct martlet_metrics {
  double loss;                /* data_loss + regularization_loss */
  double data_loss;           /* sum_i weight_i * loss_i over the outputs; of one alone: its loss, without weight */
  double regularization_loss; /* of one output of several: 0 */
  double accuracy;            /* share of what the accuracy of martlet_loss counts */
  double top_k_accuracy;      /* share of rows whose label is among the k largest outputs; NaN for binary */
} martlet_metrics;

#define MARTLET_BATCH_END 1 /* within an epoch; training holds the averages so far, validation is NaN */
#define MARTLET_EPOCH_END 2 /* an epoch is complete, validation included */
#define MARTLET_EVALUATION 3 /* within martlet_trainer_evaluate, or the validation of an epoch */

/** What a progress callback is told, and what the history keeps of each epoch (event MARTLET_EPOCH_END). In
 * martlet_trainer_evaluate epoch counts the epochs done, and the figures of an epoch are those of the evaluation. */
typedef struct martlet_progress {
  uint32_t struct_size;       /* bytes that the library has filled in; for martlet_trainer_history set by the caller */
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

/** Progress callback. Runs in the thread that called fit, evaluate or the gradient check, which waits.
 *
 * May call, for the handles in use: martlet_predict, _predict_double, the functions that look inside a model or
 * dataset, martlet_model_save, _save_memory, _save_weights, _to_json, _copy, _clone, martlet_trainer_save,
 * _learning_rate, _set_learning_rate, _output_metrics, _history, _history_output, _history_length, _best_epoch and
 * _interrupt. Anything else that would change them is MARTLET_BUSY.
 *
 * @param progress Borrowed; valid until the callback returns.
 * @param payload What was passed with the callback.
 * @return 0 to go on. Otherwise the call stops after this batch and returns MARTLET_STOPPED; weights are kept. */
typedef int32_t (*martlet_progress_callback)(const martlet_progress *progress, void *payload);

/** Make a trainer for a built model.
 *
 * @param model Model, built.
 * @param options NULL for the defaults.
 * @param out_trainer The trainer.
 * @return The section's codes (MARTLET_INVALID_ARGUMENT also: a loss that does not fit the output);
 *         MARTLET_INVALID_STATE (not built); MARTLET_OUT_OF_MEMORY.
 *
 * Ownership: free it with martlet_trainer_destroy. */
martlet_status martlet_trainer_create(martlet_model *model, const martlet_trainer_options *options,
                                      martlet_trainer **out_trainer);

/** Free a trainer. The model and its weights stay.
 *
 * @param trainer The trainer; NULL is accepted. */
void martlet_trainer_destroy(martlet_trainer *trainer);

/** Train for options->epochs more epochs, or options->iterations steps if that is earlier.
 *
 * Goes on with the optimiser's state. Each step: L = mean over the batch of the data losses + regularisation;
 * W <- W - update(dL/dW). Rows come in the order of the seeded shuffle; the last, smaller batch counts by its rows. All
 * data are checked before the first step.
 *
 * @param trainer Trainer.
 * @param training An x for each input and a y for each output with a loss, that fit them; finite, labels 0 to C - 1.
 * @param validation Evaluated after each epoch; NULL for none. Must not be NULL if a validation metric is monitored.
 * @param options NULL for the defaults.
 * @param callback NULL for none.
 * @param payload Handed to the callback.
 * @return The section's codes (MARTLET_OK also after early stopping; MARTLET_INVALID_ARGUMENT also: data that do not
 *         fit, or not finite, with the row); MARTLET_STOPPED; MARTLET_INTERRUPTED; MARTLET_NOT_FINITE (message: epoch
 *         and step; the weights are those before that step); MARTLET_INVALID_STATE (MARTLET_NO_LOSS);
 *         MARTLET_OUT_OF_MEMORY. MARTLET_STOPPED, MARTLET_INTERRUPTED and MARTLET_NOT_FINITE keep the steps done, and
 *         so does MARTLET_OUT_OF_MEMORY at the first validation; otherwise nothing was trained.
 *
 * Cost: a step allocates no memory, but the first.
 *
 *   martlet_fit_options fit = MARTLET_FIT_OPTIONS_INIT;
 *   fit.epochs = 10;
 *   martlet_trainer_fit(trainer, training, validation, &fit, NULL, NULL); */
martlet_status martlet_trainer_fit(martlet_trainer *trainer, martlet_dataset *training, martlet_dataset *validation,
                                   const martlet_fit_options *options, martlet_progress_callback callback,
                                   void *payload);

/** Compute loss and metrics over a dataset, as in prediction (no dropout); batched inside.
 *
 * @param trainer Trainer.
 * @param dataset An x for each input, a y for each output with a loss, that fit them, finite, labels 0 to C - 1.
 * @param callback NULL for none. Called at most every 100 ms with event MARTLET_EVALUATION: validation holds the
 *                 averages so far, training is NaN.
 * @param payload Handed to the callback.
 * @param out_metrics The averages.
 * @return The section's codes; MARTLET_STOPPED; MARTLET_INTERRUPTED; MARTLET_INVALID_STATE (MARTLET_NO_LOSS);
 *         MARTLET_OUT_OF_MEMORY. */
martlet_status martlet_trainer_evaluate(martlet_trainer *trainer, martlet_dataset *dataset,
                                        martlet_progress_callback callback, void *payload,
                                        martlet_metrics *out_metrics);

/** Ask the fit or evaluate that runs on this trainer to stop after the current batch. If none is running, the next one
 * stops after its first. Cannot fail.
 *
 * @param trainer Trainer, not being destroyed meanwhile; NULL is accepted.
 *
 * Threads: any, or a signal handler: it stores one atomic flag. */
void martlet_trainer_interrupt(martlet_trainer *trainer);

/** Number of epochs since the trainer was made. One that the bound iterations cut short counts; one that was stopped
 * before its end does not.
 *
 * @param trainer Trainer.
 * @param out_length Epochs.
 * @return The section's codes. */
martlet_status martlet_trainer_history_length(martlet_trainer *trainer, int64_t *out_length);

/** What one epoch ended with.
 *
 * @param trainer Trainer.
 * @param index 0 to the number of epochs - 1.
 * @param out_progress Set struct_size to sizeof(martlet_progress) before the call; that many bytes are filled.
 * @return The section's codes. */
martlet_status martlet_trainer_history(martlet_trainer *trainer, int64_t index, martlet_progress *out_progress);

/** The figures of one output of several, as of the latest train_step, report to a callback, epoch or evaluation.
 *
 * @param trainer Trainer.
 * @param output 0 to the number of outputs - 1.
 * @param out_training The loss of this output alone, without its weight and regularisation; NULL if not wanted.
 * @param out_validation The same for the validation or evaluation; NULL if not wanted.
 * @return The section's codes. */
martlet_status martlet_trainer_output_metrics(martlet_trainer *trainer, int32_t output, martlet_metrics *out_training,
                                              martlet_metrics *out_validation);

/** The figures of one output of several that one epoch ended with.
 *
 * @param trainer Trainer.
 * @param index 0 to the number of epochs - 1.
 * @param output 0 to the number of outputs - 1.
 * @param out_training, out_validation As of martlet_trainer_output_metrics.
 * @return The section's codes. */
martlet_status martlet_trainer_history_output(martlet_trainer *trainer, int64_t index, int32_t output,
                                              martlet_metrics *out_training, martlet_metrics *out_validation);

/** One layer in the last step of an epoch: the figures by which one sees a network that is frozen, dying or about to
 * overflow. What does not apply is NaN. A layer that is applied more than once is judged by its first application. */
typedef struct martlet_layer_statistics {
  uint32_t struct_size;        /* set by the caller; the bytes that are filled */
  int32_t trainable;           /* 1 if training changes weights of this layer */
  double activation_mean;      /* over all elements of the output in the batch. Where a softmax or sigmoid goes into */
  double activation_deviation; /* the loss, the output is what comes before it */
  double dead_share;           /* share of the units of a ReLU that are 0 for every row of the batch */
  double saturated_share;      /* share of the elements of a sigmoid, tanh or hard sigmoid whose derivative is below 5 %
                                  of its largest */
  double gradient_norm;        /* sqrt(sum of squares) of the gradient by all weights, regularisation included */
  double update_ratio;         /* |change of the weights in this step| / |weights|, Euclidean; about 1e-3 is healthy */
} martlet_layer_statistics;

/** What a layer did in the last step of an epoch that was trained with layer_statistics.
 *
 * @param trainer Trainer.
 * @param index 0 to the number of epochs - 1.
 * @param layer Layer name.
 * @param out_statistics Set struct_size to sizeof(martlet_layer_statistics) before the call; that many bytes are
 *                       filled.
 * @return The section's codes; MARTLET_NOT_FOUND (no such layer; an epoch trained without layer_statistics). */
martlet_status martlet_trainer_layer_statistics(martlet_trainer *trainer, int64_t index, const char *layer,
                                                martlet_layer_statistics *out_statistics);

/** The epoch whose monitored value was the best of the last fit with early stopping.
 *
 * @param trainer Trainer.
 * @param out_epoch Epoch, counted as in martlet_progress; -1 without early stopping or before an epoch.
 * @return The section's codes. */
martlet_status martlet_trainer_best_epoch(martlet_trainer *trainer, int64_t *out_epoch);

/** Learning rate of the next step.
 *
 * @param trainer Trainer.
 * @param out_learning_rate Rate.
 * @return The section's codes. */
martlet_status martlet_trainer_learning_rate(martlet_trainer *trainer, double *out_learning_rate);

/** Set the learning rate of the following steps; learning_rate_decay goes on from it.
 *
 * @param trainer Trainer.
 * @param learning_rate >= 0, finite as a float.
 * @return The section's codes. */
martlet_status martlet_trainer_set_learning_rate(martlet_trainer *trainer, double learning_rate);

/* ------------------------------------------------------------------------------------------------------------
 * Training, step by step
 *
 * The section's codes: MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_BUSY.
 * --------------------------------------------------------------------------------------------------------- */

/** One step on one batch: forward, loss, gradients, update.
 *
 * @param trainer Trainer.
 * @param x [x_count], an array for each input: rows that fit it, finite; any N >= 1, not always the same.
 * @param x_count Inputs of the model.
 * @param y [y_count], an array for each output with a loss: targets of these rows that fit it.
 * @param y_count Outputs with a loss.
 * @param sample_weights [N], finite, >= 0: what the losses of the rows are multiplied by; NULL for 1.
 * @param out_metrics Of this batch, before the update; NULL if not wanted.
 * @return The section's codes; MARTLET_INVALID_STATE (MARTLET_NO_LOSS); MARTLET_NOT_FINITE (not updated);
 *         MARTLET_OUT_OF_MEMORY.
 *
 * Cost: a step allocates no memory, but the first with the largest N.
 *
 *   for (int64_t step = 0; step < steps; step++) {
 *     fill(pixels, labels);
 *     martlet_trainer_train_step(trainer, &x, 1, &y, 1, NULL, &metrics);
 *   } */
martlet_status martlet_trainer_train_step(martlet_trainer *trainer, const martlet_array *x, int32_t x_count,
                                          const martlet_array *y, int32_t y_count, const float *sample_weights,
                                          martlet_metrics *out_metrics);

/** Forward pass in training mode (dropout active), for a loss of the caller's own. Keeps what martlet_trainer_backward
 * needs. Works with any loss of the trainer, which is not used.
 *
 * @param trainer Trainer.
 * @param x [x_count], an array [N, ...] for each input: N >= 1 rows that fit it, finite.
 * @param x_count Inputs of the model.
 * @param out_y The model's outputs one after the other, each [N, ...], written.
 * @param y_count Floats out_y has room for: N times the elements of a row of all outputs, no more and no less.
 * @return The section's codes; MARTLET_OUT_OF_MEMORY.
 *
 *   martlet_trainer_forward(trainer, &x, 1, y, n);
 *   for (i = 0; i < n; i++) dy[i] = 2 * (y[i] - target[i]) / n;
 *   martlet_trainer_backward(trainer, dy, n), martlet_trainer_apply(trainer); */
martlet_status martlet_trainer_forward(martlet_trainer *trainer, const martlet_array *x, int32_t x_count,
                                       float *out_y, int64_t y_count);

/** Gradients of all weights from those of the loss by the outputs, for the last martlet_trainer_forward, which it uses
 * up. Regularisation is added. They are kept until martlet_trainer_apply, or the next forward, train_step or fit.
 *
 * @param trainer Trainer.
 * @param dy dL/dy with any 1/N already in it, finite; laid out as out_y of martlet_trainer_forward.
 * @param dy_count Floats of dy: those of out_y.
 * @return The section's codes; MARTLET_INVALID_STATE (no forward before). */
martlet_status martlet_trainer_backward(martlet_trainer *trainer, const float *dy, int64_t dy_count);

/** Copy one gradient array out, after martlet_trainer_backward.
 *
 * @param trainer Trainer.
 * @param layer Layer name, such as "dense".
 * @param weight Name of the array, such as "kernel".
 * @param out_values [count], laid out as in martlet_model_get_weight, written.
 * @param count Number of elements of the array, no more and no less.
 * @return The section's codes; MARTLET_INVALID_STATE (no gradients; a weight that is not trained);
 *         MARTLET_NOT_FOUND (no such layer or weight). */
martlet_status martlet_trainer_get_gradient(martlet_trainer *trainer, const char *layer, const char *weight,
                                            float *out_values, int64_t count);

/** Replace one gradient array before martlet_trainer_apply, for clipping or averaging of the caller's own.
 *
 * @param trainer Trainer.
 * @param layer Layer name, such as "dense".
 * @param weight Name of the array, such as "kernel".
 * @param values [count], laid out as in martlet_model_set_weight, finite.
 * @param count Number of elements of the array, no more and no less.
 * @return The section's codes; MARTLET_INVALID_STATE (no gradients; a weight that is not trained);
 *         MARTLET_NOT_FOUND (no such layer or weight). */
martlet_status martlet_trainer_set_gradient(martlet_trainer *trainer, const char *layer, const char *weight,
                                            const float *values, int64_t count);

/** Update the weights with the gradients of martlet_trainer_backward, which are used up; clipped, accumulated and
 * averaged as the options say.
 *
 * @param trainer Trainer.
 * @return The section's codes; MARTLET_INVALID_STATE (no gradients); MARTLET_NOT_FINITE (a gradient is NaN or infinite:
 *         nothing was updated; if it is the sum of accumulated ones, the gradients of this step are used up). */
martlet_status martlet_trainer_apply(martlet_trainer *trainer);

/** Give the trained weights the values of their moving average, as martlet_trainer_fit does when it ends. Before the
 * first step they stay as they are.
 *
 * @param trainer Trainer with ema_momentum.
 * @return The section's codes; MARTLET_INVALID_STATE (no average is kept). */
martlet_status martlet_trainer_use_average(martlet_trainer *trainer);

/** Save model, optimiser and losses as a Keras HDF5 file: what martlet_model_save writes, with training_config and
 * optimizer_weights as Keras 3 has them, and the history with the statistics of layers in a place of our own. The file
 * appears whole or not at all.
 *
 * @param trainer Trainer.
 * @param path File name; an existing file is replaced.
 * @param metrics JSON list of Keras' metrics for training_config, such as ["accuracy"]; NULL for none.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT (metrics), MARTLET_NOT_FOUND (no such folder), MARTLET_IO_ERROR,
 *         MARTLET_UNSUPPORTED (a layer that Keras cannot have, named), MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. */
martlet_status martlet_trainer_save(martlet_trainer *trainer, const char *path, const char *metrics);

/** Give a trainer the optimiser's state of a file of martlet_trainer_save or of Keras 3's model.save: slots, moving
 * average, accumulated gradients, steps done, learning rate; and, if the file has them, the seed of shuffling and
 * dropout and the history but its times. Load the weights of the same file, and training goes on as if it had not been
 * interrupted. Optimiser and model must be those of the file; other options may differ. All of the state is taken, or
 * nothing changes.
 *
 * @param trainer Trainer. Gradients of martlet_trainer_backward are dropped.
 * @param path File name.
 * @return MARTLET_OK, MARTLET_INVALID_ARGUMENT, MARTLET_NOT_FOUND (no such file), MARTLET_IO_ERROR,
 *         MARTLET_FORMAT_ERROR (also: no state, that of another optimiser, arrays that do not fit, with expected and
 *         found), MARTLET_UNSUPPORTED, MARTLET_OUT_OF_MEMORY, MARTLET_BUSY.
 *
 *   martlet_model_load("net.h5", &model), martlet_trainer_create(model, &options, &trainer);
 *   martlet_trainer_load_state(trainer, "net.h5"), martlet_trainer_fit(trainer, data, NULL, NULL, NULL, NULL); */
martlet_status martlet_trainer_load_state(martlet_trainer *trainer, const char *path);

/* ------------------------------------------------------------------------------------------------------------
 * Checking gradients
 * --------------------------------------------------------------------------------------------------------- */

/** Options of martlet_model_check_gradients. Start from MARTLET_GRADIENT_CHECK_OPTIONS_INIT. */
typedef struct martlet_gradient_check_options {
  uint32_t struct_size;
  int32_t loss_count;         /* as in martlet_trainer_options; default 0 */
  const martlet_loss *losses; /* as in martlet_trainer_options; default NULL */
  int64_t sample;             /* weights to check in each array, spread over it by the seed; 0 for all; default 100 */
  double step;                /* h of the difference quotients, times |w| for |w| > 1; 1e-9 to 1e-2; default 1e-5 */
  uint64_t seed;              /* of the sample and of dropout; default 0 */
} martlet_gradient_check_options;

#define MARTLET_GRADIENT_CHECK_OPTIONS_INIT                                                                            \
  {(uint32_t)sizeof(martlet_gradient_check_options), 0, 0, 100, 1e-5, 0}

/** What a gradient check has found. */
typedef struct martlet_gradient_check {
  uint32_t struct_size; /* set by the caller; the bytes that are filled */
  int32_t array_count;  /* weight arrays that were checked */
  int64_t weight_count; /* weights that were checked */
  double loss;          /* of the rows, in double, regularisation included */
  double largest_error; /* 0 if no weight is trained */
  const char *layer;    /* layer and name of the array with the largest error; NULL if no weight is trained. */
  const char *weight;   /* Borrowed; valid until the layers change or the model is destroyed */
  int64_t element;      /* index in that array, row-major */
  double analytic;      /* gradient by back-propagation */
  double numeric;       /* gradient by the difference quotient */
} martlet_gradient_check;

/** Compare the gradients of a model with difference quotients of its loss: the whole plan, as training runs it, in
 * double through plain reference kernels. The error of a weight is
 *
 *   |analytic - numeric| / max(|analytic|, |numeric|, 1e-5 max(1, |loss|)),
 *   numeric = (L(w + h) - L(w - h)) / 2h
 *
 * as smaller gradients have no digits in the quotient. Below 1e-5 the gradients are right; a wrong formula gives 1e-2
 * and more. Where the loss has a kink within h (ReLU at 0), a gradient between the quotients of the two sides counts as
 * right. The model does not change.
 *
 * @param model Model, built.
 * @param dataset Inputs and targets that fit model and losses; all rows are one batch, so few are enough.
 * @param options NULL for the defaults.
 * @param callback NULL for none. Called at most every 100 ms with event MARTLET_EVALUATION: batch and batches are the
 *                 weights done and to do.
 * @param payload Handed to the callback.
 * @param out_errors [error_count], the error of each weight, array after array in the order of layers; NaN where it was
 *                   not checked. NULL if not wanted.
 * @param error_count The model's number of weights (martlet_model_parameter_count); ignored without out_errors.
 * @param out_check Set struct_size to sizeof(martlet_gradient_check) before the call; that many bytes are filled.
 * @return MARTLET_OK (also if the errors are large), MARTLET_INVALID_ARGUMENT, MARTLET_INVALID_STATE (not built; no
 *         loss), MARTLET_NOT_FINITE (the loss), MARTLET_STOPPED, MARTLET_OUT_OF_MEMORY, MARTLET_BUSY. On failure
 *         out_errors may have been written.
 *
 * Cost: two forward passes in plain double arithmetic for each weight that is checked.
 *
 *   martlet_gradient_check check = {sizeof check};
 *   martlet_model_check_gradients(model, few_rows, NULL, NULL, NULL, NULL, 0, &check);
 *   printf("%g at %s/%s\n", check.largest_error, check.layer, check.weight); */
martlet_status martlet_model_check_gradients(martlet_model *model, martlet_dataset *dataset,
                                             const martlet_gradient_check_options *options,
                                             martlet_progress_callback callback, void *payload, double *out_errors,
                                             int64_t error_count, martlet_gradient_check *out_check);

#ifdef __cplusplus
}
#endif

#endif /* MARTLET_H */
