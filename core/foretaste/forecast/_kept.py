"""What source histories add for people with target rows: a ridge regression from kernels of people, with and without.

K = a + K_target + w K_source. With w = 0 it is the target alone. As in a leave-one-out, each person is predicted by the
fit without them, but from the rows that they keep: their own row of the kernel is made of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.forecast._judged import Judged, judged, served
from foretaste.forecast._kernel import CONSTANT, STRENGTHS, kernel_of, size_of
from foretaste.forecast._newcomers import rarity, tempered
from foretaste.forecast._sample import FEWEST, Sample
from foretaste.solvers import kernel_ridge

ROWS: Final = (3, 10, 21)
"""How many of their first target rows people keep, to be judged on the others."""
_MOST_JUDGED: Final = 600
_WEIGHTS: Final = (0.3, 1.0)


def kept(sample: Sample, dealt: NDArray[np.int64], seed: int) -> list[Judged]:
    """Judge people who keep some rows; levels with fewer than ``FEWEST`` people are left out.

    ``dealt`` (n,) says whose source history each person has in the control.
    """
    levels = [one for rows in ROWS if (one := _Level.of(sample, rows, seed)) is not None]
    if not levels:
        return []
    source = kernel_of(tempered(sample.source))
    nothing = np.zeros_like(source)
    joint = _values(sample, levels, source, _WEIGHTS)
    permuted = _values(sample, levels, source[np.ix_(dealt, dealt)], _WEIGHTS)
    alone = _values(sample, levels, nothing, (0.0,))
    return [
        Judged(one.rows, one.people, *(served(values, sample.parts[one.people]) for values in of_level))
        for one, *of_level in zip(levels, joint, alone, permuted, strict=True)
    ]


def _values(
    sample: Sample, levels: Sequence[_Level], source: NDArray[np.float64], weights: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Return for each level (settings, people): every strength with every weight of the source, and popularity last."""
    target = _Target.of(sample.target)
    from_target = kernel_of(target.histories)
    found: list[list[NDArray[np.float64]]] = [[] for _ in levels]
    for strength, weight in product(STRENGTHS, weights):
        kernel = CONSTANT + from_target + weight * source
        inverse = kernel_ridge(kernel, sparse.identity(len(sample), np.float64, "csr"), strength).coefficients
        for level, values in zip(levels, found, strict=True):
            rows = CONSTANT + target.rows(level.visible) + weight * source[level.people]
            values.append(judged(_predicted(rows, inverse, level.people, sample), level.hidden, level.had))
    for level, values in zip(levels, found, strict=True):
        others = sample.popularity - sample.target[level.people].toarray()
        values.append(judged(others, level.hidden, level.had))
    return [np.array(values) for values in found]


@dataclass(frozen=True, eq=False)
class _Level:
    rows: int
    people: NDArray[np.int64]
    visible: sparse.csr_matrix
    had: sparse.csr_matrix
    hidden: sparse.csr_matrix

    @classmethod
    def of(cls, sample: Sample, rows: int, seed: int) -> _Level | None:
        hidden = _where(sample.target, _at(sample.order, sample.target) > rows)
        people = np.flatnonzero(hidden.getnnz(axis=1) > 0)
        if len(people) < FEWEST:
            return None
        rng = np.random.default_rng([seed, 12, rows])
        people = np.sort(rng.permutation(people)[:_MOST_JUDGED])
        visible = _where(sample.target, _at(sample.order, sample.target) <= rows)
        had = _where(sample.order, sample.order.data <= rows)
        return cls(rows, people, visible[people], had[people], hidden[people])


@dataclass(frozen=True, eq=False)
class _Target:
    """Target histories as the kernel sees them; those of people who keep some rows only are brought in likewise."""

    histories: sparse.csr_matrix
    rarity: NDArray[np.float64]
    size: float

    @classmethod
    def of(cls, history: sparse.csr_matrix) -> _Target:
        found = tempered(history)
        return cls(found, rarity(history), size_of(found))

    def rows(self, visible: sparse.csr_matrix) -> NDArray[np.float64]:
        length = np.sqrt(np.maximum(np.diff(visible.indptr), 1))
        brought = sparse.diags(1 / length) @ visible @ sparse.diags(self.rarity)
        return np.asarray((brought @ self.histories.T).toarray()) / self.size


def _predicted(
    rows: NDArray[np.float64], inverse: NDArray[np.float32], people: NDArray[np.int64], sample: Sample
) -> NDArray[np.float32]:
    """Return (people, items) what the fit without a person predicts for them from the kernel ``rows`` (people, n)."""
    place = np.arange(len(people))
    rows[place, people] = 0
    weights = rows.astype(np.float32) @ inverse
    weights -= (weights[place, people] / inverse[people, people])[:, None] * inverse[people]
    weights[place, people] = 0  # as it is but for rounding, by which a person's own row would break ties
    return np.asarray((sample.target.T @ weights.T).T, np.float32)


def _at(matrix: sparse.csr_matrix, places: sparse.csr_matrix) -> NDArray[np.float32]:
    """Return the values of ``matrix`` where ``places``, which stores no more than it does, stores something."""
    found = matrix.multiply(places).tocsr()
    found.sort_indices()
    return np.asarray(found.data)


def _where(matrix: sparse.csr_matrix, keep: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Return ones where ``keep`` says so of the stored entries."""
    ends = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sparse.csr_matrix((np.ones(int(keep.sum()), np.float32), matrix.indices[keep], ends), matrix.shape)
