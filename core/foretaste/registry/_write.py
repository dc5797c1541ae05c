"""A rule and its evidence, written into a registry that somebody keeps by hand."""

from __future__ import annotations

from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Final

from pydantic import Field

from foretaste.config import StrictModel, parse_yaml, read_text, validate
from foretaste.disk import replace_file
from foretaste.errors import ConfigError, OutputError
from foretaste.registry._evidence import Evidence
from foretaste.registry._layout import with_rule
from foretaste.registry._rules import RegistryFile, RuleSpec, Use

_EMPTY: Final = "version: 1\nrules: []\n"
_TRIES: Final = 10


class PairRule(StrictModel):
    """Which strategies to try for one pair of domains; names are meant as they are, and are no globs."""

    source: str = Field(min_length=1)
    target: str = Field(min_length=1)
    use: list[Use] = Field(min_length=1)


def write_rule(path: Path, rule: PairRule, evidence: Evidence) -> None:
    """Put a rule with its evidence into a registry file, which is made if it is missing.

    An earlier rule for the same two names that has evidence and no condition is replaced where it stands. Otherwise
    the rule goes before the first one that could catch the pair, or else to the top. All that is written there, but
    for the rule that is replaced, stays as it is, and comments in that one are moved above it.

    The file is replaced in one step: it is never half-written, and what somebody else wrote meanwhile is kept. Raises
    ConfigError for a registry with mistakes, OutputError where it cannot be written; the file is then as it was.
    """
    spec = RuleSpec(source=escape(rule.source), target=escape(rule.target), use=rule.use, evidence=evidence)
    for _ in range(_TRIES):
        before = read_text(path) if path.exists() else None
        after = _written(path, _EMPTY if before is None else before, rule, spec)
        if replace_file(path, after.encode(), None if before is None else before.encode()):
            return
    raise OutputError(f"{path}: cannot be written: it was changed by others at each of {_TRIES} attempts")


def _written(path: Path, text: str, rule: PairRule, spec: RuleSpec) -> str:
    rules = _read(path, text)
    at, replace = _place(rules, rule, spec)
    written = with_rule(text, at, spec.model_dump(exclude_unset=True, exclude={"when"}), replace=replace)
    try:
        found = _read(path, written)
    except ConfigError as error:
        raise _unclear(path) from error
    if _said(found) != _said([*rules[:at], spec, *rules[at + replace :]]):
        raise _unclear(path)
    return written


def _read(path: Path, text: str) -> list[RuleSpec]:
    return validate(RegistryFile, parse_yaml(text, str(path))).rules


def _said(rules: list[RuleSpec]) -> list[str]:
    return [repr(one.model_dump()) for one in rules]


def _place(rules: list[RuleSpec], rule: PairRule, spec: RuleSpec) -> tuple[int, bool]:
    """Return before which rule a rule goes, or in the place of which one."""
    for at, one in enumerate(rules):
        if (one.source, one.target) == (spec.source, spec.target) and one.evidence and not one.when.model_fields_set:
            return at, True
    names = (rule.source, rule.target)
    for at, one in enumerate(rules):
        if all(
            glob is None or fnmatchcase(name, glob) for name, glob in zip(names, (one.source, one.target), strict=True)
        ):
            return at, False
    return 0, False


def _unclear(path: Path) -> ConfigError:
    return ConfigError(
        f"{path}: cannot take a rule as it is laid out (an anchor in a rule that others refer to, perhaps);"
        " write the rules as a plain list"
    )
