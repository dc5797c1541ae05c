"""Fold-in of users for factor models of ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._als import _blocks_of_similar_length, padded
from foretaste.solvers._checks import check_csr, check_dense, check_positive


def rating_rows(
    residuals: csr_matrix,
    item_factors: NDArray[np.floating[Any]],
    precision: float | NDArray[np.floating[Any]],
    *,
    prior: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float32]:
    """Return the user factors (n_rows, d) that fit the rows of ``residuals`` (n_rows, n_items), the items being fixed.

    Each row minimises ``sum_j (r_j - p.q_j)^2 + sum_f precision_f (p_f - prior_f)^2`` over its stored entries j, zeros
    too: what is not stored counts for nothing, unlike in ``als_rows``. ``precision`` is one number or one per factor
    (d,), above 0; ``prior`` is (n_rows, d), None is zeros. Rows without entries get their prior.

    Residuals are what ratings deviate from the mean and the biases. A bias is one more factor, with items that are all
    1 there, and its precision is the damping of a damped mean.
    """
    check_csr("residuals", residuals)
    n_rows, n_items = residuals.shape
    n_factors = check_dense("item_factors", item_factors, n_items, None).shape[1]
    firm = _check_precision(precision, n_factors)
    solved = np.zeros((n_rows, n_factors), dtype=np.float32)
    if prior is not None:
        solved[:] = check_dense("prior", prior, n_rows, n_factors)
    Q = item_factors.astype(np.float64)
    diagonal = np.arange(n_factors)
    for rows in _blocks_of_similar_length(np.diff(residuals.indptr), n_factors):
        positions, stored = padded(residuals, rows)
        factors = Q[residuals.indices[positions]] * stored[:, :, None]
        lhs = np.matmul(factors.transpose(0, 2, 1), factors)
        lhs[:, diagonal, diagonal] += firm
        rhs = np.einsum("rl,rld->rd", residuals.data[positions].astype(np.float64), factors) + firm * solved[rows]
        solved[rows] = np.linalg.solve(lhs, rhs[:, :, None])[:, :, 0]
    return solved


def _check_precision(value: float | NDArray[np.floating[Any]], n_factors: int) -> NDArray[np.float64]:
    """Return one number above 0 for each factor."""
    if not isinstance(value, np.ndarray):
        check_positive("precision", value)
        return np.full(n_factors, float(value))
    each = check_dense("precision", value, n_factors).astype(np.float64)
    if n_factors and not each.min() > 0:
        raise ValueError(f"precision holds {each.min():g}; expected numbers above 0.")
    return each
