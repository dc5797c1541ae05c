from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Carried, Context, Domain, FactorModel, Features, Overlap, PairFacts, Recommender, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import (
    StrategyContract,
    fit_once,
    item_world,
    linked_world,
    newcomer_lift,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)
from foretaste_align import Similarity
from foretaste_align._similarity import Partners, rotation
from foretaste_baseline import Ease

SMALL: dict[str, Any] = {"factors": 8, "source_regularization": 5.0, "regularization": 3.0, "alpha": 1.0}


def frame(domain: Domain) -> pl.DataFrame:
    rows = domain.interactions
    return pl.DataFrame(
        {"user_id": rows.users.ids.gather(rows.user_rows), "item_id": rows.items.ids.gather(rows.item_rows)}
    )


def both_world() -> Transfer:
    """The films of people and, elsewhere, other rows of the same people and films."""
    world = taste_world()
    books = frame(world.pair.source).with_columns(pl.col("item_id").str.replace("book", "film"))
    return Transfer.of(
        Domain.from_frame(books, "shop"), Domain.from_frame(frame(world.target), "films"), Overlap("both")
    )


def item_linked_world() -> Transfer:
    world = item_world()
    shop = frame(world.pair.source).with_columns(pl.format("old-{}", "item_id").alias("item_id"))
    ids = shop["item_id"].unique().sort()
    links = pl.DataFrame({"from_id": ids, "to_id": ids.str.strip_prefix("old-"), "weight": [0.5] * len(ids)})
    return Transfer.of(Domain.from_frame(shop, "shop"), world.target, Overlap(item_links=links))


def two_shops() -> Transfer:
    one, other = item_world(), item_world(seed=1)
    market = Domain.from_frame(frame(one.target), "market")
    shops = [Domain.from_frame(frame(w.pair.source), name) for w, name in ((one, "shop"), (other, "bazaar"))]
    return Transfer.of(shops, market, Overlap("items"))


