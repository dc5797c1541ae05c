"""For plugin authors: toy worlds whose right answer is known, and the contract that every strategy must keep.

A test file needs no more than ``class TestMine(StrategyContract): strategy = Mine``.
"""

from foretaste.testing._contract import StrategyContract
from foretaste.testing._fit import fit_once, newcomer_lift
from foretaste.testing._worlds import (
    item_world,
    linked_world,
    rating_world,
    save_world,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)

__all__ = [
    "StrategyContract",
    "fit_once",
    "item_world",
    "linked_world",
    "newcomer_lift",
    "rating_world",
    "save_world",
    "taste_of",
    "taste_world",
    "two_source_world",
    "unrelated_world",
]
