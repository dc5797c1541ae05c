"""What every recommender knows of its people and items, whatever model stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Feedback, Index, Transfer, frozen, frozen_matrix
from foretaste.recommender._rating_scale import RatingScale

AnswerPath = Literal["known", "newcomer", "folded-in", "popular"]
PATHS: tuple[AnswerPath, ...] = get_args(AnswerPath)
KNOWN, NEWCOMER, FOLDED_IN, POPULAR = range(4)


@dataclass(frozen=True, eq=False)
class Roster:
    """Ids, popularity and what was seen.

    ``popularity`` (items,) float64 counts the people who preferred an item in training; ``seen`` (users, items) holds
    the rows to leave out of an answer, or None where histories were left out of a bundle; ``paths`` (users,) uint8
    says by which path a person is answered: 0 known, 1 newcomer (by what is known from elsewhere), 3 popular.
    ``rating_scale`` makes ratings of scores; None where the model predicts none. ``feedback`` says by domain how values
    were read in training, and so how those of a history that comes with a question are. Raises ValueError where these
    do not fit each other.
    """

    target: str
    sources: tuple[str, ...]
    users: Index
    items: Index
    popularity: NDArray[np.float64]
    paths: NDArray[np.uint8]
    seen: sparse.csr_matrix | None
    rating_scale: RatingScale | None = None
    feedback: Mapping[str, Feedback] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect_shape("popularity", self.popularity, (len(self.items),))
        expect_shape("paths", self.paths, (len(self.users),))
        if len(self.paths) and int(self.paths.max()) > POPULAR:
            raise ValueError(f"paths: found {int(self.paths.max())}, expected 0 to {POPULAR}")
        if self.seen is not None:
            expect_shape("seen", self.seen, (len(self.users), len(self.items)))
        if self.rating_scale is not None:
            expect_shape("user_offset", self.rating_scale.user_offset, (len(self.users),))
            expect_shape("item_offset", self.rating_scale.item_offset, (len(self.items),))
        freeze_fields(self, "popularity", "paths", "seen")

    @classmethod
    def of(cls, transfer: Transfer) -> Roster:
        """Read the roster of a transfer's training data."""
        rows = transfer.target.interactions
        paths = np.full(len(rows.users), POPULAR, np.uint8)
        paths[transfer.source_length > 0] = NEWCOMER
        paths[rows.history > 0] = KNOWN
        sources = tuple(pair.source.name for pair in transfer.pairs)
        domains = (transfer.target, *(pair.source for pair in transfer.pairs))
        return cls(
            transfer.target.name,
            sources,
            rows.users,
            rows.items,
            rows.popularity,
            paths,
            rows.had,
            feedback={one.name: one.interactions.feedback for one in domains},
        )

    @property
    def newcomers(self) -> NDArray[np.bool_]:
        """(users,) who is answered by what is known from elsewhere, without rows in the target."""
        return np.asarray(self.paths == NEWCOMER)

    def popularity_bias(self, weight: float) -> NDArray[np.float32]:
        """Return (items,) ``weight`` times log(1 + popularity), scaled to 1 at the most popular item."""
        popularity = np.log1p(self.popularity)
        return (weight * popularity / max(float(popularity.max()), 1.0)).astype(np.float32)

    def without_source(self) -> Roster:
        """Return the roster of a model that cannot use source history: newcomers are answered by popularity."""
        return self.popular_where(self.newcomers)

    def newcomers_where(self, described: NDArray[np.bool_]) -> Roster:
        """Return the roster with those of these people (users,) who have no rows anywhere answered as newcomers."""
        found = described & (self.paths == POPULAR)
        return replace(self, paths=np.where(found, NEWCOMER, self.paths).astype(np.uint8))

    def rating(self, scale: RatingScale) -> Roster:
        """Return the roster of a model whose scores become ratings on this scale."""
        return replace(self, rating_scale=scale)

    def popular_where(self, unplaced: NDArray[np.bool_]) -> Roster:
        """Return the roster with these people (users,) answered by popularity."""
        return replace(self, paths=np.where(unplaced, POPULAR, self.paths).astype(np.uint8))


def expect_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless ``array``, dense or sparse, has this shape."""
    if tuple(array.shape) != shape:
        raise ValueError(f"{name}: found shape {tuple(array.shape)}, expected {shape}")


def freeze_fields(holder: Any, *names: str, dtype: Any = None) -> None:
    """Freeze what a frozen dataclass holds under these names, arrays or matrices; None stays None."""
    for name in names:
        held = getattr(holder, name)
        if held is not None:
            freeze = frozen_matrix if sparse.issparse(held) else frozen
            object.__setattr__(holder, name, freeze(held, dtype))
