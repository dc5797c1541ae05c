"""What people did with items, validated once and frozen after."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data._frozen import frozen, sealed
from foretaste.data._index import Index


@dataclass(frozen=True)
class Feedback:
    """How values are to be read.

    ``explicit``: values are ratings; a row is *preferred* where the rating is at least ``positive_min``.
    ``implicit``: values are strengths (counts, seconds); every row above 0 is preferred, with weight 1 (``binary``),
    log(1 + value) (``log1p``) or the value itself (``raw``).
    """

    kind: Literal["explicit", "implicit"] = "implicit"
    positive_min: float = 4.0
    weighting: Literal["binary", "log1p", "raw"] = "binary"

    def weights(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each value (n,) weighs as a preference, 0 where it is none."""
        if self.kind == "explicit":
            return (values >= self.positive_min).astype(np.float32)
        if self.weighting == "binary":
            return (values > 0).astype(np.float32)
        return np.asarray(np.log1p(values) if self.weighting == "log1p" else values, np.float32)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Rows of (user, item, value, time); at most one row per user and item.

    ``user_rows`` and ``item_rows`` are int64 places in the two indexes, ``values`` float32, ``times`` float64
    seconds or None, ``splits`` the names of a given split (an object array of str) or None. All have shape (n,).
    ``dropped`` are rows that nothing is learnt from, as they are below a minimum: people had these items all the same.
    Arrays are read-only, a caller's own stay as they are. ``preference`` and ``ratings`` can be written to only because
    the compiled code of implicit and LightFM takes no read-only matrix: nobody does.
    """

    users: Index
    items: Index
    user_rows: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    values: NDArray[np.float32]
    times: NDArray[np.float64] | None = None
    splits: NDArray[Any] | None = None
    feedback: Feedback = Feedback()
    dropped: Interactions | None = None

    def __post_init__(self) -> None:
        for name in ("user_rows", "item_rows", "values", "times", "splits"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, frozen(array))

    def __len__(self) -> int:
        return len(self.user_rows)

    @property
    def shape(self) -> tuple[int, int]:
        """(users, items) of every matrix view."""
        return len(self.users), len(self.items)

    @cached_property
    def preferred(self) -> NDArray[np.bool_]:
        """(n,) which rows count as a preference."""
        return sealed(self.feedback.weights(self.values) > 0)

    @cached_property
    def preference(self) -> sparse.csr_matrix:
        """(users, items) float32: the preferred rows, weighted as ``feedback`` says."""
        keep = self.preferred
        return self._matrix(keep, self.feedback.weights(self.values[keep]))

    @cached_property
    def ratings(self) -> sparse.csr_matrix:
        """(users, items) float32: values as given; explicit feedback only."""
        if self.feedback.kind != "explicit":
            raise ValueError("implicit feedback has no ratings")
        return self._matrix(np.ones(len(self), bool), self.values)

    @cached_property
    def seen(self) -> sparse.csr_matrix:
        """(users, items) float32 ones for all rows, disliked ones too."""
        return sealed(self._matrix(np.ones(len(self), bool), np.ones(len(self), np.float32)))

    @cached_property
    def had(self) -> sparse.csr_matrix:
        """(users, items) what nobody is recommended again: the rows that are seen, and those that were dropped."""
        return self.seen if self.dropped is None else sealed(self.seen + self.dropped.had)

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """(items,) how many people preferred each item."""
        return sealed(np.bincount(self.item_rows[self.preferred], minlength=len(self.items)).astype(np.float64))

    @cached_property
    def popularity_of_rows(self) -> NDArray[np.int64]:
        """(items,) how many rows each item has, disliked ones too."""
        return sealed(np.bincount(self.item_rows, minlength=len(self.items)))

    @cached_property
    def history(self) -> NDArray[np.int64]:
        """(users,) how many rows each person has."""
        return sealed(np.bincount(self.user_rows, minlength=len(self.users)))

    def _matrix(self, keep: NDArray[np.bool_], weights: NDArray[np.float32]) -> sparse.csr_matrix:
        where = (self.user_rows[keep], self.item_rows[keep])
        matrix = sparse.csr_matrix((weights.astype(np.float32), where), shape=self.shape)
        matrix.sort_indices()
        return matrix

    @cached_property
    def fingerprint(self) -> str:
        """A hash of ids, rows, values, times and splits: equal for equal interactions, whatever they were read from."""
        digest = hashlib.blake2b(digest_size=16)
        for index in (self.users, self.items):
            digest.update(index.ids.hash(seed=1).to_numpy().tobytes())
        for array in (self.user_rows, self.item_rows, self.values, self.times):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
        if self.splits is not None:
            digest.update("\n".join(self.splits).encode())
        digest.update(repr(self.feedback).encode())
        return digest.hexdigest()

    def take(self, keep: NDArray[Any]) -> Interactions:
        """Return the rows that ``keep`` (a mask or row numbers) selects; the indexes stay as they are."""
        return replace(
            self,
            user_rows=sealed(self.user_rows[keep]),
            item_rows=sealed(self.item_rows[keep]),
            values=sealed(self.values[keep]),
            times=None if self.times is None else sealed(self.times[keep]),
            splits=None if self.splits is None else sealed(self.splits[keep]),
        )

    def onto(self, users: Index, items: Index) -> Interactions:
        """Return the rows whose ids are in these indexes, in the same order."""
        user_rows, item_rows = users.rows(self.users.ids)[self.user_rows], items.rows(self.items.ids)[self.item_rows]
        keep = (user_rows >= 0) & (item_rows >= 0)
        return replace(
            self.take(keep),
            users=users,
            items=items,
            user_rows=sealed(user_rows[keep]),
            item_rows=sealed(item_rows[keep]),
            dropped=None if self.dropped is None else self.dropped.onto(users, items),
        )

    def for_users(self, users: Index) -> Interactions:
        """Return the same rows over an index that starts with this one's users."""
        return self if users is self.users else replace(self, users=users)
