"""Ratings carried over: the maths against brute force, worlds where taste carries over and where it does not."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Context, Domain, FactorModel, Overlap, PairFacts, Transfer
from foretaste.evaluation import hold_out, score
from foretaste.experiment import HoldoutSpec, NewcomersHoldout, RandomHoldout
from foretaste.metrics import RootMeanSquaredError
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, rating_world, taste_world
from foretaste_align import Ratings
from foretaste_align._rating_space import RatingSpace, biased_als, fitted_map
from foretaste_baseline import RatingItemUser

SMALL: dict[str, Any] = {"factors": 4, "regularization": 3.0, "map_regularization": 0.01}
NEWCOMERS = NewcomersHoldout(fraction=0.3)


class TestRatings(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ratings
    params: ClassVar[dict[str, Any]] = SMALL

    def world(self) -> Transfer:
        return rating_world()


class TestRatingsOfBiasesAlone(TestRatings):
    params: ClassVar[dict[str, Any]] = {"factors": 0}


class TestRatingsFromTwoSources(TestRatings):
    def world(self) -> Transfer:
        one = rating_world()
        other = rating_world(seed=3).pair.source
        albums = Domain("albums", other.interactions)
        return Transfer.of([one.pair.source, albums], one.target, Overlap("users"))


def tastes(n: int = 240, each: int = 12, *, carried: bool = True, seed: int = 0) -> Transfer:
    """Films -> books: generosity on both sides, and tastes that are turned on the way, or drawn anew."""
    rng = np.random.default_rng(seed)
    generous, taste = rng.normal(0, 0.4, n), rng.normal(0, 1, (n, 2))
    there = taste @ np.linalg.qr(rng.normal(size=(2, 2)))[0] if carried else rng.normal(0, 1, (n, 2))
    sides = []
    for name, mine in (("films", taste), ("books", there)):
        items, good = rng.normal(0, 0.5, (40, 2)), rng.normal(0, 0.4, 40)
        rated = rng.random((n, 40)).argsort(axis=1)[:, :each]
        people = np.repeat(np.arange(n), each)
        rating = 3 + generous[people] + good[rated.ravel()] + (mine[people] * items[rated.ravel()]).sum(axis=1)
        columns = {
            "user_id": [f"u{one}" for one in people],
            "item_id": [f"{name}{one}" for one in rated.ravel()],
            "rating": np.clip(np.round(rating + rng.normal(0, 0.3, len(rating))), 1, 5),
        }
        sides.append(Domain.from_frame(pl.DataFrame(columns), name, feedback="explicit"))
    return Transfer.of(*sides, Overlap("users"))


def rmse(strategy: Strategy, transfer: Transfer, holdout: HoldoutSpec = NEWCOMERS) -> float:
    held = hold_out(transfer, holdout, 0)
    return score(fit_once(strategy, held.train), held, [RootMeanSquaredError()]).overall["rmse"]


def fitted(strategy: Strategy, world: Transfer) -> FactorModel:
    found = fit_once(strategy, world)
    assert isinstance(found, FactorModel)
    return found


# The maths ---------------------------------------------------------------------------------------------------------


def some_ratings(seed: int = 0) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    ratings = sparse.random(30, 12, 0.4, format="csr", random_state=rng)
    ratings.data = rng.integers(1, 6, len(ratings.data)).astype(np.float64)
    return ratings


def objective(ratings: sparse.csr_matrix, mean: float, people: Any, items: Any, firm: Any, item_firm: Any) -> float:
    rows = ratings.tocoo()
    said = (
        mean
        + people[:, 0][rows.row]
        + items[:, 0][rows.col]
        + (people[:, 1:][rows.row] * items[:, 1:][rows.col]).sum(1)
    )
    return float(((rows.data - said) ** 2).sum() + (firm * people**2).sum() + (item_firm * items**2).sum())


def test_alternating_ends_where_no_small_step_fits_better() -> None:
    ratings = some_ratings()
    space = biased_als(
        ratings,
        factors=2,
        regularization=0.7,
        item_damping=2.0,
        user_damping=1.0,
        epochs=400,
        rng=np.random.default_rng(0),
    )
    people, items = space.people(ratings).astype(float), space.items.astype(float)
    firm, item_firm = np.array([1.0, 0.7, 0.7]), np.array([2.0, 0.7, 0.7])
    least = objective(ratings, space.mean, people, items, firm, item_firm)
    rng = np.random.default_rng(1)
    for _ in range(40):
        moved = people + 0.01 * rng.normal(size=people.shape), items + 0.01 * rng.normal(size=items.shape)
        assert objective(ratings, space.mean, *moved, firm, item_firm) > least


def test_the_map_is_the_best_fit_to_ratings_themselves() -> None:
    rng = np.random.default_rng(2)
    ratings = some_ratings(2)
    ratings = sparse.vstack([ratings, sparse.csr_matrix((1, 12))], format="csr")  # a newcomer tells the map nothing
    features = rng.normal(size=(31, 4))
    features[:5] = 0  # without source history
    items = rng.normal(size=(12, 3)).astype(np.float32)
    space = RatingSpace(3.1, items, np.array([2.0, 5.0, 5.0]))
    toward = rng.normal(size=(4, 3))
    found = fitted_map(space, ratings, features, 0.3, toward, 6.0)

    length = np.diff(ratings.indptr)
    told = [u for u in range(31) if length[u] and features[u].any()]
    rows, said = [], []
    for u in told:
        for at in range(ratings.indptr[u], ratings.indptr[u + 1]):
            item = items[ratings.indices[at]].astype(float)
            weight = np.sqrt(6.0 / (6.0 + length[u]))
            rows.append(weight * np.outer(features[u], [1, *item[1:]]).ravel())
            said.append(weight * (ratings.data[at] - 3.1 - item[0]))
    firm = np.tile(0.3 * len(told) * space.precision, 4)
    design = np.vstack([np.array(rows), np.diag(np.sqrt(firm))])
    expected = np.linalg.lstsq(design, np.concatenate([said, np.sqrt(firm) * toward.ravel()]), rcond=None)[0]
    np.testing.assert_allclose(found, expected.reshape(4, 3), atol=1e-6)


def test_a_map_without_anybody_to_learn_from_is_what_it_is_drawn_to() -> None:
    space = RatingSpace(3.0, np.zeros((12, 1), np.float32), np.ones(1))
    toward = np.array([[0.0], [0.4]])
    assert (fitted_map(space, some_ratings(), np.zeros((30, 2)), 0.1, toward, 5.0) == toward).all()


def biases(found: FactorModel) -> Any:
    """Return b_u: the first factor is 1, in the unit of people's first."""
    return found.user_factors[:, 0] * found.item_factors[0, 0]


