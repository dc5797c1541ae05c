"""How good a ranked list or a predicted rating is: one value per person, and one for all of them.

A metric is a subclass of `Metric` with a ``name`` and ``values``. The built-in ones are registered like
anyone's, and a name such as ``ndcg@10`` is read by `parse_metric`.
"""

from __future__ import annotations

from foretaste.metrics._metric import Metric
from foretaste.metrics._names import MetricFactory, builtin_metrics, parse_metric
from foretaste.metrics._ranking import (
    AveragePrecision,
    Coverage,
    Hit,
    Ndcg,
    Novelty,
    Precision,
    Ranking,
    Recall,
    ReciprocalRank,
)
from foretaste.metrics._rating import MeanAbsoluteError, Ratings, RootMeanSquaredError

__all__ = [
    "AveragePrecision",
    "Coverage",
    "Hit",
    "MeanAbsoluteError",
    "Metric",
    "MetricFactory",
    "Ndcg",
    "Novelty",
    "Precision",
    "Ranking",
    "Ratings",
    "Recall",
    "ReciprocalRank",
    "RootMeanSquaredError",
    "builtin_metrics",
    "parse_metric",
]
