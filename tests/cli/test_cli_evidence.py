"""``registry check`` says which evidence is stale, and the trace of a choice does too."""

from __future__ import annotations

import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from foretaste import Platform, read_experiment
from foretaste.registry import PairRule, Use, write_rule
from registry.evidence import evidence


@pytest.fixture
def registry(experiment: Path) -> Path:
    """A registry whose evidence is of what the experiment reads, by what is installed; the experiment reads it."""
    known, _ = read_experiment(experiment)
    data, _ = Platform(entry_points=False).data_fingerprints(known, known.domains, folder=experiment.parent)
    path = experiment.parent / "registry.yaml"
    rule = PairRule(source="grocery", target="drugstore", use=[Use(strategy="linear/naive-bayes")])
    write_rule(path, rule, evidence(data=data, versions={"numpy": metadata.version("numpy")}))
    return path


def check(call: Any, registry: Path, experiment: Path, *options: object) -> Any:
    return call("registry", "check", registry, "--experiment", experiment, *options)


def grow(table: Path) -> None:
    """One more row."""
    rows = pl.read_parquet(table)
    pl.concat([rows, rows.head(1).with_columns(item_id=pl.lit("d0"))]).unique().write_parquet(table)


def rewritten(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_evidence_of_what_is_there_is_not_stale(call: Any, registry: Path, experiment: Path) -> None:
    answer = check(call, registry, experiment)
    assert answer.code == 0, answer
    assert answer.out.count("\n") == 1


def test_data_that_changed_is_told_from_what_to_what(call: Any, registry: Path, experiment: Path) -> None:
    grow(experiment.parent / "drugstore.parquet")
    answer = check(call, registry, experiment)
    assert answer.code == 3, answer
    (line,) = answer.out.splitlines()[1:]
    assert line.startswith("registry.yaml:3 (rule 1): stale: the data of drugstore was ")
    assert ", is " in line


def test_without_an_experiment_versions_alone_are_compared(call: Any, registry: Path, experiment: Path) -> None:
    grow(experiment.parent / "drugstore.parquet")
    assert call("registry", "check", registry).code == 0
    rewritten(registry, f"numpy: {metadata.version('numpy')}", "numpy: 1.0.0, no-such-package: 2.0.0")
    answer = call("registry", "check", registry, "--no-plugins")
    assert answer.code == 3
    assert answer.out.splitlines()[1:] == [
        f"registry.yaml:3 (rule 1): stale: numpy was 1.0.0, is {metadata.version('numpy')}",
        "registry.yaml:3 (rule 1): stale: no-such-package was 2.0.0, is not installed",
    ]


def test_age_alone_is_told_and_is_no_mistake(call: Any, registry: Path, experiment: Path) -> None:
    days = (datetime.date.today() - datetime.date(2026, 11, 2)).days
    answer = check(call, registry, experiment, "--older-than", max(days - 1, 0))
    assert answer.code == 0, answer
    assert answer.out.splitlines()[1:] == [f"registry.yaml:3 (rule 1): {days} days old"] * (days > 0)
    assert "days old" not in check(call, registry, experiment, "--older-than", days).out


def test_what_cannot_be_compared_is_told_and_is_not_stale(call: Any, registry: Path, experiment: Path) -> None:
    rewritten(registry, "data: {", "data: {music: 00ff, ")
    answer = check(call, registry, experiment)
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == ["registry.yaml:3 (rule 1): not compared: music: not in the experiment"]


def test_checking_loads_no_plugin_of_the_experiment(call: Any, registry: Path, experiment: Path) -> None:
    (experiment.parent / "mine.py").write_text("raise SystemExit('loaded')\n")
    rewritten(experiment, "grocery: {", "grocery: {kind: mine, ")
    rewritten(experiment, "tries: 2", "plugins: [mine.py]")
    answer = check(call, registry, experiment)
    assert answer.code == 0, answer
    assert "not compared: grocery: domains.grocery: no plugin reads kind 'mine'" in answer.out


def test_the_document_says_the_same(call: Any, registry: Path, experiment: Path) -> None:
    grow(experiment.parent / "drugstore.parquet")
    answer = check(call, registry, experiment, "--json")
    assert answer.code == 3
    (found,) = answer.json["evidence"]
    assert (found["rule"], found["strategy"]) == ("registry.yaml:3 (rule 1)", "linear/naive-bayes")
    assert found["evidence"] == "evidence of 2026-11-02: +0.028 [+0.022, +0.033] over baseline/popular"
    assert found["stale"][0].startswith("the data of drugstore was ")
    assert found["not_compared"] == []


def explained(call: Any, experiment: Path) -> Any:
    rewritten(experiment, "strategy: linear/naive-bayes, ", "")
    rewritten(experiment, "tries: 2", "registry: registry.yaml")
    (found,) = call("explain", experiment, "--json").json["transfers"]
    return found["decision"]


def test_the_trace_names_the_evidence_of_a_choice(call: Any, registry: Path, experiment: Path) -> None:
    assert explained(call, experiment)["trace"] == [
        "registry.yaml:3 (rule 1): linear/naive-bayes chosen",
        "evidence of 2026-11-02: +0.028 [+0.022, +0.033] over baseline/popular",
    ]


def test_a_stale_rule_is_used_and_the_trace_says_what_changed(call: Any, registry: Path, experiment: Path) -> None:
    grow(experiment.parent / "drugstore.parquet")
    found = explained(call, experiment)
    assert found["strategy"] == "linear/naive-bayes"
    assert found["trace"][-1].endswith(" over baseline/popular, data changed since")
    rewritten(registry, f"numpy: {metadata.version('numpy')}", "numpy: 1.0.0")
    assert call("explain", experiment).out.count(", data and versions changed since\n") == 1


def test_evidence_of_other_domains_is_called_so(call: Any, registry: Path, experiment: Path) -> None:
    rewritten(registry, "data: {", "data: {music: 00ff} # {")
    assert explained(call, experiment)["trace"][-1].endswith(" over baseline/popular, measured on other domains")


def test_evidence_is_not_told_of_a_strategy_that_it_is_not_of(call: Any, registry: Path, experiment: Path) -> None:
    rewritten(registry, "strategy: linear/naive-bayes}", "strategy: align/ratings}\n      - {strategy: linear/ridge}")
    found = explained(call, experiment)
    assert found["strategy"] == "linear/ridge"
    assert found["trace"][-1].endswith(": linear/ridge chosen")


def test_a_run_keeps_the_evidence_in_its_result(call: Any, registry: Path, experiment: Path) -> None:
    rewritten(experiment, "strategy: linear/naive-bayes, beside: [align/ridge]", "twins: report")
    rewritten(experiment, "tries: 2", "tries: 1\nregistry: registry.yaml")
    grow(experiment.parent / "drugstore.parquet")
    (found,) = call("run", experiment, "--json").json["transfers"]
    assert found["trace"][1].endswith(" over baseline/popular, data changed since")
