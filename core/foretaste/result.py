"""What a run found out: one stable document, for machines and for tables."""

from __future__ import annotations

from typing import Any, Literal

from foretaste.config import StrictModel

Group = Literal["newcomer", "few-shot", "warm"]
Verdict = Literal["helps", "no evidence", "hurts", "leak", "baseline"]


class Lift(StrictModel):
    """Mean difference to a baseline on the same people, with its 95 % interval and two-sided bootstrap p."""

    metric: str
    value: float
    low: float
    high: float
    p: float
    """Holm-adjusted over the transfer strategies of the transfer."""
    over: str
    """The baseline, or ``permuted`` for the strategy itself with the source's people permuted."""


class Control(StrictModel):
    """The same strategy, tuned and fitted again with the source's people permuted."""

    kind: Literal["permuted"] = "permuted"
    lift: Lift
    verdict: Verdict
    beyond: Lift
    """What the strategy gains over its control, on the same people."""


class Entry(StrictModel):
    """One strategy of a transfer's leaderboard."""

    strategy: str
    params: dict[str, Any]
    metrics: dict[str, float | None]
    validation: float | None
    """The first metric on the validation plan, by the setting that is best there: what settings go by."""
    lift: Lift | None
    """Against the baseline that is best on validation; None for baselines."""
    lifts: list[Lift]
    """Against every baseline."""
    verdict: Verdict
    control: Control | Literal["not run"] = "not run"
    cpu_seconds: float
    """Process CPU of tuning and fitting."""
    cached: bool
    """Some of the work was done before, by another strategy or transfer of this run, or saved before it."""


class Population(StrictModel):
    """The same figures for one group of people: newcomer (0 target rows), few-shot (1-20), warm (more)."""

    population: Group
    people: int
    over: str
    """The baseline that is best on validation for this group (for everybody, where validation has none of it)."""
    metrics: dict[str, dict[str, float | None]]
    """Strategy to metric to value."""
    lifts: dict[str, Lift]
    """Transfer strategy to its lift in the first metric."""


class HandedOn(StrictModel):
    """What is handed on, measured: everybody takes the values of the strategy that serves them."""

    served_by: dict[Group, str]
    """Population to the strategy that serves it: the choice, or a baseline where the guard put one."""
    metrics: dict[str, float | None]
    """Over all test people; each repeat is guarded by its own validation people, who under ``auto`` choose too. None
    for a metric of all lists together where several strategies serve."""
    lift: Lift | None
    """Against the baseline that is best on validation; None where baselines serve everybody."""


class TransferResult(StrictModel):
    """What one transfer came to."""

    source: str
    """The sources' names, joined by ``+``."""
    target: str
    rule_choice: str
    """What the registry (or the experiment) chose."""
    chosen: str
    """What is handed on: the rule's choice, or a baseline where the guard replaced it for everybody."""
    handed_on: HandedOn
    """Who serves whom, and what that is worth."""
    trace: list[str]
    """How the choice came about, line by line."""
    facts: list[dict[str, Any]]
    """One mapping per source."""
    people: int
    """How many people were evaluated, repeats counted once each."""
    repeats: int
    leaderboard: list[Entry]
    """Best first, by the first metric."""
    populations: list[Population]
    audit: dict[str, Any]
    notes: list[str]
    """What was done to the data, and warnings."""
    bundle: str | None
    """Where the recommender is, relative to the output folder."""

    def entry(self, strategy: str) -> Entry:
        """Return a strategy's line of the leaderboard; KeyError where it has none."""
        for entry in self.leaderboard:
            if entry.strategy == strategy:
                return entry
        raise KeyError(strategy)


class Cell(StrictModel):
    """One transfer in the matrix of a run: what is handed on, and what it gains."""

    source: str
    target: str
    chosen: str
    lift: Lift | None
    """Against the baseline that is best on validation; None where a baseline is handed on."""
    verdict: Verdict


def matrix(transfers: list[TransferResult]) -> list[Cell]:
    """Return a cell for each transfer, in their order."""
    chosen = [(one, one.entry(one.chosen)) for one in transfers]
    return [
        Cell(source=one.source, target=one.target, chosen=one.chosen, lift=entry.lift, verdict=entry.verdict)
        for one, entry in chosen
    ]


class RunResult(StrictModel):
    """All transfers of a run."""

    transfers: list[TransferResult]
    matrix: list[Cell]
    """What each transfer comes to, domain by domain."""
    metrics: list[str]
    seed: int
    device: str
    """What was asked for: ``auto``, ``cpu`` or ``cuda``."""
    threads: int
    """How many strategies could use."""
    fingerprint: str
    """Of the configuration, the data and the versions."""
    versions: dict[str, str]
    left_out: list[str] = []
    """Pairs that a glob found and that cannot be served, each with the reason."""
