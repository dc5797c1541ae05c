"""docs/plugins.md says what is so: every hook with its arguments, and code that runs."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import polars as pl
import pytest

from foretaste import Checkpoint, Context, Platform, PluginError, Strategy, hookimpl, run_experiment
from foretaste.hookspecs import Hooks
from foretaste.testing import StrategyContract, save_world, taste_world

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "custom-plugin"
PAGE = (ROOT / "docs" / "plugins.md").read_text()
HOOKS = {name: function for name, function in vars(Hooks).items() if not name.startswith("_")}
IN_PYTHON, CONTRACT, WATCH = "platform.fit(", "class TestTogether", "wrapper=True"
METRIC, READER = "class Early", "pd.read_json"
EXPERIMENT = """
domains: {{books: {{path: books.parquet}}, films: {}}}
transfers: [{{source: books, target: films, shared: users, strategy: linear/naive-bayes, params: {{power: 0.5}}}}]
metrics: [{}]
"""


def block(language: str, holding: str) -> str:
    """The one code block of the page that holds a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (found,) = [text for text in blocks if holding in text]
    return str(found)


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table that a header line starts."""
    lines = PAGE[PAGE.index(f"| {heading}") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_every_hook_is_in_the_table_in_run_order() -> None:
    assert [row[0].strip("`") for row in rows_of("hook |")] == list(HOOKS)


def test_the_table_says_where_the_first_answer_counts() -> None:
    said = {row[0].strip("`"): row[2] == "first" for row in rows_of("hook |")}
    assert said == {name: function.foretaste_spec["firstresult"] for name, function in HOOKS.items()}


def test_every_hook_has_a_heading_with_its_exact_arguments() -> None:
    headings = dict(re.findall(r"^### `(\w+)\((.*)\)`$", PAGE, re.MULTILINE))
    arguments = {name: ", ".join(list(inspect.signature(function).parameters)[1:]) for name, function in HOOKS.items()}
    assert headings == arguments
    assert list(headings) == list(HOOKS)


def test_the_names_that_a_strategy_class_says_are_all_there() -> None:
    said = [row[0].strip("`") for row in rows_of("name | meaning")]
    annotations = inspect.get_annotations(Strategy)
    assert said == [name for name, kind in annotations.items() if str(kind).startswith("ClassVar")]


def test_the_worlds_are_all_there() -> None:
    import foretaste.testing

    said = {row[0].strip("`") for row in rows_of("world |")}
    assert said == {name for name in foretaste.testing.__all__ if name.endswith("_world") and name != "save_world"}


@pytest.mark.parametrize(
    ("language", "file"),
    [("python", "foretaste_together.py"), ("python", "tests/test_contract.py"), ("toml", "pyproject.toml")],
)
def test_the_example_on_the_page_is_the_one_in_the_folder(language: str, file: str) -> None:
    text = (EXAMPLE / file).read_text()
    assert block(language, text.splitlines()[0]) == text


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the example's entry point: what the page says of a file holds before it is installed."""
    found = importlib.metadata.entry_points(group="foretaste")
    ours = importlib.metadata.EntryPoints(point for point in found if point.name != "together")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: ours)


