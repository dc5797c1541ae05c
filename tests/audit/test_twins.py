from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from foretaste.audit import drop_twins, find_twins, merge_twins, twins_under_null
from foretaste.audit._same_people import same_people
from foretaste.data import Domain, Overlap, Transfer

SOURCE = {"cd": [1, 2, 3, 4], "lamp": [1, 2, 5], "pen": [3, 4], "tea": [6]}
TARGET = {"disc": [1, 2, 3, 4], "light": [1, 5, 6], "quill": [3, 4], "cup": [6]}
"""cd and disc are twins of four people, pen and quill of two; lamp and light share two people of four."""


def domain(name, people_of_items):
    rows = [(person, item) for item, people in people_of_items.items() for person in people]
    return Domain.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"), name)


def transfer(source=SOURCE, target=TARGET, **overlap):
    return Transfer.of(domain("shop", source), domain("web", target), Overlap(**(overlap or {"shared": "users"})))


def names(pair, twins):
    source, target = pair.source.interactions.items, pair.target.interactions.items
    return set(zip(source.take(twins.source_rows), target.take(twins.target_rows), strict=True))


def rows_of(interactions):
    users = interactions.users.take(interactions.user_rows)
    return set(zip(users, interactions.items.take(interactions.item_rows), strict=True))


def numbered(n_people, items, prefix):
    """Item k of each side has the people of the k-th row of a random table."""
    return {f"{prefix}{k}": np.flatnonzero(people).tolist() for k, people in enumerate(items) if people.any()}


def test_items_with_the_same_people_are_twins():
    pair = transfer().pair
    twins = find_twins(pair)
    assert names(pair, twins) == {("cd", "disc"), ("pen", "quill")}
    assert twins.audited
    assert sorted(twins.people) == [2, 4]
    assert twins.jaccard.tolist() == [1, 1]


def test_nearly_the_same_people_are_enough_for_three_people_but_not_for_two():
    source = {"a": [1, 2, 3, 4], "b": [5, 6]}
    target = {"x": [1, 2, 3, 4, 7], "y": [5, 6, 7]}
    pair = transfer({**source, "c": [7]}, target).pair
    twins = find_twins(pair)
    assert names(pair, twins) == {("a", "x")}
    assert twins.jaccard.tolist() == [0.8]
    assert names(pair, find_twins(pair, minimum_jaccard=0.6, minimum_people=2)) == {("a", "x"), ("b", "y")}


def test_one_person_makes_no_twins():
    pair = transfer({"a": [1], "b": [2]}, {"x": [1], "y": [2]}).pair
    assert len(find_twins(pair)) == 0


def test_people_with_rows_on_one_side_only_do_not_count():
    source = {**SOURCE, "cd": [1, 2, 3, 4, 100, 101, 102]}
    target = {**TARGET, "disc": [1, 2, 3, 4, 200, 201]}
    pair = transfer(source, target).pair
    twins = find_twins(pair)
    assert ("cd", "disc") in names(pair, twins)
    assert twins.jaccard.max() == 1


def test_disliked_items_count_as_had():
    stars = {"rating": [1.0, 5.0, 1.0]}
    source = Domain.from_frame(pl.DataFrame({"user_id": [1, 2, 3], "item_id": ["a"] * 3, **stars}), "shop")
    target = Domain.from_frame(pl.DataFrame({"user_id": [1, 2, 3], "item_id": ["x"] * 3, **stars}), "web")
    assert len(find_twins(Transfer.of(source, target, Overlap("users")).pair)) == 1


def test_items_that_are_declared_the_same_are_twins_like_any_others():
    links = pl.DataFrame({"from_id": ["cd", "tea"], "to_id": ["disc", "cup"]})
    pair = transfer(shared="users", item_links=links).pair
    assert names(pair, find_twins(pair)) == {("cd", "disc"), ("pen", "quill")}


def test_without_shared_people_there_is_nothing_to_audit():
    pair = transfer(shared="none").pair
    twins = find_twins(pair)
    assert not twins.audited
    assert len(twins) == 0
    assert twins_under_null(pair, seed=0) == 0


def test_a_pair_that_has_lost_its_shared_people_has_no_twins():
    whole = transfer()
    rows = whole.target.interactions
    pair = whole.replaced(rows.take(np.zeros(len(rows), bool))).pair
    assert len(find_twins(pair)) == twins_under_null(pair, seed=0) == 0


def test_accounts_of_one_person_count_once_whatever_their_weight():
    links = pl.DataFrame({"from_id": ["a1", "a2", "b", "c"], "to_id": [1, 1, 2, 3], "weight": [0.5, 3.0, 1.0, 2.0]})
    pair = transfer({"cd": ["a1", "a2", "b", "c"]}, {"disc": [1, 2, 3]}, user_links=links).pair
    twins = find_twins(pair)
    assert names(pair, twins) == {("cd", "disc")}
    assert twins.people.tolist() == [3]


@pytest.mark.parametrize(
    ("minimums", "words"),
    [
        ({"minimum_jaccard": 0.0}, r"minimum_jaccard is 0.0, expected more than 0 and at most 1"),
        ({"minimum_jaccard": 1.5}, r"minimum_jaccard is 1.5"),
        ({"minimum_people": 1}, r"minimum_people is 1, expected at least 2"),
    ],
)
def test_minimums_that_make_no_sense_are_refused(minimums, words):
    with pytest.raises(ValueError, match=words):
        find_twins(transfer().pair, **minimums)


