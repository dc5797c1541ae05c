"""The one road: domains, audit, hold out, choose, tune, fit, evaluate beside the baselines, guard, bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foretaste.audit import AuditReport, Twins, audit_pair, drop_twins, find_twins, hide_twin_rows, merge_twins
from foretaste.bundle import save_bundle
from foretaste.data import PairFacts, Transfer
from foretaste.errors import StrategyError
from foretaste.evaluation import HeldOut, hold_out
from foretaste.experiment import TransferSpec
from foretaste.platform._compare import (
    Measure,
    Measured,
    best_baseline,
    leaderboard,
    measure,
    populations,
    run_control,
)
from foretaste.platform._fit import Fitter
from foretaste.platform._output import Output
from foretaste.registry import Decision, Registry
from foretaste.result import Entry, TransferResult
from foretaste.strategy import Strategy, missing_packages

ControlKind = Literal["permuted"]


@dataclass(frozen=True, eq=False)
class Job:
    """One transfer of an experiment, ready to run."""

    spec: TransferSpec
    transfer: Transfer
    registry: Registry
    how: Measure
    control: ControlKind | None
    output: Output
    metadata: dict[str, Any]


def run_transfer(job: Job, fitter: Fitter, key: str) -> TransferResult:
    """Do one transfer and publish what it came to."""
    transfer, twins = _without_twins(job)
    held = [hold_out(transfer, job.how.holdout, job.how.seed + n) for n in range(job.how.holdout.repeats)]
    audit = _audit(job, held[0], twins)
    decision = choose(job.spec, held[0].train, job.registry, fitter)
    strategies, passed_over = _field(job, decision, held[0].train, fitter)
    found = measure(fitter, strategies, held, job.how)
    control = run_control(fitter, strategies, held, job.how) if job.control else None
    board = leaderboard(found, job.how, control)
    if any(report.leaks for report in audit) and job.spec.twins == "report":
        board = [_leaky(entry) for entry in board]
    chosen, guard = _guarded(decision.strategy, found, job.how)
    result = TransferResult(
        source="+".join(job.spec.sources),
        target=job.spec.target,
        rule_choice=decision.strategy,
        chosen=chosen,
        trace=[*decision.trace, *guard],
        facts=[PairFacts.of(pair).as_dict() for pair in held[0].train.pairs],
        people=sum(len(one.people) for one in held),
        repeats=len(held),
        leaderboard=board,
        populations=populations(found, job.how),
        audit=_audit_facts(audit, job),
        notes=_notes(transfer, passed_over),
        bundle=_bundle(job, transfer.name, chosen, found[chosen]),
    )
    job.output.publish(key, result, found)
    fitter.host.call("run_finished", result=result)
    return result


def choose(spec: TransferSpec, train: Transfer, registry: Registry, fitter: Fitter) -> Decision:
    """Return what the experiment names, or else what the hook chooses by facts of the training data."""
    facts = [PairFacts.of(pair) for pair in train.pairs]
    catalog = fitter.host.catalog
    if spec.strategy is None:
        found = fitter.host.call(
            "choose_strategy",
            facts=facts,
            transfer=train,
            registry=registry,
            catalog=catalog,
            context=fitter.context,
        )
        if not isinstance(found, Decision):
            raise StrategyError(f"choose_strategy returned {type(found).__name__}, expected a Decision")
        return found
    objection = catalog.make(spec.strategy, spec.params).objection(facts)
    if objection:
        raise StrategyError(f"{train.name}: {spec.strategy} cannot serve this transfer: {objection}")
    return Decision(spec.strategy, dict(spec.params), "experiment", (f"{spec.strategy} named by the experiment",))


def _without_twins(job: Job) -> tuple[Transfer, dict[str, Twins]]:
    twins = {pair.source.name: find_twins(pair) for pair in job.transfer.pairs}
    if job.spec.twins == "drop":
        return drop_twins(job.transfer, twins), twins
    if job.spec.twins == "merge":
        rows = job.transfer.target.interactions
        # a person's source row of a twin says that they have the target item: only other people's copies may stay
        merged = merge_twins(job.transfer, twins)
        return hide_twin_rows(merged, twins, rows.user_rows, rows.item_rows), twins
    return job.transfer, twins


def _audit(job: Job, held: HeldOut, twins: Mapping[str, Twins]) -> list[AuditReport]:
    test, times = (held.test.user_rows, held.test.item_rows), held.test.times
    return [
        audit_pair(pair, test, times, seed=job.how.seed, twins=twins[pair.source.name]) for pair in job.transfer.pairs
    ]


def _audit_facts(reports: Sequence[AuditReport], job: Job) -> dict[str, Any]:
    names = job.spec.sources
    return {
        "twins_policy": job.spec.twins,
        "leak": any(report.leaks for report in reports),
        "pairs": {name: report.as_dict() for name, report in zip(names, reports, strict=True)},
        "sentence": " ".join(report.sentence() for report in reports),
    }


def _field(job: Job, decision: Decision, train: Transfer, fitter: Fitter) -> tuple[list[Strategy], list[str]]:
    """Return the strategies to measure: baselines, the choice, those beside; and lines on those passed over."""
    facts, catalog = [PairFacts.of(pair) for pair in train.pairs], fitter.host.catalog
    chosen = catalog.make(decision.strategy, decision.params)
    field, notes = {}, []
    # of equal baselines the first is taken for the lift: the simplest
    for kind in sorted(catalog.baselines(), key=lambda kind: len(kind.model_fields)):
        objection = kind().objection(facts)
        if missing := missing_packages(kind):
            notes.append(f"{kind.name} passed over: needs {', '.join(missing)}: pip install 'foretaste[{kind.extra}]'")
        elif objection:
            notes.append(f"{kind.name} passed over: {objection}")
        else:
            field[kind.name] = kind()
    field[chosen.name] = chosen
    for name in job.spec.beside:
        beside = catalog.make(name, {})
        if objection := beside.objection(facts):
            notes.append(f"{name} passed over: {objection}")
        else:
            field.setdefault(name, beside)
    return list(field.values()), notes


def _leaky(entry: Entry) -> Entry:
    return entry if entry.verdict == "baseline" else entry.model_copy(update={"verdict": "leak"})


def _guarded(name: str, found: dict[str, Measured], how: Measure) -> tuple[str, list[str]]:
    """Return the strategy to hand on: a choice that loses to the best baseline on validation is replaced by it."""
    if found[name].baseline:
        return name, []
    metric = how.primary
    over = best_baseline(found, metric)
    mine, theirs = (found[n].validation.overall[metric.label] for n in (name, over))
    lost = mine < theirs if metric.higher_is_better else mine > theirs
    line = f"guard: {name} has {metric.label} {mine:.4f} on validation, {over} has {theirs:.4f}"
    return (over, [f"{line}: replaced by {over}"]) if lost else (name, [f"{line}: kept"])


def _notes(transfer: Transfer, passed_over: list[str]) -> list[str]:
    domains = [*(pair.source for pair in transfer.pairs), transfer.target]
    notes = [f"{domain.name}: {note}" for domain in domains for note in domain.notes]
    return [*notes, *(w for pair in transfer.pairs for w in pair.warnings), *passed_over]


def _bundle(job: Job, name: str, chosen: str, found: Measured) -> str:
    assert found.first is not None
    strategy = found.tuned[0].strategy
    path = save_bundle(
        found.first,
        job.output.bundles(name),
        strategy=chosen,
        params=strategy.params(),
        metadata={**job.metadata, "metrics": {k: v for k, v in found.pooled.overall.items() if v == v}},
    )
    return str(path.relative_to(job.output.folder))
