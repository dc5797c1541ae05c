"""``compare``: a contest for each transfer of an experiment, its trials in a process that may come to grief."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretaste.comparison import Choice, CompareResult, TransferComparison, Unmeasured
from foretaste.data import PairFacts, Transfer
from foretaste.errors import CancelledError, StrategyError
from foretaste.evaluation import HeldOut, hold_out, pooled, validation_plan
from foretaste.experiment import Experiment, TransferSpec
from foretaste.metrics import Metric
from foretaste.platform._compare import Measure, Measured, controls, gains, leaderboard, populations
from foretaste.platform._contest import Found, Rules, contest
from foretaste.platform._fingerprint import data_fingerprint
from foretaste.platform._lab import Lab, Task
from foretaste.platform._output import held as hold_folder
from foretaste.platform._output import replaced, values_table
from foretaste.platform._race import Clock
from foretaste.platform._run import audit_facts, audit_of, leaky, without_twins
from foretaste.platform._search import SearchKind
from foretaste.platform._settings import left_out, refusal_of
from foretaste.platform._trial import Journal, Limits, Outcome, Trial
from foretaste.platform._worker import Asked, InProcess, Recipe, Setup, Worker
from foretaste.plugins import PluginHost
from foretaste.registry import Evidence, MeasuredLift, Registry
from foretaste.result import Entry
from foretaste.strategy import Budget, Context, Strategy

_LAST = 0.05
"""The share of a budget that is left for intervals and writing."""


_GRACE = 2
"""How many times the time of a fit there is for adapting and what comes after it, until it is stopped."""


@dataclass(frozen=True, eq=False)
class Asking:
    """What is to be compared, and how."""

    experiment: Experiment
    transfers: Sequence[Transfer]
    registry: Registry
    how: Measure
    strategies: Sequence[str] | None
    """The transfer strategies to race; None is all that can serve."""
    budget: Budget
    control: bool
    thorough: bool
    search: SearchKind
    context: Context
    fingerprint: str
    versions: Mapping[str, str]
    versions_of: Callable[[Collection[str]], Mapping[str, str]]
    """The versions that the figures of these strategies depend on."""
    begun: float
    """When the clock of the budget began, as time.monotonic counts."""


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A transfer with all that can be known of it before anything is fitted."""

    spec: TransferSpec
    task: Task
    twins: Mapping[str, Any]
    repeats: Sequence[HeldOut]
    folds: Sequence[int]
    strategies: Sequence[Strategy]
    passed_over: Sequence[Unmeasured]


def compare(asking: Asking, host: PluginHost, recipe: Recipe | None, folder: Path) -> CompareResult:
    """Race, and write what was found in ``folder``; an equal comparison that was killed goes on from its trials."""
    ready = [_prepared(asking, place, host) for place in range(len(asking.transfers))]
    seconds = asking.budget.seconds
    clock = Clock(None if seconds is None else asking.begun + (1 - _LAST) * seconds)
    tasks = [one.task for one in ready]
    context = asking.context
    with hold_folder(folder, "trials"):
        worker: Asked
        if recipe is None:
            worker = InProcess(Lab(host, tasks, asking.how, context))
        else:
            setup = Setup(recipe, asking.experiment, tasks, context.device, context.threads)
            worker = Worker(setup, context.cancel)
        try:
            journal = Journal(folder / "trials", asking.fingerprint)
            journal.begin()
            ask = _journaled(worker, journal, asking)
            compared = []
            for place, one in enumerate(ready):
                part = clock.part(1 / (len(ready) - place))
                compared.append(_compared(asking, place, one, ask, part, folder, isolated=recipe is not None))
        finally:
            worker.close()
        result = CompareResult(
            transfers=compared,
            metrics=[metric.label for metric in asking.how.metrics],
            device=context.device,
            threads=context.threads,
            seconds=time.monotonic() - asking.begun,
            fingerprint=asking.fingerprint,
            versions=dict(asking.versions),
        )
        text = result.model_dump_json(indent=1)
        replaced(folder / "compare.json", lambda path: path.write_text(text + "\n", encoding="utf-8"))
    return result


