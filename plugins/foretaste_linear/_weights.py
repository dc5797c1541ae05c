"""From counts to what evidence says of target items: a sparse map, and what is the same for all pairs never counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import sealed
from foretaste_linear._counts import Counts


@dataclass(frozen=True, eq=False)
class Weights:
    """w_ij is ``map`` (evidence items, target items) plus ``offset`` (target items,); ``note`` says what is missing."""

    map: sparse.csr_matrix
    offset: NDArray[np.float32]
    note: str | None


def multinomial(counts: Counts, smoothing: float) -> Weights:
    """w_ij = log((C_ij + s) / (C_i. + s m)) = log(1 + C_ij / s) - log(C_i. / s + m)."""
    data = counts.together.data / np.float32(smoothing)
    np.log1p(data, out=data)
    return _weights(counts, data, -np.log(counts.of_target / smoothing + counts.together.shape[0]))


def complement(counts: Counts, smoothing: float) -> Weights:
    """w_ij = log((A_j + s) / (A_j - C_ij + s)) + log((T - C_i. + s m) / (T + s m))."""
    whole = np.repeat((counts.of_evidence + smoothing).astype(np.float32), np.diff(counts.together.indptr))
    data = counts.together.data / whole
    np.log1p(np.negative(data, out=data), out=data)
    total = counts.of_evidence.sum() + smoothing * counts.together.shape[0]
    return _weights(counts, np.negative(data, out=data), np.log1p(-counts.of_target / total))


def _weights(counts: Counts, data: NDArray[np.float32], offset: NDArray[np.float64]) -> Weights:
    found = counts.together
    item_map = sealed(sparse.csr_matrix((data, found.indices, found.indptr), found.shape))
    note = f"pairs counted up to {counts.least:g} times, {1 - counts.kept:.2%} of all that was counted"
    return Weights(item_map, offset.astype(np.float32), note if counts.least else None)
