"""docs/cli.md and docs/json.md say what the command line does: every command, option and key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from foretaste.audit import AuditReport
from foretaste.cli import app
from foretaste.comparison import Choice, CompareResult, TransferComparison, Unmeasured
from foretaste.data import PairFacts
from foretaste.experiment import NewcomersHoldout
from foretaste.forecast import Expected, Forecast, Shift
from foretaste.plugins import PluginReport
from foretaste.recommender import Reason
from foretaste.registry import Decision, EvidenceReport
from foretaste.result import Cell, Control, Entry, HandedOn, Lift, Population, RunResult, TransferResult

DOCS = Path(__file__).parents[2] / "docs"
MODELS = {
    model.__name__: list(model.model_fields)
    for model in (RunResult, TransferResult, HandedOn, Cell, Entry, Lift, Control)
} | {
    "Population": list(Population.model_fields),
    **{one.__name__: list(one.model_fields) for one in (CompareResult, TransferComparison, Unmeasured, Choice)},
    "Holdout": list(NewcomersHoldout.model_fields),
    "PairFacts": PairFacts.names(),
    "AuditReport": [*(field.name for field in fields(AuditReport)), "leaks"],
    "Forecast": [*(field.name for field in fields(Forecast)), "go", "sentences"],
    "Expected": [field.name for field in fields(Expected)],
    "Shift": [field.name for field in fields(Shift)],
    "Decision": [field.name for field in fields(Decision)],
    "EvidenceReport": [field.name for field in fields(EvidenceReport)],
    "PluginReport": [field.name for field in fields(PluginReport)],
    "Reason": [field.name for field in fields(Reason)],
}


def documented() -> dict[str, list[str]]:
    """Heading of each table in docs/json.md to its keys."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^### ", (DOCS / "json.md").read_text(), flags=re.MULTILINE)[1:]:
        found[section.splitlines()[0].strip()] = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    return found


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_documented_keys_are_the_fields_of_the_model(name: str) -> None:
    assert documented()[name] == MODELS[name]


def test_the_documented_keys_are_those_that_are_printed(
    call: Any, experiment: Path, finished: Any, bundle: Path
) -> None:
    known = documented()
    files = [experiment.parent / "grocery.parquet", experiment.parent / "drugstore.parquet"]
    run = call("run", finished[0], "--json").json
    explained = call("explain", experiment, "--set", "budget.seconds=600", "--forecast", "--json").json
    pair = call("facts", *files, "--shared", "users", "--json").json
    answer = call("recommend", bundle, "1000", "--why", "--json").json
    output = experiment.parent / "knowledge"
    asked = ("--source", "grocery", "--strategy", "align/ridge", "--output", output, "--param", "epochs=1")
    printed = {
        "Pretrained": call("pretrain", experiment, *asked, "--json").json,
        "Audit": run["transfers"][0]["audit"],
        "AuditReport": run["transfers"][0]["audit"]["pairs"]["grocery"],
        "Explanation": explained,
        "Explained": explained["transfers"][0],
        "Cost": explained["transfers"][0]["costs"][0],
        "Decision": explained["transfers"][0]["decision"],
        "PairForecast": explained["transfers"][0]["forecasts"][0],
        "Forecast": explained["transfers"][0]["forecasts"][0]["forecast"],
        "PairReport": pair,
        "PairFacts": pair["facts"],
        "PairAudit": pair["audit"],
        "Holdout": pair["audit"]["holdout"],
        "Answer": answer,
        "Recommendation": answer["recommendations"][0],
        "Item": answer["recommendations"][0]["items"][0],
        "Reason": answer["recommendations"][0]["items"][0]["reasons"][0],
        "PluginList": call("plugins", "--json").json,
        "RegistryReport": call("registry", "check", "--json").json,
    }
    assert {name: list(document) for name, document in printed.items()} == {name: known[name] for name in printed}
    assert set(known) == set(MODELS) | set(printed)


def test_every_link_of_the_document_leads_somewhere() -> None:
    text = (DOCS / "json.md").read_text()
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= {name.lower() for name in documented()}


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


@pytest.mark.parametrize(("name", "command"), list(commands(get_command(app))))
def test_every_command_and_option_is_documented(name: str, command: Any) -> None:
    sections = re.split(r"^## ", (DOCS / "cli.md").read_text(), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.splitlines()[0] == name]
    synopsis = next(line for line in section.splitlines() if line.startswith(f"`foretaste {name}"))
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", synopsis)) == options - {"--help"}
