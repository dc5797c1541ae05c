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
    too: what is not stored counts for nothing, unlike in ``als_rows``. ``precision`` is one number, one per factor (d,)
    or one for each row and factor (n_rows, d), above 0; ``prior`` is (n_rows, d), None is zeros. Rows without entries
    get their prior.

    Residuals are what ratings deviate from the mean and the biases. A bias is one more factor, with items that are all
    1 there, and its precision is the damping of a damped mean.
    """
    check_csr("residuals", residuals)
    n_rows, n_items = residuals.shape
    n_factors = check_dense("item_factors", item_factors, n_items, None).shape[1]
    firm = _check_precision(precision, n_rows, n_factors)
    solved = np.zeros((n_rows, n_factors), dtype=np.float32)
    if prior is not None:
        solved[:] = check_dense("prior", prior, n_rows, n_factors)
    Q = item_factors.astype(np.float64)
    diagonal = np.arange(n_factors)
    for rows in _blocks_of_similar_length(np.diff(residuals.indptr), n_factors):
        positions, stored = padded(residuals, rows)
        factors = Q[residuals.indices[positions]] * stored[:, :, None]
        lhs = np.matmul(factors.transpose(0, 2, 1), factors)
        lhs[:, diagonal, diagonal] += firm[rows]
        rhs = np.einsum("rl,rld->rd", residuals.data[positions].astype(np.float64), factors) + firm[rows] * solved[rows]
        solved[rows] = np.linalg.solve(lhs, rhs[:, :, None])[:, :, 0]
    return solved


def rating_shares(
    row: csr_matrix,
    item_factors: NDArray[np.floating[Any]],
    precision: float | NDArray[np.floating[Any]],
    towards: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Return what each stored entry of ``row`` (1, n_items) adds to ``rating_rows(row, ...) @ towards``, in its order.

    The step is linear in the residuals: p = A^-1 sum_j r_j q_j, and what a prior adds. ``precision`` is one number or
    one per factor (d,), ``towards`` is (d,): an item's factors, and the shares (entries,) add up to its score.
    """
    check_csr("row", row, n_rows=1)
    n_factors = check_dense("item_factors", item_factors, row.shape[1], None).shape[1]
    check_dense("towards", towards, n_factors)
    factors = item_factors[row.indices].astype(np.float64)
    lhs = factors.T @ factors + np.diag(_check_precision(precision, 1, n_factors)[0])
    shares: NDArray[np.float64] = row.data.astype(np.float64) * (factors @ np.linalg.solve(lhs, towards))
    return shares


def _check_precision(value: float | NDArray[np.floating[Any]], n_rows: int, n_factors: int) -> NDArray[np.float64]:
    """Return one number above 0 for each row and factor (n_rows, n_factors)."""
    if not isinstance(value, np.ndarray):
        check_positive("precision", value)
        return np.full((n_rows, n_factors), float(value))
    shape = (n_rows, n_factors) if value.ndim == 2 else (n_factors,)
    each = check_dense("precision", value, *shape).astype(np.float64)
    if each.size and not each.min() > 0:
        raise ValueError(f"precision holds {each.min():g}; expected numbers above 0.")
    return np.broadcast_to(each, (n_rows, n_factors))
