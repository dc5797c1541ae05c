"""Ratings predicted for people who are known by their ratings elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    DomainPair,
    FactorModel,
    PairFacts,
    StrategyError,
    Transfer,
)
from foretaste_align._listed import Listed
from foretaste_align._rating_model import rating_model, source_encoder
from foretaste_align._rating_space import RatingSpace, Vectors, biased_als, fitted_map

_FEWEST_PEOPLE = 16


class Ratings(Listed):
    """Biased matrix factorisation on both sides, and a map from a person's source bias and factors to those here.

    r = mean + b_u + b_i + p_u.q_i. A person's (b_u, p_u) has a prior mean, mapped from the source by a ridge map that
    is fitted to ratings of people known on both sides; own ratings move it from there, so that a newcomer is where the
    map says and a warm person where their ratings say. Items are fitted with people where they are expected to be. With
    ``factors`` 0 biases alone are left, and the stronger ``map_regularization``, the more is a person as generous here
    as there: then it predicts about what baseline/rating-item-user does.

    The mapping is that of Man, Shen, Jin and Cheng (Cross-domain recommendation: an embedding and mapping approach,
    IJCAI 2017); departures: biases, which matter most and are mapped as well; a closed form, fitted to ratings; the
    mapped vector is a prior mean and no replacement. Lists are by predicted rating, which says little of what people
    pick: they are far behind popularity, and a strategy that ranks is the better choice where lists are wanted.

    A score is the predicted rating less the mean. Who is not in the model brings ratings of any side, and is placed as
    people in training are; a vector is linear in the ratings, so that explanations are exact.
    """

    name: ClassVar[str] = "align/ratings"
    portable: ClassVar[bool] = True
    predicts_ratings: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "factors",
        "regularization",
        "item_damping",
        "user_damping",
        "epochs",
    )
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"factors": 0},
        {"factors": 4, "regularization": 3.0, "map_regularization": 0.01},
        {"factors": 0, "item_damping": 10.0, "user_damping": 10.0},
        {"factors": 8, "regularization": 8.0, "map_regularization": 0.01},
        {"factors": 16, "regularization": 12.0},
        {"factors": 0, "user_damping": 2.0},
        {"factors": 16, "regularization": 3.0, "map_regularization": 0.01},
    )
    """Settings worth trying beside the defaults; factors 0 are the biases alone."""

    factors: Annotated[int, Field(ge=0, le=64)] = 8
    """Length of p and q on either side; 0: biases alone."""
    regularization: Annotated[float, Field(gt=0)] = 20.0
    """Weight of the squared length of q, and of p around its prior mean."""
    item_damping: Annotated[float, Field(gt=0)] = 2.0
    """Weight of b_i squared, as many ratings as would draw a damped mean as far to zero."""
    user_damping: Annotated[float, Field(gt=0)] = 5.0
    """The same for what b_u deviates from its prior mean."""
    map_regularization: Annotated[float, Field(gt=0)] = 0.1
    """Ridge weight of the map; 1 draws mapped vectors as firmly as people's own are drawn to their prior mean."""
    kappa: Annotated[float, Field(gt=0)] = 25.0
    """A person with k ratings counts for the map as k kappa / (k + kappa) ratings."""
    epochs: Annotated[int, Field(ge=1)] = 8
    """Alternations of people, map and items."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Ratings on both sides, and people to learn the map from."""
        for side in ("source", "target"):
            if any(getattr(one, f"{side}_feedback") != "explicit" for one in facts):
                return f"needs ratings (explicit feedback) on both sides, the {side} has implicit feedback"
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Factorise the source's ratings. Only items are carried: nothing of any person."""
        if source.interactions.feedback.kind != "explicit":
            raise StrategyError(f"{source.name}: found implicit feedback, expected ratings (feedback: explicit)")
        ratings = source.interactions.ratings
        space = biased_als(
            ratings,
            factors=self.factors,
            regularization=self.regularization,
            item_damping=self.item_damping,
            user_damping=self.user_damping,
            epochs=self.epochs,
            rng=context.rng(1),
        )
        return Carried({"items": space.items}, {"mean": space.mean, "spread": float(ratings.data.std()) or 1.0})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Factorise the target, people's priors mapped from the source."""
        rows = transfer.target.interactions
        features = np.hstack([self._features(pair, carried[pair.source.name]) for pair in transfer.pairs])
        toward = self._as_generous(len(transfer.pairs), float(rows.values.std()))

        def learnt(space: RatingSpace) -> NDArray[np.float64]:
            return fitted_map(space, rows.ratings, features, self.map_regularization, toward, self.kappa)

        def prior(space: RatingSpace) -> Vectors:
            return (features @ learnt(space)).astype(np.float32)

        space = biased_als(
            rows.ratings,
            factors=self.factors,
            regularization=self.regularization,
            item_damping=self.item_damping,
            user_damping=self.user_damping,
            epochs=self.epochs,
            rng=context.rng(2),
            prior=prior,
        )
        found = learnt(space)
        people = space.people(rows.ratings, (features @ found).astype(np.float32))
        encoders = {}
        for pair, part in zip(transfer.pairs, np.split(found, len(transfer.pairs)), strict=True):
            one = carried[pair.source.name]
            encoders[pair.source.name] = source_encoder(pair, self._space(one), space, part, float(one.meta["spread"]))
        return rating_model(transfer, space, people, features.any(axis=1) | (rows.history > 0), encoders)

    def _features(self, pair: DomainPair, carried: Carried) -> NDArray[np.float64]:
        """Return (target users, 2 + d): 1 and the person's source vector, in units of what one is expected to be.

        Several linked accounts are averaged by the links' weights; who has no ratings there has zeros.
        """
        ratings = pair.source.interactions.ratings
        space = self._space(carried)
        vectors = space.people(ratings) * np.sqrt(space.precision) / float(carried.meta["spread"])
        told = np.column_stack([np.ones(len(vectors)), vectors]) * (np.diff(ratings.indptr) > 0)[:, None]
        if pair.user_links is None:
            return np.zeros((len(pair.target.interactions.users), told.shape[1]))
        brought = pair.user_links.T @ told
        return np.asarray(brought / np.maximum(brought[:, :1], 1e-12))

    def _space(self, carried: Carried) -> RatingSpace:
        return RatingSpace(float(carried.meta["mean"]), carried.arrays["items"], self._precision())

    def _precision(self) -> NDArray[np.float64]:
        return np.array([self.user_damping, *[self.regularization] * self.factors])

    def _as_generous(self, sources: int, spread: float) -> NDArray[np.float64]:
        """Return the map that the learnt one is drawn to: people deviate here as there, in units of the spread."""
        one = np.zeros((2 + self.factors, 1 + self.factors))
        one[1, 0] = spread / np.sqrt(self.user_damping) / sources
        return np.tile(one, (sources, 1))
