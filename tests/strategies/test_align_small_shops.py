"""Shops of a few thousand rows, with short histories and famous items: some setting that is tried must serve them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Overlap, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import newcomer_lift
from foretaste_align import Bridge, Mlp, Prior, Procrustes, Ridge


@pytest.fixture(scope="module")
def small_shops() -> Transfer:
    """Five tastes, 500 people with some nine books and six films each, most of them what everybody has."""
    rng = np.random.default_rng(3)
    taste = rng.integers(5, size=500)
    books, films = (shop(rng, taste, *side) for side in (("books", 120, 9), ("films", 80, 6)))
    return Transfer.of(books, films, Overlap("users"))


def shop(rng: np.random.Generator, taste: np.ndarray, name: str, n_items: int, mean: int) -> Domain:
    fame, kind = rng.zipf(2.2, n_items).clip(1, 8), np.arange(n_items) % 5
    rows = []
    for person, own in enumerate(taste):
        wanted = fame * np.where(kind == own, 6.0, 1.0)
        items = rng.choice(n_items, max(1, rng.poisson(mean)), replace=False, p=wanted / wanted.sum())
        rows.extend((f"u{person}", f"{name}{item}") for item in items)
    return Domain.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"), name)


@pytest.mark.parametrize("strategy", [Ridge, Prior, Procrustes, Mlp, Bridge], ids=lambda one: one.name)
def test_a_small_shop_is_served_by_some_setting_that_is_tried(strategy: type[Strategy], small_shops: Transfer) -> None:
    assert max(newcomer_lift(one, small_shops) for one in strategy().grid([], 8)) > 0.05
