"""What a choice rests on, told beside it: the evidence of its rule, and whether that is of the data at hand."""

from __future__ import annotations

from dataclasses import replace

from foretaste.data import Transfer
from foretaste.platform._fingerprint import data_fingerprint
from foretaste.registry import Decision, Registry, changed_data, changed_versions


def with_evidence(decision: Decision, registry: Registry, transfer: Transfer) -> Decision:
    """Return a decision whose trace ends with the evidence of its rule, where that is about the strategy chosen.

    ``transfer`` is whole: nothing is hidden yet. Evidence that is stale is told as such, and the choice stays.
    """
    rule = next((rule for rule in registry.rules if str(rule) == decision.rule), None)
    if rule is None or rule.evidence is None or rule.use[0].strategy != decision.strategy:
        return decision
    domains = [*(pair.source for pair in transfer.pairs), transfer.target]
    now = {domain.name: data_fingerprint(domain) for domain in domains if domain.name in rule.evidence.data}
    since = [
        what
        for what, changed in (
            ("data", changed_data(rule.evidence, now)),
            ("versions", changed_versions(rule.evidence)),
        )
        if changed
    ]
    line = str(rule.evidence)
    if len(now) < len(domains):
        line += ", measured on other domains"
    if since:
        line += f", {' and '.join(since)} changed since"
    return replace(decision, trace=(*decision.trace, line))
