"""What a minimum drops from training was had all the same."""

from __future__ import annotations

import polars as pl

from foretaste import Domain, Overlap, Transfer
from foretaste.evaluation import prepared
from foretaste.recommender import Roster
from foretaste.testing import fit_once
from foretaste_baseline import Popular


def test_an_item_of_a_person_with_too_few_rows_is_not_recommended_to_them_again() -> None:
    rows = {"user_id": ["ann", "bob", "bob", "cat", "cat"], "item_id": ["tea", "tea", "milk", "tea", "milk"]}
    shop = Domain.from_frame(pl.DataFrame(rows), "drugstore", minimum={"user": 2})
    grocery = Domain.from_frame(pl.DataFrame(rows), "grocery")
    train = prepared(Transfer.of(grocery, shop, Overlap("users")))
    model = fit_once(Popular(), train)
    assert [answer.items for answer in model.recommend(["ann", "bob"], 2)] == [["milk"], []]
    assert Roster.of(train).popularity.tolist() == [2.0, 2.0]
