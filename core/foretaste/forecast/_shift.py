"""Whether the people who can be looked at are like those whom a forecast is for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste.data import DomainPair, Interactions
from foretaste.forecast._sample import FEWEST


@dataclass(frozen=True)
class Shift:
    """How much of what two groups of people prefer is the same."""

    people: int
    """people of the other group, beside those with rows on both sides"""
    common: float
    """share of the preferred rows that agree in how they are spread over items, 0-1 (1 - total variation distance)"""
    by_chance: float
    """the same where as many rows are drawn by lot"""

    @property
    def shifted(self) -> bool:
        """Whether the groups differ by more than a twentieth beyond chance."""
        return self.common < self.by_chance - 0.05


def target_shift(pair: DomainPair, seed: int) -> Shift | None:
    """Compare people with both histories with the target's other people, by target rows; None where they are few."""
    return _shift(pair.target.interactions, _members(pair.shared_people, len(pair.target.interactions.users)), seed)


def source_shift(pair: DomainPair, seed: int) -> Shift | None:
    """Compare them with people who have source rows alone, by source rows; None where these are few."""
    if pair.user_links is None:
        return None
    links = pair.user_links.tocoo()
    both = _members(pair.shared_people, pair.user_links.shape[1])
    shared = _members(links.row[both[links.col]], pair.user_links.shape[0])
    linked = _members(links.row, pair.user_links.shape[0])
    rows = pair.source.interactions
    return _shift(rows.take(linked[rows.user_rows]), shared, seed)


def _members(rows: NDArray[np.integer], n: int) -> NDArray[np.bool_]:
    found = np.zeros(n, bool)
    found[rows] = True
    return found


def _shift(rows: Interactions, ours: NDArray[np.bool_], seed: int) -> Shift | None:
    users, items = rows.user_rows[rows.preferred], rows.item_rows[rows.preferred]
    others = len(np.unique(users[~ours[users]]))
    if others < FEWEST or not ours[users].any():
        return None
    group = ours[users]
    # rows are dealt out and not people: a group whose people have few rows spreads over few items by that alone
    dealt = np.random.default_rng([seed, 13]).permutation(group)
    return Shift(others, _common(items, group, len(rows.items)), _common(items, dealt, len(rows.items)))


def _common(items: NDArray[np.int64], ours: NDArray[np.bool_], n_items: int) -> float:
    one, two = (np.bincount(items[group], minlength=n_items) for group in (ours, ~ours))
    return float(np.minimum(one / one.sum(), two / two.sum()).sum())
