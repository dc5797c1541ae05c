"""The one road: domains, audit, hold out, choose, tune, fit, evaluate beside the baselines, guard, refit, bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from foretaste.audit import AuditReport, Twins, audit_pair, drop_twins, find_twins, merge_twins
from foretaste.bundle import save_bundle
from foretaste.data import PairFacts, Transfer
from foretaste.errors import DataError, StrategyError
from foretaste.evaluation import HeldOut, Scores, hold_out, pooled, prepared, validation_plan
from foretaste.experiment import HoldoutSpec, TransferSpec
from foretaste.experiment import Twins as TwinsPolicy
from foretaste.platform._arena import Arena
from foretaste.platform._auto import first_fit, raced
from foretaste.platform._auto import passed_over as passed_over_lines
from foretaste.platform._bench import Bench
from foretaste.platform._carried import Saved, other_versions, refuse_hidden, told
from foretaste.platform._compare import (
    Measure,
    Measured,
    leaderboard,
    measure,
    populations,
    repeats_of,
    run_control,
)
from foretaste.platform._entrants import entrants
from foretaste.platform._evidence import with_evidence
from foretaste.platform._fit import Fitter
from foretaste.platform._guard import HANDED_ON, Served, blended, guarded, handed_on
from foretaste.platform._output import Output
from foretaste.platform._pretrain import plugin_of
from foretaste.platform._settings import expect_device, left_out, refusal_of
from foretaste.recommender import Recommender
from foretaste.registry import AUTO, Decision, Registry
from foretaste.result import Entry, TransferResult
from foretaste.strategy import Strategy

ControlKind = Literal["permuted"]


@dataclass(frozen=True, eq=False)
class Job:
    """One transfer of an experiment, ready to run."""

    spec: TransferSpec
    transfer: Transfer
    registry: Registry
    how: Measure
    control: ControlKind | None
    refit: bool
    output: Output
    key: str
    """The name of its files."""
    folder: str
    """The name of the folder for its bundles."""
    metadata: dict[str, Any]
    saved: Saved
    """What was pretrained before, by source."""
    named: str | None
    """The strategy that the experiment itself names; what was saved brings its own."""
    arena: Arena
    """Where a race is run, if one chooses."""
    place: int
    """Which transfer of the experiment it is."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A transfer with all that can be known of it before anything is fitted."""

    job: Job
    whole: Transfer
    """Twins remedied, nothing hidden."""
    twins: Mapping[str, Twins]
    held: Sequence[HeldOut]
    """One per repeat."""
    folds: Sequence[int]
    """How many validation folds each has."""
    decision: Decision
    strategies: Sequence[Strategy]
    passed_over: Sequence[str]
    damage: str | None
    """Why what an earlier run made of it is not taken."""


def make_ready(job: Job, fitter: Fitter, damage: str | None) -> Ready:
    """Hide, choose and ask for objections; what is wrong with data or choice is raised here, before any fit."""
    how = job.how
    whole, twins = without_twins(job.transfer, job.spec.twins)
    held, folds = repeats_of(job.transfer, whole, how)
    refuse_hidden(job.transfer, held, job.saved)
    decision = with_evidence(choose(job.spec, held[0].train, job.registry, fitter, how), job.registry, job.transfer)
    brought = tuple(told(job.spec.sources, job.saved, job.named))
    if brought:
        decision = replace(decision, trace=(*decision.trace[: job.named == decision.strategy], *brought))
    if decision.strategy == AUTO:
        budget, catalog, control = fitter.context.budget, fitter.host.catalog, bool(job.control)
        spec = job.spec.model_copy(update={"params": {}})
        strategies, out = entrants(spec, held[0].train, how, job.registry, catalog, budget, None, control)
        passed_over = passed_over_lines(out)
    else:
        strategies, passed_over = _field(job, decision, held[0].train, fitter)
    expect_device(strategies, fitter.context.device, job.transfer.place)
    return Ready(job, whole, twins, held, folds, decision, strategies, passed_over, damage)


