"""Implicit ALS with regularization scaled by frequency, written for batched solves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.solvers import als_rows

Vectors = NDArray[np.float32]


def ials(
    X: sparse.csr_matrix,
    factors: int,
    regularization: float,
    *,
    alpha: float = 1.0,
    exponent: float = 1.0,
    epochs: int = 15,
    rng: np.random.Generator,
) -> tuple[Vectors, Vectors]:
    """Return people's and items' vectors of ``X`` (users, items), float32 (users, factors) and (items, factors).

    Stored entries weigh ``alpha`` times their value, all others 1. A row's regularization is ``regularization`` times
    ((n + m / alpha) / its mean)^exponent, n its entries and m the other side's size: at 0 it is plain ALS, at 1 what
    Rendle, Krichene, Zhang and Koren, Revisiting the performance of iALS on item recommendation benchmarks (RecSys
    2022) found best. They give the unobserved weight instead: it is 1 / alpha, and all else is divided by alpha.
    """
    Y = sparse.csr_matrix(X.T)
    for_users, for_items = (_each(one, regularization, alpha, exponent) for one in (X, Y))
    items = (rng.standard_normal((X.shape[1], factors)) * 0.1 / np.sqrt(factors)).astype(np.float32)
    people = np.zeros((X.shape[0], factors), np.float32)
    for _ in range(epochs):
        people = als_rows(X, items, for_users, alpha=alpha)
        items = als_rows(Y, people, for_items, alpha=alpha)
    return people, items


def _each(X: sparse.csr_matrix, regularization: float, alpha: float, exponent: float) -> NDArray[np.float64]:
    frequency = np.diff(X.indptr) + X.shape[1] / alpha
    scaled: NDArray[np.float64] = regularization * (frequency / max(float(frequency.mean()), 1e-12)) ** exponent
    return scaled
