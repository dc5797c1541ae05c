"""From a history to side features: rows that are linear in what somebody had, up to their length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Encoder, Index

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reader:
    """Side features of a history: brought to length 1, times ``vectors`` (items, k), and to length 1 again if these
    are dense. Sparse ``vectors`` choose items.
    """

    items: Index
    vectors: sparse.csr_matrix | Vectors

    @property
    def width(self) -> int:
        """How many features there are."""
        return int(self.vectors.shape[1])

    def read(self, histories: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return the features (rows, k) of histories (rows, items)."""
        if sparse.issparse(self.vectors):
            return sparse.csr_matrix(unit_rows(histories) @ self.vectors, dtype=np.float32)
        return sparse.csr_matrix(unit(np.asarray(histories @ self.vectors, np.float32)))

    def encoder(self, learnt: Vectors, histories: sparse.csr_matrix) -> Encoder:
        """Return what makes a person's vector of a history, ``learnt`` (k, d) being the features' embeddings."""
        if sparse.issparse(self.vectors):
            factors = np.asarray(self.vectors @ learnt, np.float32)
            return Encoder(self.items, factors, histories=histories, linear=True)
        return Encoder(self.items, self.vectors, matrix=learnt, histories=histories, unit_length=True, linear=True)


def chosen(items: Index, rows: NDArray[np.int64]) -> Reader:
    """Return the reader whose features are some of the items."""
    ones = np.ones(len(rows), np.float32)
    return Reader(items, sparse.csr_matrix((ones, (rows, np.arange(len(rows)))), shape=(len(items), len(rows))))


def unit(rows: Vectors) -> Vectors:
    """Return dense rows of length 1; zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return sparse rows of length 1; zeros stay."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix)
