"""Ridge regression: between factor spaces, and from a kernel of users with exact leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_dense, check_dense_or_csr, check_positive
from foretaste.solvers._gram import blocks, invert_shifted


def weighted_ridge(
    X: NDArray[np.floating[Any]],
    Y: NDArray[np.floating[Any]],
    regularization: float,
    *,
    weights: NDArray[np.floating[Any]] | None = None,
    toward: NDArray[np.floating[Any]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the matrix (d_in, d_out) and intercept (d_out,) that predict ``Y`` as ``X @ matrix +
    intercept``.

    Both sides are centred by their weighted means, so the intercept is free. ``weights`` (n,) are 0 or
    more, None weighs all rows 1. The matrix is pulled to ``toward`` (d_in, d_out), or to zero, with the
    strength ``regularization``.
    """
    from scipy.linalg import cho_factor, cho_solve  # not before it is needed: see invert_shifted

    n_rows, d_in = check_dense("X", X, None, None).shape
    if n_rows == 0:
        raise ValueError("X has no rows; expected at least one.")
    d_out = check_dense("Y", Y, n_rows, None).shape[1]
    check_positive("regularization", regularization)
    row_weights = np.ones(n_rows) if weights is None else _check_weights(weights, n_rows)
    x_mean, y_mean = np.average(X, axis=0, weights=row_weights), np.average(Y, axis=0, weights=row_weights)
    centred = X - x_mean
    weighted = centred * row_weights[:, None]
    rhs = weighted.T @ (Y - y_mean)
    if toward is not None:
        rhs += regularization * check_dense("toward", toward, d_in, d_out)
    lhs = weighted.T @ centred + regularization * np.eye(d_in)
    matrix = cho_solve(cho_factor(lhs, lower=True), rhs)
    return matrix.astype(np.float32), (y_mean - x_mean @ matrix).astype(np.float32)


@dataclass(frozen=True, eq=False)
class KernelRidgeFit:
    """A fitted kernel ridge: a row with kernel values k (n,) is predicted as ``k @ coefficients``.

    ``coefficients`` is A^-1 Y (n, n_columns) with A = K + regularization I, and ``inverse_diagonal``
    diag(A^-1).
    """

    coefficients: NDArray[np.float32]
    inverse_diagonal: NDArray[np.float64]
    targets: NDArray[np.floating[Any]] | csr_matrix

    def leave_one_out(self) -> NDArray[np.float32]:
        """Return, for every training row, what the fit without that row predicts for it: (n, n_columns).

        Exact, from the one factorisation: F = Y - A^-1 Y / diag(A^-1); see R. Rifkin, R. Lippert, "Notes on
        Regularized Least Squares", MIT CSAIL technical report, 2007.
        """
        predicted = self.coefficients / -self.inverse_diagonal[:, None].astype(np.float32)
        if isinstance(self.targets, np.ndarray):
            return predicted + self.targets.astype(np.float32)
        targets = self.targets.tocoo()
        np.add.at(predicted, (targets.row, targets.col), targets.data.astype(np.float32))
        return predicted


def kernel_ridge(
    K: NDArray[np.floating[Any]], Y: NDArray[np.floating[Any]] | csr_matrix, regularization: float
) -> KernelRidgeFit:
    """Fit ``Y`` (n, n_columns), dense or CSR, from the symmetric positive semi-definite kernel ``K`` (n, n).

    There is no intercept. Time grows with n^3, and memory is 8 n^2 bytes beside the float32 coefficients.
    """
    n_rows = check_dense("K", K, None, None).shape[0]
    check_dense("K", K, n_rows, n_rows)
    targets = check_dense_or_csr("Y", Y, n_rows, None)
    check_positive("regularization", regularization)
    inverse = invert_shifted(K.astype(np.float64, order="C"), regularization, name="K")
    by_column = targets.T if isinstance(targets, np.ndarray) else targets.T.tocsr()
    coefficients = np.empty(targets.shape, dtype=np.float32)
    for start, stop in blocks(targets.shape[1], 16 * n_rows):
        coefficients[:, start:stop] = (by_column[start:stop] @ inverse).T
    return KernelRidgeFit(coefficients, inverse.diagonal().copy(), targets)


def _check_weights(weights: NDArray[np.floating[Any]], n_rows: int) -> NDArray[np.float64]:
    checked = check_dense("weights", weights, n_rows).astype(np.float64)
    if (checked < 0).any() or not checked.sum() > 0:
        raise ValueError("weights holds negative numbers or nothing but zeros; expected 0 or more, and one above 0.")
    return checked
