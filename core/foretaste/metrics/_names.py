"""From a name in a configuration, such as ``ndcg@10``, to a metric."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from foretaste.errors import ConfigError, did_you_mean
from foretaste.metrics._metric import Metric
from foretaste.metrics._ranking import (
    AveragePrecision,
    Coverage,
    Hit,
    Ndcg,
    Novelty,
    Precision,
    Recall,
    ReciprocalRank,
)
from foretaste.metrics._rating import MeanAbsoluteError, RootMeanSquaredError

MetricFactory = Callable[[int | None], Metric]
"""Makes a metric for a cutoff, or raises ConfigError for one it cannot use. A Metric subclass is one."""

_BUILTIN: tuple[type[Metric], ...] = (
    Ndcg,
    Recall,
    Precision,
    Hit,
    AveragePrecision,
    ReciprocalRank,
    Coverage,
    Novelty,
    RootMeanSquaredError,
    MeanAbsoluteError,
)


def builtin_metrics() -> dict[str, MetricFactory]:
    """Return the metrics that foretaste itself registers, by name."""
    return {metric.name: metric for metric in _BUILTIN}


def parse_metric(text: str, registered: Mapping[str, MetricFactory]) -> Metric:
    """Return the metric that ``text`` names: ``name`` or ``name@cutoff``. Raises ConfigError."""
    name, at, cutoff = text.partition("@")
    if name not in registered:
        known = ", ".join(sorted(registered))
        raise ConfigError(f"unknown metric '{text}'; known: {known}{did_you_mean(name.lower(), registered)}")
    if at and not re.fullmatch("[1-9][0-9]*", cutoff):
        raise ConfigError(f"metric '{text}': the cutoff must be a positive whole number")
    return registered[name](int(cutoff) if at else None)
