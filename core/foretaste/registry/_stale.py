"""Evidence against what is there now. It is stale where data or versions changed, and a rule still goes by it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from foretaste.registry._evidence import Evidence
from foretaste.registry._rules import Registry


@dataclass(frozen=True)
class EvidenceReport:
    """What became of one rule's evidence."""

    rule: str
    """``registry.yaml:12 (rule 3)``"""
    strategy: str
    """Whose evidence it is: the first of the rule."""
    evidence: str
    """Date and lift, in a line."""
    days: int
    """How old it is."""
    stale: list[str]
    """What changed since, from what to what, line by line."""
    not_compared: list[str]
    """What could not be compared, and why, line by line."""


def check_evidence(
    registry: Registry,
    data: Mapping[str, str] | None = None,
    unread: Mapping[str, str] | None = None,
    today: datetime.date | None = None,
) -> list[EvidenceReport]:
    """Return a report for each rule that has evidence.

    ``data`` are the fingerprints of domains as they are now, None to compare versions alone; ``unread`` says of domains
    without one why. Loads no plugin: versions are those of installed distributions.
    """
    found = []
    for rule in registry.rules:
        if rule.evidence is None:
            continue
        then, now = rule.evidence.data, data or {}
        left = [] if data is None else [name for name in then if name not in now]
        found.append(
            EvidenceReport(
                rule=str(rule),
                strategy=rule.use[0].strategy,
                evidence=str(rule.evidence),
                days=((today or datetime.datetime.now(tz=datetime.UTC).date()) - rule.evidence.date).days,
                stale=[*changed_data(rule.evidence, now), *changed_versions(rule.evidence)],
                not_compared=[f"{name}: {(unread or {}).get(name, 'not in the experiment')}" for name in left],
            )
        )
    return found


def changed_data(evidence: Evidence, now: Mapping[str, str]) -> list[str]:
    """Return a line for each domain whose data is not what was measured; those not in ``now`` are passed over."""
    old = evidence.data
    return [f"the data of {n} was {old[n]}, is {now[n]}" for n in old if n in now and old[n] != now[n]]


def changed_versions(evidence: Evidence) -> list[str]:
    """Return a line for each distribution that is installed in another version, or not at all."""
    now = {name: _installed(name) for name in evidence.versions}
    return [f"{name} was {old}, is {now[name]}" for name, old in evidence.versions.items() if now[name] != old]


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, ValueError):  # a name may be empty
        return "not installed"