def _journaled(worker: Asked, journal: Journal, asking: Asking) -> Callable[[Trial, Limits], Outcome]:
    each, cancel = asking.context.budget.seconds, asking.context.cancel

    def ask(trial: Trial, limits: Limits) -> Outcome:
        if each is not None:
            # strategies end by themselves when their time is up: this is for those that do not
            whole = (len(asking.transfers[trial.transfer].pairs) + _GRACE) * each
            limits = replace(limits, seconds=whole if limits.seconds is None else min(whole, limits.seconds))
        before = journal.read(trial)
        if before is not None and before.stands(limits):
            return before
        if cancel():
            raise CancelledError("cancelled")
        found = worker.ask(trial, limits)
        journal.write(trial, found)
        return found

    return ask


def _prepared(asking: Asking, place: int, host: PluginHost) -> _Prepared:
    spec, transfer, how = asking.experiment.transfers[place], asking.transfers[place], asking.how
    whole, twins = without_twins(transfer, spec.twins)
    repeats, folds = [], []
    for repeat in range(how.holdout.repeats):
        held = hold_out(transfer, how.holdout, how.seed + repeat, remedied=whole)
        folds.append(len(validation_plan(held.train, how.holdout, how.seed + repeat, how.folds).folds))
        repeats.append(held)
    strategies, passed_over = _entrants(asking, place, repeats[0].train, host)
    return _Prepared(spec, Task(transfer, whole), twins, repeats, folds, strategies, passed_over)


def _entrants(asking: Asking, place: int, train: Transfer, host: PluginHost) -> tuple[list[Strategy], list[Unmeasured]]:
    """Return who races, baselines first, and who cannot."""
    spec, catalog = asking.experiment.transfers[place], host.catalog
    facts = [PairFacts.of(pair) for pair in train.pairs]
    named = asking.strategies
    kinds = [kind for kind in catalog.strategies.values() if asking.how.measures(kind)]
    wanted = {kind.name for kind in kinds if kind.baseline or named is None or kind.name in named}
    racing: list[Strategy] = []
    passed_over: list[Unmeasured] = []
    # of equals the first is taken: what the registry would name first, or else the simplest
    told = {use.strategy: place for place, use in enumerate(use for rule in asking.registry.rules for use in rule.use)}

    def place_of(kind: type[Strategy]) -> tuple[bool, bool, int, int, str]:
        known = len(told) if kind.baseline else told.get(kind.name, len(told))
        return not kind.baseline, kind.uses_others, known, len(kind.model_fields), kind.name

    for kind in sorted(kinds, key=place_of):
        if kind.name not in wanted:
            continue
        obstacle = catalog.missing(kind.name)
        if not obstacle:
            made = catalog.make(kind.name, spec.params if kind.name == spec.strategy else {})
            obstacle = refusal_of(made, facts, asking.budget)
            if not obstacle and kind.needs_control and not asking.control:
                obstacle = "what it gains is evidence beside the control only, which is not run"
        if obstacle:
            passed_over.append(Unmeasured(strategy=kind.name, state="passed over", reason=obstacle))
        else:
            racing.append(made)
    for baseline, what in ((True, "baseline to measure a lift against"), (False, "transfer strategy to race")):
        if not any(one.baseline is baseline for one in racing):
            why = "".join(f"\n  {one.strategy} passed over: {one.reason}" for one in passed_over)
            raise StrategyError(f"{train.place}: there is no {what}{why}")
    return racing, passed_over


