"""Where the trials of a race are done: in a process of its own, or in this one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from foretaste.data import Transfer
from foretaste.errors import CancelledError
from foretaste.evaluation import HeldOut, Scores, ValidationPlan, hold_out, score, validation_plan
from foretaste.platform._bench import Bench
from foretaste.platform._compare import Measure, permuted
from foretaste.platform._fit import Fitter
from foretaste.platform._timing import timed
from foretaste.platform._trial import Limits, Outcome, Trial
from foretaste.plugins import PluginHost, said
from foretaste.recommender import Recommender
from foretaste.strategy import Budget, Context, Strategy

_ENDS = 0.8
"""What ends in time by itself is given this share of its limit: the rest is for data, imports and asking people."""
_SHORTENED = 0.4
"""What took this share of the time that it was given may have ended for it: a strategy may train twice."""


@dataclass(frozen=True, eq=False)
class Task:
    """One transfer to race on: as it is, and with its twins remedied."""

    transfer: Transfer
    whole: Transfer


@dataclass(eq=False)
class _Repeat:
    """The data of one repeat, real or permuted, and what was fitted there."""

    held: HeldOut
    plan: ValidationPlan
    fitter: Fitter


class Lab:
    """Does trials, one at a time; what the last repeat needs is kept."""

    def __init__(self, host: PluginHost, tasks: Mapping[int, Task], how: Measure, context: Context) -> None:
        self.host, self.tasks, self.how, self.context = host, tasks, how, context
        self._at: tuple[int, int, bool] | None = None
        self._repeat: _Repeat | None = None
        self._memo: tuple[Any, dict[Any, Any]] = (None, {})

    def prepare(self, trial: Trial) -> None:
        """Make the data of a trial ready; what is wrong with them shows in the trial."""
        with suppress(Exception):
            self._prepared(trial)

    def outcome(self, trial: Trial, limits: Limits) -> Outcome:
        """Do a trial; whatever a strategy raises is an outcome too. CancelledError."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            found = self._done(trial, limits)
        except CancelledError:
            raise
        except (Exception, SystemExit) as error:
            found = Outcome(why="failed", reason=said(error))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        shortened = found.why is None and self._shortens(trial, limits, wall)
        return replace(found, cpu_seconds=cpu, seconds=wall, limits=limits, shortened=shortened)

    def _shortens(self, trial: Trial, limits: Limits, took: float) -> bool:
        """Say whether the time of a race may have ended a training that would have gone on otherwise."""
        kind, each = self.host.catalog.get(trial.strategy), self.context.budget.seconds
        if limits.seconds is None or not (kind.ends_in_time or kind.uses_others):
            return False
        given = _given(limits.seconds, kind, self.tasks[trial.transfer])
        return (each is None or given < each) and took > _SHORTENED * given

    def _done(self, trial: Trial, limits: Limits) -> Outcome:
        one = self._prepared(trial)
        strategy = self.host.catalog.make(trial.strategy, trial.params)
        settled = {name: self.host.catalog.make(name, params) for name, params in trial.settled.items()}
        each = self.context.budget
        task = self.tasks[trial.transfer]
        given = None if limits.seconds is None else _given(limits.seconds, type(strategy), task)
        budget = Budget(_least(given, each.seconds), limits.memory if each.memory is None else each.memory)
        one.fitter.context = replace(self.context, budget=budget)
        plan = one.plan if trial.folds is None else ValidationPlan(one.plan.folds[: trial.folds])
        bench = Bench(one.fitter, one.held.train, plan, self.how.primary, self.how.tries, settled)
        if trial.place == "plan":
            scores = bench.tune(strategy).validation
            return Outcome(scores, settled={name: found.params() for name, found in bench.found().items()})
        if trial.place == "time":
            seconds = one.fitter.seconds(strategy, one.held.train) if one.fitter.seconds else None
            return Outcome(estimate=seconds if isinstance(seconds, float) else None)
        if trial.place == "test":
            recommender = bench.fit(strategy)
            return _judged(recommender, score(recommender, one.held, self.how.metrics), one.held)
        fold = one.plan.folds[trial.place]
        recommender = bench.fit_on(strategy, fold, self._shared(trial))
        return _judged(recommender, score(recommender, fold, [self.how.primary]), fold)

    def _shared(self, trial: Trial) -> dict[Any, Any]:
        """Return what settings of one strategy share on one fold; it may be large, and goes with the fold."""
        key = (self._at, trial.place, trial.strategy)
        if self._memo[0] != key:
            self._memo = (key, {})
        return self._memo[1]

    def _prepared(self, trial: Trial) -> _Repeat:
        key = (trial.transfer, trial.repeat, trial.permuted)
        if self._repeat is None or self._at != key:
            self._repeat, self._memo = None, (None, {})  # before the next is made: they are large
            task, seed = self.tasks[trial.transfer], self.how.seed + trial.repeat
            held = hold_out(task.transfer, self.how.holdout, seed, remedied=task.whole)
            if trial.permuted:
                held = replace(held, train=permuted(held.train, seed))
            plan = validation_plan(held.train, self.how.holdout, seed, self.how.folds)
            self._at, self._repeat = key, _Repeat(held, plan, timed(Fitter(self.host, self.context)))
        return self._repeat


def _given(limit: float, kind: type[Strategy], task: Task) -> float:
    """Return the seconds of one pretraining, and of adapting, that a limit for all of a trial leaves."""
    return _ENDS * limit / (len(task.transfer.pairs) + 1) if kind.ends_in_time else limit


def _least(*seconds: float | None) -> float | None:
    return min((one for one in seconds if one is not None), default=None)


def _judged(recommender: Recommender, scores: Scores, held: HeldOut) -> Outcome:
    return Outcome(scores, bool(recommender.places(held.people).any()), recommender.notes)
