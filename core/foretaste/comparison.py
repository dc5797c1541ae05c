"""What ``compare`` found out: one stable document, for machines and for tables."""

from __future__ import annotations

from typing import Any, Literal

from foretaste.config import StrictModel
from foretaste.errors import ConfigError
from foretaste.registry import Evidence, PairRule, Use
from foretaste.result import Entry, Lift, Population

_BESIDE = 2
"""How many that help as well a rule names, for where the winner is not installed."""


class Unmeasured(StrictModel):
    """A strategy that has no figures on the test people, and why."""

    strategy: str
    state: Literal["passed over", "stopped", "failed", "late"]
    """``passed over`` before the race, ``stopped`` as it cannot win, ``failed``, or ``late``: no time was left."""
    reason: str
    validation: float | None = None
    """The first metric on the validation people that it was tried on."""
    cpu_seconds: float = 0.0


class Choice(StrictModel):
    """What choosing by experiment came to: in each repeat the choice by validation people, asked of test people."""

    picks: list[str]
    """The strategy of each repeat."""
    metrics: dict[str, float | None]
    lift: Lift
    """Over the baseline that is best on validation people, in each repeat."""


class TransferComparison(StrictModel):
    """The race of one transfer."""

    source: str
    """The sources' names, joined by ``+``."""
    target: str
    winner: str
    """What was chosen in most repeats."""
    trace: list[str]
    """How the choices came about, line by line."""
    facts: list[dict[str, Any]]
    """One mapping per source."""
    people: int
    """How many people were tested, repeats counted once each."""
    seeds: list[int]
    """One per repeat."""
    leaderboard: list[Entry]
    """Best first, by the first metric on test people."""
    populations: list[Population]
    memory: dict[str, int]
    """The most bytes that the process of a strategy held; none for what had no process of its own."""
    unmeasured: list[Unmeasured]
    choice: Choice
    evidence: Evidence | None
    """What a rule for this pair would rest on; None where twins give test rows away."""
    audit: dict[str, Any]
    notes: list[str]

    def entry(self, strategy: str) -> Entry:
        """Return a strategy's line of the leaderboard; KeyError where it has none."""
        for entry in self.leaderboard:
            if entry.strategy == strategy:
                return entry
        raise KeyError(strategy)


def rule_of(found: TransferComparison) -> PairRule:
    """Return the rule that a race ends in: the winner, then what helps as well, then the baseline it is over.

    Settings are left out: they were tuned for each repeat, and are tuned again by a run. ConfigError where there can be
    no rule.
    """
    pair = f"{found.source} -> {found.target}"
    if "+" in found.source:
        raise ConfigError(f"{pair}: no rule is written: one is about a source, and these are several")
    if found.evidence is None:
        raise ConfigError(f"{pair}: no rule is written: twins give test rows away, and nothing can be said")
    helping = [one.strategy for one in found.leaderboard if one.verdict == "helps"]
    winner = found.entry(found.winner)
    beside = [] if winner.lift is None else [name for name in helping if name != found.winner][:_BESIDE]
    baselines = [winner.lift.over] if winner.lift else found.choice.lift.over.split("+")
    names = dict.fromkeys([found.winner, *beside, *baselines])
    return PairRule(source=found.source, target=found.target, use=[Use(strategy=name) for name in names])


class CompareResult(StrictModel):
    """All races of an experiment."""

    transfers: list[TransferComparison]
    metrics: list[str]
    device: str
    """What was asked for: ``auto``, ``cpu`` or ``cuda``."""
    threads: int
    """How many strategies could use."""
    seconds: float
    """Wall time that it took."""
    fingerprints: list[str]
    """Of each transfer: its data, how it was measured, code and versions."""
    versions: dict[str, str]
    left_out: list[str] = []
    """Pairs that a glob found and that cannot be served, each with the reason."""
