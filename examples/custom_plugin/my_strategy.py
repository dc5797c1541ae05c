"""A plugin in one file: who had this in the source also had that in the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
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
    hookimpl,
)

foretaste_api = 1


class Together(Strategy):
    """Cosine of the people of a source item and those of a target item, shrunk where they are few.

    score(u, i) = popularity * log(1 + n_i) + sum over source items j of u: C_ji / (sqrt(n_j n_i) + shrinkage)

    C_ji people had both, n_j and n_i had one of them.
    """

    name: ClassVar[str] = "my/together"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    shrinkage: Annotated[float, Field(ge=0), Search(1.0, 10.0, 100.0)] = 10.0
    """Added to the denominator, in people."""
    popularity: Annotated[float, Field(ge=0), Search(0.0, 0.03, 0.1)] = 0.03
    """Weight of log(1 + popularity)."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Say what this cannot do: without shared people nothing is had together."""
        return None if all(one.shared_users for one in facts) else "needs shared users in every source"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Learn from the source alone: how many people had each item."""
        return Carried({"popularity": source.interactions.popularity})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Make the target's recommender."""
        rows = transfer.target.interactions
        sides = {}
        for pair in transfer.pairs:
            alone = carried[pair.source.name].arrays["popularity"]
            # all settings share the counts: made once per transfer
            both = context.memo(("both", pair.source.name), partial(co_counts, pair.source_history, rows.preference))
            cosine = both.copy()
            cosine.data = both.data / (np.sqrt(alone[both.row] * rows.popularity[both.col]) + self.shrinkage)
            sides[pair.source.name] = Side(pair.source.interactions.items, cosine, histories=pair.source_history)
        bias = (self.popularity * np.log1p(rows.popularity)).astype(np.float32)
        return HistoryModel(Roster.of(transfer), bias, sides)


def co_counts(source: sparse.csr_matrix, target: sparse.csr_matrix) -> sparse.coo_matrix:
    """Return (source items, target items): how many people had both."""
    return (source.T @ target).tocoo()


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Bring the strategy to the catalog."""
    return [Together]
