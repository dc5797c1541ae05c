"""Which items of two sides have nearly the same people: an exact join of sets, in blocks of bounded memory.

Two sets with a Jaccard index of at least t share at least one of the few rarest members of each: so few pairs have to
be counted in full (prefix filtering; Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins in data
cleaning", ICDE 2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

BLOCK = 4_000_000
"""Products per block: some 100 MB while it is worked on."""
_ROUNDING = 1e-9  # 0.8 * 15 must not need 13 people


def same_people(
    source: sparse.csr_matrix,
    target: sparse.csr_matrix,
    minimum_jaccard: float,
    minimum_people: int,
    block: int = BLOCK,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return source items, target items and the number of people they share, by target item, then source item.

    ``source`` and ``target`` are (people, items) over the same people; whatever is stored counts as one. Pairs have
    at least the minimum Jaccard index and number of shared people.
    """
    rare_first = np.argsort(np.diff(source.indptr) + np.diff(target.indptr), kind="stable")
    theirs, ours = _people_of_items(source[rare_first]), _people_of_items(target[rare_first])
    found = [
        _counted(theirs, ours, source_rows, target_rows, minimum_jaccard, minimum_people)
        for source_rows, target_rows in _candidates(theirs, ours, minimum_jaccard, minimum_people, block)
    ]
    nothing = np.empty((3, 0), np.int64)
    source_rows, target_rows, people = np.concatenate([nothing, *found], axis=1)
    order = np.lexsort((source_rows, target_rows))
    return source_rows[order], target_rows[order], people[order]


def _people_of_items(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    people = matrix.T.tocsr()
    people.sort_indices()
    return sparse.csr_matrix((np.ones(people.nnz, np.int32), people.indices, people.indptr), shape=people.shape)


def _candidates(
    theirs: sparse.csr_matrix, ours: sparse.csr_matrix, minimum_jaccard: float, minimum_people: int, block: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield source and target items that share one of their rarest people and are of nearly the same size."""
    items_of_people = _rarest(theirs, minimum_jaccard, minimum_people).T.tocsr()
    rarest = _rarest(ours, minimum_jaccard, minimum_people)
    their_size, our_size = np.diff(theirs.indptr), np.diff(ours.indptr)
    for part in _blocks(rarest @ np.diff(items_of_people.indptr), block):
        met = (rarest[part] @ items_of_people).tocoo()
        source_rows, target_rows = met.col.astype(np.int64), met.row.astype(np.int64) + part.start
        small = np.minimum(their_size[source_rows], our_size[target_rows])
        large = np.maximum(their_size[source_rows], our_size[target_rows])
        fits = small >= minimum_jaccard * large - _ROUNDING
        source_rows, target_rows = source_rows[fits], target_rows[fits]
        for smaller in _blocks(their_size[source_rows] + our_size[target_rows], block):
            yield source_rows[smaller], target_rows[smaller]


def _rarest(people: sparse.csr_matrix, minimum_jaccard: float, minimum_people: int) -> sparse.csr_matrix:
    # a partner shares at least `needed` people, so it lacks at most size - needed: of one more, it has one
    size = np.diff(people.indptr).astype(np.int64)
    needed = np.maximum(np.ceil(minimum_jaccard * size - _ROUNDING).astype(np.int64), minimum_people)
    place = np.arange(people.nnz) - np.repeat(people.indptr[:-1], size)
    keep = place < np.repeat(size - needed + 1, size)
    starts = np.concatenate([[0], np.cumsum(keep)])[people.indptr]
    return sparse.csr_matrix((people.data[keep], people.indices[keep], starts), shape=people.shape)


def _counted(
    theirs: sparse.csr_matrix,
    ours: sparse.csr_matrix,
    source_rows: NDArray[np.int64],
    target_rows: NDArray[np.int64],
    minimum_jaccard: float,
    minimum_people: int,
) -> NDArray[np.int64]:
    both = theirs[source_rows].multiply(ours[target_rows])
    people = np.asarray(both.sum(axis=1), np.int64).ravel()
    union = np.diff(theirs.indptr)[source_rows] + np.diff(ours.indptr)[target_rows] - people
    keep = (people >= minimum_people) & (people / union >= minimum_jaccard)
    return np.stack([source_rows[keep], target_rows[keep], people[keep]])


def _blocks(cost: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Yield slices that cost about ``most`` each, and never less than one place."""
    edges = np.flatnonzero(np.diff(np.cumsum(cost, dtype=np.int64) // most)) + 1
    bounds = [0, *edges.tolist(), len(cost)]
    for start, stop in pairwise(bounds):
        if stop > start:
            yield slice(start, stop)
