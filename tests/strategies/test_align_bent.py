"""align/mlp and align/bridge: maps that are not the same for everybody."""

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime

from foretaste import Context, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, newcomer_lift, taste_world, two_source_world, unrelated_world
from foretaste_align import Bridge, Mlp, Ridge
from foretaste_align._bent import Bent, kept
from foretaste_align._lesson import Lesson

SMALL: dict[str, Any] = {
    "factors": 8,
    "source_factors": 8,
    "regularization": 0.5,
    "source_regularization": 0.5,
    "units": 4,
}
KINDS = [Mlp, Bridge]


class TestMlp(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Mlp
    params: ClassVar[dict[str, Any]] = SMALL


class TestMlpWithTwoSources(TestMlp):
    def world(self) -> Transfer:
        return two_source_world()


class TestBridge(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Bridge
    params: ClassVar[dict[str, Any]] = SMALL


class TestBridgeWithTwoSources(TestBridge):
    def world(self) -> Transfer:
        return two_source_world()


def people(bend: bool, n: int = 600, seed: int = 0) -> Lesson:
    """Return people who prefer the 10 of 60 items nearest to their vector, the half of them mapped the other way round
    if there is a bend."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    truth, items = np.random.default_rng(9).normal(size=(6, 5)), np.random.default_rng(8).normal(size=(60, 5))
    turned = np.where(x[:, :1] > 0, 1, -1) if bend else 1
    y = turned * (x @ truth) / 2 + rng.normal(scale=0.1, size=(n, 5))
    scores = y @ items.T
    preferred = sparse.csr_matrix((scores >= np.sort(scores, axis=1)[:, -10:-9]).astype(np.float32))
    own = preferred @ items @ np.linalg.inv(items.T @ items + np.eye(5))
    return Lesson(x, own.astype(np.float32), np.ones(n), preferred, items.astype(np.float32))


def missed(strategy: Bent | Ridge, taught: Lesson, new: Lesson) -> float:
    return float(((strategy.learn(taught, Context())(new.x) - new.y) ** 2).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_people_who_need_maps_of_their_own_get_them(kind: type[Bent]) -> None:
    taught, new = people(bend=True), people(bend=True, seed=1)
    assert missed(kind(units=16, penalty=1e-4, steps=200), taught, new) < 0.5 * missed(Ridge(), taught, new)


@pytest.mark.parametrize("kind", KINDS)
def test_where_one_map_suits_all_little_or_nothing_is_added(kind: type[Bent]) -> None:
    taught, new = people(bend=False), people(bend=False, seed=1)
    assert missed(kind(units=16), taught, new) < 1.05 * missed(Ridge(), taught, new)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_added_where_the_correction_gained_nothing_for_who_was_not_seen(kind: type[Bent]) -> None:
    taught = people(bend=False, n=60)
    noise = np.random.default_rng(3).normal(size=taught.y.shape).astype(np.float32)
    nobody = sparse.csr_matrix(taught.preference.shape, dtype=np.float32)
    hopeless = Lesson(taught.x, 1e-6 * noise, taught.weights, nobody, taught.items)
    found = kind(penalty=1e-6).learn(hopeless, Context())
    assert found.correction is None or np.abs(found.correction.added(taught.x)).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_the_error_is_that_of_differences(kind: type[Bent]) -> None:
    lesson = people(bend=True, n=4)
    error = kind().error(lesson, lesson.y / 2)
    at = np.random.default_rng(0).normal(size=(4, 5))
    by_differences = approx_fprime(at.ravel(), lambda flat: error(flat.reshape(4, 5))[0], 1e-6)
    np.testing.assert_allclose(error(at)[1].ravel(), by_differences, rtol=1e-3, atol=1e-3)


def test_the_task_is_to_predict_preferences_of_all_items() -> None:
    lesson = people(bend=True, n=7)
    added = np.random.default_rng(0).normal(size=(7, 5))
    scores = (lesson.y + added) @ lesson.items.T
    expected = ((lesson.preference.toarray() - scores) ** 2).sum()
    assert Bridge().error(lesson, lesson.y)(added)[0] == pytest.approx(expected, rel=1e-5)


def test_the_share_that_is_kept_is_the_best_one_from_0_to_1() -> None:
    wanted = np.array([[2.0, -1.0]])
    error = Mlp().error(
        Lesson(np.zeros((1, 1)), wanted.astype(np.float32), np.ones(1), sparse.csr_matrix((1, 1)), np.zeros((1, 2))),
        np.zeros((1, 2), np.float32),
    )
    assert kept(error, 4 * wanted) == pytest.approx(0.25)
    assert kept(error, wanted / 3) == 1
    assert kept(error, -wanted) == 0
    assert kept(error, 0 * wanted) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_they_help_newcomers_where_taste_carries_over_and_not_where_none_does(kind: type[Bent]) -> None:
    assert newcomer_lift(kind(**SMALL), taste_world()) > 0.08
    assert newcomer_lift(kind(**SMALL), unrelated_world()) < 0.03
