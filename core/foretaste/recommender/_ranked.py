"""What a recommender ranks, checked before it is believed: a plugin may bring a kind of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.errors import StrategyError
from foretaste.recommender._answers import Best
from foretaste.recommender._interface import Recommender


def ranked(recommender: Recommender, rows: NDArray[np.int64], k: int) -> Best:
    """Return ``recommender.rank(rows, k)``; StrategyError names the recommender's class where that is no ranking.

    Whatever it raises comes as the cause of a StrategyError too, but for a StrategyError of its own.
    """
    place = f"{type(recommender).__name__}.rank"
    try:
        found = recommender.rank(rows, k)
    except StrategyError:
        raise
    except Exception as error:
        what = " ".join(str(error).split())
        raise StrategyError(f"{place} failed: {type(error).__name__}{f': {what}' if what else ''}") from error
    if not isinstance(found, tuple) or len(found) != 2:
        raise StrategyError(f"{place} returned {_kind(found)}, expected two arrays: item rows and scores")
    items, scores = found
    for name, array, kind, words in (("item rows", items, "iu", "whole numbers"), ("scores", scores, "f", "floats")):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kind:
            raise StrategyError(f"{place}: {name}: found {_kind(array)}, expected an array of {words}")
        if array.shape != (len(rows), k):
            raise StrategyError(f"{place}: {name}: found shape {array.shape}, expected ({len(rows)}, {k})")
    last = len(recommender.roster.items) - 1
    outside = items[(items < -1) | (items > last)]
    if outside.size:
        raise StrategyError(f"{place}: item rows: found {outside[0]}, expected -1 (nothing) to {last}")
    if np.isnan(scores).any():
        raise StrategyError(f"{place}: scores: found NaN, expected numbers")
    ordered = np.sort(items, axis=1)
    twice = ordered[:, 1:][(ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)]
    if twice.size:  # a hit would count as often as it is listed
        raise StrategyError(f"{place}: item rows: found {twice[0]} twice in one list, expected distinct items")
    return items, scores


def _kind(found: Any) -> str:
    if isinstance(found, np.ndarray):
        return f"an array of {found.dtype}"
    return f"{type(found).__name__} of {len(found)}" if isinstance(found, tuple | list) else type(found).__name__
