"""linear/ease: the formula in both forms, its limit without the source, shared items, and what it cannot serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import (
    Domain,
    Features,
    HistoryModel,
    Overlap,
    PairFacts,
    Transfer,
    UnknownIdError,
    feature_matrices,
)
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
from foretaste_linear._joint import Solved, _solved
from strategies.test_align_transport import described_world

SMALL: dict[str, Any] = {"regularization": 10.0, "power": 0.0, "popularity": 0.03}


class TestEase(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease


class TestEaseWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease

    def world(self) -> Transfer:
        return two_source_world()


class TestEaseWithFeatures(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease
    params: ClassVar[dict[str, Any]] = {"feature_weight": 10.0}

    def world(self) -> Transfer:
        return described_world()


class TestEaseWithSharedItems(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease

    def world(self) -> Transfer:
        return item_world()


def told(domain: Domain) -> Domain:
    """Return the domain with the taste of each item."""
    items = domain.interactions.items
    table = pl.DataFrame({"item_id": items.ids, "kind": [taste_of(item) for item in items.ids]})
    return replace(domain, item_features=Features.from_frame(table, items, "item_id", {}, "features"))


def with_features(world: Transfer) -> Transfer:
    pairs = tuple(replace(pair, source=told(pair.source), target=told(world.target)) for pair in world.pairs)
    return replace(world, target=pairs[0].target, pairs=pairs)


def histories(world: Transfer) -> list[NDArray[np.float64]]:
    """Return the ones of the target and of each source, of people who have target rows."""
    matrices = [world.target.interactions.preference, *(pair.source_history for pair in world.pairs)]
    people = np.flatnonzero(matrices[0].getnnz(axis=1))
    return [(one[people].toarray() > 0).astype(float) for one in matrices]


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
    ours, *theirs = histories(world)
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
    counts = {"films": 1.0, "books": 0.3}
    over_items = _solved(parts, "films", 10.0, counts)
    wide = {name: sparse.hstack([part, sparse.csr_matrix((40, 30))], format="csr") for name, part in parts.items()}
    over_people = _solved(wide, "films", 10.0, counts)
    np.testing.assert_allclose(over_people["films"].whole()[:15, :15], over_items["films"].whole(), atol=1e-4)
    np.testing.assert_allclose(over_people["books"].whole()[:20, :15], over_items["books"].whole(), atol=1e-4)


def test_a_map_beyond_its_limit_is_exact_as_long_as_factors_fit() -> None:
    rng = np.random.default_rng(0)
    solved = Solved(sparse.random(60, 8, 0.3, "csr", np.float32, rng), rng.random((8, 50), np.float32))
    factors = solved.within(4 * 8 * 110)
    assert isinstance(factors, tuple)
    np.testing.assert_allclose(factors[0] @ factors[1], solved.whole(), rtol=1e-5)
    for limit in (4 * 60 * 50, 4 * 8 * 110 - 1):  # the map fits, or its factors do not either
        np.testing.assert_array_equal(solved.within(limit), solved.whole())


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


def test_people_without_target_rows_are_no_evidence_that_they_want_nothing() -> None:
    world = taste_world()
    rows = world.pair.source.interactions
    known = np.isin(
        rows.users.ids, world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history))
    )
    others = world.replaced(sources={"books": rows.take(np.flatnonzero(known[rows.user_rows]))})
    assert len(others.pair.source.interactions) < len(rows)
    for name, side in fitted(others).sides.items():
        np.testing.assert_allclose(fitted(world).sides[name].map, side.map, atol=1e-6)


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


def test_items_that_nothing_joins_to_the_target_say_nothing() -> None:
    world = item_world()
    items = world.pair.source.interactions.items.ids
    links = pl.DataFrame({"from_id": items[:12], "to_id": items[:12]})
    model = fitted(Transfer.of(world.pair.source, world.target, Overlap(item_links=links)))
    assert model.recommend_for({"shop": items[12:14].to_list()}, 3).path == "popular"
    assert model.recommend_for({"shop": items[10:14].to_list()}, 3).path == "folded-in"
    with pytest.raises(UnknownIdError, match=f"shop has no item '{items[12]}' that this recommender knows"):
        model.similar_items([items[12]], 3, of="shop")


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_features_are_rows_that_had_the_items_they_are_said_of(weight: float) -> None:
    world = with_features(taste_world())
    ours, theirs = histories(world)
    tables = [one.item_features for one in (world.target, world.pair.source)]
    tokens = feature_matrices([one for one in tables if one is not None]).matrices
    films, books = (20.0**0.5 * one.toarray().T for one in tokens)
    J = np.vstack([np.hstack([ours, weight**0.5 * theirs]), np.hstack([films, weight**0.5 * books])])
    B = joint_map(J, 10.0)[:, : ours.shape[1]]
    model = fitted(world, weight=weight, feature_weight=20.0)
    np.testing.assert_allclose(model.sides["films"].map, B[: ours.shape[1]], atol=1e-4)
    np.testing.assert_allclose(model.sides["books"].map, weight**0.5 * B[ours.shape[1] :], atol=1e-4)


def test_features_without_weight_change_nothing() -> None:
    plain, known = fitted(taste_world()), fitted(with_features(taste_world()), feature_weight=0.0)
    for name, side in plain.sides.items():
        np.testing.assert_array_equal(known.sides[name].map, side.map)


def test_an_item_that_nobody_had_is_reached_through_its_features() -> None:
    world = with_features(taste_world())
    rows, new = world.target.interactions, ["film-a0", "film-b0"]
    world = world.replaced(target=rows.take(np.flatnonzero(~np.isin(rows.item_rows, rows.items.rows(new)))))
    newcomers = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0))
    model = fitted(world, feature_weight=10.0)
    scores = [model.score([person] * 2, new if taste_of(person) == "a" else new[::-1]) for person in newcomers]
    assert np.mean([mine > other for mine, other in scores]) > 0.8
    np.testing.assert_array_equal(np.diff(fitted(world).score([newcomers[0]] * 2, new)), 0)


def test_features_alone_join_domains_that_share_nobody_and_nothing() -> None:
    model = fitted(with_features(described_world()), feature_weight=10.0, popularity=0.0)
    for taste in "ab":
        answer = model.recommend_for({"books": [f"book-{taste}0", f"book-{taste}1"]}, 5)
        assert answer.path == "folded-in"
        assert np.mean([taste_of(item) == taste for item in answer.items]) == 1


def test_shared_items_stay_one_column_where_features_are_known() -> None:
    world = with_features(item_world())
    model = fitted(world, feature_weight=10.0)
    shop, market = (np.asarray(model.sides[name].map) for name in ("shop", "market"))
    np.testing.assert_allclose(shop, world.pair.item_links.toarray() @ market, atol=1e-6)


def test_features_without_a_column_in_common_are_noted() -> None:
    (note,) = fitted(described_world(there="genre"), feature_weight=10.0).notes
    assert note == "features of items count for nothing: the domains that have some have no column in common"


def test_features_are_tried_where_both_sides_have_them() -> None:
    plain, known = PairFacts.of(taste_world().pair), PairFacts.of(with_features(taste_world()).pair)
    assert {one.feature_weight for one in Ease().grid([plain], 8)} == {0.0}
    assert len(Ease().grid([plain], 8)) == 8
    assert {one.feature_weight for one in Ease().grid([known], 8)} == {0.0, 100.0}


def test_long_source_histories_are_tempered() -> None:
    world = taste_world()
    ours, theirs = histories(world)
    n = np.maximum(theirs.sum(axis=1, keepdims=True), 1)
    scale = (theirs.sum() / (theirs / n).sum()) ** 0.5
    B = joint_map(np.hstack([ours, 0.3**0.5 * scale * theirs / n**0.5]), 10.0)[:, : ours.shape[1]]
    side = fitted(world, power=0.5).sides["books"]
    np.testing.assert_allclose(side.map, 0.3**0.5 * scale * B[ours.shape[1] :], atol=1e-4)
    assert side.power == 0.5


def test_it_says_what_it_cannot_serve() -> None:
    facts = PairFacts.of(taste_world().pair)
    assert Ease().objection([facts]) is None
    assert Ease().objection([replace(facts, shared_users=0)]) == "needs shared users or shared items, there are none"
    large = replace(facts, target_users=90_000, source_items=60_000, target_items=50_000)
    assert Ease().refusal([large]) == (
        "needs 117.8 GiB for 90000 people and 110000 items of all domains, the limit is 2 GiB;"
        " align/prior, linear/neighbours and linear/naive-bayes take less"
    )
    described_facts = replace(facts, item_features=True, linked_users=0, shared_users=0, shared_items=0)
    assert Ease().objection([described_facts]) == (
        "needs shared users or shared items, there are none; item features can stand in with a feature_weight"
    )
    assert Ease(feature_weight=10.0).objection([described_facts]) is None
    assert Ease(feature_weight=10.0).objection([facts]) == "feature_weight 10 needs item features on both sides"


def test_memory_counts_features_and_the_people_they_join() -> None:
    facts = replace(PairFacts.of(taste_world().pair), target_users=9_000, target_items=9_000, source_items=90_000)
    known = replace(facts, item_features=True)
    assert Ease().refusal([known]) == Ease().refusal([facts])
    needed = [float((Ease(feature_weight=one).refusal([known]) or "").split()[1]) for one in (0.0, 1.0)]
    assert needed[1] > needed[0]
    assert "for 11000 people and features and 99000 items" in (Ease(feature_weight=1.0).refusal([known]) or "")
