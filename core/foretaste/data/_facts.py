"""Measured properties of a pair: the only things that a registry rule may test."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.data._interactions import Interactions
from foretaste.data._transfer import DomainPair


@dataclass(frozen=True)
class PairFacts:
    """Facts of one pair, measured on training rows so that hidden rows cannot leak into a choice.

    None means *not available*: such a fact never satisfies a condition.
    """

    shared_users: int
    """people with rows on both sides"""
    user_overlap: float
    """shared_users / target users with rows, 0-1"""
    newcomers: int
    """people with source rows and no target row"""
    shared_items: int
    """items joined by id or link that have rows on both sides"""
    item_overlap: float
    """shared_items / target items with rows, 0-1"""
    linked_users: int
    """user links, counted; equal ids of shared users are links too"""
    linked_items: int
    """item links, counted; equal ids of shared items are links too"""
    source_users: int
    """source users with rows"""
    target_users: int
    """target users with rows"""
    source_items: int
    """source items with rows"""
    target_items: int
    """target items with rows"""
    source_interactions: int
    """source rows"""
    target_interactions: int
    """target rows"""
    source_density: float
    """rows / (users x items), 0-1"""
    target_density: float
    """rows / (users x items), 0-1"""
    source_feedback: str
    """explicit or implicit"""
    target_feedback: str
    """explicit or implicit"""
    source_history: float | None
    """median source rows of shared people"""
    target_history: float | None
    """median target rows of shared people"""
    source_skew: float
    """Gini coefficient of item popularity, 0-1"""
    target_skew: float
    """Gini coefficient of item popularity, 0-1"""
    user_features: bool
    """both domains bring user features"""
    source_user_features: bool
    """the source brings user features"""
    target_user_features: bool
    """the target brings user features"""
    item_features: bool
    """both domains bring item features"""
    timestamps: bool
    """both domains bring times"""
    time_overlap: float | None
    """share of the target's time span that the source's covers, 0-1"""

    @classmethod
    def names(cls) -> list[str]:
        """Return the names that a rule may test."""
        return [f.name for f in fields(cls)]

    def as_dict(self) -> dict[str, Any]:
        """Return each name with its value."""
        return asdict(self)

    @classmethod
    def of(cls, pair: DomainPair) -> PairFacts:
        """Measure a pair."""
        here, there = pair.source.interactions, pair.target.interactions
        shared = pair.shared_people
        active = int((there.history > 0).sum())
        items = int((there.popularity_of_rows > 0).sum())
        common = _shared_items(pair)
        return cls(
            shared_users=len(shared),
            user_overlap=len(shared) / active if active else 0.0,
            newcomers=int(((pair.source_length > 0) & (there.history == 0)).sum()),
            shared_items=common,
            item_overlap=common / items if items else 0.0,
            linked_users=0 if pair.user_links is None else pair.user_links.nnz,
            linked_items=0 if pair.item_links is None else pair.item_links.nnz,
            source_users=int((here.history > 0).sum()),
            target_users=active,
            source_items=int((here.popularity_of_rows > 0).sum()),
            target_items=items,
            source_interactions=len(here),
            target_interactions=len(there),
            source_density=_density(here),
            target_density=_density(there),
            source_feedback=here.feedback.kind,
            target_feedback=there.feedback.kind,
            source_history=float(np.median(pair.source_length[shared])) if len(shared) else None,
            target_history=float(np.median(there.history[shared])) if len(shared) else None,
            source_skew=gini(here.popularity),
            target_skew=gini(there.popularity),
            user_features=pair.source.user_features is not None and pair.target.user_features is not None,
            source_user_features=pair.source.user_features is not None,
            target_user_features=pair.target.user_features is not None,
            item_features=pair.source.item_features is not None and pair.target.item_features is not None,
            timestamps=here.times is not None and there.times is not None,
            time_overlap=_time_overlap(here.times, there.times),
        )


def gini(counts: NDArray[np.float64]) -> float:
    """Gini coefficient of the positive counts: 0 where all are equal, towards 1 where few hold all."""
    held = np.sort(counts[counts > 0])
    if not len(held):
        return 0.0
    ranks = np.arange(1, len(held) + 1)
    return float(2 * (ranks * held).sum() / (len(held) * held.sum()) - (len(held) + 1) / len(held))


def _density(rows: Interactions) -> float:
    cells = int((rows.history > 0).sum()) * int((rows.popularity_of_rows > 0).sum())
    return len(rows) / cells if cells else 0.0


def _shared_items(pair: DomainPair) -> int:
    if pair.item_links is None:
        return 0
    links = pair.item_links.tocoo()
    live = (pair.source.interactions.popularity_of_rows[links.row] > 0) & (
        pair.target.interactions.popularity_of_rows[links.col] > 0
    )
    return len(np.unique(links.col[live]))


def _time_overlap(here: NDArray[np.float64] | None, there: NDArray[np.float64] | None) -> float | None:
    if here is None or there is None or not len(here) or not len(there):
        return None
    span = float(there.max() - there.min())
    met = min(float(here.max()), float(there.max())) - max(float(here.min()), float(there.min()))
    return max(0.0, met) / span if span > 0 else float(met >= 0)
