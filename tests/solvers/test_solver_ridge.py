"""Ridge maps and kernel ridge against refitting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random

from foretaste.solvers import kernel_ridge, weighted_ridge


def a_map(seed=0, n_rows=30):
    rng = np.random.default_rng(seed)
    X, matrix = rng.standard_normal((n_rows, 4)), rng.standard_normal((4, 3))
    return X, X @ matrix + np.array([5.0, -2.0, 1.0]), matrix


def a_kernel(seed, n_rows=12):
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n_rows, 6))
    targets = random(n_rows, 9, 0.4, format="csr", random_state=rng)
    return source @ source.T, targets


def test_a_linear_map_is_recovered_with_its_intercept():
    X, Y, matrix = a_map()
    found, intercept = weighted_ridge(X, Y, 1e-8)
    assert found.dtype == intercept.dtype == np.float32
    np.testing.assert_allclose(found, matrix, atol=1e-5)
    np.testing.assert_allclose(intercept, [5, -2, 1], atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_a_whole_weight_is_a_row_repeated(seed, counts):
    X, Y, _ = a_map(seed)
    Y = Y + np.random.default_rng(seed).standard_normal(Y.shape)
    weights = np.array([*counts[:-1], 1])
    repeated = np.repeat(np.arange(30), weights)
    found = weighted_ridge(X, Y, 2.0, weights=weights)
    expected = weighted_ridge(X[repeated], Y[repeated], 2.0)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_strong_regularization_leads_to_toward_and_the_means():
    X, Y, _ = a_map()
    toward = np.arange(12.0).reshape(4, 3)
    found, intercept = weighted_ridge(X, Y, 1e9, toward=toward)
    np.testing.assert_allclose(found, toward, atol=1e-4)
    np.testing.assert_allclose(intercept, Y.mean(axis=0) - X.mean(axis=0) @ toward, atol=1e-4)


def test_pulling_toward_the_solution_changes_nothing():
    X, Y, matrix = a_map()
    found, _ = weighted_ridge(X, Y, 50.0, toward=matrix)
    np.testing.assert_allclose(found, matrix, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), regularization=st.floats(0.1, 100), sparse=st.booleans())
def test_leaving_one_out_equals_fitting_without_that_row(seed, regularization, sparse):
    K, targets = a_kernel(seed)
    fit = kernel_ridge(K, targets if sparse else targets.toarray(), regularization)
    found = fit.leave_one_out()
    for row in range(len(K)):
        others = np.arange(len(K)) != row
        refit = kernel_ridge(K[np.ix_(others, others)], targets.toarray()[others], regularization)
        np.testing.assert_allclose(found[row], K[row, others] @ refit.coefficients, atol=1e-3)


def test_coefficients_solve_the_shifted_kernel():
    K, targets = a_kernel(1)
    fit = kernel_ridge(K, targets, 2.0)
    assert fit.coefficients.dtype == np.float32
    np.testing.assert_allclose((K + 2 * np.eye(12)) @ fit.coefficients, targets.toarray(), atol=1e-5)
    np.testing.assert_allclose(fit.inverse_diagonal, np.diag(np.linalg.inv(K + 2 * np.eye(12))))


def test_arguments_are_left_as_they_were():
    K, targets = a_kernel(2)
    unchanged, dense = K.copy(), targets.toarray()
    kernel_ridge(K, targets, 1.0).leave_one_out()
    np.testing.assert_array_equal(K, unchanged)
    np.testing.assert_array_equal(targets.toarray(), dense)


X, Y, _ = a_map()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weighted_ridge(X, Y, 0.0), "regularization is 0.0; expected a finite number above 0"),
        (lambda: weighted_ridge(X, Y[1:], 1.0), r"Y has shape \(29, 3\); expected \(30, any\)"),
        (lambda: weighted_ridge(X[:0], Y[:0], 1.0), "X has no rows; expected at least one"),
        (lambda: weighted_ridge(X * np.nan, Y, 1.0), "X holds NaN or infinity"),
        (lambda: weighted_ridge(X, Y, 1.0, weights=-np.ones(30)), "weights holds negative numbers"),
        (lambda: weighted_ridge(X, Y, 1.0, weights=np.zeros(30)), "weights holds .* nothing but zeros"),
        (lambda: weighted_ridge(X, Y, 1.0, weights=np.ones(3)), r"weights has shape \(3,\); expected \(30,\)"),
        (lambda: weighted_ridge(X, Y, 1.0, toward=Y), r"toward has shape \(30, 3\); expected \(4, 3\)"),
        (lambda: kernel_ridge(X, Y, 1.0), r"K has shape \(30, 4\); expected \(30, 30\)"),
        (lambda: kernel_ridge(np.eye(30), csr_matrix((3, 2)), 1.0), r"Y has shape \(3, 2\); expected \(30, any\)"),
        (lambda: kernel_ridge(-5 * np.eye(30), Y, 1.0), "K plus the regularization is not positive definite"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
