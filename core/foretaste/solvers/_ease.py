"""EASE, from items to items (primal) or through the users (dual).

H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: with
P = (X'X + regularization I)^-1 the item-to-item map is B = I - P diag(1 / diag P), its diagonal zero. When
there are fewer users than items the same B costs less through K = XX': by the Woodbury identity
P = (I - X'Z) / regularization with Z = (K + regularization I)^-1 X, hence B = X'W off the diagonal, where
W_j = Z_j / (1 - x_j'Z_j).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_count, check_csr, check_dense, check_positive
from foretaste.solvers._gram import blocks, gram, invert_shifted


@dataclass(frozen=True, eq=False)
class EaseFit:
    """A fitted EASE in its smaller form; both forms give the same scores and the same item map.

    ``weights`` is the item map B (n_items, n_items) in the primal form and W (n_users, n_items) in the dual
    one, where ``interactions`` keeps the training rows and ``own_weight`` (n_items,) what an item would say
    for itself.
    """

    form: Literal["primal", "dual"]
    weights: NDArray[np.float32]
    interactions: csr_matrix | None = None
    own_weight: NDArray[np.float32] | None = None

    def scores(self, history: csr_matrix) -> NDArray[np.float32]:
        """Return ``history @ B`` (n_rows, n_items) for rows of interactions, seen in training or not."""
        check_csr("history", history, n_columns=self.weights.shape[1])
        history = history.astype(np.float32)
        if self.interactions is None or self.own_weight is None:
            return np.asarray(history @ self.weights, dtype=np.float32)
        shared = (history @ self.interactions.T).toarray()
        scores: NDArray[np.float32] = shared @ self.weights
        rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
        np.subtract.at(scores, (rows, history.indices), history.data * self.own_weight[history.indices])
        return scores

    def item_map(self) -> NDArray[np.float32]:
        """Return B (n_items, n_items): row i is what an interaction with item i adds to every score."""
        if self.interactions is None:
            return self.weights.copy()
        item_map = np.asarray(self.interactions.T @ self.weights, dtype=np.float32)
        np.fill_diagonal(item_map, 0)
        return item_map


def ease(X: csr_matrix, regularization: float) -> EaseFit:
    """Fit EASE on ``X`` (n_users, n_items), in the dual form when there are fewer users than items.

    Time grows with min(n_users, n_items)^3; see ``ease_memory`` for the space.
    """
    check_csr("X", X)
    check_positive("regularization", regularization)
    if X.shape[0] >= X.shape[1]:
        return EaseFit("primal", ease_map(X, regularization))
    weights = _dual_weights(gram(X, rows=True), X, regularization)
    interactions = X.astype(np.float32)
    own_weight = np.asarray(interactions.multiply(weights).sum(axis=0), dtype=np.float32).ravel()
    return EaseFit("dual", weights, interactions, own_weight)


def ease_map(
    X: csr_matrix, regularization: float, *, columns: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.float32]:
    """Return the item-to-item map B (n_items, n_items), or its ``columns`` (n_items, len(columns)).

    The scores of a row of interactions x are ``x @ B``. An item says nothing for itself: B is zero where
    the row and the column are one item.
    """
    check_csr("X", X)
    check_positive("regularization", regularization)
    n_items = X.shape[1]
    wanted = np.arange(n_items) if columns is None else _check_columns(columns, n_items)
    inverse = invert_shifted(gram(X), regularization, name="X.T @ X")
    scale = -1 / inverse.diagonal()[wanted]
    item_map = np.empty((n_items, len(wanted)), dtype=np.float32)
    for start, stop in blocks(n_items, 8 * len(wanted)):
        item_map[start:stop] = inverse[start:stop, wanted] * scale
    item_map[wanted, np.arange(len(wanted))] = 0
    return item_map


def ease_dual(K: NDArray[np.floating[Any]], X: csr_matrix, regularization: float) -> NDArray[np.float32]:
    """Return W (n_users, n_items): the scores of a row with kernel values k (n_users,) are ``k @ W``.

    ``K`` (n_users, n_users) is symmetric: ``X @ X.T``, or that plus weighted kernels of other domains or
    features. A new row x has k = ``x @ X.T`` (plus the other kernels in the same weights). Scores equal
    those of ``ease_map`` wherever x is zero; those of the row's own items also count what each says for
    itself, so leave them out.
    """
    check_csr("X", X)
    check_positive("regularization", regularization)
    kernel = check_dense("K", K, X.shape[0], X.shape[0])
    return _dual_weights(kernel.astype(np.float64, order="C"), X, regularization)


def ease_memory(n_users: int, n_items: int) -> int:
    """Return roughly how many bytes ``ease`` needs at its peak, for the smaller of its two forms."""
    check_count("n_users", n_users)
    check_count("n_items", n_items)
    smaller = min(n_users, n_items)
    inverse, weights, blocks_on_their_way = 8 * smaller**2, 4 * smaller * n_items, 96 * 2**20
    return inverse + weights + blocks_on_their_way


def _dual_weights(kernel: NDArray[np.float64], X: csr_matrix, regularization: float) -> NDArray[np.float32]:
    """Return what ``ease_dual`` does; ``kernel`` is overwritten."""
    n_users, n_items = X.shape
    inverse = invert_shifted(kernel, regularization, name="K")
    by_item = X.T.tocsr().astype(np.float64)
    weights = np.empty((n_users, n_items), dtype=np.float32)
    for start, stop in blocks(n_items, 16 * n_users):
        items = by_item[start:stop]
        solved = items @ inverse  # Z' of these items
        explained = np.asarray(items.multiply(solved).sum(axis=1)).reshape(-1, 1)
        if not (explained < 1).all():  # 1 - explained is regularization * diag P
            raise ValueError("K is smaller than X @ X.T; expected X @ X.T, or more by other kernels.")
        weights[:, start:stop] = (solved / (1 - explained)).T
    return weights


def _check_columns(columns: NDArray[np.integer[Any]], n_items: int) -> NDArray[np.integer[Any]]:
    check_dense("columns", columns, None)
    if columns.dtype.kind not in "iu" or not ((columns >= 0) & (columns < n_items)).all():
        raise ValueError(f"columns has a value that is no item; expected whole numbers from 0 to {n_items - 1}.")
    return columns
