"""Neighbours across domains: items that the same people had, or people who had the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal

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
from foretaste_linear._nearest import Weighting, columns, nearest, votes

_FEWEST, _CELLS = 32, 2**22


class Neighbours(Strategy):
    """score(u, i) = sum over domains of weight * |x_u|^-power * sum_j x_uj (s_ji - s_i), and popularity.

    Of ``items``: s_ji is the similarity of item j of any domain and target item i by the people who had both,
    C_ji / (sqrt(n_j n_i) + shrinkage), and 0 for all but the nearest items j (Deshpande and Karypis, Item-based top-N
    recommendation algorithms, ACM TOIS 2004). C counts people, n those of one item: with ``tf-idf`` and ``bm25`` who
    has few items counts more, and ``bm25`` discounts popular items in its own way (as does the package implicit).

    Of ``people``: sum_v K(u, v) y_vi, y_v what v had in the target and K the cosine of two histories of a domain, items
    weighted by rarity, w: linear in x_u, so that s_ji = w_j^2 sum_v x_vj y_vi / |x_v w|, of which again the strongest
    are kept. Everybody is a neighbour, by how near they are: the nearest few could not be found without the histories
    of all, and would be no map.

    s_i is the average of s_ji over everything that people had: an item that is near to all is a popular one, and how
    much popularity counts is for ``popularity`` alone to say.
    """

    name: ClassVar[str] = "linear/neighbours"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    neighbours_of: Literal["items", "people"] = "items"
    """Whether items are compared by who had them, or people by what they had."""
    neighbours: Annotated[int, Field(ge=1)] = 300
    """How many items of each domain speak for a target item, the most similar ones."""
    weighting: Annotated[Weighting, Search("cosine", "bm25")] = "cosine"
    """How items are compared; of ``people`` no part."""
    shrinkage: Annotated[float, Field(ge=0)] = 50.0
    """Added to the product of two items' lengths: little is known from few. Of ``bm25`` and ``people`` no part."""
    weight: Annotated[float, Field(ge=0), Search(0.0, 0.5)] = 0.5
    """How much a source counts beside the target."""
    power: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly long histories are tempered."""
    popularity: Annotated[float, Field(ge=0), Search(1.0, 3.0, 8.0)] = 3.0
    """Weight of log(1 + popularity), in units of how far the votes of neighbours for items lie apart."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Neighbours are found by people with both histories."""
        return None if any(one.shared_users for one in facts) else "needs shared users, there are none"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Find the neighbours; settings that differ in weights alone share them."""
        rows, there = transfer.target.interactions, transfer.target.name
        evidence = {there: (rows.items, binary(rows.preference))}
        # who shares no person has no neighbours here: a side of nothing would pass for an answer
        met = [pair for pair in transfer.pairs if pair.user_links is not None]
        evidence |= {p.source.name: (p.source.interactions.items, binary(p.source_history)) for p in met}
        had = np.sum([history.getnnz(axis=1) for _, history in evidence.values()], axis=0)
        rarity = np.log((1 + sum(len(items) for items, _ in evidence.values())) / (1 + had))
        settings = (self.neighbours_of, self.neighbours, self.weighting, self.shrinkage)
        sides = {}
        for name, (items, histories) in evidence.items():
            weight = np.float32(1 if name == there else self.weight)
            if weight:
                fit = partial(self._map, histories, evidence[there][1], rarity, name == there)
                item_map, average = context.memo(("neighbours", name, *settings), fit)
                sides[name] = Side(items, sealed(item_map * weight), self.power, histories, -weight * average)
        bias = self.popularity * _spread(sides) * np.log1p(rows.popularity)
        return HistoryModel(Roster.of(transfer), bias.astype(np.float32), sides)

    def _map(
        self, here: sparse.csr_matrix, there: sparse.csr_matrix, rarity: NDArray[np.float64], same: bool
    ) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
        """Return the map, and what items say on average of each target item (target items,)."""
        if self.neighbours_of == "people":
            found = nearest(*votes(here, there), self.neighbours, same=same)
        else:
            shrinkage = 0.0 if self.weighting == "bm25" else self.shrinkage
            ours, theirs = (columns(one, self.weighting, rarity) for one in (here, there))
            found = nearest(ours, theirs, self.neighbours, shrinkage, same=same)
        held = np.bincount(here.indices, minlength=here.shape[1])
        return sealed(found), np.asarray(held @ found / max(int(held.sum()), 1), np.float32)


def _spread(sides: Mapping[str, Side]) -> float:
    """Return how far the votes for items lie apart: their standard deviation, in the mean of some people."""
    histories = {name: side.histories for name, side in sides.items() if side.histories is not None}
    placed = np.flatnonzero(np.any([one.getnnz(axis=1) > 0 for one in histories.values()], axis=0))
    if not len(placed):
        return 1.0
    there = next(iter(sides.values())).shape[1]
    some = placed[np.linspace(0, len(placed) - 1, min(len(placed), max(_FEWEST, _CELLS // there))).astype(np.int64)]
    said = np.sum([sides[name].apply(one[some]) for name, one in histories.items()], axis=0)
    return float(said.std(axis=1).mean()) or 1.0
