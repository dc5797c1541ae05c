"""What is carried from a source: a vector of each item, or the cluster that it is in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Domain
from foretaste_lightfm._readers import Vectors, unit, unit_rows

_ROUNDS = 20


def embedded(source: Domain, factors: int) -> Vectors:
    """Return item vectors (items, factors): the right singular vectors of people's rows, items weighted by their rarity
    and rows brought to length 1, times that rarity. A history times these is the person's vector.
    """
    told = sparse.csr_matrix(source.interactions.preference, dtype=np.float64)
    held = np.bincount(told.indices, minlength=told.shape[1])
    rarity = np.log((1 + told.shape[0]) / (1 + held))
    rows = unit_rows(sparse.csr_matrix(told @ sparse.diags(rarity)))
    found = np.zeros((told.shape[1], factors), np.float32)
    smaller = min(rows.shape)
    if smaller <= factors:
        directions = np.linalg.svd(rows.toarray(), full_matrices=False)[2].T
    else:
        from scipy.sparse.linalg import svds

        directions = svds(rows, k=factors, v0=np.full(smaller, smaller**-0.5))[2].T
    found[:, : directions.shape[1]] = rarity[:, None] * directions
    return found


def clustered(vectors: Vectors, popularity: NDArray[np.float64], clusters: int) -> Vectors:
    """Return (items, clusters) 1 for the cluster of each item: spherical k-means (Dhillon, Modha, Machine Learning
    2001) of the vectors' directions, started at the most popular items. An item without a vector is in no cluster.
    """
    directions = unit(vectors)
    placed = np.flatnonzero(directions.any(axis=1))
    order = placed[np.argsort(-popularity[placed], kind="stable")]
    centers = directions[order[:clusters]]
    found = np.zeros((len(vectors), clusters), np.float32)
    if not len(centers):
        return found
    for _ in range(_ROUNDS):
        nearest = np.argmax(directions[placed] @ centers.T, axis=1)
        sums = np.zeros_like(centers)
        np.add.at(sums, nearest, directions[placed])
        centers = np.where(sums.any(axis=1, keepdims=True), unit(sums), centers)
    found[placed, nearest] = 1
    return found