def run_transfer(ready: Ready, fitter: Fitter) -> TransferResult:
    """Do one transfer and publish what it came to."""
    job, held, decision = ready.job, ready.held, ready.decision
    audit = audit_of(job.transfer, held[0], ready.twins, job.how.seed)
    if decision.strategy == AUTO:
        race = raced(ready, job.arena, job.place)
        decision, picks, found, control = race.decision, race.picks, race.found, race.control
        ready = replace(ready, passed_over=[*ready.passed_over, *race.notes])
    else:
        picks = [decision.strategy] * len(held)
        found = measure(fitter, ready.strategies, held, job.how)
        control = run_control(fitter, ready.strategies, held, job.how, found) if job.control else None
    board = leaderboard(found, job.how, control)
    if any(report.leaks for report in audit) and job.spec.twins == "report":
        board = [leaky(entry) for entry in board]
    guards = [guarded(pick, found, job.how, repeat) for repeat, pick in enumerate(picks)]
    (served, guard), everybody = guards[0], [one for one, _ in guards]
    figures, scores = handed_on(everybody, found, job.how)
    result = TransferResult(
        source="+".join(job.spec.sources),
        target=job.spec.target,
        rule_choice=decision.strategy,
        chosen=served.main,
        handed_on=figures,
        trace=[*decision.trace, *guard],
        facts=[PairFacts.of(pair).as_dict() for pair in held[0].train.pairs],
        people=len(found[served.main].pooled.people),
        repeats=len(held),
        leaderboard=board,
        populations=populations(found, job.how),
        audit=audit_facts(audit, job.spec),
        notes=_notes(ready, found),
        bundle=_bundle(ready, served, found, scores, fitter),
    )
    values = {**found, HANDED_ON: Measured(baseline=False, scores=scores)}
    job.output.publish(job.key, result, values, job.transfer.target.interactions.users)
    return result


def choose(spec: TransferSpec, train: Transfer, registry: Registry, fitter: Fitter, how: Measure) -> Decision:
    """Return what the experiment names, or else what the hook chooses by facts of the training data."""
    if how.of_ratings and train.target.interactions.feedback.kind != "explicit":
        raise DataError(
            f"{train.place}: the first metric is {how.primary.label}, which needs ratings;"
            f" {train.target.name} has implicit feedback"
        )
    room = fitter.room(train, how.tries)
    catalog = replace(
        fitter.host.catalog,
        for_ratings=how.of_ratings,
        refusal=lambda strategy, facts: refusal_of(strategy, replace(room, facts=facts)),
    )
    if spec.strategy is None:
        found = fitter.host.call(
            "choose_strategy",
            facts=room.facts,
            transfer=train,
            registry=registry,
            catalog=catalog,
            context=fitter.context,
        )
        if not isinstance(found, Decision):
            raise StrategyError(f"choose_strategy returned {type(found).__name__}, expected a Decision")
    else:
        trace = (f"{spec.strategy} named by the experiment",)
        found = Decision(spec.strategy, dict(spec.params), "experiment", trace)
    if found.strategy == AUTO:
        return found
    if objection := refusal_of(catalog.make(found.strategy, found.params), room):
        raise StrategyError(
            f"{train.place}: {found.strategy} cannot serve this transfer: {objection} (measured after the hold-out)"
        )
    return found


def without_twins(transfer: Transfer, policy: TwinsPolicy) -> tuple[Transfer, dict[str, Twins]]:
    """Return the transfer to train on under a policy, and the twins of each source."""
    twins = {pair.source.name: find_twins(pair) for pair in transfer.pairs}
    if policy == "drop":
        return drop_twins(transfer, twins), twins
    if policy == "merge":
        # only copies of people without target rows may stay: theirs say nothing of the test, there or missing
        return drop_twins(merge_twins(transfer, twins), twins, transfer.shared_people), twins
    return transfer, twins


def training(
    transfer: Transfer, spec: TransferSpec, holdout: HoldoutSpec, seed: int
) -> tuple[Transfer, dict[str, Twins]]:
    """Return what the first hold-out leaves to train on, and the twins of each source."""
    remedied, twins = without_twins(transfer, spec.twins)
    return hold_out(transfer, holdout, seed, remedied=remedied).train, twins


def audit_of(transfer: Transfer, held: HeldOut, twins: Mapping[str, Twins], seed: int) -> list[AuditReport]:
    """Audit each pair of the whole transfer, against the rows that are hidden in it."""
    test, times = (held.test.user_rows, held.test.item_rows), held.test.times
    return [audit_pair(pair, test, times, seed=seed, twins=twins[pair.source.name]) for pair in transfer.pairs]


def audit_facts(reports: Sequence[AuditReport], spec: TransferSpec) -> dict[str, Any]:
    """Return what audits found, JSON-ready."""
    return {
        "twins_policy": spec.twins,
        "leak": any(report.leaks for report in reports),
        "pairs": {name: report.as_dict() for name, report in zip(spec.sources, reports, strict=True)},
        "sentence": " ".join(report.sentence() for report in reports),
    }


