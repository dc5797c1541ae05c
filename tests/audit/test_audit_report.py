from __future__ import annotations

import itertools
import json

import numpy as np
import polars as pl
import pytest

from foretaste.audit import audit_pair, find_twins
from foretaste.data import Domain, Overlap, Transfer

SOURCE = [
    (1, "cd", 10, 5),
    (2, "cd", 20, 4),
    (3, "cd", 30, 5),
    (1, "lamp", 40, 3),
    (2, "lamp", 50, 3),
    (4, "lamp", 50, 3),
]
TARGET = [(1, "disc", 10, 5), (2, "disc", 20, 1), (3, "disc", 31, 5), (4, "cup", 45, 2), (1, "cup", 50, 2)]
"""cd and disc are twins; of their events, that of person 1 is the same on both sides."""


def domain(name, rows, times=True):
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    return Domain.from_frame(frame if times else frame.drop("timestamp"), name)


def pair_of(source=SOURCE, target=TARGET, times=True, shared="users"):
    return Transfer.of(domain("shop", source, times), domain("web", target, times), Overlap(shared)).pair


def places(pair, events):
    target = pair.target.interactions
    return target.users.rows([user for user, _ in events]), target.items.rows([item for _, item in events])


def bare(*people_of_items):
    return [(person, f"i{k}", 0, 5) for k, people in enumerate(people_of_items) for person in people]


def test_the_report_counts_twins_and_what_chance_makes():
    report = audit_pair(pair_of(), seed=0)
    assert (report.twins, report.twin_source_items) == (1, 1)
    assert report.twins_under_null <= 1
    assert report.audited


def test_a_source_item_with_two_twins_is_one_twin_source_item():
    target = [*TARGET, (1, "disk", 1, 1), (2, "disk", 1, 1), (3, "disk", 1, 1)]
    report = audit_pair(pair_of(target=target), seed=0)
    assert (report.twins, report.twin_source_items, report.variants) == (2, 1, 1)


def test_a_test_row_is_given_away_by_the_same_persons_row_on_a_twin():
    pair = pair_of()
    report = audit_pair(pair, places(pair, [(1, "disc"), (2, "disc"), (4, "cup"), (1, "cup")]), seed=0)
    assert report.test_rows_given_away == 0.5


def test_a_twin_that_the_person_did_not_have_gives_nothing_away():
    people = range(10, 20)
    source = [*((person, "cd", 0, 5) for person in range(10, 19)), (19, "lamp", 0, 5)]
    target = [(person, "disc", 0, 5) for person in people]
    pair = pair_of(source, target)
    assert len(find_twins(pair)) == 1
    report = audit_pair(pair, places(pair, [(19, "disc"), (10, "disc")]), seed=0)
    assert report.test_rows_given_away == 0.5


def test_without_test_rows_their_share_is_not_available():
    pair = pair_of()
    nothing = np.empty(0, np.int64)
    assert audit_pair(pair, seed=0).test_rows_given_away is None
    assert audit_pair(pair, (nothing, nothing), seed=0).test_rows_given_away is None
    assert not audit_pair(pair, seed=0).leaks


@pytest.mark.parametrize(("other_rows", "leaks"), [(98, True), (99, False)])
def test_more_than_one_percent_given_away_is_a_leak(other_rows, leaks):
    source = [*bare([0, 1, 2]), *((person, f"lamp {person % 2}", 0, 5) for person in range(3, 200))]
    target = [*bare([0, 1, 2]), *((person, "cup", 0, 5) for person in range(200))]
    pair = pair_of(source, target)
    rows = places(pair, [(0, "i0"), *((person, "cup") for person in range(other_rows))])
    report = audit_pair(pair, rows, seed=0)
    assert report.test_rows_given_away == 1 / (1 + other_rows)
    assert report.leaks == leaks


def test_twins_that_chance_makes_are_no_leak():
    couples = [list(couple) for couple in itertools.combinations(range(8), 2)]
    source = bare(*couples)
    pair = pair_of(source, bare(*couples))
    report = audit_pair(pair, places(pair, [(0, "i0")]), seed=0)
    assert report.test_rows_given_away == 1
    assert report.twins == report.twins_under_null == 28  # shuffled couples are couples again
    assert report.given_away_under_null == 1
    assert not report.leaks


def test_an_item_that_everyone_has_on_both_sides_is_no_leak():
    pair = pair_of(bare(range(30)), bare(range(30)))
    report = audit_pair(pair, places(pair, [(0, "i0"), (1, "i0")]), seed=0)
    assert (report.twins, report.test_rows_given_away) == (1, 1)
    assert not report.leaks


def test_equal_events_have_the_same_person_time_and_value():
    assert audit_pair(pair_of(), seed=0).equal_events == 1


def test_equal_events_need_times_on_both_sides():
    assert audit_pair(pair_of(times=False), seed=0).equal_events is None


def test_source_rows_after_the_persons_first_test_row_are_counted():
    pair = pair_of()
    rows = places(pair, [(1, "disc"), (1, "cup"), (3, "disc")])
    report = audit_pair(pair, rows, np.array([10.0, 50.0, 31.0]), seed=0)
    assert report.source_rows_after_test == 1  # person 1's lamp at 40; the others are not later


def test_source_rows_after_the_test_need_the_times_of_the_test():
    pair = pair_of()
    assert audit_pair(pair, places(pair, [(1, "disc")]), seed=0).source_rows_after_test is None


def test_variants_are_target_items_with_exactly_the_same_three_people():
    target = bare([1, 2, 3], [1, 2, 3], [1, 2, 3], [4, 5], [4, 5], [1, 2, 3, 4], [1])
    assert audit_pair(pair_of(target=target), seed=0).variants == 3


def test_twins_at_hand_are_not_looked_for_again():
    pair = pair_of()
    twins = find_twins(pair, minimum_people=9)
    assert audit_pair(pair, seed=0, twins=twins).twins == 0


def test_without_shared_people_nothing_but_variants_is_available():
    pair = pair_of(shared="none")
    report = audit_pair(pair, places(pair, [(1, "disc")]), np.array([10.0]), seed=0)
    assert not report.audited
    assert (report.twins, report.twins_under_null, report.variants) == (0, 0, 0)
    assert report.test_rows_given_away is None
    assert report.equal_events is None
    assert report.source_rows_after_test is None
    assert "people are not shared" in report.sentence()


def test_the_report_is_ready_for_json():
    pair = pair_of()
    report = audit_pair(pair, places(pair, [(1, "disc")]), np.array([10.0]), seed=0)
    written = json.loads(json.dumps(report.as_dict()))
    assert written == report.as_dict()
    assert {"twins", "twins_under_null", "test_rows_given_away", "leaks"} <= set(written)


def test_the_sentence_says_how_much_is_given_away():
    people = [range(k, k + 5) for k in range(0, 50, 5)]
    pair = pair_of(bare(*people), bare(*people))
    report = audit_pair(pair, places(pair, [(0, "i0")]), seed=0)
    assert report.sentence() == (
        "shop -> web: 10 source items have the same people as an item of the target (10 pairs; 0 with people"
        " shuffled). They give away 100.0 % of the test rows (0.0 % with people shuffled), so the source"
        " leaks the test."
    )


def test_the_sentence_of_a_clean_pair_says_so():
    report = audit_pair(pair_of(target=[(1, "cup", 45, 2), (4, "disc", 50, 2)]), seed=0)
    assert report.sentence() == "shop -> web: no item of the source has the same people as an item of the target."
