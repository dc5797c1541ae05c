"""What deep/joint and deep/multi have in common, which train on source and target together."""

from __future__ import annotations

from typing import Any

import pytest

from foretaste import Budget, Context, PairFacts, StrategyError
from foretaste.testing import fit_once, taste_world
from foretaste_deep import Joint, Multi

pytest.importorskip("torch")

SMALL: dict[str, Any] = {"factors": 8, "epochs": 15, "learning_rate": 1e-2, "batch": 32}

pytestmark = pytest.mark.parametrize("kind", [Joint, Multi], ids=lambda kind: kind.name)


def test_nothing_is_carried(kind: type[Joint | Multi]) -> None:
    carried = kind().pretrain(taste_world().pair.source, Context())
    assert not carried.arrays
    assert not kind.portable


def test_a_budget_reaches_training(kind: type[Joint | Multi]) -> None:
    told: list[str] = []
    fit_once(kind(**SMALL), taste_world(), Context(budget=Budget(seconds=0), progress=told.append))
    assert 1 <= len(told) <= 2  # an epoch of finding when to stop, and of everybody unless none was best


def test_a_cancelled_run_says_so(kind: type[Joint | Multi]) -> None:
    with pytest.raises(StrategyError, match=rf"^{kind.name}: films: cancelled$"):
        fit_once(kind(**SMALL), taste_world(), Context(cancel=lambda: True))


def test_a_step_size_that_is_too_large_is_told(kind: type[Joint | Multi]) -> None:
    with pytest.raises(StrategyError, match=rf"^{kind.name}: films: the loss is .* a smaller learning_rate may help$"):
        fit_once(kind(**{**SMALL, "learning_rate": 1e38}), taste_world())


def test_too_few_shared_people_are_an_objection(kind: type[Joint | Multi]) -> None:
    facts = PairFacts.of(taste_world(60).pair)
    assert kind().objection([facts]) == f"needs 64 shared users, there are {facts.shared_users}"
