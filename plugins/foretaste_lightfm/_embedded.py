"""What is carried from a source: a vector of each item, or the cluster that it is in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Domain
from foretaste_lightfm._readers import Vectors, unit, unit_rows


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
    """Return (items, clusters) 1 for the cluster of each item: k-means of the vectors' directions, started at the most
    popular items. An item without a vector is in no cluster.
    """
    from sklearn.cluster import KMeans

    directions = unit(vectors)
    placed = np.flatnonzero(directions.any(axis=1))
    order = placed[np.argsort(-popularity[placed], kind="stable")]
    starts = np.unique(directions[order], axis=0, return_index=True)[1]
    starts = order[np.sort(starts)[:clusters]]  # of items that are all alike one is enough
    found = np.zeros((len(vectors), clusters), np.float32)
    if len(starts):
        means = KMeans(len(starts), init=directions[starts], n_init=1, random_state=0)
        found[placed, means.fit_predict(directions[placed])] = 1
    return found
