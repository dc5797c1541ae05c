"""lightfm/side-features: what is exported, who has which features, and what it cannot serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy import sparse

import foretaste_lightfm._exported as exporting
import foretaste_lightfm._installed as installed
from foretaste import (
    Context,
    Domain,
    FactorModel,
    Features,
    Index,
    Overlap,
    PairFacts,
    StrategyError,
    Transfer,
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
from foretaste_lightfm import SideFeatures
from foretaste_lightfm._embedded import clustered, embedded
from foretaste_lightfm._knowledge import known
from foretaste_lightfm._learn import drawn
from foretaste_lightfm._lessons import Lessons

FEATURES = ("embedding", "items", "clusters")


class TestSideFeatures(StrategyContract):
    strategy: ClassVar[type[Strategy]] = SideFeatures


class TestItemsAsFeatures(StrategyContract):
    strategy: ClassVar[type[Strategy]] = SideFeatures
    params: ClassVar[dict[str, Any]] = {"features": "items"}


class TestClustersOfTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = SideFeatures
    params: ClassVar[dict[str, Any]] = {"features": "clusters", "clusters": 4}

    def world(self) -> Transfer:
        return two_source_world()


class TestSharedItems(StrategyContract):
    strategy: ClassVar[type[Strategy]] = SideFeatures

    def world(self) -> Transfer:
        return item_world()


def fitted(world: Transfer, context: Context | None = None, **params: Any) -> FactorModel:
    found = fit_once(SideFeatures(**params), world, context)
    assert isinstance(found, FactorModel)
    return found


def newcomers(world: Transfer) -> list[str]:
    return world.target.interactions.users.ids.to_numpy()[world.target.interactions.history == 0].tolist()


@pytest.mark.parametrize("world", [taste_world, item_world, two_source_world])
def test_scores_are_lightfms_own_but_for_what_moves_all_of_a_persons_alike(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, Any] = {}

    def kept_export(model: Any, lessons: Any, knowledge: Any, transfer: Transfer) -> Any:
        kept.update(model=model, people=exporting.features_of_everybody(lessons, knowledge, transfer), items=knowledge)
        return exporting.exported(model, lessons, knowledge, transfer)

    monkeypatch.setattr("foretaste_lightfm._side_features.exported", kept_export)
    found = fitted(made := world(), popularity=0.0)
    n_items = len(made.target.interactions.items)
    for row in np.flatnonzero(found.user_factors.any(axis=1))[::7]:
        theirs = kept["model"].predict(
            np.full(n_items, row), np.arange(n_items), user_features=kept["people"], item_features=kept["items"].items
        )
        ours = found.user_factors[row] @ found.item_factors.T + found.item_bias
        np.testing.assert_allclose(ours - ours[0], theirs - theirs[0], atol=1e-4)


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("seed", range(2))
def test_newcomers_gain_where_taste_carries_over(features: str, seed: int) -> None:
    assert newcomer_lift(SideFeatures(features=features), taste_world(seed=seed)) > 0.08


def test_newcomers_lose_nothing_where_it_does_not() -> None:
    assert np.mean([newcomer_lift(SideFeatures(), unrelated_world(seed=seed)) for seed in range(3)]) > -0.03


def test_without_the_sources_features_newcomers_get_what_is_popular() -> None:
    world = taste_world()
    answers = fitted(world, features="none").recommend(newcomers(world), 5)
    assert {answer.path for answer in answers} == {"popular"}


def test_a_newcomer_has_nothing_but_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer's vector is that of anybody with the same books: no column of theirs adds to it."""
    world = taste_world()
    found = fitted(world)
    for person in newcomers(world):
        row = found.roster.users.ids.to_list().index(person)
        books = world.pair.source_history[row]
        if not books.nnz:
            continue
        same = found.mix.people(found.encoders, "films", {"books": books})
        np.testing.assert_allclose(same[0], found.user_factors[row], atol=1e-5)


@pytest.mark.parametrize("features", FEATURES)
def test_people_who_come_later_get_what_newcomers_with_the_same_history_get(features: str) -> None:
    world = taste_world()
    found = fitted(world, features=features)
    person = newcomers(world)[0]
    row = found.roster.users.ids.to_list().index(person)
    books = world.pair.source.interactions.items.take(world.pair.source_history[row].indices.astype(np.int64))
    later, known = found.recommend_for({"books": books}, 5), found.recommend([person], 5)[0]
    assert (later.path, known.path) == ("folded-in", "newcomer")
    assert later.items == known.items


