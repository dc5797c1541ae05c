"""Rankings among given candidates, as in papers that publish whom they ranked for each person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.errors import StrategyError
from foretaste.recommender import Recommender

_PAIRS = 250_000  # (person, candidate) pairs whose ids and scores are held at once


def ranked_candidates(
    recommender: Recommender, people: NDArray[np.int64], candidates: sparse.csr_matrix, depth: int
) -> NDArray[np.int64]:
    """Return item rows (people, depth), best first, of each person's stored entries; short lists end in -1.

    Equal scores go by the place of the item, and a score of -inf is never listed, as in a full ranking. Raises
    StrategyError, naming the recommender's class, where what it returns are no scores.
    """
    best = np.full((len(people), depth), -1, np.int64)
    for start, stop in _parts(candidates.indptr):
        part = candidates[start:stop]
        rows = np.repeat(np.arange(stop - start), np.diff(part.indptr))
        scores = _scores(recommender, people[start:stop][rows], part.indices)
        order = np.lexsort((part.indices, -scores, rows))
        place = np.arange(len(rows)) - part.indptr[rows]
        listed = (place < depth) & (scores[order] > -np.inf)
        best[start:stop][rows[listed], place[listed]] = part.indices[order[listed]]
    return best


def _scores(recommender: Recommender, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
    place, roster = f"{type(recommender).__name__}.score", recommender.roster
    try:
        found = recommender.score(roster.users.take(users), roster.items.take(items))
    except StrategyError:
        raise
    except Exception as error:
        what = " ".join(str(error).split())
        raise StrategyError(f"{place} failed: {type(error).__name__}{f': {what}' if what else ''}") from error
    if not isinstance(found, np.ndarray) or found.shape != users.shape or found.dtype.kind != "f":
        kind = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise StrategyError(f"{place} returned {kind}, expected an array of floats ({len(users)},)")
    if np.isnan(found).any():
        raise StrategyError(f"{place}: found NaN, expected numbers")
    return found


def _parts(starts: NDArray[np.integer[Any]]) -> Iterator[tuple[int, int]]:
    """Cut people into runs of few enough candidates; one person is never cut."""
    start = 0
    while start < len(starts) - 1:
        stop = int(np.searchsorted(starts, starts[start] + _PAIRS, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop
