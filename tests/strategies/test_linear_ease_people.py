"""linear/ease: what is declared of people counts like an item that they had."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse

from foretaste import HistoryModel, Overlap, PairFacts, Transfer, feature_matrices
from foretaste.solvers import ease
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, taste_of, taste_world
from foretaste_linear import Ease
from strategies.test_naive_bayes_features import both_tagged, strangers

TOLD: dict[str, Any] = {"regularization": 10.0, "power": 0.0, "popularity": 0.0, "user_feature_weight": 1.0}


class TestEaseWithTags(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Ease
    params: ClassVar[dict[str, Any]] = {"user_feature_weight": 1.0}

    def world(self) -> Transfer:
        return both_tagged()


class TestEaseWithTagsAlone(TestEaseWithTags):
    def world(self) -> Transfer:
        return strangers()


def fitted(world: Transfer, **params: Any) -> HistoryModel:
    found = fit_once(Ease(**{**TOLD, **params}), world)
    assert isinstance(found, HistoryModel)
    return found


def test_it_is_ease_of_items_and_tokens_side_by_side() -> None:
    world = both_tagged()
    found = fitted(world, weight=0.0, user_feature_weight=0.25)
    X = (world.target.interactions.preference > 0).astype(np.float32)
    had = np.flatnonzero(X.getnnz(axis=1))
    assert world.target.user_features is not None
    assert world.pair.source.user_features is not None
    here, there = (
        feature_matrices([one], weighting="ones").matrices[0]
        for one in (world.target.user_features, world.pair.source.user_features)
    )
    brought = sparse.csr_matrix((world.pair.user_links.T @ there > 0).astype(np.float32))  # type: ignore[union-attr]
    J = sparse.hstack([X[had], 0.5 * here[had], 0.5 * brought[had]], format="csr", dtype=np.float32)
    whole, n = ease(J, 10.0).item_map(), X.shape[1]
    np.testing.assert_allclose(found.sides["films"].map, whole[:n, :n], atol=1e-4)
    tokens = here.shape[1]
    np.testing.assert_allclose(found.sides["films:user_features"].map, 0.5 * whole[n : n + tokens, :n], atol=1e-4)


def test_people_of_whom_nothing_but_tags_are_known_get_what_suits_these() -> None:
    world = strangers()
    found = fitted(world)
    rows = np.flatnonzero(found.roster.newcomers)
    assert len(rows)
    for row in rows:
        user = found.roster.users.ids[int(row)]
        (answer,) = found.recommend([user], 5)
        assert answer.path == "newcomer"
        assert np.mean([taste_of(item) == taste_of(user) for item in answer.items]) > 0.5


def test_who_comes_later_may_bring_tags() -> None:
    answer = fitted(strangers()).recommend_for({"films:user_features": ["tags=a-ish"]}, 5)
    assert np.mean([taste_of(item) == "a" for item in answer.items]) > 0.5


def test_without_any_tag_a_weight_of_them_is_an_objection_and_none_is_tried() -> None:
    facts = [PairFacts.of(taste_world().pair)]
    needs = "user_feature_weight 1 needs user features of the target, or of a source with shared users"
    assert Ease(user_feature_weight=1.0).objection(facts) == needs
    assert {one.user_feature_weight for one in Ease().grid(facts, 100)} == {0.0}
    assert {one.user_feature_weight for one in Ease().grid([PairFacts.of(both_tagged().pair)], 100)} == {0.0, 1.0}


def test_tags_of_people_whom_the_target_does_not_know_are_not_tried() -> None:
    pair = both_tagged().pair
    apart = Transfer.of(pair.source, taste_world().target, Overlap())
    facts = PairFacts.of(apart.pair)
    assert {one.user_feature_weight for one in Ease().grid([facts], 100)} == {0.0}
    assert "or of a source with shared users" in str(Ease(user_feature_weight=1.0).objection([facts]))
    strange = [PairFacts.of(strangers().pair)]
    assert str(Ease().objection(strange)).endswith("; user features can stand in with a user_feature_weight")


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_without_a_weight_tags_change_nothing(weight: float) -> None:
    told, plain = (fitted(world, weight=weight, user_feature_weight=0.0) for world in (both_tagged(), taste_world()))
    np.testing.assert_array_equal(told.sides["films"].map, plain.sides["films"].map)
    assert list(told.sides) == list(plain.sides)
