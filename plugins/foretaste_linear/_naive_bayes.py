"""Naive Bayes: each target item is a class, each thing known of a person is evidence for or against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    PairFacts,
    Roster,
    Side,
    Strategy,
    Transfer,
)
from foretaste_linear._counts import Counts, People, counted
from foretaste_linear._evidence import Evidence, described, evidence_of, item_links, markets, through_items
from foretaste_linear._kept import Kept
from foretaste_linear._updated import updated
from foretaste_linear._weights import Weights, complement, multinomial

_TEMPERED: tuple[Mapping[str, object], ...] = (
    {"power": 0.75, "prior": 0.5},
    {"power": 0.75, "prior": 1.0, "own_power": 0.25},
    {"power": 1.0, "prior": 0.5, "own_power": 0.5},
    {"power": 1.0, "prior": 0.5},
    {"power": 1.0, "prior": 1.0},
    # the only one of its kind that was best anywhere: for newcomers of music -> book, by little
    {"variant": "complement", "power": 0.5, "prior": 0.03},
)
"""Settings worth trying where people are shared."""
_MARKETS: tuple[Mapping[str, object], ...] = tuple(
    {"power": 0.0, "prior": 0.25, "discount": discount} for discount in (0.1, 0.0, 0.3, 1.0, 0.03, 0.01)
)
"""Settings worth trying where items are shared: own rows need no tempering, and popularity counts less beside them."""


class NaiveBayes(Strategy):
    """Naive Bayes over source items, target items and what is declared of people, tempered.

    score(u, i) = prior * log(1 + n_i) + sum over sides of |x_u|^-power * sum_j x_uj w_ij

    multinomial: w_ij = log((C_ij + s) / (C_i. + s m)): how often j is seen with i
    complement: w_ij = log((A_j + s) / (T + s m)) - log((A_j - C_ij + s) / (T - C_i. + s m)): how seldom with others

    C_ij counts the people who had both j and i, n_i those who preferred i, m the items of the side and s the smoothing;
    A_j and T are sums of C over all i. The complement's second term is that of Rennie, Shih, Teevan and Karger
    (Tackling the poor assumptions of naive Bayes text classifiers, ICML 2003), not normalised; the first, the same for
    every i, makes it 0 where j says nothing of i. Evidence is not independent, so the plain sum is over-confident:
    dividing by |x_u|^power tempers it (power 0 is textbook naive Bayes). People of a source with the target's items
    count ``discount`` each, in C and n. C is one sparse product; what w says of pairs that were never counted is kept
    per item, so that the map is as sparse as C.
    """

    name: ClassVar[str] = "linear/naive-bayes"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    variant: Literal["multinomial", "complement"] = "multinomial"
    """Whether evidence is weighed by people who had the item, or by those who had others."""
    smoothing: Annotated[float, Field(gt=0)] = 1.0
    """Count added to every pair of items."""
    power: Annotated[float, Field(ge=0, le=1)] = 0.75
    """How strongly long histories are tempered."""
    own_power: Annotated[float | None, Field(ge=0, le=1)] = None
    """The same for histories of the target: own rows are fewer, and say more. None: ``power``."""
    prior: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the log prior."""
    discount: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How many people of the target one of a source with the same items counts for."""
    user_features: bool = True
    """Whether what is declared of people is evidence."""
    map_megabytes: Annotated[int, Field(ge=1)] = 1024
    """Largest map that is served from each domain; a larger one leaves out the pairs that were counted least often."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Something must be known of people that goes with what they have in the target."""
        if any(one.shared_users or one.shared_items or one.target_user_features for one in facts):
            return None
        return "needs shared users, shared items or user features of the target, there are none"

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return settings worth trying for what these pairs have, by turns; fields that were set by hand stay."""
        lists: list[Sequence[Mapping[str, object]]] = []
        if any(one.source_user_features or one.target_user_features for one in facts):
            lists.append([{"user_features": False}])
        if any(one.linked_users for one in facts) or not any(one.linked_items for one in facts):
            lists.append(_TEMPERED)
        if any(one.linked_items for one in facts):
            lists.append(_MARKETS)
        tried = [one for turn in zip_longest(*lists) for one in turn if one is not None]
        return self.varied(tried)[:n]

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone: the counts are of both sides."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Count; settings that differ in the prior or the power share the counts."""
        evidence = evidence_of(transfer, self.user_features)
        weights = {}
        for name in evidence:
            weigh = partial(self._counted, transfer, evidence, name)
            discount = self.discount if name == transfer.target.name else 0
            key = ("weights", name, self.variant, self.smoothing, discount, self.map_megabytes)
            weights[name] = context.memo(key, weigh)
        roster = Roster.of(transfer).newcomers_where(described(evidence))
        return self._model(roster, self._preferring(transfer), evidence, weights, item_links(transfer))

    def count(self, transfer: Transfer) -> Carried:
        """Return what ``adapt`` counts, to be kept and updated: arrays and ids of items, nobody in particular."""
        evidence = evidence_of(transfer, self.user_features)
        counts = {name: counted(self._groups(transfer, evidence, name)).together for name in evidence}
        links = item_links(transfer)
        items = {name: one.items for name, one in evidence.items()} | {name: one.items for name, one in links.items()}
        others = tuple(markets(transfer)) if self.discount else ()
        matrices = {name: one.histories for name, one in links.items()}
        return Kept(transfer.target.name, self._preferring(transfer), counts, matrices, items, others).carried()

    def update(self, counts: Carried, model: HistoryModel, rows: Sequence[Domain]) -> tuple[Carried, HistoryModel]:
        """Return counts and recommender as ``count`` and a new fit would make them, were ``rows`` in the data as well.

        ``counts`` and ``model`` are of the same data and of these settings. ``rows`` are of the target or of sources
        with shared people, each under its domain's name, people by the target's ids; people and items may be new. Only
        people who bring rows are counted. Raises DataError where these do not fit each other, for a recommender without
        histories, and for rows of a source whose people count at a discount.
        """
        found = updated(Kept.of(counts), model, rows)
        limit = self.map_megabytes * 2**20
        weights = {name: self._weighed(Counts.of(one, limit)) for name, one in found.kept.counts.items()}
        links = {name: Evidence(found.kept.items[name], one) for name, one in found.kept.links.items()}
        return found.kept.carried(), self._model(found.roster, found.kept.people, found.evidence, weights, links)

    def _groups(self, transfer: Transfer, evidence: Mapping[str, Evidence], name: str) -> list[People]:
        """Return those who are counted for a side, people of other markets too."""
        target = transfer.target.name
        groups = [People(evidence[name].histories, evidence[target].histories)]
        if name == target and self.discount:
            groups += [People(had, had, self.discount) for had in markets(transfer).values()]
        return groups

    def _preferring(self, transfer: Transfer) -> NDArray[np.float64]:
        """Return n_i (target items,)."""
        found = transfer.target.interactions.popularity
        for had in markets(transfer).values() if self.discount else ():
            found = found + self.discount * np.bincount(had.indices, minlength=had.shape[1])
        return found

    def _counted(self, transfer: Transfer, evidence: Mapping[str, Evidence], name: str) -> Weights:
        return self._weighed(counted(self._groups(transfer, evidence, name), self.map_megabytes * 2**20))

    def _weighed(self, counts: Counts) -> Weights:
        return (multinomial if self.variant == "multinomial" else complement)(counts, self.smoothing)

    def _model(
        self,
        roster: Roster,
        preferring: NDArray[np.float64],
        evidence: Mapping[str, Evidence],
        weights: Mapping[str, Weights],
        links: Mapping[str, Evidence],
    ) -> HistoryModel:
        powers = dict.fromkeys(evidence, self.power)
        if self.own_power is not None:
            powers[roster.target] = self.own_power
        sides = {
            name: Side(one.items, weights[name].map, powers[name], one.histories, weights[name].offset)
            for name, one in evidence.items()
        }
        sides |= {name: through_items(one, sides[roster.target]) for name, one in links.items()}
        notes = [
            f"{name}: left out to fit {self.map_megabytes} MB: {one.note}"
            for name, one in weights.items()
            if one.note is not None
        ]
        return HistoryModel(roster, (self.prior * np.log1p(preferring)).astype(np.float32), sides, notes=notes)
