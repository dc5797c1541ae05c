"""Two views of what people did: preference and ratings; and nothing of it can be written to."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from foretaste.data import Domain, Index, Interactions

WEIGHTS = [5.0, 4.0, 1.0, 0.0]
FRAME = pl.DataFrame({"user_id": ["a", "a", "b", "b"], "item_id": [1, 2, 1, 2], "weight": WEIGHTS})


def rows_of(**options):
    return Domain.from_frame(FRAME, **options).interactions


def test_explicit_rows_are_preferred_from_a_rating_of_four():
    rows = rows_of(feedback="explicit")
    assert rows.preferred.tolist() == [True, True, False, False]
    assert rows.preference.toarray().tolist() == [[1, 1], [0, 0]]


def test_the_threshold_can_be_moved():
    assert rows_of(feedback="explicit", positive={"min": 5}).preference.toarray().tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [("binary", [1, 1, 1]), ("log1p", np.log1p([5, 4, 1])), ("raw", [5, 4, 1])],
)
def test_implicit_rows_above_zero_are_preferred_and_weighted(weighting, expected):
    preference = rows_of(weighting=weighting).preference
    assert preference.dtype == np.float32
    assert preference.nnz == 3
    assert preference.data == pytest.approx(np.asarray(expected, np.float32))


def test_ratings_hold_values_as_given_and_an_explicit_zero():
    ratings = rows_of(feedback="explicit").ratings
    assert ratings.toarray().tolist() == [[5, 4], [1, 0]]
    assert ratings.nnz == 4


def test_implicit_feedback_has_no_ratings():
    with pytest.raises(ValueError, match=r"^implicit feedback has no ratings$"):
        _ = rows_of().ratings


@pytest.mark.parametrize("feedback", ["explicit", "implicit"])
def test_disliked_rows_and_rows_of_weight_zero_are_seen(feedback):
    rows = rows_of(feedback=feedback)
    assert rows.seen.toarray().tolist() == [[1, 1], [1, 1]]
    assert rows.history.tolist() == [2, 2]
    assert rows.popularity_of_rows.tolist() == [2, 2]


def test_popularity_counts_only_people_who_preferred():
    assert rows_of(feedback="explicit").popularity.tolist() == [1, 1]
    assert rows_of().popularity.tolist() == [2, 1]


@pytest.mark.parametrize(("name", "kind"), [("rating", "explicit"), ("Stars", "explicit"), ("weight", "implicit")])
def test_a_column_of_ratings_makes_feedback_explicit(name, kind):
    assert Domain.from_frame(FRAME.rename({"weight": name})).interactions.feedback.kind == kind


@pytest.mark.parametrize(
    "name",
    ["user_rows", "item_rows", "values", "times", "splits", "preferred", "popularity", "popularity_of_rows", "history"],
)
def test_arrays_cannot_be_written_to(name):
    frame = FRAME.with_columns(timestamp=pl.lit(1), split=pl.lit("train"))
    array = getattr(Domain.from_frame(frame).interactions, name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = array[1]


def test_arrays_of_a_host_stay_its_own():
    rows = rows_of()
    given = [array.copy() for array in (rows.user_rows, rows.item_rows, rows.values)]
    made = Interactions(rows.users, rows.items, *given, feedback=rows.feedback)
    assert all(array.flags.writeable for array in given)
    for array in given:
        array[:] = 0
    assert made.fingerprint == rows.fingerprint


def test_arrays_that_nobody_can_write_to_are_shared():
    rows = rows_of()
    assert dataclasses.replace(rows).values is rows.values


def test_seen_items_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        rows_of().seen.data[0] = 7


def test_fields_cannot_be_set():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows_of().values = None


def test_taken_rows_keep_the_indexes():
    rows = rows_of()
    taken = rows.take(np.array([True, False, False, True]))
    assert taken.shape == rows.shape == (2, 2)
    assert taken.values.tolist() == [5.0, 0.0]
    assert taken.seen.toarray().tolist() == [[1, 0], [0, 1]]


def test_rows_over_more_people_are_the_same_rows():
    rows = rows_of().for_users(Index(["a", "b", "c"], "user"))
    assert rows.shape == (3, 2)
    assert rows.history.tolist() == [2, 2, 0]


def test_equal_tables_have_equal_fingerprints():
    assert rows_of().fingerprint == rows_of().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": ["a", "a", "c", "c"]},
        {"item_id": [1, 2, 1, 3]},
        {"weight": [5.0, 4.0, 1.0, 0.5]},
        {"timestamp": [1, 2, 3, 4]},
        {"split": ["train", "train", "train", "test"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_other_table_has_another_fingerprint(change):
    first = FRAME.with_columns(split=pl.Series(["train"] * 4))
    second = first.with_columns(**{name: pl.Series(values) for name, values in change.items()})
    assert Domain.from_frame(first).interactions.fingerprint != Domain.from_frame(second).interactions.fingerprint


def test_another_reading_of_the_same_table_has_another_fingerprint():
    assert rows_of(weighting="raw").fingerprint != rows_of().fingerprint
