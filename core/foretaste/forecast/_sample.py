"""What a forecast looks at: at most so many people with both histories, and the items that most of them have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import DomainPair, Interactions

PEOPLE: Final = 1_200
"""Most people who are looked at; fewer where many have long histories in both domains."""
ITEMS: Final = 5_000
"""Most items of each domain, those that most people have."""
HISTORY: Final = 500
"""Most source items of a person."""
PARTS: Final = 5
"""Parts that people are dealt into: each is judged by what the others teach."""
_DEALS: Final = 5
_DEALT: Final = 1_700  # people of all deals together: few people are dealt several times, as their figures depend on it
FEWEST: Final = 50
"""Fewest people of whom anything is said."""
_PAIRS: Final = 25_000_000  # of a source and a target item of one person: what counting them costs
_FEWEST: Final = 200


@dataclass(frozen=True, eq=False)
class Sample:
    """n people with preferences on both sides.

    ``source`` (n, source items) and ``target`` (n, target items) are float32 ones where something was preferred, and
    ``evidence`` (n, all source items) what ``source`` has the most held items of: rare ones are evidence, too;
    ``order`` (n, target items) counts all target rows of a person from 1, disliked ones too, the earliest first where
    there are times, else by lot. ``popularity`` (target items,) counts all ``target_people`` who preferred an item, of
    the sample or not. ``deals`` (deals, n) says to which part a person was dealt each time, from 0.
    """

    source: sparse.csr_matrix
    evidence: sparse.csr_matrix
    target: sparse.csr_matrix
    order: sparse.csr_matrix
    popularity: NDArray[np.float64]
    target_people: int
    deals: NDArray[np.int64]

    @property
    def parts(self) -> NDArray[np.int64]:
        """(n,) the parts of the first deal: those that choose settings for each other."""
        return np.asarray(self.deals[0])

    def __len__(self) -> int:
        return int(self.deals.shape[1])


def sample(pair: DomainPair, seed: int) -> Sample:
    """Draw the sample; the same seed draws the same."""
    rng = np.random.default_rng([seed, 10])
    rows = pair.target.interactions
    there = ones(rows.preference)
    items = most_held(rows.popularity, ITEMS)
    here = ones(pair.source_history)
    both = np.flatnonzero((here.getnnz(axis=1) > 0) & (there[:, items].getnnz(axis=1) > 0))
    work = np.minimum(np.diff(here.indptr), HISTORY) * np.diff(there.indptr)
    people = np.sort(_drawn(rng.permutation(both), work))
    evidence = _thinned(here[people], rng)
    return Sample(
        source=evidence[:, most_held(evidence.getnnz(axis=0), ITEMS)],
        evidence=evidence,
        target=there[people][:, items],
        order=_order(rows, people, rng)[:, items],
        popularity=rows.popularity[items],
        target_people=int((there.getnnz(axis=1) > 0).sum()),
        deals=np.array([rng.permutation(len(people)) % PARTS for _ in range(deals_of(len(people)))]),
    )


def deals_of(n_people: int) -> int:
    """Return how often people are dealt: several times where they are few."""
    return min(_DEALS, max(1, round(_DEALT / max(n_people, 1))))


def _drawn(people: NDArray[np.int64], work: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first people, as many as may be looked at."""
    affordable = int(np.searchsorted(np.cumsum(work[people]), _PAIRS, side="right"))
    return people[: min(PEOPLE, max(affordable, _FEWEST))]


def _thinned(history: sparse.csr_matrix, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return histories of ones with a random part of those that are too long."""
    who = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    by_lot = np.lexsort((rng.random(history.nnz), who))
    keep = by_lot[np.arange(history.nnz) - history.indptr[who] < HISTORY]
    return _placed(who[keep], history.indices[keep], np.ones(len(keep)), history.shape)


def _order(rows: Interactions, people: NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_matrix:
    place = np.full(len(rows.users), -1)
    place[people] = np.arange(len(people))
    keep = np.flatnonzero(place[rows.user_rows] >= 0)
    who, lot = place[rows.user_rows[keep]], rng.random(len(keep))
    by_time = np.lexsort((lot, who) if rows.times is None else (lot, rows.times[keep], who))
    who, items = who[by_time], rows.item_rows[keep[by_time]]
    starts = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=len(people)))])
    return _placed(who, items, 1 + np.arange(len(who)) - starts[who], (len(people), len(rows.items)))


def most_held(held: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Return the n items that most people have, in the order of the index, without those that nobody has."""
    most = np.argsort(-held, kind="stable")[:n]
    return np.sort(most[held[most] > 0])


def ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return float32 ones wherever something is stored."""
    return sparse.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), matrix.shape)


def _placed(
    rows: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.generic], shape: tuple[int, int]
) -> sparse.csr_matrix:
    found = sparse.csr_matrix((values.astype(np.float32), (rows, columns)), shape=shape)
    found.sort_indices()
    return found
