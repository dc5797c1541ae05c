"""Another market with the same items, none of the people: its counts come in at a discount."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, HistoryModel, Overlap, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, item_world, taste_of
from foretaste_linear import NaiveBayes


class TestNaiveBayesOfAnotherMarket(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes

    def world(self) -> Transfer:
        return item_world()


def fitted(world: Transfer, **params: float) -> HistoryModel:
    found = fit_once(NaiveBayes(**params), world)
    assert isinstance(found, HistoryModel)
    return found


@pytest.mark.parametrize("discount", [0.03, 0.3, 1.0])
def test_counts_are_those_of_scikit_learn_fitted_with_weights_first_there_then_here(discount: float) -> None:
    """One sample per row: what else the person had, the item as class; samples of the other market weigh a discount."""
    from sklearn.naive_bayes import MultinomialNB

    world = item_world()
    pair, rows = world.pair, world.target.interactions
    there = np.asarray((pair.source.interactions.preference @ pair.item_links).todense())
    here = rows.preference.toarray()
    model, classes = MultinomialNB(alpha=0.7), np.arange(len(rows.items))
    for had, weight in ((there, discount), (here, 1.0)):
        people, items = np.nonzero(had)
        others = had[people]
        others[np.arange(len(items)), items] = 0
        model.partial_fit(others, items, classes=classes, sample_weight=np.full(len(items), weight))
    found = fitted(world, discount=discount, smoothing=0.7, power=0.0)
    side = found.sides["market"]
    np.testing.assert_allclose((side.map.toarray() + side.offset).T, model.feature_log_prob_, rtol=1e-5)
    model.class_log_prior_ = np.log1p(model.class_count_)  # n_i, as it is counted there; the prior's sum is left out
    np.testing.assert_allclose(found.item_bias, model.class_log_prior_, rtol=1e-6)
    expected = model.predict_joint_log_proba(here[:20])
    ids = rows.items.ids.to_list()
    for row in range(20):
        mine = found.score([rows.users.ids[row]] * len(ids), ids)
        np.testing.assert_allclose(mine, expected[row], rtol=1e-4)


def test_without_a_discount_it_is_the_target_alone() -> None:
    world = item_world()
    nothing_else = Transfer(world.target, (), world.name)
    one, other = fitted(world, discount=0.0), fitted(nothing_else)
    people = world.target.interactions.users.ids.to_list()
    assert one.recommend(people, 5).to_rows() == other.recommend(people, 5).to_rows()


def test_somebody_with_few_rows_gains_by_the_other_market() -> None:
    """Nine people in ten are left out of the target: what goes with what is known from the other market."""
    world = item_world(240)
    rows = world.target.interactions
    few = world.replaced(rows.take(rows.user_rows % 10 == 0))
    right = []
    for discount in (0.0, 0.3):
        model = fitted(few, discount=discount)
        lists = [model.recommend_for({"market": [f"item-{taste}0"]}, 5).items for taste in "ab"]
        right.append(np.mean([taste_of(item) == taste for taste, one in zip("ab", lists, strict=True) for item in one]))
    assert right[1] > right[0] + 0.1


def test_an_item_of_the_other_market_says_what_its_partner_says() -> None:
    world = item_world()
    source = world.pair.source.interactions
    frame = pl.DataFrame(
        {
            "user_id": source.users.ids.gather(source.user_rows),
            "item_id": "shop-" + source.items.ids.gather(source.item_rows),
        }
    )
    ids = world.target.interactions.items.ids
    links = pl.DataFrame({"from_id": "shop-" + ids, "to_id": ids})
    linked = Transfer.of(Domain.from_frame(frame, "shop"), world.target, Overlap(item_links=links))
    model = fitted(linked)
    answers = [
        model.recommend_for({domain: [item]}, 24) for domain, item in (("shop", "shop-item-a0"), ("market", "item-a0"))
    ]
    there, here = (dict(zip(one.items, one.scores, strict=True)) for one in answers)
    assert {item: there[item] for item in here} == pytest.approx(here, abs=1e-5)
    assert answers[0].path == "folded-in"


def test_an_item_that_is_nowhere_in_the_target_says_nothing() -> None:
    world = item_world()
    frame = pl.DataFrame({"user_id": ["x", "x", "y"], "item_id": ["item-a0", "only-here", "only-here"]})
    one = Transfer.of(Domain.from_frame(frame, "shop"), world.target, Overlap("items"))
    assert fitted(one).recommend_for({"shop": ["only-here"]}, 3).path == "popular"
