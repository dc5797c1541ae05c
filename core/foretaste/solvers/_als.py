"""Fold-in of users for implicit-feedback factor models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_csr, check_dense, check_positive

_BLOCK_BYTES = 64 * 2**20


def als_rows(
    X: csr_matrix,
    item_factors: NDArray[np.float32],
    regularization: float | NDArray[np.floating[Any]],
    *,
    alpha: float = 1.0,
    prior: NDArray[np.float32] | None = None,
    prior_precision: float | NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float32]:
    """Return the user factors (n_rows, d) that fit the rows of ``X`` (n_rows, n_items), the items being fixed.

    This is the exact user step of Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit
    Feedback Datasets", ICDM 2008, in the convention of the library implicit: a stored entry weighs
    ``c = alpha * value`` and aims at 1, all others weigh 1 and aim at 0; a negative value weighs ``|c|`` and
    aims at 0. ``regularization`` is one number or one per row (n_rows,).

    With ``prior`` (n_rows, d), ``prior_precision * ||p - prior||^2`` is added to the objective, the precision
    one number or one per row (n_rows,), 0 where a row has no prior. Rows without entries get their prior, or
    zeros where they have none: nothing stored is read as nothing known, not as disliking everything.
    """
    check_csr("X", X)
    check_dense("item_factors", item_factors, X.shape[1], None)
    each = _one_per_row("regularization", regularization, X.shape[0])
    check_positive("alpha", alpha)
    Q = item_factors.astype(np.float64)
    n_factors = Q.shape[1]
    if (prior is None) != (prior_precision is None):
        raise ValueError("prior and prior_precision go together; found one of them, expected both or neither.")
    precision = np.zeros(X.shape[0])
    solved = np.zeros((X.shape[0], n_factors), dtype=np.float32)
    if prior is not None and prior_precision is not None:
        precision = _one_per_row("prior_precision", prior_precision, X.shape[0], or_zero=True)
        solved[:] = check_dense("prior", prior, X.shape[0], n_factors)
        solved[precision == 0] = 0
    everyone, each = Q.T @ Q, each + precision
    if (np.abs(alpha * X.data) == 1).all() and len(each) and (each == each[0]).all():
        return _alike(X, Q, everyone + each[0] * np.eye(n_factors), precision, solved)
    diagonal = np.arange(n_factors)
    for rows in _blocks_of_similar_length(np.diff(X.indptr), n_factors):
        lhs, rhs = _normal_equations(X, rows, Q, alpha)
        lhs += everyone
        lhs[:, diagonal, diagonal] += each[rows, None]
        rhs += precision[rows, None] * solved[rows]
        solved[rows] = np.linalg.solve(lhs, rhs[:, :, None])[:, :, 0]
    return solved


def als_shares(
    row: csr_matrix,
    item_factors: NDArray[np.float32],
    regularization: float,
    towards: NDArray[np.floating[Any]],
    *,
    alpha: float = 1.0,
) -> NDArray[np.float64]:
    """Return what each stored entry of ``row`` (1, n_items) adds to ``als_rows(row, ...) @ towards``, in its order.

    The step is linear in what each entry aims at: p = A^-1 sum_j max(c_j, 0) q_j. ``towards`` is (d,): an item's
    factors, and the shares (entries,) add up to its score.
    """
    check_csr("row", row, n_rows=1)
    check_dense("item_factors", item_factors, row.shape[1], None)
    check_positive("regularization", regularization)
    check_positive("alpha", alpha)
    Q = item_factors.astype(np.float64)
    check_dense("towards", towards, Q.shape[1])
    lhs, _ = _normal_equations(row, np.zeros(1, np.int64), Q, alpha)
    solved = np.linalg.solve(lhs[0] + Q.T @ Q + regularization * np.eye(Q.shape[1]), towards)
    shares: NDArray[np.float64] = np.maximum(alpha * row.data.astype(np.float64), 0) * (Q[row.indices] @ solved)
    return shares


def _one_per_row(
    name: str, value: float | NDArray[np.floating[Any]], n_rows: int, *, or_zero: bool = False
) -> NDArray[np.float64]:
    """Return one number above 0 for each row; an array may hold 0 as well if ``or_zero``."""
    if not isinstance(value, np.ndarray):
        check_positive(name, value)
        return np.full(n_rows, float(value))
    each = check_dense(name, value, n_rows).astype(np.float64)
    if n_rows and not (each.min() > 0 or (or_zero and each.min() == 0)):
        raise ValueError(f"{name} holds {each.min():g}; expected numbers {'of 0 or more' if or_zero else 'above 0'}.")
    return each


def _alike(
    X: csr_matrix,
    Q: NDArray[np.float64],
    everyone: NDArray[np.float64],
    precision: NDArray[np.float64],
    solved: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Solve where stored entries weigh what all others weigh: the normal matrix is one and the same for all rows."""
    held = np.flatnonzero(np.diff(X.indptr))
    rhs = X[held].maximum(0).sign() @ Q + precision[held, None] * solved[held]
    solved[held] = np.linalg.solve(everyone, rhs.T).T
    return solved


def _blocks_of_similar_length(lengths: NDArray[np.integer[Any]], n_factors: int) -> list[NDArray[np.int64]]:
    """Group the rows that have entries by rising length, so that padding them to the longest costs little."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    found, start = [], 0
    while start < len(order):
        # A row holds its padded factors twice, and its normal matrix with the solver's copy of it.
        most = start + 1 + _BLOCK_BYTES // (16 * n_factors * (int(lengths[order[start]]) + n_factors))
        sizes = 16 * n_factors * (lengths[order[start:most]].astype(np.int64) + n_factors)
        fitting = int(np.searchsorted(sizes * np.arange(1, len(sizes) + 1), _BLOCK_BYTES, side="right"))
        stop = start + max(1, fitting)
        found.append(order[start:stop])
        start = stop
    return found


def _normal_equations(
    X: csr_matrix, rows: NDArray[np.int64], Q: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sum (|c| - 1) q q' (block, d, d) and sum max(c, 0) q (block, d) over the entries of each row."""
    positions, stored = padded(X, rows)
    confidence = alpha * X.data[positions].astype(np.float64)
    # products in single precision, half the time of this, and sums over rows of everybody in double
    factors = Q.astype(np.float32)[X.indices[positions]]
    rhs = np.einsum("rl,rld->rd", np.maximum(confidence, 0) * stored, factors)
    weighted = factors * ((np.abs(confidence) - 1) * stored).astype(np.float32)[:, :, None]
    return np.matmul(weighted.transpose(0, 2, 1), factors).astype(np.float64), rhs


def padded(X: csr_matrix, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where the entries of rows that have some are stored (block, longest), and which of these are theirs."""
    starts, stops = X.indptr[rows], X.indptr[rows + 1]
    positions = starts[:, None] + np.arange((stops - starts).max())
    stored = positions < stops[:, None]
    return np.where(stored, positions, starts[:, None]), stored
