"""The four trivial predictions of a rating."""

from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Overlap, Transfer
from foretaste.evaluation import hold_out, score
from foretaste.experiment import NewcomersHoldout
from foretaste.metrics import RootMeanSquaredError
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, rating_world
from foretaste_baseline import Popular, RatingItem, RatingItemUser, RatingMean, RatingUser


class OfRatings(StrategyContract):
    def world(self) -> Transfer:
        return rating_world()


class TestRatingMean(OfRatings):
    strategy: ClassVar[type[Strategy]] = RatingMean


class TestRatingItem(OfRatings):
    strategy: ClassVar[type[Strategy]] = RatingItem


class TestRatingUser(OfRatings):
    strategy: ClassVar[type[Strategy]] = RatingUser


class TestRatingItemUser(OfRatings):
    strategy: ClassVar[type[Strategy]] = RatingItemUser


def transfer(books: list[tuple[str, str, float]], films: list[tuple[str, str, float]]) -> Transfer:
    columns = ["user_id", "item_id", "rating"]
    source, target = (
        Domain.from_frame(pl.DataFrame(rows, schema=columns, orient="row"), name, feedback="explicit")
        for name, rows in (("books", books), ("films", films))
    )
    return Transfer.of(source, target, Overlap("users"))


TINY = transfer(
    books=[("ann", "b1", 5.0), ("ann", "b2", 5.0), ("bob", "b1", 2.0), ("cid", "b2", 4.0)],
    films=[("bob", "f1", 1.0), ("bob", "f2", 4.0), ("cid", "f1", 4.0)],
)


def test_the_mean_is_the_targets() -> None:
    assert fit_once(RatingMean(), TINY).predict(["ann", "stranger"], ["f1", "f2"]).tolist() == [3, 3]


def test_an_item_has_a_damped_bias() -> None:
    found = fit_once(RatingItem(item_damping=2), TINY)
    np.testing.assert_allclose(found.predict(["ann", "ann"], ["f1", "f2"]), [3 + (-2 + 1) / 4, 3 + 1 / 3], rtol=1e-6)


def test_a_newcomer_has_a_bias_from_the_source() -> None:
    found = fit_once(RatingUser(user_damping=1), TINY)
    assert found.predict(["ann"], ["f1"]).tolist() == pytest.approx([3 + (1 + 1) / (2 + 1)])


def test_own_ratings_in_the_target_count_as_well() -> None:
    found = fit_once(RatingUser(user_damping=1), TINY)
    # bob: 2 of mean 4 in books; 1 and 4 of mean 3 in films
    assert found.predict(["bob"], ["f1"]).tolist() == pytest.approx([3 + (-2 - 2 + 1) / (3 + 1)])


def test_a_wider_scale_in_the_source_is_shrunk_to_the_targets() -> None:
    tens = transfer(
        books=[("ann", "b1", 10.0), ("bob", "b2", 4.0)],
        films=[("bob", "f1", 1.0), ("bob", "f2", 4.0)],
    )
    assert fit_once(RatingUser(user_damping=0), tens).predict(["ann"], ["f1"]).tolist() == pytest.approx([4])
    assert fit_once(RatingUser(user_damping=2), tens).predict(["ann"], ["f1"]).tolist() == pytest.approx([3])


def test_with_both_a_person_deviates_from_the_items() -> None:
    found = fit_once(RatingItemUser(item_damping=0, user_damping=0), TINY)
    # ann rated both books 5, whose means are 3.5 and 4.5: 1 above on average; film f2 has mean 4
    assert found.predict(["ann"], ["f2"]).tolist() == pytest.approx([4])  # 5, clipped to the highest seen
    assert found.predict(["ann"], ["f1"]).tolist() == pytest.approx([2.5 + 1])


def test_lists_are_those_of_popularity() -> None:
    world = rating_world()
    users = world.target.interactions.users.ids.to_list()
    mine, theirs = (fit_once(one, world).recommend(users, 5).to_rows() for one in (RatingItemUser(), Popular()))
    assert [row["item_id"] for row in mine] == [row["item_id"] for row in theirs]


def test_more_knowledge_predicts_newcomers_better() -> None:
    held = hold_out(rating_world(300), NewcomersHoldout(), 0)
    error = {
        one.name: score(fit_once(one, held.train), held, [RootMeanSquaredError()]).overall["rmse"]
        for one in (RatingMean(), RatingItem(), RatingUser(), RatingItemUser())
    }
    assert error["baseline/rating-item-user"] < min(error["baseline/rating-item"], error["baseline/rating-user"])
    assert max(error["baseline/rating-item"], error["baseline/rating-user"]) < error["baseline/rating-mean"]
