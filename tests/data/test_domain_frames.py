"""Tables in memory become domains: the same one whatever library made the table, and ids as they went in."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foretaste.data import Domain
from foretaste.errors import ConfigError, DataError

ROWS = {
    "user_id": ["ann", "bob", "ann", "cy"],
    "item_id": [30, 10, 20, 10],
    "weight": [1.0, 2.5, 3.0, 4.0],
    "timestamp": [40, 30, 20, 10],
}
MAKERS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


def error_of(frame, **options) -> str:
    with pytest.raises(DataError) as caught:
        Domain.from_frame(frame, "books", **options)
    return str(caught.value)


@pytest.mark.parametrize("library", MAKERS)
def test_pandas_polars_and_pyarrow_give_the_same_domain(library):
    rows = Domain.from_frame(MAKERS[library](ROWS)).interactions
    assert rows.users.take(rows.user_rows) == ["cy", "ann", "bob", "ann"]
    assert rows.items.take(rows.item_rows) == [10, 20, 10, 30]
    assert rows.values.tolist() == [4.0, 3.0, 2.5, 1.0]
    assert rows.times.tolist() == [10.0, 20.0, 30.0, 40.0]


def test_arrays_have_the_promised_types():
    rows = Domain.from_frame(pl.DataFrame(ROWS)).interactions
    assert [a.dtype for a in (rows.user_rows, rows.item_rows, rows.values, rows.times)] == [
        np.int64,
        np.int64,
        np.float32,
        np.float64,
    ]


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int32", "uint8", "object", "category"])
def test_pandas_whole_numbers_come_back_as_whole_numbers(dtype):
    frame = pd.DataFrame({"user_id": [7, 3], "item_id": ["x", "y"]}).astype({"user_id": dtype})
    assert Domain.from_frame(frame).interactions.users.ids.to_list() == [3, 7]


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_pandas_strings_come_back_as_strings(dtype):
    frame = pd.DataFrame({"user_id": ["7", "03"], "item_id": [1, 2]}).astype({"user_id": dtype})
    assert Domain.from_frame(frame).interactions.users.ids.to_list() == ["03", "7"]


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["x", "y", "unused"])])
def test_polars_categories_are_strings(dtype):
    frame = pl.DataFrame({"user_id": pl.Series(["y", "x"], dtype=dtype), "item_id": [1, 2]})
    assert Domain.from_frame(frame).interactions.users.ids.to_list() == ["x", "y"]


@pytest.mark.parametrize("table", [[1, 2], ROWS, None, pl.DataFrame(ROWS).lazy()], ids=["list", "dict", "None", "lazy"])
def test_something_else_than_a_table_is_an_error(table):
    found = type(table).__name__
    assert error_of(table) == f"books: found {found}, expected a pandas, polars or pyarrow table"


def test_a_table_without_rows_is_an_error():
    assert error_of(pl.DataFrame({"user_id": [], "item_id": []})) == (
        "books: the table has no rows, expected one for each user and item"
    )


def test_a_misspelt_option_is_an_error():
    with pytest.raises(ConfigError, match=re.escape("books: feedbak: unknown key; did you mean 'feedback'?")):
        Domain.from_frame(pl.DataFrame(ROWS), "books", feedbak="explicit")


@pytest.mark.parametrize("option", ["kind", "path", "item_features"])
def test_an_option_of_files_is_refused_for_a_table_in_memory(option):
    with pytest.raises(ConfigError, match=f"^books: {option}: a domain made from a table in memory has no {option}$"):
        Domain.from_frame(pl.DataFrame(ROWS), "books", **{option: "x.csv"})


# ids


def test_floating_point_ids_are_an_error():
    assert error_of(pl.DataFrame({"user_id": [1.0, 2.0], "item_id": [1, 2]})) == (
        "books: column 'user_id': user ids: found floating-point numbers (a missing id turns whole numbers into these),"
        " expected whole numbers or strings"
    )


def test_mixed_types_in_a_pandas_column_are_an_error():
    frame = pd.DataFrame({"user_id": pd.Series(["a", 2], dtype=object), "item_id": [1, 2]})
    assert error_of(frame) == "books: column 'user_id': found mixed types (int, str), expected one"


def test_mixed_types_in_a_polars_object_column_are_an_error():
    frame = pl.DataFrame({"user_id": pl.Series(["a", 2], dtype=pl.Object), "item_id": [1, 2]})
    assert error_of(frame) == (
        "books: column 'user_id': user ids: found mixed types, expected whole numbers or strings"
    )


def test_an_id_beyond_64_bits_is_an_error():
    frame = pl.DataFrame({"user_id": pl.Series([2**63, 1], dtype=pl.UInt64), "item_id": [1, 2]})
    assert error_of(frame) == (
        "books: column 'user_id': user ids: found 9223372036854775808, expected 64-bit numbers or strings"
    )


@pytest.mark.parametrize("values", [[True, False], [b"a", b"b"]])
def test_other_types_of_ids_are_an_error(values):
    found = pl.Series(values).dtype
    assert error_of(pl.DataFrame({"user_id": [1, 2], "item_id": values})) == (
        f"books: column 'item_id': item ids: found {found}, expected whole numbers or strings"
    )


# columns


def test_a_recognised_alias_is_noted():
    domain = Domain.from_frame(pl.DataFrame({"User": [1], "asin": ["a"], "stars": [5], "Date": ["2024-01-01"]}))
    assert domain.notes == (
        "column 'User' read as user_id",
        "column 'asin' read as item_id",
        "column 'stars' read as weight",
        "column 'Date' read as timestamp",
    )


def test_a_canonical_name_wins_over_an_alias():
    frame = pl.DataFrame({"user": ["wrong"], "user_id": ["right"], "item_id": [1], "rating": [1.0], "weight": [2.0]})
    domain = Domain.from_frame(frame)
    assert domain.interactions.users.ids.to_list() == ["right"]
    assert domain.interactions.values.tolist() == [2.0]
    assert domain.notes == ()


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [("rating", "stars", "weight"), ("date", "time", "timestamp"), ("user", "customer_id", "user_id")],
)
def test_two_aliases_of_one_name_are_ambiguous(first, second, name):
    frame = pl.DataFrame({"user_id": [1], "item_id": [1], first: [1], second: [2]})
    frame = frame.drop("user_id") if name == "user_id" else frame
    assert error_of(frame) == (
        f"books: columns '{first}', '{second}' all read as {name}; name one, as in columns: {{{name}: {first}}}"
    )


def test_two_spellings_of_one_name_are_ambiguous():
    frame = pl.DataFrame({"user_id": [1], "USER_ID": [1], "item_id": [1]})
    assert error_of(frame) == (
        "books: columns 'user_id', 'USER_ID' all read as user_id; name one, as in columns: {user_id: user_id}"
    )


def test_a_named_column_settles_what_is_ambiguous():
    frame = pl.DataFrame({"user_id": [1], "item_id": [1], "rating": [2.0], "stars": [4.0]})
    domain = Domain.from_frame(frame, columns={"weight": "stars"})
    assert domain.interactions.values.tolist() == [4.0]
    assert domain.interactions.feedback.kind == "explicit"


def test_a_wrong_column_name_is_an_error_that_knows_the_nearest():
    frame = pl.DataFrame({"houshold": [1], "item_id": [2]})
    assert error_of(frame, columns={"user_id": "household"}) == (
        "books: columns.user_id: no column 'household'; found houshold, item_id; did you mean 'houshold'?"
    )


def test_an_unknown_canonical_name_is_an_error():
    with pytest.raises(ConfigError, match=re.escape("books: columns.usr_id: unknown key; did you mean 'user_id'?")):
        Domain.from_frame(pl.DataFrame(ROWS), "books", columns={"usr_id": "user"})


def test_one_column_for_two_purposes_is_an_error():
    assert error_of(pl.DataFrame(ROWS), columns={"weight": "item_id"}) == (
        "books: column 'item_id' is named for both item_id and weight, expected for one"
    )


def test_a_table_without_users_is_an_error():
    assert error_of(pl.DataFrame({"buyer": ["a"], "item_id": [1]})) == (
        "books: no column 'user_id'; found buyer, item_id; name it, as in columns: {user_id: customer}"
    )


def quoted(column: str) -> str:
    """A name as YAML needs it: spaces at its ends would be lost."""
    return f"'{column}'" if " " in column else column


@pytest.mark.parametrize("column", ["usr_id", " user_id", "User ID", "CustomerID", "household", "reviewer_id"])
def test_a_column_called_almost_like_the_missing_one_is_offered(column):
    assert error_of(pl.DataFrame({column: ["a"], "item_id": [1]})) == (
        f"books: no column 'user_id'; found {column}, item_id; did you mean '{column}'?"
        f"; name it, as in columns: {{user_id: {quoted(column)}}}"
    )


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("ratings", "weight"),
        ("Wieght", "weight"),
        ("quantities", "weight"),
        ("time_stamp", "timestamp"),
        ("Date Time", "timestamp"),
        ("dates", "timestamp"),
        ("splits", "split"),
    ],
)
def test_a_column_that_is_left_aside_and_called_almost_like_one_of_ours_is_noted(column, name):
    notes = Domain.from_frame(pl.DataFrame({"user_id": [1], "item_id": [1], column: [1]})).notes
    assert notes == (
        f"column '{column}' left aside: if it holds what {name} stands for, name it, as in"
        f" columns: {{{name}: {quoted(column)}}}",
    )


ORDINARY = ("country", "county", "store", "start", "status", "title", "update", "price", "discount", "quality", "day")


@pytest.mark.parametrize("column", ORDINARY)
def test_an_ordinary_column_is_left_aside_without_a_word(column):
    assert Domain.from_frame(pl.DataFrame({"user_id": [1], "item_id": [1], column: [1]})).notes == ()


def test_a_column_called_almost_like_one_that_is_there_is_left_aside_without_a_word():
    frame = pl.DataFrame({"user_id": [1], "item_id": [1], "rating": [1], "ratings": [9], "weights": [9]})
    assert Domain.from_frame(frame, feedback="implicit").notes == ("column 'rating' read as weight",)


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_a_repeated_column_is_an_error(library):
    names, rows = ["user_id", "user_id", "item_id"], ["a", "b", "c"]
    frame = (
        pd.DataFrame([rows], columns=names)
        if library == "pandas"
        else pa.table([pa.array([value]) for value in rows], names=names)
    )
    assert error_of(frame) == "books: column 'user_id' stands more than once, expected one"
