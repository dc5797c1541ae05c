"""Metrics of ranked lists.

In the formulas, rel_r is 1 if the item at rank r (from 1) is one of the person's held-out preferred items,
else 0; R is how many such items the person has; k is the cutoff. A person with R = 0 has no accuracy: NaN,
not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.metrics._metric import Metric


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a ranking metric sees: the lists, best first, and what the people turned out to prefer.

    ``items`` (n_people, depth) int64 holds distinct item rows, padded with -1 at the end. Each stored entry
    of ``truth`` (n_people, n_items) is a held-out preferred item, whatever its value. ``popularity``
    (n_items,) float64 counts the people who preferred each item in training, out of ``n_train_people``.
    """

    items: NDArray[np.int64]
    truth: sparse.csr_matrix
    popularity: NDArray[np.float64]
    n_train_people: int

    @cached_property
    def hits(self) -> NDArray[np.bool_]:
        """(n_people, depth) which of the ranked items are preferred ones."""
        n_people, n_items = self.truth.shape
        cells = self.items + np.arange(n_people, dtype=np.int64)[:, None] * n_items
        # a padded place would otherwise read as the last item of the person before
        return _among(cells, self._preferred_cells) & (self.items >= 0)

    @cached_property
    def positives(self) -> NDArray[np.int64]:
        """(n_people,) how many held-out preferred items each person has."""
        n_people, n_items = self.truth.shape
        return np.bincount(self._preferred_cells // max(n_items, 1), minlength=n_people)

    @cached_property
    def _preferred_cells(self) -> NDArray[np.int64]:
        n_people, n_items = self.truth.shape
        people = np.repeat(np.arange(n_people, dtype=np.int64), np.diff(self.truth.indptr))
        cells = people * n_items + self.truth.indices
        return cells if self.truth.has_canonical_format else np.unique(cells)


class Ndcg(Metric):
    """Normalised discounted cumulative gain with binary gains.

    sum_{r<=k} rel_r / log2(r + 1), divided by its largest achievable value: the same sum with rel_r = 1 for
    r <= min(k, R). So a perfect list has 1 for every person. Järvelin and Kekäläinen, Cumulated gain-based
    evaluation of IR techniques, ACM TOIS 2002.
    """

    name = "ndcg"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        hits, k = _top_hits(self, ranking), _cutoff(self)
        discounts = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.concatenate([[0.0], np.cumsum(discounts)])
        return _share(hits @ discounts[: hits.shape[1]], ideal[np.minimum(ranking.positives, k)])


class Recall(Metric):
    """Share of the preferred items that the list holds: sum_{r<=k} rel_r / R; cannot reach 1 if R > k."""

    name = "recall"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        return _share(_top_hits(self, ranking).sum(axis=1), ranking.positives)


class Precision(Metric):
    """Share of the list that is preferred: sum_{r<=k} rel_r / k; shorter lists are divided by k too."""

    name = "precision"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        found = _top_hits(self, ranking).sum(axis=1) / _cutoff(self)
        return np.where(ranking.positives > 0, found, np.nan)


class Hit(Metric):
    """1 if any of the first k items is preferred, else 0 (also called success or hit rate)."""

    name = "hit"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        return np.where(ranking.positives > 0, _top_hits(self, ranking).any(axis=1), np.nan)


class AveragePrecision(Metric):
    """Average precision: sum_{r<=k} rel_r * (sum_{q<=r} rel_q / r), divided by min(k, R).

    trec_eval (and ir_measures' ``AP@k``) divides by R, so that a person with R > k cannot reach 1; ours is
    theirs times R / min(k, R), the same wherever R <= k.
    """

    name = "map"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        hits = _top_hits(self, ranking)
        precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
        return _share((precision * hits).sum(axis=1), np.minimum(ranking.positives, _cutoff(self)))


class ReciprocalRank(Metric):
    """1 / (rank of the first preferred item), 0 if it is not among the first k."""

    name = "mrr"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        hits = _top_hits(self, ranking)
        ranks = np.arange(1, hits.shape[1] + 1)
        best = (hits / ranks).max(axis=1, initial=0.0)
        return np.where(ranking.positives > 0, best, np.nan)


class Coverage(Metric):
    """Share of the catalogue that stands in somebody's first k: |union of the lists| / n_items.

    A property of all lists together, those of people without held-out items included: no value per person.
    """

    name = "coverage"
    per_person = False

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) NaN."""
        return np.full(len(ranking.items), np.nan)

    def aggregate(self, values: NDArray[np.float64], ranking: Ranking, /) -> float:
        """Return the share, NaN for an empty catalogue."""
        top = _top(self, ranking)
        n_items = ranking.truth.shape[1]
        return len(np.unique(top[top >= 0])) / n_items if n_items else float("nan")


class Novelty(Metric):
    """Mean self-information of the list in bits: the mean of -log2(max(popularity_i, 1) / n_train_people).

    The mean is over the items in the first k, padding left out, hit or not; NaN for an empty list. 0 bits is
    an item that everybody has; an item that nobody has counts as if one person did. Zhou et al., Solving the
    apparent diversity-accuracy dilemma of recommender systems, PNAS 2010.
    """

    name = "novelty"

    def values(self, ranking: Ranking, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person."""
        top = _top(self, ranking)
        listed = top >= 0
        bits = np.log2(max(ranking.n_train_people, 1)) - np.log2(np.maximum(ranking.popularity, 1))
        return _share(np.where(listed, bits[top], 0.0).sum(axis=1), listed.sum(axis=1))


def _cutoff(metric: Metric) -> int:
    assert metric.cutoff is not None  # Metric refuses to be made without one
    return metric.cutoff


def _top(metric: Metric, ranking: Ranking) -> NDArray[np.int64]:
    """Return the first k columns; lists cut off before k would give a lower figure under the same name."""
    needed = min(_cutoff(metric), ranking.truth.shape[1])
    depth = ranking.items.shape[1]
    if depth < needed:
        raise ValueError(f"{metric.label} needs {needed} columns of ranked items (pad with -1), found {depth}")
    return ranking.items[:, : metric.cutoff]


def _among(cells: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cells are among those known, which rise: with few cells faster than to sort all of them."""
    if not len(known):
        return np.zeros(cells.shape, bool)
    places = np.minimum(np.searchsorted(known, cells), len(known) - 1)
    return np.asarray(known[places] == cells, np.bool_)


def _top_hits(metric: Metric, ranking: Ranking) -> NDArray[np.bool_]:
    return ranking.hits[:, : _top(metric, ranking).shape[1]]


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return part / whole, NaN where whole is 0."""
    share: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share
