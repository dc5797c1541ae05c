"""What callers ask with: lists of ids, histories, a number of items. Checked here, at the door."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Feedback, Index
from foretaste.errors import DataError, UnknownIdError
from foretaste.solvers import is_count

History = Iterable[Any] | tuple[Iterable[Any], Iterable[float]] | Mapping[Any, float]
_AS_GIVEN = Feedback(weighting="raw")
"""How bundles read values that were written before they said how."""
_HEAVIEST = 1e9  # sums of squares stay far from the end of single precision


def expect_count(name: str, value: int) -> None:
    """Refuse anything but a whole number of at least one."""
    if not is_count(value):
        raise DataError(f"{name}: found {value!r}, expected a whole number of 1 or more")


def listed(name: str, ids: Iterable[Any]) -> list[Any]:
    """Return ids as a list; a single string would otherwise be read letter by letter."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise DataError(f"{name}: found {ids!r}, expected a list of ids")
    return list(ids)


def known_rows(domain: str, items: list[Any], index: Index) -> NDArray[np.int64]:
    """Return the row of each item; UnknownIdError names the first that the domain lacks."""
    rows = index.rows(items)
    if (rows < 0).any():
        raise UnknownIdError(f"{domain} has no item {items[int(np.argmax(rows < 0))]!r} that this recommender knows")
    return rows


def allowed(items: Index, allow: Iterable[Any] | None, deny: Iterable[Any] | None) -> NDArray[np.bool_] | None:
    """Return which items (items,) may be answered, None for all. Unknown ids are passed over."""
    if allow is None and deny is None:
        return None
    mask = np.full(len(items), allow is None)
    for name, ids, value in (("allow", allow, True), ("deny", deny, False)):
        if ids is not None:
            rows = items.rows(listed(name, ids))
            mask[rows[rows >= 0]] = value
    return mask


def history_rows(
    history: Mapping[str, History],
    indexes: Mapping[str, Index | None],
    rated: Collection[str],
    feedback: Mapping[str, Feedback],
) -> dict[str, sparse.csr_matrix]:
    """Return a row per domain of a history, but for those without an index: that are known, and not read.

    A row holds ratings in the domains of ``rated``, elsewhere preferences, by values that are read as in training.
    """
    if not isinstance(history, Mapping):
        raise DataError(f"history: found {type(history).__name__}, expected a mapping of domains to their ids")
    for name in history:
        if name not in indexes:
            raise DataError(f"history of '{name}': this recommender knows {', '.join(indexes)}")
    read = {name: index for name, index in indexes.items() if name in history and index is not None}
    rows = {}
    for name, items in read.items():
        ids, values = _with_weights(name, history[name])
        if name in rated:
            rows[name] = _rated_row(name, ids, values, items)
        else:
            rows[name] = _row(name, ids, values, items, feedback.get(name, _AS_GIVEN))
    return rows


def without_zeros(row: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a history without the entries of weight zero."""
    kept = row.copy()
    kept.eliminate_zeros()
    return kept


def _row(
    name: str, ids: list[Any], values: NDArray[np.float32] | None, items: Index, feedback: Feedback
) -> sparse.csr_matrix:
    """Return a history as a row (1, items) that stores a weight for each known item, 0 for what is not preferred.

    Ids alone are preferred once each, however often they are named. Strengths of one item add up, and of ratings the
    last counts, before they are read.
    """
    if values is not None and feedback.kind == "explicit":
        rated = _rated_row(name, ids, values, items)
        rated.data = feedback.weights(rated.data)
        return rated
    rows = items.rows(ids)
    if values is None:
        rows = np.unique(rows)
        values = np.ones(len(rows), np.float32)
    if values.shape != rows.shape or not ((values >= 0) & (values <= _HEAVIEST)).all():
        raise DataError(f"history of '{name}': expected one weight per item, from 0 to {_HEAVIEST:g}")
    known = rows >= 0
    where = (np.zeros(int(known.sum()), int), rows[known])
    found = sparse.csr_matrix((values[known], where), shape=(1, len(items)))
    if feedback.kind == "implicit":  # ratings come here as ids alone, which are preferred
        found.data = feedback.weights(found.data)
    return found


def _rated_row(name: str, ids: list[Any], ratings: NDArray[np.float32] | None, items: Index) -> sparse.csr_matrix:
    """Return a history of ratings as a row (1, items) that stores an entry for each known item, the last of several.

    DataError without ratings: what somebody had does not say how they liked it.
    """
    if ratings is None and ids:
        raise DataError(
            f"history of '{name}': found ids alone, expected ratings with them: (ids, ratings), or a mapping"
        )
    found = np.zeros(0, np.float32) if ratings is None else ratings
    rows = items.rows(ids)
    if found.shape != rows.shape or not (np.abs(found) <= _HEAVIEST).all():
        raise DataError(f"history of '{name}': expected one rating per item, a number up to {_HEAVIEST:g}")
    last = {int(row): float(rating) for row, rating in zip(rows, found, strict=True) if row >= 0}
    columns = sorted(last)
    where = (np.zeros(len(columns), int), columns)
    values = np.array([last[column] for column in columns], np.float32)
    return sparse.csr_matrix((values, where), shape=(1, len(items)))


def _with_weights(name: str, given: History) -> tuple[list[Any], NDArray[np.float32] | None]:
    if isinstance(given, Mapping):
        given = tuple(given), tuple(given.values())
    if not (isinstance(given, tuple) and len(given) == 2 and all(_is_list(part) for part in given)):
        return listed(f"history of '{name}'", given), None
    try:
        return list(given[0]), np.asarray(list(given[1]), np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"history of '{name}': weights: {error}") from error


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)
