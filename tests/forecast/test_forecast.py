"""What transfer can bring, before anything is fitted: what is said for worlds whose answer is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Overlap, Transfer
from foretaste.audit import find_twins
from foretaste.data import DomainPair
from foretaste.forecast import Expected, Forecast, Shift, forecast
from foretaste.platform._compare import permuted
from foretaste.testing import linked_world, taste_world, unrelated_world

BENCH = Path(__file__).resolve().parents[2].parent / "shared" / "bench"
PEOPLE = range(80)
Rows = Iterable[tuple[object, ...]]


def domain(name: str, rows: Rows) -> Domain:
    rows = list(rows)
    columns = ["user_id", "item_id", "weight", "timestamp"][: len(rows[0])]
    return Domain.from_frame(pl.DataFrame(rows, columns, orient="row"), name)


def pair_of(source: Rows, target: Rows, shared: str = "users") -> DomainPair:
    return Transfer.of(domain("books", source), domain("films", target), Overlap(shared)).pair


def rows(prefix: str, seed: int, n: int = 12, share: float = 0.3) -> list[tuple[object, ...]]:
    rng = np.random.default_rng(seed)
    return [(who, f"{prefix}{item}") for who in PEOPLE for item in range(n) if rng.random() < share or item == who % n]


def one(item: str) -> list[tuple[object, ...]]:
    return [(who, item) for who in PEOPLE]


@pytest.fixture(scope="module")
def of_taste() -> Forecast:
    return forecast(taste_world(400).pair)


def test_taste_that_carries_over_is_expected(of_taste: Forecast) -> None:
    newcomers = of_taste.expected[0]
    assert of_taste.go
    assert newcomers.rows == 0
    assert 0 < newcomers.low < newcomers.value < newcomers.high
    words = f"expect {newcomers.low:+.3f} to {newcomers.high:+.3f} ndcg@10 for newcomers"
    assert of_taste.sentences()[0].startswith(words)


def test_what_permuted_people_still_gain_is_told(of_taste: Forecast) -> None:
    assert of_taste.control is not None
    assert of_taste.control < of_taste.expected[0].low


def test_pairs_are_ranked_by_leave_one_person_out(of_taste: Forecast) -> None:
    unrelated = forecast(unrelated_world(400).pair)
    assert of_taste.leave_one_out is not None
    assert unrelated.leave_one_out is not None
    assert of_taste.leave_one_out > 0.05 > unrelated.leave_one_out


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_expected_of_an_unrelated_source(seed: int) -> None:
    found = forecast(unrelated_world(seed=seed).pair, seed=seed)
    assert not found.go
    assert found.sentences()[0].startswith("expect nothing for newcomers")


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_expected_of_permuted_people(seed: int) -> None:
    assert not forecast(permuted(taste_world(200), seed).pair, seed=seed).go


def test_people_of_a_link_table_are_people(of_taste: Forecast) -> None:
    assert forecast(linked_world(400).pair).expected[0] == of_taste.expected[0]


def test_the_same_seed_gives_the_same_forecast(of_taste: Forecast) -> None:
    assert forecast(taste_world(400).pair) == of_taste


def test_copies_of_the_targets_items_are_no_taste() -> None:
    films = rows("film-", 3)
    source = rows("book-", 4) + [(who, f"copy of {item}") for who, item in films]
    pair = pair_of(source, films)
    found = forecast(pair, twins=find_twins(pair))
    assert forecast(pair).expected[0].low > 0.3
    assert not found.go
    assert "twins: 12 source items that the target has too are left out" in found.sentences()


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (pair_of(rows("b", 1)[:30], rows("f", 2)), "8 people prefer something on both sides, 50 are needed"),
        (pair_of(rows("b", 1), one("f")), "the target has one item, so that there is nothing to choose from"),
        (pair_of(rows("b", 1), [(*row, 1.0 + i % 2) for i, row in enumerate(rows("f", 2))]), None),
        (pair_of(one("b"), rows("f", 2)), None),
        (pair_of(rows("b", 1, 5, 1.0), rows("f", 2, 5, 1.0)), None),
        (pair_of([(who, f"b{who}") for who in PEOPLE], [(who, f"f{who}") for who in PEOPLE]), None),
        (pair_of(rows("b", 1), [(who, f"f{who % 2}") for who in PEOPLE]), None),
    ],
    ids=["few people", "one item", "weights", "one source item", "all alike", "one each", "two items"],
)  # fmt: skip
def test_pairs_that_tell_nothing_are_told_in_one_sentence(pair: DomainPair, words: str | None) -> None:
    found = forecast(pair)
    assert not found.go
    if words is None:
        assert found.sentences()[0].startswith("expect nothing for newcomers")
    else:
        assert (found.reason, found.expected) == (words, ())
        assert found.sentences()[0] == f"no forecast: {words}"


def test_a_target_that_nobody_liked_is_told() -> None:
    disliked = domain("films", ((*row, 1.0) for row in rows("f", 2)))
    rated = replace(disliked.interactions, feedback=replace(disliked.interactions.feedback, kind="explicit"))
    transfer = Transfer.of(domain("books", rows("b", 1)), disliked.with_interactions(rated), Overlap("users"))
    assert forecast(transfer.pair).reason == "0 people prefer something on both sides, 50 are needed"


def expected(rows: int, low: float, high: float) -> Expected:
    return Expected(rows, 100, (low + high) / 2, low, high, "popularity")


def told(of_taste: Forecast, **changed: object) -> list[str]:
    return replace(of_taste, **changed).sentences()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        (
            (expected(0, 0.02, 0.04), expected(21, -0.01, 0.01)),
            "expect +0.020 to +0.040 ndcg@10 for newcomers, nothing for people with more than 20 target interactions",
        ),
        (
            (expected(0, 0.02, 0.04), expected(3, 0.01, 0.03), expected(10, -0.02, -0.01)),
            "expect +0.020 to +0.040 ndcg@10 for newcomers, +0.010 to +0.030 for people with 3 target interactions,"
            " nothing with 10",
        ),
        (
            (expected(0, -0.01, 0.04), expected(3, 0.01, 0.03)),
            "expect nothing for newcomers, +0.010 to +0.030 ndcg@10 for people with 3 target interactions",
        ),
    ],
)  # fmt: skip
def test_what_to_expect_is_one_sentence(of_taste: Forecast, gains: tuple[Expected, ...], words: str) -> None:
    assert told(of_taste, expected=gains)[0] == words


def test_few_people_and_few_rows_are_told(of_taste: Forecast) -> None:
    thin = told(of_taste, people=200, target_rows=1.9)
    assert "overlap: 200 people are few: a map of 32 factors wants 320" in thin
    assert any(line.startswith("density: 1.9 target interactions per person are few") for line in thin)
    assert not any(line.startswith(("overlap", "density")) for line in told(of_taste, people=400, target_rows=9.0))


def test_other_people_with_other_taste_are_told() -> None:
    films = rows("f", 2)
    strangers = [(1000 + who, f"f{item}") for who in PEOPLE for item in (0, 1)]
    found = forecast(pair_of(rows("b", 1), films + strangers)).target_shift
    assert isinstance(found, Shift)
    assert found.people == 80
    assert found.common < 0.5 < found.by_chance
    assert found.shifted


def test_other_people_with_the_same_taste_are_no_shift() -> None:
    films = rows("f", 2)
    others = [(1000 + int(str(who)), item) for who, item in films]
    found = forecast(pair_of(rows("b", 1), films + others)).target_shift
    assert found is not None
    assert not found.shifted


def test_the_synthetic_pair_is_forecast_as_it_is_measured() -> None:
    if not BENCH.is_dir():
        pytest.skip("the synthetic pair is not beside the checkout")
    sides = [Domain.from_frame(pl.read_parquet(BENCH / f"pair_{name}.parquet"), name) for name in ("source", "target")]
    found = forecast(Transfer.of(*sides, Overlap("users")).pair)
    assert found.expected[0].value == pytest.approx(0.068, abs=0.015)  # align/ridge, newcomers held out
    assert all(one.low > 0 for one in found.expected)
