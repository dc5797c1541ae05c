"""linear/neighbours: the formulas, blocks, its limit without the source, and what it cannot serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import HistoryModel, Overlap, PairFacts, Transfer
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
from foretaste_linear import Neighbours
from foretaste_linear._nearest import columns, nearest


class TestNeighbours(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Neighbours


class TestNeighboursWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Neighbours

    def world(self) -> Transfer:
        return two_source_world()


def fitted(world: Transfer, **params: Any) -> HistoryModel:
    found = fit_once(Neighbours(**params), world)
    assert isinstance(found, HistoryModel)
    return found


def whole_map(model: HistoryModel, name: str) -> NDArray[np.float64]:
    found = model.sides[name].map
    assert isinstance(found, sparse.csr_matrix)
    return np.asarray(found.toarray(), np.float64)


def ones(matrix: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.toarray() > 0, np.float64)


def strongest(similarity: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Keep the k largest of each column."""
    least = -np.sort(-similarity, axis=0)[k - 1]
    return np.where(similarity >= least, similarity, 0)


def test_items_are_compared_by_the_people_who_had_both() -> None:
    world = taste_world()
    x, y = ones(world.pair.source_history), ones(world.target.interactions.preference)
    lengths = [np.sqrt(one.sum(axis=0)) for one in (x, y)]
    expected = x.T @ y / (np.outer(*lengths) + 50)
    found = whole_map(fitted(world, neighbours=100, weight=2.0), "books")
    np.testing.assert_allclose(found, 2 * expected, atol=1e-5)


def test_only_the_most_similar_items_speak() -> None:
    world = taste_world()
    whole, few = (whole_map(fitted(world, neighbours=k), "books") for k in (100, 3))
    np.testing.assert_allclose(few, strongest(whole, 3), atol=1e-6)


def test_people_vote_for_what_they_had_by_how_alike_they_are() -> None:
    world = taste_world()
    x, y = ones(world.pair.source_history), ones(world.target.interactions.preference)
    w = np.log((1 + x.any(axis=1).sum()) / (1 + x.sum(axis=0)))
    lengths = np.sqrt(np.square(x * w).sum(axis=1))
    z = np.divide(x * w, lengths[:, None], out=np.zeros_like(x), where=lengths[:, None] > 0)
    votes = z @ z.T @ y
    model = fitted(world, neighbours_of="people", neighbours=100, weight=1.0)
    said = x @ whole_map(model, "books") / np.maximum(lengths, 1e-9)[:, None]
    np.testing.assert_allclose(said, votes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("of", ["items", "people"])
def test_what_everybody_likes_is_left_to_popularity(of: str) -> None:
    world = taste_world()
    model = fitted(world, neighbours_of=of, popularity=0.0)
    for name, side in model.sides.items():
        assert side.histories is not None
        assert side.offset is not None
        held = np.asarray(side.histories.sum(axis=0)).ravel()
        said = held @ (whole_map(model, name) + side.offset)
        np.testing.assert_allclose(said, 0, atol=1e-2, err_msg=name)


def test_people_with_few_items_count_more_in_tf_idf() -> None:
    # items 0 and 1 share a person of two items, 2 and 3 one of many
    history = sparse.csr_matrix(
        np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]], np.float32)
    )
    rarity = np.log(7 / (1 + history.getnnz(axis=1)))
    weighted = columns(history, "tf-idf", rarity)
    near = nearest(weighted, weighted, 6, same=True).toarray()
    assert near[0, 1] > near[2, 3] > 0
    np.testing.assert_array_equal(np.diag(near), 0)


def test_bm25_is_that_of_implicit() -> None:
    implicit = pytest.importorskip("implicit.nearest_neighbours")
    rng = np.random.default_rng(3)
    history = sparse.csr_matrix((rng.random((60, 12)) < rng.random(12)).astype(np.float32))
    theirs = implicit.bm25_weight(history.T, 100, 0.8).tocsr()
    rarity = np.log(12 / (1 + history.getnnz(axis=1)))
    np.testing.assert_allclose(columns(history, "bm25", rarity).matrix.toarray(), theirs.T.toarray(), rtol=1e-4)


def test_neighbours_found_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = taste_world()
    whole = whole_map(fitted(world), "films")
    monkeypatch.setattr("foretaste.solvers._topk._BLOCK_BYTES", 4 * 24 * 5)
    np.testing.assert_array_equal(whole_map(fitted(world), "films"), whole)


def test_without_weight_the_source_says_nothing() -> None:
    assert set(fitted(taste_world(), weight=0.0).sides) == {"films"}


@pytest.mark.parametrize("of", ["items", "people"])
@pytest.mark.parametrize("make", [taste_world, two_source_world])
def test_newcomers_gain_where_taste_carries_over(make: Any, of: Any) -> None:
    assert newcomer_lift(Neighbours(neighbours_of=of), make()) > 0.08


@pytest.mark.parametrize("of", ["items", "people"])
def test_newcomers_gain_nothing_where_it_does_not(of: Any) -> None:
    assert newcomer_lift(Neighbours(neighbours_of=of), unrelated_world()) < 0.02


@pytest.mark.parametrize("of", ["items", "people"])
def test_somebody_new_is_placed_by_what_they_bring_of_either_domain(of: str) -> None:
    model = fitted(taste_world(), neighbours_of=of)
    for history in (
        {"books": ["book-a0", "book-a1"]},
        {"films": ["film-a0"]},
        {"books": ["book-a0"], "films": ["film-a2"]},
    ):
        answer = model.recommend_for(history, 5)
        assert answer.path == "folded-in"
        assert np.mean([taste_of(item) == "a" for item in answer.items]) > 0.7


def test_films_near_a_book_are_of_its_taste() -> None:
    near = fitted(taste_world()).similar_items(["book-b3"], 5, of="books")
    assert np.mean([taste_of(item) == "b" for item in near[0].items]) > 0.7


def test_it_says_what_it_cannot_serve() -> None:
    assert Neighbours().objection([PairFacts.of(taste_world().pair)]) is None
    assert Neighbours().objection([PairFacts.of(item_world().pair)]) == "needs shared users, there are none"


def test_a_source_with_which_items_alone_are_shared_says_nothing():
    world, abroad = taste_world(), replace(taste_world(seed=5).target, name="abroad")
    both = Transfer.of([world.pair.source, abroad], world.target, [Overlap("users"), Overlap("items")])
    model = fitted(both)
    assert sorted(model.sides) == ["books", "films"]
    assert model.recommend_for({"abroad": ["film-a0", "film-a1"]}, 3).path == "popular"
    assert model.recommend_for({"books": ["book-a0", "book-a1"]}, 3).path == "folded-in"
