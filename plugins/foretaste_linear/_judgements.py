"""What people liked and disliked, as rows to learn from: dislikes are told, or drawn among what somebody never had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Domain, DomainPair
from foretaste_linear._binary import binary

Rows = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Judgements:
    """(people, items) each: ``liked`` with weights, ``disliked`` and ``had`` as ones. ``drawn`` (items,) is how often
    an item is drawn as a dislike.
    """

    liked: sparse.csr_matrix
    disliked: sparse.csr_matrix
    had: sparse.csr_matrix
    drawn: NDArray[np.float64]

    @classmethod
    def of(cls, domain: Domain, sampling: float, pair: DomainPair | None = None) -> Judgements:
        """Read a domain; as the source of a pair, for the people of its target."""
        rows = domain.interactions
        liked, seen, had = rows.preference, rows.seen, rows.had
        if pair is not None:
            links = sparse.csr_matrix((0, 0)) if pair.user_links is None else pair.user_links.T
            liked = pair.source_history
            seen, had = (sparse.csr_matrix(links @ one) if links.shape[0] else 0 * liked for one in (seen, had))
        disliked = sparse.csr_matrix(binary(seen) - binary(seen).multiply(binary(liked)))
        disliked.eliminate_zeros()
        return cls(liked, disliked, binary(had), (rows.popularity + 1) ** sampling)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(people,) who liked anything."""
        return np.asarray(self.liked.getnnz(axis=1) > 0)

    def rows(self, person: int, negatives: int, most: int, rng: np.random.Generator) -> Rows:
        """Return item rows, 1 or -1, and what each counts: dislikes together as much as likes.

        At most ``most`` likes, and for each ``negatives`` items that were disliked; where none was, that are drawn
        among those the person never had.
        """
        likes, counts = _row(self.liked, person)
        if len(likes) > most:
            kept = np.sort(rng.choice(len(likes), most, replace=False))
            likes, counts = likes[kept], counts[kept]
        others, room = _row(self.disliked, person)[0], negatives * len(likes)
        if not len(others):
            free = np.setdiff1d(np.arange(self.had.shape[1]), _row(self.had, person)[0], assume_unique=True)
            chances = self.drawn[free]
            room = min(room, len(free))
            others = free if room == len(free) else rng.choice(free, room, replace=False, p=chances / chances.sum())
        elif len(others) > room:
            others = rng.choice(others, room, replace=False)
        counts = counts / counts.mean()
        against = np.full(len(others), counts.sum() / max(len(others), 1))
        return (
            np.concatenate([likes, others]).astype(np.int64),
            np.concatenate([np.ones(len(likes)), -np.ones(len(others))]),
            np.concatenate([counts, against]),
        )


def _row(matrix: sparse.csr_matrix, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[part].astype(np.int64), matrix.data[part].astype(np.float64)
