"""People of all domains in one index: those of the target, and behind them whom only one source knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Transfer
from foretaste_deep._bags import Bags
from foretaste_deep._histories import ones, rarity


@dataclass(frozen=True, eq=False)
class Everyone:
    """Histories (people, items) of ones by domain, in the order of ``names``: the sources, then the target."""

    names: tuple[str, ...]
    domains: tuple[Bags, ...]

    @classmethod
    def of(cls, transfer: Transfer) -> Everyone:
        """Read them from a transfer's training data."""
        here = transfer.target.interactions
        apart = [_unlinked(pair.source.interactions.preference, pair.user_links) for pair in transfer.pairs]
        found = []
        for place, pair in enumerate(transfer.pairs):
            rows = pair.source.interactions
            blocks = [sparse.csr_matrix((len(one.indptr) - 1, rows.preference.shape[1])) for one in apart]
            blocks[place] = apart[place]
            whole = sparse.vstack([pair.source_history, *blocks], format="csr")
            found.append(Bags(ones(whole), rarity(rows)))
        own = rarity(here)
        target = Bags(_padded(ones(here.preference), sum(one.shape[0] for one in apart)), own)
        names = (*(pair.source.name for pair in transfer.pairs), transfer.target.name)
        return cls(names, (*found, target))

    def with_target(self, rows: sparse.csr_matrix) -> Everyone:
        """Return the same with other rows (users of the target, items) in the target."""
        told = self.domains[-1]
        changed = Bags(_padded(rows, told.histories.shape[0] - rows.shape[0]), told.weights)
        return Everyone(self.names, (*self.domains[:-1], changed))

    def in_domain(self, place: int) -> NDArray[np.int64]:
        """Return who has a history there."""
        return np.flatnonzero(self.domains[place].histories.getnnz(axis=1) > 0)


def _unlinked(preference: sparse.csr_matrix, links: sparse.csr_matrix | None) -> sparse.csr_matrix:
    """Return the histories of those whom the target's index does not hold."""
    alone = np.ones(preference.shape[0], bool) if links is None else links.getnnz(axis=1) == 0
    return preference[np.flatnonzero(alone & (preference.getnnz(axis=1) > 0))]


def _padded(rows: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """Return the matrix with so many empty rows behind it."""
    ends = np.concatenate([rows.indptr, np.full(count, rows.indptr[-1], rows.indptr.dtype)])
    return sparse.csr_matrix((rows.data, rows.indices, ends), shape=(rows.shape[0] + count, rows.shape[1]))
