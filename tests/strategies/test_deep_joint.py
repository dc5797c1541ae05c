"""deep/joint: source and target are trained at once, and how much the source counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from foretaste import Checkpoint, Context, StrategyError, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import StrategyContract, fit_once, newcomer_lift, taste_world, two_source_world, unrelated_world
from foretaste_deep import Joint

torch = pytest.importorskip("torch")

from foretaste_deep._balance import Balance, Balancing  # noqa: E402 - torch may be missing
from foretaste_deep._joining import JointTowers, joining  # noqa: E402

SMALL: dict[str, Any] = {"factors": 8, "epochs": 15, "learning_rate": 1e-2, "batch": 32}


class TestJoint(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Joint
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2}


class TestJointWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Joint
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "balance": "guarded", "units": 4}

    def world(self) -> Transfer:
        return two_source_world()


@pytest.mark.parametrize("balance", ["fixed", "annealed", "guarded"])
def test_newcomers_gain_by_every_balance(balance: Balancing) -> None:
    assert newcomer_lift(Joint(**SMALL, balance=balance), taste_world(240)) > 0.05


def test_newcomers_gain_from_two_sources() -> None:
    assert newcomer_lift(Joint(**SMALL), two_source_world(240)) > 0.05


def test_an_unrelated_source_brings_nothing_to_speak_of() -> None:
    assert abs(newcomer_lift(Joint(**SMALL), unrelated_world(240))) < 0.1


def trained(world: Transfer, told: list[str] | None = None, **params: Any) -> JointTowers:
    """Train on everybody for all epochs."""
    how = Joint.model_validate({**SMALL, "held": 0, **params})
    task = joining(how, world, Context(device="cpu", progress=[].append if told is None else told.append))
    learner = task.made()
    task.train(learner, task.preference, task.schedule(how.epochs))
    assert isinstance(learner, JointTowers)
    return learner


def test_without_alpha_the_source_teaches_nothing_by_itself() -> None:
    without, with_it = (trained(taste_world(), alpha=alpha, epochs=2) for alpha in (0, 0.2))
    moved = [np.abs(one.decoders[0].items.detach().numpy()).max() for one in (without, with_it)]
    assert moved[0] == 0 < moved[1]


def test_the_more_alpha_the_better_the_source_is_told() -> None:
    learners = [trained(taste_world(), alpha=alpha) for alpha in (0.0, 0.5)]
    costs = [float(one.lesson(0, np.random.default_rng(0)).detach()) for one in learners]
    assert costs[1] < costs[0] - 0.5


def test_a_source_tower_that_stands_still_is_as_it_began() -> None:
    world = taste_world()
    still, moved = (trained(world, encoder_rate=rate, epochs=2).pretrained()[0].items for rate in (0, 1))
    began = joining(Joint(**SMALL), world, Context(device="cpu")).start().get_parameter("towers.0.items")
    assert torch.equal(still, began)
    assert not torch.equal(moved, began)


def test_a_guard_over_towers_that_stand_still_is_refused() -> None:
    words = "balance: found guarded, which compares gradients on towers that 'encoder_rate: 0' holds"
    with pytest.raises(ValueError, match=words):
        Joint(balance="guarded", encoder_rate=0)


# How much the source counts --------------------------------------------------------------------------------------


def test_alpha_is_divided_among_sources_and_falls_to_nothing_when_annealed() -> None:
    assert Balance("fixed", 0.3, 10, 3).parts(9) == pytest.approx([0.1, 0.1, 0.1])
    annealed = Balance("annealed", 0.2, 4, 1)
    assert [annealed.parts(epoch)[0] for epoch in range(5)] == pytest.approx([0.2, 0.15, 0.1, 0.05, 0.05])


def disagreeing(kind: Balancing) -> Balance:
    """The first source agrees with the target, the second does not."""
    balance = Balance(kind, 0.4, 10, 2)
    for _ in range(5):
        balance.saw(0, 0.1)
        balance.saw(1, -0.1)
    return balance


def test_a_source_that_disagrees_counts_half_from_then_on() -> None:
    balance = disagreeing("guarded")
    assert balance.halved(3) == [(1, pytest.approx(-0.1))]
    assert (balance.parts(2), balance.parts(3), balance.parts(9)) == ([0.2, 0.2], [0.2, 0.1], [0.2, 0.1])
    assert balance.halved(4) == []  # it is given a few steps before it is judged again


def test_nothing_is_halved_without_a_guard_or_where_a_course_is_followed() -> None:
    assert disagreeing("fixed").halved(3) == []
    judged, follower = disagreeing("guarded"), disagreeing("guarded")
    judged.halved(3)
    follower.follow(judged)
    assert follower.halved(3) == []
    assert [follower.parts(epoch) for epoch in (2, 3)] == [[0.2, 0.2], [0.2, 0.1]]


def test_progress_says_that_a_source_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretaste_deep._joining._cosine", lambda *_: -0.25)
    told: list[str] = []
    learner = trained(taste_world(), told, balance="guarded", alpha=0.4, epochs=4, batch=16)
    said = "deep/joint: books: its gradient disagrees with the target's (cosine -0.250), it counts 0.2 from epoch 3 on"
    assert said in told
    assert learner.balance.parts(3)[0] < 0.4


def test_everybody_is_trained_on_with_the_course_that_people_held_out_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[list[float]] = []
    follow = Balance.follow

    def watched(self: Balance, other: Balance) -> None:
        follow(self, other)
        followed.append(self.course[:, 0].tolist())

    monkeypatch.setattr("foretaste_deep._joining._cosine", lambda *_: -0.25)
    monkeypatch.setattr(Balance, "follow", watched)
    told: list[str] = []
    context = Context(device="cpu", progress=told.append)
    fit_once(Joint(**SMALL, balance="guarded", alpha=0.4), taste_world(240), context)
    lines = [line for line in told if "disagrees" in line]
    assert len(lines) == len(set(lines))  # each halving is told once: the second training chooses nothing anew
    assert len(followed) == 1
    assert followed[0][0] == 0.4 > followed[0][-1]


@pytest.mark.parametrize("lines", [4, 26])
def test_what_was_cancelled_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    monkeypatch.setattr("foretaste_deep._resume.EVERY", 0)
    monkeypatch.setattr("foretaste_deep._joining._cosine", lambda *_: -0.25)
    strategy, world, told = Joint(**SMALL, balance="guarded", alpha=0.4), taste_world(), list[str]()
    whole, place = fit_once(strategy, world), Checkpoint(tmp_path)
    stop = Context(device="cpu", progress=told.append, cancel=lambda: len(told) >= lines, checkpoint=place)
    with pytest.raises(StrategyError, match="cancelled"):
        fit_once(strategy, world, stop)
    again = fit_once(strategy, world, Context(device="cpu", progress=told.append, checkpoint=place))
    assert "goes on after epoch" in told[lines]
    (mine, _), (theirs, _) = again.arrays(), whole.arrays()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine | theirs)
