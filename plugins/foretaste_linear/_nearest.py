"""Which items are near which, from the people who had both: only the nearest are kept, in blocks of bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.solvers import top_k

Weighting = Literal["cosine", "tf-idf", "bm25"]

_K1, _B = 100.0, 0.8  # of BM25, as implicit has them: items are long documents


@dataclass(frozen=True, eq=False)
class Columns:
    """Weighted histories (people, items) of one domain, and the length (items,) of each item's column.

    The similarity of two items is their columns' product divided by that of their lengths.
    """

    matrix: sparse.csr_matrix
    lengths: NDArray[np.float32]


def columns(history: sparse.csr_matrix, weighting: Weighting, rarity: NDArray[np.float64]) -> Columns:
    """Return the histories of ones (people, items), weighted; ``rarity`` (people,) is large for who has few items."""
    held = np.bincount(history.indices, minlength=history.shape[1])
    people, items = np.ones(history.shape[0]), np.ones(history.shape[1])
    if weighting != "cosine":
        people = rarity
    if weighting == "bm25":
        items = (_K1 + 1) / (_K1 * (1 - _B + _B * held / max(held.mean(), 1e-12)) + 1)
    weighted = sparse.csr_matrix(sparse.diags(people) @ history @ sparse.diags(items), dtype=np.float32)
    if weighting == "bm25":
        return Columns(weighted, np.ones(history.shape[1], np.float32))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=0), np.float32)).ravel()
    return Columns(weighted, np.maximum(lengths, np.float32(1e-6)))


def votes(history: sparse.csr_matrix, target: sparse.csr_matrix) -> tuple[Columns, Columns]:
    """Return columns of histories and of target rows whose products say how people like somebody with an item vote.

    People are compared by the cosine of their histories, items weighted by rarity; all are of ones.
    """
    held = np.bincount(history.indices, minlength=history.shape[1])
    rarity = np.square(np.log((1 + (history.getnnz(axis=1) > 0).sum()) / (1 + held)))
    lengths = np.sqrt(history @ rarity)
    voices = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    parts = history @ sparse.diags(rarity), sparse.diags(voices) @ target
    here, there = (sparse.csr_matrix(part, dtype=np.float32) for part in parts)
    return Columns(here, np.ones(here.shape[1], np.float32)), Columns(there, np.ones(there.shape[1], np.float32))


def nearest(evidence: Columns, target: Columns, k: int, shrinkage: float = 0.0, *, same: bool) -> sparse.csr_matrix:
    """Return (evidence items, target items) float32: for each target item its ``k`` most similar items of a domain.

    ``shrinkage`` is added to the product of lengths. Where both are the ``same`` items, none is its own neighbour.
    """
    by_item = sparse.csr_matrix(target.matrix.T)
    n_items, there = evidence.matrix.shape[1], by_item.shape[0]

    def similarity(start: int, stop: int, out: NDArray[np.float32]) -> None:
        (by_item[start:stop] @ evidence.matrix).toarray(out=out)
        out /= np.outer(target.lengths[start:stop], evidence.lengths) + np.float32(shrinkage)
        if same:
            out[np.arange(stop - start), np.arange(start, stop)] = 0

    found, values = top_k(similarity, there, n_items, min(k, n_items))
    near = values > 0
    places = found[near], np.nonzero(near)[0]
    return sparse.csr_matrix((values[near], places), shape=(n_items, there), dtype=np.float32)
