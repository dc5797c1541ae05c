from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Context
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, newcomer_lift, taste_world, unrelated_world
from foretaste_align import Procrustes
from foretaste_align._lesson import Lesson

SMALL = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
TURN = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
WEIGHTS = RNG.uniform(0.1, 1, 200)


class TestProcrustes(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Procrustes
    params: ClassVar[dict[str, float]] = SMALL


class TestRotation(TestProcrustes):
    params: ClassVar[dict[str, float]] = {**SMALL, "shrunk": False, "factors": 6}


def lesson(x: NDArray[np.float32], y: NDArray[np.float32]) -> Lesson:
    nothing = sparse.csr_matrix((len(x), 1), dtype=np.float32)
    return Lesson(x, y, WEIGHTS[: len(x)], nothing, np.zeros((1, y.shape[1]), np.float32))


def test_a_rotation_and_a_scale_are_found_again() -> None:
    Y = (3 * X @ TURN + 2).astype(np.float32)
    found = Procrustes(shrunk=False).learn(lesson(X, Y), Context())
    np.testing.assert_allclose(found.matrix, 3 * TURN, atol=1e-5)
    np.testing.assert_allclose(found(X), Y, atol=1e-4)


def test_a_rotation_stays_one_where_the_truth_is_none() -> None:
    Y = (X @ np.diag([1.0, 2.0, 3.0, 4.0])).astype(np.float32)
    matrix = Procrustes(shrunk=False).learn(lesson(X, Y), Context()).matrix.astype(np.float64)
    squared = matrix.T @ matrix
    np.testing.assert_allclose(squared, squared[0, 0] * np.eye(4), atol=1e-5)


def test_leave_one_out_frees_the_map_where_it_must_and_not_where_it_need_not() -> None:
    stretched = (X @ np.diag([1.0, 2.0, 3.0, 4.0])).astype(np.float32)
    free = Procrustes().learn(lesson(X, stretched), Context())
    np.testing.assert_allclose(free(X), stretched, atol=0.2)
    few = X[:12]
    noisy = (few @ TURN + RNG.normal(scale=0.5, size=few.shape)).astype(np.float32)
    held = Procrustes().learn(lesson(few, noisy), Context())
    rotation = Procrustes(shrunk=False).learn(lesson(few, noisy), Context())
    assert np.linalg.norm(held.matrix - rotation.matrix) < 0.3 * np.linalg.norm(rotation.matrix)


def test_the_left_out_error_is_that_of_fits_without_the_row() -> None:
    from foretaste_align._procrustes import _left_out, _rotation
    from foretaste_align._ridge import penalty

    Y = (X @ TURN + RNG.normal(size=X.shape)).astype(np.float32)
    Z, W = X - np.average(X, axis=0, weights=WEIGHTS), Y - np.average(Y, axis=0, weights=WEIGHTS)
    rotation, strength = _rotation(X, Y, WEIGHTS), penalty(Z, 0.3)
    total = 0.0
    for row in range(len(X)):
        rest = np.arange(len(X)) != row
        x = np.column_stack([Z[rest], np.ones(rest.sum())]) * np.sqrt(WEIGHTS[rest])[:, None]
        penalties = np.diag([strength] * 4 + [0.0])
        pulled = np.vstack([strength * rotation.matrix, np.zeros(4)])
        solved = np.linalg.solve(x.T @ x + penalties, x.T @ (W[rest] * np.sqrt(WEIGHTS[rest])[:, None]) + pulled)
        total += WEIGHTS[row] * float(((W[row] - np.append(Z[row], 1) @ solved) ** 2).sum())
    found = _left_out(Z.astype(np.float32), W.astype(np.float32), WEIGHTS, rotation, 0.3)
    assert found == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize("shrunk", [True, False])
def test_newcomers_gain_where_taste_carries_over_and_nothing_where_it_does_not(shrunk: bool) -> None:
    assert newcomer_lift(Procrustes(**SMALL, shrunk=shrunk), taste_world()) > 0.08
    assert newcomer_lift(Procrustes(**SMALL, shrunk=shrunk), unrelated_world()) < 0.03
