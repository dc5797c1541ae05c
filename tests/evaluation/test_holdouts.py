from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluation.shops import cells, held_or_skip, pair, pairs, shop, specs, stored, table_pair
from foretaste.data import Domain, Interactions, Overlap, PairFacts, Transfer
from foretaste.errors import DataError
from foretaste.evaluation import POPULATIONS, hold_out, prepared
from foretaste.experiment import GivenHoldout, LastItemsHoldout, NewcomersHoldout, RandomHoldout, TimeHoldout
from foretaste.testing import item_world

LAST = LastItemsHoldout(kind="last-items")
TIME = TimeHoldout(kind="time")
RANDOM = RandomHoldout(kind="random")
GIVEN = GivenHoldout(kind="given")


def rows_of(transfer: Transfer) -> Interactions:
    return transfer.target.interactions


@given(pairs(minimum=3), specs)
def test_no_test_row_stands_in_any_training_matrix(transfer, spec):
    held = held_or_skip(transfer, spec)
    assert not cells(held.test) & stored(rows_of(held.train))
    assert all(pair.target is held.train.target for pair in held.train.pairs)


@given(pairs(), specs)
def test_training_and_hidden_rows_are_all_rows(transfer, spec):
    assume(not (spec.kind == "newcomers" and spec.levels))  # rows between the levels are in neither
    held = held_or_skip(transfer, spec)
    assert len(held.test) + len(rows_of(held.train)) == len(rows_of(transfer))
    assert cells(held.test) | cells(rows_of(held.train)) == cells(rows_of(transfer))


@given(pairs(), specs, st.integers(0, 100))
def test_the_same_seed_hides_the_same_rows(transfer, spec, seed):
    first, second = held_or_skip(transfer, spec, seed), held_or_skip(transfer, spec, seed)
    assert first.test.fingerprint == second.test.fingerprint
    assert rows_of(first.train).fingerprint == rows_of(second.train).fingerprint


@pytest.mark.parametrize("spec", [NewcomersHoldout(), RANDOM], ids=lambda spec: spec.kind)
def test_another_seed_hides_other_rows(spec):
    transfer = pair()
    assert cells(hold_out(transfer, spec, 1).test) != cells(hold_out(transfer, spec, 2).test)


@given(pairs(), st.sampled_from([0.1, 0.3, 0.6]))
def test_newcomers_are_a_fraction_of_the_shared_people(transfer, fraction):
    held = held_or_skip(transfer, NewcomersHoldout(fraction=fraction))
    hidden = np.unique(held.test.user_rows)
    assert set(hidden) <= set(transfer.shared_people)
    assert len(hidden) == max(1, round(fraction * len(transfer.shared_people)))
    assert not rows_of(held.train).history[hidden].any()


@given(pairs(), st.integers(1, 4))
def test_visible_rows_are_the_earliest(transfer, visible):
    held = held_or_skip(transfer, NewcomersHoldout(fraction=0.5, visible=visible))
    left, gone = rows_of(held.train), held.test
    for person in np.unique(gone.user_rows):
        mine = left.times[left.user_rows == person]
        assert len(mine) == visible
        assert mine.max() <= gone.times[gone.user_rows == person].min()


@given(pairs(), st.integers(0, 4))
def test_visible_rows_are_nested_and_the_test_serves_all_levels(transfer, low):
    levels = [0, 2, 4]
    helds = [
        held_or_skip(transfer, NewcomersHoldout(fraction=0.5, visible=visible, levels=levels)) for visible in levels
    ]
    assert len({held.test.fingerprint for held in helds}) == 1
    for fewer, more in pairwise(helds):
        assert cells(rows_of(fewer.train)) < cells(rows_of(more.train))


def test_newcomers_without_times_keep_visible_rows_by_seed():
    rows = {"user_id": [f"u{n % 10}" for n in range(60)], "item_id": [f"i{n // 10}" for n in range(60)]}
    transfer = table_pair(rows, rows)
    helds = [hold_out(transfer, NewcomersHoldout(fraction=0.5, visible=2), seed) for seed in (1, 1, 2)]
    assert cells(helds[0].test) == cells(helds[1].test) != cells(helds[2].test)
    assert set(rows_of(helds[0].train).history[helds[0].people]) == {2}


