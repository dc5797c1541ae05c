"""A rotation from source embeddings to target embeddings, or a ridge map shrunk towards it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from foretaste import Context
from foretaste.solvers import weighted_ridge
from foretaste_align._lesson import Lesson, Vectors
from foretaste_align._mapped import Mapped
from foretaste_align._ridge import penalty
from foretaste_align._sources import Map

_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)


class Procrustes(Mapped):
    """The orthogonal map that brings source vectors nearest to target vectors, scaled and weighted: R = U V' with
    U S V' the singular value decomposition of X'W Y, both sides centred, scale = tr(S) / tr(X'W X). Source: Schönemann,
    A generalized solution of the orthogonal Procrustes problem, Psychometrika 31, 1966.

    It has d (d - 1) / 2 parameters where a free map has d^2, and suits few shared people. ``shrunk`` pulls a ridge map
    towards it, (X'W X + l I) M = X'W Y + l scale R, with l by exact leave-one-out: l = 0 is the free map, an endless l
    the rotation. Vectors of different lengths are padded with zeros.
    """

    name: ClassVar[str] = "align/procrustes"
    settings: ClassVar[tuple[Mapping[str, object], ...]] = (
        {"alpha": 4.0, "regularization": 30.0},
        {"alpha": 4.0, "regularization": 30.0, "shrunk": False},
        {"alpha": 10.0, "regularization": 30.0, "factors": 32, "source_factors": 32},
        {"regularization": 3.0, "popularity": 0.1},
        # small data: strong regularization leaves zeros, in the source only what is popular
        {"factors": 16, "source_factors": 16, "regularization": 0.1, "kappa": 10.0, "popularity": 0.3, "shrunk": False},
        {"factors": 16, "source_factors": 16, "regularization": 1.0, "kappa": 10.0, "popularity": 0.1},
        {"factors": 32, "source_factors": 32, "regularization": 1.0, "kappa": 10.0, "popularity": 0.05},
    )

    shrunk: bool = True
    """Whether a free map is pulled towards the rotation as far as leave-one-out says, or the rotation is the map."""

    def learn(self, lesson: Lesson, context: Context) -> Map:
        """Solve by singular values; shrunk, the normal equations as well."""
        X, Y, weights = lesson.x, lesson.y, lesson.weights
        rotation = _rotation(X, Y, weights)
        if not self.shrunk:
            return rotation
        strength = penalty(X, 1.0) * min(_PENALTIES, key=lambda share: _left_out(X, Y, weights, rotation, share))
        return Map(*weighted_ridge(X, Y, strength, weights=weights, toward=rotation.matrix))


def _rotation(X: Vectors, Y: Vectors, weights: NDArray[np.float64]) -> Map:
    x_mean, y_mean = (np.average(one, axis=0, weights=weights) for one in (X, Y))
    x, y = X - x_mean, Y - y_mean
    weighted = x * weights[:, None]
    # of different lengths, the shorter side padded with zeros: the same as thin singular vectors
    left, strengths, right = np.linalg.svd(weighted.T @ y, full_matrices=False)
    scale = strengths.sum() / max(float((weighted * x).sum()), 1e-12)
    matrix = scale * left @ right
    return Map(matrix.astype(np.float32), (y_mean - x_mean @ matrix).astype(np.float32))


def _left_out(X: Vectors, Y: Vectors, weights: NDArray[np.float64], rotation: Map, share: float) -> float:
    """Return the weighted squared error of each row's prediction without it, exact but for the means.

    A row's residual without it is its residual divided by 1 - leverage; see weighted least squares in any textbook.
    """
    x = X - np.average(X, axis=0, weights=weights)
    y = Y - np.average(Y, axis=0, weights=weights)
    weighted = x * weights[:, None]
    strength = penalty(X, share)
    inverse = np.linalg.inv(weighted.T @ x + strength * np.eye(x.shape[1]))
    solved = inverse @ (weighted.T @ y + strength * rotation.matrix)
    leverage = np.einsum("nd,nd->n", weighted @ inverse, x) + weights / weights.sum()
    residual = (y - x @ solved) / np.maximum(1 - leverage, 1e-6)[:, None]
    return float((weights[:, None] * residual**2).sum())
