"""The closed-form item-to-item model of the target alone."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    Memory,
    PairFacts,
    Roster,
    Search,
    Side,
    Strategy,
    Transfer,
    cut_map,
    sealed,
)
from foretaste.solvers import ease, ease_memory


class Ease(Strategy):
    """EASE (Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019) with popularity mixed in.

    Solved over items or over people, whichever are fewer.
    """

    name: ClassVar[str] = "baseline/ease"
    baseline: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    regularization: Annotated[float, Field(gt=0), Search(30.0, 100.0, 300.0, 1000.0)] = 300.0
    """Added to the diagonal of the item Gram matrix."""
    popularity: Annotated[float, Field(ge=0)] = 0.03
    """Weight of log(1 + popularity), scaled to 1 at the top: EASE scores head items low in sparse data."""
    map_megabytes: Annotated[int, Field(ge=1)] = 256
    """Largest item-to-item map that is served; a larger one keeps each item's strongest entries. Validation sees the
    map as it is served, so that what the cut costs is in every figure."""

    def memory(self, facts: Sequence[PairFacts]) -> Memory | None:
        """Return what the solution and the whole item map take."""
        if not facts:
            return None
        people, items = facts[0].target_users, facts[0].target_items
        return Memory(ease_memory(people, items) + 4 * items**2, f"{items} items")

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Solve."""
        rows = transfer.target.interactions
        # people without a row add nothing to the map, but would count for the choice of its form
        people = np.flatnonzero(rows.preference.getnnz(axis=1))
        whole = sealed(ease(rows.preference[people], self.regularization).item_map())
        item_map, kept = cut_map(whole, self.map_megabytes * 2**20)
        notes = []
        if kept < 1:
            notes = [f"the item map, cut to {self.map_megabytes} MB, lost {1 - kept:.2%} of its squared norm"]
            context.progress(f"{self.name}: {notes[0]}")
        sides = {transfer.target.name: Side(rows.items, item_map, histories=rows.preference)}
        roster = Roster.of(transfer).without_source()
        return HistoryModel(roster, roster.popularity_bias(self.popularity), sides, notes=notes)
