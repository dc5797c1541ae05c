"""What transfer can bring where items are shared and people are not: people keep half of their rows, and are judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Domain, Overlap, Transfer
from foretaste.data import DomainPair, Shared
from foretaste.forecast import Forecast, _shelf, forecast
from foretaste.forecast._halved import _scores
from foretaste.forecast._shelf import shelf
from foretaste.platform._compare import permuted
from foretaste.solvers import ease_map, kernel_ridge

ITEMS, TASTES = 60, 6


def market(name: str, n_people: int, seed: int, rows: int = 8) -> Domain:
    """People of six tastes: seven of eight of their items are of their own."""
    rng = np.random.default_rng(seed)
    found = []
    for person in range(n_people):
        own = np.arange(ITEMS) % TASTES == person % TASTES
        chance = np.where(own, 7.0, 1 / (TASTES - 1))
        found += [(f"{name}{person}", f"i{item}") for item in rng.choice(ITEMS, rows, False, chance / chance.sum())]
    return Domain.from_frame(pl.DataFrame(found, ["user_id", "item_id"], orient="row"), name)


def young(n_people: int = 24, seed: int = 0, shared: Shared = "items") -> Transfer:
    """A large market, and one of few people where the same items are sold."""
    return Transfer.of(market("old", 300, seed), market("new", n_people, seed + 1), Overlap(shared))


@pytest.fixture(scope="module")
def of_young() -> Forecast:
    return forecast(young().pair)


def test_a_source_that_knows_the_items_is_expected_to_help_people_who_keep_half_of_their_rows(
    of_young: Forecast,
) -> None:
    (gain,) = of_young.expected
    assert of_young.go
    assert (gain.rows, gain.people) == (None, 24)
    headline, judged, *_ = of_young.sentences()
    assert headline == (
        f"expect {gain.low:+.3f} to {gain.high:+.3f} ndcg@10 for people who keep half of their target interactions"
    )
    assert judged.startswith(
        "judged on 24 people of the target, 60 of its items and 60 linked source items; gains below"
    )


def test_what_shuffled_items_still_gain_is_told(of_young: Forecast) -> None:
    assert of_young.control is not None
    assert of_young.control < 0.02 < of_young.expected[0].low
    assert (
        of_young.sentences()[2] == f"control: they gain {of_young.control:+.3f} where the source's items are shuffled"
    )


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_expected_of_a_source_whose_items_are_shuffled(seed: int) -> None:
    found = forecast(permuted(young(seed=seed), seed).pair, seed=seed)
    assert not found.go
    assert found.sentences()[0] == "expect nothing for people who keep half of their target interactions"


def test_a_target_that_knows_its_items_itself_has_little_to_gain(of_young: Forecast) -> None:
    grown = forecast(young(600).pair)
    assert grown.expected[0].value < of_young.expected[0].value / 4


def test_items_of_a_link_table_are_items(of_young: Forecast) -> None:
    renamed = market("old", 300, 0)
    rows = renamed.interactions
    table = pl.DataFrame({"user_id": rows.users.ids[rows.user_rows], "item_id": "o" + rows.items.ids[rows.item_rows]})
    links = pl.DataFrame({"from_id": [f"oi{n}" for n in range(ITEMS)], "to_id": [f"i{n}" for n in range(ITEMS)]})
    linked = Transfer.of(Domain.from_frame(table, "old"), market("new", 24, 1), Overlap(item_links=links))
    assert forecast(linked.pair).expected == of_young.expected


def test_the_same_seed_gives_the_same_forecast(of_young: Forecast) -> None:
    assert forecast(young().pair) == of_young


def test_it_is_ready_for_json(of_young: Forecast) -> None:
    document = of_young.as_dict()
    assert document["expected"][0]["rows"] is None
    assert (document["leave_one_out"], document["twins"], document["target_shift"]) == (None, 0, None)


def disliking(pair: DomainPair) -> DomainPair:
    rows = pair.source.interactions
    rated = replace(rows, feedback=replace(rows.feedback, kind="explicit"))
    return replace(pair, source=pair.source.with_interactions(rated))


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (young(shared="none").pair, "neither people nor items are shared, and without them nothing can be judged"),
        (young(9).pair, "9 people prefer two items of the target or more, 10 are needed"),
        (disliking(young().pair), "nobody in the source prefers an item that the target has"),
    ],
    ids=["nothing shared", "few people", "all disliked"],
)
def test_pairs_that_tell_nothing_are_told_in_one_sentence(pair: DomainPair, words: str) -> None:
    found = forecast(pair)
    assert (found.go, found.expected) == (False, ())
    assert found.sentences() == [f"no forecast: {words}"]


def test_nobody_is_judged_by_a_fit_that_knew_them() -> None:
    found = shelf(young().pair, 7)
    gram = (found.target.T @ found.target + 0.3 * found.source.T @ found.source).toarray()
    inverse = kernel_ridge(gram, sparse.identity(ITEMS, np.float64, "csr"), 30.0).coefficients
    scores, kept = _scores(found, inverse)[0], found.halves[0].kept
    for person in (0, 7):
        others = np.delete(np.arange(found.target.shape[0]), person)  # those who are judged come first
        together = sparse.vstack([found.target[others], found.source * np.sqrt(0.3)], "csr")
        expected = np.asarray(kept[person] @ ease_map(together, 30.0))[0]
        asked = np.setdiff1d(np.arange(ITEMS), kept[person].indices)  # the others are not ranked
        np.testing.assert_allclose(scores[person, asked], expected[asked], atol=1e-4)


def test_half_of_what_people_have_is_kept_and_the_other_half_looked_for() -> None:
    disliked = {"i0", "i1", "i2", "i3", "i4", "i5"}
    rows = [(who, f"i{item}", 1.0 if f"i{item}" in disliked else 5.0) for who in range(12) for item in range(11)]
    target = Domain.from_frame(pl.DataFrame(rows, ["user_id", "item_id", "rating"], orient="row"), "new")
    found = shelf(Transfer.of(market("old", 300, 0), target, Overlap("items")).pair, 7)
    assert len(found) == 12
    assert len(found.halves) == 5
    for half in found.halves:
        assert set(half.kept.getnnz(axis=1)) == {2}  # of five
        assert set(half.hidden.getnnz(axis=1)) == {3}
        assert set(half.had.getnnz(axis=1)) == {2 + 3}  # with three of the six that they dislike
        assert half.kept.multiply(half.hidden).nnz == half.had.multiply(half.hidden).nnz == 0


def test_what_is_looked_at_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shelf, "ITEMS", 20)
    monkeypatch.setattr(_shelf, "PEOPLE", 15)
    monkeypatch.setattr(_shelf, "TEACHERS", 40)
    found = shelf(young(100).pair, 7)
    assert found.liked.shape == (15, 20)
    assert found.target.shape == found.source.shape == (40, 20)
    assert found.source_items == 20
    np.testing.assert_array_equal(found.target[:15].toarray(), found.liked.toarray())