class TestSharedItems(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Similarity
    params: ClassVar[dict[str, Any]] = SMALL

    def world(self) -> Transfer:
        return item_world()


class TestSharedPeople(TestSharedItems):
    def world(self) -> Transfer:
        return taste_world()


class TestBothShared(TestSharedItems):
    def world(self) -> Transfer:
        return both_world()


class TestTwoSourcesWithItems(TestSharedItems):
    def world(self) -> Transfer:
        return two_shops()


class TestTwoSourcesWithPeopleInTheTargetsSpace(TestSharedItems):
    params: ClassVar[dict[str, Any]] = {**SMALL, "space": "target"}

    def world(self) -> Transfer:
        return two_source_world()


def fitted(world: Transfer, **params: Any) -> FactorModel:
    found = fit_once(Similarity(**SMALL | params), world)
    assert isinstance(found, FactorModel)
    return found


def scores(model: FactorModel) -> Any:
    return model.user_factors @ model.item_factors.T


def few(world: Transfer, n: int) -> Transfer:
    """Return the world with ``n`` people in the target; its catalogue stays."""
    rows = world.target.interactions
    people = np.flatnonzero(rows.history)[:n]
    return world.replaced(rows.take(np.isin(rows.user_rows, people)))


def own_taste(model: Recommender, world: Transfer) -> float:
    """Return how much of the advice to people whom the model has not seen, after two items, is of their taste."""
    name, found = world.target.name, []
    for letter in "ab":
        mine = sorted(item for item in world.target.interactions.items.ids if taste_of(item) == letter)
        for start in range(6):
            answer = model.recommend_for({name: mine[start : start + 2]}, 5)
            found.append(np.mean([taste_of(item) == letter for item in answer.items]))
    return float(np.mean(found))


@pytest.mark.parametrize("space", ["source", "target"])
def test_twenty_people_are_enough_where_the_items_are_known_elsewhere(space: str) -> None:
    gains = []
    for seed in range(3):
        world = few(item_world(160, seed=seed), 20)
        alone = fit_once(Ease(regularization=10.0), world)
        gains.append(own_taste(fitted(world, space=space), world) - own_taste(alone, world))
    assert np.mean(gains) > 0.1


def test_items_that_are_linked_at_random_say_nothing() -> None:
    found = []
    for seed in range(3):
        world = few(item_world(160, seed=seed), 20)
        shuffled = np.random.default_rng(seed).permutation(world.pair.item_links.shape[0])
        pair = replace(world.pair, item_links=world.pair.item_links[shuffled])
        wrong = replace(world, pairs=(pair,))
        found.append(own_taste(fitted(wrong, gamma=1e6), wrong))
    assert np.mean(found) < 0.7


def test_a_linked_item_that_nobody_of_the_target_has_is_placed() -> None:
    world = item_world()
    rows = world.target.interactions
    row = int(rows.items.rows(["item-a3"])[0])
    model = fitted(world.replaced(rows.take(rows.item_rows != row)))
    best = model.similar_items(["item-a3"], 5)[0].items
    assert np.mean([taste_of(item) == "a" for item in best]) >= 0.8


def test_an_endless_gamma_leaves_items_at_their_partners_and_the_scores_are_the_sources() -> None:
    world = item_world()
    strategy = Similarity(**SMALL, gamma=1e9, confidence="none", kappa=0.0)
    carried = strategy.pretrain(world.pair.source, Context())
    model = strategy.adapt({"shop": carried}, world, Context())
    assert isinstance(model, FactorModel)
    links = world.pair.item_links.tocoo()
    np.testing.assert_allclose(
        model.item_factors[links.col], carried.arrays["item_factors"][links.row], rtol=1e-3, atol=1e-4
    )


def test_partners_of_whom_nothing_is_known_leave_the_target_to_itself() -> None:
    """Only the start is the source's: after many rounds the fit is as good as that of ALS alone."""
    world = item_world()
    X = world.target.interactions.preference.toarray()

    def loss(model: FactorModel) -> float:
        squares = np.square(model.user_factors).sum() + np.square(model.item_factors).sum()
        return float(((X - scores(model)) ** 2).sum() + SMALL["regularization"] * squares)

    free, alone = (loss(fitted(world, kappa=1e9, rounds=60, space=space)) for space in ("source", "target"))
    assert free == pytest.approx(alone, rel=0.01)
    assert loss(fitted(world, gamma=1e6, rounds=60)) > 1.02 * free


def test_a_source_that_says_nothing_is_told() -> None:
    """Ratings of 1 that are read as stars: nobody prefers anything, though rows and ids are shared."""
    world = item_world()
    shop = frame(world.pair.source).with_columns(weight=pl.lit(1.0))
    disliked = Domain.from_frame(shop, "shop", feedback="explicit")
    lines: list[str] = []
    context = Context(progress=lines.append)
    found = fit_once(Similarity(**SMALL), Transfer.of(disliked, world.target, Overlap("items")), context)
    told = "shop says nothing: none of its preferred items or people has a partner here"
    assert found.notes == (told,)
    assert f"align/similarity: {told}" in lines


@pytest.mark.parametrize("confidence", ["source", "both", "none"])
def test_what_items_are_held_by_is_their_share_of_the_links_times_how_well_they_are_known(confidence: str) -> None:
    world = item_world()
    rows = world.target.interactions
    links = sparse.random(*world.pair.item_links.shape, density=0.2, random_state=1, format="csr", dtype=np.float32)
    pair = replace(world.pair, item_links=links)
    k_s, k_t = pair.source.interactions.popularity, rows.popularity
    found = Similarity(confidence=confidence, kappa=3.0).similar_items(pair, k_s, Context()).toarray()
    dense = links.toarray().T.astype(float)
    total = dense.sum(axis=1, keepdims=True)
    expected = np.divide(dense, total, out=np.zeros_like(dense), where=total > 0)
    if confidence != "none":
        expected *= k_s / (k_s + 3)
    if confidence == "both":
        expected *= (k_t / (k_t + 3))[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_weighted_links_count_by_their_share_alone() -> None:
    linked, shared = fitted(item_linked_world()), fitted(item_world())
    np.testing.assert_allclose(scores(linked), scores(shared), atol=1e-3)


def test_a_rotation_is_found_again() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    items, people = (rng.standard_normal((n, 4)).astype(np.float32) for n in (9, 6))
    said = Partners((items @ turn.T).astype(np.float32), rng.random(9), (people @ turn.T).astype(np.float32))
    np.testing.assert_allclose(rotation(said, items, people), turn, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "space"), [(two_shops, "source"), (two_source_world, "source"), (taste_world, "target")]
)
def test_a_source_whose_space_is_turned_says_the_same(make: Callable[[], Transfer], space: str) -> None:
    """Vectors that were learnt apart are comparable up to a rotation only."""
    world, strategy = make(), Similarity(**SMALL, space=space)
    carried = {pair.source.name: strategy.pretrain(pair.source, Context()) for pair in world.pairs}
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    name = world.pairs[-1].source.name
    arrays = dict(carried[name].arrays)
    arrays["item_factors"] = (arrays["item_factors"] @ turn).astype(np.float32)
    turned = carried | {name: Carried(arrays, carried[name].meta)}
    one, other = (strategy.adapt(c, world, Context()) for c in (carried, turned))
    assert isinstance(one, FactorModel)
    assert isinstance(other, FactorModel)
    np.testing.assert_allclose(scores(one), scores(other), atol=2e-3)


@pytest.mark.parametrize("space", ["source", "target"])
@pytest.mark.parametrize(
    "make", [taste_world, lambda: linked_world(weight=0.5), both_world], ids=["shared", "links", "both"]
)
def test_newcomers_are_served_through_the_source(make: Callable[[], Transfer], space: str) -> None:
    assert newcomer_lift(Similarity(**SMALL, space=space), make()) > 0.08


def test_newcomers_gain_nothing_where_taste_does_not_carry_over() -> None:
    assert np.mean([newcomer_lift(Similarity(**SMALL), unrelated_world(seed=seed)) for seed in range(3)]) < 0.02


def test_somebody_who_brings_a_source_history_is_served_where_items_alone_are_shared() -> None:
    world = item_world()
    answer = fitted(world).recommend_for({"shop": ["item-a1", "item-a2", "item-a3"]}, 5)
    assert np.mean([taste_of(item) == "a" for item in answer.items]) >= 0.8


def test_people_without_target_rows_count_for_nobodys_dislike() -> None:
    world = taste_world()
    rows = world.target.interactions
    new = rows.history == 0
    pair = world.pair
    gone = replace(pair, user_links=(pair.user_links @ sparse.diags((~new).astype(np.float32))).tocsr())
    one, other = fitted(world), fitted(replace(world, pairs=(gone,)))
    np.testing.assert_allclose(one.item_factors, other.item_factors, atol=1e-4)


def with_features(domain: Domain) -> Domain:
    items = domain.interactions.items
    table = pl.DataFrame({"item_id": items.ids, "kind": [taste_of(item) for item in items.ids]})
    return replace(domain, item_features=Features.from_frame(table, items, "item_id", {}, "features"))


def unlinked_item(features: bool) -> FactorModel:
    world = item_world()
    links = world.pair.item_links.tolil()
    row = int(world.target.interactions.items.rows(["item-b5"])[0])
    links[:, row] = 0
    rows = world.target.interactions
    pair = replace(
        world.pair,
        item_links=links.tocsr(),
        source=with_features(world.pair.source),
        target=with_features(world.target.with_interactions(rows.take(rows.item_rows != row))),
    )
    return fitted(Transfer(pair.target, (pair,)), features=features)


def test_an_item_without_a_link_has_items_of_similar_features_as_partners() -> None:
    best = unlinked_item(True).similar_items(["item-b5"], 5)[0].items
    assert np.mean([taste_of(item) == "b" for item in best]) >= 0.8
    model = unlinked_item(False)
    assert not model.item_factors[model.roster.items.rows(["item-b5"])[0]].any()


def test_it_asks_for_shared_items_or_shared_people() -> None:
    facts = PairFacts.of(item_world().pair)
    nobody = replace(facts, shared_items=3)
    assert Similarity().objection([facts, nobody]) == "needs 10 shared items or 10 shared users, there are 3 and 0"
    assert Similarity().objection([replace(nobody, shared_users=10)]) is None


def test_its_grid_is_short() -> None:
    assert len(Similarity().grid([], 8)) <= 8
