"""Every fact of a small pair, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from foretaste.data import Domain, Features, Overlap, PairFacts, Transfer
from foretaste.data._facts import gini

# seven rows: ann has 2, bob 1, cy 3, dan 1; x has 3, y 2, z 2; times 0 to 100
SOURCE = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob", "cy", "cy", "cy", "dan"],
        "item_id": ["x", "y", "x", "x", "y", "z", "z"],
        "timestamp": [0, 10, 20, 30, 40, 50, 100],
    }
)
# six rows: ann has 2, bob 2, eve 2; p is preferred by 2, q by 1, r by nobody; times 50 to 250
TARGET = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob", "bob", "eve", "eve"],
        "item_id": ["p", "q", "p", "q", "q", "r"],
        "rating": [5, 2, 4, 1, 5, 3],
        "timestamp": [50, 60, 70, 80, 90, 250],
    }
)
ITEM_LINKS = pl.DataFrame({"from_id": ["x", "x", "z"], "to_id": ["p", "q", "p"]})

BY_HAND = {
    "shared_users": 2,  # ann, bob
    "user_overlap": 2 / 3,  # of ann, bob, eve
    "newcomers": 2,  # cy, dan
    "shared_items": 2,  # p, q
    "item_overlap": 2 / 3,  # of p, q, r
    "linked_users": 4,  # every source person, two of them newcomers
    "linked_items": 3,
    "source_users": 4,
    "target_users": 3,
    "source_items": 3,
    "target_items": 3,
    "source_interactions": 7,
    "target_interactions": 6,
    "source_density": 7 / 12,
    "target_density": 6 / 9,
    "source_feedback": "implicit",
    "target_feedback": "explicit",
    "source_history": 1.5,  # of ann 2, bob 1
    "target_history": 2.0,  # of ann 2, bob 2
    "source_skew": 2 / 21,  # counts 2, 2, 3: 2 (1*2 + 2*2 + 3*3) / (3 * 7) - 4/3
    "target_skew": 1 / 6,  # counts 1, 2: 2 (1*1 + 2*2) / (2 * 3) - 3/2
    "user_features": False,
    "source_user_features": False,
    "target_user_features": False,
    "item_features": True,
    "timestamps": True,
    "time_overlap": 0.25,  # 50 to 100, of 50 to 250
}


def with_item_features(domain: Domain) -> Domain:
    items = domain.interactions.items
    table = pl.DataFrame({"item_id": items.ids, "price": np.arange(len(items))})
    return replace(domain, item_features=Features.from_frame(table, items, "item_id", {}, "items"))


@pytest.fixture
def transfer() -> Transfer:
    source, target = Domain.from_frame(SOURCE, "grocery"), Domain.from_frame(TARGET, "drugstore")
    overlap = Overlap("users", item_links=ITEM_LINKS)
    return Transfer.of(with_item_features(source), with_item_features(target), overlap)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_fact_is_what_it_is_by_hand(transfer, name):
    found, expected = PairFacts.of(transfer.pair).as_dict()[name], BY_HAND[name]
    assert type(found) is type(expected)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_every_fact_is_in_the_table_above_in_order():
    assert PairFacts.names() == list(BY_HAND)


def test_hidden_rows_do_not_show_in_the_facts(transfer):
    rows = transfer.target.interactions
    bob = rows.users.rows(["bob"])[0]
    facts = PairFacts.of(transfer.replaced(target=rows.take(rows.user_rows != bob)).pair)
    assert (facts.shared_users, facts.target_users, facts.newcomers, facts.target_interactions) == (1, 2, 3, 4)


def test_nothing_shared_makes_history_unavailable():
    facts = PairFacts.of(Transfer.of(Domain.from_frame(SOURCE), Domain.from_frame(TARGET), Overlap()).pair)
    assert (facts.shared_users, facts.user_overlap, facts.newcomers, facts.linked_users) == (0, 0.0, 0, 0)
    assert (facts.source_history, facts.target_history) == (None, None)


def test_without_times_on_one_side_their_overlap_is_unavailable():
    target = Domain.from_frame(TARGET.drop("timestamp"))
    facts = PairFacts.of(Transfer.of(Domain.from_frame(SOURCE), target, Overlap("users")).pair)
    assert (facts.timestamps, facts.time_overlap) == (False, None)


@pytest.mark.parametrize(
    ("times", "overlap"), [([200.0, 300.0], 0.0), ([0.0, 100.0], 1.0), ([50.0, 50.0], 1.0), ([101.0, 101.0], 0.0)]
)
def test_time_overlap_at_its_ends(times, overlap):
    target = TARGET.head(2).with_columns(timestamp=pl.Series(times))
    pair = Transfer.of(Domain.from_frame(SOURCE), Domain.from_frame(target), Overlap("users")).pair
    assert PairFacts.of(pair).time_overlap == overlap


def test_no_rows_left_give_zeros(transfer):
    none = transfer.replaced(
        target=transfer.target.interactions.take(np.array([], int)),
        sources={"grocery": transfer.pair.source.interactions.take(np.array([], int))},
    )
    facts = PairFacts.of(none.pair)
    assert (facts.user_overlap, facts.item_overlap, facts.source_density, facts.target_density) == (0, 0, 0, 0)
    assert (facts.source_skew, facts.time_overlap, facts.source_history) == (0, None, None)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], 0.0),
        ([0, 0], 0.0),
        ([5], 0.0),
        ([3, 3, 3], 0.0),
        ([1, 3], 0.25),
        ([0, 3, 1], 0.25),
        ([1] * 99 + [9901], 0.98),
    ],
)
def test_gini_of_known_counts(counts, expected):
    assert gini(np.array(counts, float)) == pytest.approx(expected, abs=1e-4)
