"""docs/registry.md says how rules are read: its registry is explained, its mistakes are made."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from docs.model_keys import keys, written
from docs.page import Page
from foretaste import PairFacts, Platform
from foretaste.cli import app
from foretaste.registry import PairRule, RegistryFile, parse_registry, shipped_registry, write_rule
from foretaste.testing import save_world, taste_world

PAGE = Page("registry.md")
REGISTRY = PAGE.block("yaml", having="version: 1")
EVIDENCE = PAGE.block("yaml", having="evidence:")
EXPERIMENT = """\
registry: registry.yaml
domains: {books: {path: books.parquet}, films: {path: films.parquet}}
transfers: [{source: books, target: films, shared: users}]
"""


def call(*arguments: object) -> Any:
    return CliRunner(env={"FORCE_COLOR": None}).invoke(app, [str(argument) for argument in arguments])


def pattern(told: str) -> str:
    """A regular expression for what the page says, where ``...`` is anything."""
    return ".*".join(re.escape(part) for part in told.split("..."))


def test_every_key_is_there_with_its_default():
    said = {row[0].strip("`"): row[1] for row in PAGE.table("key | default")}
    found = {key: written(field) for key, field in keys(RegistryFile) if not key.startswith("rules.*.when.")}
    assert said == found | {"rules.*.when": "", "rules.*.evidence": ""}


def test_the_facts_are_listed_where_the_page_says():
    assert "json.md#pairfacts" in PAGE.text
    section = Page("json.md").text.partition("### PairFacts\n")[2].partition("\n###")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == PairFacts.names()


@pytest.mark.parametrize("row", PAGE.table("fact is | condition"), ids=lambda row: row[1])
def test_a_condition_of_each_kind_is_read(row: list[str]) -> None:
    facts = {"a number": "target_skew", "true or false": "timestamps", "a kind of feedback": "source_feedback"}
    for condition in re.findall(r"`([^`]+)`", row[1]):
        fact = "shared_users" if condition.isdigit() else facts[row[0]]
        text = f"version: 1\nrules: [{{when: {{{fact}: {condition}}}, use: [{{strategy: a/b}}]}}]\n"
        assert list(parse_registry(text, "registry.yaml").rules[0].when) == [fact]


def test_explain_traces_the_registry_of_the_page_as_it_says(tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    answer = call("explain", tmp_path / "experiment.yaml")
    told = PAGE.block("console", having="foretaste explain").splitlines()
    assert told[0] == "$ foretaste explain experiment.yaml"
    for shown, line in zip(told[1:-1], answer.stdout.splitlines()[: len(told) - 2], strict=True):
        assert re.fullmatch(pattern(shown), line), answer.stdout


def test_the_registry_of_the_page_has_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    answer = call("registry", "check", tmp_path / "registry.yaml")
    assert answer.exit_code == 0, answer.output


def test_the_rule_with_evidence_is_what_is_written_of_it(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    (rule,) = parse_registry(f"version: 1\nrules:\n{EVIDENCE}", "registry.yaml").rules
    assert rule.evidence is not None
    write_rule(path, PairRule(source="books", target="films", use=list(rule.use)), rule.evidence)
    assert path.read_text() == f"version: 1\nrules:\n{EVIDENCE}"


RIDGE = "use: [{strategy: align/ridge}]"
MISTAKES = {
    "a fact that does not exist": [f"when: {{shared_user: 1}}, {RIDGE}"],
    "a bound that no fact can have": [f"when: {{user_overlap: {{min: 20}}}}, {RIDGE}"],
    "bounds the wrong way round": [f"when: {{shared_users: {{min: 3, max: 2}}}}, {RIDGE}"],
    "a strategy that is not there": ["use: [{strategy: align/rigde}]"],
    "a setting that is not there": ["use: [{strategy: align/ridge, params: {factor: 3}}]"],
    "a rule that is never reached": ["use: [{strategy: baseline/popular}]", f"target: films, {RIDGE}"],
}


@pytest.mark.parametrize(("mistake", "told"), PAGE.table("mistake | what is said"))
def test_a_mistake_is_told_as_on_the_page(mistake: str, told: str, tmp_path: Path) -> None:
    rules = "".join(f"  - {{{rule}}}\n" for rule in MISTAKES[mistake])
    (tmp_path / "registry.yaml").write_text(f"version: 1\nrules:\n{rules}")
    answer = call("registry", "check", tmp_path / "registry.yaml")
    assert answer.exit_code == 2
    assert re.search(pattern(told.strip("`")), answer.stderr), answer.output


def test_foretastes_own_rules_test_facts_only_and_end_with_one_for_every_pair():
    rules = shipped_registry().rules
    assert all(rule.source is None and rule.target is None for rule in rules)
    assert not rules[-1].when


def test_a_choice_falls_back_to_the_rules_of_foretaste(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    joined: Any = Platform(registry=tmp_path / "registry.yaml").registry
    assert [str(rule) for rule in joined.rules[:3]] == [
        "registry.yaml:4 (rule 1)",
        "registry.yaml:10 (rule 2)",
        str(shipped_registry().rules[0]),
    ]


def test_stale_evidence_is_told_as_on_the_page(tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    old = EVIDENCE.replace("foretaste: 0.1.0, numpy: 2.3.5, scipy: 1.16.3, polars: 1.35.2", "numpy: 1.26.0")
    day = datetime.date.today() - datetime.timedelta(days=181)
    text = f"version: 1\nrules:\n{old}".replace("2026-11-02", str(day))
    (tmp_path / "registry.yaml").write_text(text.replace("books: 4f1a09c7d2b86e35, ", ""))
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    told = PAGE.block("console", having="registry check").splitlines()
    words = told[0].removeprefix("$ foretaste ").split()
    answer = call(*(tmp_path / word if word.endswith(".yaml") else word for word in words))
    assert answer.exit_code == 3, answer.output
    for shown, line in zip(told[1:], answer.stdout.splitlines(), strict=True):
        assert re.fullmatch(pattern(shown), line.removeprefix(f"{tmp_path}/")), answer.stdout