def test_the_target_rows_of_people_who_come_later_count() -> None:
    found = fitted(taste_world())
    films = [item for item in found.roster.items.ids.to_list() if taste_of(item) == "b"][:4]
    answer = found.recommend_for({"films": films}, 5)
    assert answer.path == "folded-in"
    assert np.mean([taste_of(item) == "b" for item in answer.items]) > 0.7


def test_somebody_who_brings_items_of_a_shop_that_shares_them_is_placed() -> None:
    found = fitted(item_world())
    shop = [item for item in found.indexes()["shop"].ids.to_list() if taste_of(item) == "a"][:4]
    answer = found.recommend_for({"shop": shop}, 5)
    assert answer.path == "folded-in"
    assert np.mean([taste_of(item) == "a" for item in answer.items]) > 0.7


def test_reasons_add_up() -> None:
    world = taste_world()
    found = fitted(world)
    for person in (newcomers(world)[0], found.roster.users.ids[0]):
        item = found.recommend([person], 1)[0].items[0]
        reasons = found.explain(person, item, 50)
        score = float(found.score([person], [item])[0])
        assert sum(one.share for one in reasons.reasons) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.5, 0.8])
def test_some_people_are_newcomers_in_each_epoch_and_learn_all_that_they_had(dropout: float) -> None:
    lessons = lessons_of(taste_world(600))
    outside, of_own, identity = lessons.columns
    features, rows = drawn(lessons, dropout, np.random.default_rng(1), draws_negatives=True)
    newcomers = features[:, of_own.start : identity.stop].getnnz(axis=1) == 0
    shown = lessons.known.getnnz(axis=1) > 0
    assert newcomers[shown].mean() == pytest.approx(dropout, abs=0.12)
    assert newcomers[~shown].mean() < 0.3  # nothing is known of them from outside
    assert features[newcomers][:, outside].nnz > 0 or not dropout
    learnt = sparse.csr_matrix((rows.data, (rows.row, rows.col)), rows.shape)
    assert (learnt[newcomers].data == 1).all()
    # what somebody had is either read or learnt, half of it each
    assert learnt[~newcomers].data.mean() == pytest.approx(0.5, abs=0.05)
    assert features[~newcomers][:, of_own].nnz == (learnt[~newcomers].data == 0).sum()


def test_of_those_who_are_none_as_many_have_no_column_of_their_own() -> None:
    lessons = lessons_of(taste_world())
    _, of_own, identity = lessons.columns
    features, _ = drawn(lessons, 0.5, np.random.default_rng(1), draws_negatives=True)
    others = features[:, of_own].getnnz(axis=1) > 0
    assert (features[others][:, identity].getnnz(axis=1) > 0).mean() == pytest.approx(0.5, abs=0.15)


def test_people_of_a_source_have_no_column_of_their_own_and_share_one() -> None:
    lessons = lessons_of(item_world())
    *_, identity = lessons.columns
    features, _ = drawn(lessons, 0.5, np.random.default_rng(1), draws_negatives=True)
    assert lessons.guests.sum() > 30
    assert features[lessons.guests][:, identity].nnz == 0
    assert (features[:, -1].toarray().ravel() == lessons.guests).all()
    assert np.unique(lessons.weights).tolist() == pytest.approx([0.1, 1.0])


def lessons_of(world: Transfer) -> Lessons:
    vectors = {"books": embedded(world.pair.source, 8)} if world.pair.user_links is not None else {}
    knowledge = known(world, vectors, 10, declared=True, sources=True)
    return Lessons.of(world, knowledge, 1000, 0.1, np.random.default_rng(0))


def test_the_loss_that_draws_no_negatives_gets_three_for_each_preferred_item() -> None:
    lessons = lessons_of(taste_world())
    _, rows = drawn(lessons, 0.5, np.random.default_rng(1), draws_negatives=False)
    assert (rows.data == -1).sum() == 3 * (rows.data == 1).sum()


def test_items_of_a_kind_are_in_one_cluster() -> None:
    source = taste_world().pair.source
    found = clustered(embedded(source, 8), source.interactions.popularity, 2)
    tastes = np.array([taste_of(item) for item in source.interactions.items.ids])
    assert found.sum(axis=1).tolist() == [1] * len(tastes)
    of_a = found[tastes == "a", 0].mean()
    assert abs(of_a - found[tastes == "b", 0].mean()) > 0.8


