"""The user step of ALS against implicit's own and against its objective."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random
from threadpoolctl import threadpool_limits

from foretaste.solvers import als_rows, als_shares
from foretaste.solvers._als import _blocks_of_similar_length


def a_world(seed=0, n_rows=40, n_items=30, n_factors=5):
    rng = np.random.default_rng(seed)
    X = random(n_rows, n_items, 0.2, format="csr", random_state=rng).astype(np.float32)
    X.data = rng.integers(1, 6, len(X.data)).astype(np.float32)
    X.data[X.indptr[3] : X.indptr[4]] = 0
    X.eliminate_zeros()
    return X, rng.standard_normal((n_items, n_factors)).astype(np.float32)


def one_by_one(X, Q, regularization, alpha, prior=None, precision=0.0):
    """Each row's normal equations over all items, weights and all."""
    prior = np.zeros((X.shape[0], Q.shape[1])) if prior is None else prior
    solved = []
    for values, mean in zip(X.toarray() * alpha, prior, strict=True):
        weight = np.where(values == 0, 1, np.abs(values))
        lhs = (Q.T * weight) @ Q + (regularization + precision) * np.eye(Q.shape[1])
        solved.append(np.linalg.solve(lhs, Q.T @ np.maximum(values, 0) + precision * mean))
    return np.array(solved)


@pytest.mark.parametrize("alpha", [1.0, 0.3, 12.0])
@pytest.mark.parametrize("negative", [False, True])
def test_folding_in_equals_implicit(alpha, negative):
    als = pytest.importorskip("implicit.cpu.als")
    X, Q = a_world()
    if negative:
        X.data[::4] *= -1
    with threadpool_limits(1, "blas"):
        model = als.AlternatingLeastSquares(factors=5, regularization=0.7, alpha=alpha)
        model.item_factors = Q
        expected = model.recalculate_user(np.arange(X.shape[0]), X)
    np.testing.assert_allclose(als_rows(X, Q, 0.7, alpha=alpha), expected, atol=1e-3)


def test_folding_in_the_training_rows_of_a_fitted_model_equals_implicit():
    als = pytest.importorskip("implicit.cpu.als")
    X, _ = a_world(1)
    with threadpool_limits(1, "blas"):
        model = als.AlternatingLeastSquares(factors=4, regularization=0.1, alpha=2.0, random_state=0)
        model.fit(X, show_progress=False)
        expected = model.recalculate_user(np.arange(X.shape[0]), X)
    np.testing.assert_allclose(als_rows(X, model.item_factors, 0.1, alpha=2.0), expected, atol=1e-3)


def test_rows_solve_their_normal_equations():
    X, Q = a_world(2)
    filled = np.diff(X.indptr) > 0
    np.testing.assert_allclose(als_rows(X, Q, 0.5, alpha=3.0)[filled], one_by_one(X, Q, 0.5, 3.0)[filled], atol=1e-5)


def test_a_prior_pulls_every_row_by_its_precision():
    X, Q = a_world(3)
    prior = np.random.default_rng(4).standard_normal((X.shape[0], Q.shape[1])).astype(np.float32)
    filled = np.diff(X.indptr) > 0
    found = als_rows(X, Q, 0.5, alpha=3.0, prior=prior, prior_precision=7.0)
    np.testing.assert_allclose(found[filled], one_by_one(X, Q, 0.5, 3.0, prior, 7.0)[filled], atol=1e-5)


def test_entries_that_weigh_what_all_others_weigh_are_solved_alike():
    X, Q = a_world(6)
    X.data[:] = np.where(np.arange(len(X.data)) % 3, 0.5, -0.5)
    prior = np.random.default_rng(7).standard_normal((X.shape[0], Q.shape[1])).astype(np.float32)
    found = als_rows(X, Q, 0.5, alpha=2.0, prior=prior, prior_precision=3.0)
    filled = np.diff(X.indptr) > 0
    np.testing.assert_allclose(found[filled], one_by_one(X, Q, 0.5, 2.0, prior, 3.0)[filled], atol=1e-5)
    assert (found[~filled] == prior[~filled]).all()


def test_a_row_without_entries_gets_zeros_or_its_prior():
    X, Q = a_world(5)
    prior = np.ones((X.shape[0], Q.shape[1]), dtype=np.float32)
    assert (als_rows(X, Q, 1.0)[3] == 0).all()
    assert (als_rows(X, Q, 1.0, prior=prior, prior_precision=2.0)[3] == 1).all()


def test_no_rows_give_no_rows():
    _, Q = a_world()
    assert als_rows(csr_matrix((0, 30)), Q, 1.0).shape == (0, 5)