@pytest.mark.parametrize("block", [1, 7, 4_000_000])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), density=st.floats(0.05, 0.9), minimum_jaccard=st.floats(0.1, 1))
def test_the_same_pairs_are_found_as_by_comparing_every_two_sets(block, seed, density, minimum_jaccard):
    rng = np.random.default_rng(seed)
    source, target = rng.random((9, 12)) < density, rng.random((9, 10)) < density
    target[:, :3] = source[:, :3]
    target[0, :2] = ~target[0, :2]
    expected = [
        (i, j, int(both))
        for j, i in itertools.product(range(10), range(12))
        if (both := (source[:, i] & target[:, j]).sum()) >= 2
        and both / (source[:, i] | target[:, j]).sum() >= minimum_jaccard
    ]
    found = same_people(sparse.csr_matrix(source), sparse.csr_matrix(target), minimum_jaccard, 2, block)
    assert list(zip(*(part.tolist() for part in found), strict=True)) == expected


def test_all_planted_twins_are_found_and_none_is_left_when_people_are_shuffled():
    rng = np.random.default_rng(3)
    source, target = rng.random((60, 300)) < 0.03, rng.random((50, 300)) < 0.03
    source[:20] = target[:20] = rng.random((20, 300)) < 0.04
    pair = transfer(numbered(300, source, "s"), numbered(300, target, "t")).pair
    assert names(pair, find_twins(pair)) == {(f"s{k}", f"t{k}") for k in range(20)}
    assert twins_under_null(pair, seed=1) == 0


def test_the_null_is_what_chance_makes_and_repeats_for_a_seed():
    couples = [[a, b] for a, b in itertools.combinations(range(12), 2)]
    source = {f"s{k}": couple for k, couple in enumerate(couples[::2])}
    target = {f"t{k}": couple for k, couple in enumerate(couples[1::2])}
    pair = transfer(source, target).pair
    assert len(find_twins(pair)) == 0
    assert twins_under_null(pair, seed=4) == twins_under_null(pair, seed=4) > 5


def test_twins_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        find_twins(transfer().pair).people[0] = 9


def test_drop_removes_the_source_rows_of_twins_and_leaves_the_target():
    before = transfer()
    after = drop_twins(before, {"shop": find_twins(before.pair)})
    assert rows_of(after.pair.source.interactions) == {(1, "lamp"), (2, "lamp"), (5, "lamp"), (6, "tea")}
    assert after.target is before.target
    assert len(find_twins(after.pair)) == 0


def test_merge_declares_twins_to_be_the_same_item():
    before = transfer()
    after = merge_twins(before, {"shop": find_twins(before.pair)})
    links = after.pair.item_links.tocoo()
    source, target = after.pair.source.interactions.items, after.pair.target.interactions.items
    linked = set(zip(source.take(links.row.astype(np.int64)), target.take(links.col.astype(np.int64)), strict=True))
    assert linked == {("cd", "disc"), ("pen", "quill")}
    assert before.pair.item_links is None
    twins = {"shop": find_twins(after.pair)}
    assert len(twins["shop"]) == 2
    assert len(find_twins(drop_twins(after, twins, after.shared_people).pair)) == 0


def test_merge_keeps_the_declared_links_and_their_weights():
    declared = pl.DataFrame({"from_id": ["lamp"], "to_id": ["light"], "weight": [0.25]})
    before = transfer(shared="users", item_links=declared)
    after = merge_twins(before, {"shop": find_twins(before.pair)})
    assert sorted(after.pair.item_links.data.tolist()) == [0.25, 1, 1]


def test_dropping_for_some_people_leaves_the_rows_of_others():
    before = transfer()
    twins = {"shop": find_twins(before.pair)}
    after = drop_twins(merge_twins(before, twins), twins, before.target.interactions.users.rows([1, 3]))
    gone = rows_of(before.pair.source.interactions) - rows_of(after.pair.source.interactions)
    assert gone == {
        row for row in rows_of(before.pair.source.interactions) if row[0] in (1, 3) and row[1] in ("cd", "pen")
    }
    assert gone
    assert after.pair.item_links.nnz == 2


def test_dropping_for_some_people_reaches_every_account_of_a_person():
    links = pl.DataFrame({"from_id": ["a1", "a2", "b", "c"], "to_id": [1, 1, 2, 3]})
    before = transfer({"cd": ["a1", "a2", "b", "c"]}, {"disc": [1, 2, 3]}, user_links=links)
    twins = {"shop": find_twins(before.pair)}
    after = drop_twins(before, twins, before.target.interactions.users.rows([1]))
    assert rows_of(after.pair.source.interactions) == {("b", "cd"), ("c", "cd")}


@pytest.mark.parametrize("remedy", [drop_twins, merge_twins])
def test_a_source_that_is_not_named_or_has_no_twins_stays_as_it_is(remedy):
    before = transfer(target={"light": [1, 5, 6]})
    assert rows_of(remedy(before, {}).pair.source.interactions) == rows_of(before.pair.source.interactions)
    assert remedy(before, {"shop": find_twins(before.pair)}).pair.item_links is None


@pytest.mark.parametrize("remedy", [drop_twins, merge_twins])
def test_twins_of_an_unknown_source_are_an_error(remedy):
    before = transfer()
    with pytest.raises(ValueError, match="this transfer has no source 'shed'"):
        remedy(before, {"shed": find_twins(before.pair)})
