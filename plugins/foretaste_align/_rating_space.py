"""Ratings as mean + b_u + b_i + p_u.q_i, and a map of people into that space that is fitted to ratings themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.solvers import rating_biases, rating_rows

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RatingSpace:
    """Where items lie: ``items`` (items, 1 + d) holds b_i and then q_i; a person's vector is b_u and then p_u.

    ``precision`` (1 + d,) is how firmly people are held to their prior, by default zero: damping, then regularization.
    """

    mean: float
    items: Vectors
    precision: NDArray[np.float64]

    @property
    def towards(self) -> NDArray[np.float64]:
        """(items, 1 + d) what people's vectors are multiplied with: 1, and then q_i."""
        return _led_by_one(self.items)

    def left_of(self, ratings: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return what ratings (people, items) deviate from mean and items."""
        return _less(ratings, self.mean + self.items[ratings.indices, 0].astype(np.float64))

    def people(self, ratings: sparse.csr_matrix, prior: Vectors | None = None) -> Vectors:
        """Return (people, 1 + d); who has no ratings has their prior."""
        return rating_rows(self.left_of(ratings), self.towards, self.precision, prior=prior)


def biased_als(
    ratings: sparse.csr_matrix,
    *,
    factors: int,
    regularization: float,
    item_damping: float,
    user_damping: float,
    epochs: int,
    rng: np.random.Generator,
    prior: Callable[[RatingSpace], Vectors] | None = None,
) -> RatingSpace:
    """Fit items to ``ratings`` (people, items) by alternating least squares, biases and factors in one step.

    Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems, Computer 42(8), 2009, with exact
    steps. Only what is rated counts. ``prior`` says before each step where people are expected in the space so far.
    """
    first = rating_biases(ratings, item_damping=item_damping, user_damping=user_damping)
    spread = 0.1 * float(ratings.data.std()) if ratings.nnz else 0.0
    start = np.column_stack([first.item, rng.normal(0, spread, (ratings.shape[1], factors))])
    space = RatingSpace(first.mean, start.astype(np.float32), _firm(user_damping, regularization, factors))
    by_item = ratings.T.tocsr()
    for _ in range(epochs):
        people = space.people(ratings, None if prior is None else prior(space))
        left = _less(by_item, space.mean + people[by_item.indices, 0].astype(np.float64))
        items = rating_rows(left, _led_by_one(people), _firm(item_damping, regularization, factors))
        space = replace(space, items=items)
    return space


def fitted_map(
    space: RatingSpace,
    ratings: sparse.csr_matrix,
    features: NDArray[np.float64],
    penalty: float,
    toward: NDArray[np.float64],
    kappa: float,
) -> NDArray[np.float64]:
    """Return the matrix M (k, 1 + d) that places people by ``features`` (people, k), learnt from who has ratings.

    It minimises sum_u w_u sum_i (r_ui - mean - b_i - f_u M.[1, q_i])^2 + penalty n ||(M - toward) precision^(1/2)||^2
    over the n people with ratings and features, each of whose n_u ratings weighs w_u = kappa / (kappa + n_u).
    Fitting to ratings instead of people's own vectors has no damping in what is learnt from: those vectors are drawn to
    zero, the more the fewer the ratings, and a map to them would be as well.
    """
    length = np.diff(ratings.indptr)
    rows = np.flatnonzero((length > 0) & features.any(axis=1))
    n, k, width = len(rows), features.shape[1], space.items.shape[1]
    if not n:
        return toward
    left, mine, Q = space.left_of(ratings)[rows], features[rows], space.towards
    weighted = mine * (kappa / (kappa + length[rows]))[:, None]
    told = sparse.csr_matrix((np.ones(left.nnz), left.indices, left.indptr), shape=left.shape)
    grams = told @ (Q[:, :, None] * Q[:, None, :]).reshape(len(Q), -1)  # (n, width * width): sum_i q q' of each person
    pairs = (weighted[:, :, None] * mine[:, None, :]).reshape(n, -1)
    lhs = (pairs.T @ grams).reshape(k, k, width, width).transpose(0, 2, 1, 3).reshape(k * width, k * width)
    firm = np.tile(penalty * n * space.precision, k)
    rhs = (weighted.T @ (left @ Q)).ravel() + firm * toward.ravel()
    lhs[np.diag_indices(len(lhs))] += firm
    found: NDArray[np.float64] = np.linalg.solve(lhs, rhs).reshape(k, width)
    return found


def _firm(bias: float, factor: float, factors: int) -> NDArray[np.float64]:
    return np.concatenate([[bias], np.full(factors, factor)])


def _led_by_one(vectors: Vectors) -> NDArray[np.float64]:
    led = vectors.astype(np.float64)
    led[:, 0] = 1
    return led


def _less(ratings: sparse.csr_matrix, expected: NDArray[np.float64]) -> sparse.csr_matrix:
    return sparse.csr_matrix((ratings.data - expected, ratings.indices, ratings.indptr), shape=ratings.shape)
