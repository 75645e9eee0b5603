"""What a model was compiled with, as the `training_config` of a Keras file says it, and the other way round."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import losses, metrics, optimizers
from ._names import snake_case
from ._objectives import Objective, metric_sets, objectives

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


def read(text: str, outputs: Mapping[str, int]) -> tuple[dict[str, Any], list[str]]:
    """The arguments of compile, and the metrics that they leave out, as this package cannot compute them.

    outputs: of the model, the length of the last axis by name. ValueError, TypeError, KeyError: what is not understood.
    """
    config = json.loads(text)
    rule = config.get("optimizer_config") if isinstance(config, dict) else None
    if rule is None:
        raise ValueError("it names no optimizer")
    optimizer = type(optimizers.get(_class_name(rule))).from_config(rule["config"])
    loss, weights = _each(config.get("loss"), losses.get), config.get("loss_weights")
    chosen, left_out = _metrics(config.get("metrics"), loss, weights, outputs)
    left_out += [f"{name!r} of weighted_metrics" for name in _labels(config.get("weighted_metrics"))]
    return {"optimizer": optimizer, "loss": loss, "metrics": chosen, "loss_weights": weights}, left_out


def _metrics(given: Any, loss: Any, weights: Any, outputs: Mapping[str, int]) -> tuple[list[Any], list[str]]:
    """The metrics of a file that these outputs can have together, as compile takes them, and names of the others."""
    names = list(outputs)
    if isinstance(given, dict) and "class_name" in given:
        given = [given]
    sets: list[list[metrics.Metric]] = [[] for _ in names]
    left_out = []
    for index, entries in enumerate(metric_sets(given, names)):
        for entry in entries:
            try:
                trial = [[*chosen] for chosen in sets]
                trial[index].append(_each(entry, metrics.get))
                for objective in objectives(loss, weights, trial, names):
                    objective.accuracy_code(outputs[objective.name])
                sets = trial
            except (ValueError, TypeError, KeyError):
                left_out += [repr(name) for name in _labels(entry)]
    return sets, left_out


def _labels(value: Any) -> list[str]:
    """The names of metrics in a configuration, however they are nested."""
    if value is None:
        return []
    if isinstance(value, dict) and "class_name" in value:
        config = value.get("config")
        named = config.get("name") if isinstance(config, dict) else config  # a function's is its name
        return [str(named or _class_name(value))]
    if isinstance(value, (list, dict)):
        return [label for one in (value.values() if isinstance(value, dict) else value) for label in _labels(one)]
    return [str(value)]


def metrics_text(judged: Sequence[Objective]) -> str:
    """The metrics of the outputs as JSON, without those that Keras does not have: it would not load the file."""
    sets = [[_metric(one) for one in each.metrics if _is_in_keras(one)] for each in judged]
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
