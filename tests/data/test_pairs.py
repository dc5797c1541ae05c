"""What a source and a target share is declared: as equal ids, or as links."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from foretaste.data import Domain, Features, Overlap, Transfer
from foretaste.errors import DataError

SOURCE = {"user_id": ["ann", "ann", "bob", "cy"], "item_id": ["x", "y", "x", "z"]}
TARGET = {"user_id": ["bob", "dot", "ann"], "item_id": ["p", "p", "x"]}


def domain(rows, name: str, **options) -> Domain:
    return Domain.from_frame(pl.DataFrame(rows), name, **options)


def joined(overlap: Overlap, source=SOURCE, target=TARGET) -> Transfer:
    return Transfer.of(domain(source, "grocery"), domain(target, "drugstore"), overlap)


def error_of(overlap: Overlap, source=SOURCE, target=TARGET) -> str:
    with pytest.raises(DataError) as caught:
        joined(overlap, source, target)
    return str(caught.value)


def links(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=["from_id", "to_id", "weight"][: len(rows[0])], orient="row")


# shared ids


def test_shared_users_meet_by_id_and_newcomers_get_rows_after_the_target_s_own():
    pair = joined(Overlap("users")).pair
    assert pair.target.interactions.users.ids.to_list() == ["ann", "bob", "dot", "cy"]
    assert pair.item_links is None
    assert pair.source_history.toarray().tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert pair.source_length.tolist() == [2, 1, 0, 1]
    assert pair.shared_people.tolist() == [0, 1]


def test_features_of_people_have_a_row_for_newcomers_too():
    shop = domain(TARGET, "drugstore")
    table = pl.DataFrame({"user_id": ["bob", "ann"], "age": [50, 40]})
    features = Features.from_frame(table, shop.interactions.users, "user_id", {}, "people.csv")
    transfer = Transfer.of(domain(SOURCE, "grocery"), replace(shop, user_features=features), Overlap("users"))
    assert transfer.target.user_features.index == transfer.target.interactions.users
    assert transfer.target.user_features.table["age"].to_list() == [40, 50, None, None]


def test_shared_items_meet_by_id():
    pair = joined(Overlap("items")).pair
    assert pair.user_links is None
    assert pair.item_links.toarray().tolist() == [[0, 1], [0, 0], [0, 0]]
    assert pair.source_history.nnz == 0
    assert pair.source_history.shape == (3, 3)


def test_both_may_be_shared():
    pair = joined(Overlap("both")).pair
    assert pair.user_links.nnz == 3
    assert pair.item_links.nnz == 1


def test_nothing_is_shared_unless_it_is_said():
    pair = joined(Overlap()).pair
    assert (pair.user_links, pair.item_links, pair.warnings) == (None, None, ())
    assert pair.target.interactions.users.ids.to_list() == ["ann", "bob", "dot"]
    assert pair.shared_people.tolist() == []


def test_shared_users_without_overlap_are_an_error():
    target = {"user_id": ["eve", "dot"], "item_id": ["p", "q"]}
    assert error_of(Overlap("users"), target=target) == (
        "grocery -> drugstore: users are declared shared, but none of 3 source users has rows on both sides"
        " (the target has 2 users); ids such as 'ann', 'bob' in the source, 'dot', 'eve' in the target"
    )


def test_shared_items_without_overlap_are_an_error():
    target = {"user_id": ["ann"], "item_id": ["p"]}
    assert error_of(Overlap("both"), target=target) == (
        "grocery -> drugstore: items are declared shared, but none of 3 source items has rows on both sides"
        " (the target has 1 items); ids such as 'x', 'y' in the source, 'p' in the target"
    )


@pytest.mark.parametrize("kind", ["user", "item"])
def test_ids_of_two_types_are_an_error(kind):
    target = {**TARGET, f"{kind}_id": [1, 2, 3]}
    assert error_of(Overlap(f"{kind}s"), target=target) == (
        f"grocery -> drugstore: {kind}s are declared shared, but {kind} ids are strings in the source and"
        " whole numbers in the target, expected one type; write one of the tables anew, or join them by links"
    )


# row numbers


def numbered(users, items) -> dict[str, list[int]]:
    return {"user_id": list(users), "item_id": list(items)}


def test_row_numbers_on_both_sides_are_a_warning():
    pair = joined(Overlap("users"), numbered(range(50), range(100, 150)), numbered(range(40), range(200, 240))).pair
    assert pair.warnings == (
        "grocery -> drugstore: user ids look like row numbers on both sides (40 in common);"
        " equal numbers are taken to be equal users because shared: says so",
    )


def test_row_numbers_written_as_text_are_a_warning_too():
    rows = {"user_id": ["1", "2", "3"], "item_id": ["x", "y", "z"]}
    assert len(joined(Overlap("users"), rows, rows).pair.warnings) == 1


def test_row_numbers_of_items_are_a_warning():
    rows = numbered(range(500, 550), range(50))
    (warning,) = joined(Overlap("items"), rows, rows).pair.warnings
    assert "item ids look like row numbers on both sides (50 in common)" in warning


def test_row_numbers_on_one_side_are_no_warning():
    target = numbered(range(0, 500, 7), range(1_000, 1_072))
    assert joined(Overlap("users"), numbered(range(500), range(500)), target).pair.warnings == ()


def test_row_numbers_that_are_not_declared_shared_are_no_warning():
    rows = numbered(range(50), range(50))
    assert joined(Overlap(), rows, rows).pair.warnings == ()


# links


def test_links_join_people_of_other_names():
    overlap = Overlap(user_links=links(("ann", "dot"), ("cy", "new")))
    pair = joined(overlap).pair
    assert pair.target.interactions.users.ids.to_list() == ["ann", "bob", "dot", "new"]
    assert pair.source_length.tolist() == [0, 0, 2, 1]
    assert pair.shared_people.tolist() == [2]


def test_links_are_weighted_and_many_to_many():
    table = links(("ann", "dot", 0.5), ("bob", "dot", 0.25), ("bob", "ann", 1.0))
    pair = joined(Overlap(user_links=table)).pair
    by_hand = np.array([[1, 0, 0], [0, 0, 0], [0.75, 0.5, 0]])  # ann is bob; dot is half ann and a quarter bob
    assert pair.source_history.toarray() == pytest.approx(by_hand)
    product = (pair.user_links.T @ pair.source.interactions.preference).toarray()
    assert pair.source_history.toarray() == pytest.approx(product)


def test_an_item_counts_once_over_all_accounts_of_a_person():
    pair = joined(Overlap(user_links=links(("ann", "dot"), ("bob", "dot")))).pair
    assert pair.source_length.tolist() == [0, 0, 2]


def test_disliked_source_rows_count_as_history_but_are_not_preferred():
    source = domain({**SOURCE, "rating": [5, 1, 2, 4]}, "grocery")
    pair = Transfer.of(source, domain(TARGET, "drugstore"), Overlap("users")).pair
    assert pair.source_length.tolist() == [2, 1, 0, 1]
    assert pair.source_history.toarray().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_item_links_join_items():
    pair = joined(Overlap("users", item_links=links(("x", "p", 0.5), ("y", "p", 2.0)))).pair
    assert pair.item_links.toarray().tolist() == [[0.5, 0], [2.0, 0], [0, 0]]


@pytest.mark.parametrize(("shared", "kind"), [("users", "user"), ("both", "user"), ("items", "item"), ("both", "item")])
def test_equal_ids_and_links_of_one_kind_are_an_error(shared, kind):
    with pytest.raises(DataError) as caught:
        Overlap(shared, **{f"{kind}_links": links(("ann", "dot"))})
    assert str(caught.value) == (
        f"shared: {shared} and a table of links both say which {kind}s are the same, expected one of them"
        " (equal ids may be rows of the table)"
    )


def test_links_to_unknown_ids_are_counted_and_bring_nobody_in():
    pair = joined(Overlap(user_links=links(("ann", "dot"), ("nobody", "stranger")))).pair
    assert pair.target.interactions.users.ids.to_list() == ["ann", "bob", "dot"]
    assert pair.warnings == ("grocery -> drugstore: 1 of 2 user links name an id that is not in the data",)


def test_links_that_join_nobody_are_an_error():
    assert error_of(Overlap(user_links=links(("nobody", "dot")))) == (
        "grocery -> drugstore: none of 1 links joins known users; from_id is an id of the source, to_id one of the"
        " target: found 'nobody' and 'dot', where users are called 'ann' and 'ann'"
    )


def test_links_that_only_bring_newcomers_are_an_error():
    assert error_of(Overlap(user_links=links(("ann", "new")))).startswith(
        "grocery -> drugstore: users are declared shared, but none of 3 source users has rows on both sides"
    )


def test_links_of_another_type_are_an_error():
    assert error_of(Overlap(user_links=links((1, "dot")))) == (
        "grocery -> drugstore: links: from_id: user ids: found whole numbers, expected strings, as in the data"
    )
    assert error_of(Overlap(user_links=links(("ann", 1)))) == (
        "grocery -> drugstore: links: to_id: user ids: found whole numbers, expected strings, as in the data"
    )


def test_link_tables_in_memory_are_checked_like_files():
    assert error_of(Overlap(user_links=links(("ann", None), ("ann", "dot")))) == (
        "grocery -> drugstore: user links: row 1: to_id is missing, expected an id in every row"
    )
    assert error_of(Overlap(item_links=links(("x", "p", -1.0)))) == (
        "grocery -> drugstore: item links: row 1: weight is -1.0, expected a positive number"
    )


# several sources, other rows


def test_several_sources_share_one_index_of_people():
    second = domain({"user_id": ["dot", "eve"], "item_id": [1, 2]}, "films")
    transfer = Transfer.of([domain(SOURCE, "grocery"), second], domain(TARGET, "drugstore"), Overlap("users"))
    assert transfer.name == "grocery+films__drugstore"
    assert transfer.target.interactions.users.ids.to_list() == ["ann", "bob", "dot", "cy", "eve"]
    assert all(pair.target is transfer.target for pair in transfer.pairs)
    assert transfer.source_length.tolist() == [2, 1, 1, 1, 1]
    assert transfer.shared_people.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"^this transfer has 2 sources; use transfer\.pairs$"):
        _ = transfer.pair


def test_sources_of_one_name_are_an_error():
    source = domain(SOURCE, "grocery")
    with pytest.raises(DataError, match=r"^drugstore: two sources are called 'grocery', expected a name for each$"):
        Transfer.of([source, source], domain(TARGET, "drugstore"), Overlap("users"))


def test_an_overlap_for_each_source_is_needed():
    with pytest.raises(DataError, match=r"^drugstore: found 2 overlaps for 1 sources, expected as many$"):
        Transfer.of(domain(SOURCE, "grocery"), domain(TARGET, "drugstore"), [Overlap(), Overlap()])


def test_replaced_rows_keep_links_and_indexes():
    transfer = joined(Overlap("users"))
    fewer = transfer.replaced(
        target=transfer.target.interactions.take(np.array([1])),
        sources={"grocery": transfer.pair.source.interactions.take(np.array([0]))},
    )
    assert fewer.pair.source_length.tolist() == [1, 0, 0, 0]
    assert fewer.pair.user_links is transfer.pair.user_links
    assert len(fewer.target.interactions) == len(fewer.pair.target.interactions) == 1
    assert transfer.source_length.tolist() == [2, 1, 0, 1]


def test_replacing_the_rows_of_an_unknown_source_is_an_error():
    transfer = joined(Overlap("users"))
    with pytest.raises(ValueError, match=r"^this transfer has no source 'films'$"):
        transfer.replaced(sources={"films": transfer.target.interactions})


def test_what_a_pair_measures_cannot_be_written_to():
    transfer = joined(Overlap("users"))
    for array in (transfer.source_length, transfer.shared_people, transfer.pair.source_length):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9


# times


@pytest.mark.parametrize("unit", [1000, 1 / 86400])
def test_times_in_other_units_are_noted(unit):
    source = {**SOURCE, "timestamp": [1.6e9, 1.61e9, 1.62e9, 1.63e9]}
    target = {**TARGET, "timestamp": [1.6e9 * unit, 1.61e9 * unit, 1.62e9 * unit]}
    assert joined(Overlap("users"), source, {**TARGET, "timestamp": [1.5e9, 1.7e9, 1.7e9]}).pair.warnings == ()
    (warning,) = joined(Overlap("users"), source, target).pair.warnings
    assert warning.startswith("grocery -> drugstore: no time in common: the source's are 2020-09-13 to 2021-08-26, the")
    assert warning.endswith("; are both in seconds?")


def test_times_beyond_any_calendar_are_told_as_numbers():
    target = {**TARGET, "timestamp": [1e300, 1e301, 1e302]}
    (warning,) = joined(Overlap("users"), {**SOURCE, "timestamp": [1.0, 2.0, 3.0, 4.0]}, target).pair.warnings
    assert "the target's 1e+300 to 1e+302" in warning