@given(pairs(), st.integers(1, 5))
def test_last_items_are_the_last_and_short_histories_stay(transfer, n):
    held = held_or_skip(transfer, LastItemsHoldout(kind="last-items", n=n))
    before, left, gone = rows_of(transfer), rows_of(held.train), held.test
    short = before.history <= n
    assert (left.history[short] == before.history[short]).all()
    assert (left.history[~short] == before.history[~short] - n).all()
    for person in np.unique(gone.user_rows):
        assert left.times[left.user_rows == person].max() <= gone.times[gone.user_rows == person].min()


@given(pairs(), st.sampled_from([0.1, 0.4]))
def test_time_cuts_both_domains_at_one_instant(transfer, fraction):
    held = held_or_skip(transfer, TimeHoldout(kind="time", fraction=fraction))
    instant, source = rows_of(held.train).times.max(), held.train.pair.source.interactions
    assert held.test.times.min() > max(instant, source.times.max())
    assert len(held.test) <= fraction * len(rows_of(transfer)) + 1


def test_time_may_be_given():
    transfer = pair()
    held = hold_out(transfer, TimeHoldout(kind="time", at=30.0), 0)
    assert rows_of(held.train).times.max() == 30
    assert held.train.pair.source.interactions.times.max() <= 30
    assert held.test.times.min() == 31


def test_time_cuts_every_source():
    rng = np.random.default_rng(0)
    sources = [shop(rng, name, range(12), 80) for name in ("grocery", "bakery")]
    transfer = Transfer.of(sources, shop(rng, "drugstore", range(12), 80), Overlap("users"))
    held = hold_out(transfer, TimeHoldout(kind="time", at=30.0), 0)
    assert [one.source.interactions.times.max() <= 30 for one in held.train.pairs] == [True, True]


def test_random_hides_about_the_fraction():
    transfer = pair(rows=400, people=60)
    assert len(hold_out(transfer, RANDOM, 3).test) / len(rows_of(transfer)) == pytest.approx(0.2, abs=0.06)


def test_given_follows_the_split_column():
    held = hold_out(pair(), GIVEN, 0)
    assert set(held.test.splits) == {"test"}
    assert set(rows_of(held.train).splits) == {"train", "validation"}


@given(pairs(), specs)
def test_facts_of_training_do_not_change_with_what_is_hidden(transfer, spec):
    """Other items in the hidden rows, the same training rows: the facts must not notice."""
    held = held_or_skip(transfer, spec)
    before = rows_of(transfer)
    hidden = ~np.isin(
        before.user_rows * 1000 + before.item_rows, [u * 1000 + i for u, i in stored(rows_of(held.train))]
    )
    changed = Interactions(
        before.users,
        before.items,
        before.user_rows,
        np.where(hidden, (before.item_rows + 1) % len(before.items), before.item_rows),
        before.values,
        before.times,
        before.splits,
        before.feedback,
    )
    again = held_or_skip(transfer.replaced(changed), spec)
    assert PairFacts.of(again.train.pair) == PairFacts.of(held.train.pair)


def test_minimums_are_counted_on_training_rows_and_dropped_items_stay_as_misses():
    users = [f"u{n}" for n in range(10)]
    rows = {
        "user_id": [*users, *users[:3]],
        "item_id": ["common"] * 10 + ["rare"] * 3,
        "timestamp": [1.0] * 10 + [2.0, 2.0, 1.0],
    }
    transfer = table_pair(rows, rows, minimum={"item": 2})
    assert rows_of(transfer).popularity_of_rows.tolist() == [10, 3]
    held = hold_out(transfer, TimeHoldout(kind="time", at=1.5), 0)
    assert rows_of(held.train).popularity_of_rows.tolist() == [10, 0]  # one rare row was left: too few
    assert held.test.popularity_of_rows.tolist() == [0, 2]
    assert held.truth.toarray().tolist() == [[0, 1], [0, 1]]
    assert held.train.target.notes == (
        "1 of 11 training rows dropped (minimum), and with them all of 0 users and 1 items",
    )
    assert held.train.pair.target is held.train.target
    assert held.train.pair.source.notes == ()


