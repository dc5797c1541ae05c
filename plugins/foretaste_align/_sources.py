"""Linear maps between embedding spaces, and how much each of several sources is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foretaste import Correction, Encoder
from foretaste_align._lesson import Lesson, Vectors

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Map:
    """x -> x matrix + offset, and what a correction adds; ``matrix`` (source d, target d), ``offset`` (target d,)."""

    matrix: Vectors
    offset: Vectors
    correction: Correction | None = None

    def __call__(self, X: Vectors) -> Vectors:
        """Return the mapped rows."""
        straight = np.asarray(X @ self.matrix + self.offset, np.float32)
        return straight if self.correction is None else straight + self.correction.added(X)

    def shrunk(self, center: Vectors, share: float) -> Map:
        """Return center + share * (map - center)."""
        return Map(
            np.asarray(share * self.matrix, np.float32),
            np.asarray(share * self.offset + (1 - share) * center, np.float32),
            None if self.correction is None else self.correction.scaled(share),
        )

    def onto(self, encoder: Encoder) -> Encoder:
        """Return the encoder followed by this map."""
        return replace(encoder, matrix=self.matrix, offset=self.offset, correction=self.correction)


def held_out(lesson: Lesson, learn: Callable[[Lesson], Map], rng: np.random.Generator) -> Vectors:
    """Return what the people of a lesson are mapped to (n, target d) by maps that did not see them."""
    fold = rng.permutation(len(lesson)) % _FOLDS
    found = np.zeros(lesson.y.shape, np.float32)
    for one in range(min(_FOLDS, len(lesson))):
        found[fold == one] = learn(lesson.some(np.flatnonzero(fold != one)))(lesson.x[fold == one])
    return found


def shared_between(
    people: Mapping[str, NDArray[np.int64]],
    lessons: Mapping[str, Lesson],
    own: Vectors,
    learn: Callable[[Lesson], Map],
    rng: np.random.Generator,
) -> tuple[Vectors, dict[str, float]]:
    """Return the mean own vector and each source's share s_d >= 0, learnt on people whom their maps did not see.

    min sum_u w_u ||own_u - center - sum_d s_d (mapped_du - center)||^2 over people with history on both sides; a source
    that has no history of a person says nothing of them. A source that only harms gets 0. ``people`` are the rows, in
    ``own``, of each lesson.
    """
    from scipy.optimize import nnls

    everybody = np.unique(np.concatenate(list(people.values())))
    w = np.zeros(len(everybody))
    for name, rows in people.items():
        w[np.searchsorted(everybody, rows)] = lessons[name].weights
    center = np.average(own[everybody], axis=0, weights=np.maximum(w, 1e-12)).astype(np.float32)
    root = np.sqrt(w)[:, None]
    columns = []
    for name, rows in people.items():
        mapped = held_out(lessons[name], learn, rng)
        said = np.zeros((len(everybody), own.shape[1]))
        said[np.searchsorted(everybody, rows)] = mapped - center
        columns.append((said * root).ravel())
    A, b = np.stack(columns, axis=1), ((own[everybody] - center) * root).ravel()
    # the normal equations of so few columns: R of A = QR has the same solution as A
    gram, right = A.T @ A, A.T @ b
    lower = np.linalg.cholesky(gram + 1e-9 * max(float(np.trace(gram)), 1e-12) * np.eye(len(gram)))
    shares, _ = nnls(lower.T, np.linalg.solve(lower, right))
    return center, dict(zip(people, shares.tolist(), strict=True))
