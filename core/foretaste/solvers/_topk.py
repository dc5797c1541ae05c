"""The k best columns of every row, exactly, a block of rows at a time.

Sorting whole rows is what makes top-k slow. Instead the columns are cut into groups of neighbours; only the
k groups with the largest maxima can hold the k best columns, and only their members are looked at. Ties
stay exact because groups are runs of consecutive columns: where a group's maximum ties, the group to the
left is preferred, as the column to the left would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from foretaste.solvers._checks import check_count, check_csr, check_dense

BlockScores = Callable[[int, int, NDArray[np.float32]], None]
Best = tuple[NDArray[np.int64], NDArray[np.float32]]

_BLOCK_BYTES = 32 * 2**20
_CACHED_BYTES = 8 * 2**20  # a matmul's result is still in the cache when the maxima are taken
_FEWEST_ROWS = 32  # a matmul of fewer rows spends its time reading the right-hand side


def top_k(
    block_scores: BlockScores,
    n_rows: int,
    n_columns: int,
    k: int,
    *,
    exclude: csr_matrix | None = None,
    allow: NDArray[np.bool_] | None = None,
    block_rows: int | None = None,
) -> Best:
    """Return the columns (n_rows, k) int64 and scores (n_rows, k) float32 of the k best columns of every row.

    ``block_scores(start, stop, out)`` must fill all of ``out`` (stop - start, n_columns), float32 and
    C-contiguous, with the scores of those rows; the buffer is used again for the next block. Columns come
    by falling score, equal scores by rising column. Stored entries of ``exclude`` (n_rows, n_columns),
    zeros too, and columns that ``allow`` (n_columns,) marks False are never returned, nor is a score of
    -inf; where fewer than k candidates are left the row ends in -1 with -inf. ``block_rows`` defaults to as
    many as fit 32 MB.

    Raises ValueError where a candidate's score is NaN.
    """
    _check(n_rows, n_columns, k, exclude, allow)
    if block_rows is None:
        block_rows = max(1, _BLOCK_BYTES // (4 * max(1, n_columns)))
    check_count("block_rows", block_rows)
    forbidden = None if allow is None else ~allow

    def fill(start: int, stop: int, out: NDArray[np.float32]) -> None:
        block_scores(start, stop, out)
        if forbidden is not None:
            np.copyto(out, -np.inf, where=forbidden)
        if exclude is not None:
            _shut_out(out, exclude, start, stop, None)

    return _best_by_block(fill, n_rows, _Layout.of(n_columns, k, interleaved=False), k, block_rows)


def top_k_dot(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    k: int,
    *,
    bias: NDArray[np.float32] | None = None,
    exclude: csr_matrix | None = None,
    allow: NDArray[np.bool_] | None = None,
) -> Best:
    """Return what ``top_k`` does for the scores ``left @ right.T + bias`` of a factor model.

    ``left`` is (n_rows, d), ``right`` (n_columns, d), ``bias`` (n_columns,) or None; sums are taken in
    float32. Columns outside ``allow`` are not scored at all. Holds a buffer of about 8 MB (32 MB at
    most) beside copies of the factors, and may be called from several threads at once.
    """
    n_rows, width = check_dense("left", left, None, None, finite=False).shape
    n_columns = check_dense("right", right, None, width, finite=False).shape[0]
    if bias is not None:
        bias = check_dense("bias", bias, n_columns, finite=False).astype(np.float32)
    _check(n_rows, n_columns, k, exclude, allow)
    allowed = np.arange(n_columns) if allow is None else np.flatnonzero(allow)
    # For a few rows it would cost more to reorder the columns than it saves.
    layout = _Layout.of(len(allowed), k, interleaved=n_rows >= _FEWEST_ROWS)
    position = None
    if layout.interleaved or allow is not None:
        columns = allowed[layout.column_at()]
        position = np.full(n_columns, -1)
        position[columns] = np.arange(len(columns))
        right = right[columns]
        bias = None if bias is None else bias[columns]
    left, right = (np.ascontiguousarray(factors, dtype=np.float32) for factors in (left, right))

    def fill(start: int, stop: int, out: NDArray[np.float32]) -> None:
        np.matmul(left[start:stop], right.T, out=out)
        if bias is not None:
            np.add(out, bias, out=out)
        if exclude is not None:
            _shut_out(out, exclude, start, stop, position)

    row_bytes = 4 * max(1, len(allowed))
    block_rows = max(1, _CACHED_BYTES // row_bytes, min(_FEWEST_ROWS, _BLOCK_BYTES // row_bytes))
    best, scores = _best_by_block(fill, n_rows, layout, k, block_rows)
    found = best >= 0
    best[found] = allowed[best[found]]
    return best, scores


@dataclass(frozen=True)
class _Layout:
    """Where the columns of a block lie: ``n_groups`` groups of ``size`` neighbours, then a tail of fewer.

    Interleaved, a block holds the first member of every group, then the second of every group and so on, so
    that group maxima are taken along whole vectors: ten times faster, where we may choose the order of the
    columns.
    """

    n_columns: int
    size: int
    n_groups: int
    interleaved: bool

    @classmethod
    def of(cls, n_columns: int, k: int, *, interleaved: bool) -> _Layout:
        size = isqrt(n_columns // k)  # as many group maxima to look through as members of the k best groups
        grouping_pays = size >= 4
        return cls(n_columns, max(1, size), n_columns // size if grouping_pays else 0, interleaved)

    @property
    def n_grouped(self) -> int:
        return self.size * self.n_groups

    def grouped(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the view (rows, n_groups, size) of a block's columns before the tail."""
        whole = block[:, : self.n_grouped]
        if self.interleaved:
            return whole.reshape(len(block), self.size, self.n_groups).transpose(0, 2, 1)
        return whole.reshape(len(block), self.n_groups, self.size)

    def column_at(self) -> NDArray[np.int64]:
        """Return which column lies at each position of a block."""
        columns = np.arange(self.n_columns)
        if not self.interleaved:
            return columns
        columns[: self.n_grouped] = columns[: self.n_grouped].reshape(self.n_groups, self.size).T.ravel()
        return columns


