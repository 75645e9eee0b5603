"""model.check_gradients: back-propagation against difference quotients, in the library and in double."""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._check import integer, real
from ._library import GradientCheckOptions, GradientCheckStruct, library
from .data import Dataset
from ._progress import Progress, run
from .trainer import loss_structs

if TYPE_CHECKING:
    from ._model import Model


class GradientCheck(NamedTuple):
    """What check_gradients has found. Errors below 1e-5 are rounding; a wrong gradient has 1e-2 and more."""

    loss: float  # of the rows, regularisation included
    largest_error: float
    weight_count: int  # weights that were checked
    layer: str | None  # where the error is largest; None if no weight is trained
    weight: str | None
    position: tuple[int, ...]  # in that array
    analytic: float
    numeric: float
    errors: list[np.ndarray]  # of every weight, in the order of get_weights; NaN where not checked

    def __repr__(self) -> str:
        place = f"{self.layer}/{self.weight}{list(self.position)}" if self.layer else None
        return (
            f"GradientCheck(loss={self.loss:.6g}, largest_error={self.largest_error:.2g}, at={place}, "
            f"weight_count={self.weight_count})"
        )


def check_gradients(model: Model, dataset: Dataset, sample: Any, step: Any, seed: Any) -> GradientCheck:
    engine = model.built_engine()
    objectives = model.objectives
    losses = loss_structs([each.loss for each in objectives], [each.weight for each in objectives])
    options = GradientCheckOptions(
        struct_size=ctypes.sizeof(GradientCheckOptions),
        losses=losses,
        loss_count=len(losses),
        sample=integer(sample, "sample", -(2**63)),
        step=real(step, "step"),
        seed=integer(seed, "seed", 0, 2**64 - 1),
    )
    flat = np.empty(engine.parameter_count()[0])
    pointer = flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    out = GradientCheckStruct(struct_size=ctypes.sizeof(GradientCheckStruct))
    run(
        lambda report: library().martlet_model_check_gradients(
            engine.handle, dataset.handle, byref(options), report, None, pointer, flat.size, byref(out)
        ),
        None,
        Progress.of,
    )
    arrays = model.get_weights()
    ends = np.cumsum([array.size for array in arrays])[:-1]
    errors = [part.reshape(array.shape) for part, array in zip(np.split(flat, ends), arrays)]
    layer, weight = (None if name is None else name.decode() for name in (out.layer, out.weight))
    position: tuple[int, ...] = ()
    if layer is not None and weight is not None:
        shape = engine.weight_shape(layer, weight)
        position = tuple(int(i) for i in np.unravel_index(out.element, shape))
    return GradientCheck(
        out.loss, out.largest_error, out.weight_count, layer, weight, position, out.analytic, out.numeric, errors
    )
