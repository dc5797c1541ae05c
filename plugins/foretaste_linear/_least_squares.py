"""Least squares from sparse histories to many columns at once, with exact leave-one-row-out for any strength."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import cut_map
from foretaste.solvers import gram

Map: TypeAlias = sparse.csr_matrix | NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]

_JUDGED = 1000
"""So many columns, the fullest, tell how well a strength predicts."""
_BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Solution:
    """``right`` (rank, columns of Y) times ``directions``, of rows or of columns of ``Z``, solve the least squares.

    Over rows of Z ``directions`` are (rows, rank), and Z' directions right is the map; over columns they are (columns,
    rank), and directions right is the map. ``values`` (rank,) are the squared lengths of Z along them; ``error`` is the
    squared error of predicting each row from all others, over the fullest columns.
    """

    Z: sparse.csr_matrix
    directions: NDArray[np.float64]
    right: NDArray[np.float32]
    values: NDArray[np.float64]
    over_rows: bool
    error: float


def solved(
    Z: sparse.csr_matrix, Y: sparse.csr_matrix, mean: NDArray[np.float64], strengths: Iterable[float]
) -> Solution:
    """Solve (Z'Z + l I) M = Z'(Y - mean) for the strength l that predicts left-out rows best.

    One decomposition, over rows or over columns of Z, whichever are fewer, serves all strengths. A row's prediction
    without it is exact: its residual divided by 1 - its leverage (Rifkin and Lippert, Notes on regularized least
    squares, MIT CSAIL technical report, 2007).
    """
    over_rows = Z.shape[0] <= Z.shape[1]
    values, directions = np.linalg.eigh(gram(Z, rows=over_rows))
    values = np.maximum(values, 0)
    # what each direction says of each column: Q'(Y - mean), or V'Z'(Y - mean)
    seen = directions if over_rows else np.asarray(Z @ directions)
    told = np.asarray((Y.T @ seen).T - np.outer(seen.sum(axis=0), mean), np.float32)
    judged = np.argsort(-mean, kind="stable")[:_JUDGED]
    part, centred = told[:, judged], mean[judged]

    def error(strength: float) -> float:
        shrink = 1 / (values + strength)
        if over_rows:
            missed = directions @ (shrink[:, None] * part) / (np.square(directions) @ shrink)[:, None]
            return float(np.square(missed).sum())
        lost, step = 0.0, max(1, _BLOCK_CELLS // len(values))
        for start in range(0, Z.shape[0], step):
            rows = slice(start, start + step)
            leverage = np.square(seen[rows]) @ shrink
            missed = Y[rows][:, judged].toarray() - centred - seen[rows] @ (shrink[:, None] * part)
            lost += float(np.square(missed / np.maximum(1 - leverage, 1e-6)[:, None]).sum())
        return lost

    found, best = min((error(one), one) for one in strengths)
    right = np.asarray(told / (values + best)[:, None], np.float32)
    return Solution(Z, directions, right, values, over_rows, found)


def served(found: Solution, limit_bytes: int) -> tuple[Map, float]:
    """Return the map (columns of Z, columns of Y) within a limit, and the share of its squared norm that it keeps.

    One that is too large is a pair of factors of the directions in which it is largest, or has its strongest entries.
    """
    Z, there = found.Z, found.right.shape[1]
    n_items = Z.shape[1]
    if not found.over_rows:
        return cut_map(np.asarray(found.directions @ found.right, np.float32), limit_bytes)
    if 4 * n_items * there <= limit_bytes:
        return np.asarray(Z.T @ (found.directions @ found.right), np.float32), 1.0
    strength = found.values * np.square(found.right).sum(axis=1)
    rank = max(1, limit_bytes // (4 * (n_items + there)))
    best = np.sort(np.argsort(-strength, kind="stable")[:rank])
    left = np.asarray(Z.T @ found.directions[:, best], np.float32)
    whole = float(strength.sum())
    return (left, found.right[best]), float(strength[best].sum()) / whole if whole else 1.0


def rows_of(whole: Map, rows: slice, weights: NDArray[np.float64]) -> Map:
    """Return some rows of a map, each times its weight."""
    if isinstance(whole, tuple):
        return np.asarray(whole[0][rows] * weights[:, None], np.float32), whole[1]
    if isinstance(whole, np.ndarray):
        return np.asarray(whole[rows] * weights[:, None], np.float32)
    return sparse.csr_matrix(sparse.diags(weights) @ whole[rows], dtype=np.float32)


def memory(rows: int, columns: int, there: int) -> int:
    """Return roughly how many bytes ``solved`` and ``served`` need at their peak."""
    smaller = min(rows, columns)
    return 32 * smaller**2 + 16 * smaller * there + 8 * smaller * max(rows, columns)
