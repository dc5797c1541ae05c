"""What source rows on shared items add for people who keep half of theirs: EASE of both sides, and of the target alone.

B of EASE (Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019) is -P_ij / P_jj off the diagonal, with
P = (G + strength I)^-1 and G = X'X + weight S'S for target rows X and source rows S over the target's items. Nobody is
judged by a fit that knew them: P without a person's x is P + Px x'P / (1 - x'Px) (Sherman and Morrison, Annals of
Mathematical Statistics 21, 1950), so that everybody is left out in turn, exactly and at little cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.forecast._judged import Judged, judged, served
from foretaste.forecast._shelf import Half, Shelf
from foretaste.solvers import gram, kernel_ridge

Values = NDArray[np.float64]  # (settings, people)

_STRENGTHS: Final = (10.0, 30.0, 100.0, 300.0)
_WEIGHTS: Final = (0.03, 0.3)
"""How much a source row counts beside a target row."""
_POPULARITY: Final = 0.03
"""Weight of log(1 + popularity), scaled to 1 at the top: EASE scores head items low in sparse data."""


def halved(shelf: Shelf, seed: int) -> Judged:
    """Judge everybody by the hidden half of their rows, in the mean of all draws of it; the control shuffles items."""
    target, source = gram(shelf.target), gram(shelf.source)
    place = _shuffled(source.diagonal(), seed)
    nothing = np.zeros_like(source)
    return Judged(
        None,
        np.arange(len(shelf)),
        *(
            served(_values(shelf, target, brought, weights), shelf.parts)
            for brought, weights in ((source, _WEIGHTS), (nothing, (0.0,)), (source[np.ix_(place, place)], _WEIGHTS))
        ),
    )


def _shuffled(held: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Return (items,) whose source rows each item gets; items without any keep to themselves."""
    place, some = np.arange(len(held)), np.flatnonzero(held)
    place[some] = np.random.default_rng([seed, 16]).permutation(some)
    return place


def _values(shelf: Shelf, target: NDArray[np.float64], source: NDArray[np.float64], weights: Sequence[float]) -> Values:
    """Return what each strength with each weight of the source gives, and popularity in the target last."""
    identity = sparse.identity(len(target), np.float64, "csr")
    others = target.diagonal() - shelf.liked.toarray()
    found = []
    for weight in weights:
        popular = np.log1p(others + weight * source.diagonal())
        popular *= _POPULARITY / np.maximum(popular.max(axis=1, keepdims=True), 1e-9)
        for strength in _STRENGTHS:
            inverse = kernel_ridge(target + weight * source, identity, strength).coefficients
            found.append(_mean([scores + popular for scores in _scores(shelf, inverse)], shelf.halves))
    return np.array([*found, _mean([others] * len(shelf.halves), shelf.halves)])


def _scores(shelf: Shelf, inverse: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return for each half (n, items) what the fit without a person makes of what they keep."""
    own = np.asarray(shelf.liked @ inverse)
    left = 1 - np.asarray(shelf.liked.multiply(own).sum(axis=1))  # (n, 1)
    diagonal = inverse.diagonal() + own**2 / left
    return [
        -(half.kept @ inverse + np.asarray(half.kept.multiply(own).sum(axis=1)) / left * own) / diagonal
        for half in shelf.halves
    ]


def _mean(scores: Sequence[NDArray[np.floating]], halves: Sequence[Half]) -> NDArray[np.float64]:
    gains = [judged(one, half.hidden, half.had) for one, half in zip(scores, halves, strict=True)]
    return np.asarray(np.mean(gains, axis=0))
