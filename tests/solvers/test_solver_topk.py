"""top_k and top_k_dot against sorting whole rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random
from threadpoolctl import threadpool_info

from foretaste.solvers import top_k, top_k_dot


def by_sorting(scores, k, exclude=None, allow=None):
    """The k best of each row the plain way: a stable sort of everything."""
    scores = scores.astype(np.float32).copy()
    if exclude is not None:
        scores[np.repeat(np.arange(len(scores)), np.diff(exclude.indptr)), exclude.indices] = -np.inf
    if allow is not None:
        scores[:, ~allow] = -np.inf
    columns = np.full((len(scores), k), -1)
    best = np.full((len(scores), k), -np.inf, dtype=np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    columns[:, : order.shape[1]] = order
    best[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    columns[best == -np.inf] = -1
    return columns, best


def filler(scores):
    def block_scores(start, stop, out):
        assert out.flags.c_contiguous
        out[:] = scores[start:stop]

    return block_scores


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def a_world(seed, n_rows, n_columns, levels):
    """Small whole numbers, so that sums are exact and ties are many."""
    rng = np.random.default_rng(seed)
    left = rng.integers(-levels, levels + 1, (n_rows, 3)).astype(np.float32)
    right = rng.integers(-levels, levels + 1, (n_columns, 3)).astype(np.float32)
    exclude = random(n_rows, n_columns, 0.3, format="csr", random_state=rng)
    return left, right, exclude, rng.random(n_columns) < 0.7


WORLDS = {
    "seed": st.integers(0, 2**32 - 1),
    "n_rows": st.integers(1, 70),  # both sides of where top_k_dot reorders the columns
    "n_columns": st.integers(1, 300),
    "k": st.integers(1, 30),
    "levels": st.sampled_from([0, 1, 20]),
    "excludes": st.booleans(),
    "allows": st.booleans(),
}


@settings(deadline=None, max_examples=60)
@given(block_rows=st.integers(1, 80), **WORLDS)
def test_top_k_equals_sorting_whole_rows(seed, n_rows, n_columns, k, levels, excludes, allows, block_rows):
    left, right, exclude, allow = a_world(seed, n_rows, n_columns, levels)
    chosen = {"exclude": exclude if excludes else None, "allow": allow if allows else None}
    scores = left @ right.T
    found = top_k(filler(scores), n_rows, n_columns, k, block_rows=block_rows, **chosen)
    assert_equal(found, by_sorting(scores, k, **chosen))


@settings(deadline=None, max_examples=60)
@given(has_bias=st.booleans(), **WORLDS)
def test_top_k_dot_equals_sorting_whole_rows(seed, n_rows, n_columns, k, levels, excludes, allows, has_bias):
    left, right, exclude, allow = a_world(seed, n_rows, n_columns, levels)
    chosen = {"exclude": exclude if excludes else None, "allow": allow if allows else None}
    bias = np.arange(n_columns, dtype=np.float32) % 3 if has_bias else None
    found = top_k_dot(left, right, k, bias=bias, **chosen)
    scores = left @ right.T + (0 if bias is None else bias)
    assert_equal(found, by_sorting(scores, k, **chosen))


@pytest.mark.parametrize("k", [1, 10, 200])
def test_distinct_scores_of_a_wide_row_come_in_falling_order(k):
    rng = np.random.default_rng(0)
    scores = np.stack([rng.permutation(5_003) for _ in range(40)]).astype(np.float32)
    columns, best = top_k(filler(scores), 40, 5_003, k)
    np.testing.assert_array_equal(best, np.tile(np.arange(5_002, 5_002 - k, -1), (40, 1)))
    np.testing.assert_array_equal(np.take_along_axis(scores, columns, axis=1), best)


def test_equal_scores_come_by_rising_column():
    columns, _ = top_k_dot(np.zeros((50, 2)), np.ones((1_000, 2)), 5)
    np.testing.assert_array_equal(columns, np.tile(np.arange(5), (50, 1)))


def test_results_have_the_promised_dtypes():
    columns, scores = top_k_dot(np.ones((3, 2)), np.ones((4, 2)), 2)
    assert (columns.dtype, scores.dtype) == (np.int64, np.float32)


def test_a_row_with_too_few_candidates_ends_in_minus_one_and_minus_infinity():
    exclude = csr_matrix(np.array([[1, 1, 0], [0, 0, 0]]))
    columns, scores = top_k_dot(np.ones((2, 1)), np.ones((3, 1)), 4, exclude=exclude)
    np.testing.assert_array_equal(columns, [[2, -1, -1, -1], [0, 1, 2, -1]])
    np.testing.assert_array_equal(scores[:, 1:], [[-np.inf] * 3, [1, 1, -np.inf]])


def test_a_stored_zero_of_exclude_is_left_out_too():
    exclude = csr_matrix((np.zeros(1), ([0], [1])), shape=(1, 3))
    columns, _ = top_k_dot(np.ones((1, 1)), np.array([[1.0], [3.0], [2.0]]), 1, exclude=exclude)
    assert columns[0, 0] == 2


def test_nothing_allowed_gives_nothing():
    columns, _ = top_k_dot(np.ones((40, 1)), np.ones((3, 1)), 2, allow=np.zeros(3, dtype=bool))
    assert (columns == -1).all()


def test_no_rows_give_no_rows():
    columns, scores = top_k_dot(np.ones((0, 2)), np.ones((5, 2)), 3)
    assert columns.shape == scores.shape == (0, 3)


@pytest.mark.parametrize("n_columns", [5, 1_000])
def test_a_nan_score_is_an_error(n_columns):
    scores = np.zeros((3, n_columns))
    scores[1, -1] = np.nan
    with pytest.raises(ValueError, match="scores hold NaN"):
        top_k(filler(scores), 3, n_columns, 2)


def test_threads_agree_and_leave_the_thread_settings_alone():
    left, right, exclude, _ = a_world(0, 100, 500, 20)
    before = threadpool_info()
    expected = top_k_dot(left, right, 10, exclude=exclude)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(top_k_dot, left, right, 10, exclude=exclude) for _ in range(16)]
    for job in jobs:
        assert_equal(job.result(), expected)
    assert threadpool_info() == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "k is 0; expected a whole number of at least 1"),
        ({"right": np.ones((4, 3))}, r"right has shape \(4, 3\); expected \(any, 2\)"),
        ({"left": [[1, 2]]}, "left is a list; expected a numpy array"),
        ({"bias": np.ones(3)}, r"bias has shape \(3,\); expected \(4,\)"),
        ({"allow": np.ones(4)}, "allow has dtype float64; expected bool"),
        ({"exclude": csr_matrix((2, 5))}, r"exclude has shape \(2, 5\); expected \(2, 4\)"),
        ({"exclude": csr_matrix((2, 4)).tocsc()}, "exclude is a csc matrix; expected a scipy.sparse.csr_matrix"),
    ],
)
def test_a_wrong_argument_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        top_k_dot(**{"left": np.ones((2, 2)), "right": np.ones((4, 2)), "k": 1} | wrong)
