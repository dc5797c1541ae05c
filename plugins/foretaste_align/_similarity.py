"""ALS of the target in which every item and person is drawn to its partners in the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    Mix,
    PairFacts,
    Roster,
    Transfer,
    feature_matrices,
    own_share,
    sealed,
)
from foretaste.solvers import als_rows
from foretaste_align._embeddings import Embedding, features_for, item_vectors
from foretaste_align._listed import Listed
from foretaste_align._nearest import nearest

_FEWEST = 10
_SMALLEST = 1e-6

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Partners:
    """What a source says of the target's items and people, in one space: the weighted mean of each one's partners.

    ``items`` (target items, d) with ``weights`` (target items,) = sum_j w_ij, 0 where an item has no partner;
    ``people`` (target users, d), zeros where a person has no source history.
    """

    items: Vectors
    weights: NDArray[np.float64]
    people: Vectors

    @property
    def count(self) -> float:
        """How many entities have partners, items by their weights."""
        return float(self.weights.sum()) + int(self.people.any(axis=1).sum())

    def turned(self, rotation: Vectors) -> Partners:
        """Return the same in a turned space."""
        return Partners(self.items @ rotation, self.weights, self.people @ rotation)


class Similarity(Listed):
    """Embedding transfer in four steps: learn the source's embeddings, learn the target's, measure the similarity w_ij
    of target entities i and source entities j, and update the target by
    L = gamma sum_ij w_ij ||e_i - e_j||^2 + target loss, the loss being that of implicit ALS (Hu, Koren and Volinsky,
    Collaborative filtering for implicit feedback datasets, ICDM 2008).

    The term is quadratic, so ALS keeps its closed form: an entity's prior mean is the weighted mean of its partners,
    its prior precision gamma sum_j w_ij. Items have partners by shared ids or links, and by similar features where they
    have neither; people by shared ids or links, the partner being the vector of their source history. The w_ij of an
    entity are divided by their sum, so that hubs do not dominate, and count by how well the partner is known.

    Two spaces that were learnt apart are comparable up to a rotation only. The target is learnt in the source's space
    (it starts at its partners), or by itself first, and the source is rotated onto it; further sources are rotated onto
    what the first made of the target (Schönemann, A generalized solution of the orthogonal Procrustes problem,
    Psychometrika 31, 1966). A rotation alone keeps every score of the source.

    Departures from the loss as it is usually written: an entity is regularized towards its partners, and towards zero
    only by what is left, 1 - sum_j w_ij; and people weigh alike, as a short source history has a short vector already.
    """

    name: ClassVar[str] = "align/similarity"
    requires: ClassVar[tuple[str, ...]] = ("implicit",)
    extra: ClassVar[str | None] = "align"
    portable: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = (
        "embedding",
        "factors",
        "source_regularization",
        "alpha",
        "epochs",
    )
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"gamma": 3.0, "rounds": 8},
        {"gamma": 1000.0, "regularization": 100.0},
        {"factors": 64, "alpha": 10.0},
        {"space": "target"},
        {"gamma": 3.0, "popularity": 0.1},
        # shared people: what they buy elsewhere tells little of each, and popularity much
        {"source_regularization": 100.0, "regularization": 100.0, "gamma_people": 100.0, "popularity": 0.1},
        {"alpha": 1.0, "popularity": 0.1},
    )
    """Settings worth trying beside the defaults."""

    embedding: Embedding = "als"
    """How embeddings are learnt: als, ials (frequency-scaled), bpr, lmf, or features: by what is known of items."""
    factors: Annotated[int, Field(ge=1)] = 32
    """Length of the vectors, on both sides."""
    source_regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the source's vectors."""
    regularization: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the squared length of the target's vectors, where nothing draws them to a partner."""
    alpha: Annotated[float, Field(gt=0)] = 4.0
    """Confidence of a preference of weight 1; an unobserved cell has 1."""
    epochs: Annotated[int, Field(ge=1)] = 15
    """Alternations when a domain is factorised by itself."""
    space: Literal["source", "target"] = "source"
    """Where the target is learnt: source, starting at its partners; or target, by itself first."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Alternations of the update."""
    gamma: Annotated[float, Field(gt=0)] = 10.0
    """How firmly items are held to their partners; an unobserved cell weighs 1."""
    gamma_people: Annotated[float, Field(gt=0)] = 30.0
    """How firmly people are held to their source vectors, where people are shared."""
    confidence: Literal["source", "both", "none"] = "source"
    """What w_ij counts by: k_j / (k_j + kappa), k_j the rows of the source item; both: that of the target item as well,
    which holds an item the less, the less is known of it; or nothing."""
    kappa: Annotated[float, Field(ge=0)] = 5.0
    """Number of rows at which an entity is trusted by half."""
    features: bool = True
    """Whether items without a link have those of similar features as partners, where both domains bring features."""
    neighbours: Annotated[int, Field(ge=1)] = 10
    """How many items of similar features an item has as partners."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Smallest cosine of features that makes a partner."""
    popularity: Annotated[float, Field(ge=0)] = 0.0
    """Weight of log(1 + popularity), scaled to 1 at the most popular item."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Somebody or something must be shared with each source."""
        for one in facts:
            if max(one.shared_items, one.shared_users) < _FEWEST:
                found = f"there are {one.shared_items} and {one.shared_users}"
                return f"needs {_FEWEST} shared items or {_FEWEST} shared users, {found}"
        return None

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Factorise the source. Items are carried, and how many people preferred each: nothing of any person."""
        rows = source.interactions
        vectors = self._vectors(source, self.source_regularization, context)
        return Carried(
            {"item_factors": vectors, "item_popularity": rows.popularity},
            {"regularization": self.source_regularization, "alpha": self.alpha},
        )

    def _vectors(self, domain: Domain, regularization: float, context: Context) -> Vectors:
        return item_vectors(
            domain.interactions.preference,
            self.embedding,
            features=features_for(self.embedding, domain),
            factors=self.factors,
            regularization=regularization,
            alpha=self.alpha,
            epochs=self.epochs,
            seed=context.seed,
            threads=context.threads,
        )

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Bring all into one space, and alternate."""
        start, said, encoders = self._joined(carried, transfer, context)
        weights = np.sum([one.weights for one in said], axis=0)
        means = np.sum([one.items * one.weights[:, None] for one in said], axis=0) / np.maximum(weights, 1e-12)[:, None]
        rows, name = transfer.target.interactions, transfer.target.name
        linked = bool((transfer.source_length > 0).any())
        # where people are shared, the prior stands in for the regularization, which would draw to zero
        mix = Mix(0.0, None, self.gamma_people) if linked else Mix(self.kappa)
        target = Encoder(
            rows.items, start, _SMALLEST if linked else self.regularization, self.alpha, histories=rows.preference
        )
        every = {**encoders, name: target}
        histories = {one: _histories(encoder) for one, encoder in every.items()}
        known = {one: encoder.fold_in(histories[one]) for one, encoder in encoders.items()}
        # somebody without target rows dislikes nothing
        held = np.flatnonzero(rows.preference.getnnz(axis=1))
        of_items = sparse.csr_matrix(rows.preference[held].T)
        free = self.regularization * np.maximum(1 - weights, _SMALLEST)
        for _ in range(self.rounds):
            people = mix.people(every, name, histories, known)
            items = als_rows(
                of_items,
                people[held],
                free,
                alpha=self.alpha,
                prior=means.astype(np.float32),
                prior_precision=self.gamma * weights,
            )
            every[name] = replace(target, item_factors=sealed(items))
        mute = [pair.source.name for pair, one in zip(transfer.pairs, said, strict=True) if not one.count]
        notes = [f"{one} says nothing: none of its preferred items or people has a partner here" for one in mute]
        for note in notes:
            context.progress(f"{self.name}: {note}")
        roster = Roster.of(transfer)
        return FactorModel(
            roster,
            mix.people(every, name, histories, known),
            every[name].item_factors,
            item_bias=roster.popularity_bias(self.popularity),
            encoders=every,
            kappa=mix.kappa,
            prior_precision=mix.prior_precision,
            notes=notes,
        )

    def _joined(
        self, carried: Mapping[str, Carried], transfer: Transfer, context: Context
    ) -> tuple[Vectors, list[Partners], dict[str, Encoder]]:
        """Return the item vectors to start at, and every source's partners and encoder in their space."""
        encoders, partners = {}, {}
        for pair in transfer.pairs:
            name, one = pair.source.name, carried[pair.source.name]
            encoders[name] = Encoder(
                pair.source.interactions.items,
                one.arrays["item_factors"],
                float(one.meta["regularization"]),
                float(one.meta["alpha"]),
                histories=pair.source_history,
            )
            partners[name] = self._partners(pair, one, encoders[name], context)
        start = None
        if self.space == "target":
            start = self._placed(self._alone(transfer, context), transfer)
        # those who say most, first: the others are rotated onto what they say
        for name in sorted(partners, key=lambda one: -partners[one].count):
            if start is None:
                start = self._placed(self._began(partners[name], transfer), transfer)
            else:
                turn = rotation(partners[name], *start)
                partners[name] = partners[name].turned(turn)
                encoders[name] = replace(encoders[name], matrix=turn)
        assert start is not None
        return start[0], list(partners.values()), encoders

    def _partners(self, pair: DomainPair, carried: Carried, encoder: Encoder, context: Context) -> Partners:
        similar = self.similar_items(pair, carried.arrays["item_popularity"], context)
        weights = np.asarray(similar.sum(axis=1), np.float64).ravel()
        means = (similar @ encoder.item_factors) / np.maximum(weights, 1e-12)[:, None]
        return Partners(np.asarray(means, np.float32), weights, encoder.fold_in(pair.source_history))

    def similar_items(self, pair: DomainPair, popularity: NDArray[np.float64], context: Context) -> sparse.csr_matrix:
        """Return w (target items, source items); ``popularity`` (source items,) is that of the source."""
        shares = self.shares(pair, context)
        there = pair.target.interactions.popularity
        if self.confidence != "none":
            shares = shares @ sparse.diags(_trust(popularity, self.kappa))
        if self.confidence == "both":
            shares = sparse.diags(_trust(there, self.kappa)) @ shares
        return sparse.csr_matrix(shares)

    def shares(self, pair: DomainPair, context: Context) -> sparse.csr_matrix:
        """Return how much of each target item's partners each source item is (target items, source items), rows summing
        to 1 where links say so, to the mean cosine where features do, to 0 where nothing does.
        """
        here, there = pair.source, pair.target
        shape = (len(there.interactions.items), len(here.interactions.items))
        links = sparse.csr_matrix(shape, dtype=np.float64)
        if pair.item_links is not None:
            links = _row_shares(sparse.csr_matrix(pair.item_links.T, dtype=np.float64))
        if not (self.features and here.item_features and there.item_features):
            return links
        vectors = feature_matrices([here.item_features, there.item_features]).matrices
        # an item whose every row was hidden has no vector to lend
        live = sparse.diags((here.interactions.popularity > 0).astype(np.float32))
        near = nearest(sparse.csr_matrix(live @ vectors[0]), vectors[1], self.neighbours, self.threshold)
        cosine = near.sum(axis=1).A1 / np.maximum(near.getnnz(axis=1), 1)
        lonely = links.getnnz(axis=1) == 0
        return sparse.csr_matrix(links + sparse.diags(lonely * cosine) @ _row_shares(near))

    def _alone(self, transfer: Transfer, context: Context) -> Vectors:
        return self._vectors(transfer.target, self.regularization, context)

    def _began(self, partners: Partners, transfer: Transfer) -> Vectors:
        """Return item vectors where the partners are; where no item has any, those that fit the people's partners."""
        if partners.weights.any():
            return partners.items
        X = transfer.target.interactions.preference
        held = np.flatnonzero(X.getnnz(axis=1))
        return als_rows(sparse.csr_matrix(X[held].T), partners.people[held], self.regularization, alpha=self.alpha)

    def _placed(self, items: Vectors, transfer: Transfer) -> tuple[Vectors, Vectors]:
        """Return the item vectors, and people's by their own history."""
        X = transfer.target.interactions.preference
        return items, als_rows(X, items, self.regularization, alpha=self.alpha)


def rotation(partners: Partners, items: Vectors, people: Vectors) -> Vectors:
    """Return the orthogonal R that brings the partners nearest to these vectors: U V', U S V' the singular value
    decomposition of sum_i w_i partner_i entity_i' over items and people.
    """
    weighted = partners.items * partners.weights[:, None]
    left, _, right = np.linalg.svd(
        weighted.T @ items.astype(np.float64) + partners.people.T @ people.astype(np.float64)
    )
    return np.asarray(left @ right, np.float32)


def _trust(length: NDArray[np.float64], kappa: float) -> NDArray[np.float64]:
    return own_share(length.astype(np.int64), kappa)


def _row_shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    total = np.asarray(matrix.sum(axis=1), np.float64).ravel()
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(total, 1e-12)) @ matrix)


def _histories(encoder: Encoder) -> sparse.csr_matrix:
    assert encoder.histories is not None
    return encoder.histories
