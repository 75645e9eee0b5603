"""What compile was given, sorted by the outputs of the model: loss, weight and metrics of each.

One output: losses and metrics stand alone. Several: a list in the order of the outputs, or a dict by their names, and one
loss alone is that of every output; an output with None is not trained. Logs are named as Keras names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import losses, metrics
from ._check import real
from ._progress import Metrics


@dataclass
class Objective:
    """How one output is trained and judged."""

    name: str
    loss: losses.Loss
    weight: float = 1.0
    metrics: list[metrics.Metric] = field(default_factory=list)

    @property
    def has_loss(self) -> bool:
        """Whether the output is trained, and so has targets."""
        return not isinstance(self.loss, losses.NoLoss)

    def numbers(self, values: Metrics) -> dict[str, float]:
        """The values of the metrics, by the metrics' names."""
        return {metric.name: metric.value(values) for metric in self.metrics}

    def accuracy_code(self, columns: int) -> int:
        """The library's number of the accuracy that the metrics ask for; columns: of the output's last axis."""
        asked = (metric.accuracy_code(self.loss, columns) for metric in self.metrics)
        codes = {code for code in asked if code is not None}
        if len(codes) > 1:
            names = ", ".join(metric.name for metric in self.metrics)
            raise ValueError(f"the metrics {names} are different kinds of accuracy; one output has one")
        return codes.pop() if codes else 0


def objectives(loss: Any, weights: Any, given: Any, names: Sequence[str]) -> list[Objective]:
    """The objectives of the outputs of these names. ValueError: an unknown name, or not one for each output."""
    several = len(names) > 1
    if isinstance(loss, (list, tuple, dict)):
        chosen = [losses.get(one) for one in _for_each(loss, names, "loss")]
    else:
        chosen = [losses.get(loss) for _ in names]
    factors = _factors(weights, names)
    sets = metric_sets(given, names)
    found = []
    for name, one, factor, chosen_metrics in zip(names, chosen, factors, sets):
        found.append(Objective(name, one, factor, _metrics(chosen_metrics, one)))
    ks = {metric.k for objective in found for metric in objective.metrics if metric.k is not None}
    if len(ks) > 1:
        raise ValueError("metrics must agree on one k of top-k accuracy")
    if several and len(set(names)) != len(names):
        raise ValueError(f"outputs of several calls of one layer cannot be told apart by name: {', '.join(names)}")
    return found


def logs(found: Sequence[Objective], numbers: Metrics, prefix: str = "") -> dict[str, float]:
    """Keras' logs: the loss, of several outputs each one's, then the metrics."""
    named = {"loss": numbers.loss}
    if len(found) == 1:
        named.update(found[0].numbers(numbers))
    else:
        own_losses = {f"{each.name}_loss": own.data_loss for each, own in zip(found, numbers.outputs) if each.has_loss}
        if len(own_losses) > 1:
            named.update(own_losses)
        judged = {
            f"{each.name}_{name}": value
            for each, own in zip(found, numbers.outputs)
            for name, value in each.numbers(own).items()
        }
        named.update(sorted(judged.items()))
    return {prefix + name: value for name, value in named.items()}


def _for_each(value: Any, names: Sequence[str], what: str) -> list[Any]:
    """One entry for every output, from a list in their order or a dict by their names."""
    if isinstance(value, Mapping):
        if set(value) != set(names):
            raise ValueError(f"Expected keys {list(names)} in the dict {what}, received {list(value)}")
        return [value[name] for name in names]
    if len(value) != len(names):
        raise ValueError(f"{what} has {len(value)} entries, but the model has {len(names)} outputs: {list(names)}")
    return list(value)


def _factors(weights: Any, names: Sequence[str]) -> list[float]:
    if weights is None:
        return [1.0] * len(names)
    if not isinstance(weights, (list, tuple, Mapping)):
        weights = [weights]
    return [real(weight, "loss_weights") for weight in _for_each(weights, names, "loss_weights")]


def metric_sets(given: Any, names: Sequence[str]) -> list[list[Any]]:
    """For every output, what its metrics were given as."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(f"metrics has the key {sorted(unknown)[0]!r}; the model has the outputs {list(names)}")
        return [_listed(given.get(name)) for name in names]
    if len(names) == 1:
        return [[one for entry in _listed(given) for one in _listed(entry)]]
    return [_listed(entry) for entry in _for_each(_listed(given), names, "metrics")]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _metrics(given: Sequence[Any], loss: losses.Loss) -> list[metrics.Metric]:
    chosen = [metrics.get(one) for one in given]
    for metric in chosen:
        metric.check(loss)
    names = [metric.name for metric in chosen]
    if len(set(names)) != len(names):
        raise ValueError(f"metrics must have different names, received {names}")
    return chosen
