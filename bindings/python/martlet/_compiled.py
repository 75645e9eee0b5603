"""What a model was compiled with, as the `training_config` of a Keras file says it, and the other way round."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from . import losses, metrics, optimizers
from ._names import snake_case
from ._objectives import Objective

# Members of Keras' configurations that change nothing that is computed here.
_WITHOUT_EFFECT = ("name", "dtype", "reduction", "fn", "axis", "ignore_class")
# Losses that are metrics in Keras too, by the same name and without options.
_LOSS_METRICS = (
    losses.MeanSquaredError,
    losses.MeanAbsoluteError,
    losses.KLDivergence,
    losses.Poisson,
    losses.CategoricalHinge,
)


def read(text: str) -> dict[str, Any]:
    """The arguments of compile. ValueError, TypeError or KeyError: what is not understood."""
    config = json.loads(text)
    rule = config["optimizer_config"]
    optimizer = type(optimizers.get(_class_name(rule))).from_config(rule["config"])
    return {
        "optimizer": optimizer,
        "loss": _each(config.get("loss"), losses.get),
        "metrics": _each(config.get("metrics"), metrics.get),
        "loss_weights": config.get("loss_weights"),
    }


def metrics_text(objectives: Sequence[Objective]) -> str:
    """The metrics of the outputs as JSON, without those that Keras does not have: it would not load the file."""
    sets = [[_metric(one) for one in each.metrics if _is_in_keras(one)] for each in objectives]
    return json.dumps(sets[0] if len(sets) == 1 else sets)


def _is_in_keras(metric: metrics.Metric) -> bool:
    if isinstance(metric, metrics.LossMetric):
        return metric.kind in _LOSS_METRICS
    return not isinstance(metric, (metrics.DataLoss, metrics.RegularizationLoss))


def _metric(metric: metrics.Metric) -> Any:
    # Keras' class of that name means something else.
    if type(metric) is metrics.Accuracy:
        return "accuracy"
    kind = metric.kind if isinstance(metric, metrics.LossMetric) else type(metric)
    config = {"name": metric.name} if metric.k is None else {"name": metric.name, "k": metric.k}
    return {"class_name": kind.__name__, "config": config}


def _each(value: Any, get: Callable[[Any], Any]) -> Any:
    """The object that a name or a configuration of a class stands for; of a list or dict, each of its members."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_each(one, get) for one in value]
    if not isinstance(value, dict):
        return get(value)
    if "class_name" not in value:
        return {key: _each(one, get) for key, one in value.items()}
    found, config = get(snake_case(_class_name(value))), value.get("config", {})
    if isinstance(found, metrics.LossMetric):
        return metrics.LossMetric(found.kind, config.get("name"))
    kind = type(found)
    known = inspect.signature(kind).parameters
    arguments = {}
    for key, option in config.items():
        if key in known:
            arguments[key] = option
        elif key not in _WITHOUT_EFFECT and option not in (None, False, 0):
            raise ValueError(f"{kind.__name__} has no option {key!r} here")
    return kind(**arguments)


def _class_name(config: dict[str, Any]) -> str:
    """Without the package that registered classes have before their name."""
    return str(config["class_name"]).split(">")[-1]
