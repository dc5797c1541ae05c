"""Ids and rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from foretaste.data import Index
from foretaste.errors import DataError


def error_of(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("ids", [["b", "a", "c"], [30, 10, 20]])
def test_rows_and_take_are_each_other_s_inverse(ids):
    index = Index(ids, "user")
    assert index.rows(ids).tolist() == [0, 1, 2]
    assert index.take(np.array([2, 0, 2])) == [ids[2], ids[0], ids[2]]


@pytest.mark.parametrize("n", [3, 5_000])
def test_unknown_ids_are_minus_one_in_short_and_long_questions(n):
    index = Index([f"u{i}" for i in range(10_000)], "user")
    wanted = [f"u{i}" for i in range(0, 2 * n, 2)]
    wanted[1] = "nobody"
    expected = np.arange(0, 2 * n, 2)
    expected[1] = -1
    rows = index.rows(wanted)
    assert rows.dtype == np.int64
    assert np.array_equal(rows, expected)


@pytest.mark.parametrize("ids", [np.array([7, 9]), pl.Series([7, 9]), (7, 9), pl.Series([7, 9], dtype=pl.UInt8)])
def test_ids_may_come_in_any_sequence(ids):
    assert Index([9, 7]).rows(ids).tolist() == [1, 0]


def test_no_ids_give_no_rows():
    assert Index(["a"]).rows([]).tolist() == []


def test_a_number_is_not_looked_up_among_strings():
    assert error_of(lambda: Index(["7"], "user").rows([7])) == (
        "user ids: found whole numbers, expected strings, as in the data"
    )


def test_a_string_is_not_looked_up_among_numbers():
    assert error_of(lambda: Index([7], "user").rows(["7"])) == (
        "user ids: found strings, expected whole numbers, as in the data"
    )


@pytest.mark.parametrize("value", ["ann", 7])
def test_a_single_id_is_an_error(value):
    assert error_of(lambda: Index(["ann"], "user").rows(value)) == (
        f"user ids: found the single value {value!r}, expected a list of ids"
    )


def test_mixed_ids_are_an_error():
    assert error_of(lambda: Index(["a", 1], "item")) == "item ids: found mixed types (int, str), expected one"


def test_missing_ids_are_an_error():
    assert error_of(lambda: Index(pl.Series(["a", None]), "item")) == "item ids: 1 of 2 are missing, expected none"


def test_repeated_ids_are_an_error():
    assert error_of(lambda: Index(["a", "a"], "item")) == "item: ids of an index must be distinct"


def test_an_extended_index_keeps_known_rows_and_appends_the_rest_once():
    index = Index(["b", "a"], "user")
    longer = index.extended(pl.Series(["c", "a", "c", "d"]))
    assert longer.ids.to_list() == ["b", "a", "c", "d"]
    assert index.ids.to_list() == ["b", "a"]


def test_an_index_that_needs_no_extension_is_the_same():
    index = Index(["b", "a"], "user")
    assert index.extended(pl.Series(["a"])) is index


def test_equal_ids_make_equal_indexes_with_equal_hashes():
    assert Index(["a", "b"], "user") == Index(["a", "b"], "item")
    assert hash(Index(["a", "b"], "user")) == hash(Index(["a", "b"], "item"))
    assert Index(["a", "b"]) != Index(["b", "a"])
    assert Index(["7"]) != Index([7])
