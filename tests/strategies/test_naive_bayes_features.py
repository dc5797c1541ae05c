"""What is declared of people is evidence: tags of either side, missing ones, and people who come later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Features, HistoryModel, Overlap, PairFacts, Transfer, load_bundle, save_bundle
from foretaste.bundle._manifest import read_manifest
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, taste_of, taste_world
from foretaste_linear import NaiveBayes


def tagged(domain: Domain, keep: float = 1.0) -> Domain:
    """The domain with tags of its people, that tell their taste; some are missing."""
    users = domain.interactions.users
    rng = np.random.default_rng(0)
    known = rng.random(len(users)) < keep
    tags = [
        f"{taste_of(user)}-ish|anybody" if is_known else None for user, is_known in zip(users.ids, known, strict=True)
    ]
    table = pl.DataFrame({"user_id": users.ids, "tags": pl.Series(tags, dtype=pl.String)})
    kinds: Any = {"tags": "multi-valued"}
    return replace(domain, user_features=Features.from_frame(table, users, "user_id", kinds, "people"))


def both_tagged() -> Transfer:
    world = taste_world()
    return Transfer.of(tagged(world.pair.source), tagged(world.target, 0.7), Overlap("users"))


def strangers() -> Transfer:
    """A source with none of the target's people nor items; the target's people have tags, some no row."""
    world = taste_world()
    source = Domain.from_frame(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["x", "y"]}), "elsewhere")
    target = tagged(world.target)
    rows = target.interactions
    return Transfer.of(source, target.with_interactions(rows.take(rows.user_rows > 5)), Overlap("none"))


class TestNaiveBayesWithFeatures(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes

    def world(self) -> Transfer:
        return both_tagged()


class TestNaiveBayesWithFeaturesAlone(StrategyContract):
    strategy: ClassVar[type[Strategy]] = NaiveBayes

    def world(self) -> Transfer:
        return strangers()


def fitted(world: Transfer, **params: Any) -> HistoryModel:
    found = fit_once(NaiveBayes(**params), world)
    assert isinstance(found, HistoryModel)
    return found


def test_there_is_a_side_for_what_each_domain_declares() -> None:
    model = fitted(both_tagged())
    assert set(model.sides) == {"books", "films", "books:user_features", "films:user_features"}
    assert sorted(model.sides["films:user_features"].items.ids) == ["tags=a-ish", "tags=anybody", "tags=b-ish"]


def test_tokens_count_as_items_do() -> None:
    world = both_tagged()
    rows, model = world.target.interactions, fitted(world, smoothing=0.5)
    side = model.sides["films:user_features"]
    tokens = side.histories.toarray()
    counts = tokens.T @ (rows.preference.toarray() > 0)
    expected = np.log((counts + 0.5) / (counts.sum(axis=0) + 0.5 * len(side.items)))
    np.testing.assert_allclose(side.map.toarray() + side.offset, expected, rtol=1e-5)


def test_who_is_not_described_is_scored_by_items_alone() -> None:
    model = fitted(both_tagged())
    without = fitted(both_tagged(), user_features=False)
    assert set(without.sides) == {"books", "films"}
    untold = [
        row
        for row in range(len(model.roster.users))
        if not sum(side.histories[row].nnz for name, side in model.sides.items() if name.endswith("user_features"))
    ]
    assert untold
    items = model.roster.items.ids.to_list()
    for user in model.roster.users.take(np.array(untold)):
        np.testing.assert_array_equal(
            model.score([user] * len(items), items), without.score([user] * len(items), items)
        )


def test_features_alone_tell_the_taste_of_people_without_a_row() -> None:
    world = strangers()
    assert NaiveBayes().objection([PairFacts.of(world.pair)]) is None
    model = fitted(world)
    people = model.roster.users.ids[:6].to_list()
    answers = model.recommend(people, 5)
    assert {answer.path for answer in answers} == {"newcomer"}
    assert np.mean([taste_of(item) == taste_of(one.user) for one in answers for item in one.items]) > 0.8


def test_a_person_who_comes_later_brings_tokens() -> None:
    model = fitted(both_tagged())
    for taste in "ab":
        answer = model.recommend_for({"films:user_features": [f"tags={taste}-ish", "tags=unheard-of"]}, 5)
        assert answer.path == "folded-in"
        assert np.mean([taste_of(item) == taste for item in answer.items]) > 0.7
    assert model.recommend_for({"films:user_features": ["tags=unheard-of"]}, 5).path == "popular"


def test_a_table_without_a_value_is_as_good_as_none() -> None:
    assert set(
        fitted(Transfer.of(taste_world().pair.source, tagged(taste_world().target, 0.0), Overlap("users"))).sides
    ) == {
        "books",
        "films",
    }


def test_an_explanation_names_them_and_adds_up() -> None:
    model = fitted(strangers())
    person = model.roster.users.ids[0]
    item = model.recommend([person], 1)[0].items[0]
    reasons = model.explain(person, item, 9)
    assert {(one.domain, one.item) for one in reasons.reasons[:-1]} == {
        ("films:user_features", f"tags={taste_of(person)}-ish"),
        ("films:user_features", "tags=anybody"),
    }
    assert sum(one.share for one in reasons.reasons) == pytest.approx(float(model.score([person], [item])[0]), abs=1e-4)


def test_a_bundle_says_that_it_holds_them_and_may_leave_them_out(tmp_path: Path) -> None:
    model = fitted(both_tagged())
    whole = save_bundle(model, tmp_path / "whole", strategy="linear/naive-bayes", params={})
    assert read_manifest(whole).contains == ("seen items", "source histories", "target histories", "user features")
    assert read_manifest(save_bundle(fitted(strangers()), tmp_path / "alone", strategy="x", params={})).contains == (
        "seen items",
        "target histories",
        "user features",
    )
    lean = save_bundle(model, tmp_path / "lean", strategy="linear/naive-bayes", params={}, histories=False)
    assert read_manifest(lean).contains == ()
    history = {"books:user_features": ["tags=a-ish"], "films": ["film-a0"]}
    assert load_bundle(lean).recommend_for(history, 5) == model.recommend_for(history, 5)
