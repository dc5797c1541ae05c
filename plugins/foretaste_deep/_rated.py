"""Ratings as towers read them: what they deviate from what is expected of the item."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DomainPair
from foretaste.solvers import rating_biases


@dataclass(frozen=True, eq=False)
class Rated:
    """``ratings`` (people, items), every stored entry one, and what each item is ``expected`` (items,) to be rated.

    ``spread`` is the unit of deviations, a standard deviation.
    """

    ratings: sparse.csr_matrix
    expected: NDArray[np.float32]
    spread: float

    @classmethod
    def of(cls, ratings: sparse.csr_matrix, item_damping: float) -> Rated:
        """Expect of an item the mean, and the damped mean of what its ratings deviate from it."""
        found = rating_biases(ratings, item_damping=item_damping)
        spread = float(ratings.data.std()) if ratings.nnz else 0.0
        return cls(ratings, (found.mean + found.item).astype(np.float32), spread or 1.0)

    @property
    def length(self) -> NDArray[np.int64]:
        """(people,) the number of ratings."""
        return np.asarray(np.diff(self.ratings.indptr), np.int64)

    @cached_property
    def deviations(self) -> sparse.csr_matrix:
        """(people, items) float32: rating less what is expected, in units of the spread; zeros are stored."""
        return self.less(self.expected[self.ratings.indices].astype(np.float64))

    def less(self, expected: NDArray[np.float64] | float) -> sparse.csr_matrix:
        """Return ratings less a number, or one for each of them, in units of the spread."""
        values = ((self.ratings.data - expected) / self.spread).astype(np.float32)
        return sparse.csr_matrix((values, self.ratings.indices, self.ratings.indptr), shape=self.ratings.shape)


def ratings_brought(pair: DomainPair) -> sparse.csr_matrix:
    """Return (target users, source items) what people of the target rated in the source.

    Where several accounts of a person rated the same item, it is their mean by the links' weights.
    """
    ratings = pair.source.interactions.ratings
    if pair.user_links is None or not ratings.nnz:
        return sparse.csr_matrix((len(pair.target.interactions.users), ratings.shape[1]), dtype=np.float32)
    # a product drops what comes out as zero, which is a rating: let none be
    raised = ratings.data.astype(np.float64) - ratings.data.min() + 1
    told = (sparse.csr_matrix((data, ratings.indices, ratings.indptr), ratings.shape) for data in (raised, raised**0))
    total, weight = (sparse.csr_matrix(pair.user_links.T.astype(np.float64) @ one) for one in told)
    total.sort_indices()
    weight.sort_indices()
    values = (total.data / weight.data - 1 + ratings.data.min()).astype(np.float32)
    return sparse.csr_matrix((values, total.indices, total.indptr), shape=total.shape)
