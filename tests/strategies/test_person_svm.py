"""One person's machine: what each way of transfer minimises, rows left out, and what is taken over of a source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

pytest.importorskip("sklearn")

from foretaste_linear._person_svm import (
    Array,
    augmented,
    left_out,
    machine,
    projective,
    pulled,
    target_only,
    usual_gamma,
    warm_started,
)

D = 6


def task(n: int, *, related: bool = True, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return n judged rows, noise among them, and source weights that point the same way, or anywhere."""
    rng = np.random.default_rng([seed, n])
    X, truth = rng.normal(size=(n, D)), rng.normal(size=D)
    y = np.where(X @ truth + rng.normal(size=n) > 0, 1.0, -1.0)
    return X, y, truth if related else rng.normal(size=D)


def least(objective: Callable[[Array], float], width: int) -> Array:
    return np.asarray(minimize(objective, np.zeros(width), tol=1e-12).x)


def loss(X: Array, y: Array, w: Array, counts: Array) -> float:
    return float(counts @ np.maximum(1 - y * (X @ w), 0) ** 2) / 2


def test_the_target_alone_is_scikit_learns_classifier() -> None:
    from sklearn.svm import LinearSVC

    X, y, _ = task(40)
    size = np.square(X).sum(axis=1).mean()
    reference = LinearSVC(C=0.5 / (0.1 * size), fit_intercept=False, tol=1e-8, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(target_only(X, y, strengths=(0.1,)).weights, reference.coef_[0], atol=1e-3)


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_what_is_pulled_is_the_distance_to_the_source(gamma: float) -> None:
    X, y, source = task(25)
    counts = np.linspace(0.5, 2, 25)
    size = float(counts @ np.square(X).sum(axis=1)) / 25
    found = pulled(X, y, source, counts, strengths=(0.3,), gammas=(gamma,))
    expected = least(lambda w: 0.3 * size / 2 * float(np.square(w - gamma * source).sum()) + loss(X, y, w, counts), D)
    np.testing.assert_allclose(found.weights, expected, atol=2e-3)
    assert found.gamma == gamma


def test_a_source_that_is_classified_by_already_stays_as_it_is() -> None:
    X, _, source = task(30)
    y = np.where(X @ source > 0, 1.0, -1.0)
    found = pulled(X, y, 100 * source, strengths=(1.0,), gammas=(0.0, 1.0))
    np.testing.assert_allclose(found.weights, 100 * source, atol=0.05)


def test_by_the_projective_penalty_only_the_direction_of_the_source_is_cheap() -> None:
    X, y, source = task(25)
    found = projective(X, y, source, strengths=(0.3,), firm=(10.0,))
    unit = source / np.linalg.norm(source)
    X_turned = X @ (np.outer(unit, unit) + (np.eye(D) - np.outer(unit, unit)) / np.sqrt(11))
    strength = 0.3 * float(np.square(X_turned).sum(axis=1).mean())

    def objective(w: Array) -> float:
        across = w - (w @ unit) * unit
        return strength / 2 * float(w @ w + 10 * across @ across) + loss(X, y, w, np.ones(25))

    np.testing.assert_allclose(found.weights, least(objective, D), atol=2e-3)
    assert projective(X, y, 7 * source, strengths=(0.3,), firm=(10.0,)).weights == pytest.approx(found.weights)


def test_by_the_projective_penalty_nobody_is_turned_against_the_source() -> None:
    X, y, source = task(40)
    found = projective(X, y, -source, strengths=(0.3,), firm=(10.0,))
    assert abs(found.weights @ source) < 1e-6
    assert found.weights.any()


def test_augmented_is_one_machine_over_what_is_common_and_what_is_own() -> None:
    X, y, _ = task(20)
    X_there, y_there, _ = task(50, seed=1)
    found = augmented(X, y, X_there, y_there, strengths=(0.3,))
    counts = np.concatenate([np.ones(20), np.full(50, 20 / 50)])
    both = np.vstack([np.hstack([X, 0 * X, X]), np.hstack([X_there, X_there, 0 * X_there])])
    size = float(counts @ np.square(both).sum(axis=1)) / 70

    def objective(w: Array) -> float:
        return 0.3 * size / 2 * float(w @ w) + loss(both, np.concatenate([y, y_there]), w, counts)

    whole = least(objective, 3 * D)
    np.testing.assert_allclose(found.weights, whole[:D] + whole[2 * D :], atol=2e-3)


@pytest.mark.parametrize("n", [5, 60])  # fewer rows than features, and more
def test_rows_are_left_out_nearly_as_if_fitted_without_them(n: int) -> None:
    X, y, source = task(n, seed=3)
    offset, counts = 0.5 * X @ source, np.linspace(0.5, 1.5, n)
    said = left_out(X, y, offset, counts, 2.0, machine(X, y, offset, counts, 2.0))
    for row in range(n):
        rest = np.arange(n) != row
        without = machine(X[rest], y[rest], offset[rest], counts[rest], 2.0)
        assert said[row] == pytest.approx(float(y[row] * (X[row] @ without + offset[row])), abs=0.15)


def test_a_related_source_is_taken_over_and_an_unrelated_one_is_not() -> None:
    for related, least_share, most_share in ((True, 0.7, 1.0), (False, 0.0, 0.2)):
        taken = [pulled(*task(12, related=related, seed=seed)).gamma > 0 for seed in range(20)]
        assert least_share <= np.mean(taken) <= most_share


def test_the_usual_gamma_is_left_for_one_that_is_better_by_a_tenth_only() -> None:
    X, y, source = task(12)
    assert pulled(X, y, source, gammas=(0.0, 1.0), usual=0.0).gamma == 1.0
    X, y, source = task(12, related=False)
    assert pulled(X, y, 1e-6 * source, gammas=(0.0, 1.0), usual=1.0).gamma == 1.0
    assert pulled(X, y, 10 * source, gammas=(0.0, 1.0), usual=1.0).gamma == 0.0


def test_what_is_usual_is_better_for_many_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    losses = np.stack([np.full(200, 0.7), 0.7 + rng.normal(0, 0.1, 200)], axis=1)
    losses[:, 1] -= losses[:, 1].mean() - 0.699
    assert usual_gamma(losses, (0.0, 1.0)) == 0.0
    assert usual_gamma(losses - [0, 0.03], (0.0, 1.0)) == 1.0
    assert usual_gamma(losses[:1] - [0, 0.5], (0.0, 1.0)) == 0.0  # one person is no evidence


def test_a_warm_start_leaves_the_source_as_it_was() -> None:
    X, y, source = task(30)
    before = source.copy()
    assert warm_started(X, y, source).weights != pytest.approx(source)
    np.testing.assert_array_equal(source, before)


def test_a_warm_start_is_worth_less_with_every_epoch() -> None:
    X, y, source = task(60, related=False)
    wrong = [np.corrcoef(warm_started(X, y, 10 * source, epochs=epochs).weights, source)[0, 1] for epochs in (1, 50)]
    assert wrong[0] > wrong[1]


def test_rows_of_one_kind_only_do_not_move_a_warm_start() -> None:
    X, _, source = task(5)
    np.testing.assert_array_equal(warm_started(X, np.ones(5), source).weights, source)