def test_the_example_is_fitted_from_python(not_installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    names: dict[str, Any] = {}
    exec(block("python", IN_PYTHON), names)
    assert names["answer"].path == "folded-in"
    assert all(item.startswith("film-a") for item in names["answer"].items)


def test_the_example_runs_as_an_experiment(not_installed: None, tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    (tmp_path / "foretaste_together.py").write_text((EXAMPLE / "foretaste_together.py").read_text())
    (tmp_path / "experiment.yaml").write_text(block("yaml", "foretaste_together.py"))
    small = ["tries=2", "folds=2", "metrics=[ndcg@5]"]
    (result,) = run_experiment(tmp_path / "experiment.yaml", assignments=small).transfers
    assert result.chosen == "together/cosine"
    lift = result.entry("together/cosine").lift
    assert lift is not None
    assert lift.value > 0.05


def test_a_file_that_is_installed_as_well_is_there_twice() -> None:
    with pytest.raises(PluginError, match="strategy 'together/cosine' is already registered by plugin 'together'"):
        Platform(plugins=[EXAMPLE / "foretaste_together.py"])


def test_the_contract_on_the_page_passes_with_plain_pytest(tmp_path: Path) -> None:
    (tmp_path / "foretaste_together.py").write_text((EXAMPLE / "foretaste_together.py").read_text())
    (tmp_path / "test_contract.py").write_text(block("python", CONTRACT))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{len([name for name in vars(StrategyContract) if name.startswith('test_')]) + 1} passed" in done.stdout


def test_the_watching_plugin_counts_time() -> None:
    watching = ModuleType("watching")
    exec(block("python", WATCH), watching.__dict__)
    Platform(plugins=[watching]).fit("baseline/popular", taste_world())
    assert list(watching.seconds) == ["baseline/popular"]
    assert watching.seconds["baseline/popular"] > 0


def test_the_metric_of_the_page_is_measured_in_a_run(tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    (tmp_path / "early.py").write_text(block("python", METRIC))
    (tmp_path / "experiment.yaml").write_text(
        EXPERIMENT.format("{path: films.parquet}", "ndcg@5, early") + "plugins: [early.py]\n"
    )
    (result,) = run_experiment(tmp_path / "experiment.yaml").transfers
    figures = {entry.strategy: entry.metrics["early"] for entry in result.leaderboard}
    popular, best = figures["baseline/popular"], figures["linear/naive-bayes"]
    assert popular is not None
    assert best is not None
    assert 0 <= popular < best <= 1


def test_the_reader_of_the_page_hands_on_what_the_entry_says(tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    films = pl.read_parquet(tmp_path / "films.parquet").select("user_id", "item_id", points=pl.lit(5.0))
    films.write_ndjson(tmp_path / "films.jsonl")
    (tmp_path / "json_lines.py").write_text(block("python", READER))
    said = re.search(r"^  films: (.*)$", block("yaml", "json-lines"), re.MULTILINE)
    assert said is not None
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.format(said[1], "ndcg@5") + "plugins: [json_lines.py]\n")
    (result,) = run_experiment(tmp_path / "experiment.yaml").transfers
    assert [result.facts[0][f"{side}_feedback"] for side in ("source", "target")] == ["implicit", "explicit"]


class Taken(Strategy):
    name: ClassVar[str] = "baseline/popular"

    def pretrain(self, source: Any, context: Any) -> Any: ...

    def adapt(self, carried: Any, transfer: Any, context: Any) -> Any: ...


def plugin(api: int | None = 1, **hooks: Any) -> ModuleType:
    made = ModuleType("mine")
    made.__dict__.update({name: hookimpl(function) for name, function in hooks.items()})
    if api is not None:
        made.__dict__["foretaste_api"] = api
    return made


def nothing() -> list[Any]:
    return []


WRONG: dict[str, Callable[[], Any]] = {
    "a hook that does not exist": lambda: plugin(register_strategis=nothing),
    "no hook at all": plugin,
    "another API": lambda: plugin(2, run_finished=lambda: None),
    "no API": lambda: plugin(None, run_finished=lambda: None),
    "an argument that the hook has not": lambda: plugin(adapt=lambda strategy, carrier: None),
    "a name that is taken": lambda: plugin(register_strategies=lambda: [Taken]),
    "an import that fails": lambda: Path("mine.py"),
}


def test_all_errors_of_the_page_are_tried() -> None:
    assert [row[0] for row in rows_of("what is wrong")] == list(WRONG)


@pytest.mark.parametrize("wrong", WRONG)
def test_an_error_reads_as_on_the_page(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import no_such_package\n")
    told = dict(rows_of("what is wrong"))[wrong].strip("`")
    pattern = ".*".join(re.escape(part) for part in told.split("..."))
    with pytest.raises(PluginError, match=f"^{pattern}$" if not told.endswith("...") else f"^{pattern}"):
        Platform(plugins=[WRONG[wrong]()], folder=tmp_path)


def test_a_pretraining_that_keeps_its_state_goes_on_where_it_was(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "context.checkpoint"), names)
    source = taste_world().pair.source
    whole = names["pretrain"](source, Context())
    names["pretrain"](source, Context(checkpoint=Checkpoint(tmp_path)), epochs=7)
    resumed = names["pretrain"](source, Context(checkpoint=Checkpoint(tmp_path)))
    assert resumed.arrays["items"].tobytes() == whole.arrays["items"].tobytes()