def _field(job: Job, decision: Decision, train: Transfer, fitter: Fitter) -> tuple[list[Strategy], list[str]]:
    """Return the strategies to measure: baselines, the choice, those beside; and lines on those passed over."""
    room, catalog = fitter.room(train, job.how.tries), fitter.host.catalog
    chosen = catalog.make(decision.strategy, decision.params)
    field: dict[str, Strategy] = {}
    notes: list[str] = []
    baselines = [kind for _, kind in sorted(catalog.strategies.items()) if kind.baseline and job.how.measures(kind)]
    # of equal baselines the first is taken for the lift: the simplest
    for kind in sorted(baselines, key=lambda kind: len(kind.model_fields)):
        if obstacle := catalog.missing(kind.name) or refusal_of(made := catalog.make(kind.name, {}), room):
            notes.append(f"{kind.name} passed over: {obstacle}")
        else:
            field[kind.name] = made
    field[chosen.name] = chosen
    if not any(one.baseline for one in field.values()):
        why = f": {'; '.join(notes)}" if notes else ""
        raise StrategyError(f"{train.place}: there is no baseline to measure a lift against{why}")
    for name in job.spec.beside:
        beside = catalog.make(name, {})
        if objection := refusal_of(beside, room):
            notes.append(f"{name} passed over: {objection}")
        else:
            field.setdefault(name, beside)
    return list(field.values()), [*notes, *left_out(field.values(), room)]


def leaky(entry: Entry) -> Entry:
    """Return what is said of a strategy where twins give test rows away."""
    return entry if entry.verdict == "baseline" else entry.model_copy(update={"verdict": "leak"})


def _notes(ready: Ready, found: Mapping[str, Measured]) -> list[str]:
    job = ready.job
    unmeasured = [
        f"{metric.label} not measured: {job.transfer.target.name} has implicit feedback"
        for metric in job.how.metrics
        if metric.kind == "rating" and job.transfer.target.interactions.feedback.kind != "explicit"
    ]
    again = [] if ready.damage is None else [f"done again, as what an earlier run left is damaged: {ready.damage}"]
    models = [f"{name}: {note}" for name, one in found.items() if one.first for note in one.first.notes]
    untold = [] if job.control else [n for n, one in found.items() if one.tuned[0].strategy.needs_control]
    alone = [f"{name}: what it gains is evidence beside the control only: --control permuted" for name in untold]
    older = other_versions(job.spec.sources, job.saved, job.metadata["versions"])
    return [*ready.held[0].train.notes, *older, *ready.passed_over, *unmeasured, *models, *alone, *again]


def _bundle(
    ready: Ready, served: Served, found: Mapping[str, Measured], scores: Sequence[Scores], fitter: Fitter
) -> str:
    """Save what is handed on: fitted again on the whole transfer, or else as the first repeat left it."""
    job = ready.job
    strategies = {name: found[name].tuned[0].strategy for name in served.names}
    if job.refit:
        # nothing is measured from here on: test rows may be learnt from
        transfer = prepared(ready.whole)
        members = {name: _refitted(found[name], transfer, job.how, fitter) for name in served.names}
    else:
        transfer, scores = ready.held[0].train, scores[:1]
        members = {name: first_fit(found, name, ready, fitter) for name in served.names}
    about: dict[str, Any] = {}
    if len(served.names) > 1:
        params = {name: one.params() for name, one in strategies.items()}
        about = {"served_by": served.as_dict(), "params_by_strategy": params}
    strategy = strategies[served.main]
    path = save_bundle(
        blended(served, members, transfer),
        job.output.bundles(job.folder),
        strategy=strategy.name,
        params=strategy.params(),
        metadata={
            **job.metadata,
            **about,
            "plugin": plugin_of(strategy, fitter.host),
            "fitted_on": "all rows" if job.refit else "training rows",
            "metrics": {k: v for k, v in pooled(scores).overall.items() if math.isfinite(v)},
        },
    )
    return str(path.relative_to(job.output.folder))


def _refitted(found: Measured, everything: Transfer, how: Measure, fitter: Fitter) -> Recommender:
    strategy = found.tuned[0].strategy
    fitter.context.progress(f"{everything.place}: {strategy.name} (all rows)")
    try:
        plan = validation_plan(everything, how.holdout, how.seed, how.folds)
    except DataError:
        plan = None  # as inside a fold: a strategy must do without
    return Bench(fitter, everything, plan, how.primary, how.tries, found.settled).fit(strategy)
