"""linear/ridge: the formula, leave-one-person-out, both forms, several sources, and what it cannot serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import DomainPair, HistoryModel, PairFacts, Transfer
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
from foretaste_linear import Ridge
from foretaste_linear._least_squares import served, solved


class TestRidge(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ridge


class TestRidgeWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ridge

    def world(self) -> Transfer:
        return two_source_world()


def fitted(world: Transfer, **params: Any) -> HistoryModel:
    found = fit_once(Ridge(**params), world)
    assert isinstance(found, HistoryModel)
    return found


def by_hand(world: Transfer, regularization: float, power: float) -> NDArray[np.float64]:
    """Everybody's scores by the class docstring's formula, in dense arrays."""
    x = (world.pair.source_history.toarray() > 0).astype(float)
    y = (world.target.interactions.preference.toarray() > 0).astype(float)
    both = x.any(axis=1) & y.any(axis=1)
    w = np.log((1 + both.sum()) / (1 + x[both].sum(axis=0)))
    z = x * w / np.maximum(x.sum(axis=1, keepdims=True), 1) ** power
    Z, mean = z[both], y[y.any(axis=1)].mean(axis=0)
    strength = regularization * (Z**2).sum(axis=1).mean()
    return mean + z @ np.linalg.solve(Z.T @ Z + strength * np.eye(Z.shape[1]), Z.T @ (y[both] - mean))


@pytest.mark.parametrize(("regularization", "power"), [(1.0, 0.5), (10.0, 1.0), (3.0, 0.0)])
def test_scores_are_the_formula(regularization: float, power: float) -> None:
    world = taste_world()
    model = fitted(world, regularization=regularization, power=power)
    expected, items = by_hand(world, regularization, power), model.roster.items.ids.to_list()
    for row in np.flatnonzero(world.source_length > 0)[:30]:
        scores = model.score([model.roster.users.ids[int(row)]] * len(items), items)
        np.testing.assert_allclose(scores, expected[row], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", [(12, 30), (40, 9)])  # solved over people, and over items
def test_the_error_is_that_of_solving_without_each_person(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    Z = sparse.random(*shape, 0.4, format="csr", random_state=rng)
    Y = sparse.csr_matrix((rng.random((shape[0], 7)) < 0.3).astype(np.float32))
    mean, strength = np.asarray(Y.mean(axis=0)).ravel(), 0.7
    error = 0.0
    for left in range(shape[0]):
        others = np.arange(shape[0]) != left
        z, y = Z[others].toarray(), Y[others].toarray() - mean
        without = np.linalg.solve(z.T @ z + strength * np.eye(shape[1]), z.T @ y)
        error += float(np.square(Y[left].toarray() - mean - Z[left].toarray() @ without).sum())
    found = solved(Z, Y, mean, [strength])
    assert found.error == pytest.approx(error, rel=1e-4)
    z, y = Z.toarray(), Y.toarray() - mean
    expected = np.linalg.solve(z.T @ z + strength * np.eye(shape[1]), z.T @ y)
    item_map, kept = served(found, 2**20)
    assert kept == 1
    np.testing.assert_allclose(item_map, expected, rtol=1e-3, atol=1e-5)


def test_the_strength_is_chosen_where_none_is_given() -> None:
    related, unrelated = taste_world(), unrelated_world()
    sizes = [np.abs(np.asarray(fitted(world).sides["books"].map)).mean() for world in (related, unrelated)]
    assert sizes[0] > 3 * sizes[1]  # nothing to learn: drawn to the mean


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_gain_where_taste_carries_over(seed: int) -> None:
    assert newcomer_lift(Ridge(), taste_world(seed=seed)) > 0.08


def test_newcomers_lose_nothing_where_it_does_not() -> None:
    assert np.mean([newcomer_lift(Ridge(), unrelated_world(seed=seed)) for seed in range(3)]) > -0.03


def test_newcomers_get_films_of_the_taste_of_their_books() -> None:
    world = taste_world()
    people = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0))
    answers = fitted(world).recommend(people, 5)
    assert {answer.path for answer in answers} == {"newcomer"}
    assert np.mean([taste_of(item) == taste_of(one.user) for one in answers for item in one.items]) > 0.8


def test_a_source_that_says_nothing_is_left_out() -> None:
    world = two_source_world()
    pairs = world.pairs
    rng = np.random.default_rng(0)
    rows = pairs[1].source.interactions
    shuffled = replace(rows, user_rows=rng.permutation(rows.user_rows))
    harmed = world.replaced(sources={pairs[1].source.name: shuffled})
    both, one = fitted(world), fitted(harmed)
    assert set(both.sides) == {pair.source.name for pair in pairs}
    assert set(one.sides) == {pairs[0].source.name}
    assert one.notes == (f"{pairs[1].source.name} is left out: people are predicted better without it",)


def test_a_map_beyond_its_limit_keeps_the_directions_in_which_it_is_largest() -> None:
    rng = np.random.default_rng(2)
    Z = sparse.random(20, 200, 0.3, format="csr", random_state=rng)
    Y = sparse.csr_matrix((rng.random((20, 90)) < 0.3).astype(np.float32))
    found = solved(Z, Y, np.asarray(Y.mean(axis=0)).ravel(), [0.5])
    whole = np.asarray(Z.T @ (found.directions @ found.right))
    for rank, exact in ((20, True), (8, False)):
        (left, right), kept = served(found, 4 * rank * 290)
        assert left.nbytes + right.nbytes <= 4 * rank * 290
        lost = np.square(left @ right - whole).sum() / np.square(whole).sum()
        assert kept == pytest.approx(1 - lost, abs=1e-4)
        assert (kept > 1 - 1e-6) == exact
        assert kept > 0.4


def test_a_cut_map_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretaste_linear._ridge.served", lambda found, limit: (*served(found, limit)[:1], 0.9))
    assert fitted(taste_world()).notes == ("the map, cut to 256 MB, lost 10.00% of its squared norm",)


def test_it_says_what_it_cannot_serve() -> None:
    facts = PairFacts.of(taste_world().pair)
    assert Ridge().objection([facts]) is None
    assert Ridge().objection([PairFacts.of(item_world().pair)]) == "needs 16 shared users, there are 0"
    large = replace(facts, shared_users=50_000, source_items=60_000, target_items=50_000)
    assert Ridge().refusal([large]) == (
        "needs 134.1 GiB for 50000 people, 60000 source and 50000 target items, the limit is 2 GiB;"
        " align/ridge, linear/neighbours and linear/naive-bayes take less"
    )


def test_somebody_new_is_placed_by_the_books_they_bring() -> None:
    answer = fitted(taste_world()).recommend_for({"books": ["book-a0", "book-a1"]}, 5)
    assert answer.path == "folded-in"
    assert np.mean([taste_of(item) == "a" for item in answer.items]) > 0.7


def test_reasons_add_up() -> None:
    world = taste_world()
    model = fitted(world)
    person = model.roster.users.ids[int(np.flatnonzero(world.target.interactions.history == 0)[0])]
    item = model.recommend([person], 1)[0].items[0]
    reasons = model.explain(person, item, 50)
    assert sum(one.share for one in reasons.reasons) == pytest.approx(float(model.score([person], [item])[0]), abs=1e-4)


def test_links_that_are_weighted_count_as_people() -> None:
    world = taste_world()
    pair = world.pair
    light = DomainPair(pair.source, pair.target, pair.user_links * 0.3)
    heavy, other = fitted(world), fitted(Transfer(world.target, (light,), world.name))
    people = heavy.roster.users.ids.to_list()[:20]
    assert heavy.recommend(people, 5).to_rows() == other.recommend(people, 5).to_rows()
