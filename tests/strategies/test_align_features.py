import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import Features, Index
from foretaste_align._features import feature_vectors, nearest


def features(ids: list[str], **columns: list[object]) -> Features:
    index = Index(pl.Series(ids), "item")
    return Features.from_frame(pl.DataFrame({"item_id": ids, **columns}), index, "item_id", {}, "items")


def test_equal_features_have_cosine_one_and_none_in_common_zero() -> None:
    here = features(["a", "b"], genre=["war|drama", "comedy"])
    there = features(["x", "y", "z"], genre=["drama|war", "comedy", None])
    mine, theirs = feature_vectors(here, there)
    np.testing.assert_allclose((theirs @ mine.T).toarray(), [[1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_rare_values_count_more() -> None:
    here = features(["a", "b", "c", "d"], genre=["war|drama", "drama|comedy", "drama", "comedy"])
    there = features(["x"], genre=["war|drama|comedy"])
    mine, theirs = feature_vectors(here, there)
    cosine = (theirs @ mine.T).toarray()[0]
    assert cosine[0] > cosine[1]


def test_numbers_meet_where_they_are_near() -> None:
    here = features([f"a{n}" for n in range(50)], year=list(range(1950, 2000)))
    there = features(["x", "y"], year=[1951, 1999])
    mine, theirs = feature_vectors(here, there)
    cosine = (theirs @ mine.T).toarray()
    assert cosine[0, 1] == pytest.approx(1)
    assert cosine[1, 49] == pytest.approx(1)
    assert cosine[0, 49] == 0


def test_columns_of_different_names_are_not_compared() -> None:
    mine, theirs = feature_vectors(features(["a"], genre=["war"]), features(["x"], kind=["war"]))
    assert mine.shape == (1, 0)
    assert theirs.shape == (1, 0)


@pytest.mark.parametrize("neighbours", [1, 2, 9])
def test_the_nearest_are_the_largest_cosines_above_the_threshold(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    cosines = rng.random((5, 7)).astype(np.float32)
    found = nearest(sparse.csr_matrix(cosines.T), sparse.identity(5, np.float32, format="csr"), neighbours, 0.3)
    for row, mine in zip(cosines, found.toarray(), strict=True):
        expected = sorted((value for value in row if value >= 0.3), reverse=True)[:neighbours]
        np.testing.assert_allclose(sorted(mine[mine > 0], reverse=True), expected)
