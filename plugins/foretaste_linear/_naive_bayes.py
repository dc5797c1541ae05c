"""Naive Bayes: each target item is a class, each item that a person had is evidence for or against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    PairFacts,
    Roster,
    Search,
    Side,
    Strategy,
    Transfer,
    sealed,
)
from foretaste_linear._binary import binary


class NaiveBayes(Strategy):
    """Multinomial naive Bayes over source and target items, tempered.

    score(u, i) = prior * log(1 + n_i) + sum over sides of |x_u|^-power * sum_j x_uj log((C_ij + s) / (C_i. + s m))

    C = X_target' X_side counts the people who had both, n_i the people who preferred i, m the items of the side and s
    the smoothing. Evidence items are not independent, so the plain sum is over-confident: dividing by
    |x_u|^power tempers it (power 0 is textbook naive Bayes). C is one sparse product; the constant part of the
    logarithm is kept per item, so that the map stays as sparse as C.
    """

    name: ClassVar[str] = "linear/naive-bayes"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    smoothing: Annotated[float, Field(gt=0)] = 1.0
    """Count added to every pair of items."""
    power: Annotated[float, Field(ge=0, le=1), Search(0.5, 0.75, 1.0)] = 0.75
    """How strongly long histories are tempered."""
    prior: Annotated[float, Field(ge=0), Search(0.5, 1.0)] = 1.0
    """Weight of the log prior."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Co-counts need people with both histories."""
        return None if any(one.shared_users for one in facts) else "needs shared users, there are none"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone: the counts are of both sides."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Count."""
        rows = transfer.target.interactions
        target = binary(rows.preference)
        evidence = {p.source.name: (p.source.interactions.items, binary(p.source_history)) for p in transfer.pairs}
        evidence[transfer.target.name] = (rows.items, target)
        sides = {}
        for name, (items, histories) in evidence.items():
            # settings that differ in the smoothing alone are rare, and counts can be large: only the map is kept
            fit = partial(self._map, len(items), histories, target)
            item_map, offset = context.memo(("map", name, self.smoothing), fit)
            sides[name] = Side(items, item_map, self.power, histories, offset)
        prior = (self.prior * np.log1p(rows.popularity)).astype(np.float32)
        return HistoryModel(Roster.of(transfer), prior, sides)

    def _map(
        self, n_items: int, evidence: sparse.csr_matrix, target: sparse.csr_matrix
    ) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
        item_map = co_counts(evidence, target)
        total = np.asarray(item_map.sum(axis=0)).ravel()
        # log((C + s) / (C. + s m)) = log(1 + C / s) - log(C. / s + m)
        np.log1p(item_map.data / self.smoothing, out=item_map.data)
        return sealed(item_map), (-np.log(total / self.smoothing + n_items)).astype(np.float32)


def co_counts(evidence: sparse.csr_matrix, target: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return (evidence items, target items) float32: the people who had both. An item is no evidence for itself."""
    counts = sparse.csr_matrix(evidence.T @ target, dtype=np.float32)
    if evidence is target:
        counts.setdiag(0)
        counts.eliminate_zeros()
    return counts
