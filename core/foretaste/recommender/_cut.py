"""Dense maps cut down to a size that a server can hold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import sealed
from foretaste.recommender._map import ItemMap
from foretaste.solvers import top_k

_ENTRY_BYTES = 8  # a float32 and an int32
_SMALL = 500  # below this a full SVD costs little


def cut_map(
    item_map: NDArray[np.float32], limit_bytes: int, *, form: Literal["sparse", "factors"] = "sparse"
) -> tuple[ItemMap, float]:
    """Return a map (n, m) that fits ``limit_bytes``, and the share of the squared norm that it keeps.

    What fits stays dense, as it is. ``sparse`` keeps the entries of greatest magnitude in each target column (the upper
    row among equals), the same number in each, and gives what is left of the limit to the columns' next ones, the
    greatest first; the limit holds for data and indices. ``factors`` is the truncated SVD of the greatest rank that
    fits, its singular values shared by both factors. What is cut comes back read-only, so that a recommender need not
    copy it. Raises ValueError for a limit that holds nothing.
    """
    dense = np.asarray(item_map, np.float32)
    if dense.nbytes <= limit_bytes:
        return dense, 1.0
    norm = float(np.square(dense, dtype=np.float64).sum())
    kept_map, kept = (_strongest if form == "sparse" else _factored)(dense, int(limit_bytes))
    return kept_map, kept / norm if norm else 1.0


def _strongest(dense: NDArray[np.float32], limit_bytes: int) -> tuple[ItemMap, float]:
    n, m = dense.shape
    entries = limit_bytes // _ENTRY_BYTES
    if entries < 1:
        raise ValueError(f"limit_bytes: found {limit_bytes}, expected at least {_ENTRY_BYTES}, for one entry")
    each, left = divmod(entries, m)

    def magnitudes(start: int, stop: int, out: NDArray[np.float32]) -> None:
        np.abs(dense[:, start:stop].T, out=out)

    rows, strength = top_k(magnitudes, m, n, each + 1)  # an entry here is twice a dense one: each is below n / 2
    keep = strength > 0
    following = np.argsort(-strength[:, each], kind="stable")
    keep[following[left:], each] = False
    columns = np.broadcast_to(np.arange(m)[:, None], rows.shape)[keep]
    data = dense[rows[keep], columns]
    matrix = sparse.csr_matrix((data, (rows[keep], columns)), shape=dense.shape)
    return sealed(matrix), float(np.square(data, dtype=np.float64).sum())


def _factored(dense: NDArray[np.float32], limit_bytes: int) -> tuple[ItemMap, float]:
    n, m = dense.shape
    rank = limit_bytes // (4 * (n + m))
    if rank < 1:
        raise ValueError(f"limit_bytes: found {limit_bytes}, expected at least {4 * (n + m)}, for rank 1")
    left, values, right = _svd(dense.astype(np.float64), min(rank, n, m))
    root = np.sqrt(values)
    halves = left * root, root[:, None] * right
    first, second = (sealed(np.ascontiguousarray(half, np.float32)) for half in halves)
    return (first, second), float((values**2).sum())


def _svd(dense: NDArray[np.float64], rank: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    smaller = min(dense.shape)
    if smaller <= _SMALL or rank > smaller // 4:
        left, values, right = np.linalg.svd(dense, full_matrices=False)
    else:
        from scipy.sparse.linalg import svds

        start = np.full(smaller, smaller**-0.5)  # a fixed one: the default is drawn at random
        left, values, right = svds(dense, k=rank, v0=start)
    order = np.argsort(-values, kind="stable")[:rank]
    return left[:, order], values[order], right[order]
