"""Features as matrices: what is alike is near."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from foretaste import FeatureMatrices, Features, Index, feature_matrices


def features(ids: list[str], **columns: object) -> Features:
    kinds = {"title": "text"} if "title" in columns else {}
    index = Index(pl.Series(ids), "item")
    return Features.from_frame(pl.DataFrame({"item_id": ids, **columns}), index, "item_id", kinds, "items")


def cosines(here: Features, there: Features) -> NDArray[np.float32]:
    mine, theirs = feature_matrices([here, there]).matrices
    return (theirs @ mine.T).toarray()


def tokens(made: FeatureMatrices, row: int, table: int = 0) -> set[str]:
    return {made.names[column] for column in made.matrices[table][row].indices}


def test_every_kind_has_its_tokens() -> None:
    table = features(
        ["a", "b"],
        genre=["crime", None],
        tags=["new|cheap", "new|"],
        words=[["x", "y"], []],
        title=["The sea, THE sea", "été"],
        price=[1.0, 2.0],
    )
    made = feature_matrices([table], weighting="ones")
    assert tokens(made, 0) == {
        "genre=crime", "tags=new", "tags=cheap", "words=x", "words=y", "title=the", "title=sea", "price=0",
    }  # fmt: skip
    assert tokens(made, 1) == {"tags=new", "title=été", "price=9"}
    assert set(made.matrices[0].data) == {1}
    assert made.matrices[0].dtype == np.float32


def test_equal_features_have_cosine_one_and_none_in_common_zero() -> None:
    here = features(["a", "b"], genre=["war|drama", "comedy"])
    there = features(["x", "y", "z"], genre=["drama|war", "comedy", None])
    np.testing.assert_allclose(cosines(here, there), [[1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_rare_values_count_more() -> None:
    here = features(["a", "b", "c", "d"], genre=["war|drama", "drama|comedy", "drama", "comedy"])
    cosine = cosines(here, features(["x"], genre=["war|drama|comedy"]))[0]
    assert cosine[0] > cosine[1]


def test_numbers_meet_where_they_are_near_on_the_scale_of_both_tables() -> None:
    here = features([f"a{n}" for n in range(50)], year=list(range(1950, 2000)))
    cosine = cosines(here, features(["x", "y"], year=[1951, 1999]))
    assert cosine[0, 1] == pytest.approx(1)
    assert cosine[1, 49] == pytest.approx(1)
    assert cosine[0, 49] == 0


def test_columns_that_one_table_lacks_are_not_compared() -> None:
    made = feature_matrices([features(["a"], genre=["war"], year=[1]), features(["x"], kind=["war"])])
    assert made.names == ()
    assert [one.shape for one in made.matrices] == [(1, 0), (1, 0)]


def test_a_column_that_is_read_as_numbers_here_and_as_names_there_is_compared_by_name() -> None:
    assert cosines(features(["a"], shelf=[12]), features(["x", "y"], shelf=["12", "13"])).tolist() == [[1], [0]]


def test_lists_of_numbers_and_flags_are_values() -> None:
    table = features(["a", "b"], codes=[[1, 2], None], fresh=[True, False])
    made = feature_matrices([table], weighting="ones")
    assert tokens(made, 0) == {"codes=1", "codes=2", "fresh=true"}


def test_a_column_without_any_value_brings_nothing() -> None:
    empty = pl.Series([None, None], dtype=pl.Float64)
    made = feature_matrices([features(["a", "b"], price=empty, genre=["war", "war"])])
    assert made.names == ("genre=war",)


def test_the_matrices_cannot_be_written_to() -> None:
    (matrix,) = feature_matrices([features(["a"], genre=["war"])]).matrices
    with pytest.raises(ValueError, match="read-only"):
        matrix.data[:] = 2
