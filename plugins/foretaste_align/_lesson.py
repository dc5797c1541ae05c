"""What a map from source vectors to target vectors is learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesson:
    """People with both histories.

    ``x`` (n, source d) and ``y`` (n, target d) are their vectors, ``weights`` (n,) how much each of them counts,
    ``preference`` (n, target items) what they prefer in the target, and ``items`` (target items, target d) its vectors.
    """

    x: Vectors
    y: Vectors
    weights: NDArray[np.float64]
    preference: sparse.csr_matrix
    items: Vectors

    def __len__(self) -> int:
        return len(self.x)

    def some(self, rows: NDArray[np.int64]) -> Lesson:
        """Return the lesson of these people alone."""
        return Lesson(self.x[rows], self.y[rows], self.weights[rows], self.preference[rows], self.items)
