"""A history that comes with a question is read as the tables of training were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Overlap, Recommender, Transfer, load_bundle, save_bundle
from foretaste.testing import fit_once, taste_world
from foretaste_align import Ridge


def model_of(values: np.ndarray, **options: Any) -> Recommender:
    """The known world, its films with these values, by the rows' order."""
    world = taste_world()
    rows = world.target.interactions
    ids = {"user_id": rows.users.take(rows.user_rows), "item_id": rows.items.take(rows.item_rows)}
    films = Domain.from_frame(pl.DataFrame({**ids, "weight": np.resize(values, len(rows))}), "films", **options)
    books = world.pair.source
    return fit_once(Ridge(factors=8, source_factors=8, regularization=1.0), Transfer.of(books, films, Overlap("users")))


@pytest.fixture(scope="module")
def rated() -> Recommender:
    return model_of(np.array([5.0, 4.0, 2.0]), feedback="explicit")


def test_a_bad_rating_is_no_liking_and_is_not_recommended(rated: Recommender) -> None:
    liked, disliked = rated.roster.items.ids[:2].to_list()
    brought = rated.recommend_for({"films": {liked: 5.0, disliked: 1.0}}, 20)
    alone = rated.recommend_for({"films": [liked]}, 20)
    assert disliked not in brought.items
    assert brought.items[:19] == [item for item in alone.items if item != disliked][:19]
    assert rated.recommend_for({"films": {liked: 1.0}}).path == "popular"


def test_the_last_of_several_ratings_counts(rated: Recommender) -> None:
    one = rated.roster.items.ids[0]
    assert rated.recommend_for({"films": ([one, one], [1.0, 5.0])}).path == "folded-in"
    assert rated.recommend_for({"films": ([one, one], [5.0, 1.0])}).path == "popular"


def test_ids_and_ratings_may_come_as_iterators(rated: Recommender) -> None:
    one, other = rated.roster.items.ids[:2].to_list()
    brought = rated.recommend_for({"films": (iter([one, other]), iter([5.0, 1.0]))})
    assert brought == rated.recommend_for({"films": {one: 5.0, other: 1.0}})


def test_ratings_may_be_below_zero(rated: Recommender) -> None:
    one, other = rated.roster.items.ids[:2].to_list()
    assert rated.recommend_for({"films": {one: 4.5, other: -3.0}}) == rated.recommend_for({"films": {one: 5, other: 0}})


def test_how_much_somebody_had_of_it_weighs_as_it_did_in_training() -> None:
    counts = np.array([1.0, 7.0, 2.0])
    once, model = model_of(counts), model_of(counts, weighting="log1p")
    items = model.roster.items.ids[:2].to_list()
    some, much = ({"films": dict(zip(items, weights, strict=True))} for weights in ([1, 1], [1, 9]))
    assert once.recommend_for(some) == once.recommend_for(much) == once.recommend_for({"films": items})
    assert model.recommend_for(some) != model.recommend_for(much)
    assert model.recommend_for(much) == model.recommend_for({"films": ([*items, items[1]], [1, 4, 5])})


def test_a_bundle_reads_values_as_the_model_did(rated: Recommender, tmp_path: Path) -> None:
    save_bundle(rated, tmp_path, strategy="align/ridge", params={})
    one, other = rated.roster.items.ids[:2].to_list()
    history = {"films": {one: 5.0, other: 1.0}}
    assert load_bundle(tmp_path).recommend_for(history) == rated.recommend_for(history)
