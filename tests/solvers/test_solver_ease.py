"""EASE in both forms against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random

from foretaste.solvers import EaseFit, ease, ease_dual, ease_map, ease_memory, gram

SEEDS = st.integers(0, 2**32 - 1)


def interactions(seed, n_users, n_items, density=0.3):
    matrix = random(n_users, n_items, density, format="csr", random_state=np.random.default_rng(seed))
    matrix.data[:] = 1
    return matrix.astype(np.float32)


def by_definition(X, regularization):
    dense = X.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + regularization * np.eye(dense.shape[1]))
    item_map = -inverse / np.diag(inverse)
    np.fill_diagonal(item_map, 0)
    return item_map


def both_forms(X, regularization):
    """The primal fit and the dual one of the same data, whichever ``ease`` would choose."""
    weights = ease_dual(gram(X, rows=True), X, regularization)
    own_weight = np.asarray(X.multiply(weights).sum(axis=0), dtype=np.float32).ravel()
    return EaseFit("primal", ease_map(X, regularization)), EaseFit("dual", weights, X, own_weight)


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, n_users=st.integers(1, 30), n_items=st.integers(1, 30), rows=st.booleans())
def test_gram_equals_the_dense_product(seed, n_users, n_items, rows):
    X = interactions(seed, n_users, n_items)
    dense = X.toarray()
    np.testing.assert_allclose(gram(X, rows=rows), dense @ dense.T if rows else dense.T @ dense)


def test_gram_is_float64_unless_float32_is_asked_for():
    X = interactions(0, 4, 5)
    assert gram(X).dtype == np.float64
    assert gram(X, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("n_items", [7, 600])
def test_the_item_map_follows_the_definition(n_items):
    X = interactions(1, 50, n_items, density=0.05)
    np.testing.assert_allclose(ease_map(X, 3.0), by_definition(X, 3.0), atol=1e-6)


def test_columns_of_the_item_map_come_in_the_order_asked_for():
    X, columns = interactions(2, 20, 9), np.array([7, 0, 3])
    np.testing.assert_array_equal(ease_map(X, 2.0, columns=columns), ease_map(X, 2.0)[:, columns])


@settings(deadline=None, max_examples=40)
@given(
    seed=SEEDS,
    n_users=st.integers(1, 25),
    n_items=st.integers(1, 25),
    regularization=st.floats(0.1, 1000),
)
def test_primal_and_dual_agree_on_rows_old_and_new(seed, n_users, n_items, regularization):
    X = interactions(seed, n_users, n_items)
    primal, dual = both_forms(X, regularization)
    for history in (X, interactions(seed + 1, 6, n_items)):
        np.testing.assert_allclose(dual.scores(history), primal.scores(history), atol=2e-5)
    np.testing.assert_allclose(dual.item_map(), primal.item_map(), atol=1e-5)


def test_dual_weights_score_a_new_row_from_its_kernel_off_its_history():
    X, new = interactions(3, 8, 30), interactions(4, 5, 30)
    weights = ease_dual(gram(X, rows=True), X, 2.0)
    unseen = new.toarray() == 0
    expected = new @ by_definition(X, 2.0)
    np.testing.assert_allclose(((new @ X.T) @ weights)[unseen], expected[unseen], atol=1e-5)


def test_a_second_kernel_is_a_second_domain_stacked_beside_the_first():
    target, source, weight = interactions(5, 12, 20), interactions(6, 12, 15), 0.3
    kernel = gram(target, rows=True) + weight * gram(source, rows=True)
    stacked = csr_matrix(np.hstack([np.sqrt(weight) * source.toarray(), target.toarray()]))
    new = interactions(7, 4, 15)  # known in the source alone
    found = (weight * (new @ source.T)) @ ease_dual(kernel, target, 2.0)
    expected = np.sqrt(weight) * new.toarray() @ by_definition(stacked, 2.0)[:15, 15:]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("shape", "form"), [((5, 9), "dual"), ((9, 5), "primal"), ((5, 5), "primal")])
def test_ease_picks_the_smaller_form(shape, form):
    X = interactions(8, *shape)
    fit = ease(X, 1.5)
    assert fit.form == form
    np.testing.assert_allclose(fit.scores(X), X @ by_definition(X, 1.5), atol=1e-5)
    np.testing.assert_allclose(fit.item_map(), by_definition(X, 1.5), atol=1e-5)


def test_a_repeated_entry_of_a_history_counts_as_its_sum():
    fit = ease(interactions(9, 5, 9), 1.0)
    twice = csr_matrix((np.ones(3), np.array([2, 2, 4]), np.array([0, 3])), shape=(1, 9))
    summed = csr_matrix((np.array([2.0, 1.0]), np.array([2, 4]), np.array([0, 2])), shape=(1, 9))
    np.testing.assert_allclose(fit.scores(twice), fit.scores(summed), atol=1e-6)


def test_arguments_are_left_as_they_were():
    X = interactions(10, 6, 9)
    kernel, before = gram(X, rows=True), X.copy()
    unchanged = kernel.copy()
    ease_dual(kernel, X, 1.0)
    ease(X, 1.0)
    np.testing.assert_array_equal(kernel, unchanged)
    assert (before != X).nnz == 0


def test_memory_is_that_of_the_smaller_side():
    assert ease_memory(1_000, 50_000) < ease_memory(50_000, 50_000) / 10
    assert ease_memory(10_000, 20_000) >= 8 * 10_000**2 + 4 * 10_000 * 20_000


X = interactions(0, 4, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ease(X, 0.0), r"regularization is 0.0; expected a finite number above 0"),
        (lambda: ease(X, float("nan")), "regularization is nan"),
        (lambda: ease(X.toarray(), 1.0), "X is a ndarray; expected a scipy.sparse.csr_matrix"),
        (lambda: ease(csr_matrix([[np.nan]]), 1.0), "X holds NaN or infinity; expected finite numbers"),
        (lambda: ease(X, 1.0).scores(X[:, :5]), r"history has shape \(4, 5\); expected \(any, 6\)"),
        (lambda: ease_map(X, 1.0, columns=np.array([6])), "columns has a value that is no item; .* 0 to 5"),
        (lambda: ease_dual(np.eye(3), X, 1.0), r"K has shape \(3, 3\); expected \(4, 4\)"),
        (lambda: ease_dual(-9 * np.eye(4), X, 1.0), "K plus the regularization is not positive definite"),
        (lambda: ease_dual(np.zeros((4, 4)), X, 0.5), r"K is smaller than X @ X.T"),
        (lambda: ease_memory(0, 3), "n_users is 0; expected a whole number of at least 1"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
