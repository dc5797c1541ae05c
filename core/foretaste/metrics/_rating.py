"""Metrics of predicted ratings.

The figure for all is over rows, as in the literature, so that it can stand beside published ones; the values
per person weigh every person equally and are what intervals are made of. The two differ where people rated
unequally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.metrics._metric import Metric


@dataclass(frozen=True, eq=False)
class Ratings:
    """What a rating metric sees: one row per held-out rating.

    ``predicted`` and ``actual`` are (n_rows,) float64, ``people`` (n_rows,) int64 with values below
    ``n_people``.
    """

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    people: NDArray[np.int64]
    n_people: int


class MeanAbsoluteError(Metric):
    """Mean of |predicted - actual|: a person's over that person's rows, the aggregate over all rows."""

    name = "mae"
    kind = "rating"
    takes_cutoff = False
    higher_is_better = False

    def values(self, ratings: Ratings, /) -> NDArray[np.float64]:
        """Return (n_people,) the error of each person, NaN without rows."""
        return _person_means(_absolute_errors(ratings), ratings)

    def aggregate(self, values: NDArray[np.float64], ratings: Ratings, /) -> float:
        """Return the error over all rows, NaN without any."""
        return _mean(_absolute_errors(ratings))


class RootMeanSquaredError(Metric):
    """Root of the mean of (predicted - actual)^2: a person's over their rows, the aggregate over all rows.

    The aggregate is therefore not the mean of the values per person.
    """

    name = "rmse"
    kind = "rating"
    takes_cutoff = False
    higher_is_better = False

    def values(self, ratings: Ratings, /) -> NDArray[np.float64]:
        """Return (n_people,) the error of each person, NaN without rows."""
        return np.sqrt(_person_means(_absolute_errors(ratings) ** 2, ratings))

    def aggregate(self, values: NDArray[np.float64], ratings: Ratings, /) -> float:
        """Return the error over all rows, NaN without any."""
        return float(np.sqrt(_mean(_absolute_errors(ratings) ** 2)))


def _absolute_errors(ratings: Ratings) -> NDArray[np.float64]:
    return np.abs(ratings.predicted - ratings.actual)


def _person_means(errors: NDArray[np.float64], ratings: Ratings) -> NDArray[np.float64]:
    totals = np.bincount(ratings.people, weights=errors, minlength=ratings.n_people)
    rows = np.bincount(ratings.people, minlength=ratings.n_people)
    means: NDArray[np.float64] = np.full(ratings.n_people, np.nan)
    return np.divide(totals, rows, out=means, where=rows > 0)


def _mean(errors: NDArray[np.float64]) -> float:
    return float(errors.mean()) if len(errors) else float("nan")
