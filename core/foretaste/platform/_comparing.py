"""``compare``: a contest for each transfer of an experiment, its trials in a process that may come to grief."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretaste.comparison import Choice, CompareResult, TransferComparison, Unmeasured
from foretaste.data import PairFacts, Transfer
from foretaste.evaluation import HeldOut, pooled
from foretaste.experiment import Experiment, TransferSpec
from foretaste.metrics import Metric
from foretaste.platform._arena import Arena
from foretaste.platform._compare import Measure, Measured, gains, leaderboard, populations, repeats_of
from foretaste.platform._contest import choices, contest, measured
from foretaste.platform._entrants import entrants
from foretaste.platform._fingerprint import data_fingerprint
from foretaste.platform._lab import Task
from foretaste.platform._output import held as hold_folder
from foretaste.platform._output import replaced, values_table
from foretaste.platform._pairs import servable
from foretaste.platform._race import Ask, Clock
from foretaste.platform._repeat import Found, Rules
from foretaste.platform._run import audit_facts, audit_of, leaky, without_twins
from foretaste.platform._search import SearchKind
from foretaste.platform._settings import expect_device
from foretaste.platform._trial import Journal
from foretaste.platform._worker import Recipe
from foretaste.plugins import PluginHost
from foretaste.registry import Evidence, MeasuredLift, Registry
from foretaste.result import Entry
from foretaste.strategy import Budget, Context, Strategy

_LAST = 0.05
"""The share of a budget that is left for intervals and writing."""


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
    fingerprints: Sequence[str]
    """Of what the trials of each transfer depend on."""
    versions: Mapping[str, str]
    versions_of: Callable[[Collection[str]], Mapping[str, str]]
    """The versions that the figures of these strategies depend on."""
    begun: float
    """When the clock of the budget began, as time.monotonic counts."""
    left_out: Sequence[str]
    """Pairs that cannot be served, and why, line by line."""


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
    ready, left_out = servable(asking.experiment.transfers, lambda place: _prepared(asking, place, host))
    seconds = asking.budget.seconds
    clock = Clock(None if seconds is None else asking.begun + (1 - _LAST) * seconds)
    tasks = {place: one.task for place, one in ready.items()}
    context = asking.context
    journal = Journal(folder / "trials", asking.fingerprints)
    arena = Arena(host, recipe, asking.experiment, asking.how, context, journal)
    with hold_folder(folder, "trials"):
        with arena.asks(tasks) as ask:
            compared = [
                _compared(asking, place, one, ask, clock.part(1 / (len(ready) - before)), folder, arena.notes)
                for before, (place, one) in enumerate(ready.items())
            ]
        result = CompareResult(
            transfers=compared,
            metrics=[metric.label for metric in asking.how.metrics],
            device=context.device,
            threads=context.threads,
            seconds=time.monotonic() - asking.begun,
            fingerprints=[asking.fingerprints[place] for place in ready],
            versions=dict(asking.versions),
            left_out=[*asking.left_out, *left_out],
        )
        text = result.model_dump_json(indent=1)
        replaced(folder / "compare.json", lambda path: path.write_text(text + "\n", encoding="utf-8"))
    return result


def _prepared(asking: Asking, place: int, host: PluginHost) -> _Prepared:
    spec, transfer, how = asking.experiment.transfers[place], asking.transfers[place], asking.how
    whole, twins = without_twins(transfer, spec.twins)
    repeats, folds = repeats_of(transfer, whole, how)
    strategies, passed_over = entrants(
        spec, repeats[0].train, how, asking.registry, host.catalog, asking.budget, asking.strategies, asking.control
    )
    expect_device(strategies, asking.context.device, transfer.place)
    return _Prepared(spec, Task(transfer, whole), twins, repeats, folds, strategies, passed_over)


def _compared(
    asking: Asking,
    place: int,
    ready: _Prepared,
    ask: Ask,
    clock: Clock,
    folder: Path,
    notes: Sequence[str],
) -> TransferComparison:
    how, name = asking.how, ready.task.transfer.place

    def told(line: str) -> None:
        asking.context.progress(f"{name}: {line}")

    each, stops = asking.context.budget.seconds, not asking.thorough
    rules = Rules(how, clock, asking.budget.memory, asking.control, stops, asking.search, told, each, fewer=True)
    found = contest(place, ready.strategies, ready.repeats, ready.folds, ask, rules)
    whole, control = measured(found, how, name)
    board = leaderboard(whole, how, control)
    audits = audit_of(ready.task.transfer, ready.repeats[0], ready.twins, how.seed)
    if any(report.leaks for report in audits) and ready.spec.twins == "report":
        board = [leaky(entry) for entry in board]
    picks, over = choices(found, whole, how.primary)
    winner = Counter(picks).most_common(1)[0][0]
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
        seeds=[how.seed + repeat for repeat in range(found.repeats)],
        leaderboard=board,
        populations=populations(whole, how),
        memory={n: memory for n, memory in found.memory.items() if n in whole},
        unmeasured=[*ready.passed_over, *_unmeasured(found, how.primary)],
        choice=_choice(picks, over, whole, how),
        evidence=_evidence(asking, ready, found, board, winner),
        audit=audit_facts(audits, ready.spec),
        notes=[*ready.repeats[0].train.notes, *found.notes, *notes],
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
            "seeds": [asking.how.seed + repeat for repeat in range(found.repeats)],
            "holdout": asking.how.holdout.model_dump(mode="json", exclude_none=True),
            "data": {one.name: data_fingerprint(one) for one in (*(p.source for p in transfer.pairs), transfer.target)},
            "date": datetime.datetime.now(tz=datetime.UTC).date(),
            "versions": asking.versions_of([winner, measured.over]),
        }
    )


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


def _choice(picks: Sequence[str], over: Sequence[str], whole: Mapping[str, Measured], how: Measure) -> Choice:
    """Return what was chosen in each repeat as one column, and its gain over the baseline that it was chosen over."""
    chosen = Measured(False, scores=[whole[pick].scores[r] for r, pick in enumerate(picks)])
    base = pooled([whole[name].scores[r] for r, name in enumerate(over)])
    lift = gains({"choice": chosen}, {"choice": base}, "+".join(dict.fromkeys(over)), how.primary, how.seed)["choice"]
    return Choice(picks=list(picks), metrics=dict(chosen.pooled.overall), lift=lift)
