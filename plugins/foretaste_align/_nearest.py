"""The items of another domain that are most alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_BLOCK_CELLS = 4_000_000


def nearest(here: sparse.csr_matrix, there: sparse.csr_matrix, neighbours: int, threshold: float) -> sparse.csr_matrix:
    """Return (rows of ``there``, rows of ``here``) the cosines of each row's nearest, those below ``threshold`` left
    out; rows of both have length 1.
    """
    columns = sparse.csr_matrix(here.T)
    block = max(1, _BLOCK_CELLS // max(here.shape[0], 1))
    parts = [
        _strongest((there[start : start + block] @ columns).toarray(), neighbours, threshold)
        for start in range(0, there.shape[0], block)
    ]
    empty = sparse.csr_matrix((0, here.shape[0]), dtype=np.float32)
    return sparse.csr_matrix(sparse.vstack([empty, *parts], format="csr"))


def _strongest(cosines: NDArray[np.float32], neighbours: int, threshold: float) -> sparse.csr_matrix:
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :neighbours]
    best = np.take_along_axis(cosines, order, axis=1)
    rows = np.repeat(np.arange(len(cosines)), order.shape[1])
    keep = (best >= threshold).ravel()
    found = (best.ravel()[keep], (rows[keep], order.ravel()[keep]))
    return sparse.csr_matrix(found, shape=cosines.shape)