def test_people_of_a_shop_that_shares_items_are_learnt_from() -> None:
    world = item_world()
    with_them, without = fitted(world), fitted(world, source_rows=0)
    assert not np.allclose(with_them.item_factors, without.item_factors)


@pytest.mark.parametrize("loss", ["warp", "bpr", "logistic"])
def test_every_loss_learns_taste(loss: str) -> None:
    world = taste_world()
    answers = fitted(world, loss=loss, epochs=20).recommend(newcomers(world), 5)
    assert np.mean([taste_of(item) == taste_of(one.user) for one in answers for item in one.items]) > 0.7


def test_one_thread_learns_unless_asked_otherwise() -> None:
    context = Context(seed=1, device="cpu", threads=2)
    first, second = (fitted(taste_world(), context) for _ in range(2))
    assert first.user_factors.tobytes() == second.user_factors.tobytes()
    assert np.isfinite(fitted(taste_world(), context, deterministic=False).user_factors).all()


def test_what_domains_declare_of_people_and_items_counts() -> None:
    plain = taste_world()
    films = declared(plain.target, plain.target.interactions.items)
    items = Transfer.of(plain.pair.source, replace(plain.target, item_features=films), Overlap("users"))
    one, other, without = fitted(plain), fitted(items), fitted(items, declared=False)
    assert not np.allclose(one.item_factors, other.item_factors)
    assert np.allclose(one.item_factors, without.item_factors)
    # books say nothing of films there, but what is declared of people does
    silent = unrelated_world()
    people = declared(silent.pair.source, silent.pair.source.interactions.users)
    told = Transfer.of(replace(silent.pair.source, user_features=people), silent.target, Overlap("users"))
    assert newcomer_lift(SideFeatures(), told) > newcomer_lift(SideFeatures(declared=False), told) + 0.05


def declared(domain: Domain, index: Index) -> Features:
    """The taste of each id, as a table of features."""
    table = pl.DataFrame({"id": index.ids, "taste": [taste_of(one) for one in index.ids]})
    return Features.from_frame(table, index, "id", {}, domain.name)


def test_weights_that_diverge_are_told_and_what_to_do() -> None:
    with pytest.raises(
        StrategyError,
        match=r"^lightfm/side-features: epoch 1 of 10: Not all estimated parameters are finite.*; found learning_rate"
        r" 1e\+38, expected a smaller one$",
    ):
        fitted(taste_world(), learning_rate=1e38)


def test_each_epoch_is_told_and_may_be_the_last() -> None:
    told: list[str] = []
    context = Context(device="cpu", progress=told.append, cancel=lambda: len(told) == 3)
    with pytest.raises(StrategyError, match=r"^cancelled$"):
        fitted(taste_world(), context)
    assert told == [f"lightfm/side-features: epoch {n} of 10" for n in (1, 2, 3)]


def test_settings_that_differ_in_popularity_alone_share_what_was_learnt() -> None:
    told: list[str] = []
    context = Context(device="cpu", progress=told.append)
    world = taste_world()
    carried = {"books": SideFeatures().pretrain(world.pair.source, context)}
    one, other = (SideFeatures(popularity=share).adapt(carried, world, context) for share in (0.0, 3.0))
    assert len(told) == 10
    assert isinstance(one, FactorModel)
    assert isinstance(other, FactorModel)
    np.testing.assert_allclose(other.item_bias - one.item_bias, other.roster.popularity_bias(3.0), atol=1e-5)


def test_it_says_what_it_cannot_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = PairFacts.of(taste_world().pair)
    assert SideFeatures().objection([facts]) is None
    alone = replace(facts, shared_users=0, shared_items=0)
    assert SideFeatures().objection([alone]) == "needs shared users or shared items to make features of, there are none"
    brought = {"lightfm": ["lightfm-next", "rectools-lightfm", "lightfm-next"]}
    monkeypatch.setattr(installed, "packages_distributions", lambda: brought)
    assert SideFeatures().objection([facts]) == (
        "needs lightfm from one distribution, found lightfm-next and rectools-lightfm, which overwrite each other:"
        " uninstall all, then install lightfm-next"
    )


def test_other_settings_are_tried_for_shared_items_than_for_shared_people() -> None:
    people, items = PairFacts.of(taste_world().pair), PairFacts.of(item_world().pair)
    assert SideFeatures().grid([people], 8) != SideFeatures().grid([items], 8)
    assert all(one.popularity == 2.0 for one in SideFeatures(popularity=2.0).grid([people], 8))
