from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import ConfigError, HistoryModel, PairFacts, Recommender, Transfer
from foretaste.strategy import Strategy, make_strategy
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
from foretaste_linear import NaiveBayes


class TestNaiveBayes(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes


class TestNaiveBayesWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes

    def world(self) -> Transfer:
        return two_source_world()


class TestComplement(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes
    params: ClassVar[Mapping[str, Any]] = {"variant": "complement", "power": 0.5, "prior": 0.03}


def all_scores(found: Recommender, person: int) -> NDArray[np.float32]:
    items = found.roster.items.ids.to_list()
    return found.score([found.roster.users.ids[person]] * len(items), items)


def by_hand(
    world: Transfer, person: int, *, smoothing: float, power: float, prior: float, own_power: float | None = None
) -> NDArray[np.float64]:
    """The class docstring's formula, in loops."""
    target = world.target.interactions.preference.toarray() > 0
    sides = [(pair.source_history.toarray() > 0, False) for pair in world.pairs] + [(target, True)]
    scores = prior * np.log(1 + target.sum(axis=0))
    for item in range(target.shape[1]):
        for had, own in sides:
            counts = np.array([(had[:, j] & target[:, item]).sum() for j in range(had.shape[1])], float)
            if own:
                counts[item] = 0
            evidence = np.log((counts + smoothing) / (counts.sum() + smoothing * len(counts)))
            length = had[person].sum()
            if length:
                tempered = own_power if own and own_power is not None else power
                scores[item] += evidence[had[person]].sum() / length**tempered
    return np.asarray(scores, np.float64)


@pytest.mark.parametrize(
    "params",
    [
        {"smoothing": 1.0, "power": 0.0, "prior": 1.0},
        {"smoothing": 0.1, "power": 0.5, "prior": 0.5},
        {"smoothing": 2.0, "power": 1.0, "prior": 0.0},
        {"smoothing": 1.0, "power": 1.0, "prior": 0.5, "own_power": 0.25},
    ],
)
@pytest.mark.parametrize("make", [taste_world, two_source_world])
def test_scores_are_the_formula(make: type, params: dict[str, float]) -> None:
    world = make()
    length, own = world.source_length, world.target.interactions.history
    people = [np.argmax(mask) for mask in ((length > 0) & (own > 0), own == 0, length == 0)]
    found = fit_once(NaiveBayes(**params), world)
    for person in people:  # warm, a newcomer, and one without a source
        np.testing.assert_allclose(all_scores(found, int(person)), by_hand(world, int(person), **params), rtol=1e-4)


def test_power_0_for_newcomers_is_multinomial_naive_bayes() -> None:
    """With one sample per target row (the person's books, the film as class), smoothing = alpha and class priors in
    proportion to 1 + n_i, our score is scikit-learn's joint log likelihood, but for the log of the priors' sum.
    """
    from sklearn.naive_bayes import MultinomialNB

    world = taste_world()
    rows = world.target.interactions
    books = world.pair.source_history
    weights = 1 + rows.popularity
    model = MultinomialNB(alpha=0.7, class_prior=weights / weights.sum())
    model.fit(books[rows.user_rows], rows.item_rows)
    newcomers = np.flatnonzero(rows.history == 0)
    expected = model.predict_joint_log_proba(books[newcomers]) + np.log(weights.sum())
    found = fit_once(NaiveBayes(smoothing=0.7, power=0.0, prior=1.0), world)
    assert model.classes_.tolist() == list(range(len(rows.items)))
    np.testing.assert_allclose([all_scores(found, int(row)) for row in newcomers], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_gain_where_taste_carries_over(seed: int) -> None:
    assert newcomer_lift(NaiveBayes(), taste_world(seed=seed)) > 0.08


def test_newcomers_gain_nothing_where_it_does_not() -> None:
    assert np.mean([newcomer_lift(NaiveBayes(), unrelated_world(seed=seed)) for seed in range(3)]) < 0.02


def test_newcomers_get_films_of_the_taste_of_their_books() -> None:
    world = taste_world()
    people = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0))
    answers = fit_once(NaiveBayes(), world).recommend(people, 5)
    assert {answer.path for answer in answers} == {"newcomer"}
    assert np.mean([taste_of(item) == taste_of(one.user) for one in answers for item in one.items]) > 0.8


def test_two_sources_tell_more_than_either() -> None:
    world = two_source_world()
    alone = [newcomer_lift(NaiveBayes(), Transfer(world.target, (pair,), "one")) for pair in world.pairs]
    assert newcomer_lift(NaiveBayes(), world) > max(alone) + 0.01


def test_the_complement_is_scikit_learns_but_for_what_all_items_have_alike() -> None:
    """Left out is how often a book goes with anything at all: that is the same for every film."""
    from sklearn.naive_bayes import ComplementNB

    world = taste_world()
    rows, books = world.target.interactions, world.pair.source_history
    model = ComplementNB(alpha=0.7).fit(books[rows.user_rows], rows.item_rows)
    found = fit_once(NaiveBayes(variant="complement", smoothing=0.7, power=0.0, prior=0.0), world)
    assert isinstance(found, HistoryModel)
    side = found.sides["books"]
    assert sparse.issparse(side.map)
    whole = model.feature_count_.sum(axis=0) + 0.7
    alike = np.log(whole / whole.sum())
    np.testing.assert_allclose(
        (side.map.toarray() + side.offset).T, model.feature_log_prob_ + alike, rtol=1e-4, atol=1e-5
    )
    newcomers = np.flatnonzero(rows.history == 0)
    expected = model.predict_joint_log_proba(books[newcomers]) + (books[newcomers] @ alike)[:, None]
    scores = [all_scores(found, int(row)) for row in newcomers]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_gain_by_the_complement_too(seed: int) -> None:
    strategy = NaiveBayes(variant="complement", power=0.5, prior=0.03)
    assert newcomer_lift(strategy, taste_world(seed=seed)) > 0.08


def test_a_variant_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"variant: .*'multinomial' or 'complement'"):
        make_strategy(NaiveBayes, {"variant": "gaussian"})


def test_it_needs_something_that_goes_with_what_people_have() -> None:
    facts = PairFacts.of(taste_world().pair)
    assert NaiveBayes().objection([facts]) is None
    nothing = replace(facts, shared_users=0)
    assert NaiveBayes().objection([nothing]) == (
        "needs shared users, shared items or user features of the target, there are none"
    )
    assert NaiveBayes().objection([nothing, facts]) is None
    assert NaiveBayes().objection([replace(nothing, shared_items=1)]) is None
    assert NaiveBayes().objection([replace(nothing, target_user_features=True)]) is None


def test_it_tries_no_setting_that_makes_no_difference() -> None:
    facts = PairFacts.of(taste_world().pair)
    assert {one.discount for one in NaiveBayes().grid([facts], 100)} == {NaiveBayes().discount}
    assert {one.user_features for one in NaiveBayes().grid([facts], 100)} == {True}
    shared = PairFacts.of(item_world().pair)
    assert {one.discount for one in NaiveBayes().grid([shared], 100)} >= {0.0, 0.01, 0.03, 0.1, 0.3, 1.0}
    described = replace(facts, source_user_features=True)
    assert {one.user_features for one in NaiveBayes().grid([described], 100)} == {True, False}


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_links_are_people_whatever_their_weight(weight: float) -> None:
    linked, shared = (fit_once(NaiveBayes(), world) for world in (linked_world(weight=weight), taste_world()))
    people = shared.roster.users.ids.to_list()
    assert linked.recommend(people, 5).to_rows() == shared.recommend(people, 5).to_rows()
