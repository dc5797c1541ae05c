"""Ratings from scores."""

from dataclasses import replace

import numpy as np
import pytest

from foretaste import DataError, FactorModel, RatingScale, Roster, UnknownIdError
from foretaste.testing import fit_once, rating_world, taste_world
from foretaste_baseline import Popular, RatingItem, RatingItemUser


@pytest.fixture(scope="module")
def model() -> FactorModel:
    """Everybody's score is the item's bias; films rated from 1 to 5."""
    roster = Roster.of(rating_world())
    n_users, n_items = len(roster.users), len(roster.items)
    bias = np.linspace(-4, 4, n_items).astype(np.float32)
    offset = np.linspace(-0.5, 0.5, n_users).astype(np.float32)
    scale = RatingScale(3.0, offset, np.full(n_items, 0.25, np.float32), 1, 5)
    vectors = np.ones((n_users, 1), np.float32), np.zeros((n_items, 1), np.float32)
    return FactorModel(roster.rating(scale), *vectors, item_bias=bias)


def test_a_rating_is_mean_person_and_score(model: FactorModel) -> None:
    user, items = model.roster.users.ids[10], model.roster.items.ids.to_list()
    score = model.score([user] * len(items), items)
    expected = np.clip(3 + model.roster.rating_scale.user_offset[10] + score, 1, 5)
    np.testing.assert_allclose(model.predict([user] * len(items), items), expected, rtol=1e-6)


def test_ratings_are_clipped_to_the_range(model: FactorModel) -> None:
    user, items = model.roster.users.ids[0], model.roster.items.ids.to_list()
    found = model.predict([user] * len(items), items)
    assert (found.min(), found.max()) == (1, 5)


def test_a_stranger_is_predicted_the_average_of_the_item(model: FactorModel) -> None:
    assert model.predict(["nobody"], [model.roster.items.ids[0]]).tolist() == [3.25]


def test_a_person_whom_the_model_does_not_place_keeps_the_own_offset(model: FactorModel) -> None:
    roster = model.roster.popular_where(np.ones(len(model.roster.users), bool))
    popular = FactorModel(roster, model.user_factors, model.item_factors)
    assert popular.predict([roster.users.ids[0]], [roster.items.ids[0]]).tolist() == [2.75]


def test_predict_is_there_only_where_ratings_are() -> None:
    world = rating_world()
    assert hasattr(fit_once(RatingItem(), world), "predict")
    lists_only = fit_once(Popular(), world)
    assert not lists_only.predicts_ratings
    assert not hasattr(lists_only, "predict")
    with pytest.raises(AttributeError, match="predicts no ratings"):
        lists_only.predict(["a0"], ["film-a0"])
    with pytest.raises(ValueError, match="predicts no ratings"):
        lists_only.predict_rows(np.array([0]), np.array([0]))


def test_an_unknown_item_is_an_error(model: FactorModel) -> None:
    with pytest.raises(UnknownIdError, match="films has no item 'book-a0'"):
        model.predict(["nobody"], ["book-a0"])


def test_as_many_users_as_items_are_wanted(model: FactorModel) -> None:
    with pytest.raises(DataError, match="predict: found 2 users and 1 items, expected equal numbers"):
        model.predict(["nobody", "a0"], [model.roster.items.ids[0]])


def test_a_scale_must_fit_the_roster(model: FactorModel) -> None:
    scale = replace(model.roster.rating_scale, user_offset=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"user_offset: found shape \(3,\), expected"):
        model.roster.rating(scale)


@pytest.mark.parametrize("bounds", [(5, 1), (4, 5), (-np.inf, 5), (np.nan, 5)])
def test_bounds_in_the_wrong_order_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="lowest, mean, highest: found"):
        RatingScale(3.0, np.zeros(1, np.float32), np.zeros(1, np.float32), *bounds)


def test_the_world_of_lists_has_no_ratings_to_predict() -> None:
    from foretaste import PairFacts

    facts = [PairFacts.of(taste_world().pair)]
    assert RatingItemUser().objection(facts) == "needs ratings (explicit feedback) in the target"