def _best_by_block(fill: BlockScores, n_rows: int, layout: _Layout, k: int, block_rows: int) -> Best:
    columns = np.full((n_rows, k), -1, dtype=np.int64)
    scores = np.full((n_rows, k), -np.inf, dtype=np.float32)
    buffer = np.empty((min(block_rows, n_rows), layout.n_columns), dtype=np.float32)
    width = min(k, layout.n_columns)
    for start in range(0, n_rows, block_rows):
        stop = min(start + block_rows, n_rows)
        block = buffer[: stop - start]
        fill(start, stop, block)
        columns[start:stop, :width], scores[start:stop, :width] = _best_of_block(block, layout, k)
    columns[scores == -np.inf] = -1
    return columns, scores


def _best_of_block(block: NDArray[np.float32], layout: _Layout, k: int) -> Best:
    candidates = tail = block[:, layout.n_grouped :]
    rows = np.arange(len(block))[:, None]
    if layout.n_groups:
        grouped = layout.grouped(block)
        maxima = grouped.max(axis=2)
        _refuse_nan(maxima)
        groups = np.sort(_largest(maxima, k), axis=1)
        members = grouped[rows, groups].reshape(len(block), -1)
        candidates = np.hstack([members, tail])
    _refuse_nan(tail)
    best = _largest(candidates, k)
    scores = np.take_along_axis(candidates, best, axis=1)
    if layout.n_groups:
        group, member = np.divmod(best, layout.size)
        in_tail = group >= k
        of_group = groups[rows, np.where(in_tail, 0, group)] * layout.size + member
        best = np.where(in_tail, layout.n_grouped + best - k * layout.size, of_group)
    return best, scores


def _largest(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the positions (rows, k) of the k largest by falling score, equal ones by rising position."""
    width = scores.shape[1]
    if k >= width:
        return np.argsort(-scores, axis=1, kind="stable")
    best = np.sort(np.argpartition(scores, width - k, axis=1)[:, width - k :], axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    least = values.min(axis=1)
    tied = (np.count_nonzero(scores >= least[:, None], axis=1) > k) & (least > -np.inf)
    if tied.any():  # argpartition has kept any of the equal ones
        best[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
        values[tied] = np.take_along_axis(scores[tied], best[tied], axis=1)
    return np.take_along_axis(best, np.argsort(-values, axis=1, kind="stable"), axis=1)


def _shut_out(
    block: NDArray[np.float32], exclude: csr_matrix, start: int, stop: int, position: NDArray[np.int64] | None
) -> None:
    """Write -inf over the stored entries of ``exclude``; ``position`` says where a column lies, -1 for
    nowhere.
    """
    stored = slice(exclude.indptr[start], exclude.indptr[stop])
    rows = np.repeat(np.arange(stop - start), np.diff(exclude.indptr[start : stop + 1]))
    columns = exclude.indices[stored]
    if position is not None:
        columns = position[columns]
        rows, columns = rows[columns >= 0], columns[columns >= 0]
    block[rows, columns] = -np.inf


def _refuse_nan(scores: NDArray[np.float32]) -> None:
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN; expected numbers, with -inf for what must not be returned.")


def _check(n_rows: int, n_columns: int, k: int, exclude: csr_matrix | None, allow: NDArray[np.bool_] | None) -> None:
    check_count("k", k)
    if exclude is not None:
        check_csr("exclude", exclude, n_rows=n_rows, n_columns=n_columns)
    if allow is not None and check_dense("allow", allow, n_columns).dtype != np.bool_:
        raise ValueError(f"allow has dtype {allow.dtype}; expected bool.")
