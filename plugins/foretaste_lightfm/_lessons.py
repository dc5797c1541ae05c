"""What LightFM learns from: rows of people, and what is known of each from outside the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DomainPair, Transfer
from foretaste_lightfm._knowledge import Knowledge
from foretaste_lightfm._readers import Reader


@dataclass(frozen=True, eq=False)
class Lessons:
    """People's preferences (people, items) as ones: those of the target first, whose rows are ``members``, and then
    guests, who are people of the sources.

    ``known`` (people, a) are the features that come from outside the target, none of guests; ``own`` reads those of
    what somebody had in the target. Each member has a column of their own besides; guests share one, which says that
    other things are popular where they come from. ``weights`` (people,) is how much each one's rows count. ``items``
    (items, b) are the features of items.
    """

    preference: sparse.csr_matrix
    members: NDArray[np.int64]
    known: sparse.csr_matrix
    own: Reader
    weights: NDArray[np.float32]
    items: sparse.csr_matrix

    @classmethod
    def of(
        cls, transfer: Transfer, knowledge: Knowledge, source_rows: int, source_weight: float, rng: np.random.Generator
    ) -> Lessons:
        """Collect who preferred something in the target, and of each source with linked items ``source_rows`` rows."""
        rows = transfer.target.interactions.preference
        members = np.flatnonzero(rows.getnnz(axis=1))
        others = [_guests(pair, source_rows, rng) for pair in transfer.pairs if pair.item_links is not None]
        preference = sparse.csr_matrix(sparse.vstack([rows[members], *others]), dtype=np.float32)
        preference.data[:] = 1
        n_guests = preference.shape[0] - len(members)
        none = sparse.csr_matrix((n_guests, knowledge.people.shape[1]), dtype=np.float32)
        known = sparse.csr_matrix(sparse.vstack([knowledge.people[members], none]))
        weights = np.repeat(np.array([1, source_weight], np.float32), [len(members), n_guests])
        return cls(preference, members, known, knowledge.own, weights, knowledge.items)

    @property
    def guests(self) -> NDArray[np.bool_]:
        """(people,) who is of a source."""
        return np.arange(self.preference.shape[0]) >= len(self.members)

    @property
    def columns(self) -> tuple[slice, slice, slice]:
        """Where features stand: those from outside, of what somebody had, and each member's own."""
        ends = np.cumsum([self.known.shape[1], self.own.width, len(self.members)]).tolist()
        return slice(0, ends[0]), slice(ends[0], ends[1]), slice(ends[1], ends[2])

    def features(self, had: sparse.csr_matrix, identity: NDArray[np.bool_]) -> sparse.csr_matrix:
        """Return the features (people, all) where ``had`` (people, items) is read, and ``identity`` (people,) says
        which members have a column of their own.
        """
        own = sparse.diags(identity[: len(self.members)].astype(np.float32), shape=(len(identity), len(self.members)))
        mark = sparse.csr_matrix(self.guests.astype(np.float32)[:, None])
        found = sparse.csr_matrix(sparse.hstack([self.known, self.own.read(had), own, mark]), dtype=np.float32)
        found.eliminate_zeros()
        return found


def _guests(pair: DomainPair, most: int, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return what some of the source's people preferred, as items of the target: a lot of at most so many rows."""
    had = sparse.csr_matrix(pair.source.interactions.preference @ pair.item_links, dtype=np.float32)
    # of two items one can be read, and the other be learnt from it
    who = rng.permutation(np.flatnonzero(had.getnnz(axis=1) > 1))
    return had[np.sort(who[np.cumsum(had.getnnz(axis=1)[who]) <= most])]
