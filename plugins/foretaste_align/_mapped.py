"""What all maps from source embeddings to target embeddings share: everything but the map."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from foretaste import (
    Carried,
    Context,
    Domain,
    DomainPair,
    Encoder,
    FactorModel,
    Interactions,
    Mix,
    PairFacts,
    Roster,
    StrategyError,
    Transfer,
    own_share,
    sealed,
)
from foretaste_align._embeddings import Embedding, features_for, item_vectors
from foretaste_align._lesson import Lesson, Vectors
from foretaste_align._listed import Listed
from foretaste_align._sources import Map, shared_between

_FEWEST_PEOPLE = 64


class Mapped(Listed):
    """Embeddings on both sides, people folded in by one ALS step, a map learnt from shared people.

    A source history counts by what its items tell (inverse document frequency), and its vector is brought to length 1,
    so that how much somebody buys does not stand for what they like. Each person of the map weighs k / (k + kappa), k
    the number of target rows, because a vector learnt from few rows is noise. Several sources have a map each, weighted
    by what held-out people gain from it. People with target history get b * own + (1 - b) * mapped with that same b =
    k / (k + kappa).
    """

    requires: ClassVar[tuple[str, ...]] = ("implicit",)
    extra: ClassVar[str | None] = "align"
    portable: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "embedding",
        "source_factors",
        "source_regularization",
        "source_weighting",
        "source_alpha",
        "epochs",
    )

    embedding: Embedding = "als"
    """How item vectors are learnt: als, ials (frequency-scaled), bpr, lmf, or features: by what is known of items."""
    factors: Annotated[int, Field(ge=1)] = 64
    """Length of the target's vectors."""
    regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the target's vectors."""
    source_factors: Annotated[int, Field(ge=1)] = 64
    """Length of the source's vectors."""
    source_regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the source's vectors."""
    source_weighting: Literal["idf", "none"] = "idf"
    """idf: a source item counts by how rare it is, log((1 + people) / (1 + its people)), mean 1. none: all alike."""
    unit_length: bool = True
    """Whether source vectors of people are brought to length 1 before they are mapped."""
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Confidence of a preference of weight 1 in the target; an unobserved cell has 1."""
    source_alpha: Annotated[float, Field(gt=0)] = 1.0
    """The same in the source."""
    epochs: Annotated[int, Field(ge=1)] = 15
    """Alternations of ALS; BPR makes ten times as many passes, LMF twice as many."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Number of target rows at which own and mapped vector count alike."""
    popularity: Annotated[float, Field(ge=0)] = 0.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""

    @abstractmethod
    def learn(self, lesson: Lesson, context: Context) -> Map:
        """Return the map that takes the people's source vectors to their target vectors."""

    def evidence(self, length: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much people with so many target rows count for the map."""
        return own_share(length, self.kappa)

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """A map needs people to learn from."""
        fewest = min(one.shared_users for one in facts)
        return None if fewest >= _FEWEST_PEOPLE else f"needs {_FEWEST_PEOPLE} shared users, there are {fewest}"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Factorise the source. Only item vectors are carried: nothing of any person."""
        rows = source.interactions
        weights = _rarity(rows) if self.source_weighting == "idf" else None
        # weighted as histories will be
        blank = Encoder(rows.items, np.zeros((len(rows.items), 1), np.float32), 1.0, item_weights=weights)
        told = blank.weighted(rows.preference)
        settings = self.source_factors, self.source_regularization, self.source_alpha
        vectors = self._vectors(source, told, *settings, context)
        arrays = {"item_factors": vectors}
        meta = {"regularization": self.source_regularization, "alpha": self.source_alpha}
        return Carried(arrays if weights is None else {**arrays, "item_weights": weights}, meta)

    def _vectors(
        self,
        domain: Domain,
        preference: sparse.csr_matrix,
        factors: int,
        regularization: float,
        alpha: float,
        context: Context,
    ) -> Vectors:
        return item_vectors(
            preference,
            self.embedding,
            features=features_for(self.embedding, domain),
            factors=factors,
            regularization=regularization,
            alpha=alpha,
            epochs=self.epochs,
            seed=context.seed,
            threads=context.threads,
        )

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Factorise the target, map the source's people into it, and mix."""
        target = self._target(transfer, context)
        unmapped = {p.source.name: self._unmapped(p, carried[p.source.name]) for p in transfer.pairs}
        source = (self.embedding, self.source_factors, self.source_regularization, self.source_weighting)
        vectors = {
            name: _folded(context, encoder, (name, *source, self.source_alpha, self.epochs, self.unit_length))
            for name, encoder in unmapped.items()
        }
        own = _folded(context, target, (transfer.target.name, *self._of_target()))
        encoders, center = self._maps(transfer, target, unmapped, vectors, own, context)
        return self.mixed(transfer, target, encoders, vectors | {transfer.target.name: own}, center, context)

    def mixed(
        self,
        transfer: Transfer,
        target: Encoder,
        encoders: Mapping[str, Encoder],
        vectors: Mapping[str, Vectors],
        center: Vectors | None,
        context: Context,
    ) -> FactorModel:
        """Return the recommender of target and mapped encoders; ``vectors`` are people's, each in its own space."""
        every = {**encoders, transfer.target.name: target}
        histories = {name: histories_of(encoder) for name, encoder in every.items()}
        people = Mix(self.kappa, center).people(every, transfer.target.name, histories, vectors)
        roster = Roster.of(transfer)
        bias = roster.popularity_bias(self.popularity)
        return FactorModel(
            roster, people, target.item_factors, item_bias=bias, encoders=every, kappa=self.kappa, center=center
        )

    def _target(self, transfer: Transfer, context: Context) -> Encoder:
        rows = transfer.target.interactions

        def fit() -> Vectors:
            settings = self.factors, self.regularization, self.alpha
            return sealed(self._vectors(transfer.target, rows.preference, *settings, context))

        items = context.memo(("items", *self._of_target()), fit)
        return Encoder(rows.items, items, self.regularization, self.alpha, histories=rows.preference)

    def _of_target(self) -> tuple[object, ...]:
        return self.embedding, self.factors, self.regularization, self.alpha, self.epochs

    def _unmapped(self, pair: DomainPair, carried: Carried) -> Encoder:
        return Encoder(
            pair.source.interactions.items,
            carried.arrays["item_factors"],
            float(carried.meta["regularization"]),
            float(carried.meta["alpha"]),
            histories=pair.source_history,
            item_weights=carried.arrays.get("item_weights"),
            unit_length=self.unit_length,
        )

    def _maps(
        self,
        transfer: Transfer,
        target: Encoder,
        encoders: Mapping[str, Encoder],
        vectors: Mapping[str, Vectors],
        own: Vectors,
        context: Context,
    ) -> tuple[dict[str, Encoder], Vectors | None]:
        """Return encoders that map, and the center around which several sources add up."""
        people = {pair.source.name: teachers(pair) for pair in transfer.pairs}
        lessons = {name: self.lesson(transfer, target, vectors[name], own, rows) for name, rows in people.items()}
        maps = {name: self.learn(lesson, context) for name, lesson in lessons.items()}
        if len(maps) == 1:
            return {name: maps[name].onto(encoder) for name, encoder in encoders.items()}, None
        center, share = shared_between(people, lessons, own, lambda lesson: self.learn(lesson, context), context.rng(2))
        return {name: maps[name].shrunk(center, share[name]).onto(e) for name, e in encoders.items()}, center

    def lesson(self, transfer: Transfer, target: Encoder, x: Vectors, y: Vectors, rows: NDArray[np.int64]) -> Lesson:
        """Return what these people (target rows) teach, ``x`` and ``y`` being everybody's vectors."""
        preference = transfer.target.interactions.preference[rows]
        return Lesson(x[rows], y[rows], self.evidence(preference.getnnz(axis=1)), preference, target.item_factors)


def teachers(pair: DomainPair) -> NDArray[np.int64]:
    """Return the target rows of who preferred something on both sides; StrategyError where these are too few."""
    preferred = pair.target.interactions.preference.getnnz(axis=1)
    rows = np.flatnonzero((pair.source_history.getnnz(axis=1) > 0) & (preferred > 0))
    if len(rows) < 2:
        raise StrategyError(
            f"{pair.source.name} -> {pair.target.name}: found {len(rows)} people who prefer something on both sides,"
            " expected at least 2 to learn a map from"
        )
    return rows


def _folded(context: Context, encoder: Encoder, settings: tuple[object, ...]) -> Vectors:
    return context.memo(("people", *settings), lambda: encoder.fold_in(histories_of(encoder)))


def histories_of(encoder: Encoder) -> sparse.csr_matrix:
    """Return the histories that an encoder of ours always holds."""
    assert encoder.histories is not None
    return encoder.histories


def _rarity(rows: Interactions) -> Vectors:
    """Return (items,) the inverse document frequency of each item, with mean 1; ones where everybody has everything."""
    idf = np.log((1 + (rows.history > 0).sum()) / (1 + rows.popularity))
    mean = float(idf.mean()) if len(idf) else 0.0
    return np.asarray(idf / mean if mean > 0 else np.ones(len(idf)), np.float32)