def test_a_rating_is_predicted_from_its_four_parts() -> None:
    world = tastes(80)
    found = fitted(Ratings(**SMALL), world)
    scale = found.roster.rating_scale
    assert scale is not None
    whole = scale.mean + biases(found)[3] + scale.item_offset[7] + found.user_factors[3, 1:] @ found.item_factors[7, 1:]
    assert found.predict([found.roster.users.ids[3]], [found.roster.items.ids[7]])[0] == pytest.approx(
        np.clip(whole, 1, 5), abs=1e-5
    )


def test_with_a_firm_map_a_newcomer_is_as_generous_as_in_the_source() -> None:
    held = hold_out(tastes(), NEWCOMERS, 0)
    firm = Ratings(factors=0, map_regularization=1e6)
    found = fitted(firm, held.train)
    source = held.train.pair.source.interactions
    space = biased_als(
        source.ratings,
        factors=0,
        regularization=1.0,
        item_damping=2.0,
        user_damping=5.0,
        epochs=8,
        rng=np.random.default_rng(0),
    )
    b = held.train.pair.user_links.T @ space.people(source.ratings)[:, 0]
    stretch = held.train.target.interactions.values.std() / source.values.std()
    np.testing.assert_allclose(biases(found)[held.people], stretch * b[held.people], atol=1e-3)


