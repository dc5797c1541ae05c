"""Twins: items of the two domains with the same people, most likely one product that is listed in both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.audit._same_people import same_people
from foretaste.data import DomainPair


@dataclass(frozen=True, eq=False)
class Twins:
    """Pairs of a source item and a target item with the same people; all arrays have shape (n,).

    ``source_rows`` and ``target_rows`` are places in the two item indexes; ``people`` is how many people have both
    items, and ``jaccard`` that number over those who have either, 0-1. ``audited`` is False where people are not
    shared, so that there was nothing to compare.
    """

    source_rows: NDArray[np.int64]
    target_rows: NDArray[np.int64]
    people: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    audited: bool = True

    def __post_init__(self) -> None:
        for array in (self.source_rows, self.target_rows, self.people, self.jaccard):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.source_rows)

    def links(self, pair: DomainPair) -> sparse.csr_matrix:
        """Return the twins as links of weight 1, a float32 matrix (source items, target items)."""
        shape = (len(pair.source.interactions.items), len(pair.target.interactions.items))
        return sparse.csr_matrix((np.ones(len(self), np.float32), (self.source_rows, self.target_rows)), shape=shape)


def find_twins(pair: DomainPair, *, minimum_jaccard: float = 0.8, minimum_people: int = 3) -> Twins:
    """Return the twins of a pair; give it the whole data, before anything is hidden.

    Only people with rows on both sides count, and any row counts, a disliked one too. Twins have both minimums; one
    person less is enough where the people are exactly the same. Links of users count as one whatever their weight.
    Items that ``pair.item_links`` declares the same count like any others: copies give as much away under one id.
    """
    if not 0 < minimum_jaccard <= 1:
        raise ValueError(f"minimum_jaccard is {minimum_jaccard}, expected more than 0 and at most 1")
    if minimum_people < 2:
        raise ValueError(f"minimum_people is {minimum_people}, expected at least 2")
    if pair.user_links is None:
        rows = np.empty(0, np.int64)
        return Twins(rows, rows, rows, np.empty(0), audited=False)
    source, target = source_rows_of_people(pair)[pair.shared_people], pair.target.interactions.seen[pair.shared_people]
    source_rows, target_rows, people = same_people(source, target, minimum_jaccard, minimum_people - 1)
    either = _sizes(source)[source_rows] + _sizes(target)[target_rows] - people
    keep = (people >= minimum_people) | (people == either)
    return Twins(source_rows[keep], target_rows[keep], people[keep], people[keep] / either[keep])


def twins_under_null(pair: DomainPair, *, seed: int, minimum_jaccard: float = 0.8, minimum_people: int = 3) -> int:
    """Return how many twins are left when the source's people are shuffled among the shared people.

    That many are to be expected by chance. The same seed gives the same shuffle; 0 where people are not shared.
    """
    null = shuffled(pair, seed)
    return len(find_twins(null, minimum_jaccard=minimum_jaccard, minimum_people=minimum_people))


def shuffled(pair: DomainPair, seed: int) -> DomainPair:
    """Return the pair with the links of the shared people dealt out among them anew."""
    if pair.user_links is None:
        return pair
    shared = pair.shared_people
    columns = np.arange(pair.user_links.shape[1])
    columns[shared] = shared[np.random.default_rng([seed, 9]).permutation(len(shared))]
    return replace(pair, user_links=pair.user_links[:, columns].tocsr())


def source_rows_of_people(pair: DomainPair) -> sparse.csr_matrix:
    """Return (target users, source items): what each person of the target has a source row for."""
    assert pair.user_links is not None
    return (pair.user_links.T @ pair.source.interactions.seen).tocsr()


def stored(matrix: sparse.spmatrix, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the places (rows[k], columns[k]) are stored in a matrix."""
    cells, width = matrix.tocoo(), matrix.shape[1]
    return np.isin(rows * width + columns, cells.row.astype(np.int64) * width + cells.col)


def _sizes(matrix: sparse.csr_matrix) -> NDArray[np.int64]:
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.int64)
