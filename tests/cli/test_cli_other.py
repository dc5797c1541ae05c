"""``facts``, ``plugins``, ``registry check``, ``schema``, ``doctor``, and what all commands share."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from foretaste.cli._doctor import OPTIONAL, conflicts
from foretaste.cli._facts import fact_meanings
from foretaste.cli._guard import DebugAnywhere, GuardedCommand
from foretaste.data import PairFacts
from foretaste.errors import DataError
from foretaste.experiment import Experiment

ROOT = Path(__file__).parents[2]
HEAVY = "numpy", "polars", "scipy", "pydantic", "pluggy", "ruamel", "rich.table"


def test_facts_of_two_files(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    answer = call("facts", folder / "grocery.parquet", folder / "drugstore.parquet", "--shared", "users")
    assert answer.code == 0, answer
    assert re.search(r"^shared_users +100 +people with rows on both sides$", answer.out, re.MULTILINE)
    assert "\naudit: " in answer.out


def test_facts_say_what_transfer_can_bring(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    answer = call("facts", folder / "grocery.parquet", folder / "drugstore.parquet", "--shared", "users")
    assert re.search(r"^forecast: expect \+0\.\d+ to \+0\.\d+ ndcg@10 for newcomers", answer.out, re.MULTILINE)
    assert re.search(r"^  control: newcomers gain [+-]0\.\d+ where", answer.out, re.MULTILINE)


def test_facts_of_a_target_that_nobody_likes_say_so(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    pl.read_parquet(folder / "drugstore.parquet").with_columns(rating=pl.lit(1.0)).write_parquet(folder / "d.parquet")
    answer = call("facts", folder / "grocery.parquet", folder / "d.parquet", "--shared", "users")
    assert answer.code == 0, answer
    assert "\nforecast: no forecast: 0 people prefer something on both sides, 50 are needed\n" in answer.out


def test_facts_of_a_file_with_columns_of_its_own_says_who_reads_them(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    (folder / "shop.csv").write_text("household,item_id\n1,x\n")
    answer = call("facts", folder / "grocery.parquet", folder / "shop.csv", "--shared", "users")
    assert answer.code == 2
    remedy = "name it, as in columns: {user_id: household} of a domain in experiment.yaml, and ask foretaste explain"
    assert answer.err.endswith(f"{remedy}\n")


def test_facts_as_json(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    document = call(
        "facts", folder / "grocery.parquet", folder / "drugstore.parquet", "--shared", "users", "--json"
    ).json
    assert list(document) == ["facts", "audit", "forecast", "notes"]
    assert list(document["facts"]) == PairFacts.names()
    assert list(document["audit"]) == ["twins", "twins_under_null", "test_rows_given_away", "holdout"]
    assert document["audit"]["holdout"]["kind"] == "newcomers"
    assert document["forecast"]["go"] is True
    assert document["forecast"]["expected"][0]["low"] > 0


@pytest.mark.parametrize("as_json", [False, True])
def test_facts_come_with_what_was_done_to_the_tables(call: Any, tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id,quantity\n1,x,2\n2,x,1\n1,x,1\n")
    (tmp_path / "b.csv").write_text("user_id,item_id\n1,y\n2,z\n")
    answer = call(
        "facts", tmp_path / "a.csv", tmp_path / "b.csv", "--shared", "users", *(["--json"] if as_json else [])
    )
    told = answer.json["notes"] if as_json else re.findall("^note: (.*)$", answer.out, re.MULTILINE)
    assert told == [
        "a: column 'quantity' read as weight",
        "a: 1 repeated rows of one user and item merged (sum)",
        "a -> b: user ids look like row numbers on both sides (2 in common);"
        " equal numbers are taken to be equal users because shared: says so",
    ]


def test_two_files_of_one_name_are_told_apart(call: Any, experiment: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "grocery.parquet"
    other.parent.mkdir()
    other.write_bytes((experiment.parent / "drugstore.parquet").read_bytes())
    answer = call("facts", experiment.parent / "grocery.parquet", other, "--shared", "users", "--json")
    assert answer.json["facts"]["shared_users"] == 100


def test_every_fact_has_a_meaning() -> None:
    assert list(fact_meanings()) == PairFacts.names()


def test_plugins_are_reported(call: Any) -> None:
    found = {one["name"]: one for one in call("plugins", "--json").json["plugins"]}
    assert found["linear"]["state"] == "loaded"
    assert found["linear"]["distribution"] == "foretaste"
    assert "linear/naive-bayes" in found["linear"]["strategies"]
    assert re.search(r"^linear +loaded +foretaste ", call("plugins").out, re.MULTILINE)


def test_the_shipped_registry_has_no_mistake(call: Any) -> None:
    for arguments in ([], ["--no-plugins"]):
        answer = call("registry", "check", *arguments)
        assert answer.code == 0, answer
        assert "no mistake found" in answer.out


def test_the_schema_of_an_experiment_has_its_docs(call: Any) -> None:
    document = call("schema").json
    assert document == Experiment.model_json_schema()
    assert document["properties"]["metrics"]["description"].startswith("The first is the one")
    assert "rules" in call("schema", "registry").json["properties"]


def test_doctor_says_what_can_run_here(call: Any) -> None:
    answer = call("doctor")
    assert answer.code == 0, answer
    assert f"foretaste {version('foretaste')}" in answer.out
    assert re.search(r"^numpy +\d", answer.out, re.MULTILINE)
    assert re.search(r"^baseline/popular +yes", answer.out, re.MULTILINE)
    assert re.search(r"^blas ", answer.out, re.MULTILINE)


def test_doctor_warns_of_two_distributions_of_one_import_name() -> None:
    assert conflicts({"lightfm": ["lightfm-next", "rectools-lightfm", "lightfm-next"], "torch": ["torch"]}) == [
        "lightfm is brought by lightfm-next and rectools-lightfm, which overwrite each other: uninstall one"
    ]


def test_doctor_knows_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {name for names in OPTIONAL.values() for name in names} == set(extras) - {"all", "dev"}


def test_version(call: Any) -> None:
    assert call("--version").out == f"foretaste {version('foretaste')}\n"


def test_python_runs_the_package_as_the_command_line() -> None:
    command = [sys.executable, "-m", "foretaste", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("foretaste ")


def test_every_command_has_help(call: Any) -> None:
    overview = call("--help")
    assert overview.code == 0
    for command in ("run", "explain", "facts", "recommend", "plugins", "registry check", "schema", "doctor"):
        answer = call(*command.split(), "--help")
        assert answer.code == 0, answer
        assert command.split()[0] in overview.out


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_prints_the_traceback(call: Any, tmp_path: Path, place: str) -> None:
    command = ["run", tmp_path / "nope.yaml"]
    answer = call(*(["--debug", *command] if place == "before" else [*command, "--debug"]))
    assert answer.code == 2
    assert answer.err.startswith("Traceback (most recent call last):")
    assert answer.err.endswith(f"error: {tmp_path / 'nope.yaml'}: no such file\n")


def broken(error: BaseException) -> typer.Typer:
    """An application with one command, which fails."""
    app = typer.Typer(cls=DebugAnywhere, pretty_exceptions_enable=False)

    @app.callback()
    def common(debug: bool = typer.Option(False, "--debug")) -> None:
        pass

    @app.command(cls=GuardedCommand)
    def work() -> None:
        raise error

    return app


def test_a_bug_is_a_short_line_and_exits_with_1() -> None:
    answer = CliRunner().invoke(broken(KeyError("lost\nmore")), ["work"])
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("error: KeyError: ")
    assert "run again with --debug" in answer.stderr


def test_a_bug_under_debug_shows_where() -> None:
    answer = CliRunner().invoke(broken(ZeroDivisionError("x")), ["work", "--debug"])
    assert answer.exit_code == 1
    assert "in work" in answer.stderr
    assert "run again" not in answer.stderr


def test_a_message_of_several_lines_is_printed_as_it_is() -> None:
    answer = CliRunner().invoke(broken(DataError("one [red]\n  two")), ["work"])
    assert answer.exit_code == 2
    assert answer.stderr == "error: one [red]\n  two\n"


def test_an_interrupt_exits_with_130_and_says_so() -> None:
    answer = CliRunner().invoke(broken(KeyboardInterrupt()), ["work"])
    assert answer.exit_code == 130
    assert (answer.stdout, answer.stderr) == ("", "interrupted\n")


def test_an_interrupt_while_the_commands_are_imported_is_no_traceback() -> None:
    code = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "foretaste.cli._app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from foretaste.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    # foretaste/__init__ may import what it likes; here only the command line's own imports count
    code = f"""
import sys, types
package = types.ModuleType("foretaste")
package.__path__ = [{str(ROOT / "core" / "foretaste")!r}]
sys.modules["foretaste"] = package
import foretaste.cli
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy_and_no_plugin(option: str) -> None:
    code = f"""
import sys
from foretaste.cli import app
try:
    app([{option!r}])
except SystemExit as end:
    assert not end.code
heavy = {HEAVY!r} + ("foretaste_", "sklearn", "implicit", "torch", "pandas", "matplotlib")
loaded = [n for n in sys.modules if n.startswith(heavy)]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("command", ["schema", "plugins"])
def test_a_closed_pipe_is_no_traceback(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", "from foretaste.cli import main; main()", command],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_json_is_utf_8_whatever_the_encoding_of_the_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from foretaste.cli import main; main()", "schema"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout.decode("utf-8"))
