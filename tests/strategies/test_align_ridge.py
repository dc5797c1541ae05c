from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from foretaste import FactorModel, Overlap, PairFacts, Transfer
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
from foretaste_align import Ridge

SMALL = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}


class TestRidge(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ridge
    params: ClassVar[dict[str, float]] = SMALL


class TestRidgeWithTwoSources(TestRidge):
    def world(self) -> Transfer:
        return two_source_world()


def fitted(world: Transfer, **params: Any) -> FactorModel:
    found = fit_once(Ridge(**{**SMALL, **params}), world)
    assert isinstance(found, FactorModel)
    return found


def als_items(
    X: sparse.csr_matrix, factors: int, regularization: float, alpha: float, epochs: int
) -> NDArray[np.float64]:
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors, regularization, alpha, iterations=epochs, num_threads=1, random_state=0
        )
        model.fit(X, show_progress=False)
    return np.asarray(model.item_factors, np.float64)


def als_people(
    X: sparse.csr_matrix, Q: NDArray[np.float64], regularization: float, alpha: float
) -> NDArray[np.float64]:
    """One person at a time: p = (Q' C Q + regularization I)^-1 Q' C 1, C = alpha x where there is a row, else 1."""
    people = np.zeros((X.shape[0], Q.shape[1]))
    for row, x in enumerate(X.toarray().astype(np.float64)):
        if x.any():
            confidence = np.where(x > 0, alpha * x, 1.0)
            system = (Q * confidence[:, None]).T @ Q + regularization * np.eye(Q.shape[1])
            people[row] = np.linalg.solve(system, Q.T @ np.where(x > 0, confidence, 0.0))
    return people


def by_hand(world: Transfer, settings: Ridge) -> NDArray[np.float64]:
    """Return everybody's scores: ALS on both sides, a weighted ridge with a free intercept, the mix, popularity."""
    rows, pair = world.target.interactions, world.pair
    films = als_items(rows.preference, settings.factors, settings.regularization, settings.alpha, settings.epochs)
    idf = np.log((1 + (pair.source.interactions.history > 0).sum()) / (1 + pair.source.interactions.popularity))
    told = sparse.diags(idf / idf.mean() if settings.source_weighting == "idf" else np.ones(len(idf)))
    books = als_items(
        sparse.csr_matrix(pair.source.interactions.preference @ told, dtype=np.float32),
        settings.source_factors,
        settings.source_regularization,
        settings.source_alpha,
        settings.epochs,
    )
    own = als_people(rows.preference, films, settings.regularization, settings.alpha)
    history = sparse.csr_matrix(pair.source_history @ told, dtype=np.float32)
    there = als_people(history, books, settings.source_regularization, settings.source_alpha)
    if settings.unit_length:
        there /= np.maximum(np.linalg.norm(there, axis=1, keepdims=True), 1e-12)
    k = rows.history.astype(np.float64)
    shared = (k > 0) & (pair.source_length > 0)
    X, weight = np.column_stack([there[shared], np.ones(shared.sum())]), (k / (k + settings.kappa))[shared]
    penalty = settings.map_regularization * (there[shared] ** 2).sum() / there.shape[1]
    penalties = np.diag([*[penalty] * there.shape[1], 0.0])
    solved = np.linalg.solve((X * weight[:, None]).T @ X + penalties, (X * weight[:, None]).T @ own[shared])
    mapped = np.column_stack([there, np.ones(len(there))]) @ solved
    trust = np.where(pair.source_length > 0, k / (k + settings.kappa), 1.0)[:, None]
    popularity = np.log1p(rows.popularity)
    scores = (trust * own + (1 - trust) * mapped) @ films.T + settings.popularity * popularity / popularity.max()
    return np.asarray(scores)


PLAIN = {"source_weighting": "none", "unit_length": False}


