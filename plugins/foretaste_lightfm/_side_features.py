"""What the source knows of people and items, as side features of a factorisation of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    FactorModel,
    PairFacts,
    Roster,
    Strategy,
    StrategyError,
    Transfer,
)
from foretaste_lightfm._embedded import clustered, embedded
from foretaste_lightfm._exported import Fitted, exported
from foretaste_lightfm._installed import clash
from foretaste_lightfm._knowledge import known
from foretaste_lightfm._learn import learn
from foretaste_lightfm._lessons import Lessons


class SideFeatures(Strategy):
    """LightFM (Kula, Metadata embeddings for user and item cold-start recommendations, CBRecSys 2015): people and items
    are sums of the embeddings of their features, score(u, i) = p_u . q_i + b_i.

    What is known of a person: their source history (``features``), what they had in the target (a half of it, drawn
    anew in each epoch, while the rest is learnt from it), declared features, and a column of their own. Of an item: its
    own column, declared features, and the vector of the source item that it is linked to. People of a source with
    linked items are rows as well.

    A newcomer has no column of their own: it would never have been trained. In each epoch some people are newcomers
    too (``dropout``), so that side features are learnt, and not what identity leaves of them; a second row for each
    person would take twice as long. All features but identity and declared ones are linear in histories brought to
    length 1, so that people who come later, with any history, get the vector that they would have had.
    """

    name: ClassVar[str] = "lightfm/side-features"
    requires: ClassVar[tuple[str, ...]] = ("lightfm", "sklearn")
    extra: ClassVar[str | None] = "lightfm"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ("features", "source_factors", "clusters")

    of_people: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"popularity": 3.0},
        {"learning_rate": 0.03},
        {"learning_rate": 0.03, "popularity": 3.0},
        {"loss": "bpr", "popularity": 6.0},
        {"loss": "bpr", "popularity": 10.0},
        {"loss": "bpr", "popularity": 15.0},
    )
    """Settings worth trying where people are shared, beside the defaults."""
    of_items: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"popularity": 3.0},
        {"popularity": 6.0},
        {"popularity": 12.0},
        {"source_weight": 0.3, "popularity": 3.0},
        {"source_weight": 0.3, "popularity": 6.0},
    )
    """The same where items are, and people are not."""

    features: Literal["embedding", "items", "clusters", "none"] = "embedding"
    """What a source history says: its vector in the source's factors; the most popular items in it; how much of it is
    in each cluster of items; or nothing, which leaves the target alone."""
    source_factors: Annotated[int, Field(ge=1)] = 32
    """Length of the source's vectors."""
    source_items: Annotated[int, Field(ge=1)] = 1000
    """How many items of the source are features, with ``items``: a row with many of them is slow to learn."""
    clusters: Annotated[int, Field(ge=1)] = 50
    """How many clusters of source items there are."""
    declared: bool = True
    """Whether declared features of people and items count, where domains bring them."""
    loss: Literal["warp", "bpr", "logistic"] = "warp"
    """What is learnt: the top of the list; order, beside items drawn as often as they are popular, so that much
    popularity must be mixed in; or preferred or not, beside three items drawn for each preferred one."""
    factors: Annotated[int, Field(ge=1)] = 16
    """Length of the embeddings."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the rows."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.05
    """Length of the first step; Adagrad shortens it."""
    user_alpha: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the squared length of the embeddings of people's features."""
    item_alpha: Annotated[float, Field(ge=0)] = 0.0
    """The same for items' features."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the people who are newcomers in an epoch, and of the others who have no column of their own."""
    popularity: Annotated[float, Field(ge=0)] = 1.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""
    source_rows: Annotated[int, Field(ge=0)] = 20_000
    """Most rows of a source with linked items that are learnt from as well."""
    source_weight: Annotated[float, Field(ge=0)] = 0.1
    """How much such a row counts beside one of the target."""
    deterministic: bool = True
    """Whether one thread learns. With more it is faster, and no run can be repeated."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Something must be shared, or no feature says anything of the source; and one package must be lightfm."""
        if not any(one.shared_users or one.shared_items for one in facts):
            return "needs shared users or shared items to make features of, there are none"
        return clash()

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return this setting and those of a list, fields that were set by hand left alone."""
        listed = self.of_people if any(one.shared_users for one in facts) else self.of_items
        return self.varied(listed)[:n]

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Factorise the source, and put its items into clusters where these are asked for."""
        if self.features not in ("embedding", "clusters"):
            return Carried()
        vectors = embedded(source, self.source_factors)
        if self.features == "clusters":
            vectors = clustered(vectors, source.interactions.popularity, self.clusters)
        return Carried({"vectors": vectors})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Learn; settings that differ in popularity alone share what was learnt."""
        settings = tuple(self.model_dump(exclude={"popularity"}).items())
        fitted = context.memo(("lightfm", *settings), lambda: self._fitted(carried, transfer, context))
        roster = Roster.of(transfer)
        return FactorModel(
            roster,
            fitted.people,
            fitted.items,
            item_bias=fitted.bias + roster.popularity_bias(self.popularity),
            encoders=fitted.encoders,
            additive=True,
        )

    def _fitted(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Fitted:
        from lightfm import LightFM

        rng = context.rng(31)
        model = LightFM(
            no_components=self.factors,
            loss=self.loss,
            learning_rate=self.learning_rate,
            user_alpha=self.user_alpha,
            item_alpha=self.item_alpha,
            random_state=int(rng.integers(2**32)),
        )
        knowledge = known(
            transfer,
            {name: one.arrays["vectors"] for name, one in carried.items() if "vectors" in one.arrays},
            self.source_items,
            declared=self.declared,
            sources=self.features != "none",
        )
        most = 0 if self.features == "none" else self.source_rows
        lessons = Lessons.of(transfer, knowledge, most, self.source_weight, rng)

        def before(epoch: int) -> None:
            if context.cancel():
                raise StrategyError("cancelled")
            context.progress(f"{self.name}: epoch {epoch} of {self.epochs}")

        learn(
            lessons,
            model,
            epochs=self.epochs,
            dropout=self.dropout,
            threads=1 if self.deterministic else context.threads,
            rng=rng,
            before=before,
        )
        return exported(model, lessons, knowledge, transfer)
