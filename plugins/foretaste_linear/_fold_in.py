"""How people who come later are read: least squares over all items in place of a machine over some."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Encoder, Transfer
from foretaste_linear._binary import binary
from foretaste_linear._item_space import ItemSpace
from foretaste_linear._people_svm import People


def encoders(transfer: Transfer, space: ItemSpace, people: People, regularization: float) -> dict[str, Encoder]:
    """Return an encoder for the target, and one for each source that something is taken over of.

    A preference counts for as many items not had as there are for each on the average, so that likes and dislikes
    count alike. The target's vectors are as long as the machines', those of a source are mapped to what people without
    target history have.
    """
    target = transfer.target.interactions
    histories = binary(target.preference)
    own = _encoder(space.target, histories, regularization)
    folded = Encoder(target.items, *own).fold_in(histories)[people.here]
    length = _length(folded, people.weights[people.here, :-1])
    vectors, firm, alpha = own
    found = {
        transfer.target.name: Encoder(target.items, vectors / length, firm / length**2, alpha, histories=histories)
    }
    for pair in transfer.pairs if people.gamma else ():
        histories, items = binary(pair.source_history), pair.source.interactions.items
        plain = _encoder(space.sources[pair.source.name], histories, regularization)
        known = np.flatnonzero(histories.getnnz(axis=1))
        if len(known):
            folded = Encoder(items, *plain).fold_in(histories[known])
            matrix = _map(folded, people.gamma * people.sources[known, :-1])
            found[pair.source.name] = Encoder(items, *plain, matrix=matrix, histories=histories)
    return found


def _encoder(
    vectors: NDArray[np.float32], histories: sparse.csr_matrix, regularization: float
) -> tuple[NDArray[np.float32], float, float]:
    """Return item vectors, regularization and alpha."""
    people = max(int((histories.getnnz(axis=1) > 0).sum()), 1)
    alpha = max(histories.shape[1] * people / max(histories.nnz, 1), 1.0)
    size = float(np.square(vectors).sum(axis=1).mean()) or 1.0
    return vectors, alpha * regularization * size, alpha


def _length(folded: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the factor that brings folded-in vectors nearest to the machines' weights."""
    own = float(np.square(folded, dtype=np.float64).sum())
    factor = float((folded * weights).sum()) / own if own else 1.0
    return factor if factor > 0 else 1.0


def _map(folded: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    X = folded.astype(np.float64)
    gram = X.T @ X
    firm = 0.01 * np.trace(gram) / len(gram) or 1.0
    return np.asarray(np.linalg.solve(gram + firm * np.eye(len(gram)), X.T @ weights), np.float32)
