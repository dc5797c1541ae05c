"""linear/ease: the formula in both forms, its limit without the source, shared items, and what it cannot serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import HistoryModel, PairFacts, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import (
    StrategyContract,
    fit_once,
    item_world,
    newcomer_lift,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)
from foretaste_baseline import Ease as TargetEase
from foretaste_linear import Ease

SMALL: dict[str, Any] = {"regularization": 10.0}


class TestEase(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease


class TestEaseWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease

    def world(self) -> Transfer:
        return two_source_world()


class TestEaseWithSharedItems(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease

    def world(self) -> Transfer:
        return item_world()


def fitted(world: Transfer, **params: Any) -> HistoryModel:
    found = fit_once(Ease(**{**SMALL, **params}), world)
    assert isinstance(found, HistoryModel)
    return found


def joint_map(J: NDArray[np.float64], regularization: float) -> NDArray[np.float64]:
    P = np.linalg.inv(J.T @ J + regularization * np.eye(J.shape[1]))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return B


@pytest.mark.parametrize("make", [taste_world, two_source_world])
@pytest.mark.parametrize("weight", [0.1, 1.0])
def test_maps_are_those_of_all_domains_together(make: Any, weight: float) -> None:
    world = make()
    model = fitted(world, weight=weight)
    ours = (world.target.interactions.preference.toarray() > 0).astype(float)
    theirs = [(pair.source_history.toarray() > 0).astype(float) for pair in world.pairs]
    B = joint_map(np.hstack([ours, *(weight**0.5 * one for one in theirs)]), 10.0)[:, : ours.shape[1]]
    start = ours.shape[1]
    np.testing.assert_allclose(model.sides[world.target.name].map, B[:start], atol=1e-4)
    for pair, one in zip(world.pairs, theirs, strict=True):
        expected = weight**0.5 * B[start : start + one.shape[1]]
        np.testing.assert_allclose(model.sides[pair.source.name].map, expected, atol=1e-4)
        start += one.shape[1]


def test_solved_over_people_and_over_items_it_is_the_same() -> None:
    rng = np.random.default_rng(0)
    parts = {
        "films": sparse.csr_matrix((rng.random((40, 15)) < 0.3).astype(np.float32)),
        "books": sparse.csr_matrix((rng.random((40, 20)) < 0.3).astype(np.float32)),
    }
    strategy = Ease(**SMALL)
    over_items = strategy._solved(parts, "films")
    wide = {name: sparse.hstack([part, sparse.csr_matrix((40, 30))], format="csr") for name, part in parts.items()}
    over_people = strategy._solved(wide, "films")
    np.testing.assert_allclose(over_people["films"][:15, :15], over_items["films"], atol=1e-4)
    np.testing.assert_allclose(over_people["books"][:20, :15], over_items["books"], atol=1e-4)


@pytest.mark.parametrize("make", [taste_world, item_world])
def test_without_weight_it_is_the_targets_own_ease(make: Any) -> None:
    world = make()
    alone = fit_once(TargetEase(regularization=10.0, popularity=0.03), world)
    model, warm = fitted(world, weight=0.0), world.target.interactions.history > 0
    people = world.target.interactions.users.take(np.flatnonzero(warm))
    assert set(model.sides) == {world.target.name}
    items = model.roster.items.ids.to_list()
    for person in people[:10]:
        ours, theirs = (one.score([person] * len(items), items) for one in (model, alone))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_gain_where_taste_carries_over(seed: int) -> None:
    assert newcomer_lift(Ease(), taste_world(seed=seed)) > 0.08


def test_newcomers_gain_nothing_where_it_does_not() -> None:
    lifts = [newcomer_lift(Ease(), unrelated_world(seed=seed)) for seed in range(3)]
    assert np.mean(lifts) < 0.02


def test_people_of_the_source_teach_what_shared_items_say() -> None:
    world = item_world()
    pair, ours = world.pair, (world.target.interactions.preference.toarray() > 0).astype(float)
    theirs = (pair.source.interactions.preference.toarray() > 0).astype(float) @ (pair.item_links.toarray() > 0)
    B = joint_map(np.vstack([ours, 0.3**0.5 * (theirs > 0)]), 10.0)
    np.testing.assert_allclose(fitted(world).sides[world.target.name].map, B, atol=1e-4)


def test_shared_items_serve_who_brings_a_history_of_the_source() -> None:
    world = item_world()
    model = fitted(world)
    had = world.pair.source.interactions.items.ids.to_list()[:3]
    answer = model.recommend_for({world.pair.source.name: had}, 5)
    assert answer.path == "folded-in"
    assert np.mean([taste_of(item) == taste_of(had[0]) for item in answer.items]) > 0.5


def test_it_says_what_it_cannot_serve() -> None:
    facts = PairFacts.of(taste_world().pair)
    assert Ease().objection([facts]) is None
    assert Ease().objection([replace(facts, shared_users=0)]) == "needs shared users or shared items, there are none"
    large = replace(facts, target_users=90_000, source_items=60_000, target_items=50_000)
    assert Ease().objection([large]) == (
        "needs 117.8 GiB for 90000 people and 110000 items of all domains, the limit is 2 GiB;"
        " align/prior and linear/naive-bayes take less"
    )
