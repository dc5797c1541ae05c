"""Support vector machines over features of items that both domains have: one for each person, or one for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from foretaste import Carried, Context, Domain, FactorModel, PairFacts, Roster, Search, Strategy, Transfer
from foretaste_linear._everybody import Everybody, fit_everybody
from foretaste_linear._fold_in import encoders
from foretaste_linear._item_space import ItemSpace, item_space, source_embedding
from foretaste_linear._judgements import Judgements
from foretaste_linear._people_svm import People, Setting, Take, fit_people

_FIRM = 10.0


class Svm(Strategy):
    """score(u, i) = w_u . phi_i + popularity, phi_i what is known of item i, and w_u the weights of a linear support
    vector machine that tells what people liked from what they disliked.

    phi are TF-IDF features that both domains have, reduced to ``dimensions``. Ratings below the domain's positive.min
    are dislikes; for people who have none, and where values are no ratings, dislikes are drawn among the items that
    somebody never had, popular ones more often, so that w_u says what popularity does not; together they count as much
    as the likes.

    By ``scope`` person, everybody has a machine of their own, with squared hinge loss. Source history gives source
    weights in the same space, and ``transfer`` says what the target takes over of these. People without target rows get
    gamma times their source weights, gamma the mean of what people with both histories took over; where that is
    nothing, sources are left out. Who comes later is read by least squares in place of a machine: all items not had are
    dislikes, and a map of those vectors to the machines' weights is learnt from everybody.

    By ``scope`` global, one machine learns from all rows of all domains: w_u = z_u W + w, z_u the features of the
    person and a profile for each domain, what they had as the sum of its phi. Nobody need be shared: how people's own
    profile goes with what they like is learnt from the source's people as well. Shared people teach what their source
    profile says of the target's items.
    """

    name: ClassVar[str] = "linear/svm"
    requires: ClassVar[tuple[str, ...]] = ("sklearn", "joblib")
    extra: ClassVar[str | None] = "linear"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ("embedding",)

    scope: Annotated[Literal["person", "global"], Search("person", "global")] = "person"
    """One machine for each person, or one for everybody."""
    transfer: Take = "pulled"
    """What a person's machine takes over. pulled: |w - gamma w_source|^2 is penalised instead of |w|^2 (adaptive SVM,
    Yang et al., ACM Multimedia 2007), gamma 0, 1/2 or 1 by leave-one-out over all people, another where own rows are
    predicted better by a tenth; projective: only what is not in the direction of w_source costs more (PMT-SVM, Aytar
    and Zisserman, ICCV 2011); augmented: one machine for the rows of both sides (Daumé, ACL 2007); warm-start: gradient
    descent that starts at w_source and is stopped early, so that what is wrong in it stays as well; none: nothing, also
    by scope global."""
    dimensions: Annotated[int, Field(ge=1)] = 32
    """Length of the items' vectors; fewer features are taken as they are."""
    embedding: Annotated[int, Field(ge=0)] = 0
    """Length of an embedding of source items by who preferred them, which linked target items have as well; 0: none."""
    regularization: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the penalty, in units of the rows' mean squared length; by scope global 10 times as much."""
    negatives: Annotated[int, Field(ge=1)] = 3
    """Dislikes for each like, at most."""
    sampling: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Power of the popularity by which dislikes are drawn; 0: all items alike."""
    most_rows: Annotated[int, Field(ge=1)] = 200
    """Likes of a person on one side that are learnt from; of more, a random part."""
    epochs: Annotated[int, Field(ge=1, le=3)] = 2
    """Epochs of warm-start and of scope global."""
    weight: Annotated[float, Field(ge=0)] = 0.3
    """Rows of a source that are learnt from for each row of the target, by scope global."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Target rows at which somebody is read by these as much as by the source: by scope global, and who comes later."""
    popularity: Annotated[float, Field(ge=0), Search(3.0, 10.0, 30.0, 100.0)] = 10.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item; a machine's scores lie around -1 and 1."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Items of both sides must be described alike, and people be shared unless there is one machine for all."""
        linked = self.embedding and all(one.linked_items for one in facts)
        if not linked and not all(one.item_features for one in facts):
            return "needs item features of both domains, or shared items and an embedding"
        if self.scope == "person" and not any(one.shared_users for one in facts):
            return "needs shared users, there are none; scope global does not"
        return None

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Learn the embedding of the items, where one is asked for."""
        if not self.embedding:
            return Carried()
        return Carried({"vectors": source_embedding(source.interactions.preference, self.embedding, context.seed)})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Fit; settings that differ in popularity alone share what was fitted."""
        kept = ("svm space", self.dimensions, self.embedding)
        space = context.memo(kept, lambda: item_space(transfer, carried, self.dimensions, context.seed))
        settings = ("svm", *self.model_dump(exclude={"popularity"}).values())
        if self.scope == "person":
            return self._of_people(
                context.memo(settings, lambda: self._people(transfer, space, context)), transfer, space
            )
        return self._of_everybody(context.memo(settings, lambda: self._everybody(transfer, space, context)), transfer)

    def _of_people(self, people: People, transfer: Transfer, space: ItemSpace) -> FactorModel:
        roster, notes = Roster.of(transfer), []
        if self.transfer != "none" and not people.gamma:
            notes.append("sources are left out: nobody's target rows are predicted better with their source weights")
        return FactorModel(
            roster if people.gamma else roster.without_source(),
            people.weights[:, :-1].astype(np.float32),
            space.target,
            item_bias=roster.popularity_bias(self.popularity),
            encoders=encoders(transfer, space, people, self.regularization),
            kappa=self.kappa,
            notes=notes,
        )

    def _people(self, transfer: Transfer, space: ItemSpace, context: Context) -> People:
        how = Setting(
            self.transfer,
            self.regularization,
            self.negatives,
            self.most_rows,
            self.epochs,
            context.seed,
            context.threads,
        )
        target = Judgements.of(transfer.target, self.sampling), space.target
        sides = [(Judgements.of(p.source, self.sampling, p), space.sources[p.source.name]) for p in transfer.pairs]
        return fit_people(target, sides, how)

    def _of_everybody(self, fitted: Everybody, transfer: Transfer) -> FactorModel:
        roster = Roster.of(transfer)
        return FactorModel(
            roster if len(fitted.encoders) > 1 else roster.without_source(),
            fitted.people,
            fitted.items,
            item_bias=fitted.bias + roster.popularity_bias(self.popularity),
            encoders=fitted.encoders,
            kappa=self.kappa,
            center=np.zeros(fitted.items.shape[1], np.float32),
        )

    def _everybody(self, transfer: Transfer, space: ItemSpace, context: Context) -> Everybody:
        return fit_everybody(
            transfer,
            space,
            sources=self.transfer != "none",
            weight=self.weight,
            kappa=self.kappa,
            sampling=self.sampling,
            negatives=self.negatives,
            most_rows=self.most_rows,
            regularization=_FIRM * self.regularization,
            epochs=self.epochs,
            seed=context.seed,
        )