def test_blocks_cover_every_row_with_entries_once_and_fit_the_memory():
    lengths = np.random.default_rng(0).geometric(0.001, 20_000) - 1
    blocks = _blocks_of_similar_length(lengths, 32)
    np.testing.assert_array_equal(np.sort(np.concatenate(blocks)), np.flatnonzero(lengths))
    assert len(blocks) > 1
    assert all(16 * 32 * len(rows) * (lengths[rows].max() + 32) <= 64 * 2**20 for rows in blocks)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"regularization": -1.0}, "regularization is -1.0; expected a finite number above 0"),
        ({"alpha": 0.0}, "alpha is 0.0; expected a finite number above 0"),
        ({"item_factors": np.ones((3, 5))}, r"item_factors has shape \(3, 5\); expected \(30, any\)"),
        ({"prior": np.ones((40, 5))}, "prior and prior_precision go together"),
        ({"prior": np.ones((4, 5)), "prior_precision": 1.0}, r"prior has shape \(4, 5\); expected \(40, 5\)"),
        ({"prior": np.ones((40, 5)), "prior_precision": 0.0}, "prior_precision is 0.0"),
        ({"prior": np.full((40, 5), np.nan), "prior_precision": 1.0}, "prior holds NaN"),
    ],
)
def test_a_wrong_argument_is_named(wrong, message):
    X, Q = a_world()
    with pytest.raises(ValueError, match=message):
        als_rows(**{"X": X, "item_factors": Q, "regularization": 1.0} | wrong)


@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_the_shares_of_a_rows_entries_add_up_to_its_score(alpha):
    X, Q = a_world(8)
    X.data[::4] *= -1
    people = als_rows(X, Q, 0.5, alpha=alpha)
    for row in range(X.shape[0]):
        shares = als_shares(X[row], Q, 0.5, Q[7], alpha=alpha)
        assert shares.shape == X[row].data.shape
        assert (shares[X[row].data < 0] == 0).all()
        assert shares.sum() == pytest.approx(people[row] @ Q[7], abs=1e-5)


def test_shares_are_asked_of_one_row():
    X, Q = a_world(8)
    with pytest.raises(ValueError, match=r"^row has shape \(40, 30\); expected \(1, any\)\.$"):
        als_shares(X, Q, 0.5, Q[7])
    with pytest.raises(ValueError, match=r"^towards has shape \(4,\); expected \(5,\)\.$"):
        als_shares(X[0], Q, 0.5, Q[7, :4])


def test_each_row_may_have_a_regularization_of_its_own():
    X, Q = a_world()
    each = np.linspace(0.5, 5, X.shape[0])
    found = als_rows(X, Q, each, alpha=2.0)
    for row, regularization in enumerate(each):
        np.testing.assert_allclose(found[row], als_rows(X[row], Q, float(regularization), alpha=2.0)[0], atol=1e-5)
    alike = X.sign()
    np.testing.assert_allclose(als_rows(alike, Q, np.full(len(each), 3.0)), als_rows(alike, Q, 3.0), atol=1e-6)
    with pytest.raises(ValueError, match="regularization holds 0; expected numbers above 0"):
        als_rows(X, Q, np.zeros(X.shape[0]))
    with pytest.raises(ValueError, match=r"regularization has shape \(3,\); expected \(40,\)"):
        als_rows(X, Q, np.ones(3))


def test_each_row_may_have_a_prior_precision_of_its_own():
    X, Q = a_world()
    prior = np.random.default_rng(9).standard_normal((X.shape[0], Q.shape[1])).astype(np.float32)
    each = np.linspace(0.5, 5, X.shape[0])
    for rows, alpha in ((X, 2.0), (X.sign(), 1.0)):
        found = als_rows(rows, Q, 1.0, alpha=alpha, prior=prior, prior_precision=each)
        for row, precision in enumerate(each):
            one = als_rows(rows[row], Q, 1.0, alpha=alpha, prior=prior[row : row + 1], prior_precision=float(precision))
            np.testing.assert_allclose(found[row], one[0], atol=1e-5)


def test_a_row_whose_prior_has_no_precision_has_no_prior():
    X, Q = a_world()
    prior = np.ones((X.shape[0], Q.shape[1]), np.float32)
    none = als_rows(X, Q, 1.0, alpha=2.0, prior=prior, prior_precision=np.zeros(X.shape[0]))
    np.testing.assert_allclose(none, als_rows(X, Q, 1.0, alpha=2.0), atol=1e-6)
    assert (none[3] == 0).all()


def test_precisions_of_rows_are_checked():
    X, Q = a_world()
    prior = np.ones((X.shape[0], Q.shape[1]), np.float32)
    with pytest.raises(ValueError, match=r"prior_precision holds -1; expected numbers of 0 or more\."):
        als_rows(X, Q, 1.0, prior=prior, prior_precision=np.full(X.shape[0], -1.0))
    with pytest.raises(ValueError, match=r"prior_precision has shape \(3,\); expected \(40,\)"):
        als_rows(X, Q, 1.0, prior=prior, prior_precision=np.ones(3))
