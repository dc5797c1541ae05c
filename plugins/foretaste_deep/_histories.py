"""What training reads of people: who had what, and how much each item tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Interactions


def ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with ones for its stored entries."""
    return sparse.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), matrix.shape)


def masked(rows: sparse.csr_matrix, keep: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Return the matrix with those of its stored entries that are kept."""
    places = np.flatnonzero(keep)  # a few times as fast as to select by a mask of chance
    ends = np.searchsorted(places, rows.indptr).astype(rows.indptr.dtype)
    return sparse.csr_matrix((rows.data[places], rows.indices[places], ends), shape=rows.shape)


def rarity(rows: Interactions) -> NDArray[np.float32]:
    """Return (items,) the inverse document frequency, log((1 + people) / (1 + people who had it))."""
    people = int((rows.history > 0).sum())
    return np.asarray(np.log((1 + people) / (1 + rows.popularity)), np.float32)
