"""EASE over the items of all domains at once, of which those of the target are predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    Index,
    Memory,
    PairFacts,
    Roster,
    Search,
    Side,
    Strategy,
    Transfer,
    cut_map,
)
from foretaste.solvers import ease_memory
from foretaste_linear._binary import binary
from foretaste_linear._evidence import described
from foretaste_linear._joint import TOKENS, declared_of, feature_names, maps


class Ease(Strategy):
    """EASE (Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019) of what people had in all domains: B
    least in |J - J B|^2 + regularization |B|^2 with zeros on its diagonal, J = [X_target, sqrt(weight) X_source, ...],
    and score = J B of the target's items, with popularity mixed in.

    Items that both domains share are columns of the target, and the source's people are rows that count ``weight``
    each. What is known of items (words, categories and so on, by tf-idf) are rows as well, as if each were a person who
    had the items of which it is said: collective EASE (Jeunen, Van Balen and Goethals, Closed-form models for
    collaborative filtering with side-information, RecSys 2020) of all domains at once, which joins their items even
    where no person and no item is shared. What is declared of people are columns, like items that they had. With all
    weights 0 it is EASE of the target alone.
    Solved over rows or over items, whichever are fewer: the same map comes out.
    """

    name: ClassVar[str] = "linear/ease"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    regularization: Annotated[float, Field(gt=0), Search(300.0, 1000.0)] = 300.0
    """Added to the diagonal of the Gram matrix of J."""
    weight: Annotated[float, Field(ge=0), Search(0.0, 0.1, 0.3)] = 0.3
    """How much a source row counts beside a target row."""
    power: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly long source histories are tempered: divided by n^power, n items, and all brought back to what they
    were on average."""
    feature_weight: Annotated[float, Field(ge=0), Search(0.0, 100.0)] = 0.0
    """How much a feature of items counts beside a target row, of the 2,000 that say most; tried where there are any."""
    user_feature_weight: Annotated[float, Field(ge=0), Search(0.0, 1.0)] = 0.0
    """How much what is declared of people, on either side, counts beside an item that they had; tried where there is
    any."""
    popularity: Annotated[float, Field(ge=0), Search(0.03, 0.3)] = 0.1
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""
    map_megabytes: Annotated[int, Field(ge=1)] = 256
    """Largest map that is served from each domain; a larger one is kept as factors, or by its strongest entries."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Something must be shared."""
        featured, declared = self._told(facts)
        if self.user_feature_weight and not declared:
            needs = "needs user features of the target, or of a source with shared users"
            return f"user_feature_weight {self.user_feature_weight:g} {needs}"
        if self.feature_weight and not any(featured):
            return f"feature_weight {self.feature_weight:g} needs item features on both sides"
        reached = any(featured) or (declared and facts[0].target_user_features)
        if not reached and not any(one.shared_users or one.shared_items for one in facts):
            instead = {
                "; item features can stand in with a feature_weight": any(one.item_features for one in facts),
                "; user features can stand in with a user_feature_weight": facts[0].target_user_features,
            }
            ways = (way for way, open_here in instead.items() if open_here)
            return f"needs shared users or shared items, there are none{''.join(ways)}"
        return None

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        """Return what the solution and the target's columns of it take."""
        featured, declared = self._told(facts)
        there = facts[0].target_items
        rows, items = facts[0].target_users + TOKENS * any(featured), there + TOKENS * (1 + len(facts)) * declared
        for one, has in zip(facts, featured, strict=True):
            rows += one.source_users if one.linked_items else 0
            items += one.source_items if one.linked_users or has else 0
        return Memory(
            ease_memory(rows, items) + 4 * items * there,
            f"{rows} people{' and features' if any(featured) else ''} and {items} items of all domains",
            "align/prior, linear/neighbours and linear/naive-bayes take less",
        )

    def _told(self, facts: Sequence[PairFacts]) -> tuple[list[bool], bool]:
        """Say of which pairs features of items are read, and whether any of people are."""
        featured = [bool(self.feature_weight) and one.item_features for one in facts]
        return featured, bool(self.user_feature_weight) and _declared(facts)

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Features are tried where there are some: of items on both sides, of people on any."""
        fixed: dict[str, object] = {}
        if not any(one.item_features for one in facts):
            fixed["feature_weight"] = self.feature_weight
        if not _declared(facts):
            fixed["user_feature_weight"] = self.user_feature_weight
        return [self, *super(Ease, self.model_copy(update=fixed)).grid(facts, n)[1:]]

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is learnt from the source alone."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Solve; settings that differ in popularity alone share the solution."""
        settings = self.regularization, self.weight, self.power, self.feature_weight
        limit = self.map_megabytes * 2**20
        declared = context.memo(("declared",), lambda: declared_of(transfer)) if self.user_feature_weight else {}
        found = context.memo(
            ("ease", limit, *settings, self.user_feature_weight),
            lambda: {
                name: (whole, 1.0) if isinstance(whole, tuple) else cut_map(whole, limit)
                for name, whole in maps(transfer, limit, *settings, declared, self.user_feature_weight).items()
            },
        )
        rows = transfer.target.interactions
        known = {transfer.target.name: (rows.items, binary(rows.preference))}
        known |= {p.source.name: (p.source.interactions.items, binary(p.source_history)) for p in transfer.pairs}
        known |= {name: (one.items, one.histories) for name, one in declared.items()}
        sources = {pair.source.name for pair in transfer.pairs}
        linked = {pair.source.name for pair in transfer.pairs if pair.user_links is not None}
        sides, notes = {}, []
        if self.feature_weight and not feature_names(transfer):
            notes.append("features of items count for nothing: the domains that have some have no column in common")
        for name, (item_map, kept) in found.items():
            if kept < 1:
                notes.append(
                    f"the map from {name}, cut to {self.map_megabytes} MB, lost {1 - kept:.2%} of its squared norm"
                )
            if name in sources - linked:
                # nobody's history is known, and an item that nothing joins to the target says nothing
                assert not isinstance(item_map, tuple)
                if len(said := np.flatnonzero(np.asarray((item_map != 0).sum(axis=1)))):
                    items = known[name][0]
                    sides[name] = Side(Index(items.ids.gather(said), items.kind), item_map[said])
                continue
            items, histories = known[name]
            sides[name] = Side(items, item_map, self.power if name in linked else 0.0, histories)
        roster = Roster.of(transfer)
        if declared:
            roster = roster.newcomers_where(described(declared))
        return HistoryModel(roster, roster.popularity_bias(self.popularity), sides, notes=notes)


def _declared(facts: Sequence[PairFacts]) -> bool:
    """Say whether anything is declared of the target's people, there or by a source that shares them."""
    return any(one.target_user_features or (one.source_user_features and one.linked_users) for one in facts)
