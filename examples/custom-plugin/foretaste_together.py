"""A strategy of one's own: who had this in the source also had that in the target."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

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
    """Score of i for u: the sum of C_ji / (sqrt(n_j n_i) + shrinkage) over the source items j that u had.

    C_ji people had both, n_j had j and n_i had i; where rows have weights, these count.
    """

    name: ClassVar[str] = "together/cosine"

    shrinkage: Annotated[float, Field(ge=0), Search(0.0, 1.0, 10.0)] = 1.0
    """Added to the denominator, in people: little is known from few."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Say what this cannot do."""
        return None if all(one.shared_users for one in facts) else "needs shared users in every source"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Learn from the source alone: how many people had each item."""
        return Carried({"popularity": source.interactions.popularity})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Make the target's recommender."""
        rows, sides = transfer.target.interactions, {}
        for pair in transfer.pairs:
            both = (pair.source_history.T @ rows.preference).tocoo()
            alone = carried[pair.source.name].arrays["popularity"]
            both.data /= np.sqrt(alone[both.row] * rows.popularity[both.col]) + self.shrinkage
            sides[pair.source.name] = Side(pair.source.interactions.items, both, histories=pair.source_history)
        return HistoryModel(Roster.of(transfer), np.zeros(len(rows.items), np.float32), sides)


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Bring the strategy to the catalog."""
    return [Together]
