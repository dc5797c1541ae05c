"""How good lists are for each person, and which of several settings serves whom without looking at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.metrics import Ndcg, Ranking
from foretaste.solvers import top_k

METRIC: Final = Ndcg(10)


@dataclass(frozen=True, eq=False)
class Judged:
    """What people have who keep ``rows`` target rows: (n,) each, ``people`` their places in the sample.

    ``rows`` is None where that is a half. ``real`` is with the source, ``alone`` without it, and ``permuted`` with
    source histories of the wrong people, or of the wrong items.
    """

    rows: int | None
    people: NDArray[np.int64]
    real: NDArray[np.float64]
    alone: NDArray[np.float64]
    permuted: NDArray[np.float64]


def judged(
    scores: NDArray[np.floating], truth: sparse.csr_matrix, had: sparse.csr_matrix | None = None
) -> NDArray[np.float64]:
    """Return (n,) the metric of each row of ``scores`` (n, items), NaN where ``truth`` has nothing.

    What is stored in ``had`` is not ranked.
    """

    def fill(start: int, stop: int, out: NDArray[np.float32]) -> None:
        out[:] = scores[start:stop]

    n_people, n_items = truth.shape
    items, _ = top_k(fill, n_people, n_items, METRIC.cutoff or n_items, exclude=had)
    return METRIC.values(Ranking(items, truth, np.ones(n_items), 1))


def cross_fitted(values: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) which setting serves each person: the one that is best for the people of all other parts.

    ``values`` is (settings, n). The best of several on the people who are judged would flatter itself.
    """
    chosen = np.zeros(values.shape[1], np.int64)
    for part in np.unique(parts):
        others = values[:, parts != part]
        if others.shape[1]:
            chosen[parts == part] = int(np.argmax(others.mean(axis=1)))
    return chosen


def served(values: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) what each person has of the setting that serves them."""
    return np.asarray(np.take_along_axis(values, cross_fitted(values, parts)[None, :], axis=0)[0])
