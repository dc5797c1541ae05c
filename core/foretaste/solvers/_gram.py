"""Gram matrices of interactions, and the inverse of a shifted one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_csr

_BLOCK_BYTES = 32 * 2**20


def gram(X: csr_matrix, *, rows: bool = False, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Return the dense ``X.T @ X`` (n_columns, n_columns), or ``X @ X.T`` (n_rows, n_rows) with
    ``rows=True``.

    Beside the result it holds two copies of ``X`` and one block of about 32 MB. ``dtype`` is float64 or
    float32; sums are taken in it.
    """
    check_csr("X", X)
    left = X.astype(dtype) if rows else X.T.tocsr().astype(dtype)
    right = left.T.tocsr()
    size = left.shape[0]
    product = np.empty((size, size), dtype=dtype)
    for start, stop in blocks(size, 16 * size):
        (left[start:stop] @ right).toarray(out=product[start:stop])
    return product


def invert_shifted(matrix: NDArray[np.float64], shift: float, *, name: str) -> NDArray[np.float64]:
    """Return ``(matrix + shift * I)^-1`` of a symmetric C-ordered ``matrix``, which is overwritten."""
    from scipy.linalg import lapack  # 0.05 s of a host's start that only fitting needs

    size = matrix.shape[0]
    if size == 0:
        return matrix
    matrix.flat[:: size + 1] += shift
    # The transpose of a C-ordered array is what LAPACK wants, so nothing is copied; it fills one triangle.
    factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise ValueError(f"{name} plus the regularization is not positive definite; expected a symmetric kernel.")
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    _mirror_lower(inverse)
    return np.ascontiguousarray(inverse.T)


def blocks(n_rows: int, bytes_per_row: int, block_bytes: int = _BLOCK_BYTES) -> list[tuple[int, int]]:
    """Cut ``n_rows`` into (start, stop) runs of at most ``block_bytes``, one row at the least."""
    step = max(1, block_bytes // max(1, bytes_per_row))
    return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _mirror_lower(matrix: NDArray[np.float64], step: int = 512) -> None:
    for start in range(0, matrix.shape[0], step):
        stop = start + step
        corner = np.tril(matrix[start:stop, start:stop])
        matrix[start:stop, start:stop] = corner + np.tril(corner, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
