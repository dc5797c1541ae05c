"""The recommender of ratings: people's vectors, and how ratings that come with a question become one.

Its vectors are in units in which a person is held to the prior equally firmly in all directions: (b_u, p_u) times the
square root of the precision, and 1 and q_i divided by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DomainPair, Encoder, FactorModel, Index, RatingScale, Roster, Transfer
from foretaste_align._rating_space import RatingSpace, Vectors

_SMALLEST = 1e-9


def rating_model(
    transfer: Transfer,
    space: RatingSpace,
    people: Vectors,
    placed: NDArray[np.bool_],
    sources: Mapping[str, Encoder],
) -> FactorModel:
    """Return the recommender of people (users, 1 + d); who is not ``placed`` gets items' averages."""
    rows, unit = transfer.target.interactions, np.sqrt(space.precision)
    users = np.where(placed[:, None], people * unit, 0).astype(np.float32)
    # the prior holds people, which are not drawn to zero besides
    target = _encoder(rows.items, space, _SMALLEST, rows.ratings)
    bias = space.items[:, 0]
    lowest, highest = float(rows.values.min()), float(rows.values.max())
    scale = RatingScale(space.mean, np.zeros(len(users), np.float32), bias, lowest, highest)
    return FactorModel(
        Roster.of(transfer).rating(scale),
        users,
        target.item_factors,
        item_bias=bias,
        encoders={**sources, transfer.target.name: target},
        center=np.zeros(len(unit), np.float32),
        prior_precision=1.0,
    )


def source_encoder(
    pair: DomainPair, there: RatingSpace, here: RatingSpace, found: NDArray[np.float64], spread: float
) -> Encoder:
    """Return the encoder whose vectors ``found`` (2 + d, 1 + d) maps: 1, and a source vector divided by ``spread``."""
    unmapped, unit = (
        _encoder(pair.source.interactions.items, there, 1.0, _ratings_brought(pair)),
        np.sqrt(here.precision),
    )
    matrix, offset = ((part * unit).astype(np.float32) for part in (found[1:] / spread, found[0]))
    return replace(unmapped, matrix=matrix, offset=offset)


def _encoder(items: Index, space: RatingSpace, regularization: float, histories: sparse.csr_matrix) -> Encoder:
    vectors = (space.towards / np.sqrt(space.precision)).astype(np.float32)
    expected = (space.mean + space.items[:, 0].astype(np.float64)).astype(np.float32)
    return Encoder(items, vectors, regularization, histories=histories, expected=expected)


def _ratings_brought(pair: DomainPair) -> sparse.csr_matrix:
    """Return (target users, source items) what people rated in the source, for explanations.

    Empty for people of several accounts there: no one history has the mean of their vectors.
    """
    ratings = pair.source.interactions.ratings
    who = np.full(len(pair.target.interactions.users), ratings.shape[0])  # by default the empty row that is added
    if pair.user_links is not None:
        rated = sparse.diags((np.diff(ratings.indptr) > 0).astype(np.float64))
        accounts = sparse.csr_matrix((rated @ pair.user_links).T)
        accounts.eliminate_zeros()
        alone = accounts.getnnz(axis=1) == 1
        who[alone] = accounts[alone].indices
    nobody = sparse.csr_matrix((1, ratings.shape[1]), dtype=ratings.dtype)
    return sparse.vstack([ratings, nobody], format="csr")[who]
