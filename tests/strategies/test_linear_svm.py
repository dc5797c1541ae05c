"""linear/svm: whom it serves and by what, one machine for each person or one for all, and what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste import Context, Domain, FactorModel, Features, Overlap, PairFacts, StrategyError, Transfer
from foretaste.evaluation import hold_out
from foretaste.experiment import NewcomersHoldout
from foretaste.strategy import Strategy
from foretaste.testing import (
    StrategyContract,
    fit_once,
    item_world,
    newcomer_lift,
    rating_world,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)
from foretaste_linear import Svm
from foretaste_linear._judgements import Judgements
from strategies.test_align_transport import described, described_world

pytest.importorskip("sklearn")

SMALL: dict[str, Any] = {"popularity": 3.0}
GLOBAL: dict[str, Any] = {**SMALL, "scope": "global"}


def told(world: Transfer) -> Transfer:
    """Return the world with the taste of each item among its features."""
    pairs = tuple(replace(one, source=described(one.source), target=described(one.target)) for one in world.pairs)
    return replace(world, target=pairs[0].target, pairs=pairs)


def fitted(world: Transfer, context: Context | None = None, **params: Any) -> FactorModel:
    found = fit_once(Svm(**{**SMALL, **params}), world, context)
    assert isinstance(found, FactorModel)
    return found


class TestSvm(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Svm
    params: ClassVar[dict[str, Any]] = SMALL

    def world(self) -> Transfer:
        return told(taste_world())


class TestSvmWithTwoSources(TestSvm):
    def world(self) -> Transfer:
        return told(two_source_world())


class TestSvmOfEverybody(TestSvm):
    params: ClassVar[dict[str, Any]] = GLOBAL


class TestSvmOfEverybodyWithTwoSources(TestSvmWithTwoSources):
    params: ClassVar[dict[str, Any]] = GLOBAL


class TestSvmWithoutSharedPeople(TestSvm):
    params: ClassVar[dict[str, Any]] = GLOBAL

    def world(self) -> Transfer:
        return described_world()


@pytest.mark.parametrize("transfer", ["pulled", "projective", "augmented", "warm-start"])
def test_newcomers_gain_where_taste_carries_over(transfer: Any) -> None:
    assert newcomer_lift(Svm(**SMALL, transfer=transfer), told(taste_world())) > 0.03


def test_newcomers_gain_by_one_machine_for_everybody() -> None:
    assert np.mean([newcomer_lift(Svm(**GLOBAL), told(taste_world(seed=seed))) for seed in range(3)]) > 0.08


@pytest.mark.parametrize("params", [SMALL, GLOBAL])
def test_newcomers_lose_little_where_it_does_not(params: dict[str, Any]) -> None:
    lifts = [newcomer_lift(Svm(**params), told(unrelated_world(seed=seed))) for seed in range(3)]
    assert np.mean(lifts) > -0.03


def test_without_transfer_newcomers_get_what_is_popular() -> None:
    world = told(taste_world())
    for scope in ("person", "global"):
        model = fitted(world, scope=scope, transfer="none")
        assert not model.places(np.flatnonzero(world.target.interactions.history == 0)).any()
        assert set(model.indexes()) == {"films"}


def test_a_source_that_says_nothing_is_left_out_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretaste_linear._person_svm._GAIN", 1.0)
    monkeypatch.setattr("foretaste_linear._person_svm.usual_gamma", lambda losses: 0.0)
    model = fitted(told(taste_world()))
    assert set(model.indexes()) == {"films"}
    assert model.notes == ("sources are left out: nobody's target rows are predicted better with their source weights",)


def test_people_with_own_rows_get_items_of_their_taste() -> None:
    world = told(taste_world())
    rows = world.target.interactions
    people = rows.users.take(np.flatnonzero(rows.history > 0))
    mine, popular = (
        np.mean([taste_of(item) == taste_of(one.user) for one in model.recommend(people, 5) for item in one.items])
        for model in (fitted(world, popularity=0.0), fitted(world, popularity=1e6))
    )
    assert mine > popular + 0.25


@pytest.mark.parametrize("params", [SMALL, GLOBAL])
@pytest.mark.parametrize("domain", ["book", "film"])
def test_somebody_new_is_placed_by_what_they_bring(params: dict[str, Any], domain: str) -> None:
    history = {f"{domain}s": [f"{domain}-a{n}" for n in range(5)]}
    answer = fitted(told(taste_world()), **{**params, "popularity": 0.1}).recommend_for(history, 5)
    assert answer.path == "folded-in"
    assert np.mean([taste_of(item) == "a" for item in answer.items]) >= 0.6


@pytest.mark.parametrize("params", [SMALL, GLOBAL])
def test_reasons_add_up(params: dict[str, Any]) -> None:
    world = told(taste_world())
    model = fitted(world, **params)
    for row in (0, int(np.flatnonzero(world.target.interactions.history == 0)[0])):
        person = model.roster.users.ids[row]
        item = model.recommend([person], 1)[0].items[0]
        reasons = model.explain(person, item, 50)
        assert sum(one.share for one in reasons.reasons) == pytest.approx(
            float(model.score([person], [item])[0]), abs=1e-4
        )


@pytest.mark.parametrize("params", [SMALL, GLOBAL])
def test_threads_change_nothing(params: dict[str, Any]) -> None:
    world = told(taste_world())
    one, two = (fitted(world, Context(device="cpu", threads=n), **params).user_factors for n in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_people_are_fitted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted(told(taste_world())).user_factors
    monkeypatch.setattr("foretaste_linear._people_svm._BLOCK", 7)
    np.testing.assert_array_equal(fitted(told(taste_world())).user_factors, whole)


def test_nobody_is_taught_to_dislike_what_they_had() -> None:
    judged = Judgements.of(taste_world().target, 1.0)
    for person in np.flatnonzero(judged.known)[:30]:
        items, y, counts = judged.rows(int(person), 30, 100, np.random.default_rng(0))
        assert set(items[y > 0]) == set(judged.had[int(person)].indices)
        assert not set(items[y < 0]) & set(items[y > 0])
        assert counts[y > 0].sum() == pytest.approx(counts[y < 0].sum())


def test_low_ratings_are_dislikes_and_nothing_is_drawn() -> None:
    world = rating_world()
    judged = Judgements.of(world.target, 1.0)
    ratings = world.target.interactions.ratings
    for person in np.flatnonzero(judged.known & (judged.disliked.getnnz(axis=1) > 0))[:30]:
        items, y, _ = judged.rows(int(person), 30, 100, np.random.default_rng(0))
        given = ratings[int(person)].toarray().ravel()[items]
        assert (given[y > 0] >= 4).all()
        assert ((given[y < 0] > 0) & (given[y < 0] < 4)).all()


def test_dislikes_of_a_source_are_those_of_its_people() -> None:
    pair = rating_world().pair
    judged = Judgements.of(pair.source, 1.0, pair)
    person = int(np.flatnonzero(judged.disliked.getnnz(axis=1) > 0)[0])
    name = pair.target.interactions.users.ids[person]
    row = int(pair.source.interactions.users.rows(pl.Series([name]))[0])
    own = pair.source.interactions.ratings[row]
    assert set(judged.disliked[person].indices) == set(own.indices[own.data < 4])


def test_shared_items_serve_in_place_of_features() -> None:
    """A market that sells two thirds of what the shop does."""
    rows = taste_world().target.interactions
    sold = {"shop": rows.item_rows >= 0, "market": rows.item_rows % 3 > 0}
    shops = []
    for name, here in sold.items():
        users, items = rows.users.ids.gather(rows.user_rows[here]), rows.items.ids.gather(rows.item_rows[here])
        shops.append(Domain.from_frame(pl.DataFrame({"user_id": users, "item_id": items}), name))
    world = Transfer.of(*shops, Overlap("both"))
    assert Svm(embedding=4).objection([PairFacts.of(world.pair)]) is None
    assert newcomer_lift(Svm(embedding=4, **SMALL), world) > 0.0


def test_what_is_known_of_people_is_crossed_as_well() -> None:
    world = described_world()
    with_users = []
    for domain in (world.pair.source, world.target):
        users = domain.interactions.users
        tastes = [name.removeprefix("f-")[0] for name in users.ids]
        table = pl.DataFrame({"user_id": users.ids, "age": tastes})
        with_users.append(replace(domain, user_features=Features.from_frame(table, users, "user_id", {}, "people")))
    told_of = Transfer.of(*with_users, Overlap("none"))
    one, other = (fitted(each, **GLOBAL).item_factors.shape[1] for each in (world, told_of))
    assert other == one + 2


def test_it_says_what_it_cannot_serve() -> None:
    plain, told_of = PairFacts.of(taste_world().pair), PairFacts.of(told(taste_world()).pair)
    assert Svm().objection([told_of]) is None
    assert Svm().objection([plain]) == "needs item features of both domains, or shared items and an embedding"
    apart = PairFacts.of(described_world().pair)
    assert Svm().objection([apart]) == "needs shared users, there are none; scope global does not"
    assert Svm(scope="global").objection([apart]) is None
    assert Svm(embedding=8, scope="global").objection([PairFacts.of(item_world().pair)]) is None


def test_features_without_a_value_in_common_are_an_error() -> None:
    with pytest.raises(StrategyError, match="books -> films: items of the two sides have no feature in common"):
        fitted(described_world("kind", "genre"), scope="global")


def test_hidden_people_need_no_target_row() -> None:
    held = hold_out(told(taste_world()), NewcomersHoldout(fraction=0.5), 1)
    assert fitted(held.train).places(held.people).all()