def _compared(
    asking: Asking,
    place: int,
    ready: _Prepared,
    ask: Callable[[Trial, Limits], Outcome],
    clock: Clock,
    folder: Path,
    *,
    isolated: bool,
) -> TransferComparison:
    how, name = asking.how, ready.task.transfer.place

    def told(line: str) -> None:
        asking.context.progress(f"{name}: {line}")

    rules = Rules(how, clock, asking.budget.memory, asking.control, not asking.thorough, asking.search, told)
    found = contest(place, ready.strategies, ready.repeats, ready.folds, ask, rules)
    whole = {n: one for n, one in found.real.items() if len(one.scores) == len(ready.repeats)}
    if not found.picks or not any(one.baseline for one in whole.values()):
        raise StrategyError(f"{name}: no baseline was measured{_whys(found)}")
    shuffled = {n: one for n, one in found.shuffled.items() if n in whole and len(one.scores) == len(ready.repeats)}
    control = None
    if shuffled:
        control = controls(shuffled | {n: one for n, one in whole.items() if one.baseline}, whole, how)
    board = leaderboard(whole, how, control)
    audits = audit_of(ready.task.transfer, ready.repeats[0], ready.twins, how.seed)
    if any(report.leaks for report in audits) and ready.spec.twins == "report":
        board = [leaky(entry) for entry in board]
    winner = found.winner if found.winner in whole else next(entry.strategy for entry in board if entry.lift is None)
    own = [] if isolated else ["plugins in hand cannot be raced in a process of their own: no limit held"]
    people = ready.task.transfer.target.interactions.users
    table = values_table(whole, people)
    replaced(folder / f"{place}-{ready.task.transfer.name}.people.parquet", lambda path: table.write_parquet(path))
    return TransferComparison(
        source="+".join(ready.spec.sources),
        target=ready.spec.target,
        winner=winner,
        trace=found.trace,
        facts=[PairFacts.of(pair).as_dict() for pair in ready.repeats[0].train.pairs],
        people=len(whole[winner].pooled.people),
        seeds=[how.seed + repeat for repeat in range(len(ready.repeats))],
        leaderboard=board,
        populations=populations(whole, how),
        memory={n: memory for n, memory in found.memory.items() if n in whole},
        unmeasured=[*ready.passed_over, *_unmeasured(found, how.primary)],
        choice=_choice(found, whole, how),
        evidence=_evidence(asking, ready, found, board, winner),
        audit=audit_facts(audits, ready.spec),
        notes=[*ready.repeats[0].train.notes, *_left_out(asking, ready), *own],
    )


def _evidence(asking: Asking, ready: _Prepared, found: Found, board: Sequence[Entry], winner: str) -> Evidence | None:
    """Return what a rule for this pair would rest on; None where twins give test rows away."""
    entry = next(one for one in board if one.strategy == winner)
    if entry.verdict == "leak":
        return None
    lift = entry.lift
    measured = MeasuredLift(
        value=lift.value if lift else 0.0,
        low=lift.low if lift else 0.0,
        high=lift.high if lift else 0.0,
        over=lift.over if lift else winner,
    )
    transfer = ready.task.transfer
    return Evidence.model_validate(
        {
            "metric": asking.how.primary.label,
            "lift": measured,
            "control": "not run" if isinstance(entry.control, str) else entry.control.verdict,
            "people": len(found.real[winner].pooled.people),
            "seeds": [asking.how.seed + repeat for repeat in range(len(ready.repeats))],
            "holdout": asking.how.holdout.model_dump(mode="json", exclude_none=True),
            "data": {one.name: data_fingerprint(one) for one in (*(p.source for p in transfer.pairs), transfer.target)},
            "date": datetime.datetime.now(tz=datetime.UTC).date(),
            "versions": asking.versions_of([winner, measured.over]),
        }
    )


def _left_out(asking: Asking, ready: _Prepared) -> list[str]:
    facts = [PairFacts.of(pair) for pair in ready.repeats[0].train.pairs]
    lines = (left_out(one, facts, asking.how.tries, asking.budget) for one in ready.strategies)
    return [line for line in lines if line]


def _whys(found: Found) -> str:
    return "".join(f"\n  {name}: {one.reason}" for name, one in found.out.items())


def _unmeasured(found: Found, metric: Metric) -> list[Unmeasured]:
    return [
        Unmeasured(
            strategy=name,
            state="late" if one.state == "racing" else one.state,
            reason=one.reason,
            validation=one.validation(metric).overall[metric.label] if any(one.scores) else None,
            cpu_seconds=one.cpu_seconds,
        )
        for name, one in found.out.items()
    ]


def _choice(found: Found, whole: Mapping[str, Measured], how: Measure) -> Choice:
    """Return what was chosen in each repeat as one column, and its gain over the baseline that it was chosen over."""
    metric = how.primary
    baselines = {n: one for n, one in whole.items() if one.baseline}
    picks = [pick if pick in whole else next(iter(baselines)) for pick in found.picks]
    over = [max(baselines, key=lambda n: baselines[n].tuned[r].figure(metric)) for r in range(len(picks))]
    chosen = Measured(False, scores=[whole[pick].scores[r] for r, pick in enumerate(picks)])
    base = pooled([whole[name].scores[r] for r, name in enumerate(over)])
    lift = gains({"choice": chosen}, {"choice": base}, "+".join(dict.fromkeys(over)), metric, how.seed)["choice"]
    return Choice(picks=picks, metrics=dict(chosen.pooled.overall), lift=lift)
