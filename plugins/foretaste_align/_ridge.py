"""A linear map from source embeddings to target embeddings, in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    DomainPair,
    Encoder,
    FactorModel,
    PairFacts,
    Roster,
    Strategy,
    Transfer,
    own_share,
    sealed,
)
from foretaste.solvers import als_rows, weighted_ridge
from foretaste_align._als import item_factors

_FEWEST_PEOPLE = 64
_GRID: tuple[dict[str, float], ...] = (
    {"map_regularization": 0.01, "kappa": 3.0},
    {"map_regularization": 1.0, "kappa": 10.0, "popularity": 0.05},
    {"factors": 32, "kappa": 3.0},
    {"factors": 32, "regularization": 3.0, "popularity": 0.05},
    # small data: strong regularization leaves nothing but zeros
    {"factors": 16, "regularization": 1.0, "map_regularization": 0.3, "kappa": 10.0, "popularity": 0.1},
    {"factors": 16, "regularization": 0.1, "map_regularization": 1.0, "kappa": 10.0, "popularity": 0.3},
    {"factors": 32, "regularization": 1.0, "map_regularization": 1.0, "kappa": 10.0, "popularity": 0.05},
)
"""Settings worth trying beside the defaults: a product of their ranges would cost ten times as much."""


class Ridge(Strategy):
    """EMCDR's linear map (Man, Shen, Jin and Cheng, Cross-domain recommendation: an embedding and mapping approach,
    IJCAI 2017) by weighted ridge regression over implicit ALS.

    Departures: the map is solved in closed form with an intercept; each person weighs k / (k + kappa), k the number of
    target rows, because a vector learnt from few rows is noise; people with target history are not replaced by
    their mapped vector but get b * own + (1 - b) * mapped with b = k / (k + kappa); popularity is mixed in.
    """

    name: ClassVar[str] = "align/ridge"
    requires: ClassVar[tuple[str, ...]] = ("implicit",)
    extra: ClassVar[str | None] = "align"
    portable: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ("source_factors", "source_regularization", "alpha", "epochs")

    factors: Annotated[int, Field(ge=1)] = 64
    """Length of the target's vectors."""
    regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the target's vectors."""
    source_factors: Annotated[int, Field(ge=1)] = 64
    """Length of the source's vectors."""
    source_regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the source's vectors."""
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Confidence of a preference of weight 1; an unobserved cell has 1."""
    epochs: Annotated[int, Field(ge=1)] = 15
    """Alternations of ALS."""
    map_regularization: Annotated[float, Field(gt=0)] = 0.1
    """Ridge weight of the map, in units of the mean diagonal of the source vectors' Gram matrix."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Number of target rows at which own and mapped vector count alike."""
    popularity: Annotated[float, Field(ge=0)] = 0.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """A map needs people to learn from."""
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return this setting and those of a short list, fields that were set by hand left alone."""
        free = [{k: v for k, v in one.items() if k not in self.model_fields_set} for one in _GRID]
        every = [self, *(self.model_copy(update=one) for one in free)]
        return [one for place, one in enumerate(every) if one not in every[:place]][:n]

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Factorise the source. Only item vectors are carried: nothing of any person."""
        found = item_factors(
            source.interactions.preference,
            factors=self.source_factors,
            regularization=self.source_regularization,
            alpha=self.alpha,
            epochs=self.epochs,
            seed=context.seed,
            threads=context.threads,
        )
        return Carried({"item_factors": found}, {"regularization": self.source_regularization, "alpha": self.alpha})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Factorise the target, map the source's people into it, and mix."""
        rows = transfer.target.interactions
        items, own = self._target(transfer, context)
        vectors = {p.source.name: self._source_vectors(p, carried[p.source.name], context) for p in transfer.pairs}
        encoders = {
            p.source.name: self._encoder(p, carried[p.source.name], vectors[p.source.name], own) for p in transfer.pairs
        }
        people = self._mixed(own, transfer, vectors, encoders)
        encoders[transfer.target.name] = Encoder(
            rows.items, items, self.regularization, self.alpha, histories=rows.preference
        )
        roster = Roster.of(transfer)
        bias = roster.popularity_bias(self.popularity)
        return FactorModel(roster, people, items, item_bias=bias, encoders=encoders, kappa=self.kappa)

    def _target(self, transfer: Transfer, context: Context) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        preference = transfer.target.interactions.preference

        def fit() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            items = item_factors(
                preference,
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                epochs=self.epochs,
                seed=context.seed,
                threads=context.threads,
            )
            return items, als_rows(preference, items, self.regularization, alpha=self.alpha)

        return context.memo(("target", self.factors, self.regularization, self.alpha, self.epochs), fit)

    def _encoder(
        self, pair: DomainPair, carried: Carried, vectors: NDArray[np.float32], own: NDArray[np.float32]
    ) -> Encoder:
        factors = carried.arrays["item_factors"]
        settings = float(carried.meta["regularization"]), float(carried.meta["alpha"])
        people = pair.shared_people
        length = pair.target.interactions.preference.getnnz(axis=1)[people]
        known = vectors[people]
        scale = float((known.astype(np.float64) ** 2).sum()) / max(known.shape[1], 1)
        matrix, offset = weighted_ridge(
            known,
            own[people],
            max(self.map_regularization * scale, 1e-9),
            weights=own_share(length, self.kappa),
        )
        return Encoder(pair.source.interactions.items, factors, *settings, matrix, offset, pair.source_history)

    def _source_vectors(self, pair: DomainPair, carried: Carried, context: Context) -> NDArray[np.float32]:
        key = ("source", pair.source.name, self.source_factors, self.source_regularization, self.alpha, self.epochs)
        return context.memo(
            key,
            lambda: als_rows(
                pair.source_history,
                carried.arrays["item_factors"],
                float(carried.meta["regularization"]),
                alpha=float(carried.meta["alpha"]),
            ),
        )

    def _mixed(
        self,
        own: NDArray[np.float32],
        transfer: Transfer,
        vectors: Mapping[str, NDArray[np.float32]],
        encoders: Mapping[str, Encoder],
    ) -> NDArray[np.float32]:
        total, sources = np.zeros_like(own), np.zeros(len(own), np.float32)
        for pair in transfer.pairs:
            encoder = encoders[pair.source.name]
            assert encoder.matrix is not None
            placed = pair.source_history.getnnz(axis=1) > 0
            total[placed] += vectors[pair.source.name][placed] @ encoder.matrix + encoder.offset
            sources += placed
        # what is preferred counts, as it does where a history is folded in
        history = transfer.target.interactions.preference.getnnz(axis=1)
        mapped = total / np.maximum(sources, 1)[:, None]
        trust = np.where(sources > 0, own_share(history, self.kappa), 1.0)[:, None]
        return sealed(np.asarray(trust * own + (1 - trust) * mapped, np.float32))
