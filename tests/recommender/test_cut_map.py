from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from foretaste.recommender import cut_map


def dense(n: int, m: int, seed: int = 0):
    return np.random.default_rng(seed).normal(size=(n, m)).astype(np.float32)


def test_a_map_under_the_limit_stays_as_it_is():
    found, kept = cut_map(dense(6, 5), 6 * 5 * 4)
    assert (found == dense(6, 5)).all()
    assert kept == 1.0


def test_the_strongest_entries_of_every_column_are_kept():
    whole = dense(40, 10)
    found, kept = cut_map(whole, 10 * 7 * 8)
    assert sparse.issparse(found)
    assert (np.diff(found.tocsc().indptr) == 7).all()
    for column in range(10):
        strongest = np.sort(np.argsort(-np.abs(whole[:, column]))[:7])
        assert found[:, [column]].nonzero()[0].tolist() == strongest.tolist()
    rows, columns = found.nonzero()
    assert (found.toarray()[rows, columns] == whole[rows, columns]).all()
    assert kept == pytest.approx(float((found.toarray() ** 2).sum() / (whole**2).sum()), abs=1e-6)


@pytest.mark.parametrize("limit", [8, 50, 333, 1000, 1599])
def test_data_and_indices_fit_the_limit_and_use_it(limit):
    found, _ = cut_map(dense(40, 10), limit)
    assert found.data.nbytes + found.indices.nbytes == limit // 8 * 8


def test_among_equals_the_upper_row_and_the_left_column_are_kept():
    found, _ = cut_map(np.ones((6, 4), np.float32), 6 * 8)
    assert found.toarray().tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]] + [[0, 0, 0, 0]] * 4


def test_zeros_are_never_stored():
    whole = dense(40, 10)
    whole[:, 3] = 0
    found, _ = cut_map(whole, 800)
    assert (found.data != 0).all()


@pytest.mark.parametrize(("n", "m"), [(60, 40), (900, 700)])
def test_factors_are_the_truncated_svd_of_the_rank_that_fits(n, m):
    whole = dense(n, 8) @ dense(8, m, 1) + 0.1 * dense(n, m, 2)
    (left, right), kept = cut_map(whole, 4 * (n + m) * 5 + 3, form="factors")
    assert (left.shape, right.shape) == ((n, 5), (5, m))
    values = np.linalg.svd(whole.astype(np.float64), compute_uv=False)
    assert kept == pytest.approx(float((values[:5] ** 2).sum() / (values**2).sum()), abs=1e-6)
    lost = ((whole - left @ right) ** 2).sum() / (whole**2).sum()
    assert kept == pytest.approx(1 - float(lost), abs=1e-4)


@pytest.mark.parametrize("form", ["sparse", "factors"])
def test_cutting_twice_gives_the_same_bits(form):
    whole = dense(600, 550)
    one, other = (cut_map(whole, 40_000, form=form)[0] for _ in range(2))
    if form == "sparse":
        assert (one != other).nnz == 0
    else:
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("form", "words"), [("sparse", "at least 8, for one entry"), ("factors", "at least 200")])
def test_a_limit_that_holds_nothing_is_an_error(form, words):
    with pytest.raises(ValueError, match=f"limit_bytes: found 4, expected {words}"):
        cut_map(dense(40, 10), 4, form=form)


def test_a_map_of_zeros_loses_nothing():
    assert cut_map(np.zeros((40, 10), np.float32), 100)[1] == 1.0
