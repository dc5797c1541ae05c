"""Which strategy for which pair: the catalog of what is installed, the rules of registry.yaml, and the choice.

A registry names strategies, never code: reading and checking one loads no plugin.
"""

from __future__ import annotations

from foretaste.registry._auto import AUTO, Auto, read_auto
from foretaste.registry._catalog import STRATEGY_NAME, Catalog
from foretaste.registry._check import check_registry
from foretaste.registry._choose import Decision, choose
from foretaste.registry._evidence import Evidence, MeasuredLift
from foretaste.registry._rules import (
    Range,
    Registry,
    RegistryFile,
    Rule,
    Use,
    joined,
    parse_registry,
    read_registry,
    shipped_registry,
)
from foretaste.registry._stale import EvidenceReport, changed_data, changed_versions, check_evidence
from foretaste.registry._write import PairRule, write_rule

__all__ = [
    "AUTO",
    "STRATEGY_NAME",
    "Auto",
    "Catalog",
    "Decision",
    "Evidence",
    "EvidenceReport",
    "MeasuredLift",
    "PairRule",
    "Range",
    "Registry",
    "RegistryFile",
    "Rule",
    "Use",
    "changed_data",
    "changed_versions",
    "check_evidence",
    "check_registry",
    "choose",
    "joined",
    "parse_registry",
    "read_auto",
    "read_registry",
    "shipped_registry",
    "write_rule",
]
