"""``foretaste compare`` on a world whose answer is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

RACE = ["--strategy", "linear/naive-bayes", "--no-control"]


def test_it_says_what_wins_and_by_how_much(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, *RACE)
    assert said.code == 0, said
    assert "linear/naive-bayes wins; linear/naive-bayes helps: ndcg@5 +0." in said.out
    assert "chosen by validation in each repeat: ndcg@5 +0." in said.out
    assert "* wins; lift in ndcg@5" in said.out
    assert "compare.json" in said.out


def test_its_document_is_the_one_in_the_folder(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, *RACE, "--json")
    document = json.loads(said.out)
    assert document == json.loads((experiment.parent / "out/compare.json").read_text())
    assert document["transfers"][0]["winner"] == "linear/naive-bayes"
    assert document["transfers"][0]["memory"]["linear/naive-bayes"] > 50_000_000


def test_what_cannot_race_is_told_with_the_reason(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, *RACE, "--strategy", "align/ratings")
    assert "align/ratings" in said.out
    assert "passed over: needs ratings" in said.out


def test_a_memory_that_nothing_fits_in_is_an_error_in_words(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, *RACE, "--memory", "20")
    assert said.code == 2
    assert "no baseline was measured" in said.err
    assert "MB, 20 MB are allowed" in said.err


def test_a_misspelt_strategy_is_told(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, "--strategy", "linear/naive-bayess")
    assert said.code == 2
    assert "did you mean 'linear/naive-bayes'" in said.err


def test_what_wins_is_written_with_its_evidence_and_chosen_from_then_on(experiment: Path, call: Any) -> None:
    registry = experiment.parent / "registry.yaml"
    registry.write_text("# ours\nversion: 1\nrules:\n  - use: [{strategy: baseline/popular}] # for all\n")
    said = call("compare", experiment, *RACE, "--write", registry)
    assert said.code == 0, said
    written = registry.read_text()
    assert "# ours" in written
    assert "# for all" in written
    assert written.index("linear/naive-bayes") < written.index("# for all")
    checked = call("registry", "check", registry, "--experiment", experiment)
    assert checked.code == 0, checked
    text = experiment.read_text().replace("strategy: linear/naive-bayes, beside: [align/ridge]", "")
    experiment.write_text(text.replace(", }", "}") + "registry: registry.yaml\n")
    explained = call("explain", experiment)
    assert "linear/naive-bayes chosen" in explained.out, explained
    assert "evidence of 20" in explained.out


def test_a_registry_with_a_mistake_costs_no_race(experiment: Path, call: Any) -> None:
    registry = experiment.parent / "registry.yaml"
    registry.write_text("version: 1\nrules: [{used: []}]\n")
    said = call("compare", experiment, *RACE, "--write", registry)
    assert said.code == 2
    assert not (experiment.parent / "out").exists()


def test_several_sources_and_a_rule_are_refused_before_the_race(experiment: Path, call: Any) -> None:
    text = experiment.read_text().replace("source: grocery,", "source: [grocery, bakery],")
    experiment.write_text(text.replace("transfers:", "  bakery: {path: grocery.parquet}\ntransfers:"))
    said = call("compare", experiment, *RACE, "--write", experiment.parent / "registry.yaml")
    assert said.code == 2
    assert said.err.strip() == (
        "error: transfers[0]: --write: found 2 sources (grocery, bakery), expected one: a rule is about a pair"
    )
    assert not (experiment.parent / "out").exists()


def test_two_transfers_of_one_pair_and_a_rule_are_refused_before_the_race(experiment: Path, call: Any) -> None:
    again = "  - {source: grocery, target: drugstore, shared: users, twins: drop}\nmetrics:"
    experiment.write_text(experiment.read_text().replace("metrics:", again))
    said = call("compare", experiment, *RACE, "--write", experiment.parent / "registry.yaml")
    assert said.code == 2
    assert said.err.strip() == (
        "error: transfers[1]: --write: found grocery -> drugstore again, after transfers[0]; expected each pair once: a"
        " rule knows its domains' names alone, and the later one would replace the earlier"
    )
    assert not (experiment.parent / "out").exists()


def test_a_registry_that_cannot_be_written_costs_no_race(experiment: Path, call: Any) -> None:
    said = call("compare", experiment, *RACE, "--write", experiment.parent / "no/registry.yaml")
    assert said.code == 2
    assert "no/registry.yaml: cannot be written: there is no folder" in said.err.replace("\n", "")
    assert not (experiment.parent / "out").exists()


def test_where_twins_keep_a_rule_from_being_written_the_race_is_shown_and_other_rules_are_written(
    experiment: Path, call: Any
) -> None:
    grocery = pl.read_parquet(experiment.parent / "grocery.parquet")
    copies = grocery.with_columns(item_id="copy of " + pl.col("item_id"))
    copies.write_parquet(experiment.parent / "bakery.parquet")
    text = experiment.read_text().replace("transfers:", "  bakery: {path: bakery.parquet}\ntransfers:")
    experiment.write_text(text.replace("metrics:", "  - {source: grocery, target: bakery, shared: users}\nmetrics:"))
    registry = experiment.parent / "registry.yaml"
    said = call("compare", experiment, *RACE, "--write", registry)
    assert said.code == 2
    assert "grocery -> bakery: no rule is written: twins give test rows away" in said.err
    assert "linear/naive-bayes wins" in said.out
    assert registry.read_text().count("target: drugstore") == 1
    assert "bakery" not in registry.read_text()
