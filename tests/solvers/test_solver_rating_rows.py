"""The user step of ALS for ratings against its normal equations, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random

from foretaste.solvers import rating_biases, rating_rows, rating_shares


def a_world(seed=0, n_rows=40, n_items=30, n_factors=4):
    rng = np.random.default_rng(seed)
    X = random(n_rows, n_items, 0.2, format="csr", random_state=rng)
    X.data = rng.normal(size=len(X.data))
    X.data[X.indptr[3] : X.indptr[4]] = 0
    X.eliminate_zeros()
    return X, rng.standard_normal((n_items, n_factors)), rng.standard_normal((n_rows, n_factors))


def one_by_one(X, Q, precision, prior):
    solved = []
    for row in range(X.shape[0]):
        mine = slice(X.indptr[row], X.indptr[row + 1])
        items = Q[X.indices[mine]]
        rhs = items.T @ X.data[mine] + precision * prior[row]
        solved.append(np.linalg.solve(items.T @ items + np.diag(precision), rhs))
    return np.array(solved)


@pytest.mark.parametrize("firm", [0.1, 3.0, [0.5, 1.0, 2.0, 40.0]])
def test_rows_solve_their_normal_equations(firm):
    X, Q, prior = a_world()
    each = np.broadcast_to(firm, (4,)).astype(float)
    given = firm if isinstance(firm, float) else each
    np.testing.assert_allclose(rating_rows(X, Q, given, prior=prior), one_by_one(X, Q, each, prior), atol=1e-5)
    np.testing.assert_allclose(rating_rows(X, Q, given), one_by_one(X, Q, each, 0 * prior), atol=1e-5)


def test_each_row_may_be_held_as_firmly_as_is_said_of_it():
    X, Q, prior = a_world()
    firm = np.random.default_rng(5).uniform(0.1, 9, (40, 4))
    found = rating_rows(X, Q, firm, prior=prior)
    for row in range(40):
        alone = rating_rows(X[row], Q, firm[row], prior=prior[row : row + 1])
        np.testing.assert_allclose(found[row], alone[0], atol=1e-6)


def test_the_shares_of_the_entries_add_up_to_what_the_row_scores():
    X, Q, _ = a_world()
    for firm in (0.7, np.array([0.5, 1.0, 2.0, 40.0])):
        for row in (0, 3, 8):
            shares = rating_shares(X[row], Q, firm, Q[7])
            assert len(shares) == X[row].nnz
            assert shares.sum() == pytest.approx(float(rating_rows(X[row], Q, firm)[0] @ Q[7]), abs=1e-5)


def test_a_share_is_what_would_be_lacking_if_the_rating_were_as_expected():
    X, Q, _ = a_world()
    row, expected = X[8].copy(), X[8].copy()
    expected.data[0] = 0
    lacking = (rating_rows(row, Q, 2.0) - rating_rows(expected, Q, 2.0))[0] @ Q[7]
    assert rating_shares(row, Q, 2.0, Q[7])[0] == pytest.approx(float(lacking), abs=1e-5)


def test_without_entries_the_prior_is_all_that_is_known():
    X, Q, prior = a_world(1)
    np.testing.assert_allclose(rating_rows(X, Q, 2.0, prior=prior)[3], prior[3], rtol=1e-6)
    assert not rating_rows(X, Q, 2.0)[3].any()
    assert rating_rows(csr_matrix((3, 30)), Q, 2.0).shape == (3, 4)


def test_a_stored_zero_counts():
    Q = np.ones((2, 1))
    one, two = csr_matrix(np.array([[1.0, 0.0]])), csr_matrix(np.array([[1.0, 1.0]]))
    two.data[1] = 0
    assert rating_rows(one, Q, 1.0)[0, 0] == pytest.approx(1 / 2)
    assert rating_rows(two, Q, 1.0)[0, 0] == pytest.approx(1 / 3)


def test_a_constant_item_factor_gives_damped_means():
    X, _, _ = a_world(2)
    X.data -= X.data.mean()
    found = rating_rows(X, np.ones((30, 1)), 7.0)[:, 0]
    np.testing.assert_allclose(found, rating_biases(X, item_damping=1e12, user_damping=7.0).user, atol=1e-6)


def test_long_and_short_rows_are_solved_in_blocks(monkeypatch):
    X, Q, prior = a_world(3)
    whole = rating_rows(X, Q, 0.7, prior=prior)
    monkeypatch.setattr("foretaste.solvers._als._BLOCK_BYTES", 2000)
    np.testing.assert_allclose(rating_rows(X, Q, 0.7, prior=prior), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"residuals": np.zeros((2, 2))}, r"residuals is a ndarray; expected a scipy.sparse.csr_matrix"),
        ({"item_factors": np.zeros((3, 4))}, r"item_factors has shape \(3, 4\); expected \(30, any\)"),
        ({"precision": 0.0}, r"precision is 0.0; expected a finite number above 0"),
        ({"precision": np.ones(3)}, r"precision has shape \(3,\); expected \(4,\)"),
        ({"precision": np.array([1.0, 1.0, -2.0, 1.0])}, r"precision holds -2; expected numbers above 0"),
        ({"precision": np.ones((3, 4))}, r"precision has shape \(3, 4\); expected \(40, 4\)"),
        ({"prior": np.zeros((40, 3))}, r"prior has shape \(40, 3\); expected \(40, 4\)"),
        ({"prior": np.full((40, 4), np.nan)}, r"prior holds NaN or infinity"),
    ],
)
def test_wrong_arguments_are_named(changed, message):
    X, Q, prior = a_world()
    given = {"residuals": X, "item_factors": Q, "precision": 1.0, "prior": prior} | changed
    with pytest.raises(ValueError, match=message):
        rating_rows(**given)


def test_shares_are_of_one_row_along_a_direction_of_its_space():
    X, Q, _ = a_world()
    with pytest.raises(ValueError, match=r"row has shape \(40, 30\); expected \(1, any\)"):
        rating_shares(X, Q, 1.0, Q[7])
    with pytest.raises(ValueError, match=r"towards has shape \(3,\); expected \(4,\)"):
        rating_shares(X[0], Q, 1.0, Q[7, :3])
