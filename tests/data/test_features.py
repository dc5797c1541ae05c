"""Tables of features, aligned to the ids of a domain."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from foretaste.data import Features, Index
from foretaste.errors import DataError

ITEMS = Index(["a", "b", "c"], "item")
TABLE = pl.DataFrame(
    {
        "item_id": ["c", "a", "other"],
        "genre": ["crime", "love", "war"],
        "tags": ["new|cheap", "new", "old"],
        "words": [["x"], ["y", "z"], []],
        "price": [3.5, float("nan"), 1.0],
        "pages": [300, None, 5],
    }
)


def features_of(table: pl.DataFrame, index: Index = ITEMS, **kinds) -> Features:
    return Features.from_frame(table, index, "item_id", kinds, "items.csv")


def error_of(table: pl.DataFrame, index: Index = ITEMS, **kinds) -> str:
    with pytest.raises(DataError) as caught:
        features_of(table, index, **kinds)
    return str(caught.value)


def test_rows_stand_in_the_order_of_the_index_and_unknown_ids_are_left_out():
    features = features_of(TABLE)
    assert features.table.columns == ["genre", "tags", "words", "price", "pages"]
    assert features.table["genre"].to_list() == ["love", None, "crime"]
    assert features.table["words"].to_list() == [["y", "z"], None, ["x"]]
    assert features.table["pages"].to_list() == [None, None, 300]


def test_kinds_are_guessed():
    assert features_of(TABLE).kinds == {
        "genre": "categorical",
        "tags": "multi-valued",
        "words": "multi-valued",
        "price": "numeric",
        "pages": "numeric",
    }


def test_given_kinds_are_kept_and_the_others_guessed():
    kinds = features_of(TABLE, genre="text", pages="categorical").kinds
    assert (kinds["genre"], kinds["pages"], kinds["price"]) == ("text", "categorical", "numeric")


def test_missing_values_are_counted_nan_too():
    assert features_of(TABLE).missing == {"genre": 1, "tags": 1, "words": 1, "price": 2, "pages": 2}


@pytest.mark.parametrize("name", ["_row", "row", "id"])
def test_any_name_may_be_a_feature(name):
    table = pl.DataFrame({"item_id": ["a"], name: [1]})
    assert features_of(table).table[name].to_list() == [1, None, None]


def test_a_table_without_the_id_is_an_error():
    assert error_of(pl.DataFrame({"itemid": ["a"], "price": [1]})) == (
        "items.csv: no column 'item_id'; found itemid, price; did you mean 'itemid'?"
    )


def test_a_table_of_ids_alone_is_an_error():
    assert error_of(pl.DataFrame({"item_id": ["a"]})) == (
        "items.csv: found no column but 'item_id', expected one for each feature"
    )


def test_a_kind_for_an_unknown_column_is_an_error():
    assert error_of(TABLE, prise="numeric") == (
        "items.csv: no column 'prise'; found item_id, genre, tags, words, price, pages; did you mean 'price'?"
    )


def test_a_kind_for_the_id_is_an_error():
    assert error_of(TABLE, item_id="text") == (
        "items.csv: kinds: 'item_id' is the id of each row, expected only columns of features"
    )


@pytest.mark.parametrize(
    ("column", "kind", "found"),
    [("genre", "numeric", "String"), ("price", "text", "Float64"), ("pages", "multi-valued", "Int64")],
)
def test_a_kind_that_does_not_fit_the_values_is_an_error(column, kind, found):
    assert error_of(TABLE, **{column: kind}) == (
        f"items.csv: column '{column}': found {found}, expected values to read as {kind}"
    )


def test_a_repeated_id_is_an_error():
    assert error_of(pl.DataFrame({"item_id": ["a", "b", "b"], "price": [1, 2, 3]})) == (
        "items.csv: item_id 'b' stands in more than one row, expected one"
    )


def test_a_repeated_id_that_the_domain_does_not_have_does_not_matter():
    assert features_of(pl.DataFrame({"item_id": ["a", "zz", "zz"], "price": [1, 2, 3]})).missing == {"price": 2}


def test_a_missing_id_is_an_error():
    assert error_of(pl.DataFrame({"item_id": ["a", None], "price": [1, 2]})) == (
        "items.csv: column 'item_id': item ids: 1 of 2 are missing, expected none"
    )


def test_ids_of_another_type_are_an_error():
    assert error_of(pl.DataFrame({"item_id": [1], "price": [1]})) == (
        "items.csv: column 'item_id': item ids: found whole numbers, expected strings, as in the data"
    )


def test_a_table_about_other_items_is_an_error():
    assert error_of(pl.DataFrame({"item_id": ["y", "z"], "price": [1, 2]})) == (
        "items.csv: none of 2 ids in 'item_id' is in the domain, expected some of them"
    )


def test_a_date_is_categorical():
    table = pl.DataFrame({"item_id": ["a"], "since": [dt.date(2024, 1, 1)]})
    assert features_of(table).kinds == {"since": "categorical"}
