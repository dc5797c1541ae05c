"""How many people had both: sparse products of histories, in blocks, within a limit of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_BLOCK_ENTRIES = 16_000_000
_ENTRY_BYTES = 8  # a float32 and an int32


@dataclass(frozen=True, eq=False)
class People:
    """The same people's ``evidence`` (people, evidence items) and ``target`` (people, target items), as ones.

    Where both are one object, an item is no evidence for itself. Each of them counts ``weight`` people.
    """

    evidence: sparse.csr_matrix
    target: sparse.csr_matrix
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Counts:
    """``together`` (evidence items, target items) float32: how many people had both.

    ``of_evidence`` and ``of_target`` float64 are its sums over rows and columns as they were before small counts were
    dropped for lack of room; ``least`` is the greatest that was, 0 where all are there.
    """

    together: sparse.csr_matrix
    of_evidence: NDArray[np.float64]
    of_target: NDArray[np.float64]
    least: float = 0.0

    @property
    def kept(self) -> float:
        """The share of all that was counted that is still there."""
        whole = float(self.of_target.sum())
        return float(self.together.sum(dtype=np.float64)) / whole if whole else 1.0

    @classmethod
    def of(cls, together: sparse.csr_matrix, limit_bytes: int) -> Counts:
        """Return what was counted already, and fits the limit."""
        rows = np.asarray(together.sum(axis=1, dtype=np.float64)).ravel()
        columns = np.bincount(together.indices, together.data, together.shape[1]).astype(np.float64)
        least = _least([together], limit_bytes // _ENTRY_BYTES)
        return cls(_above(together, least), rows, columns, least)


def counted(groups: Sequence[People], limit_bytes: int | None = None) -> Counts:
    """Count people who had both; ``together`` takes at most ``limit_bytes`` (None: whatever it takes).

    Beyond it the smallest counts go, all that are equal together. No more than a block of it, and what is kept, is
    ever in memory.
    """
    shape = groups[0].evidence.shape[1], groups[0].target.shape[1]
    most = None if limit_bytes is None else limit_bytes // _ENTRY_BYTES
    kept: list[sparse.csr_matrix] = []
    of_evidence, of_target, least = [], np.zeros(shape[1]), 0.0
    for block in _blocks(groups):
        of_evidence.append(np.asarray(block.sum(axis=1, dtype=np.float64)).ravel())
        of_target += np.bincount(block.indices, block.data, shape[1])
        kept.append(_above(block, least))
        if most is not None and (too_small := _least(kept, most)):
            least, kept = too_small, [_above(one, too_small) for one in kept]
    return Counts(_stacked(kept, shape), np.concatenate([np.zeros(0), *of_evidence]), of_target, least)


def _blocks(groups: Sequence[People]) -> Iterator[sparse.csr_matrix]:
    """Yield the counts of some evidence items after the other: as many as surely fit a block, one at least."""
    sides = [(sparse.csr_matrix(one.evidence.T), one) for one in groups]
    work = sum(rows @ np.diff(one.target.indptr).astype(np.float64) for rows, one in sides)
    start, n = 0, groups[0].evidence.shape[1]
    reached = np.cumsum(work)
    while start < n:
        done = reached[start - 1] if start else 0.0
        stop = max(start + 1, int(np.searchsorted(reached, done + _BLOCK_ENTRIES, side="right")))
        parts = [_product(rows[start:stop], one, start) for rows, one in sides]
        yield sparse.csr_matrix(sum(parts[1:], parts[0]), dtype=np.float32)
        start = stop


def _product(evidence: sparse.csr_matrix, people: People, start: int) -> sparse.csr_matrix:
    found = sparse.csr_matrix(evidence @ people.target, dtype=np.float32)
    if people.evidence is people.target:
        rows = np.repeat(np.arange(start, start + found.shape[0]), np.diff(found.indptr))
        found.data[found.indices == rows] = 0
        found.eliminate_zeros()
    if people.weight != 1:
        found.data *= np.float32(people.weight)
    return found


def _least(blocks: Sequence[sparse.csr_matrix], most: int) -> float:
    """Return the greatest count that must go, for no more than ``most`` entries to be left; 0 where all may stay."""
    beyond = sum(one.nnz for one in blocks) - most
    if beyond <= 0:
        return 0.0
    return float(np.partition(np.concatenate([one.data for one in blocks]), beyond - 1)[beyond - 1])


def _above(block: sparse.csr_matrix, least: float) -> sparse.csr_matrix:
    """Return the entries above ``least``, in arrays of their own."""
    if not least:
        return block
    keep = block.data > least
    ends = np.concatenate([[0], np.cumsum(keep)])[block.indptr]
    return sparse.csr_matrix((block.data[keep], block.indices[keep], ends), block.shape)


def _stacked(blocks: list[sparse.csr_matrix], shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return the blocks as one matrix, and empty the list on the way: both would not fit."""
    lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(one.indptr) for one in blocks)])
    ends = np.concatenate([[0], np.cumsum(lengths)])
    data, indices = np.empty(ends[-1], np.float32), np.empty(ends[-1], np.int32)
    start = 0
    while blocks:
        one = blocks.pop(0)
        data[start : start + one.nnz], indices[start : start + one.nnz] = one.data, one.indices
        start += one.nnz
    whole = sparse.csr_matrix((data, indices, ends), shape)
    whole.sort_indices()
    return whole
