"""Linear maps between embedding spaces, and how much each of several sources is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from foretaste import Encoder

Vectors = NDArray[np.float32]
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Map:
    """x -> x matrix + offset; ``matrix`` (source d, target d), ``offset`` (target d,)."""

    matrix: Vectors
    offset: Vectors

    def __call__(self, X: Vectors) -> Vectors:
        """Return the mapped rows."""
        return np.asarray(X @ self.matrix + self.offset, np.float32)

    def shrunk(self, center: Vectors, share: float) -> Map:
        """Return center + share * (map - center)."""
        return Map(
            np.asarray(share * self.matrix, np.float32),
            np.asarray(share * self.offset + (1 - share) * center, np.float32),
        )

    def onto(self, encoder: Encoder) -> Encoder:
        """Return the encoder followed by this map."""
        return replace(encoder, matrix=self.matrix, offset=self.offset)


def held_out(X: Vectors, learn: Callable[[NDArray[np.int64]], Map], n: int, rng: np.random.Generator) -> Vectors:
    """Return what ``X`` (n, d) is mapped to by maps that did not see the row: ``learn`` is given rows to learn from."""
    fold = rng.permutation(n) % _FOLDS
    parts = [(fold == one, learn(np.flatnonzero(fold != one))) for one in range(min(_FOLDS, n))]
    found = np.zeros((n, parts[0][1].offset.shape[0]), np.float32)
    for mine, mapped in parts:
        found[mine] = mapped(X[mine])
    return found


def shared_between(
    people: Mapping[str, NDArray[np.int64]],
    vectors: Mapping[str, Vectors],
    own: Vectors,
    weights: NDArray[np.float64],
    learn: Callable[[str, NDArray[np.int64]], Map],
    rng: np.random.Generator,
) -> tuple[Vectors, dict[str, float]]:
    """Return the mean own vector and each source's share s_d >= 0, learnt on people whom their maps did not see.

    min sum_u w_u ||own_u - center - sum_d s_d (mapped_du - center)||^2 over people with history on both sides; a source
    that has no history of a person says nothing of them. A source that only harms gets 0.
    """
    from scipy.optimize import nnls

    everybody = np.unique(np.concatenate(list(people.values())))
    w = weights[everybody]
    center = np.average(own[everybody], axis=0, weights=np.maximum(w, 1e-12)).astype(np.float32)
    root = np.sqrt(w)[:, None]
    columns = []
    for name, rows in people.items():
        mapped = held_out(vectors[name][rows], partial(_learn_some, learn, name, rows), len(rows), rng)
        said = np.zeros((len(everybody), own.shape[1]))
        said[np.searchsorted(everybody, rows)] = mapped - center
        columns.append((said * root).ravel())
    A, b = np.stack(columns, axis=1), ((own[everybody] - center) * root).ravel()
    # the normal equations of so few columns: R of A = QR has the same solution as A
    gram, right = A.T @ A, A.T @ b
    lower = np.linalg.cholesky(gram + 1e-9 * max(float(np.trace(gram)), 1e-12) * np.eye(len(gram)))
    shares, _ = nnls(lower.T, np.linalg.solve(lower, right))
    return center, dict(zip(people, shares.tolist(), strict=True))


def _learn_some(
    learn: Callable[[str, NDArray[np.int64]], Map], name: str, rows: NDArray[np.int64], some: NDArray[np.int64]
) -> Map:
    return learn(name, rows[some])
