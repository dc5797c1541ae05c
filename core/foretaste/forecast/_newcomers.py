"""What newcomers would have: people are judged by what the other parts of the sample teach, their target rows hidden.

Two ways that need little: a ridge map of low rank from source
histories to target items (that of EMCDR, Man et al., IJCAI 2017, without a factorisation of the target), and
naive-Bayes counts of who had both. Neither is a plugin's: a forecast must cost seconds and know no strategy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.forecast._judged import Judged, judged, served
from foretaste.forecast._sample import Sample

Values = NDArray[np.float64]  # (settings, people)

FACTORS: Final = 32
"""Directions of source taste that the map knows."""
_STRENGTHS: Final = (0.3, 1.0, 3.0, 10.0)
_POWERS_AND_PRIORS: Final = ((0.75, 0.5), (0.75, 1.0), (1.0, 0.5), (1.0, 1.0))
_DENSE: Final = 200


def newcomers(sample: Sample, dealt: NDArray[np.int64], seed: int) -> Judged:
    """Judge everybody as a newcomer, in the mean of all deals.

    ``dealt`` (n,) says whose source history each person has in the control.
    """
    vectors, everybody = taste(sample.source, seed), np.arange(len(sample))

    def have(who: NDArray[np.int64]) -> NDArray[np.float64]:
        history = sample.evidence[who]
        ways = [
            np.concatenate([mapped(sample, parts, vectors[who]), counted(sample, parts, history)])
            for parts in sample.deals
        ]
        return served(np.mean(ways, axis=0), sample.parts)

    alone = np.mean([popular(sample, parts) for parts in sample.deals], axis=0)
    return Judged(0, everybody, have(everybody), alone, have(dealt))


def tempered(history: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return x w / |x|^0.5 for histories x of ones, w how rare an item is among these people."""
    length = np.sqrt(np.maximum(np.diff(history.indptr), 1))
    return sparse.csr_matrix(sparse.diags(1 / length) @ history @ sparse.diags(rarity(history)), dtype=np.float64)


def rarity(history: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return (items,) log((1 + n) / (1 + people with the item)) for histories of ones."""
    held = np.bincount(history.indices, minlength=history.shape[1])
    return np.asarray(np.log((1 + history.shape[0]) / (1 + held)))


def taste(history: sparse.csr_matrix, seed: int) -> NDArray[np.float64]:
    """Return (n, at most FACTORS) coordinates of tempered histories along their strongest directions."""
    from scipy.linalg import svd
    from scipy.sparse.linalg import svds

    Z = tempered(history)
    if min(Z.shape) <= _DENSE:
        left, values, _ = svd(Z.toarray(), full_matrices=False)
        return np.asarray((left * values)[:, :FACTORS])
    if not Z.data.any():  # all have the same; the solver cannot start from nothing
        return np.zeros((Z.shape[0], 1))
    start = np.random.default_rng([seed, 11]).standard_normal(min(Z.shape))
    left, values, _ = svds(Z, k=FACTORS, v0=start)
    return np.asarray(left * values)


def popular(sample: Sample, parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) what a person has of the list of what people of the other parts, and all others, prefer."""
    gains = np.empty(len(sample))
    for part in np.unique(parts):
        asked = parts == part
        truth = sample.target[asked]
        gains[asked] = judged(np.broadcast_to(_others(sample, asked), truth.shape), truth)
    return gains


def mapped(sample: Sample, parts: NDArray[np.int64], vectors: NDArray[np.float64]) -> Values:
    """Return what the ridge map gives with each strength; ``vectors`` (n, d) is the people's source taste."""
    values = np.empty((len(_STRENGTHS), len(sample)))
    for part in np.unique(parts):
        asked, taught = parts == part, parts != part
        mean = _others(sample, asked) / max(sample.target_people - int(asked.sum()), 1)
        middle = vectors[taught].mean(axis=0)
        X = vectors[taught] - middle
        gram, n_factors = X.T @ X, X.shape[1]
        towards = (sample.target[taught].T @ X).T - np.outer(X.sum(axis=0), mean)
        size = max(float(np.trace(gram)) / n_factors, 1e-9)
        for place, strength in enumerate(_STRENGTHS):
            to_items = np.linalg.solve(gram + strength * size * np.eye(n_factors), towards)
            scores = mean + (vectors[asked] - middle) @ to_items
            values[place, asked] = judged(scores, sample.target[asked])
    return values


def counted(sample: Sample, parts: NDArray[np.int64], history: sparse.csr_matrix) -> Values:
    """Return what naive Bayes gives with each tempering; ``history`` (n, all source items) is ones."""
    values = np.empty((len(_POWERS_AND_PRIORS), len(sample)))
    for part in np.unique(parts):
        asked, taught = parts == part, parts != part
        together = sparse.csr_matrix(history[taught].T @ sample.target[taught])
        unseen = -np.log(np.bincount(together.indices, together.data, together.shape[1]) + history.shape[1])
        together.data = np.log1p(together.data)
        length = np.diff(history[asked].indptr)[:, None].astype(np.float32)
        evidence = (history[asked] @ together).toarray() + length * unseen.astype(np.float32)
        prior = np.log1p(_others(sample, asked)).astype(np.float32)
        for place, (power, weight) in enumerate(_POWERS_AND_PRIORS):
            scores = weight * prior + evidence / np.maximum(length, 1) ** power
            values[place, asked] = judged(scores, sample.target[asked])
    return values


def _others(sample: Sample, asked: NDArray[np.bool_]) -> NDArray[np.float64]:
    return sample.popularity - np.asarray(sample.target[asked].sum(axis=0), np.float64).ravel()
