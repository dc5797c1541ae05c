"""The training loop: LightFM epoch by epoch, with other features left out in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import StrategyError
from foretaste_lightfm._lessons import Lessons

_NEGATIVES = 3
"""Items drawn for each preferred one, for the loss that draws none itself."""


def learn(
    lessons: Lessons,
    model: Any,
    *,
    epochs: int,
    dropout: float,
    threads: int,
    rng: np.random.Generator,
    before: Callable[[int], None],
) -> None:
    """Fit a LightFM model; ``before`` is called with the number of each epoch. StrategyError where it diverges."""
    for epoch in range(1, epochs + 1):
        before(epoch)
        features, rows = drawn(lessons, dropout, rng, draws_negatives=model.loss != "logistic")
        weights = sparse.coo_matrix((lessons.weights[rows.row], (rows.row, rows.col)), shape=rows.shape)
        try:
            with np.errstate(invalid="ignore"):  # of weights that are not finite LightFM tells more than NumPy does
                model.fit_partial(
                    rows,
                    user_features=features,
                    item_features=lessons.items,
                    sample_weight=weights,
                    num_threads=threads,
                )
        except ValueError as error:
            raise StrategyError(
                f"lightfm/side-features: epoch {epoch} of {epochs}: {error}; found learning_rate"
                f" {model.learning_rate:g}, expected a smaller one"
            ) from error


def drawn(
    lessons: Lessons, dropout: float, rng: np.random.Generator, *, draws_negatives: bool
) -> tuple[sparse.csr_matrix, sparse.coo_matrix]:
    """Return the features of one epoch, and the rows to learn: 1 preferred, 0 passed over, -1 negative.

    Somebody of whom something is known is a newcomer with probability ``dropout``: nothing but that is read. Of those
    that are none, as many are people who came later: they have no column of their own. A half of what they had is read,
    and the other half is learnt from it.
    """
    H, people = lessons.preference, lessons.preference.shape[0]
    known = lessons.known.getnnz(axis=1) > 0
    newcomer = known & (rng.random(people) < dropout)
    later = lessons.guests | (rng.random(people) < dropout)
    row = np.repeat(np.arange(people), np.diff(H.indptr))
    read = ~newcomer[row] & (rng.random(H.nnz) < 0.5)
    had = sparse.csr_matrix((H.data[read], (row[read], H.indices[read])), shape=H.shape)
    features = lessons.features(had, ~(newcomer | later))
    if draws_negatives:
        # what is read stays in the matrix: it is no negative either
        return features, _labelled(row, H.indices, np.where(read, 0, 1), H.shape)
    left = np.flatnonzero(~read)
    others = np.repeat(row[left], _NEGATIVES)
    items = rng.integers(0, H.shape[1], len(others))
    labels = np.repeat([1, -1], [len(left), len(others)])
    return features, _labelled(
        np.concatenate([row[left], others]), np.concatenate([H.indices[left], items]), labels, H.shape
    )


def _labelled(
    rows: NDArray[Any], columns: NDArray[Any], labels: NDArray[Any], shape: tuple[int, int]
) -> sparse.coo_matrix:
    where = rows.astype(np.int32), columns.astype(np.int32)
    return sparse.coo_matrix((labels.astype(np.float32), where), shape=shape)
