"""Histories as ones: what somebody had, and not how much of it."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def binary(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix with ones for its stored entries."""
    return sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), matrix.shape)
