"""Biases of ratings by damped means."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_csr, check_not_negative


class RatingBiases(NamedTuple):
    """A rating is about ``mean + item[i] + user[u]``; both arrays are float64, 0 for who has no rating."""

    mean: float
    item: NDArray[np.float64]
    user: NDArray[np.float64]


def rating_biases(ratings: csr_matrix, *, item_damping: float = 25.0, user_damping: float = 10.0) -> RatingBiases:
    """Return the mean of ``ratings`` (n_users, n_items) and what items and users deviate from it.

    b_i = sum_u (r_ui - mean) / (n_i + item_damping), and then b_u = sum_i (r_ui - mean - b_i) / (n_u + user_damping):
    n + damping in place of n draws the bias of who has few ratings to zero. Every stored entry is a rating, 0 too.
    Source: Y. Koren, "Factor in the Neighbors: Scalable and Accurate Collaborative Filtering", ACM Transactions on
    Knowledge Discovery from Data 4(1), 2010, section 2.1.
    """
    check_csr("ratings", ratings)
    check_not_negative("item_damping", item_damping)
    check_not_negative("user_damping", user_damping)
    n_users, n_items = ratings.shape
    values = ratings.data.astype(np.float64)
    mean = float(values.mean()) if len(values) else 0.0
    users = np.repeat(np.arange(n_users), np.diff(ratings.indptr))
    item = _damped_means(ratings.indices, values - mean, n_items, item_damping)
    user = _damped_means(users, values - mean - item[ratings.indices], n_users, user_damping)
    return RatingBiases(mean, item, user)


def _damped_means(
    groups: NDArray[np.integer], values: NDArray[np.float64], n_groups: int, damping: float
) -> NDArray[np.float64]:
    totals = np.bincount(groups, weights=values, minlength=n_groups)
    counts = np.bincount(groups, minlength=n_groups)
    means: NDArray[np.float64] = np.zeros(n_groups)
    np.divide(totals, counts + damping, out=means, where=counts > 0)
    return means