def test_what_a_minimum_drops_of_a_source_is_counted_too():
    rows = {"user_id": ["ann", "ann", "bob", "cat"], "item_id": ["tea", "milk", "tea", "salt"]}
    source = Domain.from_frame(pl.DataFrame(rows), "grocery", minimum={"user": 2, "item": 2})
    transfer = Transfer.of(source, Domain.from_frame(pl.DataFrame(rows), "drugstore"), Overlap("users"))
    train = prepared(transfer)
    assert train.pair.source.notes == (
        "3 of 4 training rows dropped (minimum), and with them all of 2 users and 2 items",
    )
    assert (len(train.pair.source.interactions), train.target.notes) == (1, ())


def test_a_minimum_that_leaves_no_row_is_named():
    rows = {"user_id": ["ann", "bob", "cat"], "item_id": ["tea", "tea", "tea"], "timestamp": [1.0, 1.0, 2.0]}
    with pytest.raises(DataError) as caught:
        hold_out(table_pair(rows, rows, minimum={"user": 5}), TimeHoldout(kind="time", at=1.5), 0)
    assert str(caught.value) == ("drugstore: the hold-out leaves no row to train on above minimum: {user: 5, item: 1}")


@given(pairs(minimum=3), specs)
def test_minimums_drop_rows_and_nothing_else(transfer, spec):
    held, minimum = held_or_skip(transfer, spec), transfer.target.minimum
    left = rows_of(held.train)
    whole = cells(rows_of(transfer)) - cells(held.test)
    if minimum.user == minimum.item == 1 and not (spec.kind == "newcomers" and spec.levels):
        assert cells(left) == whole
    assert cells(left) <= whole
    assert (left.items, left.users) == (rows_of(transfer).items, rows_of(transfer).users)


def test_populations_go_by_rows_in_training():
    lengths = {"none": 0, "one": 1, "twenty": 20, "more": 21}
    target = [(name, f"i{n}", "train") for name, length in lengths.items() for n in range(length)]
    target += [(name, "asked", "test") for name in lengths]
    table = pl.DataFrame(target, schema=["user_id", "item_id", "split"], orient="row")
    source = Domain.from_frame(pl.DataFrame({"user_id": list(lengths), "item_id": ["x"] * 4}), "grocery")
    there = Domain.from_frame(table, "drugstore", columns={"split": "split"})
    held = hold_out(Transfer.of(source, there, Overlap("users")), GIVEN, 0)
    found = dict(zip(rows_of(held.train).users.take(held.people), held.populations(held.people).tolist(), strict=True))
    assert {name: POPULATIONS[code] for name, code in found.items()} == {
        "none": "newcomer",
        "one": "few-shot",
        "twenty": "few-shot",
        "more": "warm",
    }


def test_only_preferred_hidden_rows_are_asked_for():
    held = hold_out(pair(feedback="explicit"), RANDOM, 1)
    liked = held.test.take(held.test.values >= 4)
    assert 0 < len(liked) < len(held.test)
    assert held.people.tolist() == np.unique(liked.user_rows).tolist()
    assert held.truth.nnz == len(liked)


def test_fewer_source_rows_do_not_change_the_test():
    """A person who loses every source row to a remedy is hidden all the same."""
    transfer = pair()
    source = transfer.pair.source.interactions
    remedied = transfer.replaced(sources={"grocery": source.take(source.user_rows % 2 == 0)})
    assert len(remedied.shared_people) < len(transfer.shared_people)
    plain, held = (hold_out(transfer, NewcomersHoldout(), 3, remedied=one) for one in (None, remedied))
    assert held.test.fingerprint == plain.test.fingerprint
    assert rows_of(held.train).fingerprint == rows_of(plain.train).fingerprint
    assert len(held.train.pair.source.interactions) < len(plain.train.pair.source.interactions)


# What cannot be split ------------------------------------------------------------------------------------------


def plain_pair() -> Transfer:
    rows = {"user_id": ["a", "b", "c", "d"], "item_id": ["x", "y", "x", "y"]}
    return table_pair(rows, rows)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (LAST, "holdout last-items needs timestamps in the target"),
        (TIME, "holdout time needs timestamps; drugstore has none"),
        (
            GIVEN,
            "holdout given needs a split column in the target (columns: {split: name}),"
            " or files of hidden rows (holdout.files: {test: path})",
        ),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_what_a_hold_out_needs_is_said(spec, words):
    with pytest.raises(DataError) as caught:
        hold_out(plain_pair(), spec, 0)
    assert str(caught.value) == words