@pytest.mark.parametrize(
    "more",
    [
        {},
        PLAIN,
        {"alpha": 3.0, "source_alpha": 2.0, "kappa": 20.0, "popularity": 0.3, "map_regularization": 1.0, **PLAIN},
    ],
)
@pytest.mark.parametrize("make", [taste_world, lambda: linked_world(weight=0.5)], ids=["shared", "weighted links"])
def test_scores_are_the_bare_closed_form(make: type, more: dict[str, Any]) -> None:
    world = make()
    settings = Ridge(**{**SMALL, **more})
    found = fitted(world, **more)
    scores = found.user_factors @ found.item_factors.T + found.item_bias
    np.testing.assert_allclose(scores, by_hand(world, settings), atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_gain_where_taste_carries_over(seed: int) -> None:
    assert newcomer_lift(Ridge(**SMALL), taste_world(seed=seed)) > 0.08


def test_newcomers_gain_nothing_where_it_does_not() -> None:
    assert np.mean([newcomer_lift(Ridge(**SMALL), unrelated_world(seed=seed)) for seed in range(3)]) < 0.02


def test_newcomers_get_films_of_the_taste_of_their_books() -> None:
    world = taste_world()
    people = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0))
    answers = fitted(world).recommend(people, 5)
    assert {answer.path for answer in answers} == {"newcomer"}
    assert np.mean([taste_of(item) == taste_of(one.user) for one in answers for item in one.items]) > 0.8


def test_warm_people_mix_their_own_vector_and_the_mapped_one() -> None:
    """kappa is the number of own rows at which both count alike; the map must not change with it, so it is exact."""
    world = taste_world()
    rows = world.target.interactions
    own = fitted(world, kappa=0.0)
    mixed = fitted(world, kappa=3.0)
    both = np.flatnonzero((rows.history > 0) & (world.source_length > 0))
    k = rows.history[both].astype(np.float64)[:, None]
    mapped = mixed.encoders["books"].encode(world.pair.source_history[both])
    expected = k / (k + 3) * own.user_factors[both] + 3 / (k + 3) * mapped
    np.testing.assert_allclose(mixed.user_factors[both], expected, atol=1e-5)


def test_people_without_a_source_keep_their_own_vector() -> None:
    world = taste_world()
    alone = np.flatnonzero(world.source_length == 0)
    assert len(alone)
    few, many = (fitted(world, kappa=kappa).user_factors[alone] for kappa in (0.0, 50.0))
    np.testing.assert_array_equal(few, many)


def test_newcomers_of_two_sources_get_what_both_maps_add_to_the_mean() -> None:
    world = two_source_world()
    found = fitted(world)
    newcomers = np.flatnonzero(world.target.interactions.history == 0)
    parts = [found.encoders[pair.source.name].encode(pair.source_history[newcomers]) for pair in world.pairs]
    assert all((pair.source_length[newcomers] > 0).all() for pair in world.pairs)
    center = found.mix.center
    np.testing.assert_allclose(found.user_factors[newcomers], center + sum(part - center for part in parts), atol=1e-5)


def test_a_source_that_says_nothing_has_no_weight() -> None:
    """Albums of somebody else: what is left of them is the center."""
    world = two_source_world()
    books, albums = world.pairs
    rows = albums.source.interactions
    others = np.random.default_rng(0).permutation(len(rows.users))
    lost = world.replaced(sources={albums.source.name: replace(rows, user_rows=others[rows.user_rows])})
    found = fitted(lost)
    strength = {name: float(np.linalg.norm(found.encoders[name].matrix)) for name in (books.source.name, "albums")}
    assert strength["albums"] < 0.2 * strength["books"]


def test_two_sources_tell_more_than_either() -> None:
    world = two_source_world()
    alone = [newcomer_lift(Ridge(**SMALL), Transfer(world.target, (pair,), "one")) for pair in world.pairs]
    assert newcomer_lift(Ridge(**SMALL), world) > max(alone)


def test_it_objects_to_shared_items_without_people() -> None:
    assert Ridge().objection([PairFacts.of(item_world().pair)]) == "needs 64 shared users, there are 0"
    assert Ridge().objection([PairFacts.of(taste_world(70).pair)]) == "needs 64 shared users, there are 58"


def test_what_one_source_taught_serves_another_target() -> None:
    first, second = taste_world(), taste_world(seed=5)
    settings, context = Ridge(**SMALL), TestRidge().context()
    carried = settings.pretrain(first.pair.source, context)
    joined = Transfer.of(first.pair.source, second.target, Overlap("users"))
    found = settings.adapt({"books": carried}, joined, context)
    np.testing.assert_array_equal(found.encoders["books"].item_factors, carried.arrays["item_factors"])
