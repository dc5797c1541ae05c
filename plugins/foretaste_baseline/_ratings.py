"""The four trivial predictions of a rating: the mean, and what the item and the person deviate from it.

Published tables of predicted ratings across domains often leave these out, and are beaten by them. They are measured
where a run asks for rmse or mae. Lists are by popularity: predicted means say little of what is preferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import (
    Carried,
    Context,
    Domain,
    HistoryModel,
    Interactions,
    PairFacts,
    RatingScale,
    Roster,
    Search,
    Strategy,
    Transfer,
)
from foretaste.solvers import rating_biases


class RatingMean(Strategy):
    """Predicts mu, the mean of the target's ratings."""

    name: ClassVar[str] = "baseline/rating-mean"
    baseline: ClassVar[bool] = True
    predicts_ratings: ClassVar[bool] = True

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Means need ratings."""
        implicit = any(one.target_feedback != "explicit" for one in facts)
        return "needs ratings (explicit feedback) in the target" if implicit else None

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Take the mean."""
        return _predicting(transfer)


class RatingItem(RatingMean):
    """Predicts mu + b_i, b_i the damped mean of what the item's ratings deviate from mu (Koren 2010, see
    foretaste.solvers.rating_biases).
    """

    name: ClassVar[str] = "baseline/rating-item"

    item_damping: Annotated[float, Field(ge=0), Search(2.0, 5.0, 10.0, 25.0)] = 10.0
    """Added to the number of an item's ratings: draws the bias of items with few to zero."""

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Take the items' biases."""
        return _predicting(transfer, item_damping=self.item_damping)


class RatingUser(RatingMean):
    """Predicts mu + b_u, b_u the damped mean of what the person's ratings deviate from their mean, in the source and,
    where there are some, in the target. Source ratings on another scale are stretched to the target's.
    """

    name: ClassVar[str] = "baseline/rating-user"

    user_damping: Annotated[float, Field(ge=0), Search(2.0, 5.0, 10.0, 25.0)] = 10.0
    """Added to the number of a person's ratings: draws the bias of people with few to zero."""

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Take the people's biases."""
        return _predicting(transfer, user_damping=self.user_damping)


class RatingItemUser(RatingItem, RatingUser):
    """Predicts mu + b_i + b_u; b_u is what ratings deviate from mu + b_i, each domain with a mu and b_i of its own."""

    name: ClassVar[str] = "baseline/rating-item-user"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        """Take both."""
        return _predicting(transfer, item_damping=self.item_damping, user_damping=self.user_damping)


def _predicting(
    transfer: Transfer, item_damping: float | None = None, user_damping: float | None = None
) -> HistoryModel:
    """Return the popular list, with ratings of the mean and of the biases that have a damping."""
    rows = transfer.target.interactions
    mean, item = _item_bias(rows, item_damping)
    roster = Roster.of(transfer).without_source()
    user = np.zeros(len(rows.users)) if user_damping is None else _user_bias(transfer, item_damping, user_damping)
    offsets = user.astype(np.float32), item.astype(np.float32)
    scale = RatingScale(mean, *offsets, float(rows.values.min()), float(rows.values.max()))
    everybody = np.ones(len(rows.users), bool)
    return HistoryModel(roster.popular_where(everybody).rating(scale), np.log1p(rows.popularity))


def _item_bias(rows: Interactions, damping: float | None) -> tuple[float, NDArray[np.float64]]:
    if damping is None:
        return float(rows.values.mean(dtype=np.float64)), np.zeros(len(rows.items))
    found = rating_biases(rows.ratings, item_damping=damping)
    return found.mean, found.item


def _user_bias(transfer: Transfer, item_damping: float | None, damping: float) -> NDArray[np.float64]:
    """Return (target users,) the damped mean over all ratings of a person, a linked source account's by its weight."""
    target = transfer.target.interactions
    totals, counts = _deviations(target, item_damping)
    for pair in transfer.pairs:
        source = pair.source.interactions
        if pair.user_links is None or source.feedback.kind != "explicit" or not len(source):
            continue
        total, count = _deviations(source, item_damping)
        totals = totals + pair.user_links.T @ total * (_width(target) / _width(source))
        counts = counts + pair.user_links.T @ count
    return np.asarray(totals / np.maximum(counts + damping, 1e-9))


def _deviations(rows: Interactions, item_damping: float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return per person the sum of what ratings deviate from mean and item, and their number."""
    mean, item = _item_bias(rows, item_damping)
    deviation = rows.values - mean - item[rows.item_rows]
    n_users = len(rows.users)
    totals = np.bincount(rows.user_rows, weights=deviation, minlength=n_users).astype(np.float64)
    return totals, rows.history.astype(np.float64)


def _width(rows: Interactions) -> float:
    width = float(rows.values.max() - rows.values.min())
    return width if width > 0 else 1.0
