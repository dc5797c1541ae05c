"""deep/multi: domains that are trained together, what they share, and what is each task's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from foretaste import Checkpoint, Context, Domain, Overlap, StrategyError, Transfer
from foretaste.strategy import Strategy
from foretaste.testing import (
    StrategyContract,
    fit_once,
    linked_world,
    newcomer_lift,
    taste_world,
    two_source_world,
    unrelated_world,
)
from foretaste_deep import Multi

torch = pytest.importorskip("torch")

from foretaste_deep._domains import Domains  # noqa: E402 - torch may be missing
from foretaste_deep._everyone import Everyone  # noqa: E402
from foretaste_deep._negotiation import Turns  # noqa: E402

SMALL: dict[str, Any] = {"factors": 8, "epochs": 20, "learning_rate": 2e-2, "batch": 64}


class TestMulti(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Multi
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2}


class TestMultiWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Multi
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "units": 4, "helpers": 2}

    def world(self) -> Transfer:
        return two_source_world()


class TestMultiWithLinks(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Multi
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2}

    def world(self) -> Transfer:
        return linked_world()


def test_newcomers_gain_from_one_source() -> None:
    assert newcomer_lift(Multi(**SMALL), taste_world(240)) > 0.05


def test_a_second_source_that_is_related_helps() -> None:
    both = two_source_world(240)
    books = Transfer.of(both.pairs[0].source, both.target, Overlap("users"))
    assert newcomer_lift(Multi(**SMALL), both) > newcomer_lift(Multi(**SMALL), books) + 0.05


def test_a_second_source_that_is_unrelated_does_not_harm() -> None:
    world, other = taste_world(240), unrelated_world(240).pair.source
    noise = Domain("noise", other.interactions)
    both = Transfer.of([world.pair.source, noise], world.target, Overlap("users"))
    assert newcomer_lift(Multi(**SMALL), both) > newcomer_lift(Multi(**SMALL), world) - 0.05


def test_an_unrelated_source_brings_nothing_to_speak_of() -> None:
    assert abs(newcomer_lift(Multi(**SMALL), unrelated_world(240))) < 0.1


# Turns -----------------------------------------------------------------------------------------------------------


def domains(world: Transfer, **params: Any) -> Domains:
    return Domains(Everyone.of(world), Multi.model_validate({**SMALL, **params}), torch.Generator().manual_seed(0))


def gone_through(learner: Domains) -> list[tuple[int, int]]:
    """Move what may learn by 1 in each step; return the turns taken, each once."""
    turns, taken = Turns(learner), []
    for _ in turns.epoch(np.random.default_rng(0)):
        with torch.no_grad():
            for one in learner.parameters():
                if one.requires_grad:
                    one += 1
        if (turns.place, turns.task) not in taken[-1:]:
            taken.append((turns.place, turns.task))
    return taken


def test_an_epoch_goes_through_all_domains_and_then_to_the_helpers_of_each_task() -> None:
    taken = gone_through(domains(two_source_world(), helpers=2))
    assert sorted(taken[:3]) == [(0, 0), (1, 1), (2, 2)]
    for task in range(3):
        *helpers, last = taken[3 + 3 * task : 6 + 3 * task]
        assert sorted(helpers) == [(place, task) for place in range(3) if place != task]
        assert last == (task, task)
    assert len(gone_through(domains(two_source_world(), helpers=0))) == 6


def test_a_share_of_what_an_epoch_moved_is_kept() -> None:
    learner = domains(two_source_world(), outer_rate=0.25, helpers=1, batch=64)
    before = [one.detach().clone() for one in (learner.tower(0).items, *learner.own)]
    turns = Turns(learner)
    gone_through(learner)
    shared, *own = (
        float((now - was).detach().mean())
        for now, was in zip((learner.tower(0).items, *learner.own), before, strict=True)
    )
    assert shared == pytest.approx(0.25 * 3 * turns.steps, rel=1e-4)  # every domain moved it, by turns
    assert own == pytest.approx([0.25 * 2 * -(-turns.steps // 4)] * 3, rel=1e-4)  # a helper and the task itself


def test_a_domain_has_as_many_steps_as_the_target_whatever_its_size() -> None:
    learner = domains(two_source_world(), helpers=0)
    turns = Turns(learner)
    places = [turns.place for _ in turns.epoch(np.random.default_rng(0))][: 3 * turns.steps]
    assert [places.count(place) for place in range(3)] == [turns.steps] * 3


def test_people_held_out_are_nowhere_told_what_they_preferred_in_the_target() -> None:
    world = two_source_world()
    everyone, rows = Everyone.of(world), world.target.interactions.preference
    told = rows.copy()
    told.data[told.indptr[0] : told.indptr[50]] = 0
    told.eliminate_zeros()
    seen = everyone.with_target(told)
    assert seen.domains[-1].histories[:50].nnz == 0
    assert seen.domains[-1].histories.nnz == told.nnz
    assert seen.domains[0] is everyone.domains[0]


def test_who_is_known_to_a_source_alone_teaches_that_source() -> None:
    world = linked_world()
    links = world.pair.user_links
    assert links is not None
    alone = links.tolil()
    alone[:10] = 0
    pair = replace(world.pair, user_links=alone.tocsr())
    everyone = Everyone.of(replace(world, pairs=(pair,)))
    linked = world.pair.source.interactions.preference
    assert everyone.domains[0].histories.nnz == linked.nnz
    assert everyone.domains[1].histories.shape[0] == len(world.target.interactions.users) + 10


@pytest.mark.parametrize("units", [0, 4])
def test_what_is_served_is_what_was_trained(units: int) -> None:
    world, rows = two_source_world(), np.arange(40)
    learner = domains(world, units=units)
    with torch.no_grad():
        for one in learner.parameters():
            one += 0.3 * torch.randn(one.shape, generator=torch.Generator().manual_seed(1))
        preferred = world.target.interactions.preference[rows]
        vectors, ranked = learner.vectors(rows, preferred), learner.ranked()
        expected = (vectors @ ranked.vectors.T + ranked.bias).numpy()
    found = learner.exported(world)
    mine = found.user_factors[rows] @ found.item_factors.T + found.item_bias
    known = vectors.numpy().any(axis=1)
    np.testing.assert_allclose(mine[known], expected[known], atol=1e-3)


@pytest.mark.parametrize("lines", [4, 22])
def test_what_was_cancelled_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    monkeypatch.setattr("foretaste_deep._resume.EVERY", 0)

    strategy, world, told = Multi(**SMALL), taste_world(), list[str]()
    whole, place = fit_once(strategy, world), Checkpoint(tmp_path)
    stop = Context(device="cpu", progress=told.append, cancel=lambda: len(told) >= lines, checkpoint=place)
    with pytest.raises(StrategyError, match="cancelled"):
        fit_once(strategy, world, stop)
    again = fit_once(strategy, world, Context(device="cpu", progress=told.append, checkpoint=place))
    assert "goes on after epoch" in told[lines]
    (mine, _), (theirs, _) = again.arrays(), whole.arrays()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine | theirs)