def test_time_names_the_source_without_times():
    rows = {"user_id": ["a", "b"], "item_id": ["x", "y"]}
    with pytest.raises(DataError, match="holdout time needs timestamps; grocery has none"):
        hold_out(table_pair(rows, rows | {"timestamp": [1.0, 2.0]}), TIME, 0)


def test_a_split_that_names_no_test_row_says_what_it_found():
    with pytest.raises(DataError, match="no row is called 'exam'; found test, train, validation"):
        hold_out(pair(), GivenHoldout(kind="given", test="exam"), 0)


def test_newcomers_need_shared_people():
    rng = np.random.default_rng(0)
    transfer = Transfer.of(shop(rng, "a", range(9), 40), shop(rng, "b", range(9), 40), Overlap("none"))
    with pytest.raises(DataError) as caught:
        hold_out(transfer, NewcomersHoldout(), 0)
    assert str(caught.value) == (
        "a -> b: holdout newcomers needs people with rows on both sides; there are none"
        " (nothing says who is who: set shared: users if equal ids are the same people; holdout: {kind: random} needs"
        " nobody in common)"
    )


def test_who_shares_items_is_told_how_to_share_people_as_well():
    world = item_world()
    with pytest.raises(DataError, match="set shared: both, or users beside links of items, if equal ids are the same"):
        hold_out(world, NewcomersHoldout(), 0)


def test_a_source_that_is_later_than_the_instant_is_an_error():
    rows = {"user_id": ["a", "b", "c"], "item_id": ["x", "x", "x"]}
    days, seconds = ([18_000.0, 18_100.0, 18_200.0], [1.56e9, 1.57e9, 1.58e9])
    transfer = table_pair({**rows, "timestamp": seconds}, {**rows, "timestamp": days})
    with pytest.raises(DataError) as caught:
        hold_out(transfer, TIME, 0)
    assert str(caught.value) == (
        "grocery -> drugstore: holdout time leaves no row of grocery: its times are 2019-06-08 to 2020-01-26, those of"
        " the target 1970-01-01 to 1970-01-01; are both in seconds?"
    )


def test_a_source_that_begins_after_the_instant_is_told_what_the_target_keeps():
    rows = {"user_id": ["a", "b", "c"], "item_id": ["x", "x", "x"]}
    day = 86_400.0
    transfer = table_pair(
        {**rows, "timestamp": [20 * day, 30 * day, 40 * day]}, {**rows, "timestamp": [day, 2 * day, 30 * day]}
    )
    with pytest.raises(DataError) as caught:
        hold_out(transfer, TIME, 0)
    assert str(caught.value) == (
        "grocery -> drugstore: holdout time leaves no row of grocery: its times are 1970-01-21 to 1970-02-10, those of"
        " the target 1970-01-02 to 1970-01-31, those that it keeps 1970-01-02 to 1970-01-03; holdout: {at: ...} sets"
        " another instant"
    )


def test_nobody_to_evaluate_is_an_error():
    words = "drugstore: the hold-out leaves nobody to evaluate: it hides no row of the target"
    with pytest.raises(DataError, match=f"^{words}$"):
        hold_out(plain_pair(), NewcomersHoldout(visible=5), 0)


def test_nothing_to_train_on_is_an_error():
    rows = {"user_id": ["a"], "item_id": ["x"]}
    with pytest.raises(DataError, match="drugstore: the hold-out leaves no row to train on"):
        hold_out(table_pair(rows, rows), NewcomersHoldout(), 0)


def test_ratings_that_nobody_prefers_are_named_as_the_reason():
    rng = np.random.default_rng(0)
    rated = {"feedback": "explicit", "positive": {"min": 9.0}}
    transfer = Transfer.of(shop(rng, "a", range(40), 40), shop(rng, "b", range(40), 40, **rated), Overlap("users"))
    with pytest.raises(DataError, match=r"none of the \d+ hidden ratings is a preference \(positive.min is 9\)"):
        hold_out(transfer, NewcomersHoldout(), 0)
