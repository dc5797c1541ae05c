"""``auto`` in a run: a race chooses the strategy, inside the training data of each repeat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from foretaste.comparison import Unmeasured
from foretaste.evaluation import validation_plan
from foretaste.platform._arena import Arena
from foretaste.platform._bench import Bench
from foretaste.platform._compare import Measured
from foretaste.platform._contest import choices, contest, measured
from foretaste.platform._fit import Fitter
from foretaste.platform._lab import Task
from foretaste.platform._race import Clock
from foretaste.platform._repeat import Rules
from foretaste.recommender import Recommender
from foretaste.registry import Decision, read_auto
from foretaste.result import Control

if TYPE_CHECKING:
    from foretaste.platform._run import Ready


@dataclass(frozen=True, eq=False)
class Raced:
    """What a race of a run came to."""

    decision: Decision
    picks: list[str]
    """What was chosen in each repeat: another repeat's choice has seen its test people."""
    found: dict[str, Measured]
    control: dict[str, Control] | None
    notes: list[str]


def raced(ready: Ready, arena: Arena, place: int) -> Raced:
    """Race, and choose what the first repeat's validation people say: its settings are what is handed on."""
    job, held = ready.job, ready.held
    seconds = read_auto(ready.decision.params).seconds
    how = job.how
    clock = Clock(None if seconds is None else time.monotonic() + seconds)

    def told(line: str) -> None:
        arena.context.progress(f"{job.transfer.place}: {line}")

    rules = Rules(
        how, clock, arena.context.budget.memory, bool(job.control), True, "grid", told, arena.context.budget.seconds
    )
    with arena.asks({place: Task(job.transfer, ready.whole)}) as ask:
        found = contest(place, ready.strategies, held, ready.folds, ask, rules)
    whole, control = measured(found, how, job.transfer.place)
    picks, _ = choices(found, whole, how.primary)
    trace = (*ready.decision.trace, *(f"race: {line}" for line in found.trace))
    decision = replace(
        ready.decision, strategy=picks[0], params=whole[picks[0]].tuned[0].strategy.params(), trace=trace
    )
    out = [f"{name} {one.state}: {one.reason}" for name, one in found.out.items()]
    return Raced(decision, picks, whole, control, [*out, *found.notes, *arena.notes])


def passed_over(lines: list[Unmeasured]) -> list[str]:
    """Return who could not race, as the notes of a run say it."""
    return [f"{one.strategy} passed over: {one.reason}" for one in lines]


def first_fit(found: Mapping[str, Measured], name: str, ready: Ready, fitter: Fitter) -> Recommender:
    """Return what a strategy is on the first repeat's training data: in a race it was fitted elsewhere."""
    one, how, train = found[name], ready.job.how, ready.held[0].train
    if one.first is not None:
        return one.first
    plan = validation_plan(train, how.holdout, how.seed, how.folds)
    return Bench(fitter, train, plan, how.primary, how.tries, one.settled).fit(one.tuned[0].strategy)
