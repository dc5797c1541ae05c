"""What happens to missing, odd and repeated rows: never silently."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import polars as pl
import pytest

from foretaste.data import Domain, DomainSpec
from foretaste.errors import DataError

IDS = {"user_id": ["a", "b"], "item_id": [1, 2]}
REPEATED = {"user_id": ["a", "a", "b", "a"], "item_id": [1, 1, 1, 2], "weight": [5.0, 1.0, 2.0, 7.0]}
NAN, INF = float("nan"), float("inf")


def rows_of(frame, **options):
    return Domain.from_frame(frame, "books", **options).interactions


def error_of(frame, **options) -> str:
    with pytest.raises(DataError) as caught:
        Domain.from_frame(frame, "books", **options)
    return str(caught.value)


# missing


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_a_missing_id_is_an_error(library):
    frame = library({"user_id": ["a", None, "c", None], "item_id": [1, 2, 3, 4]})
    assert error_of(frame) == (
        "books: row 2: user_id is missing, expected a value in every row; 2 such rows"
        " (set missing: drop to leave such rows out)"
    )


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_rows_with_missing_ids_are_dropped_and_counted(library):
    frame = library({"user_id": ["a", None, "c", None], "item_id": ["1", "2", None, "4"]})
    domain = Domain.from_frame(frame, missing="drop")
    assert domain.interactions.users.ids.to_list() == ["a"]
    assert domain.notes == ("2 rows without user_id dropped", "1 rows without item_id dropped")


def test_dropping_every_row_is_an_error():
    frame = pl.DataFrame({"user_id": ["a", None], "item_id": [None, 2]})
    assert error_of(frame, missing="drop") == (
        "books: the domain is empty: no rows left of 2 (1 rows without user_id dropped; 1 rows without item_id dropped)"
    )


@pytest.mark.parametrize("name", ["weight", "timestamp", "split"])
def test_a_missing_value_is_an_error_that_uses_the_name_of_the_table(name):
    frame = pl.DataFrame({**IDS, "mine": [1, None]})
    assert error_of(frame, columns={name: "mine"}) == (
        "books: row 2: mine is missing, expected a value in every row (set missing: drop to leave such rows out)"
    )


def test_nan_in_pandas_is_a_missing_weight():
    frame = pd.DataFrame({**IDS, "weight": [1.0, NAN]})
    assert error_of(frame) == (
        "books: row 2: weight is missing, expected a value in every row (set missing: drop to leave such rows out)"
    )
    assert Domain.from_frame(frame, missing="drop").notes == ("1 rows without weight dropped",)


def test_rows_keep_their_number_after_others_were_dropped():
    frame = pl.DataFrame({"user_id": [None, "b"], "item_id": [1, 2], "weight": [1.0, INF]})
    assert error_of(frame, missing="drop") == "books: row 2: weight is inf, expected a finite number"


# weights


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("name", ["weight", "rating"])
def test_a_weight_that_is_not_finite_is_an_error(name, value):
    assert error_of(pl.DataFrame({**IDS, name: [1.0, value]})) == (
        f"books: row 2: {name} is {value}, expected a finite number"
    )


def test_a_weight_beyond_32_bits_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "weight": [1.0, 1e39]})) == (
        "books: row 2: weight is 1e+39, expected at most 3.4e+38 (32-bit floating point)"
    )


def test_a_negative_implicit_weight_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "quantity": [-1, -2]})) == (
        "books: row 1: quantity is -1.0, expected 0 or more for implicit feedback"
        " (set feedback: explicit if these are ratings); 2 such rows"
    )


def test_implicit_weights_that_are_all_0_are_an_error():
    assert error_of(pl.DataFrame({**IDS, "quantity": [0, 0]})) == (
        "books: quantity is 0 in every row, expected some above 0: nobody would prefer anything"
    )


def test_ratings_none_of_which_is_a_preference_are_noted():
    note = "no rating reaches 4 (positive.min): nothing counts as preferred"
    assert note in Domain.from_frame(pl.DataFrame({**IDS, "rating": [0.0, 3.5]})).notes
    assert note not in Domain.from_frame(pl.DataFrame({**IDS, "rating": [0, 4]})).notes


def test_explicit_feedback_without_a_column_of_ratings_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "ratings": [1, 5]}), feedback="explicit") == (
        "books: explicit feedback needs ratings: no column 'weight'; found user_id, item_id, ratings;"
        " did you mean 'ratings'?; name it, as in columns: {weight: ratings}"
    )
    assert error_of(pl.DataFrame(IDS), feedback="explicit") == (
        "books: explicit feedback needs ratings: no column 'weight'; found user_id, item_id;"
        " name it, as in columns: {weight: points}"
    )


@pytest.mark.parametrize("weights", [[1, 3, 4, 5, 5], [0.5, 4.5, 5], [1, 2, 8, 10]])
def test_strengths_that_look_like_ratings_are_noted(weights):
    frame = pl.DataFrame({"user_id": range(len(weights)), "item_id": range(len(weights)), "score": weights})
    note = (
        "score looks like ratings, and is read as strengths, of which each is a preference:"
        " set feedback: explicit if these are ratings, else implicit"
    )
    assert Domain.from_frame(frame).notes == ("column 'score' read as weight", note)
    assert Domain.from_frame(frame, feedback="implicit").notes == ("column 'score' read as weight",)
    assert note not in Domain.from_frame(frame.rename({"score": "stars"})).notes


@pytest.mark.parametrize("weights", [[1, 1, 1, 2, 5], [1, 5], [3, 4, 7], [0, 4, 5], [1.25, 4, 5], [1, 4, 5, 12]])
def test_strengths_that_may_well_be_counts_are_not_noted(weights):
    frame = pl.DataFrame({"user_id": range(len(weights)), "item_id": range(len(weights)), "weight": weights})
    assert Domain.from_frame(frame).notes == ()


@pytest.mark.parametrize("least", [3, 4])  # the default as well, once it is written
def test_a_least_rating_of_what_is_no_rating_is_an_error(least):
    assert error_of(pl.DataFrame({**IDS, "score": [1, 5]}), positive={"min": least}) == (
        "books: positive is about ratings, and score is read as a strength:"
        " set feedback: explicit, or leave positive out"
    )
    assert rows_of(pl.DataFrame({**IDS, "stars": [1, 3]}), positive={"min": 3}).preferred.tolist() == [False, True]


def test_a_negative_rating_is_fine():
    assert rows_of(pl.DataFrame({**IDS, "rating": [-1, -2]})).values.tolist() == [-1.0, -2.0]


def test_text_in_weight_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "weight": ["1", "much"]})) == (
        "books: row 2: weight is 'much', expected a number"
    )


def test_numbers_written_as_text_are_an_error():
    assert error_of(pl.DataFrame({**IDS, "weight": ["1", "2"]})) == (
        "books: row 1: weight is '1', expected a number; 2 such rows"
    )


@pytest.mark.parametrize(
    ("name", "cells", "row", "count"),
    [
        ("weight", [1, 2, "x", 4, "y"], 3, 2),
        ("weight", [" 1", " 2", "x", " 4"], 3, 1),
        ("weight", [1, "02", 3], 2, 1),
        ("weight", [1, 10**20, 3], 2, 1),
        ("weight", [1, "Infinity", 3, "nan"], 2, 2),
        ("timestamp", [1, 3, "-Infinity"], 3, 1),
        ("timestamp", [100, 200, "x", 400], 3, 1),
        ("timestamp", [100, "2024-05-31", 300], 2, 1),
        ("timestamp", ["2024-05-30", "2024-05-31", 300, "x"], 3, 2),
        ("timestamp", ["2024-05-30", "2024-02-30", "x"], 2, 2),
        ("timestamp", ["2024-05-3l", "2024-05-30", "2024-05-31"], 1, 1),
        ("timestamp", ["2024-05-30T01:00", *2 * ["2024-05-31T01:00Z"]], 1, 1),
        ("timestamp", 3 * ["31/05/2024"], 1, 3),
    ],
)
def test_in_a_file_the_first_bad_cell_is_named_and_only_bad_ones_are_counted(tmp_path, name, cells, row, count):
    lines = [f"u{at},i{at},{cell}" for at, cell in enumerate(cells)]
    (tmp_path / "books.csv").write_text("\n".join([f"user_id,item_id,{name}", *lines]) + "\n")
    with pytest.raises(DataError) as caught:
        Domain.load("books", DomainSpec(path="books.csv"), tmp_path)
    message = str(caught.value)
    assert f"books.csv: row {row}: {name} is '{cells[row - 1]}', expected " in message
    assert message.endswith(f"; {count} such rows") == (count > 1)


def test_a_number_with_leading_zeros_in_weight_is_told_as_such(tmp_path):
    (tmp_path / "books.csv").write_text("user_id,item_id,weight\nu,i,1\nv,i,02\n")
    with pytest.raises(DataError, match=r"expected a number without leading zeros, of at most 18 digits$"):
        Domain.load("books", DomainSpec(path="books.csv"), tmp_path)


def test_dates_in_weight_are_an_error():
    days = [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
    assert error_of(pl.DataFrame({**IDS, "weight": days})) == "books: column 'weight': found Date, expected numbers"


def test_without_a_weight_every_row_weighs_one():
    assert rows_of(pl.DataFrame(IDS)).values.tolist() == [1.0, 1.0]


def test_yes_and_no_are_one_and_zero():
    assert rows_of(pl.DataFrame({**IDS, "weight": [True, False]})).values.tolist() == [1.0, 0.0]


# timestamps


@pytest.mark.parametrize(
    "times",
    [
        [86_400, 172_801],
        [86_400.0, 172_801.0],
        [dt.datetime(1970, 1, 2), dt.datetime(1970, 1, 3, 0, 0, 1)],
        ["1970-01-02T00:00:00", "1970-01-03T00:00:01"],
        ["1970-01-02 00:00:00", "1970-01-03 00:00:01"],
        ["1970-01-02T00:00:00Z", "1970-01-03T00:00:01Z"],
        ["1970-01-02T01:00:00+01:00", "1970-01-03T01:00:01+01:00"],
    ],
    ids=["seconds", "fractions", "datetimes", "iso", "iso-space", "iso-zulu", "iso-offset"],
)
def test_times_become_seconds(times):
    assert rows_of(pl.DataFrame({**IDS, "timestamp": times})).times.tolist() == [86_400.0, 172_801.0]


@pytest.mark.parametrize("times", [["1970-01-02", "1970-01-03"], [dt.date(1970, 1, 2), dt.date(1970, 1, 3)]])
def test_days_become_seconds(times):
    assert rows_of(pl.DataFrame({**IDS, "timestamp": times})).times.tolist() == [86_400.0, 172_800.0]


def test_a_time_zone_of_pandas_is_kept_in_mind():
    times = pd.to_datetime(["1970-01-02", "1970-01-03"]).tz_localize("Asia/Tokyo")
    assert rows_of(pd.DataFrame({**IDS, "timestamp": times})).times.tolist() == [54_000.0, 140_400.0]


@pytest.mark.parametrize("text", ["soon", "01/02/2024", "2024-13-01", "5"])
def test_text_that_is_no_iso_date_is_an_error(text):
    assert error_of(pl.DataFrame({**IDS, "timestamp": ["2024-01-01", text]})) == (
        f"books: row 2: timestamp is '{text}', expected seconds or ISO dates of one form (2024-05-31T12:00:00)"
    )


def test_a_first_date_that_cannot_be_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "timestamp": ["2024-13-01", "2024-14-01"]})).startswith(
        "books: row 1: timestamp is '2024-13-01', expected seconds or ISO dates"
    )


@pytest.mark.parametrize("times", [[dt.time(1), dt.time(2)], [True, False]])
def test_other_types_of_times_are_an_error(times):
    found = pl.Series(times).dtype
    assert error_of(pl.DataFrame({**IDS, "timestamp": times})) == (
        f"books: column 'timestamp': found {found}, expected seconds or dates"
    )


def test_an_infinite_time_is_an_error():
    assert error_of(pl.DataFrame({**IDS, "ts": [1.0, INF]})) == "books: row 2: ts is inf, expected a finite number"


# duplicates


@pytest.mark.parametrize(("policy", "weight"), [("sum", 6.0), ("last", 1.0), ("max", 5.0)])
def test_repeated_rows_are_merged_and_counted(policy, weight):
    domain = Domain.from_frame(pl.DataFrame(REPEATED), duplicates=policy)
    assert domain.interactions.values.tolist() == [weight, 2.0, 7.0]
    assert domain.notes == (f"1 repeated rows of one user and item merged ({policy})",)


@pytest.mark.parametrize(("feedback", "weight"), [("implicit", 6.0), ("explicit", 1.0)])
def test_left_out_purchases_add_up_and_the_last_rating_counts(feedback, weight):
    assert rows_of(pl.DataFrame(REPEATED), feedback=feedback).values[0] == weight


def test_the_last_row_is_the_newest_one():
    frame = pl.DataFrame({**REPEATED, "timestamp": [9, 1, 1, 1]})
    rows = rows_of(frame, duplicates="last")
    newest = (rows.user_rows == 0) & (rows.item_rows == 0)
    assert rows.values[newest].tolist() == [5.0]
    assert rows.times[newest].tolist() == [9.0]


def test_merged_rows_take_the_newest_time():
    rows = rows_of(pl.DataFrame({**REPEATED, "timestamp": [9, 1, 1, 1]}), duplicates="sum")
    assert rows.times.tolist() == [1.0, 1.0, 9.0]
    assert rows.values.tolist() == [2.0, 7.0, 6.0]


@pytest.mark.parametrize(("policy", "weight"), [("sum", 4.0), ("last", 1.0), ("max", 3.0)])
def test_rows_of_two_splits_are_not_merged(policy, weight):
    frame = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", "b"],
            "item_id": [1, 1, 1, 1, 1],
            "weight": [9.0, 3.0, 1.0, 5.0, 2.0],
            "split": ["test", "train", "train", "train", "test"],
        }
    )
    domain = Domain.from_frame(frame, duplicates=policy)
    assert domain.interactions.values.tolist() == [weight, 2.0]
    assert domain.interactions.splits.tolist() == ["train", "test"]
    assert domain.notes == (
        f"1 repeated rows of one user and item merged ({policy})",
        "2 rows whose user and item also stand in a newer row of another split left out",
    )


def test_repeated_rows_may_be_an_error():
    assert error_of(pl.DataFrame(REPEATED), duplicates="error") == (
        "books: row 1: user 'a' and item 1 stand in more than one row, expected one; 1 rows too many"
        " (set duplicates: sum, last or max to merge them)"
    )


def test_a_given_split_is_kept_as_text():
    assert rows_of(pl.DataFrame({**IDS, "split": ["train", "test"]})).splits.tolist() == ["train", "test"]
