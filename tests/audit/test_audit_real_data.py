"""Counts on two public data sets; skipped where the folder that holds them is missing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from foretaste.audit import audit_pair, find_twins, twins_under_null
from foretaste.data import Domain, Overlap, Transfer

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
AMAZON, DOUBAN = DATA / "amazon_sport_cloth", DATA / "douban_book_music"
BOTH_WAYS = pytest.mark.parametrize(("source", "target"), [("sport", "cloth"), ("cloth", "sport")])

pytestmark = pytest.mark.skipif(
    not (AMAZON.is_dir() and DOUBAN.is_dir()), reason="the public data sets are not beside the checkout"
)


def pair_of(folder, source, target):
    sides = []
    for name in (source, target):
        table = pl.read_parquet(folder / f"{name}.parquet", columns=["user_id", "item_id", "rating"])
        sides.append(Domain.from_frame(table, name))
    return Transfer.of(*sides, Overlap("users")).pair


@BOTH_WAYS
def test_the_products_that_amazon_lists_twice_are_found(source, target):
    pair = pair_of(AMAZON, source, target)
    twins = find_twins(pair)
    items = pair.source.interactions.items, pair.target.interactions.items
    found = set(zip(items[0].take(twins.source_rows), items[1].take(twins.target_rows), strict=True))
    known = pl.read_parquet(AMAZON / "twin_items.parquet").filter(pl.col("n_common") >= 3)
    listed = set(zip(known[f"{source}_item"], known[f"{target}_item"], strict=True))
    assert len(listed & found) >= 0.9 * len(listed)
    assert twins_under_null(pair, seed=0) <= 0.01 * len(twins)


@BOTH_WAYS
def test_amazons_official_test_leaks(source, target):
    pair = pair_of(AMAZON, source, target)
    test = pl.read_parquet(AMAZON / f"{target}_official_split.parquet").filter(pl.col("split") == "test")
    rows = pair.target.interactions
    report = audit_pair(pair, (rows.users.rows(test["user_id"]), rows.items.rows(test["item_id"])), seed=0)
    assert report.leaks
    assert report.test_rows_given_away == pytest.approx(0.20, abs=0.02)


@pytest.mark.parametrize(("source", "target"), [("book", "music"), ("music", "book")])
def test_douban_has_hardly_any_twins(source, target):
    assert len(find_twins(pair_of(DOUBAN, source, target))) <= 5
