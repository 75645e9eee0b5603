"""Finds libmartlet, loads it and declares every function of include/martlet.h; no other module loads it.

The library is looked for in this order:
  1. the file that the environment variable MARTLET_LIBRARY names: it wins, and no other is tried if it fails;
  2. libmartlet.so in this package's folder (an installed wheel);
  3. .build/martlet/libmartlet.so of the repository this package lies in (a checkout after `make build`).
It is loaded at the first use, not at import, so that martlet.convert works without it, and with RTLD_LOCAL, so that
its symbols and h5py's copy of HDF5 do not meet.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path

# The library this package was written for. A library of the same major version that is not older has every function.
REQUIRED_VERSION = (0, 1, 0)
MAX_RANK = 8
STATUS = c_int32


# One class per handle type: passing a dataset where a model belongs is a ctypes.ArgumentError, not a crash.
class ModelHandle(c_void_p):
    pass


class DatasetHandle(c_void_p):
    pass


class TrainerHandle(c_void_p):
    pass


class Array(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("shape", POINTER(c_int64)), ("rank", c_int32), ("type", c_int32)]


class Initializer(ctypes.Structure):
    _fields_ = [
        ("kind", c_int32),
        ("mode", c_int32),
        ("distribution", c_int32),
        ("value", c_float),
        ("mean", c_float),
        ("minimum", c_float),
        ("maximum", c_float),
    ]


class Regularizer(ctypes.Structure):
    _fields_ = [("l1", c_float), ("l2", c_float)]


class Constraint(ctypes.Structure):
    _fields_ = [("kind", c_int32), ("value", c_float), ("first_axis", c_int32), ("last_axis", c_int32)]


class DenseOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("activation", c_int32),
        ("use_bias", c_int32),
        ("kernel_initializer", Initializer),
        ("bias_initializer", Initializer),
        ("kernel_regularizer", Regularizer),
        ("bias_regularizer", Regularizer),
        ("kernel_constraint", Constraint),
        ("bias_constraint", Constraint),
        ("name", c_char_p),
    ]


class ConvOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("padding", c_int32),
        ("strides", c_int64 * 2),
        ("dilation", c_int64 * 2),
        ("groups", c_int64),
        ("activation", c_int32),
        ("use_bias", c_int32),
        ("kernel_initializer", Initializer),
        ("bias_initializer", Initializer),
        ("kernel_regularizer", Regularizer),
        ("bias_regularizer", Regularizer),
        ("kernel_constraint", Constraint),
        ("bias_constraint", Constraint),
        ("depth_multiplier", c_int64),
        ("pointwise_initializer", Initializer),
        ("pointwise_regularizer", Regularizer),
        ("pointwise_constraint", Constraint),
        ("name", c_char_p),
    ]


class PoolingOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("padding", c_int32), ("strides", c_int64 * 2), ("name", c_char_p)]


class SubmodelOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("inference", c_int32), ("name", c_char_p)]


class RandomTransformOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("fill_mode", c_int32),
        ("interpolation", c_int32),
        ("fill_value", c_float),
        ("name", c_char_p),
    ]


class RandomErasingOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("fill_count", c_int32),
        ("factor", c_double * 2),
        ("scale", c_double * 2),
        ("fill_value", c_float * 3),
        ("value_range", c_float * 2),
        ("name", c_char_p),
    ]


class BatchNormalizationOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("center", c_int32),
        ("scale", c_int32),
        ("momentum", c_double),
        ("epsilon", c_double),
        ("beta_initializer", Initializer),
        ("gamma_initializer", Initializer),
        ("moving_mean_initializer", Initializer),
        ("moving_variance_initializer", Initializer),
        ("beta_regularizer", Regularizer),
        ("gamma_regularizer", Regularizer),
        ("beta_constraint", Constraint),
        ("gamma_constraint", Constraint),
        ("name", c_char_p),
    ]


class RowNormalizationOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("center", c_int32),
        ("scale", c_int32),
        ("epsilon", c_double),
        ("beta_initializer", Initializer),
        ("gamma_initializer", Initializer),
        ("beta_regularizer", Regularizer),
        ("gamma_regularizer", Regularizer),
        ("beta_constraint", Constraint),
        ("gamma_constraint", Constraint),
        ("name", c_char_p),
    ]


class PReLUOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("shared_axes", c_int32),
        ("alpha_initializer", Initializer),
        ("alpha_regularizer", Regularizer),
        ("alpha_constraint", Constraint),
        ("name", c_char_p),
    ]


class ApplicationOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("include_top", c_int32),
        ("pooling", c_int32),
        ("classifier_activation", c_int32),
        ("preprocessing", c_int32),
        ("classes", c_int64),
        ("height", c_int64),
        ("width", c_int64),
        ("channels", c_int64),
        ("alpha", c_double),
        ("seed", c_uint64),
        ("weights", c_char_p),
        ("name", c_char_p),
    ]


class LossStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_int32),
        ("from_logits", c_int32),
        ("apply_class_balancing", c_int32),
        ("weight", c_double),
        ("label_smoothing", c_double),
        ("delta", c_double),
        ("gamma", c_double),
        ("alpha", c_double),
        ("class_weights", POINTER(c_float)),
        ("class_count", c_int32),
        ("accuracy", c_int32),
    ]


class TrainerOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("optimizer", c_int32),
        ("losses", POINTER(LossStruct)),
        ("loss_count", c_int32),
        ("top_k", c_int32),
        ("learning_rate", c_double),
        ("learning_rate_decay", c_double),
        ("momentum", c_double),
        ("beta_1", c_double),
        ("beta_2", c_double),
        ("epsilon", c_double),
        ("seed", c_uint64),
        ("nesterov", c_int32),
        ("amsgrad", c_int32),
        ("centered", c_int32),
        ("accumulation_steps", c_int32),
        ("rho", c_double),
        ("weight_decay", c_double),
        ("initial_accumulator_value", c_double),
        ("clip_value", c_double),
        ("clip_norm", c_double),
        ("global_clip_norm", c_double),
        ("ema_momentum", c_double),
        ("ema_overwrite_frequency", c_int64),
    ]


class FitOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("shuffle", c_int32),
        ("batch_size", c_int64),
        ("epochs", c_int64),
        ("iterations", c_int64),
        ("drop_last", c_int32),
        ("stop_on_nan", c_int32),
        ("monitor", c_int32),
        ("restore_best", c_int32),
        ("patience", c_int64),
        ("min_delta", c_double),
        ("every_batch", c_int32),
        ("layer_statistics", c_int32),
    ]


class MetricsStruct(ctypes.Structure):
    _fields_ = [
        ("loss", c_double),
        ("data_loss", c_double),
        ("regularization_loss", c_double),
        ("accuracy", c_double),
        ("top_k_accuracy", c_double),
    ]


class LayerStatisticsStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("trainable", c_int32),
        ("activation_mean", c_double),
        ("activation_deviation", c_double),
        ("dead_share", c_double),
        ("saturated_share", c_double),
        ("gradient_norm", c_double),
        ("update_ratio", c_double),
    ]


class GradientCheckOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("loss_count", c_int32),
        ("losses", POINTER(LossStruct)),
        ("sample", c_int64),
        ("step", c_double),
        ("seed", c_uint64),
    ]


class GradientCheckStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("array_count", c_int32),
        ("weight_count", c_int64),
        ("loss", c_double),
        ("largest_error", c_double),
        ("layer", c_char_p),
        ("weight", c_char_p),
        ("element", c_int64),
        ("analytic", c_double),
        ("numeric", c_double),
    ]


class CostStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("array_count", c_int32),
        ("weight_bytes", c_int64),
        ("prediction_bytes", c_int64),
        ("training_bytes", c_int64),
        ("prediction_flops", c_int64),
        ("training_flops", c_int64),
    ]


class ProgressStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("event", c_int32),
        ("epoch", c_int64),
        ("epochs", c_int64),
        ("batch", c_int64),
        ("batches", c_int64),
        ("iteration", c_int64),
        ("samples", c_int64),
        ("seconds", c_double),
        ("samples_per_second", c_double),
        ("learning_rate", c_double),
        ("training", MetricsStruct),
        ("validation", MetricsStruct),
    ]


PROGRESS_CALLBACK = ctypes.CFUNCTYPE(c_int32, POINTER(ProgressStruct), c_void_p)

_NODE = c_int32
_FLOATS = c_void_p  # address of float32 elements, as numpy's array.ctypes.data gives it
_INT32S, _INT64S, _STRINGS, _DOUBLES = POINTER(c_int32), POINTER(c_int64), POINTER(c_char_p), POINTER(c_double)
_MODEL, _DATASET, _TRAINER = ModelHandle, DatasetHandle, TrainerHandle
_CONV2D = [_MODEL, _NODE, c_int64, c_int64, c_int64, POINTER(ConvOptions), POINTER(_NODE)]
_MODELS, _DATASETS, _TRAINERS = POINTER(ModelHandle), POINTER(DatasetHandle), POINTER(TrainerHandle)
_APPLICATION = [POINTER(ApplicationOptions), _MODELS]
_MERGE = [_MODEL, c_int32, POINTER(_NODE), c_char_p, POINTER(_NODE)]

# name: (result, arguments), in the order of the header. A test compares this table with the header's text.
PROTOTYPES: dict[str, tuple[type | None, list]] = {
    "martlet_version": (c_int32, []),
    "martlet_version_string": (c_char_p, []),
    "martlet_instruction_set": (c_char_p, []),
    "martlet_status_name": (c_char_p, [STATUS]),
    "martlet_last_error": (c_char_p, []),
    "martlet_set_threads": (STATUS, [c_int32]),
    "martlet_threads": (c_int32, []),
    "martlet_model_create": (STATUS, [c_char_p, c_uint64, _MODELS]),
    "martlet_model_destroy": (None, [_MODEL]),
    "martlet_input": (STATUS, [_MODEL, c_char_p, c_int32, _INT64S, POINTER(_NODE)]),
    "martlet_dense": (STATUS, [_MODEL, _NODE, c_int64, POINTER(DenseOptions), POINTER(_NODE)]),
    "martlet_spatial_dropout": (STATUS, [_MODEL, _NODE, c_double, c_char_p, POINTER(_NODE)]),
    "martlet_layer_normalization": (STATUS, [_MODEL, _NODE, POINTER(RowNormalizationOptions), POINTER(_NODE)]),
    "martlet_group_normalization": (
        STATUS,
        [_MODEL, _NODE, c_int64, POINTER(RowNormalizationOptions), POINTER(_NODE)],
    ),
    "martlet_prelu": (STATUS, [_MODEL, _NODE, POINTER(PReLUOptions), POINTER(_NODE)]),
    "martlet_relu": (STATUS, [_MODEL, _NODE, c_float, c_float, c_float, c_char_p, POINTER(_NODE)]),
    "martlet_batch_normalization": (STATUS, [_MODEL, _NODE, POINTER(BatchNormalizationOptions), POINTER(_NODE)]),
    "martlet_zero_padding2d": (STATUS, [_MODEL, _NODE, *[c_int64] * 4, c_char_p, POINTER(_NODE)]),
    "martlet_cropping2d": (STATUS, [_MODEL, _NODE, *[c_int64] * 4, c_char_p, POINTER(_NODE)]),
    "martlet_resizing": (STATUS, [_MODEL, _NODE, c_int64, c_int64, c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_up_sampling2d": (STATUS, [_MODEL, _NODE, c_int64, c_int64, c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_random_flip": (STATUS, [_MODEL, _NODE, c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_random_translation": (
        STATUS,
        [_MODEL, _NODE, _DOUBLES, _DOUBLES, POINTER(RandomTransformOptions), POINTER(_NODE)],
    ),
    "martlet_random_rotation": (STATUS, [_MODEL, _NODE, _DOUBLES, POINTER(RandomTransformOptions), POINTER(_NODE)]),
    "martlet_random_zoom": (
        STATUS,
        [_MODEL, _NODE, _DOUBLES, _DOUBLES, POINTER(RandomTransformOptions), POINTER(_NODE)],
    ),
    "martlet_random_crop": (STATUS, [_MODEL, _NODE, c_int64, c_int64, c_char_p, POINTER(_NODE)]),
    "martlet_random_contrast": (STATUS, [_MODEL, _NODE, _DOUBLES, _FLOATS, c_char_p, POINTER(_NODE)]),
    "martlet_random_erasing": (STATUS, [_MODEL, _NODE, POINTER(RandomErasingOptions), POINTER(_NODE)]),
    "martlet_conv2d": (STATUS, _CONV2D),
    "martlet_separable_conv2d": (STATUS, _CONV2D),
    "martlet_conv2d_transpose": (STATUS, _CONV2D),
    "martlet_depthwise_conv2d": (STATUS, [_MODEL, _NODE, c_int64, c_int64, POINTER(ConvOptions), POINTER(_NODE)]),
    "martlet_conv1d": (STATUS, [_MODEL, _NODE, c_int64, c_int64, POINTER(ConvOptions), POINTER(_NODE)]),
    "martlet_max_pooling2d": (STATUS, [_MODEL, _NODE, c_int64, c_int64, POINTER(PoolingOptions), POINTER(_NODE)]),
    "martlet_max_pooling1d": (STATUS, [_MODEL, _NODE, c_int64, POINTER(PoolingOptions), POINTER(_NODE)]),
    "martlet_global_max_pooling": (STATUS, [_MODEL, _NODE, c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_average_pooling2d": (STATUS, [_MODEL, _NODE, c_int64, c_int64, POINTER(PoolingOptions), POINTER(_NODE)]),
    "martlet_average_pooling1d": (STATUS, [_MODEL, _NODE, c_int64, POINTER(PoolingOptions), POINTER(_NODE)]),
    "martlet_global_average_pooling": (STATUS, [_MODEL, _NODE, c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_activation": (STATUS, [_MODEL, _NODE, c_int32, c_float, c_char_p, POINTER(_NODE)]),
    "martlet_softmax": (STATUS, [_MODEL, _NODE, c_int32, _INT32S, c_char_p, POINTER(_NODE)]),
    "martlet_dropout": (STATUS, [_MODEL, _NODE, c_double, c_char_p, POINTER(_NODE)]),
    "martlet_gaussian_noise": (STATUS, [_MODEL, _NODE, c_double, c_char_p, POINTER(_NODE)]),
    "martlet_activity_regularization": (STATUS, [_MODEL, _NODE, c_float, c_float, c_char_p, POINTER(_NODE)]),
    "martlet_flatten": (STATUS, [_MODEL, _NODE, c_char_p, POINTER(_NODE)]),
    "martlet_reshape": (STATUS, [_MODEL, _NODE, c_int32, _INT64S, c_char_p, POINTER(_NODE)]),
    "martlet_permute": (STATUS, [_MODEL, _NODE, c_int32, _INT32S, c_char_p, POINTER(_NODE)]),
    "martlet_rescaling": (STATUS, [_MODEL, _NODE, c_double, c_double, c_char_p, POINTER(_NODE)]),
    "martlet_channel_rescaling": (
        STATUS,
        [_MODEL, _NODE, c_int64, POINTER(c_double), c_int64, POINTER(c_double), c_char_p, POINTER(_NODE)],
    ),
    "martlet_normalization": (STATUS, [_MODEL, _NODE, c_int64, _FLOATS, _FLOATS, c_char_p, POINTER(_NODE)]),
    "martlet_add": (STATUS, _MERGE),
    "martlet_subtract": (STATUS, [_MODEL, _NODE, _NODE, c_char_p, POINTER(_NODE)]),
    "martlet_multiply": (STATUS, _MERGE),
    "martlet_average": (STATUS, _MERGE),
    "martlet_maximum": (STATUS, _MERGE),
    "martlet_concatenate": (STATUS, [_MODEL, c_int32, POINTER(_NODE), c_int32, c_char_p, POINTER(_NODE)]),
    "martlet_share": (STATUS, [_MODEL, _NODE, c_int32, POINTER(_NODE), POINTER(_NODE)]),
    "martlet_submodel": (
        STATUS,
        [_MODEL, _MODEL, c_int32, POINTER(_NODE), POINTER(SubmodelOptions), c_int32, POINTER(_NODE)],
    ),
    "martlet_share_submodel": (
        STATUS,
        [_MODEL, c_char_p, c_int32, POINTER(_NODE), c_int32, c_int32, POINTER(_NODE)],
    ),
    "martlet_model_submodel_count": (STATUS, [_MODEL, _INT32S]),
    "martlet_model_submodel": (STATUS, [_MODEL, c_int32, _STRINGS, _STRINGS]),
    "martlet_model_cut": (STATUS, [_MODEL, c_char_p, _MODELS, _MODELS]),
    "martlet_model_copy_submodel": (STATUS, [_MODEL, c_char_p, _MODELS]),
    "martlet_model_build": (STATUS, [_MODEL, c_int32, POINTER(_NODE)]),
    "martlet_resnet50_create": (STATUS, _APPLICATION),
    "martlet_xception_create": (STATUS, _APPLICATION),
    "martlet_vgg16_create": (STATUS, _APPLICATION),
    "martlet_mobilenetv2_create": (STATUS, _APPLICATION),
    "martlet_model_name": (STATUS, [_MODEL, _STRINGS]),
    "martlet_model_summary": (STATUS, [_MODEL, _STRINGS]),
    "martlet_model_cost": (STATUS, [_MODEL, c_int64, POINTER(CostStruct)]),
    "martlet_model_parameter_count": (STATUS, [_MODEL, _INT64S, _INT64S]),
    "martlet_model_trainable": (STATUS, [_MODEL, c_char_p, POINTER(c_int32)]),
    "martlet_model_set_trainable": (STATUS, [_MODEL, c_char_p, c_int32]),
    "martlet_model_input_count": (STATUS, [_MODEL, _INT32S]),
    "martlet_model_output_count": (STATUS, [_MODEL, _INT32S]),
    "martlet_model_input_name": (STATUS, [_MODEL, c_int32, _STRINGS]),
    "martlet_model_output_name": (STATUS, [_MODEL, c_int32, _STRINGS]),
    "martlet_model_input_shape": (STATUS, [_MODEL, c_int32, _INT32S, _INT64S]),
    "martlet_model_output_shape": (STATUS, [_MODEL, c_int32, _INT32S, _INT64S]),
    "martlet_model_layer_count": (STATUS, [_MODEL, _INT32S]),
    "martlet_model_layer": (STATUS, [_MODEL, c_int32, _STRINGS, _STRINGS]),
    "martlet_model_weight_count": (STATUS, [_MODEL, c_char_p, _INT32S]),
    "martlet_model_weight": (STATUS, [_MODEL, c_char_p, c_int32, _STRINGS, _INT32S, _INT64S]),
    "martlet_model_get_weight": (STATUS, [_MODEL, c_char_p, c_char_p, _FLOATS, c_int64]),
    "martlet_model_set_weight": (STATUS, [_MODEL, c_char_p, c_char_p, _FLOATS, c_int64]),
    "martlet_model_set_class_names": (STATUS, [_MODEL, c_int32, _STRINGS]),
    "martlet_model_class_count": (STATUS, [_MODEL, _INT32S]),
    "martlet_model_class_name": (STATUS, [_MODEL, c_int32, _STRINGS]),
    "martlet_model_layer_input_count": (STATUS, [_MODEL, c_char_p, _INT32S]),
    "martlet_model_layer_input_shape": (STATUS, [_MODEL, c_char_p, c_int32, _INT32S, _INT64S]),
    "martlet_model_copy": (STATUS, [_MODEL, _MODELS]),
    "martlet_model_clone": (STATUS, [_MODEL, c_uint64, _MODELS]),
    "martlet_model_rename_layer": (STATUS, [_MODEL, c_char_p, c_char_p]),
    "martlet_model_remove_layer": (STATUS, [_MODEL, c_char_p]),
    "martlet_model_replace_layer": (STATUS, [_MODEL, c_char_p, c_char_p]),
    "martlet_model_save": (STATUS, [_MODEL, c_char_p]),
    "martlet_model_load": (STATUS, [c_char_p, _MODELS]),
    "martlet_model_load_replacing": (STATUS, [c_char_p, c_int32, _STRINGS, _STRINGS, _MODELS]),
    "martlet_model_save_memory": (STATUS, [_MODEL, c_void_p, c_int64, _INT64S]),
    "martlet_model_load_memory": (STATUS, [c_char_p, c_int64, _MODELS]),
    "martlet_model_save_weights": (STATUS, [_MODEL, c_char_p]),
    "martlet_model_load_weights": (STATUS, [_MODEL, c_char_p, c_int32, c_int32, _INT32S]),
    "martlet_model_skipped_layer": (STATUS, [_MODEL, c_int32, _STRINGS, _STRINGS]),
    "martlet_model_training_config": (STATUS, [_MODEL, _STRINGS]),
    "martlet_model_to_json": (STATUS, [_MODEL, _STRINGS]),
    "martlet_model_from_json": (STATUS, [c_char_p, c_uint64, _MODELS]),
    "martlet_predict": (STATUS, [_MODEL, POINTER(Array), c_int32, _FLOATS, c_int64]),
    "martlet_predict_double": (STATUS, [_MODEL, POINTER(Array), c_int32, _DOUBLES, c_int64]),
    "martlet_dataset_create": (STATUS, [POINTER(Array), POINTER(Array), c_int32, _DATASETS]),
    "martlet_dataset_open": (STATUS, [c_char_p, c_char_p, c_char_p, _DATASETS]),
    "martlet_dataset_zip": (STATUS, [_DATASETS, c_int32, _DATASETS]),
    "martlet_dataset_destroy": (None, [_DATASET]),
    "martlet_dataset_rows": (STATUS, [_DATASET, c_int64, c_int64, _DATASETS]),
    "martlet_dataset_split": (STATUS, [_DATASET, c_double, c_int32, c_uint64, _DATASETS, _DATASETS]),
    "martlet_dataset_length": (STATUS, [_DATASET, _INT64S]),
    "martlet_dataset_x_count": (STATUS, [_DATASET, _INT32S]),
    "martlet_dataset_y_count": (STATUS, [_DATASET, _INT32S]),
    "martlet_dataset_x_shape": (STATUS, [_DATASET, c_int32, _INT32S, _INT64S]),
    "martlet_dataset_y_shape": (STATUS, [_DATASET, c_int32, _INT32S, _INT64S]),
    "martlet_dataset_set_sample_weights": (STATUS, [_DATASET, POINTER(Array), c_int32]),
    "martlet_dataset_set_scaling": (STATUS, [_DATASET, c_double, c_double]),
    "martlet_dataset_statistics": (STATUS, [_DATASET, c_int64, _FLOATS, _FLOATS]),
    "martlet_dataset_set_class_names": (STATUS, [_DATASET, c_int32, _STRINGS]),
    "martlet_dataset_class_count": (STATUS, [_DATASET, _INT32S]),
    "martlet_dataset_class_name": (STATUS, [_DATASET, c_int32, _STRINGS]),
    "martlet_predict_dataset": (STATUS, [_MODEL, _DATASET, _FLOATS, c_int64]),
    "martlet_write_features": (STATUS, [_MODEL, _DATASET, c_char_p]),
    "martlet_write_predictions": (STATUS, [_MODEL, _DATASET, c_int32, c_char_p, c_int64]),
    "martlet_trainer_create": (STATUS, [_MODEL, POINTER(TrainerOptions), _TRAINERS]),
    "martlet_trainer_destroy": (None, [_TRAINER]),
    "martlet_trainer_fit": (
        STATUS,
        [_TRAINER, _DATASET, _DATASET, POINTER(FitOptions), PROGRESS_CALLBACK, c_void_p],
    ),
    "martlet_trainer_evaluate": (
        STATUS,
        [_TRAINER, _DATASET, PROGRESS_CALLBACK, c_void_p, POINTER(MetricsStruct)],
    ),
    "martlet_trainer_interrupt": (None, [_TRAINER]),
    "martlet_trainer_history_length": (STATUS, [_TRAINER, _INT64S]),
    "martlet_trainer_history": (STATUS, [_TRAINER, c_int64, POINTER(ProgressStruct)]),
    "martlet_trainer_output_metrics": (
        STATUS,
        [_TRAINER, c_int32, POINTER(MetricsStruct), POINTER(MetricsStruct)],
    ),
    "martlet_trainer_history_output": (
        STATUS,
        [_TRAINER, c_int64, c_int32, POINTER(MetricsStruct), POINTER(MetricsStruct)],
    ),
    "martlet_trainer_layer_statistics": (STATUS, [_TRAINER, c_int64, c_char_p, POINTER(LayerStatisticsStruct)]),
    "martlet_trainer_best_epoch": (STATUS, [_TRAINER, _INT64S]),
    "martlet_trainer_learning_rate": (STATUS, [_TRAINER, _DOUBLES]),
    "martlet_trainer_set_learning_rate": (STATUS, [_TRAINER, c_double]),
    "martlet_trainer_train_step": (
        STATUS,
        [_TRAINER, POINTER(Array), c_int32, POINTER(Array), c_int32, _FLOATS, POINTER(MetricsStruct)],
    ),
    "martlet_trainer_forward": (STATUS, [_TRAINER, POINTER(Array), c_int32, _FLOATS, c_int64]),
    "martlet_trainer_backward": (STATUS, [_TRAINER, _FLOATS, c_int64]),
    "martlet_trainer_get_gradient": (STATUS, [_TRAINER, c_char_p, c_char_p, _FLOATS, c_int64]),
    "martlet_trainer_set_gradient": (STATUS, [_TRAINER, c_char_p, c_char_p, _FLOATS, c_int64]),
    "martlet_trainer_apply": (STATUS, [_TRAINER]),
    "martlet_trainer_use_average": (STATUS, [_TRAINER]),
    "martlet_trainer_save": (STATUS, [_TRAINER, c_char_p, c_char_p]),
    "martlet_trainer_load_state": (STATUS, [_TRAINER, c_char_p]),
    "martlet_model_check_gradients": (
        STATUS,
        [
            _MODEL,
            _DATASET,
            POINTER(GradientCheckOptions),
            PROGRESS_CALLBACK,
            c_void_p,
            _DOUBLES,
            c_int64,
            POINTER(GradientCheckStruct),
        ],
    ),
}


def library_path() -> Path:
    """The file that would be loaded; ImportError says where it was looked for when there is none."""
    named = os.environ.get("MARTLET_LIBRARY")
    if named:
        if not Path(named).is_file():
            raise ImportError(f"MARTLET_LIBRARY names {named!r}, which is not a file")
        return Path(named)
    package = Path(__file__).resolve().parent
    candidates = [package / "libmartlet.so"]
    if len(package.parents) > 2:  # bindings/python/martlet in a checkout
        candidates.append(package.parents[2] / ".build" / "martlet" / "libmartlet.so")
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(str(c) for c in candidates)
    raise ImportError(
        f"libmartlet.so was not found (tried {tried}). Build it with `make build` in the repository, or set "
        "MARTLET_LIBRARY to its path."
    )


@functools.lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The loaded library with every prototype declared. ImportError if it is missing or of another version."""
    path = library_path()
    try:
        loaded = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
        loaded.martlet_version.restype = c_int32
        number = loaded.martlet_version()
    except (OSError, AttributeError) as error:
        raise ImportError(f"{path} cannot be loaded as libmartlet: {error}") from error
    version = (number // 1_000_000, number // 1_000 % 1_000, number % 1_000)
    check_version(version, path)
    for name, (result, arguments) in PROTOTYPES.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{path} has no function {name}: it is not the library of this package") from None
        function.restype = result
        function.argtypes = arguments
    return loaded


def check_version(version: tuple[int, int, int], path: Path) -> None:
    """ImportError unless a library of this version serves this package."""
    if version[0] != REQUIRED_VERSION[0] or version < REQUIRED_VERSION:
        have, need = ".".join(map(str, version)), ".".join(map(str, REQUIRED_VERSION))
        raise ImportError(
            f"{path} is libmartlet {have}; this package needs {REQUIRED_VERSION[0]}.x, at least {need}. Rebuild the "
            "library, install the matching package, or set MARTLET_LIBRARY to another file."
        )
