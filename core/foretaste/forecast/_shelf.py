"""What a forecast looks at where items alone are shared: histories of both sides over the target's items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import DomainPair
from foretaste.forecast._sample import PARTS, deals_of, most_held, ones

ITEMS: Final = 1_500
"""Most target items: those that the largest shares of people have on either side."""
PEOPLE: Final = 600
"""Most people who are judged."""
TEACHERS: Final = 6_000
"""Most people of each domain who teach."""
FEWEST: Final = 10
"""Fewest people of whom anything is said."""


@dataclass(frozen=True, eq=False)
class Half:
    """A random half of what people have, (n, items) ones.

    ``kept`` is what they keep and prefer, ``had`` that and what they keep and dislike, ``hidden`` the other half of
    what they prefer.
    """

    kept: sparse.csr_matrix
    had: sparse.csr_matrix
    hidden: sparse.csr_matrix


@dataclass(frozen=True, eq=False)
class Shelf:
    """n people of the target who prefer two items or more, and who teaches.

    ``liked`` (n, items) is what they prefer, float32 ones; ``target`` (target people, items) has them and others,
    ``source`` (source people, items) what is preferred there and linked here, and ``source_items`` counts those items
    of the source. ``halves`` are several draws where people are few; ``parts`` (n,) choose settings for each other.
    """

    liked: sparse.csr_matrix
    target: sparse.csr_matrix
    source: sparse.csr_matrix
    source_items: int
    halves: tuple[Half, ...]
    parts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.parts)


def shelf(pair: DomainPair, seed: int) -> Shelf:
    """Draw what is looked at; the same seed draws the same."""
    assert pair.item_links is not None
    rng = np.random.default_rng([seed, 15])
    preferred, rows = ones(pair.source.interactions.preference), pair.target.interactions
    links = ones(sparse.csr_matrix(sparse.diags((preferred.getnnz(axis=0) > 0).astype(np.float32)) @ pair.item_links))
    links.eliminate_zeros()
    source, target = ones(sparse.csr_matrix(preferred @ links)), ones(rows.preference)
    items = most_held(_shares(source) + _shares(target), ITEMS)
    source, target, links = source[:, items], target[:, items], links[:, items]
    judged = np.sort(rng.permutation(np.flatnonzero(target.getnnz(axis=1) > 1))[:PEOPLE])
    others = rng.permutation(np.setdiff1d(_somebody(target), judged))[: TEACHERS - len(judged)]
    liked, seen = target[judged], rows.seen[judged][:, items]
    disliked = sparse.csr_matrix(seen - liked)
    disliked.eliminate_zeros()
    return Shelf(
        liked=liked,
        target=target[np.concatenate([judged, others])],
        source=source[np.sort(rng.permutation(_somebody(source))[:TEACHERS])],
        source_items=len(_somebody(links)),
        halves=tuple(_half(liked, disliked, rng) for _ in range(deals_of(len(judged)))),
        parts=rng.permutation(len(judged)) % PARTS,
    )


def _half(liked: sparse.csr_matrix, disliked: sparse.csr_matrix, rng: np.random.Generator) -> Half:
    kept, hidden = _dealt(liked, rng)
    return Half(kept, sparse.csr_matrix(kept + _dealt(disliked, rng)[0]), hidden)


def _dealt(matrix: sparse.csr_matrix, rng: np.random.Generator) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return a random half of each row's entries, rounded down, and the others."""
    length = np.diff(matrix.indptr)
    who, place = np.repeat(np.arange(len(length)), length), np.empty(matrix.nnz, np.int64)
    place[np.lexsort((rng.random(matrix.nnz), who))] = np.arange(matrix.nnz) - matrix.indptr[who]
    first = place < length[who] // 2
    ours, others = (
        sparse.csr_matrix((np.ones(int(part.sum()), np.float32), (who[part], matrix.indices[part])), matrix.shape)
        for part in (first, ~first)
    )
    return ours, others


def _shares(histories: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return (items,) the share of people who have each."""
    return np.asarray(histories.getnnz(axis=0) / max(len(_somebody(histories)), 1))


def _somebody(histories: sparse.csr_matrix) -> NDArray[np.int64]:
    return np.flatnonzero(histories.getnnz(axis=1))