def test_a_wider_scale_in_the_source_changes_nothing() -> None:
    one = tastes(80)
    rows = one.pair.source.interactions
    wide = Domain("films", replace(rows, values=2 * rows.values))
    other = Transfer.of(wide, one.target, Overlap("users"))
    mine, theirs = (fitted(Ratings(factors=0), world) for world in (one, other))
    people = one.target.interactions.users.ids.to_list()
    items = [one.target.interactions.items.ids[0]] * len(people)
    np.testing.assert_allclose(mine.predict(people, items), theirs.predict(people, items), atol=1e-4)


def test_two_linked_accounts_of_a_person_are_averaged_by_weight() -> None:
    world = tastes(60)
    links = {"from_id": ["u1", "u2", "u3"], "to_id": ["u1", "u1", "u3"], "weight": [3.0, 1.0, 2.0]}
    linked = Transfer.of(world.pair.source, world.target, Overlap(user_links=pl.DataFrame(links)))
    strategy = Ratings(**SMALL)
    carried = strategy.pretrain(world.pair.source, Context())
    apart, together = (strategy._features(one.pair, carried) for one in (world, linked))
    one, two, three = linked.target.interactions.users.rows(["u1", "u2", "u3"])
    np.testing.assert_allclose(together[one], 0.75 * apart[one] + 0.25 * apart[two])
    np.testing.assert_allclose(together[three], apart[three])
    assert not together[two].any()


# Whom it helps -----------------------------------------------------------------------------------------------------


def test_newcomers_are_predicted_better_where_taste_carries_over() -> None:
    assert rmse(Ratings(**SMALL), tastes()) < 0.8 * rmse(RatingItemUser(user_damping=2), tastes())


def test_newcomers_lose_nothing_where_only_generosity_carries_over() -> None:
    world = tastes(carried=False)
    assert rmse(Ratings(), world) < 1.01 * rmse(RatingItemUser(user_damping=5, item_damping=2), world)


def test_own_ratings_add_to_what_the_source_says() -> None:
    none, few, more = (
        rmse(Ratings(**SMALL), tastes(), NewcomersHoldout(fraction=0.3, visible=visible, levels=[0, 1, 4]))
        for visible in (0, 1, 4)
    )
    assert few < 1.01 * none
    assert more < none


def test_warm_people_are_predicted_no_worse_than_by_means() -> None:
    holdout = RandomHoldout(kind="random", fraction=0.2)
    assert rmse(Ratings(), rating_world(), holdout) < rmse(RatingItemUser(user_damping=2), rating_world(), holdout)


def test_a_small_world_of_generous_people_is_learnt() -> None:
    worlds = [rating_world(240, seed=seed) for seed in range(2)]
    mine, theirs = (
        np.mean([rmse(one, world) for world in worlds])
        for one in (Ratings(**SMALL), RatingItemUser(user_damping=2, item_damping=2))
    )
    assert mine < theirs


# What it cannot do -------------------------------------------------------------------------------------------------


def facts(transfer: Transfer) -> list[PairFacts]:
    return [PairFacts.of(pair) for pair in transfer.pairs]


def test_it_objects_to_implicit_feedback_on_either_side() -> None:
    rated, had = rating_world(), taste_world()
    to_ratings = Transfer.of(had.pair.source, rated.target, Overlap("users"))
    from_ratings = Transfer.of(rated.pair.source, had.target, Overlap("users"))
    message = "needs ratings (explicit feedback) on both sides, the {} has implicit feedback"
    assert Ratings().objection(facts(to_ratings)) == message.format("source")
    assert Ratings().objection(facts(from_ratings)) == message.format("target")


def test_it_objects_to_too_few_shared_people() -> None:
    (one,) = facts(rating_world())
    assert Ratings().objection([replace(one, shared_users=16)]) is None
    assert Ratings().objection([one, replace(one, shared_users=15)]) == "needs 16 shared users, there are 15"


def test_its_grid_tries_biases_alone() -> None:
    grid = Ratings().grid(facts(rating_world()), 8)
    assert grid[0] == Ratings()
    assert any(one.factors == 0 for one in grid)
    assert {one.factors for one in Ratings(factors=2).grid([], 8)} == {2}
