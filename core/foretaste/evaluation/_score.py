"""What a recommender is worth to the people of a hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.evaluation._candidates import ranked_candidates
from foretaste.evaluation._holdout import HeldOut
from foretaste.evaluation._measured import Values, measured
from foretaste.evaluation._ratings import rating_scores
from foretaste.metrics import Metric, Ranking
from foretaste.recommender import Recommender, ranked


@dataclass(frozen=True, eq=False)
class Scores:
    """Values per person (people,) and for all, by metric label; values are NaN where a metric has none for a person."""

    people: NDArray[np.int64]
    populations: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    overall: dict[str, float]


def score(recommender: Recommender, held: HeldOut, metrics: Sequence[Metric]) -> Scores:
    """Rank all items of the target for every person of the hold-out, what they had in training left out.

    Where the hold-out has candidates, exactly a person's candidates are ranked, those they had in training too. A
    ranking metric without a cutoff gets whole lists. Where rating metrics are asked for, people whose hidden rows are
    all disliked are there as well; their ranking metrics are NaN.
    """
    ranking, rating = ([m for m in metrics if m.kind == kind] for kind in ("ranking", "rating"))
    ranked, overall = _ranking_scores(recommender, held, ranking)
    if not rating:
        return Scores(held.people, held.populations(held.people), ranked, overall)
    people = held.raters
    values, errors = rating_scores(recommender, held, people, rating)
    places = np.searchsorted(people, held.people)
    for label, among_people in ranked.items():
        values[label] = np.full(len(people), np.nan)
        values[label][places] = among_people
    return Scores(people, held.populations(people), values, overall | errors)


def _ranking_scores(
    recommender: Recommender, held: HeldOut, metrics: Sequence[Metric]
) -> tuple[Values, dict[str, float]]:
    if not metrics:
        return {}, {}
    rows = held.train.target.interactions
    depth = min(max(metric.cutoff or len(rows.items) for metric in metrics), len(rows.items))
    if held.candidates is None:
        items, _ = ranked(recommender, held.people, depth)
    else:
        items = ranked_candidates(recommender, held.people, held.candidates[held.people], depth)
    seen = Ranking(items, held.truth, rows.popularity, max(1, int((rows.history > 0).sum())))
    return measured(metrics, seen, len(held.people))


def pooled(parts: Sequence[Scores]) -> Scores:
    """Join the scores of several hold-outs; a person may stand in more than one.

    The figure for all is the mean of the parts' figures, each as heavy as the people it is defined for, which is the
    mean over people wherever a metric is one. A metric without values per person weighs all parts alike.
    """
    if len(parts) == 1:
        return parts[0]
    values = {label: np.concatenate([p.values[label] for p in parts]) for label in parts[0].values}
    people = np.concatenate([p.people for p in parts])
    populations = np.concatenate([p.populations for p in parts])
    return Scores(people, populations, values, {label: _overall(parts, label) for label in values})


def _overall(parts: Sequence[Scores], label: str) -> float:
    figures = np.array([p.overall[label] for p in parts])
    weights = np.array([np.isfinite(p.values[label]).sum() for p in parts], np.float64)
    weights = np.where(np.isfinite(figures), weights if weights.any() else 1.0, 0.0)
    return float(np.average(np.nan_to_num(figures), weights=weights)) if weights.any() else float("nan")
