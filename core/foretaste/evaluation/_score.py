"""What a recommender is worth to the people of a hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.evaluation._holdout import POPULATIONS, HeldOut
from foretaste.metrics import Metric, Ranking
from foretaste.recommender import Recommender


@dataclass(frozen=True, eq=False)
class Scores:
    """Values per person (people,) and for all, by metric label; values are NaN where a metric has none per person."""

    people: NDArray[np.int64]
    populations: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    overall: dict[str, float]


def score(recommender: Recommender, held: HeldOut, metrics: Sequence[Metric]) -> Scores:
    """Rank all items of the target for every person of the hold-out, what they had in training left out.

    Rating metrics are left out here: they need a recommender that predicts ratings.
    """
    wanted = [metric for metric in metrics if metric.kind == "ranking"]
    depth = max((metric.cutoff or 1 for metric in wanted), default=1)
    rows = held.train.target.interactions
    items, _ = recommender.rank(held.people, min(depth, len(rows.items)))
    seen = Ranking(items, held.truth, rows.popularity, max(1, int((rows.history > 0).sum())))
    values = {metric.label: metric.values(seen) for metric in wanted}
    overall = {metric.label: metric.aggregate(values[metric.label], seen) for metric in wanted}
    return Scores(held.people, held.populations, values, overall)


def pooled(parts: Sequence[Scores]) -> Scores:
    """Join the scores of several hold-outs; a person may stand in more than one. Figures for all are means."""
    labels = parts[0].values
    values = {label: np.concatenate([p.values[label] for p in parts]) for label in labels}
    overall = {
        label: float(np.nanmean(values[label]))
        if np.isfinite(values[label]).any()
        else float(np.mean([p.overall[label] for p in parts]))
        for label in labels
    }
    people = np.concatenate([p.people for p in parts])
    return Scores(people, np.concatenate([p.populations for p in parts]), values, overall)


def population_counts(scores: Scores) -> dict[str, int]:
    """Return how many evaluated people each population has."""
    return {name: int((scores.populations == code).sum()) for code, name in enumerate(POPULATIONS)}
